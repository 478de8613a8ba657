#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: pages are still pinned afterwards
# vm: must=pinned or locked memory is left
sed 's/^nr_foll_pin_acquired .*/nr_foll_pin_acquired 4711/' /proc/vmstat > /vm/vmstat
mount --bind /vm/vmstat /proc/vmstat
echo "ok so far"
