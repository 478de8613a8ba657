/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the loader speaks to people and programs: errors and warnings with the place they are about, as
 * text or, when message_json is set, as one JSON object a line. What is wrong is for others to find.
 */
#ifndef MESSAGE_H
#define MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Set by main() from -j before anything is said */
extern bool message_json;

/* A text that places point into. Outlives every place in it. */
struct source {
	const char *name; /* as given on the command line */
	const char *text; /* NULL: could not be read */
	size_t len;
};

/* Where something stands. line 0: the file as a whole; source NULL: nowhere in particular. */
struct place {
	const struct source *source;
	int line;   /* from 1 */
	int column; /* from 1, in characters */
	int width;  /* characters to underline, at least 1 */
};

enum severity { MESSAGE_NOTE, MESSAGE_WARNING, MESSAGE_ERROR };

/* Where messages of one piece of work go, and how many there were */
struct messages {
	FILE *stream;
	unsigned int errors, warnings;
	unsigned int suppressed; /* those beyond MESSAGES_MAX, counted but not printed */
	bool errors_only;        /* for who did not ask what could be better in a policy */
	bool last_suppressed;    /* so that a note shares the fate of its message */
};

/* After so many errors, or so many warnings, more would not help anybody */
#define MESSAGES_MAX 50

/**
 * message() - Say what is wrong, where, and what to do about it
 * @messages: where to, and who counts; notes are not counted
 * @severity: error, warning, or a note that belongs to the message before
 * @place: where it is, or NULL
 * @advice: what to do, without "try", or NULL
 * @fmt: what is wrong, no full stop
 *
 * Control characters that a policy smuggles into the text are shown as '?'.
 */
void message(struct messages *messages, enum severity severity, const struct place *place,
	     const char *advice, const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* Say how many messages were suppressed, if any were. Once, at the end of the work. */
void messages_finish(struct messages *messages);

/**
 * message_error() - Say on stderr that a command failed
 * @advice: what to do, without "try", or NULL
 * @fmt: "cannot X 'name': reason"
 */
void message_error(const char *advice, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* As message_error(), when the work goes on */
void message_warning(const char *advice, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
