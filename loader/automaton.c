// SPDX-License-Identifier: GPL-2.0
/*
 * Subset construction. A state is a set of positions in the patterns; positions of all patterns are numbered
 * through. Bytes that no token tells apart are one class, so that a state has a step for each class.
 */
#include "automaton.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Positions looked at before it is given up; some seconds */
#define MAX_WORK 400000000

struct list {
	uint32_t *item;
	size_t nr, room;
};

struct builder {
	const struct glob *const *globs;
	size_t nr_globs;
	uint32_t *pattern; /* of each position */
	uint32_t *begin;   /* of each pattern: its first position */
	uint32_t nr_positions;

	unsigned char class_of[256], example[256]; /* a byte of each class */
	unsigned int nr_classes;

	struct automaton *out;
	struct list sets;   /* the positions of all states, one after the other, each sorted */
	struct list starts; /* where each state's are in it; one more than there are states */
	struct list accepts;
	size_t room;        /* for states */
	uint32_t *hash;     /* states by their sets, 0: empty slot */
	size_t hash_room;

	struct list next;   /* the set at hand */
	uint32_t *stamp;    /* of each position: the last set it was put into */
	uint32_t stamps;
	uint64_t work;
};

static int push(struct list *list, uint32_t item)
{
	if (list->nr == list->room) {
		size_t room = list->room ? 2 * list->room : 256;
		uint32_t *items = reallocarray(list->item, room, sizeof(*items));

		if (!items)
			return -ENOMEM;
		list->item = items;
		list->room = room;
	}
	list->item[list->nr++] = item;
	return 0;
}

/* Split the classes by what each token says; the same set is asked once */
static void find_classes(struct builder *b)
{
	for (size_t g = 0; g < b->nr_globs; g++) {
		for (unsigned int t = 0; t < b->globs[g]->nr; t++) {
			const struct glob_token *token = &b->globs[g]->token[t];
			int inside[256], nr = b->nr_classes;

			memset(inside, 0xff, sizeof(inside));
			for (unsigned int byte = 0; byte < 256; byte++) {
				unsigned int class = b->class_of[byte];
				bool all = true;

				if (!glob_token_has(token, byte))
					continue;
				if (inside[class] >= 0) {
					b->class_of[byte] = inside[class];
					continue;
				}
				/* The first of its class that the token has: are there others it has not? */
				for (unsigned int other = 0; all && other < 256; other++)
					all = b->class_of[other] != class || glob_token_has(token, other);
				inside[class] = all ? (int)class : nr++;
				b->class_of[byte] = inside[class];
				if (!all)
					inside[inside[class]] = inside[class];
			}
			b->nr_classes = nr;
			if (nr == 256)
				return;
		}
	}
}

static int prepare(struct builder *b)
{
	uint32_t position = 0;

	for (size_t g = 0; g < b->nr_globs; g++)
		b->nr_positions += b->globs[g]->nr + 1;
	b->pattern = calloc(b->nr_positions + 1, sizeof(*b->pattern));
	b->begin = calloc(b->nr_globs + 1, sizeof(*b->begin));
	b->stamp = calloc(b->nr_positions + 1, sizeof(*b->stamp));
	b->hash_room = 1024;
	b->hash = calloc(b->hash_room, sizeof(*b->hash));
	if (!b->pattern || !b->begin || !b->stamp || !b->hash)
		return -ENOMEM;
	for (size_t g = 0; g < b->nr_globs; g++) {
		b->begin[g] = position;
		for (unsigned int t = 0; t <= b->globs[g]->nr; t++)
			b->pattern[position++] = g;
	}
	b->nr_classes = 1;
	find_classes(b);
	for (unsigned int byte = 0; byte < 256; byte++)
		b->example[b->class_of[byte]] = byte;
	return 0;
}

static int add_position(struct builder *b, uint32_t position)
{
	const struct glob *glob = b->globs[b->pattern[position]];
	uint32_t at = position - b->begin[b->pattern[position]];

	for (;; at++, position++) {
		b->work++;
		if (b->stamp[position] != b->stamps) {
			b->stamp[position] = b->stamps;
			if (push(&b->next, position))
				return -ENOMEM;
		}
		if (at == glob->nr || !glob->token[at].star)
			return 0;
	}
}

static int compare_positions(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static uint64_t hash_of(const uint32_t *item, size_t nr)
{
	uint64_t hash = 0xcbf29ce484222325;

	while (nr--)
		hash = (hash ^ *item++) * 0x100000001b3;
	return hash ^ hash >> 32;
}

static const uint32_t *set_of(const struct builder *b, size_t state, size_t *nr)
{
	*nr = b->starts.item[state + 1] - b->starts.item[state];
	return b->sets.item + b->starts.item[state];
}

/* Where the set is in the hash, or an empty slot */
static uint32_t *find_slot(const struct builder *b, const uint32_t *item, size_t nr)
{
	size_t at = hash_of(item, nr) & (b->hash_room - 1), n;

	for (;; at = (at + 1) & (b->hash_room - 1)) {
		const uint32_t *set;

		if (!b->hash[at])
			return &b->hash[at];
		set = set_of(b, b->hash[at], &n);
		if (n == nr && !memcmp(set, item, nr * sizeof(*item)))
			return &b->hash[at];
	}
}

static int grow_hash(struct builder *b)
{
	uint32_t *old = b->hash;
	size_t nr;

	b->hash = calloc(2 * b->hash_room, sizeof(*b->hash));
	if (!b->hash) {
		b->hash = old;
		return -ENOMEM;
	}
	b->hash_room *= 2;
	free(old);
	for (size_t state = 1; state < b->out->nr; state++) {
		const uint32_t *set = set_of(b, state, &nr);

		*find_slot(b, set, nr) = state;
	}
	return 0;
}

/* Patterns that end at a position of @state */
static int add_accepts(struct builder *b, struct automaton_state *state, const uint32_t *item, size_t nr)
{
	state->first = b->accepts.nr;
	for (size_t i = 0; i < nr; i++) {
		uint32_t pattern = b->pattern[item[i]];

		if (item[i] - b->begin[pattern] != b->globs[pattern]->nr)
			continue;
		if (push(&b->accepts, pattern))
			return -ENOMEM;
		state->nr++;
	}
	return 0;
}

static int add_state(struct builder *b)
{
	struct automaton *out = b->out;

	if (out->nr == AUTOMATON_MAX_STATES)
		return -E2BIG;
	if (out->nr == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		struct automaton_state *states = reallocarray(out->state, room, sizeof(*states));

		if (!states)
			return -ENOMEM;
		out->state = states;
		b->room = room;
	}
	memset(&out->state[out->nr], 0, sizeof(*out->state));
	for (size_t i = 0; i < b->next.nr; i++)
		if (push(&b->sets, b->next.item[i]))
			return -ENOMEM;
	if (push(&b->starts, b->sets.nr) ||
	    add_accepts(b, &out->state[out->nr], b->next.item, b->next.nr))
		return -ENOMEM;
	out->nr++;
	return 0;
}

/* The state of the set at hand, which is made if it is new. Return: its number, or an error. */
static int get_state(struct builder *b)
{
	uint32_t *slot, number;
	int rc;

	if (!b->next.nr)
		return AUTOMATON_DEAD;
	qsort(b->next.item, b->next.nr, sizeof(*b->next.item), compare_positions);
	slot = find_slot(b, b->next.item, b->next.nr);
	number = *slot;
	if (!number) {
		rc = add_state(b);
		if (rc)
			return rc;
		number = b->out->nr - 1;
		*slot = number;
		if (2 * b->out->nr > b->hash_room && grow_hash(b))
			return -ENOMEM;
	}
	return number;
}

/* From one state, by each class of bytes */
static int step(struct builder *b, size_t state)
{
	uint16_t next[256] = { 0 };

	for (unsigned int class = 0; class < b->nr_classes; class++) {
		unsigned char byte = b->example[class];
		int to;
		size_t nr;

		b->stamps++;
		b->next.nr = 0;
		set_of(b, state, &nr);
		for (size_t i = 0; i < nr; i++) {
			uint32_t position = b->sets.item[b->starts.item[state] + i];
			const struct glob *glob = b->globs[b->pattern[position]];
			uint32_t at = position - b->begin[b->pattern[position]];

			if (at < glob->nr && glob_token_has(&glob->token[at], byte) &&
			    add_position(b, position + !glob->token[at].star))
				return -ENOMEM;
		}
		b->work += nr;
		if (b->work > MAX_WORK)
			return -E2BIG;
		to = get_state(b);
		if (to < 0)
			return to;
		next[class] = to;
	}
	for (unsigned int byte = 1; byte < 256; byte++)
		b->out->state[state].next[byte] = next[b->class_of[byte]];
	return 0;
}

int automaton_build(const struct glob *const *globs, size_t nr, struct automaton *out)
{
	struct builder b = { .globs = globs, .nr_globs = nr, .out = out };
	int rc;

	memset(out, 0, sizeof(*out));
	rc = prepare(&b);
	/* The dead state: no position */
	if (!rc && push(&b.starts, 0))
		rc = -ENOMEM;
	if (!rc)
		rc = add_state(&b);
	b.stamps = 1;
	for (size_t g = 0; !rc && g < nr; g++)
		rc = add_position(&b, b.begin[g]);
	if (!rc) {
		rc = get_state(&b);
		rc = rc < 0 ? rc : 0;
	}
	for (size_t state = AUTOMATON_START; !rc && state < out->nr; state++)
		rc = step(&b, state);

	out->accepts = b.accepts.item;
	free(b.pattern);
	free(b.begin);
	free(b.stamp);
	free(b.hash);
	free(b.sets.item);
	free(b.starts.item);
	free(b.next.item);
	return rc;
}

void automaton_free(struct automaton *automaton)
{
	free(automaton->state);
	free(automaton->accepts);
	memset(automaton, 0, sizeof(*automaton));
}
