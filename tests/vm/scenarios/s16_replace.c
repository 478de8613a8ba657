// SPDX-License-Identifier: GPL-2.0
/*
 * S16: while one policy after the other is loaded, decisions go on, and each is made by a whole policy:
 * what both allow is always allowed, what both deny always denied, and what they disagree about is
 * decided by one of them.
 * vm: about=S16 policies are replaced without a moment in which neither holds
 * vm: timeout=300
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks.h"
#include "vm.h"

#define NR_LOADS 30

/* Clause numbers and prefix lengths differ, so that tables of two generations mixed would show */
static const char first[] =
	"version: 1\n"
	"name: first\n"
	"rules:\n"
	"  - allow: [open, ioas-alloc]\n"
	"    who: any\n"
	"  - allow: bind\n"
	"    who: any\n"
	"    device: { address: \"0000:01:*\" }\n"
	"  - deny: bind\n"
	"    who: any\n"
	"    device: { address: \"0000:01:00.1\" }\n";

static const char second[] =
	"version: 1\n"
	"name: second\n"
	"rules:\n"
	"  - deny: attach\n"
	"    who: any\n"
	"    to: { name: never }\n"
	"  - deny: bind\n"
	"    who: any\n"
	"    device: { address: \"0000:01:00.1*\" }\n"
	"  - allow: bind\n"
	"    who: any\n"
	"    device: { id: \"1234:*\" }\n"
	"  - allow: open\n"
	"    who: any\n";

#define BOTH_ALLOW "op=open"
#define BOTH_ALLOW_TOO "op=bind address=0000:01:00.0 vendor=0x1234 device=1"
#define BOTH_DENY "op=bind address=0000:01:00.1 vendor=0x1234 device=1"
#define FIRST_ALLOWS "op=ioas-alloc"

struct tally {
	unsigned long asked, wrong, allowed, denied;
	int stop;
};

static void asker(struct tally *tally)
{
	while (!__atomic_load_n(&tally->stop, __ATOMIC_RELAXED)) {
		tally->wrong += ask(BOTH_ALLOW) != 0;
		tally->wrong += ask(BOTH_ALLOW_TOO) != 0;
		tally->wrong += ask(BOTH_DENY) != -EACCES;
		if (ask(FIRST_ALLOWS))
			tally->denied++;
		else
			tally->allowed++;
		tally->asked += 4;
	}
}

static void replace_while_asking(const char *verdict)
{
	struct tally *tally = mmap(NULL, sizeof(*tally), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int i, failed = 0, status;
	pid_t child;

	REQUIRE(tally != MAP_FAILED, "memory is there");
	set_default_verdict(verdict);
	child = fork();
	if (!child) {
		asker(tally);
		_exit(0);
	}
	for (i = 0; i < NR_LOADS; i++)
		failed += load_policy(i % 2 ? first : second);
	tally->stop = 1;
	waitpid(child, &status, 0);
	note("default_verdict=%s: %lu questions during %d loads; of those the policies disagree about, "
	     "%lu allowed, %lu denied", verdict, tally->asked, NR_LOADS, tally->allowed, tally->denied);
	CHECK_EQ(failed, 0, "every load succeeds");
	CHECK(tally->asked > 100, "many questions are asked meanwhile");
	CHECK_EQ(tally->wrong, 0, "S16 with default_verdict=%s what both policies say holds at every moment",
		 verdict);
	CHECK(tally->allowed, "and both policies were in force in turn");
	/* With default_verdict=allow the second policy, which has no rule for it, allows it too */
	CHECK(strcmp(verdict, "deny") || tally->denied, "one after the other");
	munmap(tally, sizeof(*tally));
}

int main(void)
{
	REQUIRE_RC(hooks_init(), 0, "the hooks can be asked");
	REQUIRE_RC(load_policy(first), 0, "the first policy loads");
	CHECK_RC(ask(FIRST_ALLOWS), 0, "it allows what it says");
	REQUIRE_RC(load_policy(second), 0, "the second replaces it");
	CHECK_RC(ask(FIRST_ALLOWS), -EACCES, "S16 when load returns the new policy decides");
	replace_while_asking("deny");
	replace_while_asking("allow");
	set_default_verdict("deny");
	CHECK(strstr(output_of(NULL, "iommufd-lsm -j status"), "\"generation\":62"),
	      "each load is one generation");
	CHECK_EQ(run_shell("[ $(bpftool map | grep -c iolsm_tables) = 1 ]"), 0,
		 "the tables of the policies before are gone");
	return checks_done();
}
