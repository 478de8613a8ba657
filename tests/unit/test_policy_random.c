// SPDX-License-Identifier: GPL-2.0
/*
 * Random policies, decided twice: by the clauses they compile to, and by a reading of the rules that
 * shares no code with the loader (a rule matches if all its sides do, the first denying rule wins, then
 * the first allowing one). And what the loader writes, it reads again as the same.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "iommufd_lsm_hooks.h"
#include "policy_text.h"

#define ROUNDS 1500
#define REQUESTS 60
#define MAX_RULES 6
#define MAX_SELECTORS 3
#define MAX_VALUES 3

enum key { EXE, USER, ADDRESS, ID, CLASS, DRIVER, NAME, KEYS };
static const char *const key_name[KEYS] = {
	"exe", "user", "address", "id", "class", "driver", "name",
};

/* Values that are each other's beginnings, so that random ones meet */
static const char *const vocabulary[KEYS][8] = {
	[EXE] = { "/bin/sh", "/bin/ls", "/bin/cat" },
	[USER] = { "0", "1", "1000" },
	[ADDRESS] = { "0000:01:00.0", "0000:01:00.1", "0000:01:*", "0000:*", "edu0" },
	[ID] = { "10de:2204", "10de:2205", "10de:22*", "8086:*", "8086:10d3" },
	[CLASS] = { "030000", "0300*", "03*", "020000", "0c03*", "0c0330" },
	[DRIVER] = { "vfio", "vfio-pci", "vfio*", "igb" },
	[NAME] = { "a", "ab", "ab*", "abc", "", "a*", "b*" },
};

struct selector {
	unsigned int nr[KEYS];
	const char *value[KEYS][MAX_VALUES];
};

enum { WHO, DEVICE, FROM, TO, SIDES };
static const char *const side_name[SIDES] = { "who", "device", "from", "to" };
static const enum key side_first[SIDES] = { EXE, ADDRESS, NAME, NAME };
static const enum key side_last[SIDES] = { USER, DRIVER, NAME, NAME };

struct rule {
	bool deny;
	uint32_t ops;
	unsigned int nr[SIDES]; /* 0: any */
	struct selector side[SIDES][MAX_SELECTORS];
};

struct question {
	unsigned int op;
	const char *value[SIDES][KEYS]; /* NAME twice: FROM's and TO's */
};

#define OP_NAME(name, policy_name, blocks) policy_name,
static const char *const op_name[] = { IOMMUFD_LSM_HOOKS(OP_NAME) };

/* Written down again here, on purpose */
static const char op_sides[][5] = {
	"w", "w", "wt", "wdt", "wd", "wd", "wdt", "wdft", "wdf", "wdt",
};

static bool has_side(unsigned int op, unsigned int side)
{
	return strchr(op_sides[op], "wdft"[side]) != NULL;
}

static unsigned int seed;

static unsigned int dice(unsigned int sides)
{
	return rand_r(&seed) / 7 % sides;
}

static const char *any_value(enum key key)
{
	unsigned int nr = 0;

	while (nr < 8 && vocabulary[key][nr])
		nr++;
	return vocabulary[key][dice(nr)];
}

static struct rule random_rule(void)
{
	struct rule rule = { .deny = !dice(3) };
	unsigned int side, i, n;

	while (!rule.ops)
		for (i = 0; i < IOMMUFD_LSM_OP_COUNT; i++)
			rule.ops |= !dice(3) << i;
	for (side = 0; side < SIDES; side++) {
		bool everywhere = true;

		for (i = 0; i < IOMMUFD_LSM_OP_COUNT; i++)
			everywhere &= !(rule.ops & 1u << i) || has_side(i, side);
		rule.nr[side] = everywhere ? dice(MAX_SELECTORS + 1) : 0;
		for (i = 0; i < rule.nr[side]; i++) {
			struct selector *selector = &rule.side[side][i];
			enum key key = side_first[side] + dice(side_last[side] - side_first[side] + 1);

			do {
				selector->nr[key] = 1 + dice(MAX_VALUES);
				for (n = 0; n < selector->nr[key]; n++)
					selector->value[key][n] = any_value(key);
				key = side_first[side] + dice(side_last[side] - side_first[side] + 1);
			} while (dice(2));
		}
	}
	return rule;
}

static void print_rule(FILE *out, const struct rule *rule)
{
	const char *comma = "";

	fprintf(out, "- { %s: [", rule->deny ? "deny" : "allow");
	for (unsigned int op = 0; op < IOMMUFD_LSM_OP_COUNT; op++) {
		if (!(rule->ops & 1u << op))
			continue;
		fprintf(out, "%s%s", comma, op_name[op]);
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
	fputs(" }\n", out);
}

static bool value_matches(const char *pattern, const char *value)
{
	while (*pattern && *pattern != '*' && *pattern == *value)
		pattern++, value++;
	return *pattern == '*' || (!*pattern && !*value);
}

static bool selector_matches(const struct selector *selector, const char *const *value)
{
	for (unsigned int key = 0; key < KEYS; key++) {
		bool matched = !selector->nr[key];

		for (unsigned int n = 0; n < selector->nr[key]; n++)
			matched |= value_matches(selector->value[key][n], value[key]);
		if (!matched)
			return false;
	}
	return true;
}

static bool rule_matches(const struct rule *rule, const struct question *question)
{
	if (!(rule->ops & 1u << question->op))
		return false;
	for (unsigned int side = 0; side < SIDES; side++) {
		bool matched = !rule->nr[side];

		for (unsigned int i = 0; i < rule->nr[side]; i++)
			matched |= selector_matches(&rule->side[side][i], question->value[side]);
		if (!matched)
			return false;
	}
	return true;
}

static struct policy_verdict naive(const struct rule *rule, unsigned int nr,
				   const struct question *question)
{
	for (int deny = 1; deny >= 0; deny--)
		for (unsigned int i = 0; i < nr; i++)
			if (rule[i].deny == deny && rule_matches(&rule[i], question))
				return (struct policy_verdict){ .what = deny ? POLICY_DENY : POLICY_ALLOW,
								.rule = i };
	return (struct policy_verdict){ .what = POLICY_NO_RULE };
}

/* A value as a request has it: a pattern stands for its beginning, or for something that begins so */
static const char *concrete(enum key key, char *buffer)
{
	const char *value = any_value(key);
	size_t len = strlen(value);

	if (!len || value[len - 1] != '*')
		return value;
	memcpy(buffer, value, len);
	buffer[len - 1] = dice(2) ? 'x' : '\0';
	buffer[len] = '\0';
	return buffer;
}

/* What the loader calls useless must be: a warned rule never decides alone */
static void check_warnings(const struct loaded *loaded, const struct rule *rule, unsigned int nr,
			   const struct question *question, unsigned int decided)
{
	const struct policy_rule *out = &loaded->policy->rules[decided];
	bool other = false;
	char line[128];

	snprintf(line, sizeof(line), "p.yaml:%d:3: warning: this rule has no effect: all it allows is denied",
		 out->line);
	cr_assert_not(said_line(loaded, line), "%s\n%s", loaded->policy->yaml, loaded->said);
	snprintf(line, sizeof(line), "p.yaml:%d:3: warning: this rule repeats another", out->line);
	if (!said_line(loaded, line))
		return;
	for (unsigned int i = 0; i < nr; i++)
		other |= i != decided && rule[i].deny == out->deny && rule_matches(&rule[i], question);
	cr_assert(other, "%s\n%s", loaded->policy->yaml, loaded->said);
}

static void check_question(const struct loaded *loaded, const struct rule *rule, unsigned int nr)
{
	const struct policy *policy = loaded->policy;
	static char buffer[SIDES][KEYS][POLICY_TEXT_LEN];
	struct question question = { .op = dice(IOMMUFD_LSM_OP_COUNT) };
	struct policy_request request = { 0 };
	struct policy_verdict want, got;
	struct stat st;

	for (unsigned int side = 0; side < SIDES; side++)
		for (unsigned int key = 0; key < KEYS; key++)
			question.value[side][key] = !has_side(question.op, side) ? "" :
						    concrete(key, buffer[side][key]);
	request.op = question.op;
	cr_assert_eq(stat(question.value[WHO][EXE], &st), 0);
	request.exe_dev = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);
	request.exe_ino = st.st_ino;
	request.uid = atoi(question.value[WHO][USER]);
	strcpy(request.address, question.value[DEVICE][ADDRESS]);
	strcpy(request.id, question.value[DEVICE][ID]);
	strcpy(request.class_code, question.value[DEVICE][CLASS]);
	strcpy(request.driver, question.value[DEVICE][DRIVER]);
	strcpy(request.from, question.value[FROM][NAME]);
	strcpy(request.to, question.value[TO][NAME]);

	want = naive(rule, nr, &question);
	got = policy_decide(policy, &request);
	cr_assert_eq(got.what, want.what, "%s: %d instead of %d in\n%s", op_name[request.op], got.what,
		     want.what, policy->yaml);
	if (want.what == POLICY_NO_RULE)
		return;
	cr_assert_eq(got.rule, want.rule, "%s: rule %u instead of %u in\n%s", op_name[request.op],
		     got.rule, want.rule, policy->yaml);
	check_warnings(loaded, rule, nr, &question, want.rule);
}

static void check_reload(const struct policy *policy)
{
	struct loaded again = load_text(policy->yaml);

	cr_assert_eq(again.rc, 0, "%s\n%s", policy->yaml, again.said);
	cr_assert_eq(again.policy->nr_clauses, policy->nr_clauses, "%s", policy->yaml);
	cr_assert_eq(memcmp(again.policy->clauses, policy->clauses,
			    policy->nr_clauses * sizeof(*policy->clauses)), 0, "%s", policy->yaml);
	cr_assert_eq(again.policy->permissive, policy->permissive);
	cr_assert_str_eq(again.policy->name, policy->name);
	cr_assert_str_eq(again.policy->yaml, policy->yaml);
	unload(&again);
}

/* POLICY_SEED=n runs another set; a failure prints its seed */
Test(policy_random, clauses_decide_as_the_rules_say, .timeout = 300)
{
	const char *start = getenv("POLICY_SEED");
	unsigned int verdicts[3] = { 0 };

	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int nr = 1 + dice(MAX_RULES);
		struct rule rule[MAX_RULES];
		struct loaded loaded;
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		seed = (start ? strtoul(start, NULL, 0) : 1) * 1000003 + round;
		fputs(HEAD, out);
		if (dice(2))
			fputs("mode: permissive\n", out);
		fputs("rules:\n", out);
		for (unsigned int i = 0; i < nr; i++) {
			rule[i] = random_rule();
			print_rule(out, &rule[i]);
		}
		fclose(out);
		loaded = load_text(text);
		cr_assert_eq(loaded.rc, 0, "seed %u:\n%s\n%s", seed, text, loaded.said);
		for (unsigned int n = 0; n < REQUESTS; n++)
			check_question(&loaded, rule, nr);
		check_reload(loaded.policy);
		for (size_t i = 0; i < loaded.policy->nr_rules; i++)
			verdicts[loaded.policy->rules[i].deny]++;
		unload(&loaded);
		free(text);
	}
	/* Or the above would have shown little */
	cr_expect_gt(verdicts[0], ROUNDS);
	cr_expect_gt(verdicts[1], ROUNDS / 2);
}
