#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The descriptions for syzkaller against the headers and, as syzkaller is not in Debian, against the part
# of its language that they use: forms of lines, names, sizes of structs, numbers of calls.
set -euo pipefail

top=$(realpath "$(dirname "$0")/../..")
file=${1:-$top/tests/fuzz/syzkaller/dev_iommufd_ext.txt}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
rc=0

# Prints complaints, and for each struct "size NAME BYTES"
awk '
function complain(what) { printf "line %d: %s: %s\n", NR, what, $0 }
function define(name) { if (name in defined) complain("defined twice"); defined[name] = NR }
# A type; returns its size where it has one. Names that it uses are remembered.
function size_of(type,    base, args, n, parts, i) {
	if (type ~ /^int(8|16|32|64)$/) return substr(type, 4) / 8
	if (type ~ /^[a-z_0-9]+$/) { used[type] = NR; return type in width ? width[type] : 4 }
	if (type !~ /^[a-z]+\[.+\]$/) { complain("no type: " type); return 0 }
	base = type; sub(/\[.*/, "", base)
	args = type; sub(/^[a-z]+\[/, "", args); sub(/\]$/, "", args)
	n = split(args, parts, /, /)
	for (i = 3; i <= n && base == "array"; i++) complain("too many options")
	if (base == "len") {
		if (parts[1] != "parent") complain("length of what")
		return size_of(parts[2])
	} else if (base == "const") {
		if (parts[1] !~ /^([0-9]+|0x[0-9a-f]+|[A-Z_0-9]+)$/) complain("no constant")
		if (parts[1] ~ /^[A-Z]/) constant[parts[1]] = NR
		return n > 1 ? size_of(parts[2]) : 8
	} else if (base == "flags") {
		used[parts[1]] = NR
		return n > 1 ? size_of(parts[2]) : 8
	} else if (base == "array") {
		if (parts[2] !~ /^[0-9]+$/) complain("an array without a length")
		return size_of(parts[1]) * parts[2]
	} else if (base == "string") {
		if (parts[1] !~ /^"/) used[parts[1]] = NR
		if (n > 1 && parts[2] !~ /^[0-9]+$/) complain("no size")
		if (n > 1) room[parts[1]] = parts[2]
		return n > 1 ? parts[2] : 0
	} else if (base == "ptr") {
		if (parts[1] !~ /^(in|out|inout)$/) complain("no direction")
		sub(/^[a-z]+, /, "", args)
		size_of(args)
		return 8
	} else if (base == "intptr") {
		if (args !~ /^[0-9]+:[0-9]+$/) complain("no range")
		return 8
	}
	complain("unknown type " base)
	return 0
}
function argument(text,    name) {
	name = text; sub(/ .*/, "", name)
	if (text !~ /^[a-z_0-9]+ [a-z]/) { complain("no argument: " text); return }
	sub(/^[a-z_0-9]+ /, "", text)
	size_of(text)
}
function arguments(text,    depth, i, ch, start) {
	start = 1
	for (i = 1; i <= length(text); i++) {
		ch = substr(text, i, 1)
		if (ch == "[") depth++
		if (ch == "]" && --depth < 0) complain("a bracket too many")
		if (ch == "," && !depth) { argument(substr(text, start, i - start)); start = i + 2 }
	}
	if (depth) complain("a bracket is open")
	argument(substr(text, start))
}
BEGIN {
	# of syzkaller itself, and of its other descriptions
	defined["fd"] = defined["fd_iommufd"] = defined["open_flags"] = 0
	width["fd"] = width["fd_iommufd"] = 4
}
/^#/ || /^$/ { next }
struct && /^\}$/ { print "size", struct, total; struct = ""; next }
struct {
	if (!match($0, /^\t[a-z_0-9]+\t+[a-z][^\t(]*(\t+\((in|out|inout)\))?$/)) { complain("no field"); next }
	type = $0; sub(/^\t[a-z_0-9]+\t+/, "", type); sub(/\t+\(.*$/, "", type)
	bytes = size_of(type)
	if (bytes && total % bytes && bytes <= 8) complain("not aligned")
	total += bytes
	next
}
/^include <[a-z_\/]+\.h>$/ { next }
/^define [A-Z_0-9]+\t_IO\(0x[0-9a-f]+, 0x[0-9a-f]+\)$/ { define($2); next }
/^resource [a-z_0-9]+\[[a-z0-9_]+\](: [0-9]+)?$/ {
	name = $2; sub(/\[.*/, "", name); sub(/:$/, "", name)
	define(name); resource[name] = 1; width[name] = 4; next
}
/^[a-z_0-9]+ \{$/ { struct = $1; define(struct); total = 0; next }
/^[a-z_0-9]+ = / {
	define($1)
	text = $0
	while (match(text, /"[^"]*"/)) {
		# with the quotes for the NUL
		if (RLENGTH - 1 > longest[$1]) longest[$1] = RLENGTH - 1
		text = substr(text, RSTART + RLENGTH)
	}
	if ($0 !~ /^[a-z_0-9]+ = ("[^"]*"|[A-Z_0-9]+)(, ("[^"]*"|[A-Z_0-9]+))*$/) complain("no list")
	next
}
/^[a-z_0-9]+\$[A-Za-z_0-9]+\(.*\)( [a-z_0-9]+)?$/ {
	name = $0; sub(/\(.*/, "", name); define(name); calls++
	result = $0; sub(/.*\)/, "", result); sub(/^ /, "", result)
	if (result) { used[result] = NR; made[result] = 1 }
	text = $0; sub(/^[^(]*\(/, "", text); sub(/\)( [a-z_0-9]+)?$/, "", text)
	arguments(text)
	next
}
{ complain("a form the language does not have") }
END {
	if (struct) print "struct " struct " is open"
	for (name in room) if (longest[name] > room[name]) print name " does not fit into " room[name] " bytes"
	for (name in used) if (!(name in defined)) printf "line %d: %s is not defined\n", used[name], name
	for (name in defined)
		if (name !~ /\$/ && defined[name] && !(name in used) && !(name in constant))
			printf "line %d: %s is not used\n", defined[name], name
	for (name in constant) print "constant", name
	print "calls", calls + 0
}' "$file" > "$tmp/out"

if grep -vE '^(size|constant|calls) ' "$tmp/out" > "$tmp/complaints"; then
	echo "not ok syzkaller: the descriptions are well-formed: $(head -n 1 "$tmp/complaints")"
	sed 's/^/# /' "$tmp/complaints"
	exit 1
fi
echo "ok syzkaller: the descriptions are well-formed: $(sed -n 's/^calls //p' "$tmp/out") calls, $(grep -c '^size' "$tmp/out") structs"

# The structs by the names they have in the headers; a struct that is not listed is an error
{
	cat <<-'C'
		#include <stdio.h>
		#include <linux/ioctl.h>
		#include <linux/iommufd.h>
		#include <linux/vfio.h>
		#include "iommufd_ext.h"
		int main(void) { int bad = 0;
		#define CHECK(a, b) if ((a) != (b)) { printf("# %s is %lu, not %lu\n", #a, (unsigned long)(a), (unsigned long)(b)); bad = 1; }
	C
	while read -r what name bytes; do
		case $what in
		size)
			case $name in
			iommufd_ext_ioas_alloc) c=iommu_ioas_alloc ;;
			iommufd_ext_hwpt_alloc) c=iommu_hwpt_alloc ;;
			iommufd_ext_destroy) c=iommu_destroy ;;
			iommufd_ext_bind) c=vfio_device_bind_iommufd ;;
			iommufd_ext_attach) c=vfio_device_attach_iommufd_pt ;;
			iommufd_ext_detach) c=vfio_device_detach_iommufd_pt ;;
			iommufd_ext_set_name) c=iommufd_ioas_set_name ;;
			iommufd_ext_claim_info) c=iommufd_device_claim_info ;;
			*) c="${name}_is_not_listed_here" ;;
			esac
			echo "CHECK(sizeof(struct $c), $bytes)" ;;
		constant) echo "(void)($name);" ;;
		esac
	done < "$tmp/out"
	sed -nE 's/^define ([A-Z_0-9]+)\t(.*)$/CHECK(\1, \2)/p' "$file"
	echo "return bad; }"
} > "$tmp/check.c"
if gcc -Wall -Wextra -I"$top/build/uapi" -I"$top/kmod/uapi" -o "$tmp/check" "$tmp/check.c" 2> "$tmp/err" &&
   "$tmp/check"; then
	echo "ok syzkaller: sizes and numbers are those of the headers"
else
	head -n 5 "$tmp/err"
	echo "not ok syzkaller: sizes and numbers are those of the headers"
	rc=1
fi
exit $rc
