// SPDX-License-Identifier: GPL-2.0
/*
 * From rules to clauses: one for each combination of the values a rule lists, the denying ones first, so
 * that the first that matches decides. And what only shows when all rules are known: rules that another
 * one makes useless.
 */
#include "policy_private.h"

#include <stdlib.h>
#include <string.h>

/*
 * The selectors a rule's side chooses among, and the conditions of those choices, multiply. A cursor
 * stands at one choice of each and steps like an odometer.
 */
struct cursor {
	const struct rule *rule;
	unsigned int selector[SIDE_COUNT];
	unsigned int value[SIDE_COUNT][POLICY_DIM_COUNT];
};

static const struct selector *chosen(const struct cursor *cursor, enum side side)
{
	const struct selector_list *list = &cursor->rule->side[side];

	return list->nr ? list->selector[cursor->selector[side]] : NULL;
}

/* Step to the next combination. Return: false after the last. */
static bool step(struct cursor *cursor)
{
	for (unsigned int side = 0; side < SIDE_COUNT; side++) {
		const struct selector *selector = chosen(cursor, side);

		if (!selector)
			continue;
		for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
			if (++cursor->value[side][dim] < selector->condition[dim].nr)
				return true;
			cursor->value[side][dim] = 0;
		}
		if (++cursor->selector[side] < cursor->rule->side[side].nr)
			return true;
		cursor->selector[side] = 0;
	}
	return false;
}

static void fill_clause(const struct cursor *cursor, uint32_t rule, struct policy_clause *clause)
{
	clause->rule = rule;
	clause->deny = cursor->rule->deny;
	clause->ops = cursor->rule->ops;
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
		clause->match[dim].any = true;
	for (unsigned int side = 0; side < SIDE_COUNT; side++) {
		const struct selector *selector = chosen(cursor, side);

		for (unsigned int dim = 0; selector && dim < POLICY_DIM_COUNT; dim++) {
			const struct condition *condition = &selector->condition[dim];
			/* IOASes stand in TO in a selector, whichever side it is used for */
			unsigned int to = side == SIDE_FROM ? POLICY_DIM_FROM : dim;

			if (condition->nr)
				clause->match[to] = condition->match[cursor->value[side][dim]];
		}
	}
}

/* How many combinations a rule has; anything over the limit is just too many */
static uint64_t count_clauses(const struct rule *rule)
{
	uint64_t product = 1;

	for (unsigned int side = 0; side < SIDE_COUNT; side++) {
		const struct selector_list *list = &rule->side[side];
		uint64_t sum = list->nr ? 0 : 1;

		for (unsigned int i = 0; i < list->nr && sum <= POLICY_MAX_CLAUSES; i++) {
			uint64_t values = 1;

			/* At most 2^19 values in a file and four conditions: no overflow with the check */
			for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
				if (list->selector[i]->condition[dim].nr &&
				    values <= POLICY_MAX_CLAUSES)
					values *= list->selector[i]->condition[dim].nr;
			sum += values;
		}
		if (product <= POLICY_MAX_CLAUSES)
			product *= sum;
	}
	return product;
}

static int expand(struct draft *draft, struct policy *policy)
{
	size_t nr = 0, used = 0, r;

	for (r = 0; r < draft->nr_rules; r++) {
		uint64_t count = count_clauses(&draft->rule[r]);

		if (count <= POLICY_MAX_CLAUSES && nr + count <= POLICY_MAX_CLAUSES) {
			nr += count;
			continue;
		}
		draft_error(draft, draft->rule[r].node, "patterns instead of long lists; or several rules, "
			    "since lists in one rule multiply",
			    "with this rule the policy is over its limit of %d combinations",
			    POLICY_MAX_CLAUSES);
		return -1;
	}
	policy->clauses = calloc(nr ? nr : 1, sizeof(*policy->clauses));
	if (!policy->clauses) {
		draft->no_memory = true;
		return -1;
	}
	policy->nr_clauses = nr;
	for (int deny = 1; deny >= 0; deny--) {
		for (r = 0; r < draft->nr_rules; r++) {
			struct cursor cursor = { .rule = &draft->rule[r] };

			if (cursor.rule->deny != deny)
				continue;
			do {
				fill_clause(&cursor, r, &policy->clauses[used++]);
			} while (step(&cursor));
		}
	}
	return 0;
}

/* Whether everything that @narrow matches, @wide matches too */
static bool match_covers(enum policy_dim dim, const struct policy_match *wide,
			 const struct policy_match *narrow)
{
	if (wide->any)
		return true;
	if (narrow->any)
		return false;
	switch (dim) {
	case POLICY_DIM_EXE:
		return wide->dev == narrow->dev && wide->ino == narrow->ino;
	case POLICY_DIM_UID:
		return wide->uid == narrow->uid;
	default:
		if (wide->prefix)
			return narrow->len >= wide->len &&
			       !memcmp(narrow->text, wide->text, wide->len);
		return !narrow->prefix && narrow->len == wide->len &&
		       !memcmp(narrow->text, wide->text, wide->len);
	}
}

static bool clause_covers(const struct policy_clause *wide, const struct policy_clause *narrow)
{
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
		if (!match_covers(dim, &wide->match[dim], &narrow->match[dim]))
			return false;
	return true;
}

/*
 * A byte for each dimension, so that most pairs are told apart without reading two clauses. A clause can
 * only cover another if the bytes of its own conditions are the same in both.
 */
struct signature {
	uint64_t value, mask; /* mask: 0xff where there is a condition */
};

static struct signature sign(const struct policy_clause *clause)
{
	struct signature signature = { 0, 0 };

	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		const struct policy_match *match = &clause->match[dim];
		/* A beginning and what begins so share their first character */
		uint64_t byte = dim == POLICY_DIM_EXE ? (match->ino ^ match->dev) & 0xff :
				dim == POLICY_DIM_UID ? match->uid & 0xff :
				(unsigned char)match->text[0];

		if (match->any)
			continue;
		signature.value |= byte << 8 * dim;
		signature.mask |= (uint64_t)0xff << 8 * dim;
	}
	return signature;
}

/* The clauses of one rule, which stand together */
struct run {
	size_t first, nr;
	uint32_t ops;
	bool deny;
};

/* So many comparisons take about a second; a policy too large for them loads without these warnings */
#define MAX_COMPARISONS 250000000

struct analysis {
	struct draft *draft;
	const struct policy_clause *clause;
	struct signature *signature; /* of each clause */
	struct run *run;             /* of each rule */
	size_t nr_denying;
	uint64_t comparisons;
};

static bool covers(struct analysis *analysis, size_t wide, size_t narrow)
{
	const struct signature *w = &analysis->signature[wide], *n = &analysis->signature[narrow];

	analysis->comparisons++;
	/* Where only the narrow one has no condition, the masks differ */
	if (((w->value ^ n->value) & w->mask) || (w->mask & ~n->mask))
		return false;
	return clause_covers(&analysis->clause[wide], &analysis->clause[narrow]);
}

static void warn_about(struct analysis *analysis, size_t useless, size_t because, const char *what,
		       const char *note)
{
	draft_warning(analysis->draft, analysis->draft->rule[useless].node, "removing or changing it",
		      "%s", what);
	draft_note(analysis->draft, analysis->draft->rule[because].node, "%s", note);
}

/* Whether denying clauses cover all operations of a clause. *@rule is one of their rules. */
static bool is_denied(struct analysis *analysis, size_t clause, size_t *rule)
{
	uint32_t left = analysis->clause[clause].ops;

	for (size_t i = 0; i < analysis->nr_denying && left; i++) {
		if (!covers(analysis, i, clause) || !(analysis->clause[i].ops & left))
			continue;
		left &= ~analysis->clause[i].ops;
		*rule = analysis->clause[i].rule;
	}
	return !left;
}

static void find_unreachable(struct analysis *analysis, size_t r)
{
	const struct run *run = &analysis->run[r];
	size_t because = 0;

	/* Most rules are cleared by their first clause */
	for (size_t i = 0; i < run->nr; i++)
		if (analysis->comparisons > MAX_COMPARISONS ||
		    !is_denied(analysis, run->first + i, &because))
			return;
	warn_about(analysis, r, because, "this rule has no effect: all it allows is denied",
		   "by this rule, for one");
}

static bool run_covers(struct analysis *analysis, const struct run *wide, const struct run *narrow)
{
	size_t i, n;

	for (n = 0; n < narrow->nr; n++) {
		if (analysis->comparisons > MAX_COMPARISONS)
			return false;
		for (i = 0; i < wide->nr; i++)
			if (covers(analysis, wide->first + i, narrow->first + n))
				break;
		if (i == wide->nr)
			return false;
	}
	return true;
}

static void find_repetition(struct analysis *analysis, size_t r)
{
	const struct run *run = &analysis->run[r];

	for (size_t other = 0; other < analysis->draft->nr_rules; other++) {
		const struct run *wide = &analysis->run[other];

		if (other == r || wide->deny != run->deny || (wide->ops & run->ops) != run->ops ||
		    !run_covers(analysis, wide, run))
			continue;
		/* Two that say the same: the later one is the repetition */
		if (other > r && wide->ops == run->ops && run_covers(analysis, run, wide))
			continue;
		warn_about(analysis, r, other, "this rule repeats another", "this one says all of it");
		return;
	}
}

static void find_useless_rules(struct draft *draft, const struct policy *policy)
{
	struct analysis analysis = { .draft = draft, .clause = policy->clauses };
	size_t r, i;

	analysis.run = draft_alloc(draft, draft->nr_rules + 1, sizeof(*analysis.run));
	analysis.signature = draft_alloc(draft, policy->nr_clauses + 1, sizeof(*analysis.signature));
	if (!analysis.run || !analysis.signature)
		return;
	for (i = policy->nr_clauses; i--;) {
		struct run *run = &analysis.run[policy->clauses[i].rule];

		analysis.signature[i] = sign(&policy->clauses[i]);
		analysis.nr_denying += policy->clauses[i].deny;
		run->first = i;
		run->nr++;
		run->ops = policy->clauses[i].ops;
		run->deny = policy->clauses[i].deny;
	}
	for (r = 0; r < draft->nr_rules; r++) {
		if (!draft->rule[r].deny)
			find_unreachable(&analysis, r);
		find_repetition(&analysis, r);
		if (analysis.comparisons <= MAX_COMPARISONS)
			continue;
		message(draft->messages, MESSAGE_NOTE, NULL, NULL,
			"too many rules to look for useless ones among all of them");
		return;
	}
}

int policy_compile(struct draft *draft, struct policy *policy)
{
	if (expand(draft, policy))
		return -1;
	if (!draft->messages->errors_only)
		find_useless_rules(draft, policy);
	return draft->no_memory ? -1 : 0;
}
