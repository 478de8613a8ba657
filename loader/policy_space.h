/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All requests there can be, as few classes as policies can tell apart: along each axis, sets of values that the
 * same conditions of the policies are met by.
 */
#ifndef POLICY_SPACE_H
#define POLICY_SPACE_H

#include "policy.h"
#include "policy_values.h"

/*
 * A dimension is an axis; of POLICY_DIM_GROUP, in which a request has several values, each group is one, with
 * two classes: who is not in it, and who is.
 */
struct space_axis {
	enum policy_dim dim;
	const struct policy_match **atom; /* each different condition of the policies, sorted */
	size_t nr_atoms;
	struct value_class *class; /* each has a value; text only in dimensions of text */
	size_t nr;
};

struct space {
	struct space_axis *axis;
	size_t nr;
	bool too_large; /* to find all classes: nothing can be said of the policies */
};

/**
 * space_build() - Find the classes of several policies
 * @policies: the policies, which know executables and users by the same identities, and outlive @space
 * @nr: how many
 * @space: out, to be released with space_free(), also after a failure
 *
 * Return: 0, or -1 without memory.
 */
int space_build(const struct policy *const *policies, size_t nr, struct space *space);
void space_free(struct space *space);

static inline bool space_meets(const struct space_axis *axis, size_t class, size_t atom)
{
	return axis->class[class].meets[atom / 64] >> atom % 64 & 1;
}

/* Which of the axis's conditions a clause has there, -1: none */
int space_atom_of(const struct space_axis *axis, const struct policy_clause *clause);

/* The class of the value that @request has on an axis */
size_t space_class_of(const struct space_axis *axis, const struct policy_request *request);

/* Give @request a value of class @class */
void space_set(const struct space_axis *axis, size_t class, struct policy_request *request);

/* For sorting: whether two conditions of a dimension are the same, 0, or which comes first */
int space_compare(enum policy_dim dim, const struct policy_match *a, const struct policy_match *b);

#endif
