# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh disable=SC2154
# For scenarios that run QEMU in the guest: starting it with a device, its monitor, and the words of the
# kernel in it (kernel.c). One QEMU at a time. What they check is their own.
#   $QEMU    its process         $SAID    what it printed
#   $SERIAL  its kernel's words  $MONITOR answers and events of QMP

HOME_OF_QEMU=/tmp/qemu
SAID=$HOME_OF_QEMU/said SERIAL=$HOME_OF_QEMU/serial MONITOR=$HOME_OF_QEMU/monitor

# A kernel with checkers is some times slower
SLOWNESS=1
[ ! -e /sys/kernel/debug/kmemleak ] || SLOWNESS=8

# until_true SECONDS COMMAND...: true as soon as the command is
until_true() {
	end=$(($(cut -d. -f1 /proc/uptime) + $1 * SLOWNESS))
	shift
	while ! "$@"; do
		[ "$(cut -d. -f1 /proc/uptime)" -lt $end ] || return 1
		usleep 50000
	done
}

device_options() {
	echo "vfio-pci,id=dev,host=$1,addr=4,iommufd=i"
}

# start USER ADDRESS: QEMU as USER with that device; comes back at once
start() {
	rm -rf $HOME_OF_QEMU
	mkdir -m 777 $HOME_OF_QEMU
	mkfifo -m 666 $HOME_OF_QEMU/qmp.in $HOME_OF_QEMU/qmp.out $HOME_OF_QEMU/ser.in $HOME_OF_QEMU/ser.out
	cat $HOME_OF_QEMU/qmp.out > "$MONITOR" & readers=$!
	cat $HOME_OF_QEMU/ser.out > "$SERIAL" & readers="$readers $!"
	# for both directions: so that this does not wait for a QEMU that may end before it opens them
	exec 5<> $HOME_OF_QEMU/qmp.in 6<> $HOME_OF_QEMU/ser.in
	su -s /bin/sh "$1" -c "exec qemu-system-x86_64 -nodefaults -no-user-config -display none -machine pc \
		-accel tcg,tb-size=16 -bios qboot.rom -m 16M -kernel /usr/share/kernel.elf \
		-object iommufd,id=i -device $(device_options "$2") \
		-serial pipe:$HOME_OF_QEMU/ser -qmp pipe:$HOME_OF_QEMU/qmp" \
		> "$SAID" 2>&1 5>&- 6>&- &
	QEMU=$!
	echo '{"execute":"qmp_capabilities"}' >&5
}

# forget what a QEMU that has ended left; its exit status
ended() {
	status=0
	wait "$QEMU" 2> /dev/null || status=$?
	for reader in $readers; do
		kill "$reader" 2> /dev/null
		wait "$reader" 2> /dev/null
	done
	exec 5>&- 6>&-
	return $status
}

stop() {
	qmp quit
	ended
}

killed() {
	kill -9 "$QEMU"
	ended
	[ $? = 137 ]
}

running() {
	kill -0 "$QEMU" 2> /dev/null
}

# qmp COMMAND [ARGUMENTS]
qmp() {
	echo "{\"execute\":\"$1\",\"arguments\":{${2:-}}}" >&5
}

plug() {
	qmp device_add "\"driver\":\"vfio-pci\",\"id\":\"dev\",\"host\":\"$1\",\"addr\":\"4\",\"iommufd\":\"i\""
}

unplug() {
	qmp device_del '"id":"dev"'
}

# counted FILE PATTERN: how many lines of it
counted() {
	grep -c "$2" "$1"
}

at_least() {
	[ "$(counted "$2" "$3")" -ge "$1" ]
}

# used N: the kernel in it has used its device right for at least N times since QEMU was started
used() {
	until_true 60 used_or_not "$1" && ! grep -q FAILED $SERIAL
}

used_or_not() {
	at_least "$1" $SERIAL 'guest: used' || grep -q FAILED $SERIAL || ! running
}

# use: once more
use() {
	before=$(counted $SERIAL 'guest: used')
	printf u >&6
	used $((before + 1))
}

plugged() {
	before=$(counted $SERIAL 'guest: used')
	plug "$1"
	used $((before + 1))
}

unplugged() {
	before=$(counted $MONITOR DEVICE_DELETED)
	unplug
	until_true 60 at_least $((before + 1)) $MONITOR DEVICE_DELETED
}

show() {
	sed "s/^/  $1> /" "$2" | tail -n "${3:-20}"
}
