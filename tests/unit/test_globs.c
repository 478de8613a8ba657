// SPDX-License-Identifier: GPL-2.0
/*
 * How patterns relate, against all short values there are: what is called covered is, what is said not to meet
 * does not. And the automaton of several reads each value as they do.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "automaton.h"
#include "globs.h"

static const char *const patterns[] = {
	"/**", "/a", "/a/**", "/a/*", "/*", "/?", "/[ab]", "/a/b", "/**/b", "/*/b", "/a*", "/*b", "/a?", "/ab",
	"/[!a]", "/a/**/b", "/[a-b]*", "/*a*", "/", "/b/*/a",
};
#define NR (sizeof(patterns) / sizeof(patterns[0]))

static struct glob glob[NR];

/* Calls @fn with every path of up to six bytes */
static void each_value(void (*fn)(const char *value))
{
	char value[8];

	for (unsigned int n = 0; n < 3 * 3 * 3 * 3 * 3 * 6; n++) {
		unsigned int rest = n / 6, len = 1 + n % 6;

		memset(value, 0, sizeof(value));
		value[0] = '/';
		for (unsigned int i = 1; i < len; i++, rest /= 3)
			value[i] = "ab/"[rest % 3];
		fn(value);
	}
}

static bool found_both[NR][NR], found_outside[NR][NR];

static void try_value(const char *value)
{
	bool matches[NR];

	for (size_t i = 0; i < NR; i++)
		matches[i] = glob_matches(patterns[i], true, value);
	for (size_t a = 0; a < NR; a++) {
		for (size_t b = 0; b < NR; b++) {
			found_both[a][b] |= matches[a] && matches[b];
			found_outside[a][b] |= matches[b] && !matches[a];
		}
	}
}

static void parse_all(void)
{
	for (size_t i = 0; i < NR; i++)
		cr_assert_null(glob_parse(patterns[i], true, &glob[i]), "%s", patterns[i]);
}

Test(globs, relations_are_those_of_what_is_matched)
{
	parse_all();
	each_value(try_value);
	for (size_t a = 0; a < NR; a++) {
		for (size_t b = 0; b < NR; b++) {
			cr_expect_eq(glob_meets(&glob[a], &glob[b]), found_both[a][b], "%s meets %s",
				     patterns[a], patterns[b]);
			if (found_outside[a][b])
				cr_expect_not(glob_covers(&glob[a], &glob[b]), "%s covers %s",
					      patterns[a], patterns[b]);
		}
		if (strcmp(patterns[a], "/"))
			cr_expect(glob_covers(&glob[0], &glob[a]), "/** covers %s", patterns[a]);
		cr_expect(glob_covers(&glob[a], &glob[a]), "%s covers itself", patterns[a]);
	}
	cr_expect(glob_covers(&glob[2], &glob[3]), "/a/** covers /a/*");
	cr_expect(glob_covers(&glob[16], &glob[13]), "/[a-b]* covers /ab");
}

static struct automaton automaton;

static void read_value(const char *value)
{
	uint16_t state = AUTOMATON_START;
	size_t nr = 0;

	for (const char *p = value; *p; p++)
		state = automaton.state[state].next[(unsigned char)*p];
	for (size_t i = 0; i < NR; i++) {
		bool accepted = nr < automaton.state[state].nr &&
				automaton.accepts[automaton.state[state].first + nr] == i;

		cr_assert_eq(accepted, glob_matches(patterns[i], true, value), "%s and %s", patterns[i],
			     value);
		nr += accepted;
	}
}

Test(globs, the_automaton_reads_as_the_patterns_do)
{
	const struct glob *all[NR];

	parse_all();
	for (size_t i = 0; i < NR; i++)
		all[i] = &glob[i];
	cr_assert_eq(automaton_build(all, NR, &automaton), 0);
	each_value(read_value);
	automaton_free(&automaton);
}
