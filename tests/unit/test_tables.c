// SPDX-License-Identifier: GPL-2.0
/*
 * The tables that the BPF programs decide by, against policy_decide(): random policies and requests,
 * with one chunk of clauses and with several. The lookups here follow bpf/classify.bpf.h step by step.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "iommufd_lsm_hooks.h"
#include "policy.h"
#include "tables.h"

static unsigned int random_state;

/* Numbers that are the same on every machine */
static unsigned int pick(unsigned int below)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 8) % below;
}

/* --- the tables, as BPF reads them --------------------------------------------------------------- */

struct sorted {
	const struct tables *tables;
	size_t *order;
};

static const struct tables *sorting;

static int compare_order(const void *a, const void *b)
{
	return memcmp(&sorting->keys[*(const size_t *)a], &sorting->keys[*(const size_t *)b],
		      sizeof(struct iolsm_key));
}

static struct sorted sort_tables(const struct tables *tables)
{
	struct sorted sorted = { tables, malloc(tables->nr * sizeof(size_t)) };

	cr_assert(sorted.order);
	for (size_t i = 0; i < tables->nr; i++)
		sorted.order[i] = i;
	sorting = tables;
	qsort(sorted.order, tables->nr, sizeof(size_t), compare_order);
	return sorted;
}

static const union iolsm_value *lookup(const struct sorted *sorted, const struct iolsm_key *key)
{
	size_t low = 0, high = sorted->tables->nr;

	while (low < high) {
		size_t middle = (low + high) / 2, i = sorted->order[middle];
		int order = memcmp(&sorted->tables->keys[i], key, sizeof(*key));

		if (!order)
			return &sorted->tables->values[i];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static const struct iolsm_row *find(const struct sorted *sorted, struct iolsm_key *key, uint32_t lens)
{
	const union iolsm_value *value;

	key->kind = IOLSM_KEY_EXACT;
	value = lookup(sorted, key);
	for (int len = IOLSM_TEXT_LEN - 1; !value && lens && len >= 1; len--) {
		key->kind = IOLSM_KEY_PREFIX;
		key->text[len] = '\0';
		key->len = len;
		if ((lens & (1U << len)) && key->text[len - 1])
			value = lookup(sorted, key);
	}
	if (!value) {
		uint32_t dim = key->dim;

		memset(key, 0, sizeof(*key));
		key->dim = dim;
		key->kind = IOLSM_KEY_ANY;
		value = lookup(sorted, key);
	}
	cr_assert(value, "dimension %u has no ANY row", key->dim);
	return &value->row;
}

static const struct iolsm_row *more(const struct sorted *sorted, uint32_t id, uint32_t any,
				    uint32_t chunk)
{
	struct iolsm_key key = { .kind = IOLSM_KEY_MORE, .dim = id, .chunk = chunk };
	const union iolsm_value *value = lookup(sorted, &key);

	if (!value) {
		cr_assert_neq(id, any, "an ANY or OP row lacks chunk %u", chunk);
		key.dim = any;
		value = lookup(sorted, &key);
	}
	cr_assert(value);
	return &value->row;
}

/* How many words the decisions so far looked at */
static unsigned long looked_at;

static struct policy_verdict decide(const struct sorted *sorted, const struct policy_request *request)
{
	const char *const texts[POLICY_DIM_COUNT] = {
		NULL, NULL, request->address, request->id, request->class_code, request->driver,
		request->from, request->to,
	};
	const struct iolsm_row *row[POLICY_DIM_COUNT + 1];
	uint32_t id[POLICY_DIM_COUNT + 1];
	struct iolsm_key key = { 0 };
	const struct iolsm_config *config = &lookup(sorted, &key)->config;
	const union iolsm_value *rules;
	uint32_t dim, chunk, clause;
	uint64_t chunks, words;

	key.kind = IOLSM_KEY_OP;
	key.dim = request->op;
	row[POLICY_DIM_COUNT] = &lookup(sorted, &key)->row;
	for (dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		memset(&key, 0, sizeof(key));
		key.dim = dim;
		if (dim == POLICY_DIM_EXE) {
			key.number[0] = request->exe_dev;
			key.number[1] = request->exe_ino;
		} else if (dim == POLICY_DIM_UID) {
			key.number[0] = request->uid;
		} else {
			strncpy(key.text, texts[dim], sizeof(key.text) - 1);
		}
		row[dim] = find(sorted, &key, config->prefix_lens[dim]);
	}
	for (dim = 0; dim <= POLICY_DIM_COUNT; dim++)
		id[dim] = row[dim]->id;

	chunks = ~0ULL;
	for (dim = 0; dim <= POLICY_DIM_COUNT; dim++)
		chunks &= row[dim]->in_chunks;
	for (; chunks; chunks &= chunks - 1) {
		chunk = __builtin_ctzll(chunks);
		cr_assert_lt(chunk, config->nr_chunks);
		if (chunk) {
			for (dim = 0; dim < POLICY_DIM_COUNT; dim++)
				row[dim] = more(sorted, id[dim], IOLSM_ROW_ANY(dim), chunk);
			row[dim] = more(sorted, id[dim], id[dim], chunk);
		}
		words = ~0ULL;
		for (dim = 0; dim <= POLICY_DIM_COUNT; dim++)
			words &= row[dim]->in_words;
		for (; words; words &= words - 1) {
			int word = __builtin_ctzll(words);
			uint64_t all = ~0ULL;

			for (dim = 0; dim <= POLICY_DIM_COUNT; dim++)
				all &= row[dim]->words[word];
			looked_at++;
			if (!all)
				continue;
			clause = chunk * IOLSM_CHUNK_CLAUSES + word * 64 + __builtin_ctzll(all);
			cr_assert_lt(clause, config->nr_clauses);
			memset(&key, 0, sizeof(key));
			key.kind = IOLSM_KEY_RULES;
			key.chunk = clause / IOLSM_RULES;
			rules = lookup(sorted, &key);
			cr_assert(rules);
			return (struct policy_verdict){
				clause < config->nr_deny ? POLICY_DENY : POLICY_ALLOW,
				rules->rules[clause % IOLSM_RULES],
			};
		}
	}
	return (struct policy_verdict){ .what = POLICY_NO_RULE };
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

static void random_match(struct policy_match *match, enum policy_dim dim, unsigned int any_of_8)
{
	memset(match, 0, sizeof(*match));
	match->any = pick(8) < any_of_8;
	if (match->any)
		return;
	if (dim == POLICY_DIM_EXE) {
		match->dev = 1 + pick(2);
		match->ino = 1 + pick(20);
	} else if (dim == POLICY_DIM_UID) {
		match->uid = pick(20);
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

	policy.clauses = calloc(nr_clauses + 1, sizeof(*policy.clauses));
	cr_assert(policy.clauses);
	for (size_t i = 0; i < nr_clauses; i++) {
		policy.clauses[i].rule = i * 7 % 1000;
		policy.clauses[i].deny = i < nr_deny;
		policy.clauses[i].ops = 1 + pick((1 << IOMMUFD_LSM_OP_COUNT) - 1);
		for (int dim = 0; dim < POLICY_DIM_COUNT; dim++)
			random_match(&policy.clauses[i].match[dim], dim, any_of_8);
	}
	return policy;
}

static void random_request(struct policy_request *request)
{
	memset(request, 0, sizeof(*request));
	request->op = pick(IOMMUFD_LSM_OP_COUNT);
	if (pick(8)) {
		request->exe_dev = 1 + pick(2);
		request->exe_ino = 1 + pick(20);
	}
	request->uid = pick(20);
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
	struct sorted sorted;

	cr_assert_eq(tables_build(policy, 3, &tables), 0);
	sorted = sort_tables(&tables);
	for (size_t n = 1; n < tables.nr; n++)
		cr_assert_neq(memcmp(&tables.keys[sorted.order[n - 1]],
				     &tables.keys[sorted.order[n]], sizeof(struct iolsm_key)), 0,
			      "two entries have one key");
	for (i = 0; i < nr_requests; i++) {
		struct policy_verdict want, got;
		struct policy_request request;

		random_request(&request);
		want = policy_decide(policy, &request);
		got = decide(&sorted, &request);
		cr_assert_eq(got.what, want.what, "request %u: %d, not %d", i, got.what, want.what);
		if (want.what != POLICY_NO_RULE)
			cr_assert_eq(got.rule, want.rule, "request %u: rule %u, not %u", i, got.rule,
				     want.rule);
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
		struct policy policy = random_policy(pick(200), 3 + pick(5));

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
	struct sorted sorted;

	for (size_t i = 0; i < nr; i++) {
		policy.clauses[i].deny = false;
		policy.clauses[i].ops = 1 << IOMMUFD_LSM_OP_device_bind;
		policy.clauses[i].match[POLICY_DIM_UID].any = false;
		policy.clauses[i].match[POLICY_DIM_UID].uid = i == nr - 1 ? 4242 : i % 1000;
	}
	policy.clauses[nr - 1].rule = 99;
	cr_assert_eq(tables_build(&policy, 1, &tables), 0);
	sorted = sort_tables(&tables);
	looked_at = 0;
	cr_assert_eq(decide(&sorted, &request).what, POLICY_ALLOW);
	cr_assert_eq(looked_at, 1, "%lu words were looked at for one clause", looked_at);
	cr_assert_eq(decide(&sorted, &request).rule, 99);
	request.uid = 4243;
	cr_assert_eq(decide(&sorted, &request).what, POLICY_NO_RULE);
	free(sorted.order);
	tables_free(&tables);
	free(policy.clauses);
}

Test(tables, no_executable_matches_no_clause_that_names_one)
{
	struct policy policy = random_policy(1, 8);
	struct policy_request request = { .op = IOMMUFD_LSM_OP_ctx_open };
	struct tables tables;
	struct sorted sorted;

	policy.clauses[0].ops = ~0U;
	policy.clauses[0].deny = false;
	policy.clauses[0].match[POLICY_DIM_EXE].any = false; /* device 0, inode 0 */
	cr_assert_eq(tables_build(&policy, 1, &tables), 0);
	sorted = sort_tables(&tables);
	cr_assert_eq(decide(&sorted, &request).what, POLICY_NO_RULE);
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
