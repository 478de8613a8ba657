#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# How long the loader takes for a policy of a thousand lines, as one of a large host might be: 100 VMs, 200 devices,
# 700 rules. In a guest whose clock counts instructions, a nanosecond each: a processor of today makes several of them.
# More than half of a first load is the kernel's verifier, and it is the same for a policy of one line.
cd /tmp || exit 1
mkdir -p /opt/vm
for i in $(seq 0 99); do cp /bin/busybox "/opt/vm/$i" 2> /dev/null || exit 1; done
awk 'BEGIN {
	print "version: 1\nname: large\nprocesses:"
	for (i = 0; i < 100; i++) printf "  vm%d: { exe: /opt/vm/%d, user: %d }\n", i, i, 1000 + i
	print "devices:"
	for (i = 0; i < 200; i++) printf "  d%d: { address: \"0000:%02x:00.*\", id: \"10de:%x*\" }\n", i, i, i % 16
	print "rules:"
	for (i = 0; i < 700; i++)
		printf "  - { allow: [bind, attach], who: [vm%d, vm%d], device: [d%d, d%d] }\n", i % 100,
			(i * 7 + 1) % 100, i % 200, (i * 3 + 1) % 200
}' > large.yaml

# row WHAT LIMIT COMMAND...: milliseconds of a processor that makes one instruction in a nanosecond. LIMIT guards
# against getting worse; explain's goal of 50 ms is held on the machine itself (tests/unit/test_explain.c).
row() {
	what=$1 limit=$2
	shift 2
	start=$(cut -d' ' -f1 /proc/uptime)
	"$@" > out 2>&1 || { cat out; exit 1; }
	took=$(echo "$start $(cut -d' ' -f1 /proc/uptime)" | awk '{ printf "%d", ($2 - $1) * 1000 }')
	printf '%-44s %6d ms  (below %d)\n' "$what" "$took" "$limit"
	[ "$took" -lt "$limit" ] || failed=1
}

echo "a policy of $(wc -l < large.yaml) lines"
row "check" 1000 iommufd-lsm check large.yaml
row "load, where there is none" 2300 iommufd-lsm load large.yaml
row "load, in place of another" 1000 iommufd-lsm load large.yaml
row "explain" 150 iommufd-lsm explain --who exe=/opt/vm/7,user=1007 --op attach --device address=0000:07:00.0,id=10de:7000 large.yaml
exit "${failed:-0}"
