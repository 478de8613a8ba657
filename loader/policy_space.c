// SPDX-License-Identifier: GPL-2.0
/*
 * Patterns of a dimension are values or beginnings of values, so any two are apart or one contains the
 * other: sorted, they are a tree, and a value belongs to the deepest of them that it meets.
 */
#include "policy_space.h"

#include <stdlib.h>
#include <string.h>

#include "identity.h"

static bool is_text(enum policy_dim dim)
{
	return dim != POLICY_DIM_EXE && dim != POLICY_DIM_UID;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* What contains another comes before it: a pattern before the value it is written like */
static int compare(enum policy_dim dim, const struct policy_match *a, const struct policy_match *b)
{
	int rc;

	switch (dim) {
	case POLICY_DIM_EXE:
		rc = compare_numbers(a->dev, b->dev);
		return rc ? rc : compare_numbers(a->ino, b->ino);
	case POLICY_DIM_UID:
		return compare_numbers(a->uid, b->uid);
	default:
		rc = strcmp(a->text, b->text);
		return rc ? rc : b->prefix - a->prefix;
	}
}

struct sorted {
	enum policy_dim dim;
	const struct policy_match *match;
};

static int compare_sorted(const void *a, const void *b)
{
	const struct sorted *x = a, *y = b;

	return compare(x->dim, x->match, y->match);
}

static bool contains(enum policy_dim dim, const struct policy_match *wide,
		     const struct policy_match *narrow)
{
	return wide->any || (is_text(dim) && wide->prefix &&
			     !strncmp(wide->text, narrow->text, wide->len));
}

/* --- is there a value that begins so? -------------------------------------------------------------------- */

/* 'h' a hex digit, 's' a slot's first digit, 'o' 0 to 7, else itself. Return: characters that fit */
static size_t fits(const char *text, const char *shape)
{
	size_t n;

	for (n = 0; text[n] && shape[n]; n++) {
		bool fit = shape[n] == 'h' ? strchr("0123456789abcdef", text[n]) != NULL :
			   shape[n] == 's' ? text[n] == '0' || text[n] == '1' :
			   shape[n] == 'o' ? text[n] >= '0' && text[n] <= '7' : text[n] == shape[n];

		if (!fit)
			break;
	}
	return n;
}

/* Which shape the values have that begin with @text, NULL: any characters */
static const char *shape_of(enum policy_dim dim, const char *text)
{
	switch (dim) {
	case POLICY_DIM_ID:
		return "hhhh:hhhh";
	case POLICY_DIM_CLASS:
		return "hhhhhh";
	case POLICY_DIM_ADDRESS:
		/* What begins like a PCI address is one */
		return fits(text, "hhhh:") == 5 ? "hhhh:hh:sh.o" : NULL;
	default:
		return NULL;
	}
}

static bool can_begin(enum policy_dim dim, const char *text)
{
	const char *shape = shape_of(dim, text);

	return !shape || fits(text, shape) == strlen(text);
}

static bool is_value(enum policy_dim dim, const char *text)
{
	const char *shape = shape_of(dim, text);

	if (!*text)
		return dim == POLICY_DIM_FROM || dim == POLICY_DIM_TO;
	return !shape || (fits(text, shape) == strlen(text) && strlen(text) == strlen(shape));
}

/* The first class from 1 on whose text is not before @text */
static unsigned int lower_bound(const struct space_dim *dim, const char *text)
{
	unsigned int low = 1, high = dim->nr;

	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (strcmp(dim->class[middle].match.text, text) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* How a class is written like @text: the pattern, the value, or only longer ones */
static void classes_at(const struct space_dim *dim, const char *text, bool *pattern, bool *value,
		       bool *longer)
{
	unsigned int i = lower_bound(dim, text);
	size_t len = strlen(text);

	*pattern = *value = *longer = false;
	for (; i < dim->nr && !strcmp(dim->class[i].match.text, text); i++)
		*(dim->class[i].match.prefix ? pattern : value) = true;
	*longer = i < dim->nr && !strncmp(dim->class[i].match.text, text, len);
}

static const char characters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "-._:!\"#$%&'()*+,/;<=>?@[\\]^`{|}~";

/*
 * Lengthen @text, which begins a pattern's class, to a value that no class further down has. Goes only where
 * such classes leave no other way, so no further than they are long.
 */
static bool find_value(enum policy_dim d, const struct space_dim *dim, char *text)
{
	bool pattern, value, longer;
	size_t len = strlen(text);

	classes_at(dim, text, &pattern, &value, &longer);
	if (is_value(d, text) && !value)
		return true;
	if (len == POLICY_TEXT_LEN - 1)
		return false;
	for (int detour = 0; detour <= 1; detour++) {
		for (const char *c = characters; *c; c++) {
			text[len] = *c;
			text[len + 1] = '\0';
			classes_at(dim, text, &pattern, &value, &longer);
			/* First where nothing else is in the way: that needs no search */
			if (pattern || !can_begin(d, text) || (value || longer) != detour)
				continue;
			if (find_value(d, dim, text))
				return true;
		}
	}
	text[len] = '\0';
	return false;
}

static void choose_value(enum policy_dim d, struct space_dim *dim, unsigned int c)
{
	struct space_class *class = &dim->class[c];

	if (!is_text(d))
		return;
	memcpy(class->text, class->match.text, sizeof(class->text));
	if (c && !class->match.prefix)
		return;
	class->empty = !find_value(d, dim, class->text);
}

/* --- building ------------------------------------------------------------------------------------------------ */

static void link_classes(enum policy_dim d, struct space_dim *dim)
{
	for (unsigned int c = 1; c < dim->nr; c++) {
		unsigned int parent = c - 1;

		while (!contains(d, &dim->class[parent].match, &dim->class[c].match))
			parent = dim->class[parent].parent;
		dim->class[c].parent = parent;
	}
	for (unsigned int c = dim->nr; c--;) {
		struct space_class *class = &dim->class[c];

		if (class->end < c + 1)
			class->end = c + 1;
		if (c && dim->class[class->parent].end < class->end)
			dim->class[class->parent].end = class->end;
	}
}

static int build_dim(const struct policy *const *policies, size_t nr, enum policy_dim d, size_t room,
		     struct space_dim *dim)
{
	struct sorted *sorted = calloc(room + 1, sizeof(*sorted));
	size_t used = 0, distinct = 0, p, i;

	for (p = 0; sorted && p < nr; p++)
		for (i = 0; i < policies[p]->nr_clauses; i++)
			if (!policies[p]->clauses[i].match[d].any)
				sorted[used++] = (struct sorted){ d, &policies[p]->clauses[i].match[d] };
	if (sorted && used)
		qsort(sorted, used, sizeof(*sorted), compare_sorted);
	for (i = 0; i < used; i++)
		if (!i || compare_sorted(&sorted[i - 1], &sorted[i]))
			sorted[distinct++] = sorted[i];
	dim->class = calloc(distinct + 1, sizeof(*dim->class));
	if (!sorted || !dim->class) {
		free(sorted);
		return -1;
	}
	dim->class[0].match.any = true;
	for (i = 0; i < distinct; i++)
		dim->class[i + 1].match = *sorted[i].match;
	free(sorted);
	dim->nr = distinct + 1;
	link_classes(d, dim);
	for (unsigned int c = 0; c < dim->nr; c++)
		choose_value(d, dim, c);
	return 0;
}

int space_build(const struct policy *const *policies, size_t nr, struct space *space)
{
	size_t room = 0;

	*space = (struct space){ 0 };
	for (size_t p = 0; p < nr; p++)
		room += policies[p]->nr_clauses;
	for (unsigned int d = 0; d < POLICY_DIM_COUNT; d++)
		if (build_dim(policies, nr, d, room, &space->dim[d]))
			return -1;
	return 0;
}

void space_free(struct space *space)
{
	for (unsigned int d = 0; d < POLICY_DIM_COUNT; d++)
		free(space->dim[d].class);
	*space = (struct space){ 0 };
}

/* --- asking ---------------------------------------------------------------------------------------------------- */

unsigned int space_class_of(const struct space *space, enum policy_dim dim,
			    const struct policy_request *request)
{
	const struct space_dim *classes = &space->dim[dim];
	unsigned int found = 0, c = 1;

	/* Into what it meets, past what it does not */
	while (c < classes->class[found].end) {
		if (policy_match_holds(dim, &classes->class[c].match, request))
			found = c++;
		else
			c = classes->class[c].end;
	}
	return found;
}

unsigned int space_class_of_match(const struct space *space, enum policy_dim dim,
				  const struct policy_match *match)
{
	const struct space_dim *classes = &space->dim[dim];
	unsigned int low = 1, high = classes->nr;

	if (match->any)
		return 0;
	while (low < high) {
		unsigned int middle = low + (high - low) / 2;

		if (compare(dim, &classes->class[middle].match, match) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void space_set(const struct space *space, enum policy_dim dim, unsigned int class,
	       struct policy_request *request)
{
	const struct space_class *of = &space->dim[dim].class[class];
	char *field[POLICY_DIM_COUNT] = {
		[POLICY_DIM_ADDRESS] = request->address, [POLICY_DIM_ID] = request->id,
		[POLICY_DIM_CLASS] = request->class_code, [POLICY_DIM_DRIVER] = request->driver,
		[POLICY_DIM_FROM] = request->from, [POLICY_DIM_TO] = request->to,
	};

	if (dim == POLICY_DIM_EXE) {
		/* No file is inode 0: of an executable that no policy names */
		request->exe_dev = class ? of->match.dev : 0;
		request->exe_ino = class ? of->match.ino : 0;
	} else if (dim == POLICY_DIM_UID) {
		request->uid = class ? of->match.uid : IDENTITY_NO_UID;
	} else {
		memcpy(field[dim], of->text, POLICY_TEXT_LEN);
	}
}
