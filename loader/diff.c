// SPDX-License-Identifier: GPL-2.0
/*
 * `diff`: what two policies decide differently, in the words they themselves use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "json.h"
#include "message.h"
#include "policy_diff.h"
#include "policy_names.h"
#include "question.h"

/* So many differences are shown without -v */
#define SHOWN 50
/* So many of what a description excepts */
#define SHOWN_EXCEPTIONS 8

struct comparison {
	struct subject old, new;
	struct diff diff;
};

static const struct space_class *class_at(const struct comparison *comparison, enum policy_dim dim,
					  unsigned int class)
{
	return &comparison->diff.space.dim[dim].class[class];
}

static const char *name_of(const struct comparison *comparison, enum policy_dim dim, unsigned int class,
			   char *text)
{
	/* The identities of the new one are those of the old one and more */
	return policy_match_name(&comparison->new.draft.identities, dim,
				 &class_at(comparison, dim, class)->match, text);
}

/* How many of the values below a class are in the set: none, some or all of the classes */
enum share { NONE, SOME, ALL };

static enum share share_of(const struct comparison *comparison, enum policy_dim dim, unsigned int class,
			   const uint64_t *set)
{
	bool in = false, out = false;

	for (unsigned int c = class; c < class_at(comparison, dim, class)->end; c++) {
		if (class_at(comparison, dim, c)->empty)
			continue;
		in |= diff_has(set, c);
		out |= !diff_has(set, c);
	}
	return !in ? NONE : out ? SOME : ALL;
}

/* What a pattern's rest lacks: " except '10de:2204', '10de:2206'" */
static void write_exceptions(FILE *out, const struct comparison *comparison, enum policy_dim dim,
			     unsigned int class, const uint64_t *set)
{
	const struct space_class *of = class_at(comparison, dim, class);
	unsigned int nr = 0, c;
	char text[POLICY_NAME_LEN];

	for (c = class + 1; c < of->end; c = class_at(comparison, dim, c)->end) {
		if (share_of(comparison, dim, c, set) == ALL)
			continue;
		if (nr++ < SHOWN_EXCEPTIONS)
			fprintf(out, "%s'%s'", nr == 1 ? " except " : ", ",
				name_of(comparison, dim, c, text));
	}
	if (nr > SHOWN_EXCEPTIONS)
		fprintf(out, " and %u more", nr - SHOWN_EXCEPTIONS);
}

/* The classes of a set below @class, with "or" between them. @nr counts what was written. */
static void write_classes(FILE *out, const struct comparison *comparison, enum policy_dim dim,
			  unsigned int class, const uint64_t *set, unsigned int *nr)
{
	const struct space_class *of = class_at(comparison, dim, class);
	enum share share = share_of(comparison, dim, class, set);
	char text[POLICY_NAME_LEN];

	if (share == NONE)
		return;
	if (share == ALL || diff_has(set, class)) {
		fprintf(out, "%s", (*nr)++ ? " or " : "");
		if (class)
			fprintf(out, "'%s'", name_of(comparison, dim, class, text));
		else
			fputs("any", out);
		if (share == ALL)
			return;
		write_exceptions(out, comparison, dim, class, set);
	}
	for (unsigned int c = class + 1; c < of->end; c = class_at(comparison, dim, c)->end)
		write_classes(out, comparison, dim, c, set, nr);
}

static char *describe(const struct comparison *comparison, enum policy_dim dim, const uint64_t *set)
{
	unsigned int nr = 0;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return strdup("?");
	write_classes(out, comparison, dim, 0, set, &nr);
	fclose(out);
	return text;
}

/* --- names of the policies' own --------------------------------------------------------------------- */

static bool meets(const struct comparison *comparison, enum policy_dim dim, unsigned int class,
		  const struct condition *condition)
{
	/* A name stands in TO in a selector, whichever side it is used for */
	for (unsigned int i = 0; i < condition->nr; i++) {
		struct policy_request request = { 0 };

		space_set(&comparison->diff.space, dim, class, &request);
		if (policy_match_holds(dim, &condition->match[i], &request))
			return true;
	}
	return !condition->nr;
}

/* Whether a region's side is exactly what a definition selects */
static bool is_definition(const struct comparison *comparison, enum side side,
			  const struct diff_region *region, const struct selector *selector)
{
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		const struct space_dim *classes = &comparison->diff.space.dim[dim];
		const struct condition *condition =
			&selector->condition[dim == POLICY_DIM_FROM ? POLICY_DIM_TO : dim];

		if (policy_dim_side[dim] != side)
			continue;
		for (unsigned int c = 0; c < classes->nr; c++)
			if (!classes->class[c].empty &&
			    meets(comparison, dim, c, condition) != diff_has(region->classes[dim], c))
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

static bool side_is_any(const struct comparison *comparison, enum side side,
			const struct diff_region *region)
{
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
		if (policy_dim_side[dim] == side &&
		    share_of(comparison, dim, 0, region->classes[dim]) != ALL)
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
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		char *text;

		if (policy_dim_side[dim] != side ||
		    share_of(comparison, dim, 0, region->classes[dim]) == ALL)
			continue;
		text = describe(comparison, dim, region->classes[dim]);
		printf("%s%s %s", comma, policy_dim_key[dim], text);
		free(text);
		comma = ", ";
	}
	printf("%s\n", name ? ")" : "");
}

static unsigned int first_op(const struct diff_region *region)
{
	return __builtin_ctz(region->ops);
}

static void print_region(const struct comparison *comparison, const struct diff_region *region)
{
	const char *comma = "";

	fputs(region->new.what == POLICY_ALLOW ? "now allowed: " : "no longer allowed: ", stdout);
	for (unsigned int op = 0; op < IOMMUFD_LSM_OP_COUNT; op++) {
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
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		if (policy_dim_side[dim] != side ||
		    share_of(comparison, dim, 0, region->classes[dim]) == ALL)
			continue;
		text = describe(comparison, dim, region->classes[dim]);
		json_add_string(object, policy_dim_key[dim], text);
		free(text);
	}
	return object;
}

static struct json_object *region_json(const struct comparison *comparison,
				       const struct diff_region *region)
{
	struct json_object *object = json_object_new_object(), *ops = json_object_new_array();

	for (unsigned int op = 0; op < IOMMUFD_LSM_OP_COUNT; op++)
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

static void print_json(const struct comparison *comparison)
{
	struct json_object *object = json_object_new_object(), *list = json_object_new_array();

	json_add_bool(object, "old_permissive", comparison->old.policy->permissive);
	json_add_bool(object, "new_permissive", comparison->new.policy->permissive);
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
	       comparison->old.policy->permissive != comparison->new.policy->permissive ?
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
