// SPDX-License-Identifier: GPL-2.0
/*
 * `explain`: what a policy decides about one request, by which rule, and which one would have changed it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "commands.h"
#include "json.h"
#include "policy_explain.h"
#include "policy_names.h"
#include "question.h"

static void print_rule(const struct subject *subject, const char *before, uint32_t rule)
{
	const char *file, *text;
	int line;

	subject_rule(subject, rule, &file, &line, &text);
	printf("%srule %u, %s:%d: %s\n", before, rule + 1, file, line, text);
}

/* "device: the id is '8086:10d3', the rule wants '10de:*'" for each condition that is not met */
static void print_miss(const struct subject *subject, const struct policy_request *request,
		       const struct policy_miss *miss)
{
	char has[POLICY_NAME_LEN], wants[POLICY_NAME_LEN];

	if (miss->op)
		printf("    op: the rule is not about '%s'\n", policy_op_name[request->op]);
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		if (!(miss->dims & 1u << dim))
			continue;
		policy_value_name(&subject->draft.identities, dim, request, has);
		policy_match_name(&subject->draft.identities, dim, &miss->clause->match[dim], wants);
		printf("    %s: the request's %s is '%s', the rule wants '%s'\n",
		       policy_side_name[policy_dim_side[dim]], policy_dim_key[dim], has, wants);
	}
}

static void print_text(const struct subject *subject, const struct policy_request *request,
		       const struct policy_explanation *why)
{
	bool allowed = why->verdict.what == POLICY_ALLOW;

	if (!allowed && subject->policy->permissive)
		printf("allowed, because the policy is permissive; it would be ");
	if (why->verdict.what == POLICY_NO_RULE)
		printf("denied: no rule allows it\n");
	else
		print_rule(subject, allowed ? "allowed by " : "denied by ", why->verdict.rule);
	if (why->again)
		print_rule(subject, allowed ? "  also allowed by " : "  also denied by ",
			   why->again_rule);
	if (why->overruled)
		print_rule(subject, "  what denies it overrules ", why->overruled_rule);
	else if (why->verdict.what == POLICY_DENY)
		printf("  without that, no rule would allow it either\n");
	/* With a rule that already allows it, another one would change nothing */
	if (!why->closest.clause || why->overruled)
		return;
	print_rule(subject, allowed ? "  closest to denying it: " : "  closest to allowing it: ",
		   why->closest.clause->rule);
	print_miss(subject, request, &why->closest);
}

static struct json_object *rule_json(const struct subject *subject, uint32_t rule)
{
	struct json_object *object = json_object_new_object();
	const char *file, *text;
	int line;

	subject_rule(subject, rule, &file, &line, &text);
	json_add_number(object, "rule", rule + 1);
	json_add_string(object, "file", file);
	json_add_number(object, "line", line);
	json_add_string(object, "text", text);
	return object;
}

static struct json_object *miss_json(const struct subject *subject,
				     const struct policy_request *request,
				     const struct policy_miss *miss)
{
	struct json_object *object = rule_json(subject, miss->clause->rule);
	struct json_object *list = json_object_new_array(), *item;
	char text[POLICY_NAME_LEN];

	json_add_bool(object, "other_operation", miss->op);
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		if (!(miss->dims & 1u << dim))
			continue;
		item = json_object_new_object();
		json_add_string(item, "side", policy_side_name[policy_dim_side[dim]]);
		json_add_string(item, "key", policy_dim_key[dim]);
		json_add_string(item, "has", policy_value_name(&subject->draft.identities, dim, request,
							       text));
		json_add_string(item, "wants", policy_match_name(&subject->draft.identities, dim,
								 &miss->clause->match[dim], text));
		json_object_array_add(list, item);
	}
	json_object_object_add(object, "not_met", list);
	return object;
}

static void print_json(const struct subject *subject, const struct policy_request *request,
		       const struct policy_explanation *why)
{
	struct json_object *object = json_object_new_object();
	bool allowed = why->verdict.what == POLICY_ALLOW;

	json_add_string(object, "policy", subject->policy->name);
	json_add_string(object, "op", policy_op_name[request->op]);
	json_add_string(object, "decision", allowed ? "allow" : "deny");
	json_add_bool(object, "permissive", subject->policy->permissive);
	if (why->verdict.what != POLICY_NO_RULE)
		json_object_object_add(object, "by", rule_json(subject, why->verdict.rule));
	if (why->again)
		json_object_object_add(object, "also_by", rule_json(subject, why->again_rule));
	if (why->overruled)
		json_object_object_add(object, "overruled", rule_json(subject, why->overruled_rule));
	else if (why->closest.clause)
		json_object_object_add(object, "closest", miss_json(subject, request, &why->closest));
	json_print(object);
}

int cmd_explain(const struct options *options, int nr_files, char **files)
{
	char *question = question_yaml(options);
	struct policy_explanation why;
	struct policy_request *request;
	struct subject subject;
	int rc;

	if (!question)
		return EXIT_UNUSABLE;
	rc = subject_open(&subject, "explain the decision", files, nr_files, question, NULL);
	free(question);
	if (!rc) {
		request = &subject.draft.test[subject.draft.nr_tests - 1].request;
		policy_explain(subject.policy, request, &why);
		(options->json ? print_json : print_text)(&subject, request, &why);
		if (why.verdict.what != POLICY_ALLOW && !subject.policy->permissive)
			rc = EXIT_FAILED;
	}
	subject_close(&subject);
	return rc;
}
