// SPDX-License-Identifier: GPL-2.0
/*
 * Deciding a request by the clauses of a policy, one after the other: slow, obvious, and what the BPF
 * program must agree with.
 */
#include "policy.h"

#include <string.h>

bool policy_match_holds(enum policy_dim dim, const struct policy_match *match,
			const struct policy_request *request)
{
	const char *text;

	if (match->any)
		return true;
	switch (dim) {
	case POLICY_DIM_EXE:
		return request->exe_dev == match->dev && request->exe_ino == match->ino;
	case POLICY_DIM_UID:
		return request->uid == match->uid;
	case POLICY_DIM_ADDRESS:
		text = request->address;
		break;
	case POLICY_DIM_ID:
		text = request->id;
		break;
	case POLICY_DIM_CLASS:
		text = request->class_code;
		break;
	case POLICY_DIM_DRIVER:
		text = request->driver;
		break;
	case POLICY_DIM_FROM:
		text = request->from;
		break;
	case POLICY_DIM_TO:
		text = request->to;
		break;
	default:
		return false;
	}
	if (strncmp(text, match->text, match->len))
		return false;
	return match->prefix || !text[match->len];
}

struct policy_verdict policy_decide(const struct policy *policy, const struct policy_request *request)
{
	for (size_t i = 0; i < policy->nr_clauses; i++) {
		const struct policy_clause *clause = &policy->clauses[i];
		unsigned int dim = 0;

		if (request->op >= 32 || !(clause->ops & 1u << request->op))
			continue;
		while (dim < POLICY_DIM_COUNT && policy_match_holds(dim, &clause->match[dim], request))
			dim++;
		if (dim < POLICY_DIM_COUNT)
			continue;
		return (struct policy_verdict){ clause->deny ? POLICY_DENY : POLICY_ALLOW,
						clause->rule };
	}
	return (struct policy_verdict){ .what = POLICY_NO_RULE };
}
