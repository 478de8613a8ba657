#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: the machine is off before the end marker
# vm: must=no end marker
echo "ok so far"
sleep 1
poweroff -f
