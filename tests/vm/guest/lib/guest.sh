# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
# For scripts that run in the guest: `. /lib/guest.sh`. Names of the devices every guest has, result
# lines, binding devices to drivers.

# shellcheck disable=SC2034  # for those who source this
EDU=0000:01:00.0    # a group of its own
EDU2=0000:02:00.0   # likewise
NIC=0000:03:00.0    # e1000e
NVME=0000:04:00.0
PAIR1=0000:06:01.0  # edu and edu behind one PCIe-to-PCI bridge: one group with
PAIR2=0000:06:02.0
BRIDGE=0000:05:00.0 # the bridge
OURS=iommufd-vfio-pci

# A line that the harness reads, and into the kernel's log too, so that its lines have a place
say() {
	echo "vm: $*"
	echo "vm: $*" > /dev/kmsg
}

ok() {
	echo "ok $*"
	echo "vm: ok $*" > /dev/kmsg
}

not_ok() {
	echo "not ok $*"
	echo "vm: not ok $*" > /dev/kmsg
	failed=1
}

# check "what" COMMAND...: a result line from a command's exit status
check() {
	what=$1
	shift
	if "$@"; then ok "$what"; else not_ok "$what: '$*' exits $?"; fi
}

# status_is N COMMAND...: the exit status; what is printed goes to out and err
status_is() {
	want=$1
	shift
	"$@" > out 2> err
	got=$?
	[ "$got" = "$want" ] || { echo "# '$*' exits $got: $(cat out err)"; return 1; }
}

# says FILE PATTERN, says_not FILE PATTERN: and prints the file if it is otherwise
says() {
	grep -q -e "$2" "$1" || { echo "# $1 says: $(cat "$1")"; return 1; }
}

says_not() {
	! grep -q -e "$2" "$1" || { echo "# $1 says: $(cat "$1")"; return 1; }
}

# The exit status of a script that used the above: `finish` as its last line
finish_checks() {
	exit "${failed:-0}"
}

driver_of() {
	basename "$(readlink "/sys/bus/pci/devices/$1/driver")" 2>/dev/null
}

# bind DRIVER ADDRESS...: give devices to a driver ("" gives them back to whoever matches)
bind() {
	driver=$1
	shift
	for address; do
		dev=/sys/bus/pci/devices/$address
		echo "$driver" > "$dev/driver_override"
		[ ! -e "$dev/driver" ] || echo "$address" > "$dev/driver/unbind"
		echo "$address" > /sys/bus/pci/drivers_probe
		[ -z "$driver" ] || [ "$(driver_of "$address")" = "$driver" ] || return 1
	done
}

group_of() {
	basename "$(readlink "/sys/bus/pci/devices/$1/iommu_group")"
}

# The node of a device that our driver has
node_of() {
	echo "/dev/vfio/devices/$(ls "/sys/bus/pci/devices/$1/vfio-dev" 2>/dev/null)"
}

# as USER COMMAND...
as() {
	user=$1
	shift
	su -s /bin/sh "$user" -c "$*"
}
