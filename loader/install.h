/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Putting a policy in force and taking it out again: the programs once, then one generation of tables
 * after the other. The caller holds the lock of runtime.h.
 */
#ifndef INSTALL_H
#define INSTALL_H

#include <stdbool.h>

#include <linux/types.h>

struct policy;
struct runtime;

/**
 * install_first() - Attach the programs with a policy, where none is in force
 * @policy: the policy
 * @guards: attach the guards, too, which needs a kernel with the BPF LSM
 *
 * All or nothing: what was attached before a failure goes again.
 *
 * Return: 0, or -1, and it was said why.
 */
int install_first(const struct policy *policy, bool guards);

/**
 * install_next() - Replace the policy in force by another, in one step
 * @policy: the policy
 * @runtime: the one in force
 *
 * When this returns 0, every decision that is still being made is made by the new policy.
 *
 * Return: 0, or -1: it was said why, and the policy in force is the same as before.
 */
int install_next(const struct policy *policy, struct runtime *runtime);

/**
 * install_remove() - Take everything out of force, whatever version it is of
 *
 * When this returns 0, no program is attached any more.
 *
 * Return: 0; -1, and it was said what is left.
 */
int install_remove(void);

/* How many of the links that must be there are there, and how many must be with @flags (runtime.flags) */
int install_links(__u32 flags, int *wanted);

#endif
