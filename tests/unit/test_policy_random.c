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
#include "policy_random.h"
#include "policy_text.h"
#include "tables_read.h"

#define ROUNDS 2000
#define REQUESTS 50 /* 100,000 in all */

static unsigned int verdicts[3];

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
			 rule[i].permissive == out->permissive && random_rule_matches(&rule[i], question);
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
	struct question question;
	struct policy_verdict want;
	struct policy_request request;

	random_question(&question);
	request = to_request(&question);

	want = random_naive(rule, nr, &question);
	check_verdict(loaded->policy, policy_decide(loaded->policy, &request), want, "clauses",
		      random_op_name[question.op]);
	check_verdict(loaded->policy, tables_decide(tables, &request), want, "tables",
		      random_op_name[question.op]);
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

/* POLICY_SEED=n runs another set; a failure prints its random_seed */
Test(policy_random, rules_clauses_and_tables_decide_the_same, .timeout = 600)
{
	const char *start = getenv("POLICY_SEED");

	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int nr = 1 + random_dice(MAX_RULES);
		struct rule rule[MAX_RULES];
		struct sorted_tables sorted;
		struct tables tables;
		struct loaded loaded;
		char *text = NULL;
		size_t size;
		FILE *out = open_memstream(&text, &size);

		random_seed = (start ? strtoul(start, NULL, 0) : 1) * 1000003 + round;
		fputs(HEAD, out);
		if (random_dice(2))
			fputs("mode: permissive\n", out);
		random_policy_text(out, rule, nr);
		fclose(out);
		loaded = load_text(text);
		cr_assert_eq(loaded.rc, 0, "random_seed %u:\n%s\n%s", random_seed, text, loaded.said);
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
