// SPDX-License-Identifier: GPL-2.0
/*
 * From files to a draft: sections, definitions, rules, tests. Several files are one policy: all
 * definitions are known before the first rule is read. What a rule means as clauses is decided elsewhere.
 */
#include "policy_private.h"

#include <string.h>

#define NR(array) (sizeof(array) / sizeof((array)[0]))

void *draft_alloc(struct draft *draft, size_t nr, size_t size)
{
	void *memory = NULL;
	size_t bytes;

	if (!__builtin_mul_overflow(nr, size, &bytes))
		memory = arena_alloc(&draft->arena, bytes);
	if (!memory)
		draft->no_memory = true;
	return memory;
}

static const struct key_rule file_keys[] = {
	{ .name = "version", .required = true }, { .name = "name" }, { .name = "mode" },
	{ .name = "processes" }, { .name = "devices" }, { .name = "ioas" }, { .name = "rules" },
	{ .name = "tests" }, { .name = "guards" }, { .name = "never" },
};

/* A value that the whole policy has once, in whichever file */
static int take_single(struct draft *draft, const struct yaml_node *root, const char *key,
		       const struct yaml_node **taken)
{
	const struct yaml_node *key_node, *value = yaml_get(root, key, &key_node);

	if (!value)
		return 0;
	if (*taken) {
		draft_error(draft, key_node, "one file that says it", "'%s' is given in two files", key);
		draft_note(draft, *taken, "the other one is here");
		return -1;
	}
	*taken = value;
	return 0;
}

static int parse_head(struct draft *draft, const struct yaml_node *root)
{
	const struct yaml_node *value = yaml_get(root, "version", NULL);
	const struct yaml_node *name = draft->name, *mode = draft->mode;
	int rc = 0;

	if (value && (value->kind != YAML_SCALAR || strcmp(value->text, "1"))) {
		draft_error(draft, value, "'version: 1'", "this version of the language is not supported");
		rc = -1;
	}
	rc |= take_single(draft, root, "name", &draft->name);
	if (draft->name != name)
		rc |= policy_check_name(draft, draft->name, "the policy's name");
	rc |= take_single(draft, root, "mode", &draft->mode);
	if (draft->mode == mode)
		return rc;
	mode = draft->mode;
	if (mode->kind == YAML_SCALAR && !strcmp(mode->text, "permissive")) {
		draft->permissive = true;
	} else if (mode->kind != YAML_SCALAR || strcmp(mode->text, "enforce")) {
		draft_error(draft, mode, "'enforce' or 'permissive'", "unknown mode");
		rc = -1;
	}
	return rc;
}

/* guards: { ptrace: off }; what is not named is on */
static int parse_guards(struct draft *draft, const struct yaml_node *root)
{
	static const struct key_rule keys[POLICY_NR_GUARDS] = {
		{ .name = "device-files" }, { .name = "hand-over" }, { .name = "ptrace" },
		{ .name = "policy-objects" },
	};
	const struct yaml_node *guards = draft->guards, *value;
	int rc = take_single(draft, root, "guards", &draft->guards);

	if (draft->guards == guards)
		return rc;
	guards = draft->guards;
	rc |= policy_check_keys(draft, guards, "'guards'", keys, NR(keys));
	if (guards->kind != YAML_MAP)
		return -1;
	for (unsigned int i = 0; i < POLICY_NR_GUARDS; i++) {
		value = yaml_get(guards, policy_guard_name[i], NULL);
		if (!value)
			continue;
		if (value->kind == YAML_SCALAR && !strcmp(value->text, "off")) {
			draft->guards_off |= 1u << i;
		} else if (value->kind != YAML_SCALAR || strcmp(value->text, "on")) {
			draft_error(draft, value, "'on' or 'off'", "a guard is on or off");
			rc = -1;
		}
	}
	return rc;
}

static int parse_definition(struct draft *draft, enum kind kind, const struct yaml_node *key,
			    const struct yaml_node *value)
{
	struct definition *definition = name_map_get(&draft->definition[kind], key->text);
	int rc = policy_check_name(draft, key, "a name");

	if (!strcmp(key->text, "any")) {
		draft_error(draft, key, "another name", "'any' means everything and cannot be defined");
		rc = -1;
	}
	if (definition) {
		draft_error(draft, key, "another name", "the %s '%s' is defined twice",
			    policy_kind_name[kind], key->text);
		draft_note(draft, definition->key, "the first one is here");
		return -1;
	}
	definition = draft_alloc(draft, 1, sizeof(*definition));
	if (!definition)
		return -1;
	definition->key = key;
	/* A broken one is added too: one message about it is enough */
	if (name_map_add(&draft->definition[kind], &draft->arena, key->text, definition)) {
		draft->no_memory = true;
		return -1;
	}
	*draft->end[kind] = definition;
	draft->end[kind] = &definition->next;
	return rc | policy_parse_selector(draft, kind, value, false, &definition->selector);
}

static int parse_definitions(struct draft *draft, const struct yaml_node *root)
{
	int rc = 0;

	for (unsigned int kind = 0; kind < KIND_COUNT; kind++) {
		const struct yaml_node *section = yaml_get(root, policy_section[kind], NULL);

		if (!section)
			continue;
		if (section->kind != YAML_MAP) {
			draft_error(draft, section, "'name: { ... }' lines", "'%s' must be a mapping of "
				    "names, this is %s", policy_section[kind], yaml_kind_name(section));
			rc = -1;
			continue;
		}
		if (!section->nr) {
			draft_error(draft, section, "leaving it out", "'%s' is empty",
				    policy_section[kind]);
			rc = -1;
		}
		for (unsigned int i = 0; i < section->nr; i += 2)
			rc |= parse_definition(draft, kind, section->child[i], section->child[i + 1]);
	}
	return rc;
}

/* The list in a section; NULL with *rc untouched if it is not there */
static const struct yaml_node *get_list(struct draft *draft, const struct yaml_node *root,
					const char *key, int *rc)
{
	const struct yaml_node *list = yaml_get(root, key, NULL);

	if (!list)
		return NULL;
	if (list->kind != YAML_LIST) {
		draft_error(draft, list, "items that begin with '- '", "'%s' must be a list, this is %s",
			    key, yaml_kind_name(list));
	} else if (!list->nr) {
		draft_error(draft, list, "leaving it out", "'%s' is empty", key);
	} else {
		return list;
	}
	*rc = -1;
	return NULL;
}

/* Say which operation has no such side, so that nobody thinks a condition counts where it cannot */
static int check_side(struct draft *draft, uint32_t ops, enum side side,
		      const struct yaml_node *key)
{
	for (unsigned int op = 0; op < POLICY_OP_BITS; op++) {
		if (!(ops & 1u << op) || policy_op_side[op][side])
			continue;
		draft_error(draft, key, "a rule of its own for that operation",
			    side == SIDE_DEVICE ? "'%s' is not about a device" :
			    side == SIDE_RECIPIENT ? "'%s' has no recipient, only 'hand-over' has" :
						     "'%s' has no '%s' IOAS",
			    policy_op_name[op], policy_side_name[side]);
		return -1;
	}
	return 0;
}

/* Of who gave a file away, only what the file remembers can be asked */
static int check_giver(struct draft *draft, uint32_t ops, const struct selector *selector,
		       const struct yaml_node *key)
{
	if (!(ops & 1u << POLICY_OP_HAND_OVER) ||
	    (!selector->condition[POLICY_DIM_GROUP].nr && !selector->condition[POLICY_DIM_CGROUP].nr))
		return 0;
	draft_error(draft, key, "'exe' and 'user' here, and 'group' or 'cgroup' in 'recipient'",
		    "who hands over is known by 'exe' and 'user' alone");
	return -1;
}

static const struct key_rule rule_keys[] = {
	{ .name = "allow" }, { .name = "deny" }, { .name = "who", .required = true },
	{ .name = "device" }, { .name = "from" }, { .name = "to" },
	{ .name = "recipient" }, { .name = "permissive" },
};

static int parse_probation(struct draft *draft, const struct yaml_node *node, struct rule *rule)
{
	const struct yaml_node *value = yaml_get(node, "permissive", NULL);

	if (!value)
		return 0;
	rule->permissive = value->kind == YAML_SCALAR && !strcmp(value->text, "true");
	if (rule->permissive || (value->kind == YAML_SCALAR && !strcmp(value->text, "false")))
		return 0;
	draft_error(draft, value, "'true' or 'false'", "a rule is permissive or not");
	return -1;
}

static int parse_sides(struct draft *draft, const struct yaml_node *node, bool ops_known,
		       struct rule *rule)
{
	const struct yaml_node *key, *value;
	int rc = 0;

	for (unsigned int side = 0; side < SIDE_COUNT; side++) {
		value = yaml_get(node, policy_side_name[side], &key);
		if (!value)
			continue;
		rc |= policy_parse_side(draft, side, value, &rule->side[side]);
		if (!ops_known)
			continue;
		rc |= check_side(draft, rule->ops, side, key);
		for (unsigned int i = 0; side == SIDE_WHO && i < rule->side[side].nr; i++) {
			if (check_giver(draft, rule->ops, rule->side[side].selector[i], key)) {
				rc = -1;
				break;
			}
		}
	}
	return rc;
}

static int parse_rule(struct draft *draft, const struct yaml_node *node, struct rule *rule)
{
	const struct yaml_node *allow, *deny, *key;
	int rc = policy_check_keys(draft, node, "a rule", rule_keys, NR(rule_keys)), ops_rc = -1;

	if (node->kind != YAML_MAP)
		return -1;
	rule->node = node;
	allow = yaml_get(node, "allow", NULL);
	deny = yaml_get(node, "deny", &key);
	rule->deny = deny;
	if (allow && deny) {
		draft_error(draft, key, "two rules", "a rule cannot both allow and deny");
		rc = -1;
	} else if (!allow && !deny) {
		draft_error(draft, node, "'allow:' or 'deny:' with the operations",
			    "a rule must allow or deny something");
		rc = -1;
	} else {
		ops_rc = policy_parse_ops(draft, deny ? deny : allow, &rule->ops);
		rc |= ops_rc;
	}
	rc |= parse_sides(draft, node, !ops_rc, rule);
	return rc | parse_probation(draft, node, rule);
}

/* An assertion looks like a rule that allows */
static int parse_never(struct draft *draft, const struct yaml_node *node, struct rule *never)
{
	static const struct key_rule keys[] = {
		{ .name = "allow", .required = true }, { .name = "who", .required = true },
		{ .name = "device" }, { .name = "from" }, { .name = "to" }, { .name = "recipient" },
	};
	int rc = policy_check_keys(draft, node, "an assertion", keys, NR(keys)), ops_rc = -1;
	const struct yaml_node *ops;

	if (node->kind != YAML_MAP)
		return -1;
	never->node = node;
	ops = yaml_get(node, "allow", NULL);
	if (ops)
		ops_rc = policy_parse_ops(draft, ops, &never->ops);
	return rc | ops_rc | parse_sides(draft, node, !ops_rc, never);
}

static const struct key_rule test_keys[] = {
	{ .name = "who", .required = true }, { .name = "op", .required = true }, { .name = "device" },
	{ .name = "from" }, { .name = "to" }, { .name = "recipient" },
	{ .name = "expect", .required = true },
};

static int parse_test(struct draft *draft, const struct yaml_node *node, struct test *test)
{
	const struct yaml_node *op_node, *key, *value;
	int rc = policy_check_keys(draft, node, "a test", test_keys, NR(test_keys));
	uint32_t ops = 0;

	if (node->kind != YAML_MAP)
		return -1;
	test->node = node;
	test->request.uid = test->request.recipient_uid = IDENTITY_NO_UID;
	op_node = yaml_get(node, "op", NULL);
	if (op_node && op_node->kind != YAML_SCALAR) {
		draft_error(draft, op_node, "one test for each", "a test is about one operation");
		rc = -1;
	} else if (op_node) {
		rc |= policy_parse_ops(draft, op_node, &ops);
		for (unsigned int op = 0; op < POLICY_OP_BITS; op++)
			if (ops == 1u << op)
				test->request.op = op;
	}
	for (unsigned int side = 0; side < SIDE_COUNT; side++) {
		value = yaml_get(node, policy_side_name[side], &key);
		if (!value)
			continue;
		rc |= policy_parse_example(draft, side, ops, value, &test->request);
		rc |= check_side(draft, ops, side, key);
	}
	test->expect_node = yaml_get(node, "expect", NULL);
	if (!test->expect_node)
		return -1;
	if (test->expect_node->kind == YAML_SCALAR && !strcmp(test->expect_node->text, "allow")) {
		test->expect_allow = true;
	} else if (test->expect_node->kind != YAML_SCALAR ||
		   strcmp(test->expect_node->text, "deny")) {
		draft_error(draft, test->expect_node, "'allow' or 'deny'", "unknown expectation");
		rc = -1;
	}
	return rc;
}

static int parse_rules_and_tests(struct draft *draft)
{
	const struct yaml_node *list;
	size_t f, nr_rules = 0, nr_nevers = 0, nr_tests = 0;
	unsigned int i;
	int rc = 0;

	for (f = 0; f < draft->nr_files; f++) {
		list = yaml_get(draft->file[f]->root, "rules", NULL);
		nr_rules += list ? list->nr : 0;
		list = yaml_get(draft->file[f]->root, "never", NULL);
		nr_nevers += list ? list->nr : 0;
		list = yaml_get(draft->file[f]->root, "tests", NULL);
		nr_tests += list ? list->nr : 0;
	}
	draft->rule = draft_alloc(draft, nr_rules + 1, sizeof(*draft->rule));
	draft->test = draft_alloc(draft, nr_tests + 1, sizeof(*draft->test));
	draft->never = draft_alloc(draft, nr_nevers + 1, sizeof(*draft->never));
	if (!draft->rule || !draft->test || !draft->never)
		return -1;

	for (f = 0; f < draft->nr_files && !draft->no_memory; f++) {
		list = get_list(draft, draft->file[f]->root, "rules", &rc);
		for (i = 0; list && i < list->nr; i++) {
			draft->rule[draft->nr_rules].file = draft->file[f]->source.name;
			rc |= parse_rule(draft, list->child[i], &draft->rule[draft->nr_rules++]);
		}
		list = get_list(draft, draft->file[f]->root, "never", &rc);
		for (i = 0; list && i < list->nr; i++)
			rc |= parse_never(draft, list->child[i], &draft->never[draft->nr_nevers++]);
		list = get_list(draft, draft->file[f]->root, "tests", &rc);
		for (i = 0; list && i < list->nr; i++)
			rc |= parse_test(draft, list->child[i], &draft->test[draft->nr_tests++]);
	}
	return rc;
}

static void warn_about_unused(struct draft *draft)
{
	struct definition *definition;

	for (unsigned int kind = 0; kind < KIND_COUNT; kind++) {
		for (definition = draft->first[kind]; definition; definition = definition->next) {
			if (definition->used)
				continue;
			draft_warning(draft, definition->key, "removing it", "the %s '%s' is never used",
				      policy_kind_name[kind], definition->key->text);
		}
	}
}

int policy_parse(struct draft *draft)
{
	const struct yaml_node *root;
	size_t f;
	int rc = 0;

	for (unsigned int kind = 0; kind < KIND_COUNT; kind++)
		draft->end[kind] = &draft->first[kind];

	for (f = 0; f < draft->nr_files; f++) {
		root = draft->file[f]->root;
		rc |= policy_check_keys(draft, root, "a policy", file_keys, NR(file_keys));
		if (root->kind != YAML_MAP)
			return -1;
		rc |= parse_head(draft, root);
		rc |= parse_guards(draft, root);
		rc |= parse_definitions(draft, root);
	}
	root = draft->file[0]->root;
	if (!draft->name) {
		draft_error(draft, root, "'name: ...', which status and log show",
			    "the policy has no name");
		rc = -1;
	}
	rc |= parse_rules_and_tests(draft);
	if (rc)
		return -1;
	if (!draft->nr_rules)
		draft_warning(draft, root, "'rules:' with what is to be allowed",
			      "this policy has no rules and denies everything");
	warn_about_unused(draft);
	return 0;
}
