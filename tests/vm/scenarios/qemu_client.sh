#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# QEMU, unmodified, with our /dev/iommu: its machine uses the device when the policy allows it, and QEMU says
# why not when it does not; a reset, a kill in the middle of DMA and changes of the policy in between.
# vm: about=QEMU 10 with -object iommufd: allowed, denied, reset, killed in mid-DMA, another policy meanwhile
# vm: timeout=900
# vm: image=scripts/qemu-client
# vm: add=tests/vm/qemu/client.sh
# vm: add=tests/vm/qemu/policy.yaml
# vm: add=build/tests/vm/qemu/kernel.elf:usr/share/kernel.elf
. /lib/guest.sh
. ./client.sh

# refused NAME WHAT-QEMU-SAYS WHAT-THE-LOG-SAYS [STATUS]
refused() {
	until_true 60 eval ! running
	ended
	check "$1: QEMU ends with 1" [ $? = 1 ]
	check "$1: and says '$2'" grep -q "$2" "$SAID"
	iommufd-lsm log | grep ' denied ' | tail -n 1 > /tmp/line
	check "$1: the log says '$3'" grep -q "$3" /tmp/line
	show qemu "$SAID"
	show log /tmp/line
}

# A BAR cannot be mapped for DMA, here as on Linux 6.12: QEMU says that it does without
nothing_failed() {
	! grep -iE "error|failed" "$SAID" | grep -v "Bad address"
}

attached() {
	iommufd-lsm status | grep -q "address=$1 attached=1"
}

# derived NAME SED-COMMAND: the policy with something changed
derived() {
	sed "$2" policy.yaml > "/tmp/$1.yaml"
	! cmp -s policy.yaml "/tmp/$1.yaml" && iommufd-lsm load "/tmp/$1.yaml"
}

bind "$OURS" "$EDU" "$EDU2" "$NIC" "$NVME" || exit 1
chmod 666 /dev/iommu /dev/vfio/devices/*
# shellcheck disable=SC3045  # busybox has it
ulimit -l 65536 # 16 MiB of memory and the firmware

check "the policy loads" iommufd-lsm load policy.yaml
start libvirt-qemu "$EDU"
check "allowed: the kernel in QEMU's machine uses the device both ways, interrupts included" used 1
show serial "$SERIAL"
show qemu "$SAID"
check "it is at it" use
iommufd-lsm status | sed 's/^/  status> /'

qmp system_reset
check "system_reset: the kernel boots again" until_true 60 at_least 2 "$SERIAL" "guest: booted"
check "system_reset: and uses the device again" used 3
qmp system_reset
qmp system_reset
check "system_reset, several at once: the device is used" used 4

check "the same policy is loaded again meanwhile" iommufd-lsm load policy.yaml
check "and the device is used" use
check "the policy changes to one that denies" derived deny-all 's/- allow: .open, ioas-alloc./- deny: [open, device-open, bind, attach]/'
check "who is attached goes on" use
check "the device is unplugged" unplugged
plug "$EDU"
check "plugging it again is refused, by an answer of QMP" \
	until_true 60 grep -q '"error".*Failed to open /dev/vfio/devices' "$MONITOR"
grep '"error"' "$MONITOR" > /tmp/line
show qmp /tmp/line
check "QEMU goes on" running
check "with the old policy again" iommufd-lsm load policy.yaml
check "plugging succeeds and the device is used" plugged "$EDU"
check "QEMU ends well" stop
check "it says nothing of failure" nothing_failed

n=0
while [ $n -lt 3 ]; do
	start libvirt-qemu "$EDU"
	used 1 || break
	printf r >&6
	until_true 30 grep -q "guest: transferring" "$SERIAL" || break
	n=$((n + 1))
	usleep $((n * 67000))
	killed || { n=killing; break; }
done
check "killed with -9 in the middle of DMA, 3 times, each time the next start uses the device" [ $n = 3 ]
start libvirt-qemu "$EDU"
check "after the last one too" used 1
check "QEMU ends well after that" stop

start alice "$EDU"
refused "another user" "Failed to open /dev/vfio/devices/vfio0" "denied device-files (a device) .*uid 1000): the policy allows it nothing"
start libvirt-qemu "$EDU2"
refused "another device" "Failed to open /dev/vfio/devices/vfio1" "denied device-open of $EDU2 .*uid 64055): no rule"
check "a policy that denies /dev/iommu" derived no-open 's/allow: .open, /allow: [/'
start libvirt-qemu "$EDU"
refused "/dev/iommu denied" "/dev/iommu.*Permission denied" "denied open .*: no rule"
check "a policy that denies bind" derived no-bind 's/device-open, bind, /device-open, /'
start libvirt-qemu "$EDU"
refused "bind denied" "error bind .*Permission denied" "denied bind of $EDU .*: no rule"
check "a policy that denies attach" derived no-attach 's/hwpt-alloc, attach, move/hwpt-alloc, move/'
start libvirt-qemu "$EDU"
refused "attach denied" "error attach .*Permission denied" "denied attach of $EDU .*: no rule"

vm_host=/usr/share/iommufd-lsm/policies/vm-host.yaml
check "the policy for machines that comes with the project" iommufd-lsm load $vm_host
start libvirt-qemu "$NIC"
check "$vm_host: QEMU takes a network card" until_true 60 grep -q "guest: no device" "$SERIAL" # no edu
check "$vm_host: and holds it" attached "$NIC"
check "$vm_host: QEMU ends well" stop
start libvirt-qemu "$NVME"
refused "$vm_host: a disk" "Failed to open /dev/vfio/devices/" "denied device-open of $NVME .*vm-host.yaml:"

check "a policy that denies nothing of it" iommufd-lsm load policy.yaml
# shellcheck disable=SC3045
ulimit -l 8192
start libvirt-qemu "$EDU"
until_true 60 eval ! running
ended
check "more memory than the user may lock: QEMU ends with 1" [ $? = 1 ]
check "and says that it cannot allocate it" grep -q "Cannot allocate memory" "$SAID"
show qemu "$SAID"
finish_checks
