#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: a reference too many is dropped
# vm: kernel=debug
# vm: must=refcount_t: underflow
modprobe iommufd_mistake make=refcount
echo "ok the program itself did well"
