#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: the exit status, although every line is ok
# vm: must=exit status 7
echo "ok this is"
exit 7
