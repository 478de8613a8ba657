// SPDX-License-Identifier: GPL-2.0
/*
 * Comparing policies: what is claimed is so, and nothing is left out. Random pairs of policies are held against
 * deciding single requests; the rest shows how it is said.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "cli_run.h"
#include "policy_diff.h"
#include "policy_names.h"
#include "policy_text.h"

#define ROUNDS 1500
#define REQUESTS 300

static unsigned int seed;

static unsigned int dice(unsigned int n)
{
	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

/* Patterns within patterns, and beside them what only a request has */
static const char *const users[] = { "0", "1", "7", "8" };
static const char *const addresses[] = { "0000:01:*", "0000:01:00.*", "0000:01:00.0", "0000:01:00.1",
					 "0000:01:00.2", "0000:01:00.3", "0000:01:00.4", "0000:01:00.5",
					 "0000:01:00.6", "0000:01:00.7", "plat*", "platform-7" };
static const char *const ids[] = { "10de:*", "10de:2*", "10de:2204", "8086:10d3" };
static const char *const classes[] = { "03*", "0300*", "030000", "020000" };
static const char *const names[] = { "guest-*", "guest-1", "staging", "" };
#define PICK(list) (list)[dice(sizeof(list) / sizeof((list)[0]))]

static void put_side(FILE *out, const char *side, const char *key, const char *value)
{
	fprintf(out, ", %s: { %s: \"%s\" }", side, key, value);
}

static void put_rule(FILE *out)
{
	unsigned int op = dice(IOMMUFD_LSM_OP_COUNT);

	fprintf(out, "- { %s: %s", dice(3) ? "allow" : "deny", policy_op_name[op]);
	if (dice(3))
		put_side(out, "who", "user", PICK(users));
	else
		fputs(", who: any", out);
	if (policy_op_side[op][SIDE_DEVICE] && dice(4)) {
		switch (dice(3)) {
		case 0:
			put_side(out, "device", "address", PICK(addresses));
			break;
		case 1:
			fprintf(out, ", device: { id: \"%s\", class: \"%s\" }", PICK(ids), PICK(classes));
			break;
		default:
			fprintf(out, ", device: { address: [\"%s\", \"%s\"] }", PICK(addresses),
				PICK(addresses));
			break;
		}
	}
	if (policy_op_side[op][SIDE_FROM] && dice(2))
		put_side(out, "from", "name", PICK(names));
	if (policy_op_side[op][SIDE_TO] && dice(2))
		put_side(out, "to", "name", PICK(names));
	fputs(" }\n", out);
}

/* A policy, and one that may have lost a rule of it and got others */
static void make_pair(char *text[2])
{
	unsigned int common = dice(12), lost = dice(2), start = seed;
	size_t size;

	for (unsigned int i = 0; i < 2; i++) {
		FILE *out = open_memstream(&text[i], &size);

		seed = start;
		fputs(HEAD "rules:\n", out);
		for (unsigned int n = 0; n < common; n++) {
			if (i && lost && n == common / 2) {
				seed += 17;
				continue;
			}
			put_rule(out);
		}
		if (i)
			seed += 1001;
		for (unsigned int n = dice(4) + !common; n; n--)
			put_rule(out);
		fputs("- { deny: open, who: { user: 99 } }\n", out);
		fclose(out);
	}
}

/* As a request has it: a pattern's beginning, that with something behind it, or the value */
static void put_value(char *field, const char *value, const char *end)
{
	size_t len = strcspn(value, "*");

	memset(field, 0, POLICY_TEXT_LEN);
	snprintf(field, POLICY_TEXT_LEN, "%.*s%s", (int)len, value, value[len] ? end : "");
}

static struct policy_request random_request(void)
{
	struct policy_request request = { .op = dice(IOMMUFD_LSM_OP_COUNT), .uid = atoi(PICK(users)) };

	if (policy_op_side[request.op][SIDE_DEVICE]) {
		const char *address = PICK(addresses), *id = PICK(ids), *class = PICK(classes);

		/* What these patterns are the beginning of, as a kernel could name it */
		put_value(request.address, address, !strcmp(address, "0000:01:*") ? "02.0" :
			  !strcmp(address, "0000:01:00.*") ? "3" : "form-8");
		put_value(request.id, id, !strcmp(id, "10de:*") ? "1fff" : "fff");
		put_value(request.class_code, class, !strcmp(class, "03*") ? "8000" : "01");
	}
	if (policy_op_side[request.op][SIDE_FROM])
		put_value(request.from, PICK(names), "9");
	if (policy_op_side[request.op][SIDE_TO])
		put_value(request.to, PICK(names), "9");
	return request;
}

static bool holds(const struct diff *diff, const struct diff_region *region,
		  const struct policy_request *request)
{
	if (!(region->ops & 1u << request->op))
		return false;
	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++)
		if (!diff_has(region->classes[dim], space_class_of(&diff->space, dim, request)))
			return false;
	return true;
}

static void expect_verdict(struct policy_verdict got, struct policy_verdict want, char *const text[2])
{
	cr_assert_eq(got.what, want.what, "seed %u\n%s%s", seed, text[0], text[1]);
	if (want.what != POLICY_NO_RULE)
		cr_assert_eq(got.rule, want.rule, "seed %u\n%s%s", seed, text[0], text[1]);
}

/* A request is in one region if it is decided differently, and in none otherwise. Return: whether it is. */
static bool check_request(const struct diff *diff, const struct policy *const policy[2],
			  char *const text[2])
{
	struct policy_request request = random_request();
	struct policy_verdict old = policy_decide(policy[0], &request);
	struct policy_verdict new = policy_decide(policy[1], &request);
	bool differs = (old.what == POLICY_ALLOW) != (new.what == POLICY_ALLOW);
	unsigned int nr = 0;

	for (size_t i = 0; i < diff->nr; i++) {
		if (!holds(diff, &diff->region[i], &request))
			continue;
		nr++;
		expect_verdict(old, diff->region[i].old, text);
		expect_verdict(new, diff->region[i].new, text);
	}
	cr_assert_eq(nr, differs, "%u regions have %s of %s %s %s from '%s' to '%s', uid %u\n%s%s", nr,
		     policy_op_name[request.op], request.address, request.id, request.class_code,
		     request.from, request.to, request.uid, text[0], text[1]);
	return differs;
}

/* Any request out of a region is decided as the region says */
static void check_region(const struct diff *diff, const struct diff_region *region,
			 const struct policy *const policy[2], char *const text[2])
{
	struct policy_request request = { .op = __builtin_ctz(region->ops) };

	for (unsigned int dim = 0; dim < POLICY_DIM_COUNT; dim++) {
		unsigned int c;

		do {
			c = dice(diff->space.dim[dim].nr);
		} while (!diff_has(region->classes[dim], c) || diff->space.dim[dim].class[c].empty);
		if (!policy_op_side[request.op][policy_dim_side[dim]])
			continue;
		space_set(&diff->space, dim, c, &request);
		cr_assert_eq(space_class_of(&diff->space, dim, &request), c, "%s is of class %u, not %u",
			     diff->space.dim[dim].class[c].text,
			     space_class_of(&diff->space, dim, &request), c);
	}
	expect_verdict(policy_decide(policy[0], &request), region->old, text);
	expect_verdict(policy_decide(policy[1], &request), region->new, text);
}

Test(policy_diff, random_pairs_differ_where_it_says_and_nowhere_else, .timeout = 120)
{
	const char *start = getenv("POLICY_SEED");
	unsigned long differing = 0, alike = 0, regions = 0;

	for (unsigned int round = 0; round < ROUNDS; round++) {
		struct loaded loaded[2];
		struct diff diff;
		char *text[2];

		seed = (start ? strtoul(start, NULL, 0) : 1) * 1000003 + round;
		make_pair(text);
		loaded[0] = load_text(text[0]);
		loaded[1] = load_text(text[1]);
		cr_assert(!loaded[0].rc && !loaded[1].rc, "%s\n%s%s", text[0], loaded[0].said,
			  loaded[1].said);
		{
			const struct policy *const policy[2] = { loaded[0].policy, loaded[1].policy };

			cr_assert_eq(policy_diff(policy[0], policy[1], &diff), 0);
			cr_assert_not(diff.incomplete);
			for (unsigned int n = 0; n < REQUESTS; n++)
				*(check_request(&diff, policy, text) ? &differing : &alike) += 1;
			for (size_t i = 0; i < diff.nr; i++)
				check_region(&diff, &diff.region[i], policy, text);
		}
		regions += diff.nr;
		policy_diff_free(&diff);
		for (unsigned int i = 0; i < 2; i++) {
			unload(&loaded[i]);
			free(text[i]);
		}
	}
	/* Or the above would have shown little */
	cr_expect_gt(differing, ROUNDS * REQUESTS / 20, "%lu", differing);
	cr_expect_gt(alike, ROUNDS * REQUESTS / 4, "%lu", alike);
	cr_expect_gt(regions, ROUNDS * 2, "%lu", regions);
}

/* What `diff` prints of two policies */
static void diff_texts(struct ran *ran, const char *old, const char *new)
{
	RUN(ran, "diff", temp_file("old.yaml", old, strlen(old)), temp_file("new.yaml", new, strlen(new)));
}

Test(policy_diff, other_words_for_the_same_are_no_difference)
{
	struct ran ran;

	diff_texts(&ran, HEAD "rules:\n- { allow: [open, bind], who: { user: [1, 2] } }\n",
		   "version: 1\nname: other\nprocesses:\n  one: { user: 1 }\n  two: { user: 2 }\nrules:\n"
		   "- { allow: bind, who: two }\n- { allow: open, who: [two, one] }\n"
		   "- { allow: bind, who: one, device: { class: \"03*\" } }\n"
		   "- { allow: bind, who: one }\n");
	cr_expect_eq(ran.rc, 0);
	cr_expect_str_eq(ran.out, "the rules of both decide every request alike\n");
	cr_expect_str_empty(ran.err);
}

Test(policy_diff, an_allow_below_a_deny_is_no_difference)
{
	struct ran ran;

	diff_texts(&ran, HEAD "rules:\n- { deny: open, who: any }\n- { allow: bind, who: any }\n",
		   HEAD "rules:\n- { deny: open, who: any }\n- { allow: bind, who: any }\n"
		   "- { allow: open, who: { user: 1 } }\n");
	cr_expect_eq(ran.rc, 0, "%s", ran.out);
}

Test(policy_diff, a_pattern_that_its_values_exhaust_is_no_difference)
{
	struct ran ran;

	diff_texts(&ran, HEAD "rules:\n- { allow: bind, who: any, device: { address: \"0000:3b:00.*\" } }\n",
		   HEAD "rules:\n- { allow: bind, who: any, device: { address: [\"0000:3b:00.0\", "
		   "\"0000:3b:00.1\", \"0000:3b:00.2\", \"0000:3b:00.3\", \"0000:3b:00.4\", "
		   "\"0000:3b:00.5\", \"0000:3b:00.6\", \"0000:3b:00.7\"] } }\n");
	cr_expect_eq(ran.rc, 0, "%s", ran.out);
	diff_texts(&ran, HEAD "rules:\n- { allow: bind, who: any, device: { address: \"0000:3b:00.*\" } }\n",
		   HEAD "rules:\n- { allow: bind, who: any, device: { address: [\"0000:3b:00.0\", "
		   "\"0000:3b:00.1\", \"0000:3b:00.2\", \"0000:3b:00.3\", \"0000:3b:00.4\", "
		   "\"0000:3b:00.5\", \"0000:3b:00.6\"] } }\n");
	cr_expect_eq(ran.rc, 1, "%s", ran.out);
}

Test(policy_diff, says_who_what_and_by_which_rules)
{
	struct ran ran;
	char *want = NULL;
	static const char old[] = HEAD "processes:\n  vm: { user: 7 }\ndevices:\n  gpus: { id: \"10de:*\" }\n"
				       "rules:\n- { allow: [bind, attach], who: vm, device: gpus }\n";
	static const char new[] = HEAD "processes:\n  vm: { user: 7 }\ndevices:\n  gpus: { id: \"10de:*\" }\n"
				       "rules:\n- { allow: [bind, attach], who: vm, device: gpus }\n"
				       "- deny: bind\n  who: any\n  device: { id: [\"10de:2204\", \"10de:1*\"] }\n"
				       "- { allow: move, who: vm, device: gpus, to: { name: \"guest-*\" } }\n";

	diff_texts(&ran, old, new);
	cr_expect_eq(ran.rc, 1);
	cr_expect_str_empty(ran.err);
	cr_assert_neq(asprintf(&want,
			       "no longer allowed: bind\n"
			       "  who     vm (user '7')\n"
			       "  device  id '10de:1*' or '10de:2204'\n"
			       "  before  allowed by rule 1, %s/old.yaml:8: allow: [bind, attach], who: vm, device: gpus\n"
			       "  now     denied by rule 2, %s/new.yaml:9: deny: bind, who: any, device: { id: "
			       "[\"10de:2204\", \"10de:1*\"] }\n\n"
			       "now allowed: move\n"
			       "  who     vm (user '7')\n"
			       "  device  gpus (id '10de:*')\n"
			       "  from    any\n"
			       "  to      name 'guest-*'\n"
			       "  before  denied: no rule allows it\n"
			       "  now     allowed by rule 3, %s/new.yaml:12: allow: move, who: vm, device: gpus, to: "
			       "{ name: \"guest-*\" }\n", temp_dir(), temp_dir(), temp_dir()), -1);
	cr_expect_str_eq(ran.out, want);
	free(want);
}

Test(policy_diff, an_executable_that_is_missing_here_is_the_same_in_both)
{
	struct ran ran;
	static const char old[] = HEAD "rules:\n- { allow: open, who: { exe: /no/one, user: nobody-1 } }\n"
				       "- { allow: open, who: { exe: /no/two, user: nobody-2 } }\n";
	static const char new[] = HEAD "rules:\n- { allow: open, who: { exe: /no/two, user: nobody-2 } }\n"
				       "- { allow: open, who: { exe: /no/one, user: nobody-1 } }\n";

	diff_texts(&ran, old, new);
	cr_expect_eq(ran.rc, 0, "%s", ran.out);
	diff_texts(&ran, old, HEAD "rules:\n- { allow: open, who: { exe: /no/one, user: nobody-1 } }\n");
	cr_expect_eq(ran.rc, 1);
	cr_expect(strstr(ran.out, "who     exe '/no/two', user 'nobody-2'\n"), "%s", ran.out);
}

Test(policy_diff, a_mode_is_a_difference)
{
	struct ran ran;

	diff_texts(&ran, HEAD "rules:\n- { allow: open, who: any }\n",
		   HEAD "mode: permissive\nrules:\n- { allow: open, who: any }\n");
	cr_expect_eq(ran.rc, 1);
	cr_expect(strstr(ran.out, "mode: now permissive"), "%s", ran.out);
}

Test(policy_diff, an_unusable_policy_exits_2)
{
	struct ran ran;

	diff_texts(&ran, HEAD "rules:\n- { allow: open, who: any }\n", HEAD "rules:\n- { allow: opn, who: any }\n");
	cr_expect_eq(ran.rc, 2);
	cr_expect_str_empty(ran.out);
	cr_expect(strstr(ran.err, "unknown operation 'opn'"), "%s", ran.err);
}
