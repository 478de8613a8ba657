// SPDX-License-Identifier: GPL-2.0
/*
 * Loads the programs, attaches and pins them, replaces generations, and removes it all. What the tables
 * contain is decided in tables.c.
 *
 * Order of a first load: tables, labels for what runs, then who denies, then the guards, and last who
 * grants: there is no moment in which something is granted that the policy denies. Taking down goes the
 * other way.
 */
#include "install.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "attachments.h"
#include "hits.h"
#include "message.h"
#include "own.h"
#include "policy.h"
#include "policy.skel.h"
#include "runtime.h"
#include "tables.h"
#include "words.h"

#define MAX_LINKS 64

#define GRANT "iolsm_grant"
#define SYMBOLS "iolsm_symbols"

/* What a program is for. RUN_ONCE cannot be attached to anything: it is run. */
enum role { ROLE_LABEL, ROLE_RUN_ONCE, ROLE_HOOK, ROLE_GUARD, ROLE_GRANT };

static enum role role_of(const char *name)
{
	if (!strcmp(name, GRANT))
		return ROLE_GRANT;
	if (!strcmp(name, "iolsm_running") || !strcmp(name, SYMBOLS))
		return ROLE_RUN_ONCE;
	if (!strncmp(name, "iolsm_g_", strlen("iolsm_g_")))
		return ROLE_GUARD;
	if (!strcmp(name, "iolsm_fork") || !strcmp(name, "iolsm_exec") ||
	    !strcmp(name, "iolsm_exec_prep") || !strncmp(name, "iolsm_tp_", strlen("iolsm_tp_")))
		return ROLE_LABEL;
	return ROLE_HOOK;
}

/* Whether a program is used when the programs work as @flags of struct iolsm_state say */
static bool is_used(const char *name, __u32 flags)
{
	switch (role_of(name)) {
	case ROLE_GUARD:
		return flags & IOLSM_STATE_GUARDS;
	case ROLE_RUN_ONCE:
		return flags & IOLSM_STATE_GUARDS || strcmp(name, SYMBOLS);
	case ROLE_LABEL:
		return !(flags & IOLSM_STATE_LSM) == !strncmp(name, "iolsm_tp_", strlen("iolsm_tp_"));
	default:
		return true;
	}
}

static int failed(int rc, const char *what)
{
	const char *advice = rc == -EPERM ? "root, with CAP_BPF and CAP_PERFMON, and the iommufd-lsm whose "
					    "policy is in force, or its successor at the same place" :
			     "-v, to see what libbpf and the kernel say";

	message_error(advice, "cannot load the policy: cannot %s: %s", what, strerror(-rc));
	return -1;
}

/* --- one generation ------------------------------------------------------------------------------ */

/* Return: the descriptor of a frozen map with the tables of @policy, or -1, and it was said why */
static int create_tables(const struct policy *policy, uint64_t generation)
{
	LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_RDONLY_PROG);
	struct tables tables;
	int fd = -1, rc;
	size_t i;

	rc = tables_build(policy, generation, &tables);
	if (rc == -E2BIG) {
		message_error("fewer combinations of selectors in its rules",
			      "cannot load the policy: it has %zu clauses, %u is all there is room for",
			      policy->nr_clauses, IOLSM_MAX_CLAUSES);
		goto out;
	}
	if (!rc) {
		fd = bpf_map_create(BPF_MAP_TYPE_HASH, "iolsm_tables", sizeof(struct iolsm_key),
				    sizeof(union iolsm_value), tables.nr, &options);
		rc = fd < 0 ? -errno : 0;
	}
	for (i = 0; !rc && i < tables.nr; i++)
		if (bpf_map_update_elem(fd, &tables.keys[i], &tables.values[i], BPF_NOEXIST))
			rc = -errno;
	if (!rc && bpf_map_freeze(fd))
		rc = -errno;
	if (rc) {
		if (fd >= 0)
			close(fd);
		fd = failed(rc, "make its tables");
	}
out:
	tables_free(&tables);
	return fd;
}

/* Pin the words of a policy in @dir before the policy is in force: who sees it can read them */
static int pin_words(const struct policy *policy, uint64_t generation, const char *dir)
{
	char path[256];
	int fd, rc;

	fd = words_create(policy, generation);
	if (fd < 0)
		return failed(fd, "make a map for its words");
	snprintf(path, sizeof(path), "%s/policies/%" PRIu64, dir, generation);
	unlink(path); /* of a load that was killed before it was done */
	rc = bpf_obj_pin(fd, path) ? failed(-errno, "pin its words") : 0;
	close(fd);
	return rc;
}

static void forget_words(const char *name, void *data)
{
	uint64_t generation = *(uint64_t *)data;
	char path[512];

	if (strtoull(name, NULL, 10) + RUNTIME_KEPT_WORDS > generation)
		return;
	snprintf(path, sizeof(path), RUNTIME_ACTIVE "/policies/%s", name);
	unlink(path);
}

static int put_in_force(int policy_fd, int tables_fd)
{
	__u32 slot = 0, fd = tables_fd;

	return bpf_map_update_elem(policy_fd, &slot, &fd, BPF_ANY) ?
		failed(-errno, "put its tables in place") : 0;
}

int install_next(const struct policy *policy, struct runtime *runtime)
{
	uint64_t generation = runtime->config.generation + 1;
	int wanted, there = install_links(runtime->flags, &wanted), tables_fd, rc;

	if (policy->guards && !(runtime->flags & IOLSM_STATE_GUARDS)) {
		message_error("'iommufd-lsm unload', then load again; or 'load --without-guards'",
			      "cannot load the policy: it has guards, and what is in force was loaded without");
		return -1;
	}
	if (there != wanted) {
		message_error("'iommufd-lsm unload', then load again",
			      "cannot load the policy: only %d of %d programs are attached", there,
			      wanted);
		return -1;
	}
	tables_fd = create_tables(policy, generation);
	if (tables_fd < 0)
		return -1;
	rc = pin_words(policy, generation, RUNTIME_ACTIVE);
	if (!rc)
		rc = put_in_force(runtime->policy_fd, tables_fd);
	close(tables_fd);
	if (!rc) {
		runtime_each(RUNTIME_ACTIVE "/policies", forget_words, &generation);
		hits_forget(generation);
	}
	return rc;
}

/* --- taking down ------------------------------------------------------------------------------------- */

struct attached {
	const char *dir;
	enum role role; /* for unlink_role() */
	__u32 program[MAX_LINKS]; /* ids of the programs that the links in dir attach */
	int nr;
};

static void collect_program(const char *name, void *data)
{
	struct attached *attached = data;
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", attached->dir, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && attached->nr < MAX_LINKS)
		attached->program[attached->nr++] = info.prog_id;
	close(fd);
}

static void unlink_role(const char *name, void *data)
{
	const struct attached *attached = data;
	char path[512];

	if (role_of(name) != attached->role)
		return;
	snprintf(path, sizeof(path), "%s/%s", attached->dir, name);
	unlink(path);
}

/*
 * Programs are detached a moment after the pins of their links are gone. A link loses its id before that, a
 * program after: so programs are waited for. Return: how many somebody else still holds.
 */
static int wait_until_gone(const struct attached *attached)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	int left = 0, tries, fd, i;

	for (tries = 0; tries < 1500; tries++) {
		left = 0;
		for (i = 0; i < attached->nr; i++) {
			fd = bpf_prog_get_fd_by_id(attached->program[i]);
			if (fd < 0)
				continue;
			left++;
			close(fd);
		}
		if (!left)
			break;
		nanosleep(&pause, NULL);
	}
	return left;
}

/* Remove all pins of one tree and wait for its programs. Return: 0, how many are left, or an errno. */
static int take_down(const char *tree)
{
	struct attached attached = { 0 };
	char links[256];
	int rc;

	snprintf(links, sizeof(links), "%s/links", tree);
	attached.dir = links;
	runtime_each(links, collect_program, &attached);
	/* As it came, backwards: the guards know this process by the label's programs, who go last */
	for (attached.role = ROLE_GRANT; attached.role > ROLE_LABEL; attached.role--)
		runtime_each(links, unlink_role, &attached);
	rc = runtime_remove_tree(links);
	if (!rc)
		rc = runtime_remove_tree(tree);
	return rc ? rc : wait_until_gone(&attached);
}

/* --- the programs ---------------------------------------------------------------------------------- */

static int make_dirs(void)
{
	if (mkdir(RUNTIME_NEXT, 0700) || mkdir(RUNTIME_NEXT "/links", 0700) ||
	    mkdir(RUNTIME_NEXT "/maps", 0700) || mkdir(RUNTIME_NEXT "/policies", 0700))
		return failed(-errno, "make directories under " RUNTIME_DIR);
	return 0;
}

static int pin_maps(struct policy_bpf *skel)
{
	struct bpf_map *map;
	char path[256];

	bpf_object__for_each_map(map, skel->obj) {
		if (bpf_map__is_internal(map))
			continue;
		snprintf(path, sizeof(path), RUNTIME_NEXT "/maps/%s", bpf_map__name(map));
		if (bpf_obj_pin(bpf_map__fd(map), path))
			return failed(-errno, "pin its maps");
	}
	return 0;
}

static int attach(struct bpf_program *program)
{
	const char *name = bpf_program__name(program);
	struct bpf_link *link = bpf_program__attach(program);
	char path[256];
	int rc;

	if (!link) {
		rc = -errno;
		message_error("-v, to see what libbpf and the kernel say",
			      "cannot load the policy: cannot attach the program '%s': %s", name,
			      strerror(-rc));
		return -1;
	}
	snprintf(path, sizeof(path), RUNTIME_NEXT "/links/%s", name);
	rc = bpf_link__pin(link, path);
	bpf_link__destroy(link); /* what is pinned stays attached */
	return rc ? failed(rc, "pin its links") : 0;
}

/* A child that does nothing but live until it is killed: its fork shows whether forks are seen */
static bool forks_are_seen(int label_fd)
{
	struct iolsm_label label = { 0 };
	bool seen = false;
	pid_t child;
	int pidfd;

	child = fork();
	if (child < 0)
		return false;
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* or who kills the loader leaves it */
		for (;;)
			pause();
	}
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	if (pidfd >= 0) {
		seen = !bpf_map_lookup_elem(label_fd, &pidfd, &label) && label.ino;
		close(pidfd);
	}
	kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
	return seen;
}

/*
 * Let an iterator's program see everything there is of its kind. What it writes is in @out, ended by a NUL and cut
 * off after @room - 1 characters. Return: 0 or a negative errno
 */
static int run_once(struct bpf_program *program, char *out, size_t room)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	size_t len = 0;
	char byte;
	int fd, rc = 0;
	ssize_t n;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		rc = -errno;
	while (!rc) {
		n = read(fd, &byte, sizeof(byte));
		if (!n)
			break;
		if (n > 0 && len + 1 < room)
			out[len++] = byte;
		if (n < 0 && errno != EINTR && errno != EAGAIN)
			rc = -errno;
	}
	out[len] = '\0';
	if (fd >= 0)
		close(fd);
	bpf_link__destroy(link);
	return rc;
}

static int label_running(struct policy_bpf *skel)
{
	char nothing[1];
	int rc = run_once(skel->progs.iolsm_running, nothing, sizeof(nothing));

	return rc ? failed(rc, "label the processes that run") : 0;
}

/* Where the kernel keeps what device numbers stand for: each place is found, and once */
static int find_symbols(struct policy_bpf *skel)
{
	char found[4];
	int rc;

	if (!bpf_program__autoload(skel->progs.iolsm_symbols))
		return 0;
	rc = run_once(skel->progs.iolsm_symbols, found, sizeof(found));
	if (rc)
		return failed(rc, "go through the kernel's symbols");
	if (strcmp(found, "cm") && strcmp(found, "mc")) {
		message_error("a kernel with CONFIG_KALLSYMS_ALL, or 'load --without-guards'",
			      "cannot load the policy: the kernel does not say where it keeps its device numbers, "
			      "which the guards need");
		return -1;
	}
	return 0;
}

static int attach_role(struct policy_bpf *skel, enum role role)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, skel->obj)
		if (bpf_program__autoload(program) && role_of(bpf_program__name(program)) == role &&
		    attach(program))
			return -1;
	return 0;
}

static int attach_all(struct policy_bpf *skel)
{
	if (attach_role(skel, ROLE_LABEL))
		return -1;
	if (!forks_are_seen(bpf_map__fd(skel->maps.iolsm_label))) {
		message_error("-v, to see what libbpf and the kernel say",
			      "cannot load the policy: processes cannot be told apart, the kernel does "
			      "not call the programs that are attached");
		return -1;
	}
	if (label_running(skel) || find_symbols(skel) || attach_role(skel, ROLE_HOOK) || attach_role(skel, ROLE_GUARD) ||
	    attach_role(skel, ROLE_GRANT))
		return -1;
	attachments_adopt(bpf_map__fd(skel->maps.iolsm_attacher), bpf_map__fd(skel->maps.iolsm_label));
	return bpf_map_freeze(bpf_map__fd(skel->maps.iolsm_attacher)) ?
		failed(-errno, "freeze its maps") : 0;
}

static int set_value(struct bpf_map *map, const void *value)
{
	__u32 slot = 0;

	return bpf_map_update_elem(bpf_map__fd(map), &slot, value, BPF_ANY) ?
		failed(-errno, "set up its maps") : 0;
}

/*
 * Nobody but the programs writes to these any more. The attachers' comes later, when it is filled; to that of the
 * policy a guard lets the loader alone.
 */
static int freeze_maps(struct policy_bpf *skel)
{
	struct bpf_map *map;

	bpf_object__for_each_map(map, skel->obj)
		if (!bpf_map__is_internal(map) && map != skel->maps.iolsm_policy &&
		    map != skel->maps.iolsm_attacher && bpf_map_freeze(bpf_map__fd(map)))
			return failed(-errno, "freeze its maps");
	return 0;
}

static int fill_maps(struct policy_bpf *skel, int tables_fd, __u32 flags)
{
	struct iolsm_state state = { .abi = IOLSM_ABI, .flags = flags };
	struct iolsm_own own;
	int rc = own_describe(bpf_map__fd(skel->maps.iolsm_policy), &own);

	if (rc)
		return failed(rc, "find out what it has to guard");
	return set_value(skel->maps.iolsm_state, &state) || set_value(skel->maps.iolsm_own, &own) ||
	       put_in_force(bpf_map__fd(skel->maps.iolsm_policy), tables_fd) ||
	       freeze_maps(skel) ? -1 : 0;
}

/* How the programs will work on this kernel, as flags of struct iolsm_state; -1, and it was said why not */
static int choose_flags(bool guards)
{
	char parameter[256];

	if (runtime_has_bpf_lsm(parameter, sizeof(parameter)))
		return IOLSM_STATE_LSM | (guards ? IOLSM_STATE_GUARDS : 0);
	if (!guards)
		return 0;
	message_error(parameter, "cannot load the policy: the kernel runs without the BPF LSM, which its "
				 "guards need ('load --without-guards' does without them)");
	return -1;
}

int install_first(const struct policy *policy, bool guards)
{
	struct bpf_program *program;
	struct policy_bpf *skel;
	int tables_fd = -1, flags, rc;

	/* What a load left that was killed may already have granted */
	rc = take_down(RUNTIME_NEXT);
	if (rc)
		return failed(rc < 0 ? rc : -EBUSY, "remove '" RUNTIME_NEXT "'");
	flags = choose_flags(guards);
	if (flags < 0) {
		rmdir(RUNTIME_DIR);
		return -1;
	}
	skel = policy_bpf__open();
	if (!skel)
		return failed(-errno, "read its programs");
	bpf_object__for_each_program(program, skel->obj)
		bpf_program__set_autoload(program, is_used(bpf_program__name(program), flags));
	rc = policy_bpf__load(skel);
	if (rc) {
		rc = failed(rc, "get its programs into the kernel");
		goto out;
	}
	rc = -1;
	tables_fd = create_tables(policy, 1);
	if (tables_fd < 0 || fill_maps(skel, tables_fd, flags) ||
	    make_dirs() || pin_words(policy, 1, RUNTIME_NEXT) || pin_maps(skel) || attach_all(skel))
		goto out;
	rc = rename(RUNTIME_NEXT, RUNTIME_ACTIVE) ? failed(-errno, "finish") : 0;
out:
	if (tables_fd >= 0)
		close(tables_fd);
	policy_bpf__destroy(skel);
	if (rc) {
		take_down(RUNTIME_NEXT);
		rmdir(RUNTIME_DIR);
	}
	return rc;
}

int install_links(__u32 flags, int *wanted)
{
	struct policy_bpf *skel = policy_bpf__open();
	struct bpf_program *program;
	int there = 0, fd;
	char path[256];

	*wanted = 0;
	if (!skel)
		return 0;
	bpf_object__for_each_program(program, skel->obj) {
		const char *name = bpf_program__name(program);

		if (!is_used(name, flags) || role_of(name) == ROLE_RUN_ONCE)
			continue;
		++*wanted;
		snprintf(path, sizeof(path), RUNTIME_ACTIVE "/links/%s", name);
		fd = bpf_obj_get(path);
		if (fd >= 0) {
			there++;
			close(fd);
		}
	}
	policy_bpf__destroy(skel);
	return there;
}

int install_remove(void)
{
	int active = take_down(RUNTIME_ACTIVE), next = take_down(RUNTIME_NEXT);
	int rc = active < 0 ? active : next;

	if (rc < 0) {
		message_error(rc == -EPERM ? "the iommufd-lsm that loaded it, or its successor at the same place: "
					     "a guard keeps others from it" : NULL,
			      "cannot unload the policy: cannot remove what is under '%s': %s",
			      RUNTIME_DIR, strerror(-rc));
		return -1;
	}
	if (active + next) {
		message_error("'bpftool link' to see them, and end who holds them",
			      "the policy is unloaded, but somebody else keeps %d of its programs attached",
			      active + next);
		return -1;
	}
	rmdir(RUNTIME_DIR);
	return 0;
}
