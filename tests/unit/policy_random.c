// SPDX-License-Identifier: GPL-2.0
/*
 * A rule matches if all its sides do; the first denying rule wins, then the first allowing one; those on
 * probation come after.
 */
#define _GNU_SOURCE
#include "policy_random.h"

#include <stdlib.h>
#include <string.h>

static const char *const key_name[KEYS] = {
	"exe", "user", "group", "cgroup", "address", "id", "class", "driver", "name",
};

/* Values that are each other's beginnings, so that random ones meet */
static const char *const vocabulary[KEYS][12] = {
	[EXE] = { "/bin/sh", "/bin/ls", "/bin/cat" },
	[USER] = { "0", "1", "1000" },
	[GROUP] = { "0", "1", "7", "1000" },
	[CGROUP] = { "/", "/a", "/a/b", "/a/*", "/a/**", "/**", "/a?/b", "/*/b", "/[!a]*/**", "/a/**/b" },
	[ADDRESS] = { "0000:01:00.0", "0000:01:00.1", "0000:01:*", "0000:*", "edu0", "*.0", "0000:0?:*" },
	[ID] = { "10de:2204", "10de:2205", "10de:22*", "8086:*", "8086:10d3", "*:220[45]", "?0*:*" },
	[CLASS] = { "030000", "0300*", "03*", "020000", "0c03*", "0c0330", "0[23]*", "*30" },
	[DRIVER] = { "vfio", "vfio-pci", "vfio*", "igb", "*-pci", "v*o*" },
	[NAME] = { "a", "ab", "ab*", "abc", "", "a*", "b*", "*c", "?b*", "[a-b]b", "a[!b]*" },
};

/* What requests are about: values that patterns above meet, and some they do not */
const char *const random_values[KEYS][VOCABULARY] = {
	[EXE] = { "/bin/sh", "/bin/ls", "/bin/cat" },
	[USER] = { "0", "1", "1000", "4" },
	[GROUP] = { "0", "1", "7", "1000", "4" },
	[CGROUP] = { "/", "/a", "/a/b", "/a/c", "/a/b/c", "/ab/b", "/b/b", "/b", "/a/x/y/b", "/c/d" },
	[ADDRESS] = { "0000:01:00.0", "0000:01:00.1", "0000:01:1f.7", "0000:00:00.0", "edu0", "edu1" },
	[ID] = { "10de:2204", "10de:2205", "10de:22ff", "8086:1533", "8086:10d3", "1af4:2205", "" },
	[CLASS] = { "030000", "030001", "038000", "020000", "0c0320", "0c0330", "010802", "" },
	[DRIVER] = { "vfio", "vfio-pci", "vfiox", "igb", "e-pci", "vo", "" },
	[NAME] = { "a", "ab", "abb", "abc", "", "ax", "b", "bb", "xbc", "zz" },
};

static const char *const side_name[SIDES] = { "who", "device", "from", "to", "recipient" };
static const enum key side_first[SIDES] = { EXE, ADDRESS, NAME, NAME, EXE };
static const enum key side_last[SIDES] = { CGROUP, DRIVER, NAME, NAME, CGROUP };

#define OP_NAME(name, policy_name, blocks) policy_name,
const char *const random_op_name[OPS] = { IOMMUFD_LSM_HOOKS(OP_NAME) "hand-over" };

/* Written down again here, on purpose */
static const char op_sides[][5] = {
	"w", "w", "wt", "wdt", "wd", "wd", "wdt", "wdft", "wdf", "wdt", "wr",
};

bool random_has_side(unsigned int op, unsigned int side)
{
	return strchr(op_sides[op], "wdftr"[side]) != NULL;
}

unsigned int random_seed;

unsigned int random_dice(unsigned int sides)
{
	return rand_r(&random_seed) / 7 % sides;
}

const char *random_one_of(const char *const *words)
{
	unsigned int nr = 0;

	while (nr < VOCABULARY && words[nr])
		nr++;
	return words[random_dice(nr)];
}

static void random_rule(struct rule *out)
{
	struct rule rule = { .deny = !random_dice(3), .permissive = !random_dice(4) };
	unsigned int side, i, n;

	if (!random_dice(4))
		rule.ops = 1u << HAND_OVER;
	while (!rule.ops)
		for (i = 0; i < OPS; i++)
			rule.ops |= !random_dice(3) << i;
	for (side = 0; side < SIDES; side++) {
		bool everywhere = true;

		for (i = 0; i < OPS; i++)
			everywhere &= !(rule.ops & 1u << i) || random_has_side(i, side);
		rule.nr[side] = everywhere ? random_dice(MAX_SELECTORS + 1) : 0;
		for (i = 0; i < rule.nr[side]; i++) {
			struct selector *selector = &rule.side[side][i];
			/* Of who hands over, exe and user are known alone */
			enum key last = side == WHO && rule.ops & 1u << HAND_OVER ? USER : side_last[side];
			enum key key = side_first[side] + random_dice(last - side_first[side] + 1);

			do {
				selector->nr[key] = 1 + random_dice(MAX_VALUES);
				for (n = 0; n < selector->nr[key]; n++)
					selector->value[key][n] = random_one_of(vocabulary[key]);
				key = side_first[side] + random_dice(last - side_first[side] + 1);
			} while (random_dice(2));
		}
	}
	*out = rule;
}

static void random_print_rule(FILE *out, const struct rule *rule)
{
	const char *comma = "";

	fprintf(out, "- { %s: [", rule->deny ? "deny" : "allow");
	for (unsigned int op = 0; op < OPS; op++) {
		if (!(rule->ops & 1u << op))
			continue;
		fprintf(out, "%s%s", comma, random_op_name[op]);
		comma = ", ";
	}
	fputs("]", out);
	for (unsigned int side = 0; side < SIDES; side++) {
		if (side != WHO && !rule->nr[side])
			continue;
		fprintf(out, ", %s: [", side_name[side]);
		if (!rule->nr[side])
			fputs("any", out);
		for (unsigned int i = 0; i < rule->nr[side]; i++) {
			comma = "";
			fprintf(out, "%s{ ", i ? ", " : "");
			for (unsigned int key = 0; key < KEYS; key++) {
				const struct selector *selector = &rule->side[side][i];

				if (!selector->nr[key])
					continue;
				fprintf(out, "%s%s: [", comma, key_name[key]);
				comma = ", ";
				for (unsigned int n = 0; n < selector->nr[key]; n++)
					fprintf(out, "%s\"%s\"", n ? ", " : "", selector->value[key][n]);
				fputs("]", out);
			}
			fputs(" }", out);
		}
		fputs("]", out);
	}
	fputs(rule->permissive ? ", permissive: true }\n" : " }\n", out);
}

/* By the definition of each sign, without haste */
static bool value_matches(const char *pattern, const char *value, bool path)
{
	bool all, in, inverted;
	char c;

	switch (*pattern) {
	case '\0':
		return !*value;
	case '*':
		all = !path || pattern[1] == '*';
		if (path && all) { /* whole levels: something, then anything */
			if (!*value || *value == '/')
				return false;
			for (value++; ; value++)
				if (value_matches(pattern + 2, value, path))
					return true;
				else if (!*value)
					return false;
		}
		/* As a whole level, it is not empty */
		if (path && pattern[-1] == '/' && (!pattern[1] || pattern[1] == '/')) {
			if (!*value || *value == '/')
				return false;
			value++;
		}
		for (; ; value++)
			if (value_matches(pattern + 1, value, path))
				return true;
			else if (!*value || (path && *value == '/'))
				return false;
	case '?':
		return *value && !(path && *value == '/') && value_matches(pattern + 1, value + 1, path);
	case '[':
		c = *value;
		inverted = pattern[1] == '!';
		pattern += 1 + inverted;
		for (in = false; *pattern != ']'; pattern++) {
			if (pattern[1] == '-') {
				in |= c >= pattern[0] && c <= pattern[2];
				pattern += 2;
			} else {
				in |= c == *pattern;
			}
		}
		return c && !(path && c == '/') && in != inverted &&
		       value_matches(pattern + 1, value + 1, path);
	default:
		return *pattern == *value && value_matches(pattern + 1, value + 1, path);
	}
}

static bool selector_matches(const struct selector *selector, const struct question *question,
			     unsigned int side)
{
	for (unsigned int key = 0; key < KEYS; key++) {
		bool matched = !selector->nr[key];

		for (unsigned int n = 0; n < selector->nr[key]; n++) {
			if (key != GROUP)
				matched |= value_matches(selector->value[key][n],
							 question->value[side][key], key == CGROUP);
			for (unsigned int i = 0; key == GROUP && question->groups[i]; i++)
				matched |= !strcmp(selector->value[key][n], question->groups[i]);
		}
		if (!matched)
			return false;
	}
	return true;
}

bool random_rule_matches(const struct rule *rule, const struct question *question)
{
	if (!(rule->ops & 1u << question->op))
		return false;
	for (unsigned int side = 0; side < SIDES; side++) {
		bool matched = !rule->nr[side];

		for (unsigned int i = 0; i < rule->nr[side]; i++)
			matched |= selector_matches(&rule->side[side][i], question, side);
		if (!matched)
			return false;
	}
	return true;
}

struct policy_verdict random_naive(const struct rule *rule, unsigned int nr,
				   const struct question *question)
{
	struct policy_verdict verdict = { .what = POLICY_NO_RULE };

	for (int group = 0; group < 4; group++) {
		for (unsigned int i = 0; i < nr; i++) {
			if (rule[i].deny != (group < 2) || rule[i].permissive != (group & 1) ||
			    !random_rule_matches(&rule[i], question))
				continue;
			if (group == 1) {
				if (!verdict.would_deny)
					verdict.would_deny = i + 1;
				continue;
			}
			verdict.what = group ? POLICY_ALLOW : POLICY_DENY;
			verdict.rule = i;
			verdict.permissive = group == 3;
			return verdict;
		}
	}
	return verdict;
}

void random_question(struct question *question)
{
	memset(question, 0, sizeof(*question));
	question->op = random_dice(4) ? random_dice(OPS) : HAND_OVER;
	for (unsigned int side = 0; side < SIDES; side++)
		for (unsigned int key = 0; key < KEYS; key++)
			question->value[side][key] = random_has_side(question->op, side) ?
				random_one_of(random_values[key]) : "";
	for (unsigned int i = random_dice(3); i--;)
		question->groups[i] = random_one_of(random_values[GROUP]);
}

void random_policy_text(FILE *out, struct rule *rule, unsigned int nr)
{
	fputs("rules:\n", out);
	for (unsigned int i = 0; i < nr; i++) {
		random_rule(&rule[i]);
		random_print_rule(out, &rule[i]);
	}
}
