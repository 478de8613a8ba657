#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: something like a warning stands in the kernel's log
# vm: must=kernel: 
echo "WARNING: CPU: 0 PID: 1 at nowhere.c:1 nothing+0x0/0x0 [nothing]" > /dev/kmsg
echo "ok the program itself did well"
