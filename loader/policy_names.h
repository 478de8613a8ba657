/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What dimensions and their values are called where people read of them: in `explain` and `diff`.
 */
#ifndef POLICY_NAMES_H
#define POLICY_NAMES_H

#include <stddef.h>

#include "policy_private.h"

/* The side a dimension belongs to, and its key in a selector of that side */
extern const enum side policy_dim_side[POLICY_DIM_COUNT];
extern const char *const policy_dim_key[POLICY_DIM_COUNT];

/* Of anything that is shown: an executable's path may be as long as its file */
#define POLICY_NAME_LEN 256

/**
 * policy_match_name() - How a policy writes a condition's value: "10de:*", "/usr/bin/qemu", "root"
 * @identities: where its executables and users were looked up
 * @dim: the dimension
 * @match: the condition
 * @text: out, POLICY_NAME_LEN characters
 *
 * Return: @text
 */
const char *policy_match_name(const struct identities *identities, enum policy_dim dim,
			      const struct policy_match *match, char *text);

/* Likewise of the value a request has; "" if it has none */
const char *policy_value_name(const struct identities *identities, enum policy_dim dim,
			      const struct policy_request *request, char *text);

#endif
