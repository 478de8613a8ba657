// SPDX-License-Identifier: GPL-2.0
/*
 * S16: the guards. Who opens device nodes and legacy groups, who gets an open one from another process, who
 * steers a process that has rights, and who touches what is in force. Each guard is seen to be what stops it: with
 * the guard off, the same thing works.
 * vm: about=S16 guards: device files, hand-over, ptrace, the policy's own objects
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/bpf.h>

#include "vm.h"

#define GOOD "/root/good"       /* has rights */
#define MANAGER "/root/manager" /* likewise, and may hand over to GOOD */
#define OTHER "/root/other"     /* has none */
#define PINS "/sys/fs/bpf/iommufd-lsm"

static const char policy_format[] =
	"version: 1\n"
	"name: guards\n"
	"%s"
	"rules:\n"
	"  - allow: [open, device-open]\n"
	"    who: { exe: [" GOOD ", " MANAGER "] }\n"
	"  - allow: hand-over\n"
	"    who: { exe: " MANAGER " }\n"
	"    recipient: { exe: " GOOD " }\n";

static char group[64], node[64];
static volatile int target = 1; /* what others try to write */

/* @guards: the policy's section, "" for all of them */
static int load(const char *guards)
{
	char policy[2048];

	snprintf(policy, sizeof(policy), policy_format, guards);
	return load_policy(policy);
}

/* --- what the copies of this program do ------------------------------------------------------------- */

static int mode_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	return fd < 0 ? errno : 0;
}

/* Open /dev/iommu, keep it over the exec of a program, or not */
static int mode_keep(const char *path, bool cloexec)
{
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return 100;
	if (dup2(fd, 50) != 50 || (cloexec && fcntl(50, F_SETFD, FD_CLOEXEC)))
		return 101;
	execl(path, path, "has", "50", NULL);
	return errno;
}

static int mode_send(int socket)
{
	char byte;
	int fd = open("/dev/iommu", O_RDWR | O_CLOEXEC);

	if (fd < 0 || dup2(fd, 51) != 51 || send_fd(socket, 51))
		return 102;
	return read(socket, &byte, 1) < 0 ? 103 : 0; /* until the other end is gone */
}

/* Another's descriptor, without its cooperation */
static int mode_take(pid_t pid)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0);

	return syscall(SYS_pidfd_getfd, pidfd, 51, 0) < 0 ? errno : 0;
}

static int mode_attach(pid_t pid)
{
	if (ptrace(PTRACE_ATTACH, pid, NULL, NULL))
		return errno;
	waitpid(pid, NULL, 0);
	ptrace(PTRACE_DETACH, pid, NULL, NULL);
	return 0;
}

static int mode_write(pid_t pid)
{
	int value = 2;
	struct iovec local = { &value, sizeof(value) }, remote = { (void *)&target, sizeof(value) };

	return process_vm_writev(pid, &local, 1, &remote, 1, 0) < 0 ? errno : 0;
}

static int mode_proc(pid_t pid, const char *what, int flags)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? errno : 0;
}

/* Have oneself traced by the parent, then become @path */
static int mode_traced(const char *path)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL))
		return 104;
	execl(path, path, "wait", NULL);
	return errno;
}

static int be_copy(int argc, char **argv)
{
	const char *mode = argv[1], *arg = argc > 2 ? argv[2] : "";

	if (!strcmp(mode, "open"))
		return mode_open(arg);
	if (!strcmp(mode, "keep"))
		return mode_keep(arg, false);
	if (!strcmp(mode, "close"))
		return mode_keep(arg, true);
	if (!strcmp(mode, "has"))
		return fcntl(atoi(arg), F_GETFD) < 0 ? 105 : 0;
	if (!strcmp(mode, "send"))
		return mode_send(atoi(arg));
	if (!strcmp(mode, "get"))
		return receive_fd(atoi(arg)) < 0 ? EACCES : 0;
	if (!strcmp(mode, "take"))
		return mode_take(atoi(arg));
	if (!strcmp(mode, "attach"))
		return mode_attach(atoi(arg));
	if (!strcmp(mode, "write"))
		return mode_write(atoi(arg));
	if (!strcmp(mode, "mem"))
		return mode_proc(atoi(arg), "mem", O_RDWR);
	if (!strcmp(mode, "maps"))
		return mode_proc(atoi(arg), "maps", O_RDONLY);
	if (!strcmp(mode, "traced"))
		return mode_traced(arg);
	for (;;)
		pause();
}

/* --- the tests ---------------------------------------------------------------------------------------- */

static int run(const char *path, const char *mode, const char *argument)
{
	return -run_program(path, (char *[]){ (char *)path, (char *)mode, (char *)argument, NULL });
}

static pid_t start(const char *path, const char *mode, int argument)
{
	char text[16];
	pid_t pid = fork();

	if (!pid) {
		snprintf(text, sizeof(text), "%d", argument);
		execl(path, path, mode, text, NULL);
		_exit(127);
	}
	usleep(300 * 1000);
	return pid;
}

static int on(const char *path, const char *mode, pid_t pid)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", pid);
	return run(path, mode, text);
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void device_files(void)
{
	struct stat st;

	CHECK_RC(run(GOOD, "open", "/dev/iommu"), 0, "S16 who has rights opens /dev/iommu");
	CHECK_RC(run(OTHER, "open", "/dev/iommu"), -EACCES, "S16 who has none does not");
	CHECK_RC(run(GOOD, "open", node), 0, "S16 who has rights opens a device's node");
	CHECK_RC(run(OTHER, "open", node), -EACCES, "S16 who has none does not");
	CHECK_RC(run(GOOD, "open", group), 0, "S16 who has rights opens a legacy group");
	CHECK_RC(run(OTHER, "open", group), -EACCES, "S16 who has none does not");
	REQUIRE(!stat("/dev/iommu", &st) && !mknod("/root/node", S_IFCHR | 0666, st.st_rdev),
		"another node of the same number");
	CHECK_RC(run(OTHER, "open", "/root/node"), -EACCES, "S16 by whatever path");
	CHECK_RC(run(OTHER, "open", "/dev/null"), 0, "other nodes are not guarded");
	CHECK_EQ(run_shell("iommufd-lsm log | grep -q 'denied device-files (a VFIO group) for other .*"
			   "allows it nothing'"), 0, "the log says so");
	REQUIRE_RC(load("guards: { device-files: off }\n"), 0, "the guard is off");
	CHECK_RC(run(OTHER, "open", "/root/node"), 0, "S16 then it was the guard that stopped this");
	CHECK_RC(run(OTHER, "open", node), 0, "S16 and this");
	CHECK_RC(run(OTHER, "open", group), 0, "S16 and this");
	REQUIRE_RC(load("mode: permissive\n"), 0, "the policy is permissive");
	CHECK_RC(run(OTHER, "open", group), 0, "S16 a guard denies nothing then");
	CHECK_EQ(run_shell("iommufd-lsm log | grep -q 'allowed device-files (a VFIO group) for other '"), 0,
		 "and the log says that it would");
	REQUIRE_RC(load(""), 0, "all guards are on");
}

/* The exit status of who receives what @from sends */
static int hand(const char *from, const char *to)
{
	int ends[2], status;
	pid_t sender;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return -errno;
	sender = fork();
	if (!sender) {
		char text[16];

		close(ends[1]);
		snprintf(text, sizeof(text), "%d", ends[0]);
		execl(from, from, "send", text, NULL);
		_exit(127);
	}
	close(ends[0]);
	status = on(to, "get", ends[1]);
	close(ends[1]);
	waitpid(sender, NULL, 0);
	return status;
}

static void hand_over(void)
{
	pid_t pid;
	int ends[2];

	CHECK_RC(hand(MANAGER, GOOD), 0, "S16 a rule allows to hand over a context");
	CHECK_RC(hand(GOOD, MANAGER), -EACCES, "S16 the other way it does not");
	CHECK_RC(hand(MANAGER, OTHER), -EACCES, "S16 nor to who has no rights");
	CHECK_RC(hand(GOOD, GOOD), 0, "S16 the same program may have it without a rule");
	CHECK_RC(run(MANAGER, "keep", GOOD), 0, "S16 the same rule allows to keep it over an exec");
	CHECK_RC(run(MANAGER, "keep", OTHER), -EACCES, "S16 and without one the exec fails");
	CHECK_RC(run(MANAGER, "close", OTHER), -105, "S16 unless it is closed by it");
	CHECK_EQ(run_shell("iommufd-lsm log | grep -q 'denied hand-over (/dev/iommu) for manager '"), 0,
		 "the log says so");
	REQUIRE_RC(run_shell("iommufd-lsm list > running.yaml && iommufd-lsm suggest > more.yaml"), 0,
		   "rules are suggested for what was denied");
	CHECK_EQ(run_shell("grep -A1 '^    who: .*" GOOD "' more.yaml | grep -q '^    recipient: .*" MANAGER "'"), 0,
		 "S16 one of them from who gave to whom it was for");
	CHECK_EQ(run_shell("grep -q '^  # *who: { exe: \"/path/of/the/executable\"' more.yaml"), 0,
		 "S16 and what nobody can find is none");
	REQUIRE_RC(run_shell("iommufd-lsm load running.yaml more.yaml"), 0, "they load");
	CHECK_RC(hand(GOOD, MANAGER), 0, "S16 and allow what was denied");
	CHECK_RC(hand(MANAGER, OTHER), -EACCES, "S16 and no more");

	REQUIRE_RC(load("guards: { ptrace: off }\n"), 0, "others may look into processes");
	REQUIRE(!socketpair(AF_UNIX, SOCK_STREAM, 0, ends), "somebody waits with a context open");
	pid = start(MANAGER, "send", ends[0]);
	CHECK_RC(on(OTHER, "take", pid), -EACCES, "S16 nobody takes it out of another process (pidfd_getfd)");
	CHECK_RC(on(GOOD, "take", pid), 0, "S16 but who may have it");
	REQUIRE_RC(load("guards: { ptrace: off, hand-over: off }\n"), 0, "the guard is off");
	CHECK_RC(on(OTHER, "take", pid), 0, "S16 then it was the guard that stopped this");
	CHECK_RC(hand(MANAGER, OTHER), 0, "S16 and this");
	CHECK_RC(run(MANAGER, "keep", OTHER), 0, "S16 and this");
	end(pid);
	close(ends[0]);
	close(ends[1]);
	REQUIRE_RC(load(""), 0, "all guards are on");
}

static void tracing(void)
{
	pid_t good = start(GOOD, "wait", 0), other = start(OTHER, "wait", 0);
	int status;
	pid_t pid;

	CHECK_RC(on(OTHER, "attach", good), -EPERM, "S16 nobody else attaches to who has rights");
	CHECK_RC(on(OTHER, "write", good), -EPERM, "S16 or writes its memory (process_vm_writev)");
	CHECK_RC(on(OTHER, "mem", good), -EACCES, "S16 or by /proc/PID/mem");
	CHECK_RC(on(OTHER, "maps", good), 0, "looking is allowed");
	CHECK_RC(on(GOOD, "attach", good), 0, "S16 the same program may");
	CHECK_RC(on(OTHER, "attach", other), 0, "who has no rights is not guarded");
	CHECK_RC(run(OTHER, "traced", GOOD), -EPERM, "S16 who is traced does not become who has rights");
	CHECK_EQ(run_shell("iommufd-lsm log | grep -q 'denied ptrace (good) for other .*(pid %d)'", good), 0,
		 "the log says so");
	REQUIRE_RC(load("guards: { ptrace: off }\n"), 0, "the guard is off");
	CHECK_RC(on(OTHER, "attach", good), 0, "S16 then it was the guard that stopped this");
	CHECK_RC(on(OTHER, "write", good), 0, "S16 and this");
	CHECK_RC(on(OTHER, "mem", good), 0, "S16 and this");
	pid = fork();
	if (!pid) {
		execl(OTHER, OTHER, "traced", GOOD, NULL);
		_exit(127);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status), "S16 and this");
	end(pid);
	end(good);
	end(other);
	REQUIRE_RC(load(""), 0, "all guards are on");
}

static int bpf_get(const char *path, unsigned int flags)
{
	union bpf_attr attr = { .pathname = (uintptr_t)path, .file_flags = flags };
	int fd = syscall(SYS_bpf, BPF_OBJ_GET, &attr, sizeof(attr));

	return fd < 0 ? -errno : fd;
}

static int bpf_set(const char *path, unsigned int flags)
{
	char key[8] = "", value[4096] = "";
	union bpf_attr attr = { .key = (uintptr_t)key, .value = (uintptr_t)value };
	int fd = bpf_get(path, flags), rc;

	if (fd < 0)
		return fd;
	attr.map_fd = fd;
	rc = syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &attr, sizeof(attr)) ? -errno : 0;
	close(fd);
	return rc;
}

#define RC(call) ((call) ? -errno : 0)
#define SWITCH "/proc/sys/kernel/ftrace_enabled" /* 0: the kernel calls none of the programs that are attached */
#define LINK PINS "/active/links/iolsm_deny"

static void objects(void)
{
	CHECK_RC(RC(unlink(LINK)), -EPERM, "S16 root does not remove a pin");
	CHECK_RC(RC(rename(LINK, PINS "/active/x")), -EPERM, "S16 or rename it");
	CHECK_RC(RC(rename(PINS, "/sys/fs/bpf/x")), -EPERM, "S16 or all of them");
	CHECK_RC(RC(umount("/sys/fs/bpf")), -EPERM, "S16 or unmount their file system");
	CHECK_RC(RC(umount2("/sys", MNT_DETACH)), -EPERM, "S16 or what it is mounted on");
	CHECK_RC(RC(mount("x", PINS, "tmpfs", 0, "")), -EPERM, "S16 or cover them");
	CHECK_RC(RC(mount("x", "/sys/fs/bpf", "bpf", 0, "")), -EPERM, "S16 in any way");
	CHECK_RC(RC(syscall(SYS_move_mount, AT_FDCWD, "/sys/fs/bpf", AT_FDCWD, "/mnt", 0)), -EPERM,
		 "S16 or move their mount");
	CHECK_RC(mode_open(SWITCH), EPERM, "S16 or have the kernel stop calling programs");
	REQUIRE(!mkdir("/root/proc", 0700) && !mount("proc", "/root/proc", "proc", 0, ""), "the same elsewhere");
	CHECK_RC(mode_open("/root" SWITCH), EPERM, "S16 by whatever path");
	CHECK_EQ(run_shell("grep -q 1 " SWITCH), 0, "reading it is allowed");
	CHECK_RC(bpf_get(PINS "/active/maps/iolsm_policy", 0), -ENOENT, "S16 or write to the map of the policy");
	CHECK_RC(bpf_set(PINS "/active/maps/iolsm_state", 0), -EPERM, "S16 or to any other of its maps");
	CHECK(bpf_get(PINS "/active/maps/iolsm_policy", BPF_F_RDONLY) >= 0, "reading it is allowed");
	CHECK_EQ(run_shell("bpftool map > /root/maps && ! grep -q 'iolsm_policy' /root/maps && grep -q iolsm_log "
			   "/root/maps"), 0, "bpftool still shows all other maps");
	CHECK_EQ(run_shell("mkdir /sys/fs/bpf/mine && mv /sys/fs/bpf/mine /sys/fs/bpf/yours && "
			   "rmdir /sys/fs/bpf/yours"), 0, "what is not ours is not guarded");
	CHECK_EQ(run_shell("unshare -m sh -c 'umount /sys/fs/bpf && [ ! -e " PINS " ]'"), 0,
		 "nor what is mounted elsewhere");
	CHECK_EQ(run_shell("iommufd-lsm log | grep -q 'denied policy-objects (removing a pin) '"), 0, "the log says so");
	CHECK_EQ(run_shell("cp $(which iommufd-lsm) /root/copy && /root/copy unload 2> /root/said"), 1,
		 "S16 a copy of the loader is not the loader");
	CHECK_EQ(run_shell("su -s /bin/sh alice -c 'iommufd-lsm unload' 2> /dev/null"), 1, "nor is a user's");
	CHECK_EQ(run_shell("l=$(which iommufd-lsm) && cp $l $l.new && mv $l.new $l && iommufd-lsm unload > /dev/null"), 0,
		 "S16 but what an upgrade puts in its place is");
	REQUIRE_RC(load("guards: { policy-objects: off }\n"), 0, "the guard is off");
	CHECK_RC(run(OTHER, "open", "/dev/iommu"), -EACCES, "another guard is on");
	CHECK_RC(write_file(SWITCH, "0"), 0, "S16 then it was the guard that stopped this");
	CHECK_RC(run(OTHER, "open", "/dev/iommu"), 0, "S16 with which all others are off");
	CHECK_EQ(run_shell("iommufd-lsm status 2>&1 | grep -q 'calls none of the programs'"), 0, "status says so");
	CHECK_EQ(run_shell("iommufd-lsm probe | grep -q 'calls none of the programs'"), 0, "and probe");
	CHECK_EQ(run_shell("iommufd-lsm list > all.yaml && iommufd-lsm load all.yaml 2> said"), 1, "S16 nothing is loaded then");
	CHECK_EQ(run_shell("grep -q 'sysctl kernel.ftrace_enabled=1' said"), 0, "and it is said what to do");
	REQUIRE_RC(write_file(SWITCH, "1"), 0, "the kernel calls them again");
	CHECK_RC(run(OTHER, "open", "/dev/iommu"), -EACCES, "and they deny");
	CHECK_RC(RC(rename(LINK, PINS "/active/x")), 0, "S16 then it was the guard that stopped this");
	CHECK_RC(RC(unlink(PINS "/active/x")), 0, "S16 and this");
	CHECK(bpf_get(PINS "/active/maps/iolsm_policy", 0) >= 0, "S16 and this");
	CHECK_RC(RC(umount("/sys/fs/bpf")), 0, "S16 and this");
	CHECK_RC(RC(mount("bpf", "/sys/fs/bpf", "bpf", 0, "")), 0, "the file system is there again");
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return be_copy(argc, argv);

	/* What no program decides is allowed: so it is the guards that deny */
	REQUIRE_RC(default_allow(), 0, "the hooks allow");
	/* On a kernel that is told to hide its addresses from root, too, guards have to find them all the same */
	REQUIRE_RC(run_shell("echo 2 > /proc/sys/kernel/kptr_restrict"), 0, "the kernel hides its addresses");
	REQUIRE_RC(run_shell("modprobe vfio-pci"), 0, "stock VFIO is there");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has a device");
	REQUIRE_RC(pci_bind(VM_NIC, "vfio-pci"), 0, "the stock one has another");
	REQUIRE_RC(pci_node(VM_EDU, node, sizeof(node)), 0, "there is a node");
	snprintf(group, sizeof(group), "/dev/vfio/%d", pci_group(VM_NIC));
	REQUIRE_RC(copy_self(GOOD), 0, "one program");
	REQUIRE_RC(copy_self(MANAGER), 0, "another");
	REQUIRE_RC(copy_self(OTHER), 0, "a third");
	REQUIRE_RC(load(""), 0, "the policy loads");
	CHECK_EQ(run_shell("iommufd-lsm status | grep -q '^guards *device-files hand-over ptrace policy-objects$'"), 0,
		 "status says which guards are on");
	device_files();
	hand_over();
	tracing();
	objects();
	return checks_done();
}
