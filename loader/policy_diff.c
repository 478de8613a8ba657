// SPDX-License-Identifier: GPL-2.0
/*
 * Walks along the axes, one after the other, and on each through sets of classes that the clauses still in
 * question cannot tell apart. As soon as the clauses that are left are the same in both
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

/* Sets of classes on one axis that are the same for all that follows */
struct groups {
	uint64_t *alive;     /* of each group: clauses that its classes meet, of those met so far */
	unsigned int *group; /* of each class */
	unsigned int *slot;  /* hash table from what is alive to the group, plus 1 */
	unsigned int nr, nr_slots;
};

#define ALL_CLASSES ~0u

struct walk {
	const struct policy *old, *new;
	struct diff *diff;
	const struct policy_clause **clause; /* of both, each once, whichever rules they are of */
	unsigned int nr_clauses, nr_words;
	uint64_t *old_set, *new_set, *deny_set; /* of the operation: which clause is whose */
	struct along {
		uint64_t *row;     /* for each class: the clauses it meets */
		uint64_t *asking;  /* clauses with a condition here */
		struct groups groups;
		unsigned int chosen; /* the group, so far, or ALL_CLASSES */
	} *along; /* each axis */
	uint64_t **free_of; /* clauses without a condition from this axis on; one more than there are axes */
	uint32_t op;
	uint64_t work;
	bool no_memory;
};

static int compare_clauses(const void *a, const void *b)
{
	const struct policy_clause *x = *(const struct policy_clause *const *)a;
	const struct policy_clause *y = *(const struct policy_clause *const *)b;

	int rc = x->deny - y->deny;

	for (unsigned int dim = 0; !rc && dim < POLICY_DIM_COUNT; dim++)
		rc = space_compare(dim, &x->match[dim], &y->match[dim]);
	return rc;
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
static int fill_rows(struct walk *walk, const struct space_axis *axis, struct along *along)
{
	along->row = calloc(axis->nr, walk->nr_words * sizeof(uint64_t));
	along->asking = calloc(walk->nr_words, sizeof(uint64_t));
	if (!along->row || !along->asking)
		return -1;
	for (unsigned int i = 0; i < walk->nr_clauses; i++) {
		int atom = space_atom_of(axis, walk->clause[i]);

		if (atom >= 0)
			set_bit(along->asking, i);
		for (size_t c = 0; c < axis->nr; c++)
			if (atom < 0 || space_meets(axis, c, atom))
				set_bit(along->row + c * walk->nr_words, i);
	}
	return 0;
}

static int prepare_axis(struct walk *walk, const struct space_axis *axis, struct along *along)
{
	struct groups *groups = &along->groups;

	for (groups->nr_slots = 8; groups->nr_slots < 2 * axis->nr; groups->nr_slots *= 2)
		;
	groups->alive = calloc(axis->nr, walk->nr_words * sizeof(uint64_t));
	groups->group = calloc(axis->nr, sizeof(*groups->group));
	groups->slot = calloc(groups->nr_slots, sizeof(*groups->slot));
	if (!groups->alive || !groups->group || !groups->slot)
		return -1;
	return fill_rows(walk, axis, along);
}

static int prepare(struct walk *walk)
{
	const struct space *space = &walk->diff->space;
	uint64_t bytes = 0;

	for (size_t a = 0; a < space->nr; a++)
		bytes += (uint64_t)space->axis[a].nr * walk->nr_words * 16;
	if (bytes > MAX_ROW_BYTES || space->too_large) {
		walk->diff->incomplete = true;
		return 0;
	}
	walk->old_set = calloc(walk->nr_words, sizeof(uint64_t));
	walk->new_set = calloc(walk->nr_words, sizeof(uint64_t));
	walk->deny_set = calloc(walk->nr_words, sizeof(uint64_t));
	/* Policies that ask for nothing have no axis: room for one more, as no room may be NULL */
	walk->along = calloc(space->nr + 1, sizeof(*walk->along));
	walk->free_of = calloc(space->nr + 1, sizeof(*walk->free_of));
	if (!walk->old_set || !walk->new_set || !walk->deny_set || !walk->along || !walk->free_of)
		return -1;
	for (size_t a = 0; a < space->nr; a++)
		if (prepare_axis(walk, &space->axis[a], &walk->along[a]))
			return -1;
	for (size_t a = space->nr + 1; a--;) {
		walk->free_of[a] = calloc(walk->nr_words, sizeof(uint64_t));
		if (!walk->free_of[a])
			return -1;
		for (unsigned int w = 0; w < walk->nr_words; w++)
			walk->free_of[a][w] = a == space->nr ? ~0ULL :
				walk->free_of[a + 1][w] & ~walk->along[a].asking[w];
	}
	for (unsigned int i = 0; i < walk->nr_clauses; i++)
		if (walk->clause[i]->deny)
			set_bit(walk->deny_set, i);
	return 0;
}

static void clean_up(struct walk *walk)
{
	for (size_t a = 0; walk->along && a < walk->diff->space.nr; a++) {
		free(walk->along[a].row);
		free(walk->along[a].asking);
		free(walk->along[a].groups.alive);
		free(walk->along[a].groups.group);
		free(walk->along[a].groups.slot);
	}
	for (size_t a = 0; walk->free_of && a <= walk->diff->space.nr; a++)
		free(walk->free_of[a]);
	free(walk->along);
	free(walk->free_of);
	free(walk->old_set);
	free(walk->new_set);
	free(walk->deny_set);
	free(walk->clause);
}

/* What is decided below, as far as that is known: nothing there can change it */
enum settled { OPEN, ALLOWED, DENIED };

static enum settled settle(const struct walk *walk, const uint64_t *set, const uint64_t *alive,
			   size_t axis)
{
	bool any = false, denies = false, allowed = false;

	for (unsigned int w = 0; w < walk->nr_words; w++) {
		uint64_t left = set[w] & alive[w];

		any |= left;
		denies |= left & walk->deny_set[w];
		if (left & walk->free_of[axis][w] & walk->deny_set[w])
			return DENIED;
		allowed |= left & walk->free_of[axis][w];
	}
	/* What no rule is left for is denied */
	return !any ? DENIED : allowed && !denies ? ALLOWED : OPEN;
}

/* Whether both decide alike everything below, whatever the classes from @axis on */
static bool is_same(const struct walk *walk, const uint64_t *alive, size_t axis)
{
	enum settled old;
	unsigned int w = 0;

	while (w < walk->nr_words && !((walk->old_set[w] ^ walk->new_set[w]) & alive[w]))
		w++;
	if (w == walk->nr_words)
		return true;
	old = settle(walk, walk->old_set, alive, axis);
	return old != OPEN && old == settle(walk, walk->new_set, alive, axis);
}

static bool same_verdicts(const struct diff_region *a, const struct diff_region *b)
{
	return a->old.what == b->old.what && a->new.what == b->new.what &&
	       (a->old.what == POLICY_NO_RULE || a->old.rule == b->old.rule) &&
	       (a->new.what == POLICY_NO_RULE || a->new.rule == b->new.rule);
}

static size_t set_words(const struct diff *diff, size_t axis)
{
	return diff->space.axis[axis].nr / 64 + 1;
}

/* On how many axes two regions differ, 2 for more; *@axis is one of them */
static unsigned int count_differing(const struct diff *diff, const struct diff_region *a,
				    const struct diff_region *b, size_t *axis)
{
	unsigned int nr = 0;

	for (size_t i = 0; i < diff->space.nr && nr < 2; i++) {
		if (!memcmp(a->classes[i], b->classes[i], set_words(diff, i) * sizeof(uint64_t)))
			continue;
		*axis = i;
		nr++;
	}
	return nr;
}

/* Whether two regions hold the same requests, but for the operation */
static bool same_but_op(const struct diff *diff, const struct diff_region *a, const struct diff_region *b)
{
	size_t axis;

	/* Only if they have the same sides do they say the same */
	return same_verdicts(a, b) && !count_differing(diff, a, b, &axis) &&
	       !memcmp(policy_op_side[__builtin_ctz(a->ops)], policy_op_side[__builtin_ctz(b->ops)],
		       sizeof(policy_op_side[0]));
}

static void free_region(const struct diff *diff, struct diff_region *region)
{
	for (size_t a = 0; region->classes && a < diff->space.nr; a++)
		free(region->classes[a]);
	free(region->classes);
}

/* The classes that were chosen on one axis, and one of them in @request */
static uint64_t *take_classes(const struct walk *walk, size_t a, struct policy_request *request)
{
	const struct space_axis *axis = &walk->diff->space.axis[a];
	const struct along *along = &walk->along[a];
	uint64_t *classes = calloc(set_words(walk->diff, a), sizeof(uint64_t));
	bool first = policy_op_has_dim(walk->op, axis->dim);

	for (size_t c = 0; classes && c < axis->nr; c++) {
		if (along->chosen != ALL_CLASSES && along->groups.group[c] != along->chosen)
			continue;
		set_bit(classes, c);
		if (first)
			space_set(axis, c, request);
		first = false;
	}
	return classes;
}

/* One choice on every axis is made, and the policies decide it differently */
static void add_region(struct walk *walk)
{
	struct diff *diff = walk->diff;
	struct diff_region region = { .ops = 1u << walk->op }, *more;
	struct policy_request request = { .op = walk->op };

	if (diff->nr == MAX_REGIONS) {
		diff->incomplete = true;
		return;
	}
	region.classes = calloc(diff->space.nr + 1, sizeof(*region.classes));
	for (size_t a = 0; region.classes && a < diff->space.nr; a++) {
		region.classes[a] = take_classes(walk, a, &request);
		walk->no_memory |= !region.classes[a];
	}
	if (!region.classes || walk->no_memory) {
		walk->no_memory = true;
		free_region(diff, &region);
		return;
	}
	region.old = policy_decide(walk->old, &request);
	region.new = policy_decide(walk->new, &request);
	for (size_t i = 0; i < diff->nr; i++) {
		if (!same_but_op(diff, &diff->region[i], &region))
			continue;
		diff->region[i].ops |= region.ops;
		free_region(diff, &region);
		return;
	}
	more = reallocarray(diff->region, diff->nr + 1, sizeof(*more));
	if (!more) {
		walk->no_memory = true;
		free_region(diff, &region);
		return;
	}
	diff->region = more;
	diff->region[diff->nr++] = region;
}

/* Make one region of two that are apart on one axis alone, wherever that says less with the same meaning */
static void merge_regions(struct diff *diff)
{
	bool again = diff->nr <= MAX_MERGED;

	while (again) {
		again = false;
		for (size_t i = 0; i < diff->nr; i++) {
			for (size_t n = i + 1; n < diff->nr; n++) {
				struct diff_region *a = &diff->region[i], *b = &diff->region[n];
				size_t axis;

				if (a->ops != b->ops || !same_verdicts(a, b) ||
				    count_differing(diff, a, b, &axis) != 1)
					continue;
				for (size_t w = 0; w < set_words(diff, axis); w++)
					a->classes[axis][w] |= b->classes[axis][w];
				free_region(diff, b);
				memmove(b, b + 1, (--diff->nr - n) * sizeof(*b));
				n--;
				again = true;
			}
		}
	}
}

/* Put the classes of an axis that are the same for the clauses in @alive into groups */
static void group_classes(struct walk *walk, size_t a, const uint64_t *alive)
{
	struct groups *groups = &walk->along[a].groups;
	size_t nr = walk->diff->space.axis[a].nr;
	unsigned int words = walk->nr_words;

	groups->nr = 0;
	memset(groups->slot, 0, groups->nr_slots * sizeof(*groups->slot));
	for (size_t c = 0; c < nr; c++) {
		const uint64_t *row = walk->along[a].row + c * words;
		uint64_t *met = groups->alive + (size_t)groups->nr * words, hash = 0;
		unsigned int s;

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
	walk->work += (uint64_t)nr * words + groups->nr_slots;
}

/* Whether any of the clauses in @alive has a condition on this axis */
static bool is_asked(const struct walk *walk, size_t a, const uint64_t *alive)
{
	for (unsigned int w = 0; w < walk->nr_words; w++)
		if (walk->along[a].asking[w] & alive[w])
			return true;
	return false;
}

static void descend(struct walk *walk, size_t a, const uint64_t *alive)
{
	const struct space *space = &walk->diff->space;
	unsigned int nr;

	/* Values of a side that the operation lacks are not asked for: no clause has a condition there */
	for (;; a++) {
		walk->work += walk->nr_words;
		if (is_same(walk, alive, a) || walk->no_memory)
			return;
		if (walk->work > MAX_WORK) {
			walk->diff->incomplete = true;
			return;
		}
		if (a == space->nr) {
			add_region(walk);
			return;
		}
		if (policy_op_has_dim(walk->op, space->axis[a].dim) && is_asked(walk, a, alive))
			break;
		walk->along[a].chosen = ALL_CLASSES;
	}
	group_classes(walk, a, alive);
	nr = walk->along[a].groups.nr;
	for (unsigned int g = 0; g < nr && !walk->no_memory; g++) {
		walk->along[a].chosen = g;
		descend(walk, a + 1, walk->along[a].groups.alive + (size_t)g * walk->nr_words);
	}
}

static void mark(struct walk *walk, const struct policy *policy, uint64_t *set, uint64_t *alive)
{
	memset(set, 0, walk->nr_words * sizeof(*set));
	for (size_t i = 0; i < policy->nr_clauses; i++) {
		unsigned int number;

		/* One that denies on probation decides nothing */
		if (!(policy->clauses[i].ops & 1u << walk->op) ||
		    (policy->clauses[i].deny && policy->clauses[i].permissive))
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
	for (walk.op = 0; walk.op < POLICY_OP_BITS && !diff->incomplete; walk.op++) {
		if (!policy_op_name[walk.op])
			continue;
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
		free_region(diff, &diff->region[i]);
	free(diff->region);
	space_free(&diff->space);
	*diff = (struct diff){ 0 };
}
