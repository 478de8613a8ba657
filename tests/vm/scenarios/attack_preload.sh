#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# LD_PRELOAD: who starts an allowed program chooses what the linker loads into it. A label says which executable
# was started, so a rule that names nothing but an executable trusts everybody who may execute it. What helps:
# a user beside it, or an executable for which the linker does not listen to its caller.
# vm: about=LD_PRELOAD into an allowed program, and what helps against it
# vm: add=build/tests/vm/preload/open_iommu.so:usr/lib/open_iommu.so
. /lib/guest.sh
cp /usr/sbin/bpftool /usr/bin/vmm # a program with shared libraries
chmod 755 /usr/bin/vmm /root
chmod 666 /dev/iommu

policy() {
	cat > policy.yaml <<-END
		version: 1
		name: preload
		rules:
		  - allow: open
		    who: { exe: /usr/bin/vmm$1 }
	END
	check "a policy trusts ${2:-whoever executes the program}" iommufd-lsm load policy.yaml
}

# as_user NAME [PROGRAM]: what open() in the program says to NAME, 0 or an errno, with the words in out
as_user() {
	su -s /bin/sh "$1" -c "LD_PRELOAD=/usr/lib/open_iommu.so exec ${2:-/usr/bin/vmm} version" > out 2> err
}

EACCES=13
policy ""
as_user alice
check "without protection: alice's library opens /dev/iommu in the program" [ $? = 0 ]
check "  and says so itself" says out '^inside: opened$'
as_user alice /usr/sbin/bpftool
check "control: not in another program, the policy is at work" [ $? = $EACCES ]

policy ", user: libvirt-qemu" "one user with it"
as_user alice
check "S16 with a user beside it, alice is refused" [ $? = $EACCES ]
check "  inside the program" says out '^inside: Permission denied$'
as_user libvirt-qemu
check "control: that user is not" [ $? = 0 ]

chgrp 998 /usr/bin/vmm
chmod 2755 /usr/bin/vmm
policy "" "the program, now of a group of its own,"
as_user alice
check "S16 a program that is more than its caller loads nothing of his" says_not out '^inside'
check "  and runs" says out '^using libbpf'
finish_checks
