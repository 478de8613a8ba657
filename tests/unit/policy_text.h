/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Loading policies that tests write as C strings, and what was said about them. No test of its own.
 */
#ifndef POLICY_TEXT_H
#define POLICY_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"

/* The first two lines of most policies here */
#define HEAD "version: 1\nname: t\n"

struct loaded {
	int rc;
	struct policy *policy;
	char *said; /* everything on the message stream */
	unsigned int errors, warnings;
};

/* One file called "p.yaml" */
struct loaded load_text(const char *text);
struct loaded load_bytes(const char *text, size_t len);
/* One file of that name in messages */
struct loaded load_as(const char *name, const char *text, size_t len);
/* Several, "a.yaml", "b.yaml", ..., NULL at the end */
struct loaded load_texts(const char *const *texts);
struct loaded load_paths(const char *const *paths, size_t nr);
void unload(struct loaded *loaded);

/* Whether @line is one of the lines that were said, the whole of it */
bool said_line(const struct loaded *loaded, const char *line);

/* A file with that content, in a directory that is removed at exit. Return: its path. */
char *temp_file(const char *name, const char *text, size_t len);
const char *temp_dir(void);

#endif
