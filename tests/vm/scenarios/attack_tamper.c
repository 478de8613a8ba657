// SPDX-License-Identifier: GPL-2.0
/*
 * S16 against a user who wants the policy gone, where what no policy decides is allowed. Each thing he tries is
 * first done by root, to show that it would work: another policy, no policy, pins removed, bpffs unmounted, a program
 * of his own, the parameter. The user does the same without a privilege, and as root of a user namespace of his own,
 * with every guard off: it is the kernel's rule on BPF and the mode of the pins that keep him out. (Root against the
 * guards: s16_guards.)
 *
 * A link is held by its pin alone. Without it the program is detached, and the other programs and
 * default_verdict decide what it denied. A map is held by the programs that use it as well, so they go on without its
 * pin; it is the loader that finds it no more.
 *
 * vm: about=S16 another policy loaded, maps, links, pins and bpffs tampered with by a user
 * vm: timeout=300
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>

#include "hooks.h"
#include "vm.h"

#define ALICE 1000
#define BPFFS "/sys/fs/bpf"
#define PINS BPFFS "/iommufd-lsm"
#define POLICY_MAP PINS "/active/maps/iolsm_policy"
#define LINK(program) PINS "/active/links/" program
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

static int lsm_hook; /* of the kernel's own, by its BTF id */
static int without_policy, with_policy; /* how many programs the kernel has */

/* --- what is tried: 0 it worked, a negative errno, or the loader's exit status --------------------------- */

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
	DIR *dir = opendir(PINS "/active/links");

	if (!dir)
		return -errno;
	closedir(dir);
	return 0;
}

static int open_map(void)
{
	int fd = bpf_obj_get(POLICY_MAP);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

static int find_by_id(void)
{
	__u32 id = 0;

	return bpf_map_get_next_id(0, &id) && bpf_prog_get_next_id(0, &id) && bpf_link_get_next_id(0, &id) ?
	       -errno : 0;
}

/*
 * One that a hook of the kernel's would ask, and that answers 0. By the call itself: the loader may fail for reasons of
 * its own.
 */
static int load_program(void)
{
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr = {
		.prog_type = BPF_PROG_TYPE_LSM,
		.expected_attach_type = BPF_LSM_MAC,
		.attach_btf_id = lsm_hook,
		.insns = (uintptr_t)insns,
		.insn_cnt = 2,
		.license = (uintptr_t)"GPL",
	};
	int fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));

	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int set_parameter(void)
{
	return set_default_verdict("allow");
}

static int unpin_map(void)
{
	return unlink(POLICY_MAP) ? -errno : 0;
}

static int unpin_link(void)
{
	return unlink(LINK("iolsm_deny")) ? -errno : 0;
}

static int unpin_other_link(void)
{
	return unlink(LINK("iolsm_grant")) ? -errno : 0;
}

static int unmount_bpffs(void)
{
	return umount2(BPFFS, MNT_DETACH) ? -errno : 0;
}

static int programs(void)
{
	__u32 id = 0;
	int n = 0;

	while (!bpf_prog_get_next_id(id, &id))
		n++;
	return n;
}

/* The kernel lets go of what was pinned a moment after its pin; a program whose id is gone is called no more */
static bool programs_become(int wanted)
{
	for (int i = 0; i < 500 && programs() != wanted; i++)
		pause_ms(20);
	return programs() == wanted;
}

/* --- what it meant where it worked ------------------------------------------------------------------------ */

static void loaded_again(void)
{
	run_shell("iommufd-lsm unload > unloaded 2>&1");
	REQUIRE(programs_become(without_policy), "what is left is cleared away");
	REQUIRE_RC(load_policy(mine), 0, "the policy is there again");
	REQUIRE(programs_become(with_policy), "with all its programs");
	REQUIRE_RC(ask(QUESTION), -EACCES, "control: it denies");
}

static void all_is_allowed(void)
{
	CHECK_RC(ask(QUESTION), 0, "without protection: and what was denied is allowed");
}

static void nothing_is_loaded(void)
{
	all_is_allowed();
	loaded_again();
}

static void program_is_detached(void)
{
	CHECK(programs_become(with_policy - 1), "a link goes with its pin, and its program");
	CHECK_EQ(run_shell("iommufd-lsm status > status; grep '^programs' status | "
			   "grep -qv '\\([0-9]*\\) of \\1 attached'"), 0, "status says that a program is missing");
	CHECK_RC(ask(QUESTION), -EACCES, "the second phase looks at denying rules, too, and denies still");
}

static void map_is_held(void)
{
	CHECK_RC(ask(QUESTION), -EACCES, "the programs hold the map, and deny still");
	CHECK_EQ(run_shell("iommufd-lsm status 2>&1 | grep -q 'is not whole'"), 0, "status says what is missing");
}

static void nothing_denies(void)
{
	CHECK(programs_become(with_policy - 2), "this program goes with its pin, too");
	all_is_allowed();
	CHECK_RC(set_default_verdict("deny") ?: ask(QUESTION), -EACCES, "by default_verdict, which alone is left");
	CHECK_RC(set_default_verdict("allow"), 0, "which allows again");
	loaded_again();
}

static void all_is_gone(void)
{
	CHECK(programs_become(without_policy), "without pins there are no programs");
	all_is_allowed();
	REQUIRE(!mount("bpf", BPFFS, "bpf", 0, ""), "a file system for pins is there again");
	CHECK_RC(see_pins(), -ENOENT, "without protection: and empty");
	loaded_again();
}

static const struct {
	const char *what;
	int (*try)(void);
	void (*means)(void); /* the last of those that belong together makes good what they did */
	int user, root_of_namespace; /* what he is told */
} attacks[] = {
	{ "to look at the pins", see_pins, NULL, -EACCES, -EACCES },
	{ "to open the map of the policy", open_map, NULL, -EACCES, -EACCES },
	{ "to find maps, programs and links by their ids", find_by_id, NULL, -EPERM, -EPERM },
	{ "to load a program of his own", load_program, NULL, -EPERM, -EPERM },
	{ "to set default_verdict", set_parameter, NULL, -EACCES, -EACCES },
	{ "to load another policy", another_policy, all_is_allowed, 1, 1 },
	{ "to unload the policy", no_policy, nothing_is_loaded, 1, 1 },
	{ "to unlink the pin of a link", unpin_link, program_is_detached, -EACCES, -EACCES },
	{ "to unlink the pin of a map", unpin_map, map_is_held, -EACCES, -EACCES },
	{ "to unlink the pin of another link", unpin_other_link, nothing_denies, -EACCES, -EACCES },
	{ "to unmount the pins' file system", unmount_bpffs, all_is_gone, -EPERM, -EINVAL },
};

#define NR_ATTACKS ((int)(sizeof(attacks) / sizeof(attacks[0])))

static int *told; /* what each attack came to, shared with who tries */

static int user_tries(void *arg)
{
	bool in_namespace = arg;
	char map[32];

	if (in_namespace) {
		/* who changed his user does not own his files in /proc, and could not become root there */
		if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) || unshare(CLONE_NEWUSER | CLONE_NEWNS))
			return 1;
		snprintf(map, sizeof(map), "0 %d 1", ALICE);
		if (write_file("/proc/self/setgroups", "deny") || write_file("/proc/self/uid_map", map) || getuid())
			return 2;
	}
	for (int i = 0; i < NR_ATTACKS; i++)
		told[i] = attacks[i].try();
	return 0;
}

int main(void)
{
	struct btf *btf = btf__load_vmlinux_btf();

	REQUIRE_RC(hooks_init(), 0, "the hooks can be asked");
	lsm_hook = btf__find_by_name_kind(btf, "bpf_lsm_file_ioctl", BTF_KIND_FUNC);
	REQUIRE(lsm_hook > 0, "a hook of the kernel's");
	REQUIRE_RC(run_shell("printf '%%s' '%s' > /tmp/evil.yaml; chmod 644 /tmp/evil.yaml; chmod 755 /root",
			     evil), 0, "a policy that a user would like");
	REQUIRE_RC(set_default_verdict("allow"), 0, "what no policy decides is allowed: the weakest setting");
	without_policy = programs();
	REQUIRE_RC(load_policy(mine), 0, "a policy loads");
	REQUIRE_RC(ask(QUESTION), -EACCES, "control: it denies");
	with_policy = programs();
	REQUIRE(with_policy > without_policy + 2, "control: by programs, %d", with_policy - without_policy);
	for (int i = 0; i < NR_ATTACKS; i++) {
		CHECK_RC(attacks[i].try(), 0, "without protection: root needs only %s", attacks[i].what);
		if (attacks[i].means)
			attacks[i].means();
	}

	told = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	REQUIRE(told != MAP_FAILED, "memory");
	for (int namespace = 0; namespace < 2; namespace++) {
		const char *who = namespace ? "root of a namespace of his own" : "a user";

		memset(told, 0, 4096);
		CHECK_RC(run_as(ALICE, user_tries, namespace ? "namespace" : NULL), 0, "control: %s tries", who);
		for (int i = 0; i < NR_ATTACKS; i++)
			CHECK_RC(told[i], namespace ? attacks[i].root_of_namespace : attacks[i].user,
				 "S16 %s fails %s", who, attacks[i].what);
		CHECK_RC(ask(QUESTION), -EACCES, "S16 what was denied is denied still");
		CHECK_RC(run_shell("iommufd-lsm status > status; grep -q mine status"), 0,
			 "S16 by the same policy");
		CHECK_EQ(run_shell("grep -q '^programs *\\([0-9]*\\) of \\1 attached' status"), 0,
			 "S16 with all its programs");
	}
	return checks_done();
}
