// SPDX-License-Identifier: GPL-2.0
/*
 * Random policies, decided three times: by the clauses they compile to, by the tables made of these (what BPF
 * reads), and by a reading of the rules that shares no code with the loader (a rule matches if all its sides do,
 * the first denying rule wins, then the first allowing one; those on probation come after). And what the
 * loader writes, it reads again as the same.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "iommufd_lsm_hooks.h"
#include "policy_text.h"
#include "tables_read.h"

#define ROUNDS 2000
#define REQUESTS 50 /* 100,000 in all */
#define MAX_RULES 6
#define MAX_SELECTORS 3
#define MAX_VALUES 3

enum key { EXE, USER, GROUP, CGROUP, ADDRESS, ID, CLASS, DRIVER, NAME, KEYS };
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
#define VOCABULARY 12

/* What requests are about: values that patterns above meet, and some they do not */
static const char *const values[KEYS][VOCABULARY] = {
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

struct selector {
	unsigned int nr[KEYS];
	const char *value[KEYS][MAX_VALUES];
};

enum { WHO, DEVICE, FROM, TO, RECIPIENT, SIDES };
static const char *const side_name[SIDES] = { "who", "device", "from", "to", "recipient" };
static const enum key side_first[SIDES] = { EXE, ADDRESS, NAME, NAME, EXE };
static const enum key side_last[SIDES] = { CGROUP, DRIVER, NAME, NAME, CGROUP };

struct rule {
	bool deny, permissive;
	uint32_t ops; /* as below */
	unsigned int nr[SIDES]; /* 0: any */
	struct selector side[SIDES][MAX_SELECTORS];
};

struct question {
	unsigned int op;
	const char *value[SIDES][KEYS]; /* NAME twice: FROM's and TO's */
	const char *groups[3]; /* of who, or of the recipient; NULL at the end */
};

#define OP_NAME(name, policy_name, blocks) policy_name,
static const char *const op_name[] = { IOMMUFD_LSM_HOOKS(OP_NAME) "hand-over" };
#define HAND_OVER IOMMUFD_LSM_OP_COUNT
#define OPS (HAND_OVER + 1)

/* Written down again here, on purpose */
static const char op_sides[][5] = {
	"w", "w", "wt", "wdt", "wd", "wd", "wdt", "wdft", "wdf", "wdt", "wr",
};

static bool has_side(unsigned int op, unsigned int side)
{
	return strchr(op_sides[op], "wdftr"[side]) != NULL;
}

static unsigned int seed;
static unsigned int verdicts[3];

static unsigned int dice(unsigned int sides)
{
	return rand_r(&seed) / 7 % sides;
}

static const char *one_of(const char *const *words)
{
	unsigned int nr = 0;

	while (nr < VOCABULARY && words[nr])
		nr++;
	return words[dice(nr)];
}

static struct rule random_rule(void)
{
	struct rule rule = { .deny = !dice(3), .permissive = !dice(4) };
	unsigned int side, i, n;

	if (!dice(4))
		rule.ops = 1u << HAND_OVER;
	while (!rule.ops)
		for (i = 0; i < OPS; i++)
			rule.ops |= !dice(3) << i;
	for (side = 0; side < SIDES; side++) {
		bool everywhere = true;

		for (i = 0; i < OPS; i++)
			everywhere &= !(rule.ops & 1u << i) || has_side(i, side);
		rule.nr[side] = everywhere ? dice(MAX_SELECTORS + 1) : 0;
		for (i = 0; i < rule.nr[side]; i++) {
			struct selector *selector = &rule.side[side][i];
			/* Of who hands over, exe and user are known alone */
			enum key last = side == WHO && rule.ops & 1u << HAND_OVER ? USER : side_last[side];
			enum key key = side_first[side] + dice(last - side_first[side] + 1);

			do {
				selector->nr[key] = 1 + dice(MAX_VALUES);
				for (n = 0; n < selector->nr[key]; n++)
					selector->value[key][n] = one_of(vocabulary[key]);
				key = side_first[side] + dice(last - side_first[side] + 1);
			} while (dice(2));
		}
	}
	return rule;
}

static void print_rule(FILE *out, const struct rule *rule)
{
	const char *comma = "";

	fprintf(out, "- { %s: [", rule->deny ? "deny" : "allow");
	for (unsigned int op = 0; op < OPS; op++) {
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

static bool rule_matches(const struct rule *rule, const struct question *question)
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

static struct policy_verdict naive(const struct rule *rule, unsigned int nr,
				   const struct question *question)
{
	struct policy_verdict verdict = { .what = POLICY_NO_RULE };

	for (int group = 0; group < 4; group++) {
		for (unsigned int i = 0; i < nr; i++) {
			if (rule[i].deny != (group < 2) || rule[i].permissive != (group & 1) ||
			    !rule_matches(&rule[i], question))
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
		other |= i != decided && rule[i].deny == out->deny &&
			 rule[i].permissive == out->permissive && rule_matches(&rule[i], question);
	cr_assert(other, "%s\n%s", loaded->policy->yaml, loaded->said);
}

static void set_exe(const char *path, uint64_t *dev, uint64_t *ino)
{
	struct stat st;

	cr_assert_eq(stat(path, &st), 0);
	*dev = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);
	*ino = st.st_ino;
}

static struct policy_request to_request(const struct question *question)
{
	const char *const (*value)[KEYS] = question->value;
	bool hand_over = question->op == HAND_OVER;
	struct policy_request request = { .op = hand_over ? POLICY_OP_HAND_OVER : question->op };

	set_exe(value[WHO][EXE], &request.exe_dev, &request.exe_ino);
	request.uid = atoi(value[WHO][USER]);
	if (hand_over) {
		set_exe(value[RECIPIENT][EXE], &request.recipient_exe_dev, &request.recipient_exe_ino);
		request.recipient_uid = atoi(value[RECIPIENT][USER]);
	}
	while (question->groups[request.nr_groups]) {
		request.group[request.nr_groups] = atoi(question->groups[request.nr_groups]);
		request.nr_groups++;
	}
	strcpy(request.cgroup, value[hand_over ? RECIPIENT : WHO][CGROUP]);
	strcpy(request.address, value[DEVICE][ADDRESS]);
	strcpy(request.id, value[DEVICE][ID]);
	strcpy(request.class_code, value[DEVICE][CLASS]);
	strcpy(request.driver, value[DEVICE][DRIVER]);
	strcpy(request.from, value[FROM][NAME]);
	strcpy(request.to, value[TO][NAME]);
	return request;
}

static void check_verdict(const struct policy *policy, struct policy_verdict got,
			  struct policy_verdict want, const char *by, const char *op)
{
	cr_assert_eq(got.what, want.what, "%s, %s: %d instead of %d in\n%s", by, op, got.what, want.what,
		     policy->yaml);
	cr_assert_eq(got.would_deny, want.would_deny, "%s, %s: rule %u would deny, not %u, in\n%s", by, op,
		     got.would_deny, want.would_deny, policy->yaml);
	if (want.what == POLICY_NO_RULE)
		return;
	cr_assert_eq(got.rule, want.rule, "%s, %s: rule %u instead of %u in\n%s", by, op, got.rule,
		     want.rule, policy->yaml);
	cr_assert_eq(got.permissive, want.permissive, "%s, %s in\n%s", by, op, policy->yaml);
}

static void check_question(const struct loaded *loaded, const struct sorted_tables *tables,
			   const struct rule *rule, unsigned int nr)
{
	struct question question = { .op = dice(4) ? dice(OPS) : HAND_OVER };
	struct policy_verdict want;
	struct policy_request request;

	for (unsigned int side = 0; side < SIDES; side++)
		for (unsigned int key = 0; key < KEYS; key++)
			question.value[side][key] = has_side(question.op, side) ? one_of(values[key]) : "";
	for (unsigned int i = dice(3); i--;)
		question.groups[i] = one_of(values[GROUP]);
	request = to_request(&question);

	want = naive(rule, nr, &question);
	check_verdict(loaded->policy, policy_decide(loaded->policy, &request), want, "clauses",
		      op_name[question.op]);
	check_verdict(loaded->policy, tables_decide(tables, &request), want, "tables",
		      op_name[question.op]);
	verdicts[want.what]++;
	if (want.what != POLICY_NO_RULE)
		check_warnings(loaded, rule, nr, &question, want.rule);
}

static bool same_match(const struct policy_match *a, const struct policy_match *b)
{
	struct policy_match x = *a, y = *b;

	if (!a->glob != !b->glob || (a->glob && strcmp(a->glob, b->glob)))
		return false;
	x.glob = y.glob = NULL;
	return !memcmp(&x, &y, sizeof(x));
}

static void check_reload(const struct policy *policy)
{
	struct loaded again = load_text(policy->yaml);

	cr_assert_eq(again.rc, 0, "%s\n%s", policy->yaml, again.said);
	cr_assert_eq(again.policy->nr_clauses, policy->nr_clauses, "%s", policy->yaml);
	for (size_t i = 0; i < policy->nr_clauses; i++) {
		const struct policy_clause *a = &again.policy->clauses[i], *b = &policy->clauses[i];

		cr_assert(a->rule == b->rule && a->deny == b->deny && a->permissive == b->permissive &&
			  a->ops == b->ops, "%s", policy->yaml);
		for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
			cr_assert(same_match(&a->match[dim], &b->match[dim]), "%s", policy->yaml);
	}
	cr_assert_eq(again.policy->permissive, policy->permissive);
	cr_assert_str_eq(again.policy->name, policy->name);
	cr_assert_str_eq(again.policy->yaml, policy->yaml);
	unload(&again);
}

/* The same policy makes the same bytes */
static void check_deterministic(const struct policy *policy, const struct tables *tables)
{
	struct tables again;

	cr_assert_eq(tables_build(policy, 1, &again), 0);
	cr_assert_eq(again.nr, tables->nr);
	cr_assert_eq(memcmp(again.keys, tables->keys, again.nr * sizeof(*again.keys)), 0);
	cr_assert_eq(memcmp(again.values, tables->values, again.nr * sizeof(*again.values)), 0);
	tables_free(&again);
}

/* POLICY_SEED=n runs another set; a failure prints its seed */
Test(policy_random, rules_clauses_and_tables_decide_the_same, .timeout = 600)
{
	const char *start = getenv("POLICY_SEED");

	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int nr = 1 + dice(MAX_RULES);
		struct rule rule[MAX_RULES];
		struct sorted_tables sorted;
		struct tables tables;
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
		cr_assert_eq(tables_build(loaded.policy, 1, &tables), 0);
		sorted = tables_sort(&tables);
		for (unsigned int n = 0; n < REQUESTS; n++)
			check_question(&loaded, &sorted, rule, nr);
		check_reload(loaded.policy);
		if (round % 20 == 0)
			check_deterministic(loaded.policy, &tables);
		free(sorted.order);
		tables_free(&tables);
		unload(&loaded);
		free(text);
	}
	/* Or the above would have shown little */
	cr_expect_gt(verdicts[POLICY_NO_RULE], ROUNDS * REQUESTS / 20);
	cr_expect_gt(verdicts[POLICY_ALLOW], ROUNDS * REQUESTS / 20);
	cr_expect_gt(verdicts[POLICY_DENY], ROUNDS * REQUESTS / 20);
}
