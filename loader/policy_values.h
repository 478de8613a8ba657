/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which values a dimension of text can have in a request, and which of them a set of patterns tells apart.
 */
#ifndef POLICY_VALUES_H
#define POLICY_VALUES_H

#include <stddef.h>
#include <stdint.h>

#include "policy.h"

/* Values that the same patterns match */
struct value_class {
	uint64_t *meets; /* a bit for each pattern */
	char *text;      /* the shortest of these values */
};

/**
 * policy_values() - Find all classes of values that patterns tell apart
 * @dim: the dimension
 * @match: its patterns, exact values among them; none is any
 * @nr: how many
 * @out: the classes, each with a value that a request can have; to be freed with policy_values_free()
 * @nr_out: how many
 *
 * Return: 0; -E2BIG there are too many to find all; -ENOMEM.
 */
int policy_values(enum policy_dim dim, const struct policy_match *const *match, size_t nr,
		  struct value_class **out, size_t *nr_out);
void policy_values_free(struct value_class *classes, size_t nr);

#endif
