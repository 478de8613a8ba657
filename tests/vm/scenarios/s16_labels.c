// SPDX-License-Identifier: GPL-2.0
/*
 * S16: who a process is to the policy. The executable a process runs, as the kernel saw it executed, and
 * nothing that the process says or changes about itself.
 * vm: about=S16 labels: exec, fork, threads, scripts, replaced files, and attempts to pose as another
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/prctl.h>

#include "hooks.h"
#include "vm.h"

#define QUESTION "op=open"
#define ALLOWED "/root/allowed"
#define OTHER "/root/other"
#define ALICE 1000

/* Only what ALLOWED is when this is loaded may open */
static const char policy[] =
	"version: 1\n"
	"name: labels\n"
	"processes:\n"
	"  good: { exe: /root/allowed }\n"
	"rules:\n"
	"  - allow: open\n"
	"    who: good\n";

/* The exit status that stands for a verdict, 0 or a negative errno, and back */
static int ask_status(void)
{
	return -ask(QUESTION) & 0xff;
}

/* --- what the copies of this program do, by the word they are called with ------------------------- */

static int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) < 0)
		return 200;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 201;
}

static int mode_fork(void)
{
	pid_t pid = fork();

	if (!pid) {
		pid = fork(); /* and a grandchild */
		if (!pid)
			_exit(ask_status());
		_exit(status_of(pid));
	}
	return status_of(pid);
}

static int mode_vfork(void)
{
	pid_t pid = vfork();

	if (!pid)
		_exit(ask_status());
	return status_of(pid);
}

static void *thread_asks(void *status)
{
	*(int *)status = ask_status();
	return NULL;
}

static int mode_thread(void)
{
	pthread_t thread;
	int status = 202;

	if (pthread_create(&thread, NULL, thread_asks, &status))
		return 203;
	pthread_join(thread, NULL);
	return status;
}

/* A thread that is not the leader executes: it becomes the leader of the new program */
static void *thread_executes(void *path)
{
	execl(path, path, "ask", NULL);
	_exit(204);
}

static int mode_thread_exec(const char *path)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_executes, (void *)path))
		return 205;
	pthread_join(thread, NULL);
	return 206;
}

/* The leader is gone, another thread asks */
static void *thread_outlives(void *leader)
{
	pthread_join(*(pthread_t *)leader, NULL);
	_exit(ask_status());
}

static int mode_leader_gone(void)
{
	static pthread_t leader, thread;

	leader = pthread_self();
	if (pthread_create(&thread, NULL, thread_outlives, &leader))
		return 207;
	pthread_exit(NULL);
}

static int mode_failed_exec(void)
{
	int fd = open("/root/garbage", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);

	if (fd < 0 || write(fd, "no program", 10) != 10)
		return 208;
	close(fd);
	if (execl("/root/garbage", "garbage", NULL) != -1 || errno != ENOEXEC)
		return 209;
	if (execl("/root/nothing", "nothing", NULL) != -1 || errno != ENOENT)
		return 210;
	return ask_status();
}

/*
 * Take every mapping of this program's file away from under itself: the kernel lets a process change its
 * exe_file only then. The copies hold the same bytes at the same addresses.
 */
static int unmap_own_file(void)
{
	char line[512], self[256];
	struct {
		uintptr_t start, end;
		int prot;
	} maps[64];
	int nr = 0, i;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	FILE *file = fopen("/proc/self/maps", "re");

	if (n < 0 || !file)
		return -1;
	self[n] = '\0';
	while (nr < 64 && fgets(line, sizeof(line), file)) {
		char perms[8];

		if (!strstr(line, self) ||
		    sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %7s", &maps[nr].start, &maps[nr].end,
			   perms) != 3)
			continue;
		maps[nr].prot = (perms[0] == 'r' ? PROT_READ : 0) | (perms[1] == 'w' ? PROT_WRITE : 0) |
				(perms[2] == 'x' ? PROT_EXEC : 0);
		nr++;
	}
	fclose(file);
	for (i = 0; i < nr; i++) {
		size_t size = maps[i].end - maps[i].start;
		void *copy = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (copy == MAP_FAILED)
			return -1;
		memcpy(copy, (void *)maps[i].start, size);
		if (mprotect(copy, size, maps[i].prot) ||
		    mremap(copy, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)maps[i].start) ==
			    MAP_FAILED)
			return -1;
	}
	return nr ? 0 : -1;
}

/* Numbers of /proc/self/stat, counted as proc(5) does */
static unsigned long long stat_number(int field)
{
	char text[2048], *at;
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC), i;
	ssize_t n = read(fd, text, sizeof(text) - 1);

	close(fd);
	if (n < 0)
		return 0;
	text[n] = '\0';
	at = strrchr(text, ')') + 1;
	for (i = 3; i < field; i++)
		at = strchr(at + 1, ' ');
	return strtoull(at, NULL, 10);
}

/* In a user namespace of one's own, every process may tell the kernel that it runs another file */
static int mode_spoof(const char *path)
{
	struct prctl_mm_map map = {
		.start_code = stat_number(26), .end_code = stat_number(27),
		.start_data = stat_number(45), .end_data = stat_number(46),
		.start_brk = stat_number(47), .start_stack = stat_number(28),
		.arg_start = stat_number(48), .arg_end = stat_number(49),
		.env_start = stat_number(50), .env_end = stat_number(51),
	};
	char exe[256];
	ssize_t n;

	map.brk = (uintptr_t)sbrk(0);
	map.exe_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (unshare(CLONE_NEWUSER))
		return 211;
	if (unmap_own_file())
		return 212;
	if (prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof(map), 0))
		return 213;
	n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	if (n < 0)
		return 214;
	exe[n] = '\0';
	if (strcmp(exe, path))
		return 215;
	return ask_status();
}

/* Execute a file by its descriptor, when it has no name: never had one, or not any more */
static int execute_nameless(int fd)
{
	char *arguments[] = { "nameless", "ask", NULL }, *environment[] = { NULL };

	syscall(SYS_execveat, fd, "", arguments, environment, AT_EMPTY_PATH);
	return 223;
}

static int mode_memfd(void)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC), fd = memfd_create("allowed", 0);
	struct stat st;

	if (in < 0 || fd < 0 || fstat(in, &st) || sendfile(fd, in, NULL, st.st_size) != st.st_size)
		return 224;
	return execute_nameless(fd);
}

static int mode_unlinked(const char *path)
{
	int fd = open(path, O_PATH | O_CLOEXEC);

	return fd < 0 || unlink(path) ? 225 : execute_nameless(fd);
}

/* In a mount namespace of one's own everything can be mounted over what a policy names */
static int mode_namespace(const char *path)
{
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS) || mount(OTHER, path, NULL, MS_BIND, NULL))
		return 226;
	execl(path, path, "ask", NULL);
	return 227;
}

/* Ask as every user this process can be: bit 0 root at first, 1 alice, 2 root again, 3 alice for good */
static int mode_users(void)
{
	int answers = !ask_status();

	answers |= !seteuid(ALICE) && !ask_status() ? 2 : 0;
	answers |= !seteuid(0) && !ask_status() ? 4 : 0;
	answers |= !setuid(ALICE) && !ask_status() ? 8 : 0;
	return answers;
}

/* Wait for a byte on stdin, then ask: for processes that run before the policy loads */
static int mode_wait(void)
{
	char byte;

	return read(0, &byte, 1) == 1 ? ask_status() : 216;
}

static void *thread_waits(void *status)
{
	*(int *)status = mode_wait();
	return NULL;
}

static int mode_wait_thread(void)
{
	pthread_t thread;
	int status = 217;

	if (pthread_create(&thread, NULL, thread_waits, &status))
		return 218;
	pthread_join(thread, NULL);
	return status;
}

/* Wait, then fork and have the child ask */
static int mode_wait_fork(void)
{
	char byte;
	pid_t pid;

	if (read(0, &byte, 1) != 1)
		return 219;
	pid = fork();
	if (!pid)
		_exit(ask_status());
	return status_of(pid);
}

static int be_copy(int argc, char **argv)
{
	const char *mode = argv[1], *path = argc > 2 ? argv[2] : NULL;

	/* As the interpreter of a script, the script's name follows */
	if (!strcmp(mode, "ask"))
		return ask_status();
	if (!strcmp(mode, "fork"))
		return mode_fork();
	if (!strcmp(mode, "vfork"))
		return mode_vfork();
	if (!strcmp(mode, "thread"))
		return mode_thread();
	if (!strcmp(mode, "thread-exec"))
		return mode_thread_exec(path);
	if (!strcmp(mode, "leader-gone"))
		return mode_leader_gone();
	if (!strcmp(mode, "failed-exec"))
		return mode_failed_exec();
	if (!strcmp(mode, "spoof"))
		return mode_spoof(path);
	if (!strcmp(mode, "wait"))
		return mode_wait();
	if (!strcmp(mode, "wait-thread"))
		return mode_wait_thread();
	if (!strcmp(mode, "wait-fork"))
		return mode_wait_fork();
	if (!strcmp(mode, "memfd"))
		return mode_memfd();
	if (!strcmp(mode, "unlinked"))
		return mode_unlinked(path);
	if (!strcmp(mode, "namespace"))
		return mode_namespace(path);
	if (!strcmp(mode, "users"))
		return mode_users();
	if (!strcmp(mode, "exec")) {
		execl(path, path, "ask", NULL);
		return 220;
	}
	return 221;
}

/* --- the test ----------------------------------------------------------------------------------------- */

/* A verdict, or the number of the step that failed as it is */
static int run(const char *path, const char *mode, const char *argument)
{
	return -run_program(path, (char *[]){ (char *)path, (char *)mode, (char *)argument, NULL });
}

struct waiting {
	pid_t pid;
	int pipe;
};

static struct waiting start(const char *path, const char *mode)
{
	struct waiting waiting = { -1, -1 };
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return waiting;
	waiting.pid = fork();
	if (!waiting.pid) {
		dup2(ends[0], 0);
		execl(path, path, mode, NULL);
		_exit(222);
	}
	close(ends[0]);
	waiting.pipe = ends[1];
	return waiting;
}

static int finish(struct waiting waiting)
{
	if (write(waiting.pipe, "x", 1) != 1)
		return -223;
	close(waiting.pipe);
	return -status_of(waiting.pid);
}

static void executables(void)
{
	CHECK_RC(run(ALLOWED, "ask", NULL), 0, "S16 the executable that the policy names is allowed");
	CHECK_RC(run(OTHER, "ask", NULL), -EACCES, "S16 a copy of it is another executable");
	CHECK_RC(ask(QUESTION), -EACCES, "S16 who executed neither is denied");
	REQUIRE_RC(link(ALLOWED, "/root/linked"), 0, "a hard link");
	CHECK_RC(run("/root/linked", "ask", NULL), 0, "S16 a hard link is the same executable");
	REQUIRE_RC(symlink(ALLOWED, "/root/symlink"), 0, "a symbolic link");
	CHECK_RC(run("/root/symlink", "ask", NULL), 0, "S16 so is a symbolic link");
}

static void families(void)
{
	CHECK_RC(run(ALLOWED, "fork", NULL), 0, "S16 a fork inherits");
	CHECK_RC(run(ALLOWED, "vfork", NULL), 0, "S16 so does a vfork");
	CHECK_RC(run(ALLOWED, "thread", NULL), 0, "S16 so does a thread");
	CHECK_RC(run(OTHER, "fork", NULL), -EACCES, "S16 and nobody gets it who does not inherit");
	CHECK_RC(run(ALLOWED, "leader-gone", NULL), 0, "S16 a thread keeps it when its leader is gone");
	CHECK_RC(run(ALLOWED, "exec", OTHER), -EACCES, "S16 an exec of another executable drops it");
	CHECK_RC(run(OTHER, "exec", ALLOWED), 0, "S16 an exec gains it");
	CHECK_RC(run(ALLOWED, "thread-exec", OTHER), -EACCES, "S16 an exec by a thread drops it");
	CHECK_RC(run(OTHER, "thread-exec", ALLOWED), 0, "S16 an exec by a thread gains it");
	CHECK_RC(run(ALLOWED, "failed-exec", NULL), 0, "S16 an exec that fails changes nothing");
	CHECK_RC(run(OTHER, "failed-exec", NULL), -EACCES, "S16 for others neither");
}

static void script(const char *path, const char *text)
{
	FILE *file = fopen(path, "we");

	fputs(text, file);
	fchmod(fileno(file), 0755);
	fclose(file);
}

static void poses(void)
{
	CHECK_RC(run(OTHER, "spoof", ALLOWED), -EACCES,
		 "S16 a process that changed its exe_file (PR_SET_MM_MAP) is still what it executed");
	CHECK_RC(run(ALLOWED, "spoof", OTHER), 0, "S16 in either direction");
	script("/root/script", "#!" ALLOWED " ask\n");
	CHECK_RC(run("/root/script", NULL, NULL), 0, "S16 a script is its interpreter");
	script("/root/script", "#!/bin/sh\necho op=open > /dev/iommufd_lsm_ask || exit 13\n");
	CHECK_RC(run("/root/script", NULL, NULL), -EACCES, "S16 whatever the script is called");
	CHECK_RC(run_shell("mount --bind " OTHER " " ALLOWED), 0, "another file is mounted over it");
	CHECK_RC(run(ALLOWED, "ask", NULL), -EACCES, "S16 what is mounted over a path is not what was there");
	run_shell("umount " ALLOWED);
	CHECK_RC(run(ALLOWED, "ask", NULL), 0, "S16 which is itself again after");
	CHECK_RC(-run_shell("mkdir -p /root/jail/root /root/jail/dev && cp " OTHER " /root/jail" ALLOWED
			    " && mount --bind /dev /root/jail/dev && chroot /root/jail " ALLOWED " ask"),
		 -EACCES, "S16 a path in a chroot is not the path the policy names");
	run_shell("umount /root/jail/dev");
	CHECK_RC(run(OTHER, "namespace", ALLOWED), -EACCES,
		 "S16 nor in a mount namespace in which it is another file");
	CHECK_RC(run(ALLOWED, "memfd", NULL), -EACCES, "S16 a copy in memory (memfd) is nobody");
	REQUIRE_RC(link(ALLOWED, "/root/second"), 0, "a second name");
	CHECK_RC(run(ALLOWED, "unlinked", "/root/second"), 0,
		 "S16 control: what lost one name of two is still a file");
}

/* Of its own, as the executable is gone after */
static void unlinked_file(void)
{
	static const char named[] =
		"version: 1\n"
		"name: unlinked\n"
		"rules:\n"
		"  - allow: open\n"
		"    who: { exe: /root/unlinked }\n";

	REQUIRE_RC(copy_self("/root/unlinked"), 0, "an executable");
	REQUIRE_RC(load_policy(named), 0, "a policy that names it loads");
	CHECK_RC(run("/root/unlinked", "ask", NULL), 0, "S16 control: it is allowed");
	CHECK_RC(run(OTHER, "unlinked", "/root/unlinked"), -EACCES,
		 "S16 what is executed after its last name is gone is nobody");
	REQUIRE_RC(load_policy(policy), 0, "the policy before loads again");
}

static void users(void)
{
	static const char of_alice[] =
		"version: 1\n"
		"name: users\n"
		"rules:\n"
		"  - allow: open\n"
		"    who: { exe: " ALLOWED ", user: alice }\n";

	REQUIRE_RC(load_policy(of_alice), 0, "a policy for a user loads");
	CHECK_EQ(-run(ALLOWED, "users", NULL), 2 | 8,
		 "S16 a process is who its effective user is at each request, whatever setuid did");
	CHECK_EQ(run_shell("chmod 755 /root; cp " ALLOWED " /root/set-uid && chown alice /root/set-uid && chmod 4755 "
			   "/root/set-uid; /root/set-uid ask"), EACCES,
		 "S16 a set-user-id copy has the user, and is another executable");
	CHECK_EQ(run_shell("chown alice " ALLOWED "; chmod 4755 " ALLOWED "; " ALLOWED " ask"), 0,
		 "S16 the executable itself with the bit has both");
	run_shell("chown root " ALLOWED "; chmod 755 " ALLOWED);
	REQUIRE_RC(load_policy(policy), 0, "the policy before loads again");
}

static void replaced_file(void)
{
	struct waiting old = start(ALLOWED, "wait"), older;

	pause_ms(300);
	older = start(ALLOWED, "wait");
	pause_ms(300);
	REQUIRE_RC(run_shell("cp " OTHER " /root/new && mv /root/new " ALLOWED), 0, "the file is replaced");
	CHECK_RC(run(ALLOWED, "ask", NULL), 0, "S16 what an upgrade puts in its place is the executable, at once");
	CHECK_RC(finish(old), 0, "S16 who runs the old file is who he was");
	REQUIRE_RC(run_shell("rm " ALLOWED " && cp " OTHER " " ALLOWED), 0, "it is replaced in another way");
	CHECK_RC(run(ALLOWED, "ask", NULL), 0, "S16 in whatever way");
	CHECK_RC(run(OTHER, "ask", NULL), -EACCES, "S16 the same file elsewhere is not");
	REQUIRE_RC(run_shell("mkdir -p /root/dir && cp " OTHER " /root/dir/allowed"), 0, "a name in another directory");
	CHECK_RC(run("/root/dir/allowed", "ask", NULL), -EACCES, "S16 nor is the same name elsewhere");
	REQUIRE_RC(load_policy(policy), 0, "the policy is loaded again");
	CHECK_RC(run(ALLOWED, "ask", NULL), 0, "S16 the new file is still the one that is meant");
	CHECK_RC(finish(older), 0, "S16 and who runs what it was when it started, too");
}

/* stat() makes up a device for files of a lower layer here */
static void on_overlayfs(void)
{
	static const char layered[] =
		"version: 1\n"
		"name: layered\n"
		"processes:\n"
		"  good: { exe: /mnt/good }\n"
		"rules:\n"
		"  - allow: open\n"
		"    who: good\n";
	struct stat file, dir;

	REQUIRE_RC(run_shell("modprobe overlay && mkdir -p /tmp/upper /tmp/lower && "
			     "mount -t tmpfs upper /tmp/upper && mount -t tmpfs lower /tmp/lower && "
			     "mkdir /tmp/upper/up /tmp/upper/work && cp " ALLOWED " /tmp/lower/good && "
			     "cp " OTHER " /tmp/lower/bad && mount -t overlay -o xino=off,"
			     "lowerdir=/tmp/lower,upperdir=/tmp/upper/up,workdir=/tmp/upper/work overlay /mnt"),
		   0, "an overlay of two file systems is there");
	REQUIRE(!stat("/mnt/good", &file) && !stat("/mnt", &dir) && file.st_dev != dir.st_dev,
		"in which a file's device is not its file system's");
	REQUIRE_RC(load_policy(layered), 0, "a policy that names a file in it loads");
	CHECK_RC(run("/mnt/good", "ask", NULL), 0, "S16 an executable on overlayfs is allowed");
	CHECK_RC(run("/mnt/bad", "ask", NULL), -EACCES, "S16 another is not");
	CHECK_RC(run("/tmp/lower/good", "ask", NULL), -EACCES,
		 "S16 the file in the layer below is another executable");
	run_shell("umount /mnt /tmp/upper /tmp/lower");
}

/* ext4 gives a new file the number of the one that was just deleted */
static void reused_inode(void)
{
	static const char on_disk[] =
		"version: 1\n"
		"name: on-disk\n"
		"processes:\n"
		"  good: { exe: /mnt/allowed }\n"
		"rules:\n"
		"  - allow: open\n"
		"    who: good\n";
	struct stat before, after = { 0 };
	char path[64] = "";
	int i, fd;

	REQUIRE_RC(run_shell("modprobe loop && modprobe crc32c_generic && modprobe ext4 && truncate -s 8M /root/disk && "
			     "mke2fs -F /root/disk >/dev/null && mount -t ext4 -o loop /root/disk /mnt && "
			     "cp " OTHER " /mnt/allowed"), 0, "an ext4 file system is there");
	REQUIRE_RC(stat("/mnt/allowed", &before), 0, "with an executable");
	REQUIRE_RC(load_policy(on_disk), 0, "a policy that names it loads");
	CHECK_RC(run("/mnt/allowed", "ask", NULL), 0, "S16 an executable on ext4 is allowed");
	REQUIRE_RC(run_shell("rm /mnt/allowed && sync && echo 3 > /proc/sys/vm/drop_caches"), 0,
		   "it is deleted");
	for (i = 0; i < 500 && after.st_ino != before.st_ino; i++) {
		snprintf(path, sizeof(path), "/mnt/posing%d", i);
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
		if (fd < 0 || fstat(fd, &after))
			break;
		close(fd);
	}
	REQUIRE(before.st_ino == after.st_ino, "another file got the same inode number");
	REQUIRE_RC(run_shell("cat " OTHER " > %s", path), 0, "and becomes a program");
	CHECK_RC(run(path, "ask", NULL), -EACCES,
		 "S16 a file that got the inode number of a deleted executable is not that executable");
	run_shell("umount /mnt");
	REQUIRE_RC(load_policy(policy), 0, "the policy before loads again");
}

static void many_at_once(void)
{
	int i, wrong = 0;

	for (i = 0; i < 40; i++) {
		struct waiting good = start(ALLOWED, "wait-fork"), bad = start(OTHER, "wait-fork");

		wrong += finish(bad) != -EACCES;
		wrong += finish(good) != 0;
	}
	CHECK_EQ(wrong, 0, "S16 many processes are each who they are");
}

int main(int argc, char **argv)
{
	struct waiting before[4];

	if (argc > 1)
		return be_copy(argc, argv);

	REQUIRE_RC(hooks_init(), 0, "the hooks can be asked");
	REQUIRE_RC(run_shell("chmod 666 /dev/iommufd_lsm_ask"), 0, "by everybody");
	REQUIRE_RC(copy_self(ALLOWED), 0, "one program");
	REQUIRE_RC(copy_self(OTHER), 0, "another");
	before[0] = start(ALLOWED, "wait");
	before[1] = start(OTHER, "wait");
	before[2] = start(ALLOWED, "wait-thread");
	before[3] = start(ALLOWED, "wait-fork");
	pause_ms(500);
	REQUIRE_RC(load_policy(policy), 0, "the policy loads");
	CHECK_RC(finish(before[0]), 0, "S16 who ran before the policy is known, too");
	CHECK_RC(finish(before[1]), -EACCES, "S16 and who is somebody else");
	CHECK_RC(finish(before[2]), 0, "S16 and threads that ran before");
	CHECK_RC(finish(before[3]), 0, "S16 and their children");

	executables();
	families();
	poses();
	many_at_once();
	on_overlayfs();
	reused_inode();
	unlinked_file();
	users();
	replaced_file();
	CHECK_RC(run_shell("iommufd-lsm unload > /dev/null"), 0, "the policy unloads");
	CHECK_RC(run(ALLOWED, "ask", NULL), -EACCES, "S16 without a policy nobody is allowed");
	REQUIRE_RC(load_policy(policy), 0, "the policy loads again");
	CHECK_RC(run(ALLOWED, "ask", NULL), 0, "S16 and labels are there again");
	return checks_done();
}
