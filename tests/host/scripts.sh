#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Shell scripts of the tree, by shellcheck.
cd "$(dirname "$0")/../.." || exit 1
for script in scripts/* tests/check tests/fresh-machine tests/vm/run tests/vm/boot tests/vm/judge \
	tests/vm/mkimage tests/vm/demo/run tests/bench/run tests/upstream/build tests/upstream/run \
	tests/upstream/*.sh tests/fuzz/run tests/vm/guest/init tests/vm/guest/lib/*.sh \
	tests/vm/scenarios/*.sh tests/vm/selftest/*.sh tests/host/*.sh docs/completion/*.bash .ci/run; do
	[ -f "$script" ] || continue
	head -n 1 "$script" | grep -q -e sh -e SPDX || continue
	if shellcheck -x "$script"; then echo "ok shellcheck $script"; else echo "not ok shellcheck $script"; fi
done
