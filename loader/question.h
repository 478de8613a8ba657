/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Policies to ask about without loading them, and a request in words to ask with.
 */
#ifndef QUESTION_H
#define QUESTION_H

#include "commands.h"
#include "policy_private.h"

struct json_object;

/* All zero is empty. Everything in it belongs to it. */
struct subject {
	struct messages messages;
	struct yaml_file **files;
	size_t nr_files;
	struct draft draft;
	struct policy *policy;
	struct json_object *words; /* of the policy in force: files and lines as they were loaded */
};

/**
 * subject_open() - Read policies to ask about
 * @subject: out, to be released with subject_close(), also after a failure
 * @cannot: what cannot be done otherwise, "explain the decision"
 * @paths: the files, none: the policy in force
 * @nr: how many
 * @request: YAML of one item of "tests", which becomes the last test; or NULL
 * @like: a subject whose identities are to be used, so that two can be compared; or NULL
 *
 * Only errors are said.
 *
 * Return: an exit status
 */
int subject_open(struct subject *subject, const char *cannot, char *const *paths, size_t nr,
		 const char *request, const struct subject *like);
void subject_close(struct subject *subject);

/* Where rule @rule stands and what it says, for people. The texts live as long as the subject. */
void subject_rule(const struct subject *subject, uint32_t rule, const char **file, int *line,
		  const char **text);

/**
 * question_yaml() - What the options of `explain` ask, as one item of "tests"
 * @options: the options
 *
 * A device that is given by nothing but its address is looked up on this machine.
 *
 * Return: the text, to be freed; NULL, and it was said why.
 */
char *question_yaml(const struct options *options);

#endif
