// SPDX-License-Identifier: GPL-2.0
/*
 * The tables that the BPF programs decide by, against policy_decide(): random policies and requests,
 * with one chunk of clauses and with several.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "iommufd_lsm_hooks.h"
#include "policy.h"
#include "tables_read.h"

static unsigned int random_state;

/* Numbers that are the same on every machine */
static unsigned int pick(unsigned int below)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 8) % below;
}

/* --- policies and requests ------------------------------------------------------------------------- */

/* Few letters, so that values, prefixes and prefixes of prefixes meet; sometimes as long as can be */
static void random_text(char *text)
{
	size_t len = pick(12) ? pick(6) : POLICY_TEXT_LEN - 1 - pick(3);

	memset(text, 0, POLICY_TEXT_LEN);
	for (size_t i = 0; i < len; i++)
		text[i] = "ab"[pick(2)];
}

static bool globs;

static void random_path(char *text)
{
	static const char *const levels[] = { "/a", "/b", "/ab", "/ba", "/aa" };

	text[0] = '\0';
	for (unsigned int i = pick(4); i; i--)
		strcat(text, levels[pick(5)]);
	if (!text[0])
		strcpy(text, "/");
}

static void random_match(struct policy_match *match, enum policy_dim dim, unsigned int any_of_8)
{
	memset(match, 0, sizeof(*match));
	match->any = pick(8) < any_of_8;
	if (match->any)
		return;
	if (dim == POLICY_DIM_EXE || dim == POLICY_DIM_RECIPIENT_EXE) {
		match->dev = 1 + pick(2);
		match->ino = 1 + pick(20);
	} else if (dim == POLICY_DIM_UID || dim == POLICY_DIM_RECIPIENT_UID) {
		match->uid = pick(20);
	} else if (dim == POLICY_DIM_GROUP) {
		match->gid = pick(8);
	} else if (dim == POLICY_DIM_CGROUP || (globs && !pick(4))) {
		static const char *const patterns[] = {
			"a*b", "*a", "?b*", "[!a]b", "a[ab]", "*ab*", "b?", "ab", "*b*a", "[a-b]*[b]",
		};
		static const char *const paths[] = {
			"/a/**", "/a", "/a/*/b", "/*", "/**", "/a?/b*/**", "/a*", "/b", "/a/**/b", "/",
		};

		match->glob = (dim == POLICY_DIM_CGROUP ? paths : patterns)[pick(10)];
	} else {
		random_text(match->text);
		match->len = strlen(match->text);
		match->prefix = pick(2);
	}
}

static struct policy random_policy(size_t nr_clauses, unsigned int any_of_8)
{
	struct policy policy = { .nr_clauses = nr_clauses };
	size_t nr_deny = nr_clauses ? pick(nr_clauses + 1) / 4 : 0;
	bool hand_over;

	policy.clauses = calloc(nr_clauses + 1, sizeof(*policy.clauses));
	cr_assert(policy.clauses);
	for (size_t i = 0; i < nr_clauses; i++) {
		policy.clauses[i].rule = i * 7 % 1000;
		policy.clauses[i].deny = i < nr_deny;
		policy.clauses[i].permissive = i < nr_deny ? i >= nr_deny - nr_deny / 4 :
							     i >= nr_clauses - nr_clauses / 8;
		policy.clauses[i].ops = 1 + pick((1 << IOMMUFD_LSM_OP_COUNT) - 1);
		hand_over = !pick(4);
		if (hand_over)
			policy.clauses[i].ops = 1u << POLICY_OP_HAND_OVER;
		for (int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
			bool has = dim <= POLICY_DIM_CGROUP || hand_over == (dim > POLICY_DIM_TO);

			random_match(&policy.clauses[i].match[dim], dim, has ? any_of_8 : 8);
		}
	}
	return policy;
}

static void random_request(struct policy_request *request)
{
	memset(request, 0, sizeof(*request));
	request->op = pick(5) ? pick(IOMMUFD_LSM_OP_COUNT) : POLICY_OP_HAND_OVER;
	if (pick(8)) {
		request->exe_dev = request->recipient_exe_dev = 1 + pick(2);
		request->exe_ino = 1 + pick(20);
		request->recipient_exe_ino = 1 + pick(20);
	}
	request->uid = pick(20);
	request->recipient_uid = pick(20);
	request->nr_groups = pick(4);
	for (uint32_t i = 0; i < request->nr_groups; i++)
		request->group[i] = pick(10);
	random_path(request->cgroup);
	random_text(request->address);
	random_text(request->id);
	random_text(request->class_code);
	random_text(request->driver);
	random_text(request->from);
	random_text(request->to);
}

/* Return: how many of the requests some clause decided */
static unsigned int compare(const struct policy *policy, unsigned int nr_requests)
{
	unsigned int i, decided = 0;
	struct tables tables;
	struct sorted_tables sorted;

	cr_assert_eq(tables_build(policy, 3, &tables), 0);
	sorted = tables_sort(&tables);
	for (i = 0; i < nr_requests; i++) {
		struct policy_verdict want, got;
		struct policy_request request;

		random_request(&request);
		want = policy_decide(policy, &request);
		got = tables_decide(&sorted, &request);
		cr_assert_eq(got.what, want.what, "request %u: %d, not %d", i, got.what, want.what);
		if (want.what != POLICY_NO_RULE)
			cr_assert_eq(got.rule, want.rule, "request %u: rule %u, not %u", i, got.rule,
				     want.rule);
		cr_assert_eq(got.permissive, want.permissive, "request %u", i);
		cr_assert_eq(got.would_deny, want.would_deny, "request %u", i);
		decided += want.what != POLICY_NO_RULE;
	}
	free(sorted.order);
	tables_free(&tables);
	return decided;
}

Test(tables, decide_as_the_policy_does)
{
	unsigned int round, decided = 0;

	random_state = 1;
	for (round = 0; round < 300; round++) {
		struct policy policy;

		globs = round % 2;
		policy = random_policy(pick(200), 3 + pick(5));

		decided += compare(&policy, 50);
		free(policy.clauses);
	}
	/* or the requests never met the policies, and nothing was compared */
	cr_assert_gt(decided, 1000);
	cr_assert_lt(decided, 300 * 50 - 1000);
}

Test(tables, several_chunks_decide_as_the_policy_does)
{
	static const size_t sizes[] = {
		IOLSM_CHUNK_CLAUSES - 1, IOLSM_CHUNK_CLAUSES, IOLSM_CHUNK_CLAUSES + 1,
		2 * IOLSM_CHUNK_CLAUSES, 3 * IOLSM_CHUNK_CLAUSES + 77,
	};
	size_t i;

	random_state = 2;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct policy policy = random_policy(sizes[i], 2);

		/* Only few clauses match anything, so that late chunks get to decide */
		cr_assert_gt(compare(&policy, 300), 10);
		free(policy.clauses);
	}
}

/* Clause @decisive, in whatever chunk, is the only one that matches: the answer is its rule */
Test(tables, the_last_clause_of_many_decides)
{
	const size_t nr = 2 * IOLSM_CHUNK_CLAUSES + 5;
	struct policy policy = random_policy(nr, 8);
	struct policy_request request = { .uid = 4242, .op = IOMMUFD_LSM_OP_device_bind };
	struct tables tables;
	struct sorted_tables sorted;

	for (size_t i = 0; i < nr; i++) {
		policy.clauses[i].deny = false;
		policy.clauses[i].ops = 1 << IOMMUFD_LSM_OP_device_bind;
		policy.clauses[i].match[POLICY_DIM_UID].any = false;
		policy.clauses[i].match[POLICY_DIM_UID].uid = i == nr - 1 ? 4242 : i % 1000;
	}
	policy.clauses[nr - 1].rule = 99;
	cr_assert_eq(tables_build(&policy, 1, &tables), 0);
	sorted = tables_sort(&tables);
	tables_words_read = 0;
	cr_assert_eq(tables_decide(&sorted, &request).what, POLICY_ALLOW);
	cr_assert_eq(tables_words_read, 1, "%lu words were looked at for one clause", tables_words_read);
	cr_assert_eq(tables_decide(&sorted, &request).rule, 99);
	request.uid = 4243;
	cr_assert_eq(tables_decide(&sorted, &request).what, POLICY_NO_RULE);
	free(sorted.order);
	tables_free(&tables);
	free(policy.clauses);
}

Test(tables, no_executable_matches_no_clause_that_names_one)
{
	struct policy policy = random_policy(1, 8);
	struct policy_request request = { .op = IOMMUFD_LSM_OP_ctx_open };
	struct tables tables;
	struct sorted_tables sorted;

	policy.clauses[0].ops = ~0U;
	policy.clauses[0].deny = false;
	policy.clauses[0].match[POLICY_DIM_EXE].any = false; /* device 0, inode 0 */
	cr_assert_eq(tables_build(&policy, 1, &tables), 0);
	sorted = tables_sort(&tables);
	cr_assert_eq(tables_decide(&sorted, &request).what, POLICY_NO_RULE);
	free(sorted.order);
	tables_free(&tables);
	free(policy.clauses);
}

Test(tables, an_empty_policy_decides_nothing)
{
	struct policy policy = random_policy(0, 8);

	cr_assert_eq(compare(&policy, 50), 0);
	free(policy.clauses);
}

Test(tables, too_many_clauses_are_refused)
{
	struct policy policy = { .nr_clauses = IOLSM_MAX_CLAUSES + 1 };
	struct tables tables;

	cr_assert_eq(tables_build(&policy, 1, &tables), -E2BIG);
	tables_free(&tables);
}
