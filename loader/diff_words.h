/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Sets of values in the words of the policies that tell them apart.
 */
#ifndef DIFF_WORDS_H
#define DIFF_WORDS_H

#include "identity.h"
#include "policy_space.h"

/**
 * diff_words() - Describe a set of classes on an axis
 * @identities: where the policies' executables and users were looked up
 * @axis: the axis
 * @set: a bit for each class
 *
 * "'10de:*' except '10de:2204' or '8086:10d3'": what it says is the set, neither more nor less, unless it is too
 * long and says so.
 *
 * Return: the text, to be freed; NULL without memory.
 */
char *diff_words(const struct identities *identities, const struct space_axis *axis,
		 const uint64_t *set);

/* Whether all classes are in it, which needs no words */
bool diff_is_all(const struct space_axis *axis, const uint64_t *set);

#endif
