#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What the README and the demo show is true: their policies are accepted, the commands exist, the files too.
cd "$(dirname "$0")/../.." || exit 1
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

check() {
	local what=$1
	shift
	if "$@" > "$tmp/out" 2>&1; then
		echo "ok $what"
	else
		echo "not ok $what: $(head -n 3 "$tmp/out" | tr '\n' ' ')"
	fi
}

# The indented block that begins with "version: 1"
sed -n '/^    version: 1$/,/^[^ ]/p' README.md | sed -n 's/^    //p' > "$tmp/readme.yaml"
check "the README's policy is accepted" build/iommufd-lsm check "$tmp/readme.yaml"
check "the demo's policy is accepted" build/iommufd-lsm check tests/vm/demo/policy.yaml

while read -r command; do
	check "README: iommufd-lsm $command exists" grep -qw -e "$command" <(build/iommufd-lsm help)
done < <(grep -o 'iommufd-lsm [a-z]\{3,\}' README.md | grep -oE '(check|load|unload|status|list|log)$' | sort -u)

while read -r file; do
	check "README: $file exists" test -e "$file"
done < <(grep -oE '\b(docs|kmod|tests|policies)/[A-Za-z0-9_./-]*[a-z0-9]' README.md | sort -u)

check "make help names demo" grep -q '^make demo' <(make --no-print-directory help)
