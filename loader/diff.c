// SPDX-License-Identifier: GPL-2.0
/*
 * `diff`: what two policies decide differently, in the words they themselves use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "diff_words.h"
#include "json.h"
#include "message.h"
#include "policy_diff.h"
#include "policy_names.h"
#include "question.h"

/* So many differences are shown without -v */
#define SHOWN 50
struct comparison {
	struct subject old, new;
	struct diff diff;
};

static const struct condition no_condition;

static unsigned int first_op(const struct diff_region *region)
{
	return __builtin_ctz(region->ops);
}

/* --- names of the policies' own --------------------------------------------------------------------- */

/* Whether the values of a class meet one key of a selector */
static bool class_meets(const struct space_axis *axis, size_t class, const struct condition *condition)
{
	struct policy_request request = { 0 };

	space_set(axis, class, &request);
	for (unsigned int i = 0; i < condition->nr; i++)
		if (policy_match_holds(axis->dim, &condition->match[i], &request))
			return true;
	return !condition->nr;
}

/* The condition of a selector that is used for @side on this axis: selectors know fewer dimensions than requests */
static const struct condition *condition_on(const struct space_axis *axis, enum side side,
					    const struct selector *selector)
{
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
		if (selector->condition[dim].nr && policy_side_dim(side, dim) == axis->dim)
			return &selector->condition[dim];
	return &no_condition;
}

/* Whether a region's side is exactly what a definition selects */
static bool is_definition(const struct comparison *comparison, enum side side,
			  const struct diff_region *region, const struct selector *selector)
{
	const struct space *space = &comparison->diff.space;

	/* Several groups, any of which will do, are no classes on axes of their own */
	if (selector->condition[POLICY_DIM_GROUP].nr > 1)
		return false;
	for (size_t a = 0; a < space->nr; a++) {
		const struct space_axis *axis = &space->axis[a];
		const struct condition *condition = condition_on(axis, side, selector);

		if (policy_dim_side(axis->dim, first_op(region)) != side)
			continue;
		/* Another group than this axis is about */
		if (axis->dim == POLICY_DIM_GROUP && condition->nr &&
		    condition->match[0].gid != axis->atom[0]->gid)
			condition = &no_condition;
		for (size_t c = 0; c < axis->nr; c++)
			if (class_meets(axis, c, condition) != diff_has(region->classes[a], c))
				return false;
	}
	return true;
}

/* *@was: only the old policy has it like this */
static const char *find_definition(const struct comparison *comparison, enum side side,
				   const struct diff_region *region, bool *was)
{
	const struct subject *subjects[] = { &comparison->new, &comparison->old };

	for (unsigned int i = 0; i < 2; i++) {
		*was = i;
		const struct definition *definition = subjects[i]->draft.first[policy_side_kind(side)];

		for (; definition; definition = definition->next)
			if (is_definition(comparison, side, region, &definition->selector))
				return definition->key->text;
	}
	return NULL;
}

/* Whether an axis is of this side and says something of it */
static bool says_something(const struct comparison *comparison, enum side side,
			   const struct diff_region *region, size_t a)
{
	const struct space_axis *axis = &comparison->diff.space.axis[a];

	return policy_dim_side(axis->dim, first_op(region)) == side &&
	       !diff_is_all(axis, region->classes[a]);
}

static bool side_is_any(const struct comparison *comparison, enum side side,
			const struct diff_region *region)
{
	for (size_t a = 0; a < comparison->diff.space.nr; a++)
		if (says_something(comparison, side, region, a))
			return false;
	return true;
}

/* --- printing ---------------------------------------------------------------------------------------------- */

static void print_verdict(const char *when, const struct subject *subject, struct policy_verdict verdict)
{
	const char *file, *text;
	int line;

	if (verdict.what == POLICY_NO_RULE) {
		printf("  %s denied: no rule allows it\n", when);
		return;
	}
	subject_rule(subject, verdict.rule, &file, &line, &text);
	printf("  %s %s by rule %u, %s:%d: %s\n", when, verdict.what == POLICY_ALLOW ? "allowed" : "denied",
	       verdict.rule + 1, file, line, text);
}

static char *words_on(const struct comparison *comparison, size_t a, const struct diff_region *region)
{
	/* The identities of the new one are those of the old one and more */
	return diff_words(&comparison->new.draft.identities, &comparison->diff.space.axis[a],
			  region->classes[a]);
}

static void print_side(const struct comparison *comparison, enum side side,
		       const struct diff_region *region)
{
	const char *name, *comma = "";
	bool was;

	if (side_is_any(comparison, side, region)) {
		printf("  %-7s any\n", policy_side_name[side]);
		return;
	}
	name = find_definition(comparison, side, region, &was);
	printf("  %-7s ", policy_side_name[side]);
	if (name)
		printf(was ? "%s, as it was (" : "%s (", name);
	for (size_t a = 0; a < comparison->diff.space.nr; a++) {
		char *text;

		if (!says_something(comparison, side, region, a))
			continue;
		text = words_on(comparison, a, region);
		printf("%s%s %s", comma, policy_dim_key[comparison->diff.space.axis[a].dim],
		       text ? text : "?");
		free(text);
		comma = ", ";
	}
	printf("%s\n", name ? ")" : "");
}

static void print_region(const struct comparison *comparison, const struct diff_region *region)
{
	const char *comma = "";

	fputs(region->new.what == POLICY_ALLOW ? "now allowed: " : "no longer allowed: ", stdout);
	for (unsigned int op = 0; op < POLICY_OP_BITS; op++) {
		if (!(region->ops & 1u << op))
			continue;
		printf("%s%s", comma, policy_op_name[op]);
		comma = ", ";
	}
	putchar('\n');
	for (unsigned int side = 0; side < SIDE_COUNT; side++)
		if (policy_op_side[first_op(region)][side])
			print_side(comparison, side, region);
	print_verdict("before ", &comparison->old, region->old);
	print_verdict("now    ", &comparison->new, region->new);
}

static void print_text(const struct comparison *comparison, bool verbose)
{
	const struct diff *diff = &comparison->diff;
	size_t shown = verbose || diff->nr < SHOWN ? diff->nr : SHOWN;

	for (unsigned int guard = 0; guard < POLICY_NR_GUARDS; guard++)
		if ((comparison->old.policy->guards ^ comparison->new.policy->guards) >> guard & 1)
			printf("guard %s: now %s\n", policy_guard_name[guard],
			       comparison->new.policy->guards >> guard & 1 ? "on" : "off");
	if (comparison->old.policy->permissive != comparison->new.policy->permissive)
		printf(comparison->new.policy->permissive ?
		       "mode: now permissive: what it denies happens, and is logged\n" :
		       "mode: no longer permissive: what it denies does not happen\n");
	for (size_t i = 0; i < shown; i++) {
		if (i)
			putchar('\n');
		print_region(comparison, &diff->region[i]);
	}
	if (shown < diff->nr)
		printf("\n%zu more differences; -v shows them\n", diff->nr - shown);
	else if (!diff->nr && !diff->incomplete)
		printf("the rules of both decide every request alike\n");
}

static struct json_object *verdict_json(const struct subject *subject, struct policy_verdict verdict)
{
	struct json_object *object = json_object_new_object();
	const char *file, *text;
	int line;

	json_add_string(object, "decision", verdict.what == POLICY_ALLOW ? "allow" : "deny");
	if (verdict.what == POLICY_NO_RULE)
		return object;
	subject_rule(subject, verdict.rule, &file, &line, &text);
	json_add_number(object, "rule", verdict.rule + 1);
	json_add_string(object, "file", file);
	json_add_number(object, "line", line);
	json_add_string(object, "text", text);
	return object;
}

/* Of several groups, each has words of its own */
static void add_words(struct json_object *object, const char *key, const char *text)
{
	struct json_object *there;
	char *both = NULL;

	if (json_object_object_get_ex(object, key, &there) &&
	    asprintf(&both, "%s, %s", json_object_get_string(there), text) >= 0)
		text = both;
	json_add_string(object, key, text);
	free(both);
}

static struct json_object *side_json(const struct comparison *comparison, enum side side,
				     const struct diff_region *region)
{
	struct json_object *object = json_object_new_object();
	bool was = false;
	const char *name = side_is_any(comparison, side, region) ? "any" :
			   find_definition(comparison, side, region, &was);
	char *text;

	if (name)
		json_add_string(object, was ? "was" : "is", name);
	for (size_t a = 0; a < comparison->diff.space.nr; a++) {
		if (!says_something(comparison, side, region, a))
			continue;
		text = words_on(comparison, a, region);
		add_words(object, policy_dim_key[comparison->diff.space.axis[a].dim], text ? text : "?");
		free(text);
	}
	return object;
}

static struct json_object *region_json(const struct comparison *comparison,
				       const struct diff_region *region)
{
	struct json_object *object = json_object_new_object(), *ops = json_object_new_array();

	for (unsigned int op = 0; op < POLICY_OP_BITS; op++)
		if (region->ops & 1u << op)
			json_object_array_add(ops, json_object_new_string(policy_op_name[op]));
	json_object_object_add(object, "ops", ops);
	for (unsigned int side = 0; side < SIDE_COUNT; side++)
		if (policy_op_side[first_op(region)][side])
			json_object_object_add(object, policy_side_name[side],
					       side_json(comparison, side, region));
	json_object_object_add(object, "old", verdict_json(&comparison->old, region->old));
	json_object_object_add(object, "new", verdict_json(&comparison->new, region->new));
	return object;
}

static struct json_object *guards_json(const struct policy *policy)
{
	struct json_object *list = json_object_new_array();

	for (unsigned int guard = 0; guard < POLICY_NR_GUARDS; guard++)
		if (policy->guards >> guard & 1)
			json_object_array_add(list, json_object_new_string(policy_guard_name[guard]));
	return list;
}

static void print_json(const struct comparison *comparison)
{
	struct json_object *object = json_object_new_object(), *list = json_object_new_array();

	json_add_bool(object, "old_permissive", comparison->old.policy->permissive);
	json_add_bool(object, "new_permissive", comparison->new.policy->permissive);
	json_object_object_add(object, "old_guards", guards_json(comparison->old.policy));
	json_object_object_add(object, "new_guards", guards_json(comparison->new.policy));
	json_add_bool(object, "complete", !comparison->diff.incomplete);
	for (size_t i = 0; i < comparison->diff.nr; i++)
		json_object_array_add(list, region_json(comparison, &comparison->diff.region[i]));
	json_object_object_add(object, "differences", list);
	json_print(object);
}

static int compare(struct comparison *comparison, const struct options *options)
{
	const struct diff *diff = &comparison->diff;

	if (policy_diff(comparison->old.policy, comparison->new.policy, &comparison->diff)) {
		message_error(NULL, "cannot compare the policies: out of memory");
		return EXIT_FAILED;
	}
	if (options->json)
		print_json(comparison);
	else
		print_text(comparison, options->verbose);
	if (diff->incomplete)
		message_error("parts of them, a file each", "the policies are too large to find all "
			      "differences; what is shown is right, and there may be more");
	return diff->nr || diff->incomplete ||
	       comparison->old.policy->permissive != comparison->new.policy->permissive ||
	       comparison->old.policy->guards != comparison->new.policy->guards ?
		EXIT_FAILED : EXIT_DONE;
}

int cmd_diff(const struct options *options, int nr_files, char **files)
{
	struct comparison comparison = { 0 };
	int rc = subject_open(&comparison.old, "compare the policies", files, 1, NULL, NULL);

	(void)nr_files;
	if (!rc)
		rc = subject_open(&comparison.new, "compare the policies", files + 1, 1, NULL,
				  &comparison.old);
	if (!rc)
		rc = compare(&comparison, options);
	policy_diff_free(&comparison.diff);
	subject_close(&comparison.new);
	subject_close(&comparison.old);
	return rc;
}
