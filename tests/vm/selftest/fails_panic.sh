#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: the kernel panics
# vm: must=Kernel panic
echo "ok so far"
echo c > /proc/sysrq-trigger
