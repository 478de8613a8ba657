// SPDX-License-Identifier: GPL-2.0
/*
 * Random policies in force, and random requests put to the kernel by processes of random users, groups and
 * cgroups: what is decided is what a plain reading of the rules says (tests/policies/samples.c).
 * vm: about=random policies: the kernel decides as the rules say, for users, groups, cgroups and patterns
 * vm: add=build/tests/policy_samples.txt:/root/samples.txt
 * vm: timeout=240
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hooks.h"
#include "vm.h"

#define CGROUPS "/sys/fs/cgroup"
#define NO_GROUP 65534

static char own_path[256];
static int ask_fd;

/* The generator's three programs are one file here: put others in their place */
static void put_paths(char *out, size_t size, const char *line)
{
	static const struct {
		const char *word, *path;
	} paths[] = {
		{ "/bin/sh", own_path }, { "/bin/ls", "/bin/busybox" }, { "/bin/cat", "/usr/sbin/iommufd-lsm" },
	};
	size_t used = 0;

	while (*line && used < size - 1) {
		size_t i, nr = sizeof(paths) / sizeof(paths[0]);

		for (i = 0; i < nr && strncmp(line, paths[i].word, strlen(paths[i].word)); i++)
			;
		if (i == nr) {
			out[used++] = *line++;
			continue;
		}
		used += snprintf(out + used, size - used, "%s", paths[i].path);
		line += strlen(paths[i].word);
	}
	out[used < size ? used : size - 1] = '\0';
}

static bool load_next(FILE *samples)
{
	static char policy[16384];
	char line[2048], put[4096];
	size_t used = 0;

	while (fgets(line, sizeof(line), samples) && strcmp(line, ".\n")) {
		put_paths(put, sizeof(put), line);
		used += snprintf(policy + used, sizeof(policy) - used, "%s", put);
		if (used >= sizeof(policy))
			return false;
	}
	return !load_policy(policy);
}

static int enter_cgroup(const char *path)
{
	static char now[128];
	char dir[256] = CGROUPS, procs[512];
	const char *p;
	int fd, rc = 0;

	if (!strcmp(now, path))
		return 0;
	for (p = path; *p;) {
		size_t len = 1 + strcspn(p + 1, "/");

		if (len > 1) {
			strncat(dir, p, len);
			if (mkdir(dir, 0755) && errno != EEXIST)
				return -errno;
		}
		p += len;
	}
	snprintf(procs, sizeof(procs), "%s/cgroup.procs", dir);
	fd = open(procs, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "0", 1) != 1)
		rc = -errno;
	close(fd);
	if (rc)
		return rc;
	snprintf(now, sizeof(now), "%s", path);
	return 0;
}

static int become(char *groups, uid_t uid)
{
	gid_t gid[8] = { NO_GROUP };
	size_t nr = 0;
	char *word;

	if (strcmp(groups, "-"))
		for (word = strtok(groups, ","); word && nr < 8; word = strtok(NULL, ","))
			gid[nr++] = atoi(word);
	/* The first is the effective one */
	if (setgroups(nr > 1 ? nr - 1 : 0, gid + 1) || syscall(SYS_setresgid, -1, gid[0], -1) ||
	    syscall(SYS_setresuid, -1, uid, -1))
		return -errno;
	return 0;
}

static int unbecome(void)
{
	return syscall(SYS_setresuid, -1, 0, -1) || syscall(SYS_setresgid, -1, 0, -1) ? -errno : 0;
}

/* Return: 0; 1 the kernel decides otherwise; a negative errno */
static int put_request(char *line)
{
	char expected[8], groups[64], cgroup[128], copy[1024];
	unsigned int uid;
	int rc, verdict, at = 0;

	snprintf(copy, sizeof(copy), "%s", line);
	if (sscanf(line, "%7s %63s %u %127s %n", expected, groups, &uid, cgroup, &at) != 4)
		return -EINVAL;
	line[strcspn(line, "\n")] = '\0';
	rc = enter_cgroup(cgroup);
	if (!rc)
		rc = become(groups, uid);
	if (rc)
		return rc;
	verdict = write(ask_fd, line + at, strlen(line + at)) < 0 ? -errno : 0;
	rc = unbecome();
	if (rc)
		return rc;
	if (verdict != (strcmp(expected, "allow") ? -EACCES : 0)) {
		note("%d for %s", verdict, copy);
		return 1;
	}
	return 0;
}

int main(void)
{
	FILE *samples = fopen("/root/samples.txt", "r");
	unsigned int policies = 0, requests = 0, allowed = 0, wrong = 0, broken = 0;
	char line[1024];

	REQUIRE(samples, "the samples are there");
	REQUIRE(readlink("/proc/self/exe", own_path, sizeof(own_path) - 1) > 0, "the path of this program");
	REQUIRE(!hooks_init(), "the hooks can be asked");
	ask_fd = open("/dev/iommufd_lsm_ask", O_WRONLY | O_CLOEXEC);
	REQUIRE(ask_fd >= 0, "the device that asks");

	while (fgets(line, sizeof(line), samples)) {
		if (!strcmp(line, "policy\n")) {
			REQUIRE(load_next(samples), "policy %u loads", policies);
			policies++;
			continue;
		}
		requests++;
		allowed += !strncmp(line, "allow", 5);
		switch (put_request(line)) {
		case 0:
			break;
		case 1:
			wrong++;
			break;
		default:
			broken++;
		}
	}
	note("%u policies, %u requests, %u of them to be allowed", policies, requests, allowed);
	CHECK(policies >= 30 && requests >= 2000, "S16 a few thousand requests were put");
	CHECK(allowed > requests / 10 && allowed < requests - requests / 10, "S16 of both kinds");
	CHECK_EQ(broken, 0, "S16 all of them could be put");
	CHECK_EQ(wrong, 0, "S16 the kernel decides each as the rules say");
	run_shell("iommufd-lsm unload");
	return checks_done();
}
