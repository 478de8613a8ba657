/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What dimensions and their values are called where people read of them: in `explain` and `diff`.
 */
#ifndef POLICY_NAMES_H
#define POLICY_NAMES_H

#include <stddef.h>

#include "policy_private.h"

/* The key of a dimension in a selector, and the side of an operation that it is of */
extern const char *const policy_dim_key[POLICY_DIM_COUNT];
enum side policy_dim_side(enum policy_dim dim, uint32_t op);

/* Whether requests of an operation have a value there */
bool policy_op_has_dim(uint32_t op, enum policy_dim dim);

/* Of anything that is shown: an executable's path may be as long as its file */
#define POLICY_NAME_LEN 512

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
