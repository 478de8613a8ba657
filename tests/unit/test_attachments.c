// SPDX-License-Identifier: GPL-2.0
/*
 * What a policy says of an attachment, by the loader's evaluator: `load --dry-run`, and the reasons that
 * `load --revoke` prints.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "attachments.h"
#include "policy_text.h"

static struct attachment attachment(uint32_t uid, bool known)
{
	struct attachment out = {
		.address = "0000:7f:00.0", .ioas = "guest", .number = 1, .pid = 300, .uid = uid,
		.comm = "qemu", .known = known, .exe_dev = 1, .exe_ino = 2,
	};

	return out;
}

static struct attachment_verdict judge(const char *yaml, uint32_t uid, bool known)
{
	struct attachment subject = attachment(uid, known);
	struct attachment_verdict verdict;
	struct loaded loaded = load_text(yaml);

	cr_assert_eq(loaded.rc, 0, "%s", loaded.said);
	verdict = attachment_judge(loaded.policy, &subject);
	unload(&loaded);
	return verdict;
}

#define ALLOW_ALL "rules:\n- { allow: recheck, who: any }\n"
#define DENY_7 ALLOW_ALL "- { deny: recheck, who: { user: 7 } }\n"
#define DENY_IOAS ALLOW_ALL "- { deny: recheck, who: any, to: { name: \"gu*\" } }\n"
#define DENY_OTHER ALLOW_ALL "- { deny: recheck, who: any, device: { address: \"0000:7e:*\" } }\n"
#define ATTACH_ONLY "rules:\n- { allow: attach, who: any }\n"

Test(attachments, what_a_rule_allows_stays)
{
	struct attachment_verdict verdict = judge(HEAD ALLOW_ALL, 7, true);

	cr_expect(!verdict.denied && verdict.by_rule && verdict.rule == 0);
	cr_expect(!judge(HEAD DENY_7, 8, true).denied);
	cr_expect(!judge(HEAD DENY_OTHER, 7, true).denied);
}

Test(attachments, what_a_rule_denies_goes)
{
	struct attachment_verdict verdict = judge(HEAD DENY_7, 7, true);

	cr_expect(verdict.denied && verdict.by_rule && verdict.rule == 1);
	verdict = judge(HEAD DENY_IOAS, 7, true);
	cr_expect(verdict.denied && verdict.by_rule && verdict.rule == 1);
}

Test(attachments, what_no_rule_speaks_of_goes)
{
	struct attachment_verdict verdict = judge(HEAD ATTACH_ONLY, 7, true);

	cr_expect(verdict.denied && !verdict.by_rule);
	cr_expect(strstr(verdict.reason, "no rule allows recheck"));
}

Test(attachments, of_an_unknown_program_goes_whatever_the_rules_say)
{
	struct attachment_verdict verdict = judge(HEAD ALLOW_ALL, 7, false);

	cr_expect(verdict.denied && !verdict.by_rule);
	cr_expect(strstr(verdict.reason, "not known"));
}

Test(attachments, a_permissive_policy_takes_nothing)
{
	cr_expect(!judge(HEAD "mode: permissive\n" DENY_7, 7, true).denied);
	cr_expect(!judge(HEAD "mode: permissive\n" ATTACH_ONLY, 7, true).denied);
	cr_expect(!judge(HEAD "mode: permissive\n" ALLOW_ALL, 7, false).denied);
}
