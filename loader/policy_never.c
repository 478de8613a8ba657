// SPDX-License-Identifier: GPL-2.0
/*
 * Assertions: what 'never' says no rule allows, in no request whatever. Proved on the clauses: an allowing
 * clause that shares a request with an assertion must be denied there, by one clause that covers all they
 * share. That is stricter than it would have to be where only several denying rules together cover it; what
 * passes is proved.
 */
#include "policy_private.h"

#include <stdlib.h>

/* So many comparisons take some seconds. An assertion that was not looked at does not hold. */
#define MAX_COMPARISONS 1000000000ULL

struct proof {
	struct draft *draft;
	const struct policy *policy;
	size_t nr_denying;
	uint64_t comparisons;
};

static bool meets(struct proof *proof, const struct policy_clause *a, const struct policy_clause *b)
{
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		/* Patterns take longest */
		proof->comparisons += a->match[dim].glob || b->match[dim].glob ? 100 : 1;
		if (!policy_match_meets(dim, &a->match[dim], &b->match[dim]))
			return false;
	}
	return true;
}

/* Whether @deny matches all that both match: in each dimension, all of one of them is enough */
static bool covers_both(const struct policy_clause *deny, const struct policy_clause *a,
			const struct policy_clause *b)
{
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
		if (!policy_match_covers(dim, &deny->match[dim], &a->match[dim]) &&
		    !policy_match_covers(dim, &deny->match[dim], &b->match[dim]))
			return false;
	return true;
}

/* The operations in which @allow lets something pass that @never forbids */
static uint32_t allowed(struct proof *proof, const struct policy_clause *allow,
			const struct policy_clause *never)
{
	uint32_t ops = allow->ops & never->ops;

	if (!ops || !meets(proof, allow, never))
		return 0;
	for (size_t i = 0; i < proof->nr_denying && ops; i++) {
		const struct policy_clause *deny = &proof->policy->clauses[i];

		proof->comparisons += POLICY_DIM_COUNT;
		if (deny->ops & ops && covers_both(deny, allow, never))
			ops &= ~deny->ops;
	}
	return ops;
}

static void report(struct proof *proof, const struct rule *never, uint32_t rule, uint32_t ops)
{
	struct draft *draft = proof->draft;

	draft_error(draft, never->node, "narrowing one of the two, or one 'deny' for all they share",
		    "'%s' must never be allowed like this, and a rule allows it",
		    policy_op_name[__builtin_ctz(ops)]);
	draft_note(draft, draft->rule[rule].node, "this rule allows it");
}

/* Return: whether assertion @n holds */
static bool prove(struct proof *proof, const struct policy_clause *clauses, size_t nr, uint32_t n)
{
	const struct policy *policy = proof->policy;
	uint32_t last = UINT32_MAX, ops;
	bool holds = true;

	for (size_t i = proof->nr_denying; i < policy->nr_clauses; i++) {
		if (policy->clauses[i].deny || policy->clauses[i].rule == last)
			continue;
		for (size_t c = 0; c < nr; c++) {
			if (clauses[c].rule != n)
				continue;
			if (proof->comparisons > MAX_COMPARISONS) {
				draft_error(proof->draft, proof->draft->never[n].node,
					    "fewer or simpler rules and assertions",
					    "there is too much to compare to prove this");
				return false;
			}
			ops = allowed(proof, &policy->clauses[i], &clauses[c]);
			if (!ops)
				continue;
			/* Once for each rule */
			last = policy->clauses[i].rule;
			report(proof, &proof->draft->never[n], last, ops);
			holds = false;
			break;
		}
	}
	return holds;
}

size_t policy_prove_never(struct draft *draft, const struct policy *policy)
{
	struct proof proof = { .draft = draft, .policy = policy };
	struct policy_clause *clauses = NULL;
	size_t nr = 0, first = 0, end, failed = 0;

	if (!draft->nr_nevers)
		return 0;
	if (policy_expand(draft, draft->never, draft->nr_nevers, &clauses, &nr))
		return draft->nr_nevers;
	/* One on probation denies nothing */
	while (proof.nr_denying < policy->nr_clauses && policy->clauses[proof.nr_denying].deny &&
	       !policy->clauses[proof.nr_denying].permissive)
		proof.nr_denying++;
	for (uint32_t n = 0; n < draft->nr_nevers; n++) {
		for (end = first; end < nr && clauses[end].rule == n; end++)
			;
		failed += !prove(&proof, clauses + first, end - first, n);
		first = end;
	}
	free(clauses);
	return failed;
}
