// SPDX-License-Identifier: GPL-2.0
/*
 * Errors and warnings as people and programs read them: the place, the line itself with a caret, what to
 * do. Owns the format, not the wording.
 */
#include "message.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

bool message_json;

/* A line longer than this is shown as a window around the caret */
#define SHOWN_WIDTH 120

static const char *severity_name(enum severity severity)
{
	switch (severity) {
	case MESSAGE_ERROR:
		return "error";
	case MESSAGE_WARNING:
		return "warning";
	default:
		return "note";
	}
}

/*
 * What a policy says may end up on a terminal: nothing in it may move the cursor or change colours.
 * Text is UTF-8 here, so the C1 controls are 0xc2 followed by 0x80 to 0x9f.
 */
static void make_printable(char *text)
{
	unsigned char *p = (unsigned char *)text;

	for (; *p; p++) {
		if (*p < 0x20 || *p == 0x7f)
			*p = '?';
		else if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] <= 0x9f)
			p[0] = p[1] = '?';
	}
}

/* The 1-based line of a source, without its end; NULL if there is no such line */
static const char *source_line(const struct source *source, int line, size_t *len)
{
	const char *p, *end, *newline;

	if (!source || !source->text || line < 1)
		return NULL;
	p = source->text;
	end = p + source->len;
	while (--line) {
		p = memchr(p, '\n', end - p);
		if (!p)
			return NULL;
		p++;
	}
	newline = memchr(p, '\n', end - p);
	*len = (newline ? newline : end) - p;
	if (*len && p[*len - 1] == '\r')
		(*len)--;
	return p;
}

static bool is_continuation(char c)
{
	return ((unsigned char)c & 0xc0) == 0x80;
}

/* The line and the caret below it. Tabs are shown as one space, so that the caret stands right. */
static void print_line(FILE *stream, const struct place *place)
{
	int from = 1, shown = 0, column = 0, caret, width, i;
	size_t len = 0;
	const char *line = source_line(place->source, place->line, &len);
	char *text;
	size_t used = 0;

	if (!line)
		return;
	caret = place->column < 1 ? 1 : place->column;
	width = place->width < 1 ? 1 : place->width;
	if (caret > SHOWN_WIDTH * 3 / 4)
		from = caret - SHOWN_WIDTH / 2;

	text = malloc(len + 1);
	if (!text)
		return;
	for (size_t n = 0; n < len && shown <= SHOWN_WIDTH; n++) {
		if (!is_continuation(line[n])) {
			column++;
			if (column >= from)
				shown++;
			if (shown > SHOWN_WIDTH)
				break;
		}
		if (column >= from)
			text[used++] = line[n] == '\t' ? ' ' : line[n];
	}
	text[used] = '\0';
	make_printable(text);

	caret -= from - 1;
	if (caret + width - 1 > SHOWN_WIDTH)
		width = SHOWN_WIDTH - caret + 1;
	fprintf(stream, "%5d | %s\n      | ", place->line, text);
	for (i = 1; i < caret; i++)
		fputc(' ', stream);
	fputc('^', stream);
	for (i = 1; i < width; i++)
		fputc('~', stream);
	fputc('\n', stream);
	free(text);
}

static void print_text(FILE *stream, enum severity severity, const struct place *place,
		       const char *advice, const char *text)
{
	if (place && place->source) {
		char *name = strdup(place->source->name);

		if (name)
			make_printable(name);
		fprintf(stream, "%s:", name ? name : "?");
		if (place->line)
			fprintf(stream, "%d:%d:", place->line, place->column);
		free(name);
	} else {
		fputs("iommufd-lsm:", stream);
	}
	fprintf(stream, " %s: %s\n", severity_name(severity), text);
	if (place && place->line)
		print_line(stream, place);
	if (advice)
		fprintf(stream, "  try: %s\n", advice);
}

static void print_json(FILE *stream, enum severity severity, const struct place *place,
		       const char *advice, const char *text)
{
	struct json_object *object = json_object_new_object();

	if (!object)
		return;
	json_object_object_add(object, "severity",
			       json_object_new_string(severity_name(severity)));
	if (place && place->source)
		json_object_object_add(object, "file",
				       json_object_new_string(place->source->name));
	if (place && place->source && place->line) {
		size_t len = 0;
		const char *line = source_line(place->source, place->line, &len);

		json_object_object_add(object, "line", json_object_new_int(place->line));
		json_object_object_add(object, "column", json_object_new_int(place->column));
		if (line) {
			char *copy = strndup(line, len);

			if (copy) {
				make_printable(copy);
				json_object_object_add(object, "source",
						       json_object_new_string(copy));
			}
			free(copy);
		}
	}
	json_object_object_add(object, "message", json_object_new_string(text));
	if (advice)
		json_object_object_add(object, "try", json_object_new_string(advice));
	fprintf(stream, "%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
							       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

static void print(FILE *stream, enum severity severity, const struct place *place,
		  const char *advice, const char *fmt, va_list args)
{
	char *text = NULL, *copy = NULL;

	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	if (text)
		make_printable(text);
	if (advice) {
		copy = strdup(advice);
		if (copy)
			make_printable(copy);
	}
	(message_json ? print_json : print_text)(stream, severity, place, copy,
						 text ? text : "out of memory");
	free(copy);
	free(text);
}

void message(struct messages *messages, enum severity severity, const struct place *place,
	     const char *advice, const char *fmt, ...)
{
	va_list args;

	/* A note belongs to what was said last, which may be nothing */
	if (messages->errors_only && (severity == MESSAGE_WARNING ||
				      (severity == MESSAGE_NOTE && !messages->errors)))
		return;
	if (severity == MESSAGE_ERROR)
		messages->last_suppressed = ++messages->errors > MESSAGES_MAX;
	else if (severity == MESSAGE_WARNING)
		messages->last_suppressed = ++messages->warnings > MESSAGES_MAX;
	if (messages->last_suppressed) {
		messages->suppressed += severity != MESSAGE_NOTE;
		return;
	}
	va_start(args, fmt);
	print(messages->stream, severity, place, advice, fmt, args);
	va_end(args);
}

static void print_plain(FILE *stream, enum severity severity, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(stream, severity, NULL, NULL, fmt, args);
	va_end(args);
}

void messages_finish(struct messages *messages)
{
	if (messages->suppressed)
		print_plain(messages->stream, MESSAGE_NOTE, "%u more errors and warnings not shown",
			    messages->suppressed);
	messages->suppressed = 0;
	fflush(messages->stream);
}

void message_error(const char *advice, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(stderr, MESSAGE_ERROR, NULL, advice, fmt, args);
	va_end(args);
}

void message_warning(const char *advice, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print(stderr, MESSAGE_WARNING, NULL, advice, fmt, args);
	va_end(args);
}
