#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The unit files for systemd: systemd itself understands them, they name what is installed, and a policy is in force
# before there are device nodes.
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

check() {
	local what=$1
	shift
	if "$@" > "$tmp/out" 2>&1; then echo "ok $what"; else echo "not ok $what: $(head -n 3 "$tmp/out" | tr '\n' ' ')"; fi
}

# Like the real ones, but with a loader that is there
mkdir "$tmp/units"
printf '#!/bin/sh\n' > "$tmp/iommufd-lsm"
chmod +x "$tmp/iommufd-lsm"
for unit in docs/host/*.service; do
	name=${unit##*/}
	sed "s,/usr/local/sbin/iommufd-lsm,$tmp/iommufd-lsm," "$unit" > "$tmp/units/$name"
done

verify() {
	SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no --recursive-errors=no "$@" > "$tmp/said" 2>&1 || return 1
	# what is wrong with one is a warning only
	! grep -F "$tmp/units" "$tmp/said" || return 1
}

refuses() { ! verify "$@"; }

# The number of the line on which a unit's step stands
line_of() { grep -n -m 1 -e "$1" docs/host/iommufd-lsm.service | cut -d : -f 1; }

in_order() {
	local module load nodes
	module=$(line_of '^ExecStart=.*modprobe iommufd_lsm$')
	load=$(line_of '^ExecStart=.*iommufd-lsm load')
	nodes=$(line_of '^ExecStart=.*modprobe iommufd_vfio_pci$')
	[ "$module" -lt "$load" ] && [ "$load" -lt "$nodes" ]
}

if command -v systemd-analyze > /dev/null; then
	for unit in "$tmp"/units/*.service; do
		check "systemd understands ${unit##*/}" verify "$unit"
	done
	printf '[Service]\nExecStart=/nonexistent\nNoSuchKey=1\n' > "$tmp/units/wrong.service"
	check "control: and would say so if not" refuses "$tmp/units/wrong.service"
else
	echo "# systemd-analyze is not installed: what systemd says of the units is not known"
fi
check "the policy is loaded between its module and the one that makes device nodes" in_order
check "before other services start" grep -q '^Before=sysinit.target ' docs/host/iommufd-lsm.service
check "and as soon as systemd starts any" grep -q '^WantedBy=sysinit.target$' docs/host/iommufd-lsm.service
check "not ordered by what services have by default" grep -q '^DefaultDependencies=no$' docs/host/iommufd-lsm.service
check "the log's unit follows as JSON" grep -q '^ExecStart=/usr/local/sbin/iommufd-lsm -j log --follow$' \
	docs/host/iommufd-lsm-log.service
