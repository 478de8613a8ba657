// SPDX-License-Identifier: GPL-2.0
/*
 * S16: a load that is killed. The loader replaces policy A by B and is killed at the entry of each of its
 * system calls in turn: after each, A is in force or B is, whole. Before it takes its lock nothing of what it
 * does can matter, and only some of the calls there are tried.
 * vm: about=S16 a loader killed at every system call leaves the old policy or the new one
 * vm: timeout=600
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hooks.h"
#include "vm.h"

#define EARLY_STRIDE 32 /* before the lock */

/* Who is traced is not the loader to the guards */
#define POLICY(name, operation) \
	"version: 1\nname: " name "\nguards: { ptrace: off, policy-objects: off }\n" \
	"rules:\n  - allow: " operation "\n    who: { user: root }\n"

struct run {
	int calls;     /* that were entered */
	int lock;      /* the number of the one that locks */
	bool finished; /* it was not killed before it ended */
	int last;      /* the call it was killed at */
};

/* Load @file, and kill the loader at the entry of call @kill_at, from 1; 0: let it finish */
static struct run load_traced(const char *file, int kill_at)
{
	struct run run = { 0 };
	struct user_regs_struct regs;
	bool entry = true;
	int status;
	pid_t pid = fork();

	if (!pid) {
		int null = open("/dev/null", O_WRONLY);

		dup2(null, 1);
		dup2(null, 2);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execlp("iommufd-lsm", "iommufd-lsm", "load", file, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		ptrace(PTRACE_SYSCALL, pid, NULL, NULL);
		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
			break;
		if (WSTOPSIG(status) != (SIGTRAP | 0x80))
			continue;
		if (entry) {
			ptrace(PTRACE_GETREGS, pid, NULL, &regs);
			run.last = regs.orig_rax;
			run.calls++;
			if (run.last == SYS_flock && !run.lock)
				run.lock = run.calls;
			if (run.calls == kill_at) {
				kill(pid, SIGKILL);
				waitpid(pid, &status, 0);
				return run;
			}
		}
		entry = !entry;
	}
	run.finished = WIFEXITED(status) && !WEXITSTATUS(status);
	return run;
}

static void write_policy(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	fputs(text, file);
	fclose(file);
}

int main(void)
{
	int at, tried = 0, old = 0, new = 0, wrong = 0, failed = 0;
	struct run whole, run;

	REQUIRE_RC(hooks_init(), 0, "the hooks can be asked");
	write_policy("a.yaml", POLICY("a", "open"));
	write_policy("b.yaml", POLICY("b", "ioas-alloc"));
	REQUIRE_RC(run_shell("iommufd-lsm load a.yaml > /dev/null"), 0, "a policy is in force");
	whole = load_traced("b.yaml", 0);
	REQUIRE(whole.finished && whole.lock && whole.calls > whole.lock, "another replaces it, in %d calls, from call "
		"%d on with the lock", whole.calls, whole.lock);
	REQUIRE(ask("op=ioas-alloc") == 0 && ask("op=open") == -EACCES, "and is in force");
	REQUIRE_RC(run_shell("iommufd-lsm load a.yaml > /dev/null"), 0, "the first one is in force again");

	for (at = 1; at <= whole.calls; at += at < whole.lock - EARLY_STRIDE ? EARLY_STRIDE : 1) {
		bool is_old, is_new;

		run = load_traced("b.yaml", at);
		if (run.finished)
			break;
		tried++;
		is_old = ask("op=open") == 0;
		is_new = ask("op=ioas-alloc") == 0;
		old += is_old && !is_new;
		new += is_new && !is_old;
		if (is_old == is_new) {
			note("killed at call %d (number %d): %s is in force", at, run.last, is_old ? "both" : "neither");
			wrong++;
		}
		if (!is_old || is_new)
			failed += run_shell("iommufd-lsm load a.yaml > /dev/null") != 0;
	}
	note("killed %d times: the old policy %d times, the new one %d times", tried, old, new);
	CHECK_EQ(wrong, 0, "S16 a loader killed at any of its system calls leaves the old policy or the new one");
	CHECK(old > 10 && new > 3, "control: it was killed before and after the replacement");
	CHECK_EQ(failed, 0, "S16 the next load works");
	CHECK_EQ(run_shell("iommufd-lsm load b.yaml > /dev/null"), 0, "S16 and the last");
	CHECK(ask("op=ioas-alloc") == 0 && ask("op=open") == -EACCES, "S16 and is in force");
	CHECK_EQ(run_shell("[ $(ls /sys/fs/bpf/iommufd-lsm) = active ]"), 0, "S16 nothing else is left");
	return checks_done();
}
