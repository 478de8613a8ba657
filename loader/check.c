// SPDX-License-Identifier: GPL-2.0
/*
 * The command "check": what load would do, up to the point where a kernel is needed.
 */
#include "commands.h"
#include "policy.h"

#include <json-c/json.h>

static void print_rules(const struct policy *policy)
{
	for (size_t i = 0; i < policy->nr_rules; i++)
		printf("  rule %zu, %s:%d: %s\n", i + 1, policy->rules[i].file, policy->rules[i].line,
		       policy->rules[i].text);
}

static void print_json(const struct policy *policy, int rc)
{
	static const char *const result[] = { "ok", "test failed", "unusable" };
	struct json_object *object = json_object_new_object(), *rules, *rule;

	json_object_object_add(object, "result", json_object_new_string(result[rc]));
	if (policy) {
		json_object_object_add(object, "policy", json_object_new_string(policy->name));
		json_object_object_add(object, "mode", json_object_new_string(policy->permissive ?
									     "permissive" : "enforce"));
		json_object_object_add(object, "clauses", json_object_new_int64(policy->nr_clauses));
		json_object_object_add(object, "tests", json_object_new_int64(policy->nr_tests));
		rules = json_object_new_array();
		for (size_t i = 0; i < policy->nr_rules; i++) {
			rule = json_object_new_object();
			json_object_object_add(rule, "file",
					       json_object_new_string(policy->rules[i].file));
			json_object_object_add(rule, "line", json_object_new_int(policy->rules[i].line));
			json_object_object_add(rule, "text",
					       json_object_new_string(policy->rules[i].text));
			json_object_array_add(rules, rule);
		}
		json_object_object_add(object, "rules", rules);
	}
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
						      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

int cmd_check(const struct options *options, int nr_files, char **files)
{
	struct policy *policy;
	int rc = policy_load_files((const char *const *)files, nr_files, stderr, &policy);

	if (options->json) {
		print_json(policy, rc);
	} else if (!rc) {
		printf("policy '%s': %zu rules, %zu tests passed%s\n", policy->name, policy->nr_rules,
		       policy->nr_tests,
		       policy->permissive ? "; permissive: denials are logged only" : "");
		if (options->verbose)
			print_rules(policy);
	}
	policy_free(policy);
	return rc;
}
