#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: an entry leaves a list twice (DEBUG_LIST)
# vm: kernel=debug
# vm: must=list_del corruption
modprobe iommufd_mistake make=list
echo "ok the program itself did well"
