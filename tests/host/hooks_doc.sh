#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# docs/hooks.md says of the hooks what the list of hooks says, and shows the example that is built and that the
# scenario hooks_example runs.
cd "$(dirname "$0")/../.." || exit 1
if difference=$(diff <(scripts/hooks-table 2>&1) docs/hooks.md); then
	echo "ok docs/hooks.md is what scripts/hooks-table makes of it"
else
	echo "not ok docs/hooks.md is what scripts/hooks-table makes of it ('scripts/hooks-table -u'): $(
		grep '^[<>]' <<< "$difference" | head -n 2 | tr '\n' ' ')"
fi
while read -r hook; do
	if grep -q "^| \`$hook\` | " docs/hooks.md; then
		echo "ok docs/hooks.md has $hook"
	else
		echo "not ok docs/hooks.md has $hook"
	fi
done < <(sed -n 's/^\tHOOK(\([a-z_]*\),.*/\1/p' kmod/uapi/iommufd_lsm_hooks.h)
if grep -q 'add=build/bpf/examples/lone_devices.bpf.o' tests/vm/scenarios/hooks_example.sh; then
	echo "ok a scenario runs the example"
else
	echo "not ok a scenario runs the example"
fi
