/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From a compiled policy to the entries of the map by which BPF decides (bpf/policy_abi.h). Needs no
 * kernel; putting them into one is generation.c's business.
 */
#ifndef TABLES_H
#define TABLES_H

#include <stddef.h>
#include <stdint.h>
#include <linux/types.h>

#include "policy.h"
#include "policy_abi.h"

/* The entries of one generation, in no order. The keys are distinct. */
struct tables {
	struct iolsm_key *keys;
	union iolsm_value *values;
	size_t nr, room;
	uint32_t too_many; /* after -ENOSPC: the dimension */
};

/**
 * tables_build() - Make the entries for a policy
 * @policy: the policy
 * @generation: its number, from 1
 * @out: the entries, to be freed with tables_free(), also after a failure
 *
 * Return: 0; -E2BIG the policy has more than IOLSM_MAX_CLAUSES clauses; -ENOSPC the patterns of one dimension,
 * out->too_many, make too large an automaton; -ENOMEM.
 */
int tables_build(const struct policy *policy, uint64_t generation, struct tables *out);

void tables_free(struct tables *tables);

#endif
