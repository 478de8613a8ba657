// SPDX-License-Identifier: GPL-2.0
/*
 * Patterns as rows of tokens, and the questions about them as walks over positions in those rows. Nothing
 * here decides about a request in the kernel: that is automaton.c's, which must say the same.
 */
#include "globs.h"

#include <stdlib.h>
#include <string.h>

/* Pairs of positions that a comparison looks at before it gives up */
#define MAX_STEPS 100000

static void add_byte(struct glob_token *token, unsigned char byte)
{
	token->set[byte / 8] |= 1u << byte % 8;
}

static void invert(struct glob_token *token, bool path)
{
	for (unsigned int i = 0; i < sizeof(token->set); i++)
		token->set[i] = ~token->set[i];
	token->set[0] &= ~1u; /* no value holds a NUL */
	if (path)
		token->set['/' / 8] &= ~(1u << '/' % 8);
}

/* The set that begins after the '['. Return: what is behind its ']', or NULL with *problem set. */
static const char *parse_set(const char *p, bool path, struct glob *glob, struct glob_token *token,
			     const char **problem)
{
	bool inverted = *p == '!';
	const char *first;

	p += inverted;
	for (first = p; *p && (*p != ']' || p == first); p++) {
		unsigned char from = *p, to = from;

		if (p[1] == '-' && p[2] && p[2] != ']') {
			to = p[2];
			p += 2;
		}
		if (to < from) {
			*problem = "has a range in '[...]' that ends before it begins";
			glob->advice = "'[a-c]', with the smaller one first";
			return NULL;
		}
		for (unsigned int byte = from; byte <= to; byte++)
			if (!path || byte != '/')
				add_byte(token, byte);
	}
	if (!*p) {
		*problem = "has a '[' without its ']'";
		glob->advice = "'[abc]', or '[[]' for a '[' that means itself";
		return NULL;
	}
	if (inverted)
		invert(token, path);
	return p + 1;
}

const char *glob_parse(const char *text, bool path, struct glob *glob)
{
	const char *p = text, *problem = NULL;

	glob->nr = 0;
	glob->advice = NULL;
	while (*p) {
		struct glob_token *token = &glob->token[glob->nr];
		bool whole_level, two;

		if (glob->nr == GLOB_MAX_TOKENS)
			return "is too long";
		memset(token, 0, sizeof(*token));
		switch (*p) {
		case '*':
			two = p[1] == '*';
			whole_level = path && p != text && p[-1] == '/' &&
				      (!p[1 + two] || p[1 + two] == '/');
			glob->advice = path ? "'/**' for all levels below, '*' within a level" :
					      "one '*', which stands for anything here";
			if (two && !whole_level)
				return path ? "has '**' as part of a level; it stands for whole levels" :
					      "has '**', which is for paths of cgroups";
			p += 1 + two;
			invert(token, path);
			if (whole_level) {
				/* No level is empty: one byte, then any number */
				if (++glob->nr == GLOB_MAX_TOKENS)
					return "is too long";
				token[1] = token[0];
				token++;
				if (two)
					add_byte(token, '/');
			}
			token->star = true;
			break;
		case '?':
			invert(token, path);
			p++;
			break;
		case '[':
			p = parse_set(p + 1, path, glob, token, &problem);
			if (!p)
				return problem;
			break;
		default:
			add_byte(token, *p++);
			break;
		}
		glob->nr++;
	}
	return NULL;
}

void glob_of_text(const char *text, bool prefix, struct glob *glob)
{
	memset(glob, 0, offsetof(struct glob, token));
	for (; *text && glob->nr < GLOB_MAX_TOKENS - 1; text++) {
		memset(&glob->token[glob->nr], 0, sizeof(glob->token[0]));
		add_byte(&glob->token[glob->nr++], *text);
	}
	if (!prefix)
		return;
	memset(&glob->token[glob->nr], 0, sizeof(glob->token[0]));
	invert(&glob->token[glob->nr], false);
	glob->token[glob->nr++].star = true;
}

/* Positions in a pattern: before each token, and after the last */
struct positions {
	uint64_t bits[GLOB_MAX_TOKENS / 64 + 1];
};

static bool has_position(const struct positions *positions, unsigned int at)
{
	return positions->bits[at / 64] >> at % 64 & 1;
}

/* A star may stand for nothing, so who is before it is behind it too */
static void add_position(const struct glob *glob, struct positions *positions, unsigned int at)
{
	for (;; at++) {
		positions->bits[at / 64] |= 1ULL << at % 64;
		if (at == glob->nr || !glob->token[at].star)
			return;
	}
}

static void advance(const struct glob *glob, const struct positions *from, unsigned char byte,
		    struct positions *to)
{
	memset(to, 0, sizeof(*to));
	for (unsigned int at = 0; at < glob->nr; at++)
		if (has_position(from, at) && glob_token_has(&glob->token[at], byte))
			add_position(glob, to, at + !glob->token[at].star);
}

bool glob_matches(const char *text, bool path, const char *value)
{
	struct positions now = { 0 }, next;
	struct glob glob;

	if (glob_parse(text, path, &glob))
		return false;
	add_position(&glob, &now, 0);
	for (; *value; value++) {
		advance(&glob, &now, *value, &next);
		now = next;
	}
	return has_position(&now, glob.nr);
}

static bool sets_meet(const struct glob_token *a, const struct glob_token *b)
{
	for (unsigned int i = 0; i < sizeof(a->set); i++)
		if (a->set[i] & b->set[i])
			return true;
	return false;
}

bool glob_meets(const struct glob *a, const struct glob *b)
{
	unsigned int width = b->nr + 1, nr = 0, room = (a->nr + 1) * width;
	unsigned int *todo = malloc(room * sizeof(*todo));
	bool *seen = calloc(room, sizeof(*seen)), meets = false;

#define VISIT(i, j) do {                                \
	unsigned int visit = (i) * width + (j);         \
	if (!seen[visit]) {                             \
		seen[visit] = true;                     \
		todo[nr++] = visit;                     \
	}                                               \
} while (0)
	if (!todo || !seen) {
		meets = true;
		goto out;
	}
	VISIT(0, 0);
	while (nr && !meets) {
		unsigned int pair = todo[--nr], i = pair / width, j = pair % width;
		const struct glob_token *x = i < a->nr ? &a->token[i] : NULL;
		const struct glob_token *y = j < b->nr ? &b->token[j] : NULL;

		meets = !x && !y;
		if (x && x->star)
			VISIT(i + 1, j);
		if (y && y->star)
			VISIT(i, j + 1);
		if (x && y && sets_meet(x, y))
			VISIT(i + !x->star, j + !y->star);
	}
#undef VISIT
out:
	free(todo);
	free(seen);
	return meets;
}

/* A position in the narrow pattern, and all that the wide one can be at then */
struct pair {
	unsigned int at;
	struct positions wide;
};

struct pairs {
	struct pair *pair;
	size_t nr, room;
};

/* Return: false without memory, or if there are too many */
static bool add_pair(struct pairs *pairs, unsigned int at, const struct positions *wide)
{
	for (size_t i = 0; i < pairs->nr; i++)
		if (pairs->pair[i].at == at && !memcmp(&pairs->pair[i].wide, wide, sizeof(*wide)))
			return true;
	if (pairs->nr == pairs->room) {
		size_t room = pairs->room ? 2 * pairs->room : 64;
		struct pair *pair = room > 4096 ? NULL : reallocarray(pairs->pair, room, sizeof(*pair));

		if (!pair)
			return false;
		pairs->pair = pair;
		pairs->room = room;
	}
	pairs->pair[pairs->nr++] = (struct pair){ .at = at, .wide = *wide };
	return true;
}

bool glob_covers(const struct glob *wide, const struct glob *narrow)
{
	struct pairs pairs = { 0 };
	struct positions begin = { 0 };
	unsigned long steps = 0;
	bool covers = true;

	add_position(wide, &begin, 0);
	covers = add_pair(&pairs, 0, &begin);
	for (size_t i = 0; covers && i < pairs.nr; i++) {
		struct pair pair = pairs.pair[i];
		const struct glob_token *token = &narrow->token[pair.at];
		struct positions next, last;
		bool first = true;

		if (pair.at == narrow->nr) {
			covers = has_position(&pair.wide, wide->nr);
			continue;
		}
		if (token->star)
			covers = add_pair(&pairs, pair.at + 1, &pair.wide);
		for (unsigned int byte = 1; covers && byte < 256; byte++) {
			if (!glob_token_has(token, byte))
				continue;
			advance(wide, &pair.wide, byte, &next);
			if (!first && !memcmp(&next, &last, sizeof(next)))
				continue;
			first = false;
			last = next;
			covers = add_pair(&pairs, pair.at + !token->star, &next) && ++steps < MAX_STEPS;
		}
	}
	free(pairs.pair);
	return covers;
}
