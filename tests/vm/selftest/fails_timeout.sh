#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: it hangs
# vm: must=time-out; processor 0: RIP=
# vm: timeout=12
echo "ok so far"
sleep 1000
