// SPDX-License-Identifier: GPL-2.0
/*
 * A class is described by the narrowest conditions its values meet, and by those they do not. Such a description
 * often fits other classes as well, which need none of their own then.
 */
#include "diff_words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_names.h"

/* So many of what a description excepts, and so many descriptions */
#define SHOWN_EXCEPTIONS 8
#define SHOWN_TERMS 40

struct wording {
	const struct identities *identities;
	const struct space_axis *axis;
	const uint64_t *set;
	uint64_t *said;  /* classes that what was written so far is about */
	uint64_t *head;  /* classes that the conditions of the description at hand hold */
	bool *except;    /* conditions that it excepts */
	FILE *out;
};

static bool has(const uint64_t *set, size_t class)
{
	return set[class / 64] >> class % 64 & 1;
}

bool diff_is_all(const struct space_axis *axis, const uint64_t *set)
{
	for (size_t c = 0; c < axis->nr; c++)
		if (!has(set, c))
			return false;
	return true;
}

/* Whether all classes of @within that meet @narrow meet @wide, too */
static bool is_within(const struct wording *wording, const uint64_t *within, size_t narrow, size_t wide)
{
	for (size_t c = 0; c < wording->axis->nr; c++)
		if ((!within || has(within, c)) && space_meets(wording->axis, c, narrow) &&
		    !space_meets(wording->axis, c, wide))
			return false;
	return true;
}

/* Of conditions that are the same here the first stands for all */
static bool is_narrower(const struct wording *wording, const uint64_t *within, size_t a, size_t b)
{
	return is_within(wording, within, a, b) && (!is_within(wording, within, b, a) || a < b);
}

/* Whether @atom is one of the narrowest that class @c meets */
static bool is_narrowest(const struct wording *wording, size_t c, size_t atom)
{
	for (size_t other = 0; other < wording->axis->nr_atoms; other++)
		if (other != atom && space_meets(wording->axis, c, other) &&
		    is_narrower(wording, NULL, other, atom))
			return false;
	return true;
}

static void put_name(const struct wording *wording, size_t atom)
{
	char text[POLICY_NAME_LEN];

	fprintf(wording->out, "'%s'", policy_match_name(wording->identities, wording->axis->dim,
							wording->axis->atom[atom], text));
}

/* "'a*' that is also '*z'", and wording->head */
static void put_head(struct wording *wording, size_t c)
{
	const struct space_axis *axis = wording->axis;
	unsigned int nr = 0;

	memset(wording->head, 0xff, (axis->nr / 64 + 1) * sizeof(uint64_t));
	for (size_t atom = 0; atom < axis->nr_atoms; atom++) {
		if (!space_meets(axis, c, atom) || !is_narrowest(wording, c, atom))
			continue;
		if (nr++)
			fputs(" that is also ", wording->out);
		put_name(wording, atom);
		for (size_t other = 0; other < axis->nr; other++)
			if (!space_meets(axis, other, atom))
				wording->head[other / 64] &= ~(1ULL << other % 64);
	}
	if (!nr)
		fputs("any", wording->out);
}

/* Whether what @atom holds of the head has to be excepted: some of it is not in the set, and none of it is class @c */
static bool must_except(const struct wording *wording, size_t c, size_t atom)
{
	if (space_meets(wording->axis, c, atom))
		return false;
	for (size_t other = 0; other < wording->axis->nr; other++)
		if (has(wording->head, other) && space_meets(wording->axis, other, atom) &&
		    !has(wording->set, other))
			return true;
	return false;
}

/* " except 'x', 'y' and 3 more", and what is left becomes said */
static void put_exceptions(struct wording *wording, size_t c)
{
	const struct space_axis *axis = wording->axis;
	unsigned int nr = 0;
	size_t atom, other;

	for (atom = 0; atom < axis->nr_atoms; atom++)
		wording->except[atom] = must_except(wording, c, atom);
	for (atom = 0; atom < axis->nr_atoms; atom++) {
		for (other = 0; wording->except[atom] && other < axis->nr; other++)
			if (space_meets(axis, other, atom))
				wording->head[other / 64] &= ~(1ULL << other % 64);
	}
	for (atom = 0; atom < axis->nr_atoms; atom++) {
		if (!wording->except[atom])
			continue;
		for (other = 0; other < axis->nr_atoms; other++)
			if (other != atom && wording->except[other] &&
			    is_narrower(wording, NULL, atom, other))
				break;
		if (other < axis->nr_atoms)
			continue;
		if (nr < SHOWN_EXCEPTIONS) {
			fputs(nr ? ", " : " except ", wording->out);
			put_name(wording, atom);
		}
		nr++;
	}
	if (nr > SHOWN_EXCEPTIONS)
		fprintf(wording->out, " and %u more", nr - SHOWN_EXCEPTIONS);
	for (other = 0; other <= axis->nr / 64; other++)
		wording->said[other] |= wording->head[other];
}

/* How many conditions a class meets: what meets few is wide, and may make others needless */
static unsigned int count_met(const struct space_axis *axis, size_t c)
{
	unsigned int nr = 0;

	for (size_t i = 0; i <= axis->nr_atoms / 64; i++)
		nr += __builtin_popcountll(axis->class[c].meets[i]);
	return nr;
}

static void put_terms(struct wording *wording)
{
	const struct space_axis *axis = wording->axis;
	unsigned int nr = 0, more = 0;

	for (unsigned int met = 0, left = 1; left; met++) {
		left = 0;
		for (size_t c = 0; c < axis->nr; c++) {
			if (!has(wording->set, c) || has(wording->said, c))
				continue;
			if (count_met(axis, c) > met) {
				left++;
				continue;
			}
			if (nr == SHOWN_TERMS) {
				more++;
				wording->said[c / 64] |= 1ULL << c % 64;
				continue;
			}
			if (nr++)
				fputs(" or ", wording->out);
			put_head(wording, c);
			put_exceptions(wording, c);
		}
	}
	if (more)
		fprintf(wording->out, " or %u more", more);
}

char *diff_words(const struct identities *identities, const struct space_axis *axis,
		 const uint64_t *set)
{
	struct wording wording = { .identities = identities, .axis = axis, .set = set };
	char *text = NULL;
	size_t size;

	wording.said = calloc(axis->nr / 64 + 1, sizeof(uint64_t));
	wording.head = calloc(axis->nr / 64 + 1, sizeof(uint64_t));
	wording.except = calloc(axis->nr_atoms + 1, sizeof(*wording.except));
	wording.out = open_memstream(&text, &size);
	if (wording.said && wording.head && wording.except && wording.out)
		put_terms(&wording);
	if (wording.out)
		fclose(wording.out);
	free(wording.said);
	free(wording.head);
	free(wording.except);
	return text;
}
