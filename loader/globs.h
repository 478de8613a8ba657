/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Patterns for values that are texts: what they match, and how two of them relate. Bytes, not characters.
 *
 *   *      any number of bytes, in a path none of them '/', and one at least as a whole level
 *   **     in a path only, as a whole level: one level or more
 *   ?      one byte, in a path no '/'
 *   [a-f]  one of these bytes; [!a-f] one of the others, in a path no '/'
 */
#ifndef GLOBS_H
#define GLOBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLOB_MAX_TOKENS 512

struct glob_token {
	bool star;      /* any number of bytes of the set, or else one */
	uint8_t set[32]; /* a bit for each byte */
};

struct glob {
	const char *advice; /* what to do about what glob_parse() complains of */
	unsigned int nr;
	struct glob_token token[GLOB_MAX_TOKENS];
};

static inline bool glob_token_has(const struct glob_token *token, unsigned char byte)
{
	return token->set[byte / 8] & 1u << byte % 8;
}

/**
 * glob_parse() - Read a pattern
 * @text: the pattern
 * @path: whether it is a path
 * @glob: where it goes
 *
 * Return: NULL, or what is wrong with it, as the end of a sentence that begins with the pattern.
 */
const char *glob_parse(const char *text, bool path, struct glob *glob);

/* A pattern that matches this text, or with @prefix what begins so, and nothing else */
void glob_of_text(const char *text, bool prefix, struct glob *glob);

/* Whether the pattern @text, which glob_parse() takes, matches @value. Slow and simple. */
bool glob_matches(const char *text, bool path, const char *value);

/* Whether some value is matched by both. True also where finding out would take too long. */
bool glob_meets(const struct glob *a, const struct glob *b);

/* Whether all that @narrow matches @wide matches too. False also where finding out would take too long. */
bool glob_covers(const struct glob *wide, const struct glob *narrow);

#endif
