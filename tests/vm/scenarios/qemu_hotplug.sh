#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# One QEMU takes and gives back a device a hundred times, its machine using it each time, and nothing of all that
# stays behind.
# vm: about=QEMU 10: 100 times device_add and device_del, the device used in between
# vm: timeout=900
# vm: image=scripts/qemu-client
# vm: add=tests/vm/qemu/client.sh
# vm: add=tests/vm/qemu/policy.yaml
# vm: add=build/tests/vm/qemu/kernel.elf:usr/share/kernel.elf
. /lib/guest.sh
. ./client.sh
cycles=$((100 / ${VM_SLOWNESS:-1}))

denials() {
	iommufd-lsm status | awk '$1 ~ /^(open|ioas-alloc|hwpt-alloc|device-open|bind|attach|move|detach)$/ { n += $4 + $6 } END { print n + 0 }'
}

fds() {
	find "/proc/$QEMU/fd" -type l | wc -l
}

mappings() {
	wc -l < "/proc/$QEMU/maps"
}

bind "$OURS" "$EDU" || exit 1
chmod 666 /dev/iommu "$(node_of "$EDU")"
# shellcheck disable=SC3045  # busybox has it
ulimit -l 65536
check "the policy loads" iommufd-lsm load policy.yaml
start libvirt-qemu "$EDU"
check "the device is used" used 1

n=0
while [ $n -lt $cycles ]; do
	unplugged || { echo "unplugging failed"; break; }
	[ $n != 1 ] || { fds=$(fds) mappings=$(mappings); }
	plugged "$EDU" || { echo "plugging failed"; break; }
	n=$((n + 1))
done
show serial "$SERIAL" 4
check "$cycles times unplugged and plugged, and used right each time" [ $n = $cycles ]
check "each transfer was right" at_least $((cycles + 1)) "$SERIAL" "guest: used"
check "unplugged once more" unplugged
check "QEMU has no more open files than after the second time ($(fds), $fds)" [ "$(fds)" -le "$fds" ]
check "and not more mappings but for a few ($(mappings), $mappings)" [ "$(mappings)" -le $((mappings + 10)) ]
iommufd-lsm status > /tmp/status
check "nothing is bound, attached or mapped for it" eval '! grep -E "^  (device|group)|pinned_pages=[1-9]" /tmp/status'
check "nobody was denied anything" [ "$(denials)" = 0 ]
check "QEMU ends well" stop
finish_checks
