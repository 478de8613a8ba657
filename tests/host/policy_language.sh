#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The schema, the loader and docs/policy-reference.md say the same of the policy language.
cd "$(dirname "$0")/../.." || exit 1
exec python3 tests/policies/compare.py
