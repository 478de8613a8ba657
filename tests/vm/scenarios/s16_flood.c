// SPDX-License-Identifier: GPL-2.0
/*
 * S16: the decision log under a flood. Who asks without end, as one process or as many, does not hide what others
 * were denied, neither from who reads later nor from who follows; and what was not logged is counted. Before a policy
 * is loaded there is the kernel's log alone, where a user hides no other's.
 * vm: about=S16 a flood of denials hides no other process's; log --follow; the kernel's log
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <linux/types.h>

#include "bpf/policy_abi.h"
#include "hooks.h"
#include "vm.h"

#define ALICE 1000
#define BOB 1001

/* As alice: until killed, or with @arg so many processes one after the other */
static int flood(void *arg)
{
	int i, processes = arg ? *(int *)arg : 0;

	for (i = 0; !processes || i < processes; i++) {
		if (processes && fork() == 0) {
			for (i = 0; i < 40; i++)
				ask("op=bind address=0000:aa:00.0");
			_exit(0);
		}
		if (processes)
			wait(NULL);
		else
			ask("op=bind address=0000:aa:00.0");
	}
	return 0;
}

static int ask_once(void *request)
{
	return ask(request) == -EACCES ? 0 : 1;
}

static pid_t start_flood(void)
{
	pid_t pid = fork();

	if (!pid)
		_exit(run_as(ALICE, flood, NULL));
	return pid;
}

static void kill_alice(pid_t flooder)
{
	kill(flooder, SIGKILL);
	run_shell("for p in /proc/[0-9]*; do [ $(stat -c %%u $p) = 1000 ] && kill -9 ${p#/proc/}; done 2>/dev/null");
	waitpid(flooder, NULL, 0);
}

/* How many lines of a file hold a text */
static int lines(const char *file, const char *text)
{
	char line[2048];
	FILE *stream = fopen(file, "re");
	int nr = 0;

	while (stream && fgets(line, sizeof(line), stream))
		nr += !!strstr(line, text);
	if (stream)
		fclose(stream);
	return nr;
}

/* Wait until there is one */
static int appears(const char *file, const char *text)
{
	int tries;

	for (tries = 0; tries < 100 && !lines(file, text); tries++)
		pause_ms(100);
	return lines(file, text);
}

/* The kernel's log, as long as no policy keeps another one */
static void kernel_log(void)
{
	pid_t flooder;

	klog_mark();
	flooder = start_flood();
	for (int i = 0; i < 120 && hook_count("bind", "asked") <= 500; i++)
		pause_ms(100);
	CHECK_EQ(run_as(BOB, ask_once, "op=bind address=0000:ee:00.0"), 0, "no policy: one denial of another user");
	CHECK(hook_count("bind", "asked") > 500, "control: after a flood");
	CHECK(klog_count("denied bind of 0000:aa:00.0") > 0, "control: which the kernel's log has");
	CHECK(klog_count("denied bind of 0000:aa:00.0") < 200, "S16 not all of it");
	CHECK_EQ(klog_count("denied bind of 0000:ee:00.0"), 1, "S16 and the other user's denial");
	kill_alice(flooder);
}

int main(void)
{
	int processes = 150, follower, limit;
	long long asked;
	time_t start;
	pid_t flooder;

	REQUIRE_RC(hooks_init(), 0, "the hooks can be asked");
	REQUIRE_RC(run_shell("chmod 666 /dev/iommufd_lsm_ask"), 0, "by everybody");
	kernel_log();
	asked = hook_count("bind", "asked");
	REQUIRE_RC(load_policy("version: 1\nname: flood\nrules:\n  - allow: open\n    who: { user: root }\n"), 0,
		   "a policy loads");
	follower = fork();
	if (!follower) {
		if (!freopen("/root/followed", "w", stdout))
			_exit(126);
		execlp("iommufd-lsm", "iommufd-lsm", "-j", "log", "--follow", NULL);
		_exit(127);
	}
	start = time(NULL);
	flooder = start_flood();
	pause_ms(2000);
	/* the same user, in another process; and another user */
	CHECK_EQ(run_as(ALICE, ask_once, "op=bind address=0000:bb:00.0"), 0, "one denial of the same user");
	CHECK_EQ(run_as(BOB, ask_once, "op=bind address=0000:cc:00.0"), 0, "one of another");
	CHECK(appears("/root/followed", "0000:bb:00.0") == 1, "S16 who follows sees the first");
	CHECK(appears("/root/followed", "0000:cc:00.0") == 1, "S16 and the second");
	/* at once: a user's own flood, 16 a second, fills that user's ring in half a minute */
	run_shell("iommufd-lsm log > /root/log");
	CHECK_EQ(lines("/root/log", "0000:bb:00.0"), 1, "S16 who reads later sees the first");
	for (int i = 0; i < 120 && hook_count("bind", "asked") - asked <= 2000; i++)
		pause_ms(500);
	limit = IOLSM_LOG_BURST + IOLSM_LOG_PER_SECOND * (int)(time(NULL) - start + 2);
	run_shell("iommufd-lsm log > /root/log 2> /root/err");
	if (limit + 2 < IOLSM_RING_SLOTS)
		CHECK_EQ(lines("/root/log", "0000:bb:00.0"), 1, "S16 still, as long as the limit has not filled the ring");
	CHECK_EQ(lines("/root/log", "0000:cc:00.0"), 1, "S16 and the second");
	CHECK(lines("/root/log", "0000:aa:00.0") > 100, "control: the flood is there");
	CHECK(lines("/root/log", "0000:aa:00.0") <= limit, "S16 and has its limit (%d)", limit);
	CHECK(lines("/root/err", "were not logged, of processes that had too many") == 1, "S16 what was not logged is said");
	CHECK(lines("/root/log", "before it are not shown") > 0, "S16 and in the next line of that process");
	CHECK(hook_count("bind", "asked") - asked > 2000, "control: it was a flood");
	kill_alice(flooder);

	/* Processes without end: 6000 records of one user, each process within its budget */
	CHECK_EQ(run_as(ALICE, flood, &processes), 0, "a flood of many processes");
	run_shell("iommufd-lsm log > /root/log 2> /root/err");
	CHECK_EQ(lines("/root/log", "0000:cc:00.0"), 1, "S16 it does not drive out another user's denial either");
	CHECK(lines("/root/err", "older decisions are no longer there") == 1, "S16 what it drove out is said");
	CHECK(lines("/root/followed", "\"event\":\"decision\"") > 0 && lines("/root/followed", "\"version\":1") > 0,
	      "lines of JSON have a version");
	CHECK(appears("/root/followed", "\"event\":\"loss\"") > 0, "S16 who follows is told of losses");
	CHECK(lines("/root/followed", "\"cgroup\":\"/\"") > 0, "a line has the cgroup");

	/* It goes on over an unload */
	REQUIRE_RC(run_shell("iommufd-lsm unload > /dev/null"), 0, "the policy unloads");
	REQUIRE_RC(load_policy("version: 1\nname: next\nrules:\n  - allow: open\n    who: { user: root }\n"), 0,
		   "another one loads");
	CHECK_EQ(run_as(BOB, ask_once, "op=bind address=0000:dd:00.0"), 0, "a denial after it");
	CHECK(appears("/root/followed", "0000:dd:00.0") == 1, "S16 who follows sees that, too");
	kill(follower, SIGKILL);
	return checks_done();
}
