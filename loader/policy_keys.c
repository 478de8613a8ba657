// SPDX-License-Identifier: GPL-2.0
/*
 * What is common to every mapping of a policy: known keys, well-formed names, operations, and guessing
 * what somebody meant.
 */
#include "policy_private.h"

#include <stdlib.h>
#include <string.h>

#define NAME(name, policy_name, blocks) [IOMMUFD_LSM_OP_##name] = policy_name,
const char *const policy_op_name[POLICY_OP_BITS] = {
	IOMMUFD_LSM_HOOKS(NAME)
	[POLICY_OP_HAND_OVER] = "hand-over",
};
#undef NAME

/* A new hook without a line here has no sides, so a rule cannot ask for what the request lacks */
#define OP(op, ...) [IOMMUFD_LSM_OP_##op] = { [SIDE_WHO] = true, __VA_ARGS__ }
const bool policy_op_side[POLICY_OP_BITS][SIDE_COUNT] = {
	OP(ctx_open, ),
	OP(ioas_alloc, ),
	OP(ioas_name, [SIDE_TO] = true),
	OP(hwpt_alloc, [SIDE_DEVICE] = true, [SIDE_TO] = true),
	OP(device_open, [SIDE_DEVICE] = true),
	OP(device_bind, [SIDE_DEVICE] = true),
	OP(device_attach, [SIDE_DEVICE] = true, [SIDE_TO] = true),
	OP(device_move, [SIDE_DEVICE] = true, [SIDE_FROM] = true, [SIDE_TO] = true),
	OP(device_detach, [SIDE_DEVICE] = true, [SIDE_FROM] = true),
	OP(device_recheck, [SIDE_DEVICE] = true, [SIDE_TO] = true),
	[POLICY_OP_HAND_OVER] = { [SIDE_WHO] = true, [SIDE_RECIPIENT] = true },
};
#undef OP

const char *const policy_guard_name[POLICY_NR_GUARDS] = {
	"device-files", "hand-over", "ptrace", "policy-objects",
};

const char *const policy_section[KIND_COUNT] = {
	[KIND_PROCESS] = "processes",
	[KIND_DEVICE] = "devices",
	[KIND_IOAS] = "ioas",
};

const char *const policy_kind_name[KIND_COUNT] = {
	[KIND_PROCESS] = "process",
	[KIND_DEVICE] = "device",
	[KIND_IOAS] = "IOAS",
};

const char *const policy_side_name[SIDE_COUNT] = {
	[SIDE_WHO] = "who",
	[SIDE_DEVICE] = "device",
	[SIDE_FROM] = "from",
	[SIDE_TO] = "to",
	[SIDE_RECIPIENT] = "recipient",
};

enum kind policy_side_kind(enum side side)
{
	switch (side) {
	case SIDE_WHO:
	case SIDE_RECIPIENT:
		return KIND_PROCESS;
	case SIDE_DEVICE:
		return KIND_DEVICE;
	default:
		return KIND_IOAS;
	}
}

enum policy_dim policy_side_dim(enum side side, enum policy_dim dim)
{
	if (side == SIDE_FROM)
		return POLICY_DIM_FROM;
	if (side == SIDE_RECIPIENT && dim == POLICY_DIM_EXE)
		return POLICY_DIM_RECIPIENT_EXE;
	if (side == SIDE_RECIPIENT && dim == POLICY_DIM_UID)
		return POLICY_DIM_RECIPIENT_UID;
	return dim;
}

#define LONGEST_WORD 64

/* Insertions, deletions and replacements from one to the other; words are short here */
static unsigned int distance(const char *a, const char *b)
{
	unsigned int row[LONGEST_WORD + 1], left, diagonal, i, j;
	size_t len_a = strlen(a), len_b = strlen(b);

	if (len_a > LONGEST_WORD || len_b > LONGEST_WORD)
		return LONGEST_WORD;
	for (j = 0; j <= len_b; j++)
		row[j] = j;
	for (i = 1; i <= len_a; i++) {
		diagonal = row[0];
		row[0] = i;
		for (j = 1; j <= len_b; j++) {
			left = row[j];
			row[j] = diagonal + (a[i - 1] != b[j - 1]);
			if (row[j] > left + 1)
				row[j] = left + 1;
			if (row[j] > row[j - 1] + 1)
				row[j] = row[j - 1] + 1;
			diagonal = left;
		}
	}
	return row[len_b];
}

void policy_nearest(struct nearest *nearest, const char *candidate)
{
	size_t len = strlen(nearest->word);
	unsigned int limit = len < 3 ? 1 : len < 7 ? 2 : 3;
	unsigned int d = distance(nearest->word, candidate);

	if (d > limit || d >= len || (nearest->best && d >= nearest->distance))
		return;
	nearest->best = candidate;
	nearest->distance = d;
}

/* "one of 'a', 'b', 'c'" */
static void list_keys(char *text, size_t size, const struct key_rule *keys, size_t nr_keys)
{
	size_t used = snprintf(text, size, nr_keys > 1 ? "one of" : "the key");

	for (size_t i = 0; i < nr_keys && used < size; i++)
		used += snprintf(text + used, size - used, "%s '%s'", i ? "," : "", keys[i].name);
}

int policy_check_keys(struct draft *draft, const struct yaml_node *map, const char *what,
		      const struct key_rule *keys, size_t nr_keys)
{
	char advice[256];
	size_t i;
	int rc = 0;

	if (map->kind != YAML_MAP) {
		list_keys(advice, sizeof(advice), keys, nr_keys);
		draft_error(draft, map, advice, "%s must be a mapping, this is %s", what,
			    yaml_kind_name(map));
		return -1;
	}
	for (unsigned int n = 0; n < map->nr; n += 2) {
		const struct yaml_node *key = map->child[n];
		struct nearest nearest = { .word = key->text };

		for (i = 0; i < nr_keys; i++) {
			if (!strcmp(keys[i].name, key->text))
				break;
			policy_nearest(&nearest, keys[i].name);
		}
		if (i < nr_keys)
			continue;
		rc = -1;
		if (nearest.best)
			snprintf(advice, sizeof(advice), "'%s'", nearest.best);
		else
			list_keys(advice, sizeof(advice), keys, nr_keys);
		draft_error(draft, key, advice, "unknown key '%s' in %s", key->text, what);
	}
	/* A misspelt key is also a missing one, and was reported */
	for (i = 0; !rc && i < nr_keys; i++) {
		if (!keys[i].required || yaml_get(map, keys[i].name, NULL))
			continue;
		snprintf(advice, sizeof(advice), "'%s: ...'", keys[i].name);
		draft_error(draft, map, advice, "%s has no '%s'", what, keys[i].name);
		rc = -1;
	}
	return rc;
}

int policy_check_name(struct draft *draft, const struct yaml_node *node, const char *what)
{
	size_t len;

	if (node->kind != YAML_SCALAR) {
		draft_error(draft, node, "one word", "%s must be one name, this is %s", what,
			    yaml_kind_name(node));
		return -1;
	}
	len = strlen(node->text);
	if (!len) {
		draft_error(draft, node, "a word of letters, digits, '.', '_' and '-'", "%s is empty", what);
		return -1;
	}
	if (len > LONGEST_WORD - 1) {
		draft_error(draft, node, "a shorter one", "%s is longer than %d characters", what,
			    LONGEST_WORD - 1);
		return -1;
	}
	for (const char *p = node->text; *p; p++) {
		if ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		    (*p >= '0' && *p <= '9') || strchr("._-", *p))
			continue;
		draft_error(draft, node, "letters, digits, '.', '_' and '-'",
			    "'%s' is not a name", node->text);
		return -1;
	}
	return 0;
}

static int parse_op(struct draft *draft, const struct yaml_node *node, uint32_t *ops)
{
	struct nearest nearest = { .word = node->text };
	char advice[256];
	size_t used;

	if (node->kind != YAML_SCALAR) {
		draft_error(draft, node, "the name of an operation, or one list of them",
			    "an operation must be a name, this is %s",
			    yaml_kind_name(node));
		return -1;
	}
	for (unsigned int op = 0; op < POLICY_OP_BITS; op++) {
		if (!policy_op_name[op])
			continue;
		if (strcmp(node->text, policy_op_name[op])) {
			policy_nearest(&nearest, policy_op_name[op]);
			continue;
		}
		if (*ops & 1u << op) {
			draft_error(draft, node, "leaving one out", "'%s' is listed twice", node->text);
			return -1;
		}
		*ops |= 1u << op;
		return 0;
	}
	if (nearest.best) {
		snprintf(advice, sizeof(advice), "'%s'", nearest.best);
	} else {
		used = snprintf(advice, sizeof(advice), "one of");
		for (unsigned int op = 0; op < POLICY_OP_BITS && used < sizeof(advice); op++)
			if (policy_op_name[op])
				used += snprintf(advice + used, sizeof(advice) - used, "%s '%s'",
						 op ? "," : "", policy_op_name[op]);
	}
	if (node->text[0])
		draft_error(draft, node, advice, "unknown operation '%s'", node->text);
	else
		draft_error(draft, node, advice, "no operation is given");
	return -1;
}

int policy_parse_ops(struct draft *draft, const struct yaml_node *node, uint32_t *ops)
{
	int rc = 0;

	*ops = 0;
	if (node->kind != YAML_LIST)
		return parse_op(draft, node, ops);
	if (!node->nr) {
		draft_error(draft, node, "the operations this rule is about", "the list is empty");
		return -1;
	}
	for (unsigned int i = 0; i < node->nr; i++)
		rc |= parse_op(draft, node->child[i], ops);
	return rc;
}
