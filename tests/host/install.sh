#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# `make install` into an empty folder: what belongs there arrives, what is only for tests does not.
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
if ! make -s --no-print-directory install DESTDIR="$tmp" PREFIX=/usr > "$tmp/log" 2>&1; then
	echo "not ok make install: $(tail -n 3 "$tmp/log" | tr '\n' ' ')"
	exit 1
fi
kver=$(make -s --no-print-directory print-KVER)

for file in usr/sbin/iommufd-lsm usr/share/man/man8/iommufd-lsm.8 \
	usr/share/bash-completion/completions/iommufd-lsm usr/share/zsh/site-functions/_iommufd-lsm \
	usr/share/iommufd-lsm/policies/vm-host.yaml \
	usr/share/iommufd-lsm/policies/policy.schema.json usr/share/iommufd-lsm/iommufd-lsm.service \
	"lib/modules/$kver/updates/iommufd-lsm/iommufd.ko" \
	"lib/modules/$kver/updates/iommufd-lsm/iommufd_lsm.ko" \
	"lib/modules/$kver/updates/iommufd-lsm/iommufd_vfio_pci.ko"; do
	if [ -s "$tmp/$file" ]; then echo "ok installed: $file"; else echo "not ok installed: $file is missing"; fi
done
count=$(find "$tmp" -name '*.ko' | wc -l)
if [ "$count" = 3 ]; then echo "ok three modules and none of the tests'"; else
	echo "not ok three modules and none of the tests': $(find "$tmp" -name '*.ko' -printf '%f ')"; fi
if "$tmp/usr/sbin/iommufd-lsm" help > /dev/null; then echo "ok the installed binary runs"; else
	echo "not ok the installed binary runs"; fi
if grep -q '^ExecStart=.*/usr/sbin/iommufd-lsm' "$tmp/usr/share/iommufd-lsm/iommufd-lsm.service"; then
	echo "ok the unit file names the installed binary"
else
	echo "not ok the unit file names the installed binary"
fi
for ko in "$tmp/lib/modules/$kver/updates/iommufd-lsm/"*.ko; do
	if readelf -S "$ko" | grep -q '\.BTF'; then echo "ok ${ko##*/} has its BTF"; else echo "not ok ${ko##*/} has its BTF"; fi
done
