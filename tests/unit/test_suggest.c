// SPDX-License-Identifier: GPL-2.0
/*
 * suggest, from lines that `log -j` writes: what becomes a rule, and what must not.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli_run.h"
#include "policy_text.h"

#define DENIED(op, more) \
	"{\"time\":\"2026-11-24 09:00:01\",\"verdict\":\"denied\",\"op\":\"" op "\",\"permissive\":false," \
	"\"by_rule\":false,\"reason\":\"no rule allows it\",\"comm\":\"sh\",\"pid\":7,\"uid\":1," \
	"\"exe\":\"/no/vmm\",\"exe_dev\":1,\"exe_ino\":2" more "}\n"
#define EDU ",\"device\":\"0000:01:00.0\",\"id\":\"1234:11e8\",\"class\":\"00ff00\",\"group\":7"
#define IOAS(from, to) ",\"from\":\"" from "\",\"to\":\"" to "\""

static const char running[] = "version: 1\nname: running\nrules:\n- { allow: ioas-alloc, who: { user: 0 } }\n";

/* Suggests from @lines into @ran, and loads what came out together with a policy */
static struct loaded suggest(struct ran *ran, const char *lines)
{
	const char *paths[2] = { temp_file("running.yaml", running, strlen(running)) };
	struct loaded loaded;

	RUN(ran, "suggest", temp_file("log.json", lines, strlen(lines)));
	cr_assert_eq(ran->rc, 0, "%s", ran->err);
	paths[1] = temp_file("more.yaml", ran->out, strlen(ran->out));
	loaded = load_paths(paths, 2);
	cr_assert_eq(loaded.rc, 0, "%s\n%s", ran->out, loaded.said);
	return loaded;
}

Test(suggest, one_rule_for_all_operations_on_a_device)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran, DENIED("device-open", EDU IOAS("", ""))
					     DENIED("bind", EDU IOAS("", "")) DENIED("bind", EDU IOAS("", "")));

	cr_expect_eq(loaded.policy->nr_rules, 2, "%s", ran.out);
	cr_expect(strstr(ran.out, "  - allow: [device-open, bind]\n    who: { exe: \"/no/vmm\", user: "), "%s", ran.out);
	cr_expect(strstr(ran.out, "    device: { address: \"0000:01:00.0\", id: \"1234:11e8\" }\n"), "%s", ran.out);
	cr_expect(strstr(ran.out, "asked for 3 times"), "%s", ran.out);
	cr_expect(strstr(ran.out, "claims the device's whole IOMMU group 7"), "%s", ran.out);
	unload(&loaded);
}

Test(suggest, each_address_space_has_a_rule_of_its_own)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran, DENIED("attach", EDU IOAS("", "a")) DENIED("attach", EDU IOAS("", "b"))
					     DENIED("move", EDU IOAS("a", "b")) DENIED("attach", EDU IOAS("", "")));

	cr_expect_eq(loaded.policy->nr_rules, 5, "%s", ran.out);
	cr_expect(strstr(ran.out, "    from: { name: \"a\" }\n    to: { name: \"b\" }\n"), "%s", ran.out);
	cr_expect(strstr(ran.out, "    to: { name: \"\" }\n"), "%s", ran.out);
	unload(&loaded);
}

/* Who is denied chooses names: none may become a rule that says more than was asked for */
Test(suggest, a_name_that_would_be_a_pattern_is_no_rule)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran, DENIED("attach", EDU IOAS("", "a*")) DENIED("ioas-name", IOAS("", "*")));

	cr_expect_eq(loaded.policy->nr_rules, 1, "%s", ran.out);
	cr_expect(strstr(ran.out, "#   not as a rule: a name in it is also a pattern"), "%s", ran.out);
	unload(&loaded);
}

Test(suggest, a_name_cannot_leave_its_comment)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran,
		"{\"verdict\":\"denied\",\"op\":\"open\",\"uid\":1,\"exe_dev\":0,\"exe_ino\":0,"
		"\"time\":\"x\\n- { allow: open, who: any }\",\"comm\":\"x\\nrules:\\n- { allow: open, who: any }\"}\n");

	cr_expect_eq(loaded.policy->nr_rules, 1, "%s", ran.out);
	unload(&loaded);
}

Test(suggest, what_a_rule_or_another_program_denies_is_no_rule)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran,
		"{\"verdict\":\"denied\",\"op\":\"open\",\"by_rule\":true,\"rule\":3,\"file\":\"p.yaml\",\"line\":9,"
		"\"text\":\"deny: open, who: any\",\"uid\":1,\"exe\":\"/no/vmm\"}\n"
		"{\"verdict\":\"denied\",\"op\":\"ioas-alloc\",\"by_rule\":false,\"reason\":"
		"\"another program denies it\",\"uid\":1,\"exe\":\"/no/vmm\"}\n");

	cr_expect_eq(loaded.policy->nr_rules, 1, "%s", ran.out);
	cr_expect(strstr(ran.out, "denied by rule 3, p.yaml:9: deny: open, who: any"), "%s", ran.out);
	cr_expect(strstr(ran.out, "denied by another BPF program on the hooks"), "%s", ran.out);
	unload(&loaded);
}

Test(suggest, what_a_permissive_policy_let_pass_is_a_rule_what_a_rule_allowed_is_none)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran,
		"{\"verdict\":\"allowed\",\"op\":\"open\",\"permissive\":true,\"by_rule\":false,"
		"\"uid\":1,\"exe\":\"/no/vmm\"}\n"
		"{\"verdict\":\"allowed\",\"op\":\"ioas-alloc\",\"permissive\":false,\"by_rule\":true,"
		"\"rule\":1,\"uid\":1,\"exe\":\"/no/vmm\"}\n");

	cr_expect_eq(loaded.policy->nr_rules, 2, "%s", ran.out);
	cr_expect(strstr(ran.out, "- allow: [open]\n"), "%s", ran.out);
	unload(&loaded);
}

Test(suggest, an_executable_that_cannot_be_found_is_a_comment)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran,
		"{\"verdict\":\"denied\",\"op\":\"open\",\"uid\":1,\"exe_dev\":1048575,\"exe_ino\":99}\n");

	cr_expect_eq(loaded.policy->nr_rules, 1, "%s", ran.out);
	cr_expect(strstr(ran.out, "inode 99 of device 0:1048575, was not found"), "%s", ran.out);
	unload(&loaded);
}

#define GUARD(op, more) \
	"{\"event\":\"guard\",\"verdict\":\"denied\",\"op\":\"" op "\",\"permissive\":false,\"by_rule\":false," \
	"\"reason\":\"the policy allows it nothing\",\"uid\":1,\"exe\":\"/no/vmm\"" more "}\n"
#define GIVER ",\"giver_uid\":2,\"giver_exe\":\"/no/manager\",\"giver_exe_dev\":1,\"giver_exe_ino\":3"

Test(suggest, a_hand_over_is_a_rule_about_both)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran, GUARD("hand-over", GIVER) GUARD("hand-over", GIVER));

	cr_expect_eq(loaded.policy->nr_rules, 2, "%s", ran.out);
	cr_expect(strstr(ran.out, "  - allow: [hand-over]\n    who: { exe: \"/no/manager\", user: "), "%s", ran.out);
	cr_expect(strstr(ran.out, "    recipient: { exe: \"/no/vmm\", user: "), "%s", ran.out);
	cr_expect(strstr(ran.out, "asked for 2 times"), "%s", ran.out);
	unload(&loaded);
}

Test(suggest, a_hand_over_of_somebody_unknown_is_a_comment)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran, GUARD("hand-over", ",\"giver_uid\":0,\"giver_exe_ino\":0"));

	cr_expect_eq(loaded.policy->nr_rules, 1, "%s", ran.out);
	cr_expect(strstr(ran.out, "# opens: a program that is not known, run by user root"), "%s", ran.out);
	unload(&loaded);
}

/* Who has no rule at all is stopped before a hook is asked */
Test(suggest, a_guard_that_stopped_an_open_is_a_rule_another_is_none)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran, GUARD("device-files", ",\"object\":\"/dev/iommu\"")
					     GUARD("device-files", ",\"object\":\"a device\"")
					     GUARD("ptrace", ",\"object\":\"x\"") GUARD("policy-objects", ""));

	cr_expect_eq(loaded.policy->nr_rules, 2, "%s", ran.out);
	cr_expect(strstr(ran.out, "- allow: [open]\n"), "%s", ran.out);
	unload(&loaded);
}

Test(suggest, nothing_denied_is_an_empty_policy)
{
	struct ran ran;
	struct loaded loaded = suggest(&ran, "");

	cr_expect_eq(loaded.policy->nr_rules, 1);
	unload(&loaded);
}

/* A record that lacks a side would become a rule about every device, or about root */
Test(suggest, lines_that_are_no_records_exit_2)
{
	static const struct {
		const char *lines, *message;
	} cases[] = {
		{ DENIED("open", "") "[1]\n", "log.json:2: this line is no record of the log" },
		{ "not json\n", "log.json:1: this line is no record of the log" },
		{ DENIED("bind", IOAS("", "")), "log.json:1: the record of 'bind' lacks 'device'" },
		{ DENIED("bind", ",\"device\":\"\""), "log.json:1: the record of 'bind' lacks 'device'" },
		{ DENIED("attach", EDU), "log.json:1: the record of 'attach' lacks 'to'" },
		{ "{\"verdict\":\"denied\",\"op\":\"open\"}\n", "log.json:1: the record of 'open' lacks 'uid'" },
		{ GUARD("hand-over", ""), "log.json:1: the record of 'hand-over' lacks 'giver_uid'" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ran ran;

		RUN(&ran, "suggest", temp_file("log.json", cases[i].lines, strlen(cases[i].lines)));
		cr_expect_eq(ran.rc, 2, "%s", cases[i].message);
		cr_expect_str_empty(ran.out);
		cr_expect(strstr(ran.err, cases[i].message), "%s", ran.err);
	}
}
