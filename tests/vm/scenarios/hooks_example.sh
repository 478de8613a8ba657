#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The example of docs/hooks.md, as a reader would try it
# vm: about=the example program of docs/hooks.md attaches, and does what it says
# vm: append=iommufd_lsm.default_verdict=allow
# vm: add=build/bpf/examples/lone_devices.bpf.o
# vm: add=build/bpf/examples/attach
. /lib/guest.sh
modprobe iommufd_lsm_ask
lone="op=attach address=0000:01:00.0 group_size=1"
shared="op=attach address=0000:01:00.0 group_size=3"

allowed() {
	echo "$1" 2>/dev/null > /dev/iommufd_lsm_ask
}

denied() {
	! allowed "$1"
}

check "before: a device with siblings is attached" allowed "$shared"
check "it attaches" ./attach lone_devices.bpf.o /sys/fs/bpf/lone_devices
check "bpftool link lists it twice" [ "$(bpftool link | grep -c modify_return)" = 2 ]
check "a device with siblings is denied" denied "$shared"
check "a lone device is attached" allowed "$lone"
check "a bind is none of its business" allowed "op=bind address=0000:01:00.0 group_size=3"
rm -r /sys/fs/bpf/lone_devices
n=0
while denied "$shared" && [ $n -lt 50 ]; do sleep 0.2; n=$((n + 1)); done
check "when its pins are gone, so is it" allowed "$shared"
finish_checks
