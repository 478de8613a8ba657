// SPDX-License-Identifier: GPL-2.0
/*
 * One automaton reads all patterns at once. A walk through it, along what a value of the dimension may look
 * like, meets every set of patterns that some value matches, and the shortest such value first.
 */
#include "policy_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "automaton.h"

/*
 * How far a value's shape has been read. Ids, classes and PCI addresses have a fixed one; what an address begins
 * with decides which it has.
 */
#define SHAPES 16 /* of one dimension */
#define ANY_TEXT 1
#define FREE 13   /* an address that is none of PCI's */
enum cgroup_shape { EMPTY, ROOT, LEVEL, SLASH };

static bool is_hex(unsigned char byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
}

/* One more byte of "hhhh:hhhh" and the like: 'h' a hex digit, 's' a slot's first, 'o' 0 to 7. Return: -1: no. */
static int next_of(const char *shape, unsigned int at, unsigned char byte)
{
	bool fits = shape[at] == 'h' ? is_hex(byte) :
		    shape[at] == 's' ? byte == '0' || byte == '1' :
		    shape[at] == 'o' ? byte >= '0' && byte <= '7' : shape[at] && shape[at] == (char)byte;

	return fits ? (int)at + 1 : -1;
}

static int next_shape(enum policy_dim dim, unsigned int shape, unsigned char byte)
{
	static const char pci[] = "hhhh:hh:sh.o";
	int next;

	if (dim == POLICY_DIM_CGROUP) {
		switch (shape) {
		case EMPTY:
			return byte == '/' ? ROOT : -1;
		case LEVEL:
			return byte == '/' ? SLASH : LEVEL;
		default:
			return byte == '/' ? -1 : LEVEL;
		}
	}
	if (byte < 0x21 || byte > 0x7e)
		return -1;
	switch (dim) {
	case POLICY_DIM_ID:
		return next_of("hhhh:hhhh", shape, byte);
	case POLICY_DIM_CLASS:
		return next_of("hhhhhh", shape, byte);
	case POLICY_DIM_ADDRESS:
		if (shape == FREE)
			return FREE;
		next = next_of(pci, shape, byte);
		/* From its domain and colon on, it is one of PCI's */
		return next >= 0 ? next : shape < 5 ? FREE : -1;
	default:
		return ANY_TEXT;
	}
}

static bool is_value(enum policy_dim dim, unsigned int shape)
{
	switch (dim) {
	case POLICY_DIM_CGROUP:
		return shape == ROOT || shape == LEVEL;
	case POLICY_DIM_ID: /* nothing for what is no PCI device */
		return shape == 0 || shape == 9;
	case POLICY_DIM_CLASS:
		return shape == 0 || shape == 6;
	case POLICY_DIM_ADDRESS:
		return shape && (shape == FREE || shape < 5 || shape == 12);
	case POLICY_DIM_DRIVER:
		return shape == ANY_TEXT;
	default:
		return true;
	}
}

/* A place in the walk, and the one it was come from */
struct place_at {
	uint32_t state, parent;
	uint16_t len;
	uint8_t shape;
	unsigned char byte;
};

struct walk {
	enum policy_dim dim;
	struct automaton automaton;
	size_t words; /* of a set of patterns */
	struct place_at *place;
	size_t nr, room;
	bool *seen;   /* by state and shape */
	bool *known;  /* by state: its class was found */
	struct value_class *class;
	size_t nr_classes;
};

static int visit(struct walk *walk, struct place_at place)
{
	bool *seen = &walk->seen[place.state * SHAPES + place.shape];

	if (*seen)
		return 0;
	*seen = true;
	if (walk->nr == walk->room) {
		size_t room = walk->room ? 2 * walk->room : 1024;
		struct place_at *more = reallocarray(walk->place, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		walk->place = more;
		walk->room = room;
	}
	walk->place[walk->nr++] = place;
	return 0;
}

static char *text_of(const struct walk *walk, size_t at)
{
	size_t len = walk->place[at].len;
	char *text = calloc(1, len + 1);

	for (; text && len; at = walk->place[at].parent)
		text[--len] = walk->place[at].byte;
	return text;
}

/* Several states may accept the same patterns */
static int add_class(struct walk *walk, size_t at)
{
	const struct automaton_state *state = &walk->automaton.state[walk->place[at].state];
	struct value_class class = { .meets = calloc(walk->words, sizeof(uint64_t)) }, *more;

	if (!class.meets)
		return -ENOMEM;
	for (size_t i = 0; i < state->nr; i++) {
		uint32_t pattern = walk->automaton.accepts[state->first + i];

		class.meets[pattern / 64] |= 1ULL << pattern % 64;
	}
	for (size_t i = 0; i < walk->nr_classes; i++) {
		if (!memcmp(walk->class[i].meets, class.meets, walk->words * sizeof(uint64_t))) {
			free(class.meets);
			return 0;
		}
	}
	class.text = text_of(walk, at);
	more = reallocarray(walk->class, walk->nr_classes + 1, sizeof(*more));
	if (more)
		walk->class = more;
	if (!class.text || !more) {
		free(class.meets);
		free(class.text);
		return -ENOMEM;
	}
	walk->class[walk->nr_classes++] = class;
	return 0;
}

static int explore(struct walk *walk)
{
	size_t longest = walk->dim == POLICY_DIM_CGROUP ? POLICY_CGROUP_LEN - 1 : POLICY_TEXT_LEN - 1;
	/* Without patterns there is no way to leave nothing */
	uint32_t start = walk->automaton.nr > AUTOMATON_START ? AUTOMATON_START : AUTOMATON_DEAD;
	int rc = visit(walk, (struct place_at){ .state = start });

	for (size_t at = 0; !rc && at < walk->nr; at++) {
		struct place_at here = walk->place[at];

		if (!walk->known[here.state] && is_value(walk->dim, here.shape)) {
			walk->known[here.state] = true;
			rc = add_class(walk, at);
		}
		for (unsigned int byte = 1; !rc && byte < 256 && here.len < longest; byte++) {
			int shape = next_shape(walk->dim, here.shape, byte);

			if (shape >= 0)
				rc = visit(walk, (struct place_at){
					.state = walk->automaton.state[here.state].next[byte],
					.parent = at, .len = here.len + 1, .shape = shape, .byte = byte });
		}
	}
	return rc;
}

/* As short as it is: a struct glob has room for the longest */
static struct glob *short_copy(const struct glob *glob)
{
	size_t size = offsetof(struct glob, token) + glob->nr * sizeof(glob->token[0]);
	struct glob *copy = malloc(size);

	return copy ? memcpy(copy, glob, size) : NULL;
}

static int make_automaton(enum policy_dim dim, const struct policy_match *const *match, size_t nr,
			  struct automaton *automaton)
{
	struct glob *glob = malloc(sizeof(*glob)), **globs = calloc(nr + 1, sizeof(*globs));
	int rc = glob && globs ? 0 : -ENOMEM;
	size_t i;

	for (i = 0; !rc && i < nr; i++) {
		/* The parser of policies took it, so it is one */
		if (!match[i]->glob)
			glob_of_text(match[i]->text, match[i]->prefix, glob);
		else if (glob_parse(match[i]->glob, dim == POLICY_DIM_CGROUP, glob))
			rc = -EINVAL;
		if (!rc)
			globs[i] = short_copy(glob);
		if (!rc && !globs[i])
			rc = -ENOMEM;
	}
	if (!rc)
		rc = automaton_build((const struct glob *const *)globs, nr, automaton);
	for (i = 0; globs && i < nr; i++)
		free(globs[i]);
	free(globs);
	free(glob);
	return rc;
}

int policy_values(enum policy_dim dim, const struct policy_match *const *match, size_t nr,
		  struct value_class **out, size_t *nr_out)
{
	struct walk walk = { .dim = dim, .words = nr / 64 + 1 };
	int rc = make_automaton(dim, match, nr, &walk.automaton);

	if (!rc) {
		walk.seen = calloc(walk.automaton.nr, SHAPES * sizeof(*walk.seen));
		walk.known = calloc(walk.automaton.nr, sizeof(*walk.known));
		rc = walk.seen && walk.known ? explore(&walk) : -ENOMEM;
	}
	automaton_free(&walk.automaton);
	free(walk.seen);
	free(walk.known);
	free(walk.place);
	*out = walk.class;
	*nr_out = walk.nr_classes;
	return rc;
}

void policy_values_free(struct value_class *classes, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		free(classes[i].meets);
		free(classes[i].text);
	}
	free(classes);
}
