/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Many patterns as one automaton that reads a value once, byte by byte, and knows at its end all that match:
 * what BPF does with globs. Knows nothing of policies.
 */
#ifndef AUTOMATON_H
#define AUTOMATON_H

#include <stddef.h>
#include <stdint.h>

#include "globs.h"

#define AUTOMATON_DEAD 0  /* nothing matches any more */
#define AUTOMATON_START 1
#define AUTOMATON_MAX_STATES 32768

struct automaton_state {
	uint16_t next[256]; /* next[0] is not used */
	size_t first, nr;   /* of accepts: the patterns that match what was read, in ascending order */
};

struct automaton {
	struct automaton_state *state;
	size_t nr;
	uint32_t *accepts;
};

/**
 * automaton_build() - Make the automaton of some patterns
 * @globs: the patterns; the number of one is its index
 * @nr: how many
 * @out: the automaton, to be freed with automaton_free(), also after a failure
 *
 * Return: 0; -E2BIG it would have more than AUTOMATON_MAX_STATES states, or take too long; -ENOMEM.
 */
int automaton_build(const struct glob *const *globs, size_t nr, struct automaton *out);

void automaton_free(struct automaton *automaton);

#endif
