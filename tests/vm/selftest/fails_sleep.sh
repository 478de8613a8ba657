#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: a spinlock is held where something may sleep (DEBUG_ATOMIC_SLEEP)
# vm: kernel=debug
# vm: must=sleeping function called from invalid context
modprobe iommufd_mistake make=sleep
echo "ok the program itself did well"
