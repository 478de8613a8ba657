// SPDX-License-Identifier: GPL-2.0
/*
 * Findings as JSON from the start: what is printed for people is made of the same.
 */
#include "findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "words.h"

static const char *const is_name[] = { "fine", "note", "problem" };

void findings_start(struct findings *findings)
{
	*findings = (struct findings){ .list = json_object_new_array() };
}

void findings_add(struct findings *findings, enum finding is, const char *what, const char *try,
		  const char *fmt, ...)
{
	struct json_object *object = json_object_new_object();
	char *text = NULL;
	va_list args;

	va_start(args, fmt);
	if (vasprintf(&text, fmt, args) < 0)
		text = NULL;
	va_end(args);
	json_add_string(object, "is", is_name[is]);
	json_add_string(object, "what", what);
	json_add_string(object, "says", text ? text : "out of memory");
	if (try)
		json_add_string(object, "try", try);
	json_object_array_add(findings->list, object);
	findings->problems += is == FINDING_PROBLEM;
	free(text);
}

void findings_print(const struct findings *findings, bool fine_too)
{
	static const char *const mark[] = { "ok      ", "note    ", "PROBLEM " };

	for (size_t i = 0; i < json_object_array_length(findings->list); i++) {
		struct json_object *object = json_object_array_get_idx(findings->list, i);
		const char *is = words_string(object, "is"), *try = words_string(object, "try");
		unsigned int n = !strcmp(is, "fine") ? 0 : !strcmp(is, "note") ? 1 : 2;

		if (!n && !fine_too)
			continue;
		printf("  %s%s\n", mark[n], words_string(object, "says"));
		if (*try)
			printf("          try: %s\n", try);
	}
}

void findings_free(struct findings *findings)
{
	json_object_put(findings->list);
	*findings = (struct findings){ 0 };
}
