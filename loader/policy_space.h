/* SPDX-License-Identifier: GPL-2.0 */
/*
 * All requests there can be, as few classes as policies can tell apart: in each dimension the values that some
 * policies name, what else begins as their patterns do, and the rest.
 */
#ifndef POLICY_SPACE_H
#define POLICY_SPACE_H

#include "policy.h"

/*
 * One class of a dimension. Classes are a tree in preorder: 0 is the rest, what no policy names; a pattern's
 * class holds the values that begin so and have no class further down.
 */
struct space_class {
	struct policy_match match; /* that its values meet, and those of the subtree; any: class 0 */
	unsigned int parent, end;  /* the subtree is the classes from this one up to end, without it */
	bool empty;                /* no value is left: all that begin so have a class of their own */
	char text[POLICY_TEXT_LEN]; /* one of its values, for the dimensions of text */
};

struct space_dim {
	struct space_class *class;
	unsigned int nr;
};

struct space {
	struct space_dim dim[POLICY_DIM_COUNT];
};

/**
 * space_build() - Find the classes of several policies
 * @policies: the policies, which know executables and users by the same identities
 * @nr: how many
 * @space: out, to be released with space_free(), also after a failure
 *
 * Return: 0, or -1 without memory.
 */
int space_build(const struct policy *const *policies, size_t nr, struct space *space);
void space_free(struct space *space);

/* The class of the value that @request has in @dim */
unsigned int space_class_of(const struct space *space, enum policy_dim dim,
			    const struct policy_request *request);

/* The class of a condition, which its values and those of its subtree meet. @match is one of the policies'. */
unsigned int space_class_of_match(const struct space *space, enum policy_dim dim,
				  const struct policy_match *match);

/* Give @request a value of class @class in @dim */
void space_set(const struct space *space, enum policy_dim dim, unsigned int class,
	       struct policy_request *request);

#endif
