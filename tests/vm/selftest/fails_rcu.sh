#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=fails: a pointer is read outside of an RCU section (PROVE_RCU)
# vm: kernel=debug
# vm: must=suspicious RCU usage
modprobe iommufd_mistake make=rcu
echo "ok the program itself did well"
