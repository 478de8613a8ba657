#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: a module cannot be unloaded afterwards (as far as the guest's init can tell)
# vm: must=cannot unload: vfio_held
echo "vfio_held 4096 1 - Live 0x0000000000000000" > /vm/modules
mount --bind /vm/modules /proc/modules
echo "ok so far"
