#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: a result line says so, although the exit status is 0
# vm: must=not ok the sum: 2 and 2 make 5
echo "ok the harness reads this"
echo "not ok the sum: 2 and 2 make 5"
exit 0
