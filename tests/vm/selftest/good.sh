#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# vm: about=passes: what a scenario that works looks like to the harness
# vm: must=pass
. /lib/guest.sh
check "the devices every guest has are there" [ -e /sys/bus/pci/devices/"$EDU" ]
check "two devices behind one bridge share a group" \
	[ "$(group_of "$PAIR1")$(group_of "$BRIDGE")" = "$(group_of "$PAIR2")$(group_of "$PAIR2")" ]
check "other devices do not" [ "$(group_of "$EDU")" != "$(group_of "$EDU2")" ]
finish_checks
