/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What `why` and `probe` found, one after the other: what is all right, what is in the way, and what helps.
 */
#ifndef FINDINGS_H
#define FINDINGS_H

#include <stdbool.h>

struct json_object;

enum finding { FINDING_FINE, FINDING_NOTE, FINDING_PROBLEM };

struct findings {
	struct json_object *list; /* of objects: "is", "what", "says", "try" */
	unsigned int problems;
};

void findings_start(struct findings *findings);

/**
 * findings_add() - Keep one finding
 * @findings: where
 * @is: whether it is a problem
 * @what: one word for what was looked at, for programs
 * @try: what helps, without "try", or NULL
 * @fmt: what was found, for people
 */
void findings_add(struct findings *findings, enum finding is, const char *what, const char *try,
		  const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* As text on the standard output, each with its advice; what is fine only if @fine_too */
void findings_print(const struct findings *findings, bool fine_too);

/* Releases the list, unless it was taken */
void findings_free(struct findings *findings);

#endif
