#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The demo as it runs in the guest: gives devices to the driver, loads the policy, and tells two programs
# (program.c) what to do. Ends with status 0 only if everything happened as the story says.
. /lib/guest.sh

heading() {
	chapter=$((chapter + 1))
	echo
	echo "== $chapter. $*"
}

give_up() {
	echo "FAILED: $*"
	exit 1
}

# The last denial that a rule or the lack of one decided, as the loader tells it
show_denial() {
	line=$(iommufd-lsm log | grep denied | tail -n 1)
	[ -n "$line" ] || give_up "no decision was logged"
	echo "  log> $line" | fold -s -w 90 | sed '2,$s/^/       /'
	echo "$line" | grep -q "$1" || give_up "this line does not say '$1'"
}

heading "Devices and IOMMU groups"
for dev in "$EDU" "$PAIR1" "$PAIR2"; do
	bind "$OURS" "$dev" || give_up "cannot bind $dev"
done
printf '  %-14s %-11s %-6s %-18s %s\n' address id group driver "device fd"
for dev in "$EDU" "$EDU2" "$BRIDGE" "$PAIR1" "$PAIR2"; do
	sys=/sys/bus/pci/devices/$dev
	node=$(node_of "$dev")
	[ "$node" != /dev/vfio/devices/ ] || node=-
	driver=$(driver_of "$dev")
	printf '  %-14s %s:%s   %-6s %-18s %s\n' "$dev" "$(cut -c3- "$sys/vendor")" "$(cut -c3- "$sys/device")" \
		"$(group_of "$dev")" "${driver:--}" "$node"
	[ "$node" = - ] || chown libvirt-qemu "$node"
done
echo "  (edu: a device with a DMA engine; two of them share a group with their bridge)"
chown libvirt-qemu /dev/iommu

heading "Without a policy nothing is allowed"
if as libvirt-qemu "exec 3<> /dev/iommu" 2> /dev/null; then give_up "/dev/iommu opened"; fi
echo "  open /dev/iommu, which the user owns                 denied"

heading "The policy"
sed 's/^/  | /' policy.yaml
iommufd-lsm check policy.yaml || give_up "the policy is not accepted"
iommufd-lsm load policy.yaml || give_up "the policy does not load"

heading "A program that the policy denies"
as libvirt-qemu "/usr/bin/intruder $EDU" || exit 1
show_denial "policy.yaml:"

# The allowed program, a word at a time
mkfifo /tmp/words /tmp/answers
(su -s /bin/sh libvirt-qemu -c "/usr/bin/vmm $EDU" < /tmp/words > /tmp/answers) &
exec 3> /tmp/words 4< /tmp/answers

vmm() {
	echo "$1" >&3
	while :; do
		IFS= read -r line <&4 || give_up "the vmm is gone"
		[ "$line" != . ] || return 0
		echo "$line"
	done
}

heading "The allowed program: a context with two I/O address spaces"
vmm open
heading "It binds and attaches the device"
vmm attach
heading "DMA through the IOVA, bytes compared"
vmm dma
heading "A live move from staging to guest: the same IOVA, the other memory"
vmm move
heading "The way back is not in the policy"
vmm back
show_denial "from 'guest' to 'staging'"
heading "An IOVA that is not mapped"
dmesg > /tmp/before
vmm fault
dmesg | tail -n +$(($(wc -l < /tmp/before) + 1)) | grep -m 1 'Request device' |
	sed 's/^\[[^]]*\] /  kernel> /' |
	grep . || give_up "the kernel logged no fault"
heading "Detaching revokes"
vmm detach
heading "Open fds in the wrong hands"
vmm leak
show_denial "policy.yaml:"
heading "What is in force, and who has what: iommufd-lsm status"
iommufd-lsm status | cut -c1-98 | sed 's/^/  /'
vmm close
exec 3>&- 4<&-

heading "A second context is refused the group"
as libvirt-qemu "/usr/bin/vmm $PAIR1 $PAIR2" || exit 1

heading "The policy is unloaded: back to denying"
iommufd-lsm unload || give_up "it does not unload"
if as libvirt-qemu "exec 3<> /dev/iommu" 2> /dev/null; then give_up "/dev/iommu opened"; fi
echo "  open /dev/iommu                                      denied"
echo
echo "The end: all of it happened in this run."
