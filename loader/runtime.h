/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What is in force: where it is pinned, how it is found, and who may change it. How it gets there is in
 * install.h and generation.h.
 *
 *   /sys/fs/bpf/iommufd-lsm/          mode 0700, its flock is held by who changes anything below
 *     active/links/PROGRAM            a pinned link each, that keeps the program attached
 *     active/maps/MAP
 *     active/policies/GENERATION      the words of a policy (words.h); the last few are kept
 *     next/                           the same, while a first load builds it
 */
#ifndef RUNTIME_H
#define RUNTIME_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/types.h>

#include "policy_abi.h"

#define RUNTIME_DIR "/sys/fs/bpf/iommufd-lsm"
#define RUNTIME_ACTIVE RUNTIME_DIR "/active"
#define RUNTIME_NEXT RUNTIME_DIR "/next"

/* Policies whose words are kept, so that the log can name the rules of those before */
#define RUNTIME_KEPT_WORDS 8

/* The maps a loader needs from a running policy, and its configuration. fds are -1 if not open. */
struct runtime {
	int policy_fd; /* iolsm_policy */
	int tables_fd; /* the generation in it */
	int state_fd;
	int log_fd;
	__u32 flags; /* struct iolsm_state: how its programs work */
	struct iolsm_config config;
};

/**
 * runtime_check() - Find out whether this machine can run a policy, and say what is missing
 * @cannot: what cannot be done otherwise, "load the policy"
 *
 * Looks for root, bpffs, the kernel's BTF, the module and its BTF.
 *
 * Return: true if everything is there.
 */
bool runtime_check(const char *cannot);

/**
 * runtime_lock() - Become the only one to change what is in force
 * @cannot: as above
 *
 * Waits for some seconds. Makes the directory if it is not there.
 *
 * Return: a descriptor to close when done; -1, and it was said why.
 */
int runtime_lock(const char *cannot);

/**
 * runtime_open() - Open the policy in force
 * @cannot: what cannot be done otherwise
 * @runtime: out, to be closed with runtime_close()
 *
 * Return: 0; -ENOENT no policy is loaded (nothing is said); another negative errno, and it was said why:
 * its programs are of another version, or it is not whole.
 */
int runtime_open(const char *cannot, struct runtime *runtime);

void runtime_close(struct runtime *runtime);

/* Remove a directory of pins with everything in it. What is not there is removed. */
int runtime_remove_tree(const char *path);

/* Call @function for each entry of directory @path. Return: how many, or a negative errno. */
int runtime_each(const char *path, void (*function)(const char *name, void *data), void *data);

/**
 * runtime_has_bpf_lsm() - Whether the running kernel asks BPF programs of type LSM
 * @parameter: out, if it does not: what belongs on the kernel's command line instead
 * @size: of it
 *
 * Return: whether it does.
 */
bool runtime_has_bpf_lsm(char *parameter, size_t size);

/*
 * Whether the kernel calls BPF programs that are attached to its functions. What is executed while it does not has the
 * label of what the process was before: so a policy has to be unloaded and loaded after.
 */
bool runtime_calls_programs(void);

#define RUNTIME_CALLS_NONE "the kernel calls none of the programs: kernel.ftrace_enabled is 0"
#define RUNTIME_CALLS_NONE_ADVICE "'sysctl kernel.ftrace_enabled=1', 'iommufd-lsm unload', then load again"

/* What the module's parameter says: "allow", "deny", or "unknown" */
const char *runtime_default_verdict(void);

/* Quiet libbpf, unless @verbose */
void runtime_quiet(bool verbose);

#endif
