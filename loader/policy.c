// SPDX-License-Identifier: GPL-2.0
/*
 * A policy from its files to its clauses, in order: read, parse, compile, test. Owns nothing else; every
 * step is in a file of its own.
 */
#include "policy_private.h"

#include <stdlib.h>
#include <string.h>

void policy_free(struct policy *policy)
{
	size_t i;

	if (!policy)
		return;
	for (i = 0; policy->rules && i < policy->nr_rules; i++)
		free(policy->rules[i].text);
	free(policy->rules);
	for (i = 0; policy->files && policy->files[i]; i++)
		free(policy->files[i]);
	free(policy->files);
	free(policy->clauses);
	for (i = 0; i < policy->nr_exes; i++)
		free(policy->exes[i].path);
	free(policy->exes);
	for (i = 0; policy->globs && policy->globs[i]; i++)
		free(policy->globs[i]);
	free(policy->globs);
	free(policy->name);
	free(policy->yaml);
	free(policy);
}

/* What is said of rules in messages and logs, in memory of the policy's own */
static int describe(struct draft *draft, struct policy *policy)
{
	size_t f = 0, r;

	policy->permissive = draft->permissive;
	policy->guards = ((1u << POLICY_NR_GUARDS) - 1) & ~draft->guards_off;
	policy->name = strdup(draft->name->text);
	policy->files = calloc(draft->nr_files + 1, sizeof(*policy->files));
	policy->rules = calloc(draft->nr_rules + 1, sizeof(*policy->rules));
	policy->yaml = policy_emit_yaml(draft);
	if (!policy->name || !policy->files || !policy->rules || !policy->yaml)
		return -1;
	for (f = 0; f < draft->nr_files; f++) {
		policy->files[f] = strdup(draft->file[f]->source.name);
		if (!policy->files[f])
			return -1;
	}
	policy->nr_rules = draft->nr_rules;
	for (r = 0, f = 0; r < draft->nr_rules; r++) {
		const struct rule *rule = &draft->rule[r];
		struct policy_rule *out = &policy->rules[r];

		/* Rules stand in the order of their files */
		while (rule->file != draft->file[f]->source.name)
			f++;
		out->file = policy->files[f];
		out->line = rule->node->place.line;
		out->deny = rule->deny;
		out->permissive = rule->permissive;
		out->ops = rule->ops;
		out->text = policy_emit_rule(rule->node);
		if (!out->text)
			return -1;
	}
	return 0;
}

static void report_failed_test(struct draft *draft, const struct policy *policy,
			       const struct test *test, struct policy_verdict verdict)
{
	const struct policy_rule *rule;

	if (verdict.what == POLICY_NO_RULE) {
		draft_error(draft, test->expect_node, "a rule that allows it, or 'expect: deny'",
			    "this test fails: no rule allows it");
		return;
	}
	rule = &policy->rules[verdict.rule];
	draft_error(draft, test->expect_node, verdict.what == POLICY_DENY ?
		    "narrowing that rule, or 'expect: deny'" :
		    "a 'deny' rule, narrowing that rule, or 'expect: allow'",
		    "this test fails: %s by %s:%d: %s",
		    verdict.what == POLICY_DENY ? "denied" : "allowed", rule->file, rule->line,
		    rule->text);
}

/* Return: how many failed */
static size_t run_tests(struct draft *draft, const struct policy *policy)
{
	size_t failed = 0;

	for (size_t i = 0; i < draft->nr_tests; i++) {
		const struct test *test = &draft->test[i];
		struct policy_verdict verdict = policy_decide(policy, &test->request);

		if ((verdict.what == POLICY_ALLOW) == test->expect_allow)
			continue;
		report_failed_test(draft, policy, test, verdict);
		failed++;
	}
	return failed;
}

/*
 * While tests ran, each missing user had a number of its own. The kernel may know those numbers one day,
 * so none of them leaves this file.
 */
static void forget_missing_users(struct policy *policy)
{
	for (size_t i = 0; i < policy->nr_clauses; i++) {
		static const enum policy_dim dims[] = {
			POLICY_DIM_UID, POLICY_DIM_GROUP, POLICY_DIM_RECIPIENT_UID,
		};

		for (size_t d = 0; d < sizeof(dims) / sizeof(dims[0]); d++) {
			struct policy_match *match = &policy->clauses[i].match[dims[d]];

			if (!match->any && match->uid >= IDENTITY_FIRST_RESERVED_UID)
				match->uid = IDENTITY_NO_UID;
		}
	}
}

/* Return: 0, or -1 without memory */
static int keep_exes(const struct draft *draft, struct policy *policy)
{
	const struct name_map *exes = &draft->identities.exes;

	policy->exes = calloc(exes->nr + 1, sizeof(*policy->exes));
	if (!policy->exes)
		return -1;
	for (size_t i = 0; i < exes->room; i++) {
		const struct identity *identity = exes->slot[i].value;
		struct policy_exe *exe = &policy->exes[policy->nr_exes];

		if (!exes->slot[i].name || identity->dev == IDENTITY_NO_DEVICE)
			continue;
		*exe = (struct policy_exe){
			.path = strdup(exes->slot[i].name),
			.dev = identity->dev,
			.ino = identity->ino,
			.inode_generation = identity->inode_generation,
			.dir_dev = identity->dir_dev,
			.dir_ino = identity->dir_ino,
			.dir_generation = identity->dir_generation,
			.name = identity->name,
		};
		policy->nr_exes++;
		if (!exe->path)
			return -1;
	}
	return 0;
}

int policy_build(struct draft *draft, struct policy **out)
{
	struct policy *policy = NULL;

	*out = NULL;
	if (!draft->identities.arena)
		draft->identities.arena = &draft->arena;
	if (policy_parse(draft))
		goto err;
	policy = calloc(1, sizeof(*policy));
	if (!policy || describe(draft, policy) || keep_exes(draft, policy)) {
		draft->no_memory = true;
		goto err;
	}
	if (policy_compile(draft, policy))
		goto err;
	*out = policy;
	return 0;
err:
	if (draft->no_memory)
		message(draft->messages, MESSAGE_ERROR, NULL, NULL, "out of memory");
	policy_free(policy);
	return -1;
}

int policy_load_yaml(struct yaml_file **files, size_t nr, struct messages *messages,
		     struct policy **out)
{
	struct draft draft = { .messages = messages, .file = files, .nr_files = nr };
	int rc = policy_build(&draft, out) ? 2 : 0;

	if (!rc) {
		if (policy_prove_never(&draft, *out) + run_tests(&draft, *out))
			rc = 1;
		forget_missing_users(*out);
		(*out)->nr_tests = draft.nr_tests;
		(*out)->nr_nevers = draft.nr_nevers;
		if (draft.no_memory) {
			message(messages, MESSAGE_ERROR, NULL, NULL, "out of memory");
			rc = 2;
		}
	}
	if (rc) {
		policy_free(*out);
		*out = NULL;
	}
	arena_free(&draft.arena);
	return rc;
}

/* The same file twice would be all its rules twice */
static bool is_repeated(const char *const *paths, size_t i, struct messages *messages)
{
	for (size_t n = 0; n < i; n++) {
		if (strcmp(paths[n], paths[i]))
			continue;
		message(messages, MESSAGE_ERROR, NULL, NULL, "'%s' is given twice", paths[i]);
		return true;
	}
	return false;
}

int policy_read_files(const char *const *paths, size_t nr, struct messages *messages,
		      struct yaml_file **files)
{
	int rc = 0;

	/* All of them, so that all that is wrong is said at once */
	for (size_t i = 0; i < nr; i++) {
		if (is_repeated(paths, i, messages)) {
			rc = -1;
			continue;
		}
		files[i] = yaml_read(paths[i], messages);
		if (!files[i] || !files[i]->root)
			rc = -1;
	}
	return rc;
}

int policy_load_files(const char *const *paths, size_t nr, FILE *stream, struct policy **out)
{
	struct messages messages = { .stream = stream };
	struct yaml_file **files = calloc(nr + 1, sizeof(*files));
	int rc = 2;

	*out = NULL;
	if (!files || !nr)
		message(&messages, MESSAGE_ERROR, NULL, NULL, files ? "no file is given" : "out of memory");
	else if (!policy_read_files(paths, nr, &messages, files))
		rc = policy_load_yaml(files, nr, &messages, out);
	messages_finish(&messages);
	for (size_t i = 0; files && i < nr; i++)
		yaml_free(files[i]);
	free(files);
	return rc;
}
