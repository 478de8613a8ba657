/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which requests two policies decide differently. Needs no kernel; what is said of them is in diff.c.
 */
#ifndef POLICY_DIFF_H
#define POLICY_DIFF_H

#include "policy_space.h"

/*
 * Requests that the old policy decides in one way and the new one in the other: of any of these operations, with a
 * value of any of these classes in each dimension.
 */
struct diff_region {
	uint32_t ops;
	uint64_t *classes[POLICY_DIM_COUNT]; /* a bit for each class that is in it, also where ops lack that side */
	struct policy_verdict old, new;
};

struct diff {
	struct space space;
	struct diff_region *region; /* no two have a request in common */
	size_t nr;
	bool incomplete; /* the policies are too large to compare everything: what is found is right */
};

/**
 * policy_diff() - Compare two policies
 * @old: a policy
 * @new: another, which knows executables and users by the same identities
 * @diff: out, to be released with policy_diff_free(), also after a failure
 *
 * Modes are not looked at.
 *
 * Return: 0, or -1 without memory.
 */
int policy_diff(const struct policy *old, const struct policy *new, struct diff *diff);
void policy_diff_free(struct diff *diff);

static inline bool diff_has(const uint64_t *classes, unsigned int class)
{
	return classes[class / 64] >> class % 64 & 1;
}

#endif
