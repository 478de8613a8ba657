// SPDX-License-Identifier: GPL-2.0
/*
 * S16, from outside: becoming an executable that a policy names without being it. A policy outlives the
 * files it names: they are deleted by upgrades, and their file systems are unmounted. What takes over
 * the numbers of such a file must not take over what it was allowed.
 *
 * vm: about=S16 a file with another file's numbers is not that file
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define ALICE 1000
#define NAMED "/mnt/trusted"
#define OURS "/tmp/evil"

static struct stat named;

static const char policy[] =
	"version: 1\n"
	"name: identity\n"
	"rules:\n"
	"  - allow: [open]\n"
	"    who: { exe: " NAMED " }\n";

/* What this program does when it is executed as "somebody": may it? */
static int try_open(void)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

/* Exit status of an executable that tries to open /dev/iommu: 0 it could, 13 EACCES */
static int tries(const char *path)
{
	return run_program(path, (char *[]){ (char *)path, "try", NULL });
}

/*
 * As alice, without a privilege: mount file systems of her own until one has the device number that is
 * free again, and make files there until one has the inode's number. Execute that.
 */
static int impersonate(void *arg)
{
	char map[64], path[64];
	struct stat st;
	int i;

	(void)arg;
	/* setuid() made us undumpable, and the maps root's: executing would undo that */
	prctl(PR_SET_DUMPABLE, 1);
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
		return 100;
	snprintf(map, sizeof(map), "0 %d 1", ALICE);
	if (write_file("/proc/self/setgroups", "deny") || write_file("/proc/self/uid_map", map) ||
	    write_file("/proc/self/gid_map", map))
		return 101;
	if (mkdir(OURS, 0755) && errno != EEXIST)
		return 102;
	for (i = 0; i < 64; i++) {
		if (mount("evil", OURS, "tmpfs", 0, ""))
			return 103;
		if (!stat(OURS, &st) && st.st_dev == named.st_dev)
			break;
	}
	if (i == 64)
		return 104;
	for (i = 0; i < 4096; i++) {
		snprintf(path, sizeof(path), OURS "/%d", i);
		if (copy_self(path) || stat(path, &st))
			return 105;
		if (st.st_ino == named.st_ino)
			break;
		unlink(path);
	}
	if (i == 4096)
		return 106;
	execl(path, path, "try", NULL);
	return 107;
}

int main(int argc, char **argv)
{
	int status;

	if (argc > 1 && !strcmp(argv[1], "try"))
		return try_open();

	REQUIRE_RC(run_shell("chmod 666 /dev/iommu; mkdir -p /mnt; chmod 755 /mnt /root /vm; chmod 1777 /tmp"), 0,
		   "the node is everybody's, the policy decides");
	REQUIRE(!mount("images", "/mnt", "tmpfs", 0, ""), "a file system with a trusted program");
	REQUIRE_RC(copy_self(NAMED), 0, "which is there");
	REQUIRE(!stat(NAMED, &named), "and has numbers");
	REQUIRE_RC(load_policy(policy), 0, "a policy names it");
	CHECK_EQ(tries(NAMED), 0, "S16 control: it is allowed");
	CHECK_EQ(tries("/proc/self/exe"), EACCES, "S16 control: another is not");

	REQUIRE(!umount2("/mnt", 0), "its file system is unmounted, the policy stays");
	status = run_as(ALICE, impersonate, NULL);
	note("impersonating ends with %d (100 to 107: it could not be tried)", status);
	CHECK_EQ(status, EACCES, "S16 a user's file with its device and inode numbers is not allowed what it was");
	return checks_done();
}
