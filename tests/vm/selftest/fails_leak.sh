#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: memory that nobody can free any more (kmemleak)
# vm: kernel=debug
# vm: must=8 objects were leaked
modprobe iommufd_mistake make=leak
echo "ok the program itself did well"
