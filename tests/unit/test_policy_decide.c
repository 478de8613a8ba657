// SPDX-License-Identifier: GPL-2.0
/*
 * What a policy means: how rules become clauses, and which request gets which verdict from which rule.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "identity.h"
#include "iommufd_lsm_hooks.h"
#include "policy_text.h"

static struct loaded load_good(const char *text)
{
	struct loaded loaded = load_text(text);

	cr_assert_eq(loaded.rc, 0, "%s", loaded.said);
	cr_assert_not_null(loaded.policy);
	return loaded;
}

/* A process of root running something this policy does not know, and a network card */
static struct policy_request request(enum iommufd_lsm_op op)
{
	struct policy_request request = {
		.op = op,
		.exe_dev = 1, .exe_ino = 1,
		.uid = 0,
	};

	if (op == IOMMUFD_LSM_OP_ctx_open || op == IOMMUFD_LSM_OP_ioas_alloc ||
	    op == IOMMUFD_LSM_OP_ioas_name)
		return request;
	strcpy(request.address, "0000:01:00.0");
	strcpy(request.id, "8086:10d3");
	strcpy(request.class_code, "020000");
	strcpy(request.driver, "iommufd-vfio-pci");
	return request;
}

static void expect(const struct loaded *loaded, struct policy_request request, int what, uint32_t rule)
{
	struct policy_verdict verdict = policy_decide(loaded->policy, &request);

	cr_expect_eq(verdict.what, what, "verdict %d instead of %d", verdict.what, what);
	if (what != POLICY_NO_RULE)
		cr_expect_eq(verdict.rule, rule, "rule %u instead of %u", verdict.rule, rule);
}

Test(policy_decide, S16_no_rule_grants_nothing)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: open, who: any }\n");

	expect(&loaded, request(IOMMUFD_LSM_OP_ctx_open), POLICY_ALLOW, 0);
	for (unsigned int op = 0; op < IOMMUFD_LSM_OP_COUNT; op++)
		if (op != IOMMUFD_LSM_OP_ctx_open)
			expect(&loaded, request(op), POLICY_NO_RULE, 0);
	unload(&loaded);
}

Test(policy_decide, S16_deny_wins_in_any_order)
{
	static const char *const texts[] = {
		HEAD "rules:\n- { allow: bind, who: any }\n- { deny: bind, who: any, device: { class: \"02*\" } }\n",
		HEAD "rules:\n- { deny: bind, who: any, device: { class: \"02*\" } }\n- { allow: bind, who: any }\n",
	};

	for (unsigned int i = 0; i < 2; i++) {
		struct loaded loaded = load_good(texts[i]);
		struct policy_request other = request(IOMMUFD_LSM_OP_device_bind);

		expect(&loaded, request(IOMMUFD_LSM_OP_device_bind), POLICY_DENY, !i);
		strcpy(other.class_code, "030000");
		expect(&loaded, other, POLICY_ALLOW, i);
		unload(&loaded);
	}
}

Test(policy_decide, empty_policy_denies_everything)
{
	struct loaded loaded = load_good(HEAD);

	cr_expect_eq(loaded.policy->nr_clauses, 0);
	cr_expect(said_line(&loaded, "p.yaml:1:1: warning: this policy has no rules and denies everything"));
	expect(&loaded, request(IOMMUFD_LSM_OP_ctx_open), POLICY_NO_RULE, 0);
	unload(&loaded);
}

Test(policy_decide, unknown_operation_matches_nothing)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: open, who: any }\n");

	expect(&loaded, request(IOMMUFD_LSM_OP_COUNT), POLICY_NO_RULE, 0);
	expect(&loaded, request(32), POLICY_NO_RULE, 0);
	unload(&loaded);
}

Test(policy_decide, all_conditions_of_a_selector_must_hold)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: bind, who: any, device: "
					 "{ id: \"8086:*\", class: \"02*\", driver: iommufd-vfio-pci } }\n");
	struct policy_request r = request(IOMMUFD_LSM_OP_device_bind);

	expect(&loaded, r, POLICY_ALLOW, 0);
	strcpy(r.id, "8087:10d3");
	expect(&loaded, r, POLICY_NO_RULE, 0);
	r = request(IOMMUFD_LSM_OP_device_bind);
	strcpy(r.class_code, "010802");
	expect(&loaded, r, POLICY_NO_RULE, 0);
	r = request(IOMMUFD_LSM_OP_device_bind);
	strcpy(r.driver, "e1000e");
	expect(&loaded, r, POLICY_NO_RULE, 0);
	unload(&loaded);
}

Test(policy_decide, a_list_matches_any_of_its_values)
{
	struct loaded loaded = load_good(HEAD "devices:\n  a: { driver: [x, y] }\n  b: { id: \"1234:11e8\" }\n"
					 "rules:\n- { allow: bind, who: any, device: [a, b] }\n");
	struct policy_request r = request(IOMMUFD_LSM_OP_device_bind);

	expect(&loaded, r, POLICY_NO_RULE, 0);
	strcpy(r.driver, "x");
	expect(&loaded, r, POLICY_ALLOW, 0);
	strcpy(r.driver, "y");
	expect(&loaded, r, POLICY_ALLOW, 0);
	strcpy(r.driver, "z");
	strcpy(r.id, "1234:11e8");
	expect(&loaded, r, POLICY_ALLOW, 0);
	cr_expect_eq(loaded.policy->nr_clauses, 3);
	unload(&loaded);
}

Test(policy_decide, one_any_makes_a_list_match_all)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: open, who: [{ user: 4711 }, any] }\n");

	expect(&loaded, request(IOMMUFD_LSM_OP_ctx_open), POLICY_ALLOW, 0);
	cr_expect(said_line(&loaded, "p.yaml:4:40: warning: 'any' makes the rest of this list useless"),
		  "%s", loaded.said);
	unload(&loaded);
}

Test(policy_decide, exact_is_whole_and_prefix_is_beginning)
{
	struct loaded loaded = load_good(HEAD "rules:\n"
					 "- { allow: attach, who: any, to: { name: guest } }\n"
					 "- { allow: attach, who: any, to: { name: \"vm-*\" } }\n");
	static const struct {
		const char *name;
		int what;
		uint32_t rule;
	} cases[] = {
		{ "guest", POLICY_ALLOW, 0 }, { "guest1", POLICY_NO_RULE, 0 }, { "gues", POLICY_NO_RULE, 0 },
		{ "", POLICY_NO_RULE, 0 }, { "vm-", POLICY_ALLOW, 1 }, { "vm-1", POLICY_ALLOW, 1 },
		{ "vm", POLICY_NO_RULE, 0 }, { "xvm-1", POLICY_NO_RULE, 0 }, { "VM-1", POLICY_NO_RULE, 0 },
		{ "vm-4567890123456789012345678901", POLICY_ALLOW, 1 },
	};

	for (unsigned int i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy_request r = request(IOMMUFD_LSM_OP_device_attach);

		strcpy(r.to, cases[i].name);
		expect(&loaded, r, cases[i].what, cases[i].rule);
	}
	unload(&loaded);
}

Test(policy_decide, a_text_as_long_as_the_field_matches)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: attach, who: any, "
					 "to: { name: abcdefghijklmnopqrstuvwxyz01234 } }\n");
	struct policy_request r = request(IOMMUFD_LSM_OP_device_attach);

	strcpy(r.to, "abcdefghijklmnopqrstuvwxyz01234");
	expect(&loaded, r, POLICY_ALLOW, 0);
	strcpy(r.to, "abcdefghijklmnopqrstuvwxyz0123");
	expect(&loaded, r, POLICY_NO_RULE, 0);
	unload(&loaded);
}

Test(policy_decide, unnamed_ioas_only_by_empty_name_or_any)
{
	struct loaded loaded = load_good(HEAD "rules:\n"
					 "- { allow: attach, who: any, to: { name: \"g*\" } }\n"
					 "- { allow: move, who: any, to: { name: \"\" } }\n"
					 "- { allow: recheck, who: any, to: any }\n");

	expect(&loaded, request(IOMMUFD_LSM_OP_device_attach), POLICY_NO_RULE, 0);
	expect(&loaded, request(IOMMUFD_LSM_OP_device_move), POLICY_ALLOW, 1);
	expect(&loaded, request(IOMMUFD_LSM_OP_device_recheck), POLICY_ALLOW, 2);

	struct policy_request r = request(IOMMUFD_LSM_OP_device_move);

	strcpy(r.to, "g");
	expect(&loaded, r, POLICY_NO_RULE, 0);
	unload(&loaded);
}

Test(policy_decide, from_and_to_are_not_mixed_up)
{
	struct loaded loaded = load_good(HEAD "ioas:\n  s: { name: staging }\n  g: { name: \"guest-*\" }\n"
					 "rules:\n- { allow: move, who: any, from: s, to: g }\n");
	struct policy_request r = request(IOMMUFD_LSM_OP_device_move);

	strcpy(r.from, "staging");
	strcpy(r.to, "guest-1");
	expect(&loaded, r, POLICY_ALLOW, 0);
	strcpy(r.from, "guest-1");
	expect(&loaded, r, POLICY_NO_RULE, 0);
	strcpy(r.to, "staging");
	expect(&loaded, r, POLICY_NO_RULE, 0);
	strcpy(r.from, "staging");
	expect(&loaded, r, POLICY_NO_RULE, 0);
	unload(&loaded);
}

Test(policy_decide, hexadecimal_is_lower_case_and_never_a_number)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: bind, who: any, "
					 "device: { class: 0C03*, id: 10DE:22AB, address: 0000:3B:00.0 } }\n");
	const struct policy_match *match = loaded.policy->clauses[0].match;

	cr_expect_str_eq(match[POLICY_DIM_CLASS].text, "0c03");
	cr_expect(match[POLICY_DIM_CLASS].prefix);
	cr_expect_eq(match[POLICY_DIM_CLASS].len, 4);
	cr_expect_str_eq(match[POLICY_DIM_ID].text, "10de:22ab");
	cr_expect_not(match[POLICY_DIM_ID].prefix);
	cr_expect_str_eq(match[POLICY_DIM_ADDRESS].text, "0000:3b:00.0");
	cr_expect(match[POLICY_DIM_UID].any);
	cr_expect(match[POLICY_DIM_TO].any);
	unload(&loaded);
}

Test(policy_decide, yaml_numbers_stay_text)
{
	struct loaded loaded = load_good(HEAD "rules:\n"
					 "- { allow: bind, who: any, device: { class: 010802 } }\n"
					 "- { allow: attach, who: any, to: { name: 10:22 } }\n"
					 "- { allow: attach, who: any, to: { name: no } }\n"
					 "- { allow: attach, who: any, to: { name: 1e3 } }\n");

	cr_expect_str_eq(loaded.policy->clauses[0].match[POLICY_DIM_CLASS].text, "010802");
	cr_expect_str_eq(loaded.policy->clauses[1].match[POLICY_DIM_TO].text, "10:22");
	cr_expect_str_eq(loaded.policy->clauses[2].match[POLICY_DIM_TO].text, "no");
	cr_expect_str_eq(loaded.policy->clauses[3].match[POLICY_DIM_TO].text, "1e3");
	unload(&loaded);
}

Test(policy_decide, lists_multiply_and_denials_come_first)
{
	struct loaded loaded = load_good(HEAD
		"processes:\n  p: { exe: [/bin/sh, /bin/ls], user: [0, 1, 2] }\n"
		"devices:\n  d: { class: [\"01*\", \"02*\"] }\n"
		"rules:\n"
		"- { allow: bind, who: [p, { user: 3 }], device: [d, { driver: x }] }\n"
		"- { deny: open, who: { user: [4, 5] } }\n");
	const struct policy *policy = loaded.policy;

	/* (2 * 3 + 1) * (2 + 1), and 2 */
	cr_assert_eq(policy->nr_clauses, 23);
	for (size_t i = 0; i < policy->nr_clauses; i++) {
		cr_expect_eq(policy->clauses[i].deny, i < 2);
		cr_expect_eq(policy->clauses[i].rule, i < 2);
		cr_expect_eq(policy->clauses[i].ops, i < 2 ? 1u << IOMMUFD_LSM_OP_ctx_open :
							     1u << IOMMUFD_LSM_OP_device_bind);
	}
	for (size_t i = 0; i < policy->nr_clauses; i++)
		for (size_t n = 0; n < i; n++)
			cr_expect(memcmp(&policy->clauses[i], &policy->clauses[n],
					 sizeof(policy->clauses[i])), "clauses %zu and %zu", i, n);
	unload(&loaded);
}

Test(policy_decide, too_many_combinations_are_refused)
{
	char text[8192] = HEAD "processes:\n  p: { user: [0";
	struct loaded loaded;

	for (int i = 1; i < 257; i++)
		sprintf(text + strlen(text), ", %d", i);
	strcat(text, "] }\ndevices:\n  d: { driver: [d0");
	for (int i = 1; i < 256; i++)
		sprintf(text + strlen(text), ", d%d", i);
	strcat(text, "] }\nrules:\n- { allow: bind, who: p, device: d }\n");

	loaded = load_text(text);
	cr_expect_eq(loaded.rc, 2);
	cr_expect(said_line(&loaded, "p.yaml:8:3: error: with this rule the policy is over its limit of "
			    "65536 combinations"), "%s", loaded.said);
	unload(&loaded);

	/* One less is just enough */
	memmove(strstr(text, "[0, "), "[   ", 4);
	loaded = load_good(text);
	cr_expect_eq(loaded.policy->nr_clauses, 65536);
	unload(&loaded);
}

Test(policy_decide, rules_keep_their_file_and_line)
{
	struct loaded loaded = load_texts((const char *[]){
		HEAD "mode: permissive\nrules:\n- allow: open\n  who: any\n",
		"version: 1\n\nrules:\n- { allow: bind, who: any }\n\n- deny: [bind, attach]\n"
		"  who: { user: \"0\" }\n  device: { class: 0c03* }\n", NULL });
	const struct policy_rule *rules;

	cr_assert_eq(loaded.rc, 0, "%s", loaded.said);
	rules = loaded.policy->rules;
	cr_assert_eq(loaded.policy->nr_rules, 3);
	cr_expect_str_eq(rules[0].file, "a.yaml");
	cr_expect_eq(rules[0].line, 5);
	cr_expect_str_eq(rules[0].text, "allow: open, who: any");
	cr_expect_str_eq(rules[1].file, "b.yaml");
	cr_expect_eq(rules[1].line, 4);
	cr_expect_str_eq(rules[2].file, "b.yaml");
	cr_expect_eq(rules[2].line, 6);
	cr_expect_str_eq(rules[2].text,
			 "deny: [bind, attach], who: { user: \"0\" }, device: { class: 0c03* }");
	cr_expect(rules[2].deny);
	cr_expect_eq(rules[2].ops, 1u << IOMMUFD_LSM_OP_device_bind | 1u << IOMMUFD_LSM_OP_device_attach);
	cr_expect(loaded.policy->permissive);
	cr_expect_str_eq(loaded.policy->name, "t");
	unload(&loaded);
}

Test(policy_decide, files_share_definitions_whatever_their_order)
{
	struct loaded loaded = load_texts((const char *[]){
		HEAD "rules:\n- { allow: attach, who: any, to: g }\n",
		"version: 1\nioas:\n  g: { name: g }\n", NULL });

	cr_expect_eq(loaded.rc, 0, "%s", loaded.said);
	cr_expect_eq(loaded.warnings, 0, "%s", loaded.said);
	unload(&loaded);
}

Test(policy_decide, an_executable_is_its_file)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: open, who: { exe: /proc/self/exe } }\n");
	struct policy_request r = request(IOMMUFD_LSM_OP_ctx_open);
	struct stat st;

	cr_assert_eq(stat("/proc/self/exe", &st), 0);
	expect(&loaded, r, POLICY_NO_RULE, 0);
	r.exe_dev = (uint64_t)major(st.st_dev) << 20 | minor(st.st_dev);
	r.exe_ino = st.st_ino;
	expect(&loaded, r, POLICY_ALLOW, 0);
	r.exe_dev++;
	expect(&loaded, r, POLICY_NO_RULE, 0);
	unload(&loaded);
}

Test(policy_decide, a_user_is_a_uid)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: open, who: { user: root } }\n"
					 "- { deny: open, who: { user: 65000 } }\n");
	struct policy_request r = request(IOMMUFD_LSM_OP_ctx_open);

	expect(&loaded, r, POLICY_ALLOW, 0);
	r.uid = 65000;
	expect(&loaded, r, POLICY_DENY, 1);
	r.uid = 65001;
	expect(&loaded, r, POLICY_NO_RULE, 0);
	unload(&loaded);
}

Test(policy_decide, missing_executables_differ_and_match_no_file)
{
	struct loaded loaded = load_good(HEAD
		"rules:\n- { allow: open, who: { exe: /no/such/a } }\n- { deny: open, who: { exe: /no/such/b } }\n"
		"tests:\n- { who: { exe: /no/such/a }, op: open, expect: allow }\n"
		"- { who: { exe: /no/such/b }, op: open, expect: deny }\n"
		"- { who: { exe: /no/such/c }, op: open, expect: deny }\n");

	cr_expect_eq(loaded.warnings, 2, "%s", loaded.said);
	cr_expect_eq(loaded.policy->nr_tests, 3);
	for (size_t i = 0; i < loaded.policy->nr_clauses; i++)
		cr_expect_eq(loaded.policy->clauses[i].match[POLICY_DIM_EXE].dev, IDENTITY_NO_DEVICE);
	cr_expect_neq(loaded.policy->clauses[0].match[POLICY_DIM_EXE].ino,
		      loaded.policy->clauses[1].match[POLICY_DIM_EXE].ino);
	unload(&loaded);
}

Test(policy_decide, missing_users_differ_in_tests_and_match_nobody_after)
{
	struct loaded loaded = load_good(HEAD
		"rules:\n- { allow: open, who: { user: no-such-a } }\n- { allow: bind, who: { user: no-such-b } }\n"
		"tests:\n- { who: { user: no-such-a }, op: open, expect: allow }\n"
		"- { who: { user: no-such-b }, op: open, expect: deny }\n"
		"- { who: { exe: /bin/sh }, op: open, expect: deny }\n");

	for (size_t i = 0; i < loaded.policy->nr_clauses; i++)
		cr_expect_eq(loaded.policy->clauses[i].match[POLICY_DIM_UID].uid, IDENTITY_NO_UID);
	unload(&loaded);
}

Test(policy_decide, a_failing_test_stops_the_policy)
{
	struct loaded loaded = load_text(HEAD
		"rules:\n- { deny: open, who: { user: 0 } }\n"
		"tests:\n- { who: { user: 0 }, op: open, expect: allow }\n"
		"- { who: { user: 1 }, op: open, expect: allow }\n"
		"- { who: { user: 1 }, op: open, expect: deny }\n");

	cr_expect_eq(loaded.rc, 1);
	cr_expect_null(loaded.policy);
	cr_expect(said_line(&loaded, "p.yaml:6:41: error: this test fails: denied by p.yaml:4: "
			    "deny: open, who: { user: 0 }"), "%s", loaded.said);
	cr_expect(said_line(&loaded, "p.yaml:7:41: error: this test fails: no rule allows it"),
		  "%s", loaded.said);
	cr_expect_eq(loaded.errors, 2, "%s", loaded.said);
	unload(&loaded);
}

Test(policy_decide, a_test_that_expects_a_denial_can_fail)
{
	struct loaded loaded = load_text(HEAD
		"rules:\n- { allow: open, who: any }\n"
		"tests:\n- { who: { user: 0 }, op: open, expect: deny }\n");

	cr_expect_eq(loaded.rc, 1);
	cr_expect(said_line(&loaded, "p.yaml:6:41: error: this test fails: allowed by p.yaml:4: "
			    "allow: open, who: any"), "%s", loaded.said);
	unload(&loaded);
}

/* Loads although something is odd */
static void check_warning(const char *text, const char *line, const char *note)
{
	struct loaded loaded = load_text(text);

	cr_expect_eq(loaded.rc, 0, "%s", loaded.said);
	cr_expect_eq(loaded.warnings, line ? 1 : 0, "%s", loaded.said);
	if (line)
		cr_expect(said_line(&loaded, line), "expected: %s\nsaid:\n%s", line, loaded.said);
	if (note)
		cr_expect(said_line(&loaded, note), "expected: %s\nsaid:\n%s", note, loaded.said);
	unload(&loaded);
}

#define WARN(name, text, line, note) \
	Test(policy_warnings, name) { check_warning(HEAD text, line, note); }

WARN(unused, "ioas:\n  a: { name: x }\nrules:\n- { allow: open, who: any }\n",
     "p.yaml:4:3: warning: the IOAS 'a' is never used", NULL)
WARN(missing_exe, "rules:\n- { allow: open, who: { exe: /no/such } }\n",
     "p.yaml:4:30: warning: cannot find '/no/such': No such file or directory; "
     "conditions on it will match no process", NULL)
WARN(missing_exe_once, "rules:\n- { allow: open, who: { exe: /no/such } }\n- { deny: bind, who: { exe: /no/such } }\n",
     "p.yaml:4:30: warning: cannot find '/no/such': No such file or directory; "
     "conditions on it will match no process", NULL)
WARN(missing_user, "rules:\n- { allow: open, who: { user: no-such-user } }\n",
     "p.yaml:4:31: warning: there is no user 'no-such-user'; conditions on it will match no process", NULL)
WARN(not_executable, "rules:\n- { allow: open, who: { exe: /etc/passwd } }\n",
     "p.yaml:4:30: warning: '/etc/passwd' is not executable; no process runs it", NULL)
WARN(listed_twice, "rules:\n- { allow: open, who: { user: [1, 2, 1] } }\n",
     "p.yaml:4:38: warning: '1' is listed twice", NULL)
WARN(unreachable, "rules:\n- { allow: bind, who: { user: 1 }, device: { class: \"0c03*\" } }\n"
     "- { deny: [bind, open], who: { user: [2, 1] } }\n",
     "p.yaml:4:3: warning: this rule has no effect: all it allows is denied",
     "p.yaml:5:3: note: by this rule, for one")
WARN(unreachable_by_several, "rules:\n- { allow: [bind, open], who: { user: [1, 2] } }\n"
     "- { deny: bind, who: { user: 1 } }\n- { deny: bind, who: { user: 2 } }\n- { deny: open, who: any }\n",
     "p.yaml:4:3: warning: this rule has no effect: all it allows is denied", NULL)
WARN(reachable, "rules:\n- { allow: [bind, open], who: { user: [1, 2] } }\n"
     "- { deny: bind, who: { user: 1 } }\n- { deny: bind, who: { user: 2 } }\n"
     "- { deny: open, who: { user: 1 } }\n", NULL, NULL)
WARN(wider_allow_is_reachable, "rules:\n- { allow: bind, who: any, device: { class: \"0c*\" } }\n"
     "- { deny: bind, who: any, device: { class: \"0c03*\" } }\n", NULL, NULL)
/* A condition on each dimension, which the denying rule does not have */
WARN(narrower_in_any_dimension, "rules:\n- { allow: move, who: { exe: /bin/sh, user: 1 }, "
     "device: { address: \"0000:01:00.0\", id: \"1234:*\", class: \"02*\", driver: x }, "
     "from: { name: a }, to: { name: b } }\n- { deny: move, who: { user: 1 }, device: { id: \"1234:*\" }, "
     "from: { name: \"a*\" } }\n",
     "p.yaml:4:3: warning: this rule has no effect: all it allows is denied", NULL)
WARN(repetition, "rules:\n- { allow: [bind, open], who: { user: [1, 2] } }\n"
     "- { allow: [open, bind], who: [{ user: 2 }, { user: 1 }] }\n",
     "p.yaml:5:3: warning: this rule repeats another", "p.yaml:4:3: note: this one says all of it")
WARN(repetition_of_a_part, "rules:\n- { allow: bind, who: { user: 1 }, device: { id: \"10de:22*\" } }\n"
     "- { allow: [bind, open], who: { user: 3 } }\n- { allow: [attach, bind], who: { user: 1 } }\n",
     "p.yaml:4:3: warning: this rule repeats another", "p.yaml:6:3: note: this one says all of it")
WARN(no_repetition, "rules:\n- { allow: bind, who: { user: 1 } }\n- { deny: bind, who: { user: 1 }, "
     "device: { class: \"01*\" } }\n- { allow: attach, who: { user: 1 } }\n"
     "- { allow: bind, who: { user: 2 } }\n", NULL, NULL)

Test(policy_decide, any_of_a_processs_groups_counts)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: open, who: { group: [\"7\", \"8\"] } }\n");
	struct policy_request r = request(IOMMUFD_LSM_OP_ctx_open);

	expect(&loaded, r, POLICY_NO_RULE, 0);
	r.group[0] = 100;
	r.group[1] = 8;
	r.nr_groups = 1;
	expect(&loaded, r, POLICY_NO_RULE, 0);
	r.nr_groups = 2;
	expect(&loaded, r, POLICY_ALLOW, 0);
	unload(&loaded);
}

Test(policy_decide, cgroups_are_paths)
{
	static const struct {
		const char *pattern, *path;
		bool matches;
	} cases[] = {
		{ "/machine.slice/**", "/machine.slice/vm1.scope", true },
		{ "/machine.slice/**", "/machine.slice/vm1.scope/emulator", true },
		{ "/machine.slice/**", "/machine.slice", false },
		{ "/machine.slice/**", "/machine.slice2/vm", false },
		{ "/machine.slice/*", "/machine.slice/vm1.scope/emulator", false },
		{ "/machine.slice/vm?", "/machine.slice/vm1", true },
		{ "/machine.slice/vm?", "/machine.slice/vm/", false },
		{ "/**", "/a", true },
		{ "/**", "/", false },
		{ "/", "/", true },
		{ "/a/**/z", "/a/b/c/z", true },
		{ "/a/**/z", "/a/z", false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct policy_request r = request(IOMMUFD_LSM_OP_ctx_open);
		struct loaded loaded;
		char text[256];

		snprintf(text, sizeof(text), HEAD "rules:\n- { allow: open, who: { cgroup: \"%s\" } }\n",
			 cases[i].pattern);
		loaded = load_good(text);
		strcpy(r.cgroup, cases[i].path);
		cr_expect_eq(policy_decide(loaded.policy, &r).what,
			     cases[i].matches ? POLICY_ALLOW : POLICY_NO_RULE, "%s and %s", cases[i].pattern,
			     cases[i].path);
		unload(&loaded);
	}
}

Test(policy_decide, a_hand_over_has_two_processes)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: hand-over, who: { user: \"1\" }, "
					 "recipient: { user: \"2\", group: \"3\" } }\n");
	struct policy_request r = { .op = POLICY_OP_HAND_OVER, .uid = 1, .recipient_uid = 2 };

	expect(&loaded, r, POLICY_NO_RULE, 0);
	r.group[0] = 3;
	r.nr_groups = 1;
	expect(&loaded, r, POLICY_ALLOW, 0);
	r.recipient_uid = 1;
	expect(&loaded, r, POLICY_NO_RULE, 0);
	r.recipient_uid = 2;
	r.uid = 2;
	expect(&loaded, r, POLICY_NO_RULE, 0);
	unload(&loaded);
}

Test(policy_decide, a_rule_on_probation_is_said_and_does_not_deny)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: bind, who: any, permissive: true }\n"
					 "- { deny: bind, who: { user: root }, permissive: true }\n"
					 "- { allow: bind, who: any, device: { class: \"03*\" } }\n");
	struct policy_request r = request(IOMMUFD_LSM_OP_device_bind);
	struct policy_verdict verdict = policy_decide(loaded.policy, &r);

	cr_expect_eq(verdict.what, POLICY_ALLOW);
	cr_expect_eq(verdict.rule, 0);
	cr_expect(verdict.permissive, "only the rule on probation allows it");
	cr_expect_eq(verdict.would_deny, 2);
	strcpy(r.class_code, "030000");
	r.uid = 5;
	verdict = policy_decide(loaded.policy, &r);
	cr_expect_eq(verdict.rule, 2, "one that is not on probation comes first");
	cr_expect_not(verdict.permissive);
	cr_expect_eq(verdict.would_deny, 0);
	unload(&loaded);
}

Test(policy_decide, what_must_never_be_allowed_is_proved)
{
	struct loaded loaded = load_good(HEAD "rules:\n- { allow: [bind, attach], who: any, device: { id: \"10de:*\" } }\n"
					 "- { deny: attach, who: any, device: { class: \"03*\" } }\n"
					 "never:\n- { allow: attach, who: { user: root }, device: { class: \"0300*\" } }\n"
					 "- { allow: [bind, move], who: any, device: { id: \"8086:*\" } }\n"
					 "- { allow: open, who: any }\n");

	cr_expect_eq(loaded.policy->nr_nevers, 3);
	unload(&loaded);
}

Test(policy_decide, guards_are_on_unless_they_are_turned_off)
{
	struct loaded loaded = load_good(HEAD);

	cr_expect_eq(loaded.policy->guards, 15);
	unload(&loaded);
	loaded = load_good(HEAD "guards: { ptrace: off, hand-over: on }\n");
	cr_expect_eq(loaded.policy->guards, 15 & ~4);
	unload(&loaded);
}
