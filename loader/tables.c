// SPDX-License-Identifier: GPL-2.0
/*
 * Builds the rows that policy_abi.h describes. Everything that can be settled before a decision is
 * settled here: which prefixes a value has, which clauses ask for nothing.
 */
#include "tables.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "automaton.h"
#include "iommufd_lsm_hooks.h"

/* One clause asks for this value or prefix */
struct demand {
	struct iolsm_key key; /* kind EXACT or PREFIX, chunk 0 */
	uint32_t clause;
};

struct builder {
	const struct policy *policy;
	struct tables *out;
	struct demand *demands; /* sorted by key, then by clause */
	size_t nr_demands;
	uint32_t nr_chunks;
	uint32_t prefix_lens[IOLSM_DIMS];
	uint32_t automata; /* bit n: dimension n is decided by an automaton */
	__u64 *any;   /* the clauses that ask for nothing in the dimension at hand, nr_chunks chunks */
	size_t head;     /* where in out the head of the row at hand is */
	size_t *entries; /* and each of its chunks, or NO_ENTRY */
	uint32_t next_row;
};

#define NO_ENTRY ((size_t)-1)

/* Return: where the entry is, or NO_ENTRY if there is no memory. The value is zero. */
static size_t add_entry(struct tables *tables, const struct iolsm_key *key)
{
	if (tables->nr == tables->room) {
		size_t room = tables->room ? 2 * tables->room : 128;
		struct iolsm_key *keys = reallocarray(tables->keys, room, sizeof(*keys));
		union iolsm_value *values;

		if (!keys)
			return NO_ENTRY;
		tables->keys = keys;
		values = reallocarray(tables->values, room, sizeof(*values));
		if (!values)
			return NO_ENTRY;
		tables->values = values;
		tables->room = room;
	}
	tables->keys[tables->nr] = *key;
	memset(&tables->values[tables->nr], 0, sizeof(*tables->values));
	return tables->nr++;
}

static void set_bit(__u64 *words, uint32_t bit)
{
	words[bit / 64] |= 1ULL << (bit % 64);
}

static __u64 not_zero(const __u64 *words)
{
	__u64 which = 0;
	int i;

	for (i = 0; i < IOLSM_WORDS; i++)
		if (words[i])
			which |= 1ULL << i;
	return which;
}

static bool is_text(uint32_t dim)
{
	return dim >= POLICY_DIM_ADDRESS && dim <= POLICY_DIM_TO;
}

/* An empty prefix asks for nothing, as any does */
static bool asks_for_nothing(const struct policy_match *match)
{
	return match->any || (match->prefix && !match->len && !match->glob);
}

/* Return: false if nothing can match: "no executable" is how a task without a label looks. */
static bool demand_key(const struct policy_match *match, uint32_t dim, struct iolsm_key *key)
{
	memset(key, 0, sizeof(*key));
	key->dim = dim;
	key->kind = IOLSM_KEY_EXACT;
	if (dim == POLICY_DIM_EXE || dim == POLICY_DIM_RECIPIENT_EXE) {
		key->number[0] = match->dev;
		key->number[1] = match->ino;
		key->number[2] = match->inode_generation;
		return match->ino;
	}
	if (!is_text(dim)) {
		key->number[0] = match->uid; /* or the gid */
		return true;
	}
	if (match->len >= IOLSM_TEXT_LEN)
		return false;
	memcpy(key->text, match->text, match->len);
	if (match->prefix) {
		key->kind = IOLSM_KEY_PREFIX;
		key->len = match->len;
	}
	return true;
}

static int compare_demands(const void *a, const void *b)
{
	const struct demand *x = a, *y = b;
	int order = memcmp(&x->key, &y->key, sizeof(x->key));

	return order ? order : (x->clause > y->clause) - (x->clause < y->clause);
}

/* One glob, and all values of its dimension are read by an automaton */
static void find_automata(struct builder *b)
{
	for (size_t i = 0; i < b->policy->nr_clauses; i++)
		for (uint32_t dim = 0; dim < IOLSM_DIMS; dim++)
			if (b->policy->clauses[i].match[dim].glob)
				b->automata |= 1U << dim;
}

static int collect_demands(struct builder *b)
{
	const struct policy *policy = b->policy;
	size_t clause;
	uint32_t dim;

	b->demands = calloc(policy->nr_clauses * IOLSM_DIMS + 1, sizeof(*b->demands));
	if (!b->demands)
		return -ENOMEM;
	for (clause = 0; clause < policy->nr_clauses; clause++) {
		for (dim = 0; dim < IOLSM_DIMS; dim++) {
			const struct policy_match *match = &policy->clauses[clause].match[dim];
			struct demand *demand = &b->demands[b->nr_demands];

			if (asks_for_nothing(match) || b->automata & 1U << dim ||
			    !demand_key(match, dim, &demand->key))
				continue;
			demand->clause = clause;
			b->nr_demands++;
			if (is_text(dim) && match->prefix)
				b->prefix_lens[dim] |= 1U << match->len;
		}
	}
	qsort(b->demands, b->nr_demands, sizeof(*b->demands), compare_demands);
	return 0;
}

/* The first demand for @key, or where it would be */
static size_t find_demand(const struct builder *b, const struct iolsm_key *key)
{
	size_t low = 0, high = b->nr_demands;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(&b->demands[middle].key, key, sizeof(*key)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* Begin the row @id, for the values of @key, without a chunk: all as in the ANY row. */
static int begin_row(struct builder *b, const struct iolsm_key *key, uint32_t id)
{
	uint32_t chunk;

	b->head = add_entry(b->out, key);
	if (b->head == NO_ENTRY)
		return -ENOMEM;
	b->out->values[b->head].row.id = id;
	for (chunk = 0; chunk < b->nr_chunks; chunk++)
		b->entries[chunk] = NO_ENTRY;
	return 0;
}

/* Begin chunk @chunk of the row at hand with these words of all chunks */
static int begin_chunk(struct builder *b, uint32_t chunk, const __u64 *from)
{
	struct iolsm_key key = {
		.kind = IOLSM_KEY_CHUNK, .dim = b->out->values[b->head].row.id, .chunk = chunk,
	};
	struct iolsm_row *row;
	size_t entry;

	entry = add_entry(b->out, &key);
	if (entry == NO_ENTRY)
		return -ENOMEM;
	row = &b->out->values[entry].row;
	memcpy(row->words, from + (size_t)chunk * IOLSM_WORDS, sizeof(row->words));
	b->entries[chunk] = entry;
	return 0;
}

/* Set the bit of a clause in the row at hand */
static int add_clause(struct builder *b, uint32_t clause)
{
	uint32_t chunk = clause / IOLSM_CHUNK_CLAUSES;
	int rc;

	if (b->entries[chunk] == NO_ENTRY) {
		rc = begin_chunk(b, chunk, b->any);
		if (rc)
			return rc;
	}
	set_bit(b->out->values[b->entries[chunk]].row.words, clause % IOLSM_CHUNK_CLAUSES);
	return 0;
}

/* Set the bits of everybody who asks for @key in the row at hand */
static int add_demands(struct builder *b, const struct iolsm_key *key)
{
	size_t i;
	int rc;

	for (i = find_demand(b, key); i < b->nr_demands; i++) {
		const struct demand *demand = &b->demands[i];

		if (memcmp(&demand->key, key, sizeof(*key)))
			break;
		rc = add_clause(b, demand->clause);
		if (rc)
			return rc;
	}
	return 0;
}

/* Say what is not zero in the row at hand, of whose chunks those without an entry are as in the ANY row */
static void finish_row(struct builder *b)
{
	__u64 in_chunks = 0, in_words;
	struct iolsm_row *row;
	uint32_t chunk;

	for (chunk = 0; chunk < b->nr_chunks; chunk++) {
		if (b->entries[chunk] == NO_ENTRY) {
			in_words = not_zero(b->any + (size_t)chunk * IOLSM_WORDS);
		} else {
			row = &b->out->values[b->entries[chunk]].row;
			in_words = row->in_words = not_zero(row->words);
		}
		if (in_words)
			in_chunks |= 1ULL << chunk;
	}
	b->out->values[b->head].row.in_chunks = in_chunks;
}

/* The row of one value or prefix that the policy names: its own clauses, and those of its prefixes */
static int build_row(struct builder *b, const struct iolsm_key *key)
{
	struct iolsm_key prefix = *key;
	int rc, len;

	rc = begin_row(b, key, b->next_row++);
	if (!rc)
		rc = add_demands(b, key);
	if (!is_text(key->dim))
		goto out;

	prefix.kind = IOLSM_KEY_PREFIX;
	for (len = IOLSM_TEXT_LEN - 1; !rc && len >= 1; len--) {
		prefix.text[len] = '\0';
		prefix.len = len;
		if (!(b->prefix_lens[key->dim] & (1U << len)) || !prefix.text[len - 1])
			continue;
		if (key->kind == IOLSM_KEY_PREFIX && len >= (int)key->len)
			continue;
		rc = add_demands(b, &prefix);
	}
out:
	if (!rc)
		finish_row(b);
	return rc;
}

/* A row that is there in all its chunks */
static int build_whole_row(struct builder *b, const struct iolsm_key *key, uint32_t id,
			   const __u64 *words)
{
	int rc = begin_row(b, key, id);
	uint32_t chunk;

	for (chunk = 0; !rc && chunk < b->nr_chunks; chunk++)
		rc = begin_chunk(b, chunk, words);
	if (!rc)
		finish_row(b);
	return rc;
}

/* A pattern, and one clause that asks for it */
struct wish {
	const struct policy_match *match;
	uint32_t clause;
};

static int compare_matches(const struct policy_match *a, const struct policy_match *b)
{
	int order = strcmp(a->glob ? a->glob : a->text, b->glob ? b->glob : b->text);

	if (!order)
		order = (a->glob != NULL) - (b->glob != NULL);
	return order ? order : a->prefix - b->prefix;
}

static int compare_wishes(const void *a, const void *b)
{
	const struct wish *x = a, *y = b;
	int order = compare_matches(x->match, y->match);

	return order ? order : (x->clause > y->clause) - (x->clause < y->clause);
}

/* Return: the pattern, without room for more tokens than it has; NULL: no memory */
static struct glob *make_glob(const struct policy_match *match, uint32_t dim)
{
	struct glob glob;
	size_t size;
	void *copy;

	if (match->glob)
		glob_parse(match->glob, dim == POLICY_DIM_CGROUP, &glob);
	else
		glob_of_text(match->text, match->prefix, &glob);
	size = offsetof(struct glob, token) + (glob.nr + 1) * sizeof(glob.token[0]);
	copy = malloc(size);
	return copy ? memcpy(copy, &glob, size) : NULL;
}

/* The patterns of a dimension, each once, and who asks for which */
struct patterns {
	struct wish *wish; /* sorted */
	size_t nr_wishes;
	struct glob **glob;
	size_t *first;     /* of each pattern: the first of its wishes; and the end of all */
	size_t nr;
};

static int collect_patterns(const struct builder *b, uint32_t dim, struct patterns *patterns)
{
	size_t room = b->policy->nr_clauses + 1, i;

	patterns->wish = calloc(room, sizeof(*patterns->wish));
	patterns->glob = calloc(room, sizeof(*patterns->glob));
	patterns->first = calloc(room, sizeof(*patterns->first));
	if (!patterns->wish || !patterns->glob || !patterns->first)
		return -ENOMEM;
	for (i = 0; i < b->policy->nr_clauses; i++) {
		const struct policy_match *match = &b->policy->clauses[i].match[dim];

		if (!asks_for_nothing(match))
			patterns->wish[patterns->nr_wishes++] = (struct wish){ match, i };
	}
	qsort(patterns->wish, patterns->nr_wishes, sizeof(*patterns->wish), compare_wishes);
	for (i = 0; i < patterns->nr_wishes; i++) {
		if (i && !compare_matches(patterns->wish[i].match, patterns->wish[i - 1].match))
			continue;
		patterns->first[patterns->nr] = i;
		patterns->glob[patterns->nr] = make_glob(patterns->wish[i].match, dim);
		if (!patterns->glob[patterns->nr++])
			return -ENOMEM;
	}
	patterns->first[patterns->nr] = patterns->nr_wishes;
	return 0;
}

/* What a state does with each byte, and the row of values that end in it */
static int build_state(struct builder *b, uint32_t dim, const struct patterns *patterns,
		       const struct automaton *automaton, uint32_t number)
{
	const struct automaton_state *state = &automaton->state[number];
	struct iolsm_key key = { .kind = IOLSM_KEY_STATE, .dim = dim };
	size_t entry, i, w;
	int rc;

	key.number[0] = number;
	entry = add_entry(b->out, &key);
	if (entry == NO_ENTRY)
		return -ENOMEM;
	memcpy(b->out->values[entry].step.next, state->next, sizeof(state->next));
	b->out->values[entry].step.stays = true;
	for (i = 1; i < 256; i++)
		if (state->next[i] != number)
			b->out->values[entry].step.stays = false;
	if (!state->nr)
		return 0;

	key.kind = IOLSM_KEY_EXACT;
	rc = begin_row(b, &key, b->next_row++);
	for (i = 0; i < state->nr; i++) {
		uint32_t pattern = automaton->accepts[state->first + i];

		for (w = patterns->first[pattern]; !rc && w < patterns->first[pattern + 1]; w++)
			rc = add_clause(b, patterns->wish[w].clause);
	}
	if (!rc)
		finish_row(b);
	return rc;
}

static int build_automaton(struct builder *b, uint32_t dim)
{
	struct patterns patterns = { 0 };
	struct automaton automaton = { 0 };
	int rc = collect_patterns(b, dim, &patterns);
	size_t i;

	if (!rc)
		rc = automaton_build((const struct glob *const *)patterns.glob, patterns.nr, &automaton);
	if (rc == -E2BIG) {
		rc = -ENOSPC;
		b->out->too_many = dim;
	}
	for (i = AUTOMATON_START; !rc && i < automaton.nr; i++)
		rc = build_state(b, dim, &patterns, &automaton, i);
	automaton_free(&automaton);
	for (i = 0; patterns.glob && i < patterns.nr; i++)
		free(patterns.glob[i]);
	free(patterns.glob);
	free(patterns.wish);
	free(patterns.first);
	return rc;
}

static int build_dim(struct builder *b, uint32_t dim)
{
	struct iolsm_key key = { .kind = IOLSM_KEY_ANY, .dim = dim };
	size_t i;
	int rc;

	memset(b->any, 0, (size_t)b->nr_chunks * IOLSM_WORDS * sizeof(*b->any));
	for (i = 0; i < b->policy->nr_clauses; i++)
		if (asks_for_nothing(&b->policy->clauses[i].match[dim]))
			set_bit(b->any, i);
	rc = build_whole_row(b, &key, IOLSM_ROW_ANY(dim), b->any);
	if (!rc && b->automata & 1U << dim)
		return build_automaton(b, dim);

	for (i = 0; !rc && i < b->nr_demands; i++) {
		const struct iolsm_key *this = &b->demands[i].key;

		if (this->dim != dim || (i && !memcmp(this, &b->demands[i - 1].key, sizeof(*this))))
			continue;
		rc = build_row(b, this);
	}
	return rc;
}

static int build_op(struct builder *b, uint32_t op)
{
	struct iolsm_key key = { .kind = IOLSM_KEY_OP, .dim = op };
	size_t i;

	memset(b->any, 0, (size_t)b->nr_chunks * IOLSM_WORDS * sizeof(*b->any));
	for (i = 0; i < b->policy->nr_clauses; i++)
		if (b->policy->clauses[i].ops & (1U << op))
			set_bit(b->any, i);
	return build_whole_row(b, &key, IOLSM_ROW_OP(op), b->any);
}

static int build_rules(struct builder *b)
{
	struct iolsm_key key = { .kind = IOLSM_KEY_RULES };
	size_t entry = NO_ENTRY, i;

	for (i = 0; i < b->policy->nr_clauses; i++) {
		if (i % IOLSM_RULES == 0) {
			key.chunk = i / IOLSM_RULES;
			entry = add_entry(b->out, &key);
			if (entry == NO_ENTRY)
				return -ENOMEM;
		}
		b->out->values[entry].rules[i % IOLSM_RULES] = b->policy->clauses[i].rule;
	}
	return 0;
}

static int build_config(struct builder *b, uint64_t generation)
{
	struct iolsm_key key = { .kind = IOLSM_KEY_CONFIG };
	struct iolsm_config *config;
	size_t entry, i;

	entry = add_entry(b->out, &key);
	if (entry == NO_ENTRY)
		return -ENOMEM;
	config = &b->out->values[entry].config;
	config->generation = generation;
	config->nr_chunks = b->nr_chunks;
	config->nr_clauses = b->policy->nr_clauses;
	for (i = 0; i < b->policy->nr_clauses; i++) {
		const struct policy_clause *clause = &b->policy->clauses[i];

		config->nr_deny += clause->deny && !clause->permissive;
		config->nr_would_deny += clause->deny && clause->permissive;
		config->nr_allow += !clause->deny && !clause->permissive;
		config->groups |= !clause->match[POLICY_DIM_GROUP].any;
	}
	config->permissive = b->policy->permissive;
	config->guards = b->policy->guards;
	config->automata = b->automata;
	memcpy(config->prefix_lens, b->prefix_lens, sizeof(config->prefix_lens));
	return 0;
}

/* Whether one of the first @nr executables has the same place: two paths may lead there */
static bool has_place(const struct policy *policy, size_t nr, const struct policy_exe *exe)
{
	while (nr--)
		if (policy->exes[nr].dir_ino == exe->dir_ino && policy->exes[nr].name == exe->name &&
		    policy->exes[nr].dir_dev == exe->dir_dev &&
		    policy->exes[nr].dir_generation == exe->dir_generation)
			return true;
	return false;
}

/* What is executed at the place of an executable is that executable, whatever an upgrade put there */
static int build_places(struct builder *b)
{
	const struct policy *policy = b->policy;
	size_t entry, i;

	for (i = 0; i < policy->nr_exes; i++) {
		const struct policy_exe *exe = &policy->exes[i];
		struct iolsm_key key = { .kind = IOLSM_KEY_PLACE };

		if (!exe->dir_ino || has_place(policy, i, exe))
			continue;
		key.number[0] = exe->dir_dev;
		key.number[1] = exe->dir_ino;
		key.number[2] = exe->dir_generation;
		key.number[3] = exe->name;
		entry = add_entry(b->out, &key);
		if (entry == NO_ENTRY)
			return -ENOMEM;
		b->out->values[entry].exe = (struct iolsm_exe){
			.dev = exe->dev, .ino = exe->ino, .generation = exe->inode_generation,
		};
	}
	return 0;
}

int tables_build(const struct policy *policy, uint64_t generation, struct tables *out)
{
	struct builder b = { .policy = policy, .out = out, .next_row = IOLSM_ROW_FIRST };
	uint32_t i;
	int rc;

	memset(out, 0, sizeof(*out));
	if (policy->nr_clauses > IOLSM_MAX_CLAUSES)
		return -E2BIG;
	b.nr_chunks = (policy->nr_clauses + IOLSM_CHUNK_CLAUSES - 1) / IOLSM_CHUNK_CLAUSES;
	if (!b.nr_chunks)
		b.nr_chunks = 1;
	b.any = calloc((size_t)b.nr_chunks * IOLSM_WORDS, sizeof(*b.any));
	b.entries = calloc(b.nr_chunks, sizeof(*b.entries));
	find_automata(&b);
	rc = b.any && b.entries ? collect_demands(&b) : -ENOMEM;

	if (!rc)
		rc = build_config(&b, generation);
	for (i = 0; !rc && i < POLICY_OP_BITS; i++)
		if (i < IOMMUFD_LSM_OP_COUNT || i == POLICY_OP_HAND_OVER)
			rc = build_op(&b, i);
	for (i = 0; !rc && i < IOLSM_DIMS; i++)
		rc = build_dim(&b, i);
	if (!rc)
		rc = build_rules(&b);
	if (!rc)
		rc = build_places(&b);

	free(b.demands);
	free(b.entries);
	free(b.any);
	return rc;
}

void tables_free(struct tables *tables)
{
	free(tables->keys);
	free(tables->values);
	memset(tables, 0, sizeof(*tables));
}
