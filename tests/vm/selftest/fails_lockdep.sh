#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: two locks are taken in both orders (lockdep)
# vm: kernel=debug
# vm: must=possible circular locking dependency
modprobe iommufd_mistake make=lock-order
echo "ok the program itself did well"
