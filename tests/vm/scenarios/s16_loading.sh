#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# The loader and what it leaves in force: failing loads, several loaders, killed loaders, unload, and what
# its other commands say.
# vm: about=S16 failing, concurrent and killed loads keep a whole policy; status, list, log, unload
# vm: timeout=400
. /lib/guest.sh

ask=/dev/iommufd_lsm_ask

allowed() {
	echo "$1" 2>/dev/null > $ask
}

denied() {
	! echo "$1" 2>/dev/null > $ask
}

pins() {
	find /sys/fs/bpf -mindepth 1 | LC_ALL=C sort | tr '\n' ' '
}

modprobe iommufd_lsm_ask

cat > a.yaml <<'END'
version: 1
name: first
rules:
  - allow: [open, bind]
    who: any
  - deny: bind
    who: any
    device: { address: "0000:02:*" }
END
cat > b.yaml <<'END'
version: 1
name: second
rules:
  - allow: ioas-alloc
    who: any
END
cat > permissive.yaml <<'END'
version: 1
name: tolerant
mode: permissive
rules:
  - deny: bind
    who: any
    device: { address: "0000:02:*" }
END
cat > failing.yaml <<'END'
version: 1
name: failing
rules:
  - allow: open
    who: any
tests:
  - { who: { user: root }, op: open, expect: deny }
END
printf 'version: 1\nname: x\nrules: [\n' > broken.yaml

# --- nothing is loaded ---------------------------------------------------------------------------------
check "status without a policy says so" status_is 0 iommufd-lsm status
check "  in words" says out 'none is loaded'
check "list without a policy fails" status_is 1 iommufd-lsm list
check "  and says what to do" says err 'load FILE'
check "log without a policy fails" status_is 1 iommufd-lsm log
check "unload without a policy is done at once" status_is 0 iommufd-lsm unload
check "only root loads" status_is 1 su -s /bin/sh alice -c 'iommufd-lsm load a.yaml'
cp a.yaml b.yaml /tmp && chmod 644 /tmp/?.yaml
check "  and it is said" status_is 1 su -s /bin/sh alice -c 'iommufd-lsm load /tmp/a.yaml'
check "  in words" says err 'only root'

# --- failing loads --------------------------------------------------------------------------------------
check "S16 a policy that is no YAML is refused" status_is 2 iommufd-lsm load broken.yaml
check "  with file, line and column" says err 'broken.yaml:[0-9]*:[0-9]*: error'
check "S16 nothing is left of it" [ -z "$(pins)" ]
check "a policy loads" status_is 0 iommufd-lsm load a.yaml
before=$(pins)
for file in broken.yaml /nonexistent.yaml; do
	check "S16 $file is refused beside a policy" status_is 2 iommufd-lsm load $file
done
check "S16 a policy whose own test fails is refused" status_is 1 iommufd-lsm load failing.yaml
# A load that fails at each step that needs a descriptor
for n in 4 5 6 7 8 9 10 11 12; do
	sh -c "ulimit -n $n; exec iommufd-lsm load b.yaml" > /dev/null 2>&1 && break
done
check "S16 with few descriptors a load fails, with enough it works" [ "$n" -gt 5 ]
status_is 0 iommufd-lsm load a.yaml
before=$(pins)
check "S16 $((n - 1)) descriptors are not enough" status_is 1 sh -c "ulimit -n $((n - 1)); iommufd-lsm load b.yaml"
check "S16 after all that the policy in force is the same" [ "$(pins)" = "$before" ]
check "S16 it allows" allowed "op=bind address=0000:01:00.0"
check "S16 it denies" denied "op=bind address=0000:02:00.0"

# --- a large one: several chunks of clauses, and values that only one clause names -----------------------
awk 'BEGIN {
	printf "version: 1\nname: large\ndevices:\n  many:\n    address:\n"
	for (i = 0; i < 12000; i++)
		printf "      - \"%04x:%02x:%02x.%d\"\n", 16 + i / 2048, i / 8 % 256, 1, i % 8
	printf "rules:\n  - allow: bind\n    who: any\n    device: many\n"
	printf "  - deny: bind\n    who: any\n    device: { driver: \"bad*\" }\n"
}' > large.yaml
check "a policy of 12000 devices loads" status_is 0 iommufd-lsm load large.yaml
check "S16 it allows the first of them" allowed "op=bind address=0010:00:01.0"
check "S16 and one in the middle" allowed "op=bind address=0013:0a:01.7"
check "S16 and the last" allowed "op=bind address=0015:db:01.7"
check "S16 and no other" denied "op=bind address=0015:dc:01.0"
check "S16 and denies them when the other rule says so" denied "op=bind address=0015:db:01.7 driver=bad1"
check "the policy before it loads again" status_is 0 iommufd-lsm load a.yaml

# --- replacement ------------------------------------------------------------------------------------------
check "a second policy loads" status_is 0 iommufd-lsm load b.yaml
check "S16 it decides" allowed "op=ioas-alloc"
check "S16 alone" denied "op=open"
check "list prints it" status_is 0 iommufd-lsm list
cp out listed.yaml
check "  as a policy that loads" status_is 0 iommufd-lsm load listed.yaml
check "  and decides the same" allowed "op=ioas-alloc"
check "status names it" status_is 0 iommufd-lsm status
check "  with name" says out '^policy *second$'
check "  with mode" says out '^mode *enforce$'
check "  with generation" says out '^generation *[0-9]*, loaded 20'
check "  with every program attached" says out '^programs *[0-9]* of [0-9]* attached$'
all=$(sed -n 's/^programs *\([0-9]*\) of .*/\1/p' out)
check "  all of them" says out "^programs *$all of $all attached\$"
check "  with counters" says out '^ioas-alloc *2 *2 '
check "status -j is one JSON object" status_is 0 iommufd-lsm -j status
check "  with numbers" says out '"generation":[0-9]'

# --- what the log says -----------------------------------------------------------------------------------
check "log prints decisions" status_is 0 iommufd-lsm log
cp out log1
check "  a denial with the rule of a policy that was replaced since" says log1 \
	"denied bind of 0000:02:00.0 for run (pid [0-9]*, uid 0): rule 2, a.yaml:6: deny: bind"
check "  a grant with its rule" says log1 "allowed ioas-alloc for run (pid [0-9]*, uid 0): rule 1, b.yaml:4: "
check "  and what no rule allowed" says log1 "denied open for run (pid [0-9]*, uid 0): no rule allows it"
check "reading it again" status_is 0 iommufd-lsm log
check "  shows the same" cmp out log1
check "log -j" status_is 0 iommufd-lsm -j log
check "  has the rule's file and line" says out '"verdict":"denied","op":"bind".*"file":"a.yaml","line":6'
iommufd-lsm load permissive.yaml > /dev/null
check "S16 a permissive policy denies nothing" allowed "op=bind address=0000:02:00.0"
check "S16 even what it has no rule for" allowed "op=open"
iommufd-lsm log > out
check "  and logs what it would have denied" says out \
	"allowed bind of 0000:02:00.0 for run .*: the policy is permissive; denied by rule 1, permissive.yaml:5:"
check "  and what it would not have allowed" says out \
	"allowed open for run .*: the policy is permissive, no rule allows it"
i=0
while [ $i -lt 600 ]; do
	sh -c "echo op=hwpt-alloc to=n$i > $ask" # a process each: one alone may not write so much
	i=$((i + 1))
done
iommufd-lsm log > out 2> err
check "the log keeps the last 512 decisions about a user" [ "$(wc -l < out)" = 512 ]
check "  and says how many are gone" says err 'older decisions are no longer there'
check "  the last one is the last" sh -c "tail -n 1 out | grep -q \"to 'n599'\""

# --- names --------------------------------------------------------------------------------------------------
bpftool prog > out
check "bpftool names the programs" says out 'name iolsm_deny '
check "bpftool link knows the links" [ "$(bpftool link | grep -c modify_return)" = 2 ]
check "no name of ours is cut off" [ -z "$(bpftool prog | sed -n 's/.* name \(iolsm[^ ]*\) .*/\1/p' | grep '.\{16\}')" ]

# --- several at once, and killed -----------------------------------------------------------------------------
iommufd-lsm load a.yaml > /dev/null
for n in 1 2 3 4; do
	iommufd-lsm load a.yaml > out$n 2>&1 &
	iommufd-lsm load b.yaml > outb$n 2>&1 &
done
wait
check "loaders at the same time all succeed" [ "$(cat out? outb? | grep -c '^loaded')" = 8 ]
check "  each with a generation of its own" [ "$(cat out? outb? | sed 's/.*generation \([0-9]*\).*/\1/' | sort -u | wc -l)" = 8 ]
iommufd-lsm load a.yaml > /dev/null
i=0 wrong=0
while [ $i -lt 30 ]; do
	iommufd-lsm load a.yaml > /dev/null 2>&1 &
	usleep $((i * 12000))
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	allowed "op=open" && denied "op=bind address=0000:02:00.0" || wrong=$((wrong + 1))
	i=$((i + 1))
done
check "S16 a loader killed anywhere leaves a whole policy" [ $wrong = 0 ]
check "S16 and another can load after it" status_is 0 iommufd-lsm load b.yaml
check "S16 which decides" allowed "op=ioas-alloc"

# --- unload -----------------------------------------------------------------------------------------------------
check "unload" status_is 0 iommufd-lsm unload
check "  says what decides now" says out 'default_verdict=deny'
check "S16 what was allowed is denied at once" denied "op=ioas-alloc"
check "  nothing is pinned" [ -z "$(pins)" ]
check "  no link is left" [ -z "$(bpftool link)" ]
check "  no program is left" sh -c '! bpftool prog | grep -q iolsm'
check "  and no map" sh -c 'for n in 1 2 3 4 5 6 7 8 9 10; do bpftool map | grep -q iolsm || exit 0; sleep 1; done; exit 1'

# first loads that are killed: nothing is granted by half a policy, and the next load works
i=0 wrong=0
while [ $i -lt 12 ]; do
	iommufd-lsm load a.yaml > /dev/null 2>&1 &
	usleep $((i * 350000))
	kill -9 $! 2>/dev/null
	wait $! 2>/dev/null
	allowed "op=bind address=0000:02:00.0" && wrong=$((wrong + 1))
	i=$((i + 1))
	[ $((i % 4)) != 0 ] || iommufd-lsm unload > /dev/null
done
check "S16 a first load killed anywhere grants nothing that it denies" [ $wrong = 0 ]
check "S16 a load after that works" status_is 0 iommufd-lsm load a.yaml
check "S16 and allows" allowed "op=open"
check "S16 and denies" denied "op=bind address=0000:02:00.0"

# with default_verdict=allow a policy does not deny what it has no rule for, and load says so
echo allow > /sys/module/iommufd_lsm/parameters/default_verdict
iommufd-lsm load a.yaml > out 2> err
check "load warns of default_verdict=allow" says err 'what no rule of .first. allows is allowed'
echo deny > /sys/module/iommufd_lsm/parameters/default_verdict

# somebody took a program away, which the guard would not let him
(cat a.yaml; echo 'guards: { policy-objects: off }') > unguarded.yaml
iommufd-lsm load unguarded.yaml > /dev/null
rm /sys/fs/bpf/iommufd-lsm/active/links/iolsm_deny
check "a policy that is not whole is not replaced silently" status_is 1 iommufd-lsm load b.yaml
check "  it is said what to do" says err "unload', then load"
check "  status shows it" status_is 0 iommufd-lsm status
check "  as a number" says out "$((all - 1)) of $all attached"
check "  unload works" status_is 0 iommufd-lsm unload
check "  and load" status_is 0 iommufd-lsm load b.yaml
check "the module cannot be removed under a policy" sh -c '! rmmod iommufd_lsm_ask iommufd_lsm 2>/dev/null'
iommufd-lsm unload > /dev/null
modprobe iommufd_lsm_ask 2>/dev/null

rmmod iommufd_lsm_ask
rmmod iommufd_vfio_pci 2>/dev/null
rmmod iommufd 2>/dev/null
for n in 1 2 3 4 5 6 7 8 9 10; do rmmod iommufd_lsm 2>/dev/null && break; sleep 0.5; done
check "without the module load fails" status_is 1 iommufd-lsm load a.yaml
check "  and says what to do" says err 'modprobe iommufd_lsm'
finish_checks
