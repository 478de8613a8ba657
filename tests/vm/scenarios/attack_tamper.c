// SPDX-License-Identifier: GPL-2.0
/*
 * S16 against a user who wants the policy gone, where what no policy decides is allowed. Each thing he tries is
 * first done by root, to show that it would work: another policy, no policy, pins removed, the parameter. The
 * user does the same without a privilege, and as root of a user namespace of his own, with every guard off: it is
 * the kernel's rule on BPF and the mode of the pins that keep him out. (Root against the guards: s16_guards.)
 *
 * vm: about=S16 another policy loaded, maps, links, pins and bpffs tampered with by a user
 * vm: timeout=300
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "hooks.h"
#include "vm.h"

#define ALICE 1000
#define PINS "/sys/fs/bpf/iommufd-lsm"
#define QUESTION "op=bind address=" VM_EDU

static const char mine[] =
	"version: 1\n"
	"name: mine\n"
	"guards: { device-files: off, hand-over: off, ptrace: off, policy-objects: off }\n"
	"rules:\n"
	"  - allow: open\n"
	"    who: any\n"
	"  - deny: bind\n"
	"    who: any\n";

static const char evil[] =
	"version: 1\n"
	"name: evil\n"
	"guards: { device-files: off, hand-over: off, ptrace: off, policy-objects: off }\n"
	"rules:\n"
	"  - allow: [open, bind]\n"
	"    who: any\n";

static int another_policy(void)
{
	return run_shell("iommufd-lsm load /tmp/evil.yaml 2>/dev/null");
}

static int no_policy(void)
{
	return run_shell("iommufd-lsm unload >/dev/null 2>&1");
}

static int see_pins(void)
{
	return run_shell("ls " PINS "/active/links >/dev/null 2>&1");
}

static int open_map(void)
{
	int fd = bpf_obj_get(PINS "/active/maps/iolsm_policy");

	if (fd >= 0)
		close(fd);
	return fd < 0;
}

static int find_by_id(void)
{
	__u32 id = 0;

	return bpf_map_get_next_id(0, &id) && bpf_prog_get_next_id(0, &id) && bpf_link_get_next_id(0, &id);
}

static int set_parameter(void)
{
	return set_default_verdict("allow");
}

/* 0: it worked */
static const struct {
	const char *what;
	int (*try)(void);
} attacks[] = {
	{ "to look at the pins", see_pins },
	{ "to open the map of the policy", open_map },
	{ "to find maps, programs and links by their ids", find_by_id },
	{ "to set default_verdict", set_parameter },
	{ "to load another policy", another_policy },
	{ "to unload the policy", no_policy },
};

#define NR_ATTACKS ((int)(sizeof(attacks) / sizeof(attacks[0])))

/* A bit for each that worked */
static int user_tries(void *arg)
{
	bool in_namespace = arg;
	char map[32];
	int worked = 0;

	if (in_namespace) {
		if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
			return 0x80;
		snprintf(map, sizeof(map), "0 %d 1", ALICE);
		write_file("/proc/self/setgroups", "deny");
		write_file("/proc/self/uid_map", map);
	}
	for (int i = 0; i < NR_ATTACKS; i++)
		worked |= attacks[i].try() ? 0 : 1 << i;
	return worked;
}

int main(void)
{
	int worked;

	REQUIRE_RC(hooks_init(), 0, "the hooks can be asked");
	REQUIRE_RC(run_shell("printf '%%s' '%s' > /tmp/evil.yaml; chmod 644 /tmp/evil.yaml; chmod 755 /root",
			     evil), 0, "a policy that a user would like");
	REQUIRE_RC(set_default_verdict("allow"), 0, "what no policy decides is allowed: the weakest setting");
	REQUIRE_RC(load_policy(mine), 0, "a policy loads");
	REQUIRE_RC(ask(QUESTION), -EACCES, "control: it denies");
	for (int i = 0; i < NR_ATTACKS; i++) {
		CHECK_RC(attacks[i].try(), 0, "without protection: root needs only %s", attacks[i].what);
		if (attacks[i].try == another_policy || attacks[i].try == no_policy)
			CHECK_RC(ask(QUESTION), 0, "without protection: and what was denied is allowed");
	}

	REQUIRE_RC(load_policy(mine), 0, "the policy is there again");
	for (int namespace = 0; namespace < 2; namespace++) {
		const char *who = namespace ? "root of a namespace of his own" : "a user";

		worked = run_as(ALICE, user_tries, namespace ? "namespace" : NULL);
		CHECK(!(worked & 0x80), "control: %s tries", who);
		for (int i = 0; i < NR_ATTACKS; i++)
			CHECK(!(worked & 1 << i), "S16 %s fails %s", who, attacks[i].what);
		CHECK_RC(ask(QUESTION), -EACCES, "S16 what was denied is denied still");
		CHECK_RC(run_shell("iommufd-lsm status > status; grep -q mine status"), 0,
			 "S16 by the same policy");
	}
	return checks_done();
}
