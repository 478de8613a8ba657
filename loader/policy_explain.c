// SPDX-License-Identifier: GPL-2.0
/*
 * Looks at every clause of a policy, also behind the one that decides, and measures how far those are
 * away that do not match.
 */
#include "policy_explain.h"

#include "policy_names.h"

static struct policy_miss look_at(const struct policy_clause *clause,
				  const struct policy_request *request)
{
	struct policy_miss miss = { .clause = clause, .op = !(clause->ops & 1u << request->op) };

	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
		if (!policy_match_holds(dim, &clause->match[dim], request))
			miss.dims |= 1u << dim;
	return miss;
}

/*
 * A side counts, however many of its conditions fail: the wrong device is one thing to change. A rule about
 * another operation is further away than one with two wrong sides, or every rule without conditions would
 * be near to everything.
 */
static unsigned int distance(const struct policy_miss *miss)
{
	unsigned int sides = 0, dims = 0;

	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		if (!(miss->dims & 1u << dim))
			continue;
		sides |= 1u << policy_dim_side[dim];
		dims++;
	}
	return (miss->op ? 40 : 0) + 16 * __builtin_popcount(sides) + dims;
}

void policy_explain(const struct policy *policy, const struct policy_request *request,
		    struct policy_explanation *out)
{
	unsigned int nearest = ~0u;

	*out = (struct policy_explanation){ .verdict = policy_decide(policy, request) };
	for (size_t i = 0; i < policy->nr_clauses; i++) {
		const struct policy_clause *clause = &policy->clauses[i];
		struct policy_miss miss = look_at(clause, request);
		bool matches = !miss.op && !miss.dims;
		bool same = out->verdict.what != POLICY_NO_RULE &&
			    clause->deny == (out->verdict.what == POLICY_DENY);

		if (matches && same && clause->rule != out->verdict.rule && !out->again) {
			out->again = true;
			out->again_rule = clause->rule;
		} else if (matches && !same && !out->overruled) {
			out->overruled = true;
			out->overruled_rule = clause->rule;
		}
		/* Without any rule, only one that allows changes something */
		if (matches || same || (out->verdict.what == POLICY_NO_RULE && clause->deny) ||
		    distance(&miss) >= nearest)
			continue;
		nearest = distance(&miss);
		out->closest = miss;
	}
}
