#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# S17: reads the disassembly of iommufd.ko and follows every call, jump and code address from the map
# path's ioctls: none may reach iommufd_lsm. The attach path, which must reach it, shows that the walk sees
# what is there. (That a million calls ask nothing is shown in a guest: scenario s17_map_path.)
set -euo pipefail

ko=${1:-$(dirname "$(realpath "$0")")/../../build/kbuild/kmod/core/iommufd.ko}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
objdump -dr --no-show-raw-insn "$ko" > "$tmp/code"

# "FROM TO" for every edge. Direct jumps and calls have their target behind them; all others a
# relocation, by name or as an offset into .text, which is given back to the function it lies in.
perl -ne '
	if (/^([0-9a-f]+) <(.*)>:$/) {
		$from = $2;
		push @start, [hex $1, $2];
	} elsif (/R_X86_64_(\S+)\s+(\S+)/) {
		($kind, $to) = ($1, $2);
		if ($to =~ /^\.text([+-]0x[0-9a-f]+)?$/) {
			$offset = defined $1 ? ($1 =~ /^-/ ? -hex substr $1, 1 : hex substr $1, 1) : 0;
			# a relative one counts from the end of its four bytes
			push @edges, [$from, undef, $offset + ($kind =~ /PC32|PLT32/ ? 4 : 0)];
		} else {
			$to =~ s/[-+]0x[0-9a-f]+$//;
			push @edges, [$from, $to];
		}
	} elsif (/\s(?:call|j[a-z]+)\s.*<([^>+]+)/) {
		push @edges, [$from, $1];
	}
	END {
		for (@edges) {
			($f, $to, $at) = @$_;
			unless (defined $to) {
				$best = -1;
				for (@start) {
					($best, $to) = @$_ if $$_[0] <= $at && $$_[0] > $best;
				}
			}
			print "$f $to\n" if defined $to && $f ne $to;
		}
	}' "$tmp/code" | sort -u > "$tmp/edges"

# reach ROOT: everything ROOT can get to
reach() {
	perl -e '
		$root = shift;
		while (<>) { ($f, $t) = split; push @{$edge{$f}}, $t; }
		@todo = ($root);
		while (defined($f = shift @todo)) {
			push @todo, grep { !$seen{$_}++ } @{$edge{$f}};
		}
		print "$_\n" for sort keys %seen;
	' "$1" "$tmp/edges"
}

rc=0
# A root that leads nowhere would prove nothing: each names what it must reach
while read -r root must; do
	reach "$root" > "$tmp/reached"
	if ! grep -qx "$must" "$tmp/reached"; then
		echo "not ok S17 $root: the walk does not reach $must, so it proves nothing"
		rc=1
	elif grep '^iommufd_lsm_\|^iommufd_request_' "$tmp/reached"; then
		echo "not ok S17 $root reaches a hook"
		rc=1
	else
		echo "ok S17 $root reaches $(wc -l < "$tmp/reached") symbols and no hook"
	fi
done <<-'END'
	iommufd_ioas_map iommu_map
	iommufd_ioas_unmap unpin_user_page_range_dirty_lock
	iommufd_ioas_copy iommu_map
	iommufd_ioas_iova_ranges _copy_to_user
	iommufd_ioas_allow_iovas down_write
	iommufd_option_huge_pages down_write
	iommufd_vfio_ioctl iommu_map
	iommufd_hwpt_get_dirty_bitmap pin_user_pages_fast
	iopt_table_add_domain iommu_map
	iopt_table_remove_domain unpin_user_page_range_dirty_lock
END
for root in iommufd_device_attach_or_move iommufd_device_bind_fd iommufd_ioas_alloc_ioctl \
	iommufd_hwpt_alloc_ioctl; do
	if reach "$root" | grep -qx iommufd_lsm_ask; then
		echo "ok S17 control: $root does reach the hooks"
	else
		echo "not ok S17 control: $root does not reach the hooks: the walk is blind"
		rc=1
	fi
done

# "nor test a static key for one": what such a key would be called stands in the module's symbols
if nm "$ko" | grep -i 'iommufd_lsm' | grep -vwE 'iommufd_lsm_(ask|subject_current|subject_put)'; then
	echo "not ok S17 the core knows more of iommufd_lsm than how to ask, and about whom"
	rc=1
else
	echo "ok S17 all the core knows of iommufd_lsm is how to ask"
fi
exit $rc
