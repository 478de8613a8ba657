#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# iommufd_mock is for tests: nothing installs it, nothing loads it by itself, and the modules that are
# installed do not need it.
set -u

top=$(realpath "$(dirname "$0")/../..")
mods=$top/build/kbuild/kmod
PATH=$PATH:/usr/sbin:/sbin
failed=0

check() {
	local what=$1
	shift
	if "$@"; then echo "ok $what"; else echo "not ok $what: '$*'"; failed=1; fi
}

# shellcheck disable=SC2317  # check() calls it
is_empty() {
	[ -z "$1" ]
}

check "there is a mock" test -f "$mods/mock/iommufd_mock.ko"
check "the mock is not installed" \
	is_empty "$(make -s --no-print-directory -C "$top" print-INSTALL_KO | grep -o mock)"
check "nothing loads the mock by an alias" is_empty "$(modinfo -F alias "$mods/mock/iommufd_mock.ko")"
check "the mock marks the kernel as one under test" \
	test "$(modinfo -F test "$mods/mock/iommufd_mock.ko")" = Y
for ko in lsm/iommufd_lsm core/iommufd vfio_pci/iommufd_vfio_pci; do
	check "$ko does not need the mock" is_empty "$(modinfo -F depends "$mods/$ko.ko" | grep -o mock)"
	check "$ko uses nothing of the test interface" \
		is_empty "$(modinfo -F import_ns "$mods/$ko.ko" | grep TEST)"
done
exit $failed
