// SPDX-License-Identifier: GPL-2.0
/*
 * Messages as a person sees them: the caret below the right character, nothing that could harm a
 * terminal, and an end when there are too many.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"

static char *said;

/* One message about one place in a text */
static const char *say(const char *text, int line, int column, int width, const char *advice)
{
	static size_t size;
	struct source source = { "f", text, strlen(text) };
	struct place place = { &source, line, column, width };
	FILE *stream = open_memstream(&said, &size);
	struct messages messages = { .stream = stream };

	message(&messages, MESSAGE_ERROR, &place, advice, "bad %s", "thing");
	fclose(stream);
	return said;
}

Test(message, place_line_caret_and_advice)
{
	cr_expect_str_eq(say("one\n  two three\n", 2, 7, 5, "four"),
			 "f:2:7: error: bad thing\n"
			 "    2 |   two three\n"
			 "      |       ^~~~~\n"
			 "  try: four\n");
	free(said);
}

Test(message, last_line_without_newline)
{
	cr_expect_str_eq(say("one\ntwo", 2, 1, 3, NULL),
			 "f:2:1: error: bad thing\n"
			 "    2 | two\n"
			 "      | ^~~\n");
	free(said);
}

Test(message, characters_not_bytes)
{
	cr_expect_str_eq(say("\xc3\xa4\xe2\x82\xac x\n", 1, 4, 1, NULL),
			 "f:1:4: error: bad thing\n"
			 "    1 | \xc3\xa4\xe2\x82\xac x\n"
			 "      |    ^\n");
	free(said);
}

Test(message, a_file_as_a_whole)
{
	cr_expect_str_eq(say("x\n", 0, 0, 0, NULL), "f: error: bad thing\n");
	free(said);
}

Test(message, a_line_that_is_not_there)
{
	cr_expect_str_eq(say("x\n", 7, 1, 1, NULL), "f:7:1: error: bad thing\n");
	free(said);
}

Test(message, a_long_line_is_shown_around_its_caret)
{
	char text[3001];
	const char *line, *caret;

	memset(text, '.', 3000);
	text[3000] = '\0';
	text[1999] = 'X';
	say(text, 1, 2000, 1, NULL);
	line = strchr(said, '\n') + 1;
	caret = strchr(line, '\n') + 1;
	cr_expect_lt(caret - line, 140);
	cr_expect_eq(line[strchr(caret, '^') - caret], 'X', "%s", said);
	free(said);
}

Test(message, an_underline_ends_with_the_shown_line)
{
	char text[3001];

	memset(text, '.', 3000);
	text[3000] = '\0';
	say(text, 1, 2000, 1000000, NULL);
	cr_expect_lt(strlen(said), 400);
	free(said);
}

Test(message, nothing_reaches_the_terminal_that_could_control_it)
{
	static size_t size;
	struct source source = { "f\x1b[2J", "a\x1b[31m\x7f\xc2\x9b", 9 };
	struct place place = { &source, 1, 1, 1 };
	FILE *stream = open_memstream(&said, &size);
	struct messages messages = { .stream = stream };

	message(&messages, MESSAGE_ERROR, &place, "\x1b]0;x\x07", "bad '%s'", "\x1b[1m\r");
	fclose(stream);
	cr_expect_str_eq(said,
			 "f?[2J:1:1: error: bad '?[1m?'\n"
			 "    1 | a?[31m???\n"
			 "      | ^\n"
			 "  try: ?]0;x?\n");
	free(said);
}

Test(message, many_are_counted_and_not_shown)
{
	static size_t size;
	FILE *stream = open_memstream(&said, &size);
	struct messages messages = { .stream = stream };
	unsigned int lines = 0;

	for (int i = 0; i < MESSAGES_MAX + 7; i++) {
		message(&messages, MESSAGE_ERROR, NULL, NULL, "bad");
		message(&messages, MESSAGE_NOTE, NULL, NULL, "because");
	}
	message(&messages, MESSAGE_WARNING, NULL, NULL, "odd");
	messages_finish(&messages);
	fclose(stream);
	for (char *p = said; *p; p++)
		lines += *p == '\n';
	cr_expect_eq(lines, 2 * MESSAGES_MAX + 2, "%u", lines);
	cr_expect(strstr(said, "warning: odd\n"));
	cr_expect(strstr(said, "note: 7 more errors and warnings not shown\n"));
	cr_expect_eq(messages.errors, MESSAGES_MAX + 7);
	free(said);
}
