#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=S16 on a kernel without the BPF LSM a load fails, says why, and leaves nothing
# vm: append=lsm=lockdown,yama
. /lib/guest.sh
printf 'version: 1\nname: x\nrules:\n  - allow: open\n    who: any\n' > a.yaml
iommufd-lsm load a.yaml > out 2> err
check "S16 load fails" [ $? = 1 ]
check "it says what is missing" grep -q 'without the BPF LSM' err
check "and what to do" grep -q 'lsm=...,bpf' err
check "nothing is pinned" [ ! -e /sys/fs/bpf/iommufd-lsm ]
check "nothing is attached" [ -z "$(bpftool link)" ]
iommufd-lsm probe > out
check "probe fails" [ $? = 1 ]
check "  and knows the parameter" grep -q "try: 'lsm=[a-z,]*,bpf' on the kernel's command line" out
modprobe iommufd_lsm_ask
check "S16 and nothing is allowed" sh -c '! echo op=open 2>/dev/null > /dev/iommufd_lsm_ask'
finish_checks
