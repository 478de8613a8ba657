// SPDX-License-Identifier: GPL-2.0
/*
 * The lookups of bpf/classify.bpf.h in plain C. Whatever the tables lack fails the test.
 */
#include "tables_read.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#define NONE UINT32_MAX

unsigned long tables_words_read;

static const struct tables *sorting;

static int compare_order(const void *a, const void *b)
{
	return memcmp(&sorting->keys[*(const size_t *)a], &sorting->keys[*(const size_t *)b],
		      sizeof(struct iolsm_key));
}

struct sorted_tables tables_sort(const struct tables *tables)
{
	struct sorted_tables sorted = { tables, malloc(tables->nr * sizeof(size_t)) };

	cr_assert(sorted.order);
	for (size_t i = 0; i < tables->nr; i++)
		sorted.order[i] = i;
	sorting = tables;
	qsort(sorted.order, tables->nr, sizeof(size_t), compare_order);
	for (size_t i = 1; i < tables->nr; i++)
		cr_assert_neq(memcmp(&tables->keys[sorted.order[i - 1]], &tables->keys[sorted.order[i]],
				     sizeof(struct iolsm_key)), 0, "two entries have one key");
	return sorted;
}

/* Where @key is, or the first that would come after it */
static size_t position(const struct sorted_tables *sorted, const struct iolsm_key *key)
{
	size_t low = 0, high = sorted->tables->nr;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (memcmp(&sorted->tables->keys[sorted->order[middle]], key, sizeof(*key)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const union iolsm_value *lookup(const struct sorted_tables *sorted, const struct iolsm_key *key)
{
	size_t at = position(sorted, key), i;

	if (at == sorted->tables->nr)
		return NULL;
	i = sorted->order[at];
	return memcmp(&sorted->tables->keys[i], key, sizeof(*key)) ? NULL : &sorted->tables->values[i];
}

/* An executable's entry has its inode's generation, which requests here do not say: it is the same file */
static const union iolsm_value *lookup_exe(const struct sorted_tables *sorted, const struct iolsm_key *key)
{
	size_t at = position(sorted, key), i;

	if (at == sorted->tables->nr)
		return NULL;
	i = sorted->order[at];
	return memcmp(&sorted->tables->keys[i], key, offsetof(struct iolsm_key, number[2])) ?
	       NULL : &sorted->tables->values[i];
}

/* A row, the last resort of which is that for values that the policy does not name */
static const struct iolsm_row *row_or_any(const struct sorted_tables *sorted,
					  const union iolsm_value *value, uint32_t dim)
{
	struct iolsm_key any = { .kind = IOLSM_KEY_ANY, .dim = dim };

	if (!value)
		value = lookup(sorted, &any);
	cr_assert(value, "dimension %u has no ANY row", dim);
	return &value->row;
}

static const struct iolsm_row *find_text(const struct sorted_tables *sorted, uint32_t dim,
					 const char *text, uint32_t lens)
{
	struct iolsm_key key = { .kind = IOLSM_KEY_EXACT, .dim = dim };
	const union iolsm_value *value;

	strncpy(key.text, text, sizeof(key.text) - 1);
	value = lookup(sorted, &key);
	for (int len = IOLSM_TEXT_LEN - 1; !value && lens && len >= 1; len--) {
		key.kind = IOLSM_KEY_PREFIX;
		key.text[len] = '\0';
		key.len = len;
		if ((lens & (1U << len)) && key.text[len - 1])
			value = lookup(sorted, &key);
	}
	return row_or_any(sorted, value, dim);
}

static const struct iolsm_row *find_number(const struct sorted_tables *sorted, uint32_t dim,
					   uint64_t first, uint64_t second)
{
	struct iolsm_key key = { .kind = IOLSM_KEY_EXACT, .dim = dim };

	key.number[0] = first;
	key.number[1] = second;
	return row_or_any(sorted, dim == POLICY_DIM_EXE || dim == POLICY_DIM_RECIPIENT_EXE ?
			  lookup_exe(sorted, &key) : lookup(sorted, &key), dim);
}

static const struct iolsm_row *find_by_automaton(const struct sorted_tables *sorted, uint32_t dim,
						 const char *text)
{
	struct iolsm_key key = { .kind = IOLSM_KEY_STATE, .dim = dim };
	const union iolsm_value *value;
	bool stays = false;

	key.number[0] = IOLSM_STATE_START;
	for (; *text && key.number[0] != IOLSM_STATE_DEAD; text++) {
		value = lookup(sorted, &key);
		cr_assert(value, "dimension %u lacks state %llu", dim, key.number[0]);
		if (stays)
			cr_assert_eq(value->step.next[(unsigned char)*text], key.number[0]);
		stays = value->step.stays;
		key.number[0] = value->step.next[(unsigned char)*text];
	}
	return find_number(sorted, dim, key.number[0], 0);
}

struct rows {
	const struct sorted_tables *sorted;
	const struct iolsm_config *config;
	const struct iolsm_row *row[POLICY_DIM_COUNT + 1]; /* and the operation's */
};

static void select_rows(struct rows *rows, const struct policy_request *request)
{
	const char *const texts[POLICY_DIM_COUNT] = {
		[POLICY_DIM_CGROUP] = request->cgroup, request->address, request->id, request->class_code,
		request->driver, request->from, request->to,
	};
	const struct sorted_tables *sorted = rows->sorted;
	bool hand_over = request->op == POLICY_OP_HAND_OVER;
	struct iolsm_key op = { .kind = IOLSM_KEY_OP, .dim = request->op };
	const union iolsm_value *value = lookup(sorted, &op);

	cr_assert(value, "operation %u has no row", request->op);
	for (unsigned int dim = 0; dim <= POLICY_DIM_COUNT; dim++)
		rows->row[dim] = &value->row;
	rows->row[POLICY_DIM_EXE] = find_number(sorted, POLICY_DIM_EXE, request->exe_dev,
						request->exe_ino);
	rows->row[POLICY_DIM_UID] = find_number(sorted, POLICY_DIM_UID, request->uid, 0);
	for (unsigned int dim = POLICY_DIM_CGROUP; dim <= POLICY_DIM_TO; dim++) {
		if (hand_over && dim != POLICY_DIM_CGROUP)
			break;
		rows->row[dim] = rows->config->automata & 1u << dim ?
			find_by_automaton(sorted, dim, texts[dim]) :
			find_text(sorted, dim, texts[dim], rows->config->prefix_lens[dim]);
	}
	if (!hand_over)
		return;
	rows->row[POLICY_DIM_RECIPIENT_EXE] =
		find_number(sorted, POLICY_DIM_RECIPIENT_EXE, request->recipient_exe_dev,
			    request->recipient_exe_ino);
	rows->row[POLICY_DIM_RECIPIENT_UID] =
		find_number(sorted, POLICY_DIM_RECIPIENT_UID, request->recipient_uid, 0);
}

static const struct iolsm_row *chunk_of(const struct rows *rows, unsigned int dim, uint32_t chunk)
{
	uint32_t id = rows->row[dim]->id, op = rows->row[POLICY_DIM_COUNT]->id;
	struct iolsm_key key = { .kind = IOLSM_KEY_CHUNK, .dim = id, .chunk = chunk };
	const union iolsm_value *value = lookup(rows->sorted, &key);

	if (!value) {
		cr_assert(dim != POLICY_DIM_COUNT && id != op, "an OP row lacks chunk %u", chunk);
		cr_assert_neq(id, IOLSM_ROW_ANY(dim), "an ANY row lacks chunk %u", chunk);
		key.dim = IOLSM_ROW_ANY(dim);
		value = lookup(rows->sorted, &key);
	}
	cr_assert(value);
	return &value->row;
}

/* The first clause from @from on, with the row for GROUP that stands in @rows */
static uint32_t first_clause(const struct rows *rows, uint32_t from)
{
	const struct iolsm_row *row[POLICY_DIM_COUNT + 1];
	uint64_t chunks = ~0ULL, words, all;
	uint32_t chunk, clause;
	unsigned int dim;

	for (dim = 0; dim <= POLICY_DIM_COUNT; dim++)
		chunks &= rows->row[dim]->in_chunks;
	for (; chunks; chunks &= chunks - 1) {
		chunk = __builtin_ctzll(chunks);
		cr_assert_lt(chunk, rows->config->nr_chunks);
		words = ~0ULL;
		for (dim = 0; dim <= POLICY_DIM_COUNT; dim++) {
			row[dim] = chunk_of(rows, dim, chunk);
			words &= row[dim]->in_words;
		}
		for (; words; words &= words - 1) {
			int word = __builtin_ctzll(words);

			all = ~0ULL;
			for (dim = 0; dim <= POLICY_DIM_COUNT; dim++)
				all &= row[dim]->words[word];
			tables_words_read++;
			for (; all; all &= all - 1) {
				clause = chunk * IOLSM_CHUNK_CLAUSES + word * 64 +
					 __builtin_ctzll(all);
				cr_assert_lt(clause, rows->config->nr_clauses);
				if (clause >= from)
					return clause;
			}
		}
	}
	return NONE;
}

/* With each group that the policy names, or with none */
static uint32_t first_of_groups(struct rows *rows, const struct policy_request *request, uint32_t from)
{
	uint32_t first = NONE;
	bool named = false;

	for (uint32_t i = 0; rows->config->groups && i < request->nr_groups; i++) {
		struct iolsm_key key = { .kind = IOLSM_KEY_EXACT, .dim = POLICY_DIM_GROUP };
		const union iolsm_value *value;
		uint32_t clause;

		key.number[0] = request->group[i];
		value = lookup(rows->sorted, &key);
		if (!value)
			continue;
		named = true;
		rows->row[POLICY_DIM_GROUP] = &value->row;
		clause = first_clause(rows, from);
		if (clause < first)
			first = clause;
	}
	if (named)
		return first;
	rows->row[POLICY_DIM_GROUP] = row_or_any(rows->sorted, NULL, POLICY_DIM_GROUP);
	return first_clause(rows, from);
}

struct policy_verdict tables_decide(const struct sorted_tables *sorted,
				    const struct policy_request *request)
{
	struct policy_verdict verdict = { .what = POLICY_NO_RULE };
	struct iolsm_key key = { 0 };
	struct rows rows = { .sorted = sorted, .config = &lookup(sorted, &key)->config };
	const struct iolsm_config *config = rows.config;
	uint32_t first_allow = config->nr_deny + config->nr_would_deny, clause, rule, from = 0;
	const union iolsm_value *rules;

	select_rows(&rows, request);
	for (;;) {
		clause = first_of_groups(&rows, request, from);
		if (clause == NONE)
			return verdict;
		key.kind = IOLSM_KEY_RULES;
		key.chunk = clause / IOLSM_RULES;
		rules = lookup(sorted, &key);
		cr_assert(rules);
		rule = rules->rules[clause % IOLSM_RULES];
		if (clause < config->nr_deny || clause >= first_allow)
			break;
		verdict.would_deny = rule + 1;
		from = first_allow;
	}
	verdict.what = clause < config->nr_deny ? POLICY_DENY : POLICY_ALLOW;
	verdict.rule = rule;
	verdict.permissive = clause >= first_allow + config->nr_allow;
	return verdict;
}
