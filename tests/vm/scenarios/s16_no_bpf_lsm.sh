#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=S16 on a kernel without the BPF LSM a load needs to be told to do without guards; processes are still told apart
# vm: append=lsm=lockdown,yama
. /lib/guest.sh
cp /bin/busybox busybox-good
cp /bin/busybox busybox-other
cat > a.yaml <<'END'
version: 1
name: x
rules:
  - allow: open
    who: { exe: /root/busybox-good }
END
ask='echo op=open 2>/dev/null > /dev/iommufd_lsm_ask'
modprobe iommufd_lsm_ask
iommufd-lsm load a.yaml > out 2> err
check "S16 load fails" [ $? = 1 ]
check "it says what is missing" grep -q 'without the BPF LSM' err
check "and the parameter that helps" grep -q 'command line with lsm=lockdown,[a-z,]*yama[a-z,]*,bpf' err
check "and how to do without" grep -q 'load --without-guards' err
check "nothing is pinned" [ ! -e /sys/fs/bpf/iommufd-lsm ]
check "nothing is attached" [ -z "$(bpftool link)" ]
iommufd-lsm probe > out
check "probe fails" [ $? = 1 ]
check "  and knows the parameter" grep -q "try: 'lsm=[a-z,]*,bpf' on the kernel's command line" out
check "S16 and nothing is allowed" sh -c "! $ask"

check "S16 without guards it loads" iommufd-lsm load --without-guards a.yaml
check "status says that no guard is on" sh -c "iommufd-lsm status | grep -q '^guards *none$'"
check "S16 the executable that the policy names is allowed" ./busybox-good sh -c "$ask"
check "S16 another is not" ./busybox-other sh -c "! $ask"
check "S16 a fork inherits" ./busybox-good sh -c "( ( $ask ) )"
check "S16 an exec drops it" ./busybox-good sh -c "! /root/busybox-other sh -c '$ask'"
check "S16 an exec gains it" ./busybox-other sh -c "/root/busybox-good sh -c '$ask'"
check "loading another policy needs no guards either" iommufd-lsm load --without-guards a.yaml
iommufd-lsm load a.yaml > out 2> err
check "and guards need to be asked away again" [ $? = 1 ]
check "in words" grep -q 'loaded without' err
check "it unloads" iommufd-lsm unload
check "nothing is attached after" [ -z "$(bpftool link)" ]
finish_checks
