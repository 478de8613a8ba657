// SPDX-License-Identifier: GPL-2.0
/*
 * How two conditions on one dimension relate: whether one says all that the other does, whether something
 * meets both. For warnings and proofs, which must not claim too much where a pattern is too intricate.
 */
#include "globs.h"
#include "policy_private.h"

#include <string.h>

static void to_glob(enum policy_dim dim, const struct policy_match *match, struct glob *glob)
{
	if (match->glob)
		glob_parse(match->glob, dim == POLICY_DIM_CGROUP, glob);
	else
		glob_of_text(match->text, match->prefix, glob);
}

/* Whether everything that @narrow matches, @wide matches too, where one is a pattern */
static bool text_covers(enum policy_dim dim, const struct policy_match *wide,
			const struct policy_match *narrow)
{
	const char *w = wide->glob ? wide->glob : wide->text;
	const char *n = narrow->glob ? narrow->glob : narrow->text;
	struct glob a, b;

	if (wide->glob && narrow->glob && !strcmp(w, n))
		return true;
	/* Where both begin with plain text, it must be the same */
	for (; *w && !strchr("*?[", *w); w++, n++)
		if (*w != *n)
			return false;
	to_glob(dim, wide, &a);
	to_glob(dim, narrow, &b);
	return glob_covers(&a, &b);
}

/* Whether everything that @narrow matches, @wide matches too */
bool policy_match_covers(enum policy_dim dim, const struct policy_match *wide,
			 const struct policy_match *narrow)
{
	if (wide->any)
		return true;
	if (narrow->any)
		return false;
	switch (dim) {
	case POLICY_DIM_EXE:
	case POLICY_DIM_RECIPIENT_EXE:
		return wide->dev == narrow->dev && wide->ino == narrow->ino;
	case POLICY_DIM_UID:
	case POLICY_DIM_RECIPIENT_UID:
		return wide->uid == narrow->uid;
	case POLICY_DIM_GROUP:
		return wide->gid == narrow->gid;
	default:
		if (wide->glob || narrow->glob)
			return text_covers(dim, wide, narrow);
		if (wide->prefix)
			return narrow->len >= wide->len &&
			       !memcmp(narrow->text, wide->text, wide->len);
		return !narrow->prefix && narrow->len == wide->len &&
		       !memcmp(narrow->text, wide->text, wide->len);
	}
}

bool policy_match_meets(enum policy_dim dim, const struct policy_match *a, const struct policy_match *b)
{
	struct glob x, y;

	if (a->any || b->any)
		return true;
	switch (dim) {
	case POLICY_DIM_EXE:
	case POLICY_DIM_RECIPIENT_EXE:
		return a->dev == b->dev && a->ino == b->ino;
	case POLICY_DIM_UID:
	case POLICY_DIM_RECIPIENT_UID:
		return a->uid == b->uid;
	case POLICY_DIM_GROUP: /* a process may be in both */
		return true;
	default:
		if (!a->glob && !b->glob && a->len <= b->len)
			return !memcmp(a->text, b->text, a->len) && (a->prefix || a->len == b->len);
		if (!a->glob && !b->glob)
			return !memcmp(a->text, b->text, b->len) && b->prefix;
		to_glob(dim, a, &x);
		to_glob(dim, b, &y);
		return glob_meets(&x, &y);
	}
}
