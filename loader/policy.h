/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A policy in memory: what the YAML said (rules, for messages and for `list`), and what it compiles to
 * (clauses, for deciding). Parsing, compiling and evaluating need no kernel and no root.
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "policy_dims.h"

#define POLICY_TEXT_LEN 32 /* with its NUL, as in the hook's request */

/*
 * One condition on one dimension. Text matches the whole value, or with prefix set its beginning
 * ("10de:*" is the text "10de:" with prefix; "" without prefix is the empty name). Numbers match
 * exactly.
 */
struct policy_match {
	bool any;    /* no condition */
	bool prefix;
	uint8_t len; /* of text */
	char text[POLICY_TEXT_LEN];
	uint64_t dev, ino; /* POLICY_DIM_EXE: see struct identity */
	uint32_t inode_generation; /* likewise; see struct identity */
	uint32_t uid;      /* POLICY_DIM_UID */
};

/*
 * A conjunction of conditions. A rule is the disjunction of its clauses: one for each combination of
 * the selectors it lists.
 */
struct policy_clause {
	uint32_t rule; /* index into policy.rules */
	bool deny;
	uint32_t ops;  /* bit IOMMUFD_LSM_OP_x */
	struct policy_match match[POLICY_DIM_COUNT];
};

struct policy_rule {
	bool deny;
	uint32_t ops;
	const char *file; /* as given on the command line, owned by the policy */
	int line;         /* of the rule, from 1 */
	char *text;       /* the rule on one line, as a person would write it */
};

struct policy {
	char *name;
	char **files; /* what rule.file points to, NULL at the end */
	bool permissive; /* mode: permissive */
	struct policy_rule *rules;
	size_t nr_rules;
	struct policy_clause *clauses; /* denying ones first, then by rule: the first match decides */
	size_t nr_clauses;
	size_t nr_tests; /* of its own, all passed */
	char *yaml; /* the whole policy as one document that loads again, for `list` */
};

/* What a request looks like to a policy, for tests and for evaluating without a kernel */
struct policy_request {
	uint32_t op; /* enum iommufd_lsm_op */
	uint64_t exe_dev, exe_ino;
	uint32_t uid;
	char address[POLICY_TEXT_LEN];
	char id[POLICY_TEXT_LEN];
	char class_code[POLICY_TEXT_LEN];
	char driver[POLICY_TEXT_LEN];
	char from[POLICY_TEXT_LEN];
	char to[POLICY_TEXT_LEN];
};

struct policy_verdict {
	enum { POLICY_NO_RULE, POLICY_ALLOW, POLICY_DENY } what;
	uint32_t rule; /* index into policy.rules, unless POLICY_NO_RULE */
};

/**
 * policy_load_files() - Read, check and compile a policy, and run its tests
 * @paths: the files, which together are one policy
 * @nr: how many
 * @messages: where errors and warnings go: "file:line:column: error: ...", the line itself, what to do
 * @out: the policy, to be freed with policy_free(); NULL on failure
 *
 * Return: 0; 2 if the policy is unusable (unreadable, not YAML, unknown keys or names, ...); 1 if it is
 * well-formed and one of its own tests fails. Never exits, never leaks.
 */
int policy_load_files(const char *const *paths, size_t nr, FILE *messages, struct policy **out);

/* A policy of more clauses is refused */
#define POLICY_MAX_CLAUSES 65536

void policy_free(struct policy *policy);

/* Decide one request as the BPF program does: the reference it is tested against. */
struct policy_verdict policy_decide(const struct policy *policy, const struct policy_request *request);

/* Whether a request meets one condition of a clause */
bool policy_match_holds(enum policy_dim dim, const struct policy_match *match,
			const struct policy_request *request);

#endif
