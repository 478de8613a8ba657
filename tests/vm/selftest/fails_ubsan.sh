#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: a shift by more than there are bits (UBSAN)
# vm: kernel=debug
# vm: must=UBSAN: shift-out-of-bounds
modprobe iommufd_mistake make=shift
echo "ok the program itself did well"
