#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# In the guest: one program of Linux's selftest, with the software IOMMU and devices it needs. What
# it prints are result lines already.
. /lib/guest.sh
read -r program arguments < /root/upstream

free=$(sed -n 's/^HugePages_Free: *//p' /proc/meminfo)
[ "$free" -ge 128 ] || { not_ok "128 huge pages are free, not $free"; exit 1; }
modprobe iommufd_mock || { not_ok "iommufd_mock loads"; exit 1; }

# shellcheck disable=SC2086  # several arguments
"/root/$program" $arguments
status=$?
rmmod iommufd_mock || not_ok "iommufd_mock unloads"
exit $status
