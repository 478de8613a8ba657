/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why a policy decides as it does, and how near it was to deciding otherwise. Needs no kernel.
 */
#ifndef POLICY_EXPLAIN_H
#define POLICY_EXPLAIN_H

#include "policy.h"

/* A clause that does not match, and all that keeps it from doing so */
struct policy_miss {
	const struct policy_clause *clause; /* NULL: there is none */
	bool op;       /* it is not about the operation */
	uint32_t dims; /* bit n: its condition on dimension n is not met */
};

struct policy_explanation {
	struct policy_verdict verdict;
	/* Another rule that matches and says the same: who removes one must remove both */
	bool again;
	uint32_t again_rule;
	/* A rule that allows and matches, where another denies */
	bool overruled;
	uint32_t overruled_rule;
	/*
	 * The rule that comes closest to changing the verdict: to allowing what no rule allows, or what would be
	 * without the rule that denies; to denying what is allowed
	 */
	struct policy_miss closest;
};

/**
 * policy_explain() - Decide a request as policy_decide() does, and say more
 * @policy: the policy
 * @request: the request
 * @out: the explanation; its clause points into @policy
 */
void policy_explain(const struct policy *policy, const struct policy_request *request,
		    struct policy_explanation *out);

#endif
