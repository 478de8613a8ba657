// SPDX-License-Identifier: GPL-2.0
/*
 * S16: who decides when nobody, one, or several programs speak, whatever they answer.
 * vm: about=S16 verdicts of foreign programs, of the policy, and of nobody
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "hooks.h"
#include "iommufd_lsm_hooks.h"
#include "vm.h"
#include "s16_foreign.skel.h"

static const char policy[] =
	"version: 1\n"
	"name: deny-wins\n"
	"ioas:\n"
	"  guest: { name: \"guest-*\" }\n"
	"rules:\n"
	"  - allow: [open, attach]\n"
	"    who: any\n"
	"  - deny: attach\n"
	"    who: any\n"
	"    to: guest\n";

#define ATTACH_ALLOWED "op=attach address=0000:01:00.0 to=other"
#define ATTACH_DENIED "op=attach address=0000:01:00.0 to=guest-1"
#define NO_RULE "op=move address=0000:01:00.0 from=a to=b"

static struct s16_foreign_bpf *attach_foreign(void)
{
	struct s16_foreign_bpf *foreign = s16_foreign_bpf__open_and_load();

	if (foreign && s16_foreign_bpf__attach(foreign)) {
		s16_foreign_bpf__destroy(foreign);
		return NULL;
	}
	return foreign;
}

static void nobody_speaks(void)
{
	long long denied = hook_count("open", "default_denied");
	long long allowed = hook_count("open", "default_allowed");

	CHECK_RC(ask("op=open"), -EACCES, "S16 no policy means deny");
	CHECK_EQ(hook_count("open", "default_denied"), denied + 1, "S16 it is counted as by default");
	CHECK_EQ(klog_count("no rule grants, default_verdict=deny"), 1,
		 "S16 the kernel's log says who was denied what, and why");
	CHECK_RC(set_default_verdict("perhaps"), -EINVAL, "S16 default_verdict takes two words only");
	CHECK_RC(ask("op=open"), -EACCES, "S16 a wrong word changes nothing");
	CHECK_RC(set_default_verdict("allow"), 0, "S16 the administrator may allow by default");
	CHECK_RC(ask("op=open"), 0, "S16 default_verdict=allow allows what nobody decides");
	CHECK_EQ(hook_count("open", "default_allowed"), allowed + 1, "S16 it is counted as by default");
	CHECK_RC(set_default_verdict("deny"), 0, "S16 and take it back");
	CHECK_RC(ask("op=open"), -EACCES, "S16 then it is denied again");
}

static void foreign_denies(struct s16_foreign_bpf *foreign)
{
	static const struct {
		long long answer;
		int verdict;
		const char *what;
	} answers[] = {
		{ -EPERM, -EPERM, "a negative errno is the verdict" },
		{ -4096, -EACCES, "a number beyond all errnos denies with EACCES" },
		{ -4095, -4095, "the last errno is one" },
		{ 5, -EACCES, "a positive answer denies with EACCES" },
		{ INT_MIN, -EACCES, "INT_MIN denies with EACCES" },
		{ LLONG_MIN, -EACCES, "LLONG_MIN, whose lower half is 0, denies with EACCES" },
		{ 1LL << 32, -EACCES, "an answer in the upper half alone denies with EACCES" },
		{ 0xffffffffLL - EPERM + 1, -EPERM, "an int that was not sign-extended is that errno" },
	};
	long long denied = hook_count("open", "denied");
	size_t i, nr = sizeof(answers) / sizeof(answers[0]);

	/* With everything else in favour */
	set_default_verdict("allow");
	foreign->bss->answer_grant = 7;
	for (i = 0; i < nr; i++) {
		foreign->bss->answer_open = answers[i].answer;
		CHECK_RC(ask("op=open"), answers[i].verdict, "S16 %s", answers[i].what);
	}
	CHECK_EQ(hook_count("open", "denied"), denied + (long long)nr, "S16 all were counted as denied");
	CHECK_EQ(foreign->bss->grants_seen, 0, "S16 who is denied is not put to the grant hook");
	foreign->bss->answer_attach = -EBUSY;
	CHECK_RC(ask(ATTACH_ALLOWED), -EBUSY, "S16 a program that returns an int denies likewise");
	foreign->bss->answer_attach = 0;
	foreign->bss->answer_open = 0;
	CHECK_RC(ask("op=open"), 0, "S16 a program that has no objection objects to nothing");
	CHECK_EQ(foreign->bss->last_op, 0, "S16 the program reads the request");
	set_default_verdict("deny");
}

/* The hook that every operation passes, after its own */
static void foreign_denies_any(struct s16_foreign_bpf *foreign)
{
	static const char *const names[] = {
#define NAME(name, policy_name, blocks) policy_name,
		IOMMUFD_LSM_HOOKS(NAME)
	};
	long long seen, granted;
	char line[64];

	set_default_verdict("allow");
	foreign->bss->answer_grant = 7;
	foreign->bss->answer_any = -EPERM;
	granted = foreign->bss->grants_seen;
	for (unsigned int op = 0; op < IOMMUFD_LSM_OP_COUNT; op++) {
		snprintf(line, sizeof(line), "op=%s address=0000:01:00.0", names[op]);
		CHECK_RC(ask(line), op == IOMMUFD_LSM_OP_device_detach ? 0 : -EPERM,
			 "S16 %s is denied on the hook of all operations", names[op]);
		CHECK_EQ(foreign->bss->last_op, op, "S16 which is told what is asked");
	}
	CHECK_EQ(foreign->bss->grants_seen, granted, "S16 who is denied there is not put to the grant hook");
	foreign->bss->answer_any = 1LL << 32;
	CHECK_RC(ask("op=open"), -EACCES, "S16 nonsense denies there, too");
	seen = foreign->bss->anys_seen;
	foreign->bss->answer_open = -EIO;
	CHECK_RC(ask("op=open"), -EIO, "S16 an operation's own hook is asked before");
	CHECK_EQ(foreign->bss->anys_seen, seen, "S16 and what it denies goes no further");
	foreign->bss->answer_open = foreign->bss->answer_any = 0;
	CHECK_RC(ask("op=open"), 0, "S16 without an objection from either it is granted");
	foreign->bss->answer_grant = 0;
	set_default_verdict("deny");
}

static void foreign_grants(struct s16_foreign_bpf *foreign)
{
	static const struct {
		long long answer;
		int verdict;
		const char *what;
	} answers[] = {
		{ 7, 0, "a positive answer to the grant hook grants" },
		{ INT_MAX, 0, "up to the largest int" },
		{ 0, -EACCES, "silence leaves it to default_verdict" },
		{ -EIO, -EIO, "a negative errno denies" },
		{ -100000, -EACCES, "a negative number that is no errno denies with EACCES" },
		{ 1LL << 32, -EACCES, "a number that is no int grants nothing" },
		{ 1LL << 31, -EACCES, "nor does a negative int without its sign" },
		{ LLONG_MAX, -EACCES, "nor does the largest number" },
	};
	long long granted = hook_count("open", "granted");
	size_t i;

	for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
		foreign->bss->answer_grant = answers[i].answer;
		CHECK_RC(ask("op=open"), answers[i].verdict, "S16 %s", answers[i].what);
	}
	CHECK_EQ(hook_count("open", "granted"), granted + 2, "S16 grants are counted");
	foreign->bss->answer_grant = 0;
}

static void detach_is_not_blocked(struct s16_foreign_bpf *foreign)
{
	long long denied = hook_count("detach", "denied"), byway = hook_count("detach", "default_denied");

	pause_ms(5500); /* denials in the log are limited for each five seconds */
	klog_mark();
	CHECK_RC(ask("op=detach address=0000:01:00.0"), 0, "S16 a detach that no rule grants happens");
	CHECK_EQ(hook_count("detach", "default_denied"), byway + 1, "S16 and is counted as denied");
	foreign->bss->answer_detach = -EPERM;
	CHECK_RC(ask("op=detach address=0000:01:00.0"), 0, "S16 a detach that is denied happens");
	CHECK_EQ(hook_count("detach", "denied"), denied + 1, "S16 and is counted as denied");
	CHECK_EQ(klog_count("not stopped"), 2, "S16 the log says that it was not stopped");
	foreign->bss->answer_detach = 0;
}

static void beside_a_policy(struct s16_foreign_bpf *foreign, const char *order)
{
	CHECK_RC(ask(ATTACH_ALLOWED), 0, "S16 %s: the policy allows", order);
	CHECK_RC(ask(ATTACH_DENIED), -EACCES, "S16 %s: the policy denies", order);
	foreign->bss->answer_attach = -EPERM;
	CHECK_RC(ask(ATTACH_ALLOWED), -EPERM, "S16 %s: another program denies what the policy allows",
		 order);
	foreign->bss->answer_attach = 0;
	foreign->bss->answer_grant = 9;
	CHECK_RC(ask(ATTACH_DENIED), -EACCES,
		 "S16 %s: another program cannot grant what the policy denies", order);
	CHECK_RC(ask(NO_RULE), 0, "S16 %s: it can grant what the policy has no rule for", order);
	set_default_verdict("allow");
	CHECK_RC(ask(ATTACH_DENIED), -EACCES,
		 "S16 %s: nor does default_verdict=allow allow what the policy denies", order);
	set_default_verdict("deny");
	foreign->bss->answer_grant = 0;
	CHECK_RC(ask(NO_RULE), -EACCES, "S16 %s: what nobody grants is denied", order);
}

static void is_seen_by_others(struct s16_foreign_bpf *foreign)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);
	const char *out;
	int status;

	REQUIRE_RC(bpf_obj_get_info_by_fd(bpf_link__fd(foreign->links.foreign_open), &info, &len), 0,
		   "a foreign link has an id");
	out = output_of(&status, "bpftool link show id %u", info.id);
	CHECK(!status && strstr(out, "modify_return"), "S16 bpftool link lists a foreign program's link");
	out = output_of(&status, "bpftool prog show id %u", info.prog_id);
	CHECK(!status && strstr(out, "foreign_open"), "S16 and bpftool prog the program by its name");
}

static void is_traced(void)
{
	const char *out;

	REQUIRE_RC(run_shell("echo 1 > /sys/kernel/tracing/events/iommufd_lsm/enable"), 0,
		   "the trace event can be enabled");
	ask("op=attach address=0000:01:00.0 to=traced context=77");
	out = output_of(NULL, "grep iommufd_lsm_decision: /sys/kernel/tracing/trace");
	CHECK(strstr(out, "op=attach verdict=default-denied rc=-13 rule=0 ctx=77 device=0000:01:00.0 "
			  "from= to=traced"), "S16 a decision is a trace event with what was asked");
	run_shell("echo 0 > /sys/kernel/tracing/events/iommufd_lsm/enable");
}

int main(void)
{
	struct s16_foreign_bpf *foreign;

	REQUIRE_RC(hooks_init(), 0, "the hooks can be asked");
	klog_mark();
	nobody_speaks();
	is_traced();

	foreign = attach_foreign();
	REQUIRE(foreign, "S16 a foreign program attaches to hooks it knows by name alone");
	is_seen_by_others(foreign);
	foreign_denies(foreign);
	foreign_denies_any(foreign);
	foreign_grants(foreign);
	detach_is_not_blocked(foreign);

	REQUIRE_RC(load_policy(policy), 0, "a policy loads beside foreign programs");
	beside_a_policy(foreign, "the foreign program came first");
	s16_foreign_bpf__destroy(foreign);
	CHECK_RC(ask(ATTACH_ALLOWED), 0, "S16 when the foreign program is gone the policy decides alone");
	foreign = attach_foreign();
	REQUIRE(foreign, "S16 a foreign program attaches beside a policy");
	beside_a_policy(foreign, "the policy came first");

	CHECK_RC(run_shell("iommufd-lsm unload > /dev/null"), 0, "the policy unloads");
	CHECK_RC(ask(ATTACH_ALLOWED), -EACCES, "S16 after unload what was allowed is denied");
	foreign->bss->answer_grant = 3;
	CHECK_RC(ask(ATTACH_DENIED), 0, "S16 and the foreign program decides alone");
	s16_foreign_bpf__destroy(foreign);
	CHECK_RC(ask("op=open"), -EACCES, "S16 without any program it is denied");
	return checks_done();
}
