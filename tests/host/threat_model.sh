#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# docs/threat-model.md names the tests: each exists, each invariant of docs/security-model.md has one, and
# every hostile-caller scenario is in the page.
cd "$(dirname "$0")/../.." || exit 1
page=${1:-docs/threat-model.md}
failed=0

not_ok() {
	echo "not ok $*"
	failed=1
}

# A test by its name: a scenario, a script of tests/host, a file of unit tests
is_test() {
	local file
	for file in "tests/vm/scenarios/$1.c" "tests/vm/scenarios/$1.sh" "tests/host/$1.sh" "tests/unit/$1.c"; do
		[ ! -f "$file" ] || return 0
	done
	return 1
}

# Tests stand between backticks, alone, in the last column of a table's row
# shellcheck disable=SC2016  # the backticks are the page's
names_of() {
	grep '^| ' "$@" | sed 's/.*| *\([^|]*\)|$/\1/' | grep -o '`[a-z0-9_]*`' | tr -d '`' | sort -u
}

count=0
while read -r name; do
	count=$((count + 1))
	is_test "$name" || not_ok "$page names '$name', which is no test"
done < <(names_of "$page")
if [ $count -gt 20 ]; then echo "ok all of $count tests that $page names exist"; else
	not_ok "$page names $count tests: its tables are not read"; fi

mapfile -t ids < <(sed -n 's/^| \(S[0-9]*\) |.*/\1/p' docs/security-model.md)
if [ ${#ids[@]} = 18 ]; then echo "ok docs/security-model.md has 18 invariants"; else
	not_ok "docs/security-model.md has ${#ids[@]} invariants, not 18"; fi
for id in "${ids[@]}"; do
	if grep "^| $id |" "$page" > /dev/null && names_of <(grep "^| $id |" "$page") | grep -q .; then
		echo "ok $id has a test"
	else
		not_ok "$id has no test in $page"
	fi
done

# A scenario that a row gives to an invariant says so itself: in its name or in a result line
while IFS='|' read -r _ id tests _; do
	id=${id// /}
	for name in ${tests//\`/}; do
		file=$(find tests/vm/scenarios tests/host -name "$name.*" ! -name '*.bpf.c' | head -n 1)
		[ -n "$file" ] || continue
		[[ $name =~ ^s0*${id#S}_ ]] || grep -v '^ *[*#]' "$file" "tests/vm/scenarios/${name%_open}.c" 2> /dev/null |
			grep -q "[\"' ]$id " ||
			not_ok "$name says nothing of $id"
	done
done < <(grep '^| S[0-9]* |' "$page")

for file in tests/vm/scenarios/attack_*; do
	name=$(basename "$file")
	[[ $name != *.bpf.c ]] || continue
	name=${name%.*}
	if sed -n '/^## Hostile callers/,$p' "$page" | grep -q "\`$name\`"; then
		echo "ok $name is in the page"
	else
		not_ok "$name is not among the hostile callers of $page"
	fi
done
exit $failed
