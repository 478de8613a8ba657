#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The commands that look at a running system: probe, why, explain without a file, suggest, metrics, list and
# status --graph, each where there is something to say.
# vm: qemu=-device virtio-rng-pci,bus=br,addr=3,disable-legacy=on,iommu_platform=on
# vm: about=probe, why, explain, suggest, metrics, list, status --graph on a running system
. /lib/guest.sh

ask=/dev/iommufd_lsm_ask

# of the request in $1, made by this shell
allowed() {
	echo "$1" 2>/dev/null > $ask
}

denied() {
	! allowed "$1"
}

# Keep a file open in a process of its own, $holder
hold() {
	(exec 3< "$1" && exec sleep 100) &
	holder=$!
	while [ "$(readlink /proc/$holder/fd/3)" != "$1" ] && kill -0 $holder; do usleep 50000; done
}

modprobe iommufd_lsm_ask

# --- probe ------------------------------------------------------------------------------------------------
check "probe finds all that a policy needs" status_is 0 iommufd-lsm probe
check "  and says so" says out 'all is there'
check "  the BPF LSM too" says out 'ok  *the kernel runs the BPF LSM'
umount /sys/fs/bpf
check "probe without bpffs fails" status_is 1 iommufd-lsm probe
check "  and has the remedy" says out "mount -t bpf bpf /sys/fs/bpf"
mount -t bpf bpf /sys/fs/bpf
check "probe -j" status_is 0 iommufd-lsm probe -j
check "  is one object" says out '^{"kernel":".*","ready":true,"findings":\[{"is":"fine"'
check "probe needs no root" status_is 0 su -s /bin/sh alice -c 'iommufd-lsm probe'

# --- why --------------------------------------------------------------------------------------------------
check "why of no address is wrong usage" status_is 2 iommufd-lsm why 01:00.0
check "why of no device fails" status_is 1 iommufd-lsm why 0000:7f:00.0
check "why of a device without a driver" status_is 1 iommufd-lsm why "$EDU"
check "  says what helps" says out "echo iommufd-vfio-pci > /sys/bus/pci/devices/$EDU/driver_override"
cat > all.yaml <<'END'
version: 1
name: all
rules:
  - { allow: [open, ioas-alloc, ioas-name, device-open, bind, attach, detach], who: any }
END
bind "$OURS" "$EDU"
check "why without a policy" status_is 1 iommufd-lsm why "$EDU"
check "  names it" says out 'no policy is loaded'
iommufd-lsm load all.yaml > /dev/null
check "why of a device that can be claimed" status_is 0 iommufd-lsm why "$EDU"
check "  says so" says out "$EDU (1234:11e8, class 00ff00): can be claimed"
check "  the module, too" says out 'nothing stands in the way of a claim now'
node=$(node_of "$EDU")
hold "$node"
check "why of a device that is open" status_is 1 iommufd-lsm why "$EDU"
check "  names who has it" says out "is open in .* (pid $holder)"
kill $holder
wait $holder 2>/dev/null
check "why -j" status_is 0 iommufd-lsm why -j "$EDU"
check "  is one object" says out '^{"address":"0000:01:00.0","id":"1234:11e8".*"can_be_claimed":true'

# one of its group has a driver that does DMA
rng=0000:06:03.0
modprobe virtio_pci
[ "$(driver_of $rng)" = virtio-pci ] || bind virtio-pci $rng
bind "$OURS" "$PAIR1"
check "why of a device whose sibling is used" status_is 1 iommufd-lsm why "$PAIR1"
check "  names the sibling and its driver" says out "$rng is of the same group, and its driver 'virtio-pci' uses it"
sed -n "s/.*try: '\\(echo .*\\)'\$/\\1/p" out > remedy
check "  and a remedy" [ -s remedy ]
sh remedy
check "  that helps" status_is 0 iommufd-lsm why "$PAIR1"

# --- explain the policy in force -----------------------------------------------------------------------------
check "explain without a file asks the policy in force" status_is 0 \
	iommufd-lsm explain --who user=root --op bind --device "$EDU"
check "  with the file and line it was loaded from" says out '^allowed by rule 1, all.yaml:4: allow'
check "explain of what it does not allow" status_is 1 iommufd-lsm explain --who user=root --op hwpt-alloc \
	--device "$EDU" --to name=x
check "  exits 1 and says why" says out '^denied: no rule allows it'
check "explain without a file needs root" status_is 1 su -s /bin/sh alice -c \
	'iommufd-lsm explain --who user=root --op open'

# --- suggest ---------------------------------------------------------------------------------------------------
cat > little.yaml <<'END'
version: 1
name: little
rules:
  - { allow: open, who: { user: alice } }
  - { deny: bind, who: any, device: { class: "0c03*" } }
END
iommufd-lsm load little.yaml > /dev/null
edu="address=0000:01:00.0 vendor=0x1234 device=0x11e8"
check "a policy that allows little denies" denied "op=device-open $edu"
denied "op=attach $edu to=guest-1"
denied "op=attach $edu to=guest*"
denied "op=bind address=0000:02:00.0 class=0x0c0330"
check "suggest" status_is 0 iommufd-lsm suggest
cp out suggested.yaml
check "  has a rule with the executable" says suggested.yaml '^    who: { exe: "/.*", user: root }'
check "  says what it opens" says suggested.yaml '# opens: /.*, run by user root, may device-open 0000:01:00.0'
check "  makes no rule of a name that is a pattern" says_not suggested.yaml '^ *[^ #].*guest\*'
check "  nor of what a rule denies" says suggested.yaml 'denied by rule 2, little.yaml:5: deny: bind'
iommufd-lsm list > running.yaml
check "list and suggest together are a policy" status_is 0 iommufd-lsm check running.yaml suggested.yaml
check "  that loads" status_is 0 iommufd-lsm load running.yaml suggested.yaml
check "  and allows what was denied" allowed "op=device-open $edu"
check "  the IOAS of that name" allowed "op=attach $edu to=guest-1"
check "  no other" denied "op=attach $edu to=guest-2"
check "  and no other device" denied "op=device-open address=0000:02:00.0 vendor=0x1234 device=0x11e8"
iommufd-lsm log -j > log.json
check "suggest from a file, by anybody" status_is 0 su -s /bin/sh alice -c 'iommufd-lsm suggest -' < log.json
check "  says the same of the executable" says out '^    who: { exe: "/.*", user: root }'

# --- list ------------------------------------------------------------------------------------------------------
cat > whole.yaml <<'END'
version: 1
name: whole
mode: permissive
guards: { ptrace: off }
processes:
  vmm: { exe: /bin/busybox, user: [root, alice], group: [root, "1000"] }
devices: { edu: { id: "1234:*" } }
ioas: { guest: { name: [ "guest-*", "" ] } }
rules:
  - { allow: [open, ioas-name], who: vmm, permissive: true }
  - { allow: hand-over, who: { user: root }, recipient: vmm }
  - { allow: move, who: vmm, device: edu, from: any, to: guest }
  - { deny: bind, who: any, device: { class: "0c03*" }, permissive: true }
tests:
  - { who: { user: root }, op: open, expect: deny }
END
check "a policy with everything in it loads" status_is 0 iommufd-lsm load whole.yaml
iommufd-lsm list > listed.yaml
check "  and list prints the same policy" status_is 0 iommufd-lsm diff whole.yaml listed.yaml
check "what list prints loads" status_is 0 iommufd-lsm load listed.yaml
iommufd-lsm list > again.yaml
check "  and is listed the same" cmp listed.yaml again.yaml
check "  and decides the same" status_is 0 iommufd-lsm diff listed.yaml again.yaml

# --- metrics ---------------------------------------------------------------------------------------------------
iommufd-lsm load little.yaml > /dev/null
denied "op=bind address=0000:02:00.0 class=0x0c0330"
denied "op=bind address=0000:02:00.0 class=0x0c0330"
check "metrics" status_is 0 iommufd-lsm metrics
check "  ends as OpenMetrics must" [ "$(tail -n 1 out)" = "# EOF" ]
check "  counts by rule" says out \
	'^iommufd_lsm_rule_decisions_total{rule="2",file="little.yaml",line="5",operation="bind",decision="deny"} 2$'
check "  counts by verdict" says out '^iommufd_lsm_decisions_total{operation="bind",verdict="denied"} [1-9]'
check "  knows the policy" says out '^iommufd_lsm_policy_info{name="little",mode="enforce"} 1$'
generation=$(iommufd-lsm status | sed -n 's/^generation *\([0-9]*\),.*/\1/p')
check "  and its generation" says out "^iommufd_lsm_policy_generation $generation\$"
check "each family says its type once" [ -z "$(sed -n 's/^# TYPE \([^ ]*\) .*/\1/p' out | sort | uniq -d)" ]
grep -v '^#' out | sed 's/[{ ].*//; s/_total$//; s/_info$//' | sort -u > families
lost=0
while read -r name; do grep -q "^# TYPE $name " out || lost=$((lost + 1)); done < families
check "each sample has a family" [ $lost = 0 ]
check "a rule that was never asked for has no counter" says_not out 'rule="1",file="little.yaml"'
iommufd-lsm load all.yaml > /dev/null
iommufd-lsm metrics > out
check "counters of a policy that was replaced are gone" says_not out 'little.yaml'
check "metrics without root has what anybody may see" status_is 0 su -s /bin/sh alice -c 'iommufd-lsm metrics'
check "  and says what it lacks" says err 'for root to see'
check "metrics -j" status_is 0 iommufd-lsm metrics -j
check "  has them by name" says out '^{"iommufd_lsm_decisions":{"type":"counter"'

# --- status --graph --------------------------------------------------------------------------------------------
check "status --graph" status_is 0 iommufd-lsm status --graph
check "  is a graph" says out '^digraph iommufd {$'
check "status --graph -j is wrong usage" status_is 2 iommufd-lsm status --graph -j
hold /dev/iommu
check "status --graph of something" status_is 0 iommufd-lsm status --graph
check "  with a cluster for an open context" says out 'label="context [0-9]* of .* (pid [0-9]*, uid 0)"'
kill $holder
wait $holder 2>/dev/null
iommufd-lsm unload > /dev/null
finish_checks
