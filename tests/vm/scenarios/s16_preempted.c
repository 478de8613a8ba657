// SPDX-License-Identifier: GPL-2.0
/*
 * S16: a program that is preempted in the middle of its answer must not be passed by. The kernel skips a
 * tracing program that runs on this CPU already, and its silence would be no objection.
 * vm: about=S16 no program is skipped when decisions overlap on one CPU
 * vm: smp=1
 * vm: append=preempt=full
 */
#include <errno.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "hooks.h"
#include "vm.h"
#include "s16_foreign.skel.h"

#define NR_ASKERS 6
#define NR_QUESTIONS 40

/* Each question takes a while in which the others want the CPU */
static int asker(void)
{
	int i, passed_by = 0;

	for (i = 0; i < NR_QUESTIONS; i++)
		passed_by += ask("op=open") != -EPERM;
	return passed_by;
}

int main(void)
{
	struct s16_foreign_bpf *foreign;
	long long asked;
	int i, status, passed_by = 0;

	REQUIRE_RC(hooks_init(), 0, "the hooks can be asked");
	CHECK_EQ(run_shell("dmesg | grep -q 'Dynamic Preempt: full'"), 0, "the kernel preempts");
	foreign = s16_foreign_bpf__open_and_load();
	REQUIRE(foreign && !s16_foreign_bpf__attach(foreign), "a foreign program attaches");
	set_default_verdict("allow");
	foreign->bss->answer_open = -EPERM;
	foreign->bss->spin = 1 << 20;
	asked = hook_count("open", "asked");

	for (i = 0; i < NR_ASKERS; i++)
		if (!fork())
			_exit(asker());
	while (wait(&status) > 0)
		passed_by += WEXITSTATUS(status);
	CHECK_EQ(hook_count("open", "asked"), asked + NR_ASKERS * NR_QUESTIONS, "all have asked");
	CHECK_EQ(passed_by, 0, "S16 no question passes by a program that is at work on another");
	CHECK_EQ(foreign->bss->opens_seen, NR_ASKERS * NR_QUESTIONS, "S16 the program saw them all");
	s16_foreign_bpf__destroy(foreign);
	return checks_done();
}
