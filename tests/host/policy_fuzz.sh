#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The collections of policies, once through the fuzzer's harness, with sanitizers.
exec "$(dirname "$0")/../fuzz/policy/run" --regress
