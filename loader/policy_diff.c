// SPDX-License-Identifier: GPL-2.0
/*
 * Walks through the dimensions, one after the other, and in each through sets of classes that the clauses
 * still in question cannot tell apart. As soon as the clauses that are left are the same in both
 * policies, so is everything below, which is why policies that are nearly the same are compared quickly.
 */
#include "policy_diff.h"

#include <stdlib.h>
#include <string.h>

#include "policy_names.h"

/* Words of bits to be looked at, about four seconds' worth */
#define MAX_WORK 2000000000ULL
/* Beyond that it takes longer than it helps */
#define MAX_MERGED 2000
/* More would not be read by anybody */
#define MAX_REGIONS 20000
/* Of all rows together */
#define MAX_ROW_BYTES (1ULL << 29)

/* Sets of classes in one dimension that are the same for all that follows */
struct groups {
	uint64_t *alive;     /* of each group: clauses that its classes meet, of those met so far */
	unsigned int *group; /* of each class */
	unsigned int *slot;  /* hash table from what is alive to the group, plus 1 */
	unsigned int nr, nr_slots;
};

struct walk {
	const struct policy *old, *new;
	struct diff *diff;
	const struct policy_clause **clause; /* of both, each once, whichever rules they are of */
	unsigned int nr_clauses, nr_words;
	uint64_t *row[POLICY_DIM_COUNT];  /* for each class: the clauses it meets */
	uint64_t *old_set, *new_set, *deny_set; /* of the operation: which clause is whose */
	uint64_t *free_of[POLICY_DIM_COUNT + 1]; /* clauses without a condition from this dimension on */
	struct groups groups[POLICY_DIM_COUNT];
	unsigned int chosen[POLICY_DIM_COUNT]; /* the group in each dimension so far */
	uint32_t op;
	uint64_t work;
	bool no_memory;
};

static int compare_clauses(const void *a, const void *b)
{
	const struct policy_clause *x = *(const struct policy_clause *const *)a;
	const struct policy_clause *y = *(const struct policy_clause *const *)b;

	if (x->deny != y->deny)
		return x->deny - y->deny;
	/* Any order will do that is always the same; padding is zero */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
	return memcmp(x->match, y->match, sizeof(x->match));
}

static void set_bit(uint64_t *set, unsigned int bit)
{
	set[bit / 64] |= 1ULL << bit % 64;
}

/* All clauses once */
static int collect(struct walk *walk)
{
	size_t nr = walk->old->nr_clauses + walk->new->nr_clauses, i, distinct = 0;

	walk->clause = calloc(nr + 1, sizeof(*walk->clause));
	if (!walk->clause)
		return -1;
	for (i = 0; i < nr; i++)
		walk->clause[i] = i < walk->old->nr_clauses ?
			&walk->old->clauses[i] : &walk->new->clauses[i - walk->old->nr_clauses];
	qsort(walk->clause, nr, sizeof(*walk->clause), compare_clauses);
	for (i = 0; i < nr; i++)
		if (!i || compare_clauses(&walk->clause[i - 1], &walk->clause[i]))
			walk->clause[distinct++] = walk->clause[i];
	walk->nr_clauses = distinct;
	walk->nr_words = distinct / 64 + 1;
	return 0;
}

static unsigned int number_of(const struct walk *walk, const struct policy_clause *clause)
{
	const struct policy_clause **found = bsearch(&clause, walk->clause, walk->nr_clauses,
						     sizeof(*walk->clause), compare_clauses);

	return found - walk->clause;
}

/* Which clauses each class meets */
static int fill_rows(struct walk *walk, enum policy_dim dim)
{
	const struct space *space = &walk->diff->space;

	walk->row[dim] = calloc(space->dim[dim].nr, walk->nr_words * sizeof(uint64_t));
	if (!walk->row[dim])
		return -1;
	for (unsigned int i = 0; i < walk->nr_clauses; i++) {
		unsigned int c = space_class_of_match(space, dim, &walk->clause[i]->match[dim]);
		unsigned int end = space->dim[dim].class[c].end;

		for (; c < end; c++)
			set_bit(walk->row[dim] + (size_t)c * walk->nr_words, i);
	}
	return 0;
}

static int prepare(struct walk *walk)
{
	const struct space *space = &walk->diff->space;
	uint64_t bytes = 0;

	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
		bytes += (uint64_t)space->dim[dim].nr * walk->nr_words * 16;
	if (bytes > MAX_ROW_BYTES) {
		walk->diff->incomplete = true;
		return 0;
	}
	walk->old_set = calloc(walk->nr_words, sizeof(uint64_t));
	walk->new_set = calloc(walk->nr_words, sizeof(uint64_t));
	walk->deny_set = calloc(walk->nr_words, sizeof(uint64_t));
	if (!walk->old_set || !walk->new_set || !walk->deny_set)
		return -1;
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		struct groups *groups = &walk->groups[dim];
		unsigned int nr = space->dim[dim].nr;

		for (groups->nr_slots = 8; groups->nr_slots < 2 * nr; groups->nr_slots *= 2)
			;
		groups->alive = calloc(nr, walk->nr_words * sizeof(uint64_t));
		groups->group = calloc(nr, sizeof(*groups->group));
		groups->slot = calloc(groups->nr_slots, sizeof(*groups->slot));
		if (!groups->alive || !groups->group || !groups->slot || fill_rows(walk, dim))
			return -1;
	}
	for (int dim = POLICY_DIM_COUNT; dim >= 0; dim--) {
		walk->free_of[dim] = calloc(walk->nr_words, sizeof(uint64_t));
		if (!walk->free_of[dim])
			return -1;
		for (unsigned int i = 0; i < walk->nr_clauses; i++)
			if (dim == POLICY_DIM_COUNT ||
			    (walk->clause[i]->match[dim].any &&
			     walk->free_of[dim + 1][i / 64] >> i % 64 & 1))
				set_bit(walk->free_of[dim], i);
	}
	for (unsigned int i = 0; i < walk->nr_clauses; i++)
		if (walk->clause[i]->deny)
			set_bit(walk->deny_set, i);
	return 0;
}

static void clean_up(struct walk *walk)
{
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		free(walk->row[dim]);
		free(walk->groups[dim].alive);
		free(walk->groups[dim].group);
		free(walk->groups[dim].slot);
	}
	for (unsigned int dim = 0; dim <= POLICY_DIM_COUNT; dim++)
		free(walk->free_of[dim]);
	free(walk->old_set);
	free(walk->new_set);
	free(walk->deny_set);
	free(walk->clause);
}

/* What is decided below, as far as that is known: nothing there can change it */
enum settled { OPEN, ALLOWED, DENIED };

static enum settled settle(const struct walk *walk, const uint64_t *set, const uint64_t *alive,
			   unsigned int dim)
{
	bool any = false, denies = false, allowed = false;

	for (unsigned int w = 0; w < walk->nr_words; w++) {
		uint64_t left = set[w] & alive[w];

		any |= left;
		denies |= left & walk->deny_set[w];
		if (left & walk->free_of[dim][w] & walk->deny_set[w])
			return DENIED;
		allowed |= left & walk->free_of[dim][w];
	}
	/* What no rule is left for is denied */
	return !any ? DENIED : allowed && !denies ? ALLOWED : OPEN;
}

/* Whether both decide alike everything below, whatever the classes of dimensions from @dim on */
static bool is_same(const struct walk *walk, const uint64_t *alive, unsigned int dim)
{
	enum settled old;
	unsigned int w = 0;

	while (w < walk->nr_words && !((walk->old_set[w] ^ walk->new_set[w]) & alive[w]))
		w++;
	if (w == walk->nr_words)
		return true;
	old = settle(walk, walk->old_set, alive, dim);
	return old != OPEN && old == settle(walk, walk->new_set, alive, dim);
}

static bool same_verdicts(const struct diff_region *a, const struct diff_region *b)
{
	return a->old.what == b->old.what && a->new.what == b->new.what &&
	       (a->old.what == POLICY_NO_RULE || a->old.rule == b->old.rule) &&
	       (a->new.what == POLICY_NO_RULE || a->new.rule == b->new.rule);
}

static unsigned int set_words(const struct diff *diff, enum policy_dim dim)
{
	return diff->space.dim[dim].nr / 64 + 1;
}

/* In how many dimensions two regions differ; *@dim is one of them */
static unsigned int count_differing(const struct diff *diff, const struct diff_region *a,
				    const struct diff_region *b, unsigned int *dim)
{
	unsigned int nr = 0;

	for (unsigned int d = 0; d < POLICY_DIM_COUNT && nr < 2; d++) {
		if (!memcmp(a->classes[d], b->classes[d], set_words(diff, d) * sizeof(uint64_t)))
			continue;
		*dim = d;
		nr++;
	}
	return nr;
}

/* Whether two regions hold the same requests, but for the operation */
static bool same_but_op(const struct diff *diff, const struct diff_region *a, const struct diff_region *b)
{
	unsigned int dim;

	/* Only if they have the same sides do they say the same */
	return same_verdicts(a, b) && !count_differing(diff, a, b, &dim) &&
	       !memcmp(policy_op_side[__builtin_ctz(a->ops)], policy_op_side[__builtin_ctz(b->ops)],
		       sizeof(policy_op_side[0]));
}

static void free_region(struct diff_region *region)
{
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
		free(region->classes[dim]);
}

/* One choice in every dimension is made, and the policies decide it differently */
static void add_region(struct walk *walk)
{
	struct diff *diff = walk->diff;
	struct diff_region region = { .ops = 1u << walk->op }, *more;
	struct policy_request request = { .op = walk->op };
	bool first;

	if (diff->nr == MAX_REGIONS) {
		diff->incomplete = true;
		return;
	}
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		const struct space_dim *classes = &diff->space.dim[dim];
		bool has = policy_op_side[walk->op][policy_dim_side[dim]];

		region.classes[dim] = calloc(classes->nr / 64 + 1, sizeof(uint64_t));
		if (!region.classes[dim]) {
			walk->no_memory = true;
			free_region(&region);
			return;
		}
		first = true;
		for (unsigned int c = 0; c < classes->nr; c++) {
			if (has && (classes->class[c].empty ||
				    walk->groups[dim].group[c] != walk->chosen[dim]))
				continue;
			set_bit(region.classes[dim], c);
			if (has && first)
				space_set(&diff->space, dim, c, &request);
			first = false;
		}
	}
	region.old = policy_decide(walk->old, &request);
	region.new = policy_decide(walk->new, &request);
	for (size_t i = 0; i < diff->nr; i++) {
		if (!same_but_op(diff, &diff->region[i], &region))
			continue;
		diff->region[i].ops |= region.ops;
		free_region(&region);
		return;
	}
	more = reallocarray(diff->region, diff->nr + 1, sizeof(*more));
	if (!more) {
		walk->no_memory = true;
		free_region(&region);
		return;
	}
	diff->region = more;
	diff->region[diff->nr++] = region;
}

/* Make one region of two that are apart in one dimension alone, wherever that says less with the same meaning */
static void merge_regions(struct diff *diff)
{
	bool again = diff->nr <= MAX_MERGED;

	while (again) {
		again = false;
		for (size_t i = 0; i < diff->nr; i++) {
			for (size_t n = i + 1; n < diff->nr; n++) {
				struct diff_region *a = &diff->region[i], *b = &diff->region[n];
				unsigned int dim;

				if (a->ops != b->ops || !same_verdicts(a, b) ||
				    count_differing(diff, a, b, &dim) != 1)
					continue;
				for (unsigned int w = 0; w < set_words(diff, dim); w++)
					a->classes[dim][w] |= b->classes[dim][w];
				free_region(b);
				memmove(b, b + 1, (--diff->nr - n) * sizeof(*b));
				n--;
				again = true;
			}
		}
	}
}

/* Put the classes of @dim that are the same for the clauses in @alive into groups */
static void group_classes(struct walk *walk, enum policy_dim dim, const uint64_t *alive)
{
	const struct space_dim *classes = &walk->diff->space.dim[dim];
	struct groups *groups = &walk->groups[dim];
	unsigned int words = walk->nr_words;

	groups->nr = 0;
	memset(groups->slot, 0, groups->nr_slots * sizeof(*groups->slot));
	for (unsigned int c = 0; c < classes->nr; c++) {
		const uint64_t *row = walk->row[dim] + (size_t)c * words;
		uint64_t *met = groups->alive + (size_t)groups->nr * words, hash = 0;
		unsigned int s;

		if (classes->class[c].empty)
			continue;
		for (unsigned int w = 0; w < words; w++) {
			met[w] = row[w] & alive[w];
			hash = (hash ^ met[w]) * 0x9e3779b97f4a7c15;
			hash ^= hash >> 32;
		}
		s = hash & (groups->nr_slots - 1);
		while (groups->slot[s] && memcmp(groups->alive + (size_t)(groups->slot[s] - 1) * words, met,
						 words * sizeof(*met)))
			s = (s + 1) & (groups->nr_slots - 1);
		if (!groups->slot[s])
			groups->slot[s] = ++groups->nr;
		groups->group[c] = groups->slot[s] - 1;
	}
	walk->work += (uint64_t)classes->nr * words + groups->nr_slots;
}

static void descend(struct walk *walk, unsigned int dim, const uint64_t *alive)
{
	unsigned int nr;

	walk->work += walk->nr_words;
	if (is_same(walk, alive, dim) || walk->no_memory)
		return;
	if (walk->work > MAX_WORK) {
		walk->diff->incomplete = true;
		return;
	}
	if (dim == POLICY_DIM_COUNT) {
		add_region(walk);
		return;
	}
	/* Values of a side that the operation lacks are not asked for: no clause has a condition there */
	if (!policy_op_side[walk->op][policy_dim_side[dim]]) {
		descend(walk, dim + 1, alive);
		return;
	}
	group_classes(walk, dim, alive);
	nr = walk->groups[dim].nr;
	for (unsigned int g = 0; g < nr && !walk->no_memory; g++) {
		walk->chosen[dim] = g;
		descend(walk, dim + 1, walk->groups[dim].alive + (size_t)g * walk->nr_words);
	}
}

static void mark(struct walk *walk, const struct policy *policy, uint64_t *set, uint64_t *alive)
{
	memset(set, 0, walk->nr_words * sizeof(*set));
	for (size_t i = 0; i < policy->nr_clauses; i++) {
		unsigned int number;

		if (!(policy->clauses[i].ops & 1u << walk->op))
			continue;
		number = number_of(walk, &policy->clauses[i]);
		set_bit(set, number);
		set_bit(alive, number);
	}
}

int policy_diff(const struct policy *old, const struct policy *new, struct diff *diff)
{
	struct walk walk = { .old = old, .new = new, .diff = diff };
	const struct policy *both[] = { old, new };
	uint64_t *alive;
	int rc = -1;

	*diff = (struct diff){ 0 };
	if (space_build(both, 2, &diff->space) || collect(&walk) || prepare(&walk))
		goto out;
	alive = calloc(walk.nr_words, sizeof(*alive));
	if (!alive)
		goto out;
	for (walk.op = 0; walk.op < IOMMUFD_LSM_OP_COUNT && !diff->incomplete; walk.op++) {
		memset(alive, 0, walk.nr_words * sizeof(*alive));
		mark(&walk, old, walk.old_set, alive);
		mark(&walk, new, walk.new_set, alive);
		descend(&walk, 0, alive);
	}
	free(alive);
	merge_regions(diff);
	rc = walk.no_memory ? -1 : 0;
out:
	clean_up(&walk);
	return rc;
}

void policy_diff_free(struct diff *diff)
{
	for (size_t i = 0; i < diff->nr; i++)
		free_region(&diff->region[i]);
	free(diff->region);
	space_free(&diff->space);
	*diff = (struct diff){ 0 };
}
