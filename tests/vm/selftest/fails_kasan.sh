#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: memory is used after it was freed (KASAN)
# vm: kernel=debug
# vm: must=BUG: KASAN: slab-use-after-free
modprobe iommufd_mistake make=use-after-free
echo "ok the program itself did well"
