// SPDX-License-Identifier: GPL-2.0
/*
 * Selectors: mappings of conditions, where definitions and rules and tests have them, and the names that
 * stand for them. Resolves every name to its definition once; nothing later looks one up.
 */
#include "policy_private.h"

#include <string.h>

/* The keys of a selector, in the order of the dimensions they ask about */
static const struct key_rule process_keys[] = {
	{ .name = "exe" }, { .name = "user" }, { .name = "group" },
	{ .name = "cgroup" },
};
static const enum policy_dim process_dims[] = {
	POLICY_DIM_EXE, POLICY_DIM_UID, POLICY_DIM_GROUP, POLICY_DIM_CGROUP,
};

static const struct key_rule device_keys[] = {
	{ .name = "address" }, { .name = "id" }, { .name = "class" }, { .name = "driver" },
};
static const enum policy_dim device_dims[] = {
	POLICY_DIM_ADDRESS, POLICY_DIM_ID, POLICY_DIM_CLASS, POLICY_DIM_DRIVER,
};

static const struct key_rule ioas_keys[] = { { .name = "name" } };
static const enum policy_dim ioas_dims[] = { POLICY_DIM_TO };

static const struct {
	const char *what;
	const struct key_rule *keys;
	size_t nr_keys;
	const enum policy_dim *dims;
} kinds[KIND_COUNT] = {
#define TABLE(name) name##_keys, sizeof(name##_keys) / sizeof(name##_keys[0]), name##_dims
	[KIND_PROCESS] = { "a process", TABLE(process) },
	[KIND_DEVICE] = { "a device", TABLE(device) },
	[KIND_IOAS] = { "an IOAS", TABLE(ioas) },
#undef TABLE
};

/* More values are not searched for repetitions, which would take a step for each pair */
#define SEARCHED_VALUES 256

static int parse_condition(struct draft *draft, enum policy_dim dim, const struct yaml_node *node,
			   bool quiet, struct condition *condition)
{
	unsigned int nr = node->kind == YAML_LIST ? node->nr : 1, i, n;
	int rc = 0;

	if (!nr) {
		draft_error(draft, node, "at least one value, or leaving the key out",
			    "the list is empty");
		return -1;
	}
	condition->match = draft_alloc(draft, nr, sizeof(*condition->match));
	if (!condition->match)
		return -1;
	condition->nr = nr;
	if (node->kind != YAML_LIST)
		return policy_parse_pattern(draft, dim, node, quiet, condition->match);
	for (i = 0; i < nr; i++)
		rc |= policy_parse_pattern(draft, dim, node->child[i], quiet, &condition->match[i]);
	for (i = 1; !rc && i < nr && i < SEARCHED_VALUES; i++) {
		for (n = 0; n < i; n++) {
			/* Padding is equal: draft_alloc() gives zeros, and single fields are set */
			/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
			if (memcmp(&condition->match[i], &condition->match[n],
				   sizeof(*condition->match)))
				continue;
			draft_warning(draft, node->child[i], "leaving one out", "'%s' is listed twice",
				      node->child[i]->text);
			break;
		}
	}
	return rc;
}

int policy_parse_selector(struct draft *draft, enum kind kind, const struct yaml_node *node,
			  bool quiet, struct selector *selector)
{
	int rc = policy_check_keys(draft, node, kinds[kind].what, kinds[kind].keys, kinds[kind].nr_keys);

	memset(selector, 0, sizeof(*selector));
	if (node->kind != YAML_MAP)
		return -1;
	if (!node->nr) {
		draft_error(draft, node, "'any', where everything is meant",
			    "a selector without conditions");
		return -1;
	}
	for (size_t i = 0; i < kinds[kind].nr_keys; i++) {
		enum policy_dim dim = kinds[kind].dims[i];
		const struct yaml_node *value = yaml_get(node, kinds[kind].keys[i].name, NULL);

		if (value)
			rc |= parse_condition(draft, dim, value, quiet, &selector->condition[dim]);
	}
	return rc;
}

/* The definition a name stands for */
static const struct selector *resolve(struct draft *draft, enum kind kind,
				      const struct yaml_node *node)
{
	struct definition *definition = name_map_get(&draft->definition[kind], node->text);
	struct nearest nearest = { .word = node->text };
	char advice[256];

	if (definition) {
		definition->used = true;
		return &definition->selector;
	}
	for (definition = draft->first[kind]; definition; definition = definition->next)
		policy_nearest(&nearest, definition->key->text);
	if (nearest.best)
		snprintf(advice, sizeof(advice), "'%s'", nearest.best);
	else if (kind == KIND_IOAS)
		snprintf(advice, sizeof(advice),
			 "defining it under 'ioas', or { name: ... } for an IOAS of that name");
	else
		snprintf(advice, sizeof(advice), "defining it under '%s'", policy_section[kind]);
	if (node->text[0])
		draft_error(draft, node, advice, "there is no %s '%s'", policy_kind_name[kind],
			    node->text);
	else
		draft_error(draft, node, "a name, { ... } with conditions, or 'any'", "no %s is given",
			    policy_kind_name[kind]);
	return NULL;
}

/* One name or inline selector. *@any is set if it is the word "any". */
static const struct selector *parse_one(struct draft *draft, enum kind kind,
					const struct yaml_node *node, bool *any)
{
	struct selector *selector;

	if (node->kind == YAML_SCALAR && !strcmp(node->text, "any")) {
		*any = true;
		return NULL;
	}
	if (node->kind == YAML_SCALAR)
		return resolve(draft, kind, node);
	if (node->kind == YAML_LIST) {
		draft_error(draft, node, "one list", "a list inside a list");
		return NULL;
	}
	selector = draft_alloc(draft, 1, sizeof(*selector));
	if (!selector || policy_parse_selector(draft, kind, node, false, selector))
		return NULL;
	return selector;
}

int policy_parse_side(struct draft *draft, enum side side, const struct yaml_node *node,
		      struct selector_list *list)
{
	const struct yaml_node *const *item = (const struct yaml_node *const *)node->child;
	unsigned int nr = node->nr;
	enum kind kind = policy_side_kind(side);
	bool any = false;
	int rc = 0;

	if (node->kind != YAML_LIST) {
		item = &node;
		nr = 1;
	} else if (!nr) {
		draft_error(draft, node, "names, or 'any'", "the list is empty");
		return -1;
	}
	list->selector = draft_alloc(draft, nr, sizeof(*list->selector));
	if (!list->selector)
		return -1;
	for (unsigned int i = 0; i < nr; i++) {
		bool is_any = false;
		const struct selector *selector = parse_one(draft, kind, item[i], &is_any);

		if (is_any) {
			if (nr > 1)
				draft_warning(draft, item[i], "'any' alone",
					      "'any' makes the rest of this list useless");
			any = true;
		} else if (selector) {
			list->selector[list->nr++] = selector;
		} else {
			rc = -1;
		}
	}
	if (any)
		list->nr = 0;
	return rc;
}

static void copy_text(char *field, const struct condition *condition)
{
	if (condition->nr)
		memcpy(field, condition->match[0].text, POLICY_TEXT_LEN);
}

/* A process has one of everything but groups, and a file it gives away remembers two things of it */
static int process_example(struct draft *draft, enum side side, uint32_t ops,
			   const struct yaml_node *node, const struct selector *selector,
			   struct policy_request *request)
{
	const struct condition *exe = &selector->condition[POLICY_DIM_EXE];
	const struct condition *user = &selector->condition[POLICY_DIM_UID];
	const struct condition *group = &selector->condition[POLICY_DIM_GROUP];
	bool recipient = side == SIDE_RECIPIENT;

	if (exe->nr) {
		*(recipient ? &request->recipient_exe_dev : &request->exe_dev) = exe->match[0].dev;
		*(recipient ? &request->recipient_exe_ino : &request->exe_ino) = exe->match[0].ino;
	}
	if (user->nr)
		*(recipient ? &request->recipient_uid : &request->uid) = user->match[0].uid;
	if (ops & 1u << POLICY_OP_HAND_OVER && !recipient) {
		if (!group->nr && !selector->condition[POLICY_DIM_CGROUP].nr)
			return 0;
		draft_error(draft, node, "'exe' and 'user' here, and 'group' or 'cgroup' in 'recipient'",
			    "who hands over is known by 'exe' and 'user' alone");
		return -1;
	}
	if (group->nr > POLICY_REQUEST_GROUPS) {
		draft_error(draft, node, NULL, "a test is about a process with %d groups at most",
			    POLICY_REQUEST_GROUPS);
		return -1;
	}
	for (unsigned int i = 0; i < group->nr; i++)
		request->group[i] = group->match[i].gid;
	request->nr_groups = group->nr;
	if (selector->condition[POLICY_DIM_CGROUP].nr)
		snprintf(request->cgroup, sizeof(request->cgroup), "%s",
			 selector->condition[POLICY_DIM_CGROUP].match[0].glob);
	return 0;
}

int policy_parse_example(struct draft *draft, enum side side, uint32_t ops,
			 const struct yaml_node *node, struct policy_request *request)
{
	enum kind kind = policy_side_kind(side);
	const struct selector *selector;
	struct selector inline_selector;

	if (node->kind == YAML_SCALAR) {
		if (!strcmp(node->text, "any")) {
			draft_error(draft, node, "a name, or { ... } with what is known of it",
				    "a test is about one %s, not about any", policy_kind_name[kind]);
			return -1;
		}
		selector = resolve(draft, kind, node);
		if (!selector)
			return -1;
	} else {
		/* A test may well be about what this machine does not have */
		if (policy_parse_selector(draft, kind, node, true, &inline_selector))
			return -1;
		selector = &inline_selector;
	}
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		const struct condition *condition = &selector->condition[dim];
		bool pattern = condition->nr && (condition->match[0].prefix ||
						 (condition->match[0].glob &&
						  strpbrk(condition->match[0].glob, "*?[")));

		if ((condition->nr <= 1 || dim == POLICY_DIM_GROUP) && !pattern)
			continue;
		draft_error(draft, node, "writing out one, without lists and patterns",
			    "a test is about one %s, this can be several", policy_kind_name[kind]);
		return -1;
	}
	switch (side) {
	case SIDE_WHO:
	case SIDE_RECIPIENT:
		return process_example(draft, side, ops, node, selector, request);
	case SIDE_DEVICE:
		copy_text(request->address, &selector->condition[POLICY_DIM_ADDRESS]);
		copy_text(request->id, &selector->condition[POLICY_DIM_ID]);
		copy_text(request->class_code, &selector->condition[POLICY_DIM_CLASS]);
		copy_text(request->driver, &selector->condition[POLICY_DIM_DRIVER]);
		break;
	case SIDE_FROM:
		copy_text(request->from, &selector->condition[POLICY_DIM_TO]);
		break;
	default:
		copy_text(request->to, &selector->condition[POLICY_DIM_TO]);
		break;
	}
	return 0;
}
