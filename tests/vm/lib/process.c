// SPDX-License-Identifier: GPL-2.0
/*
 * Signals of touched memory, and processes that are somebody else: another user, another program, the
 * receiver of an fd.
 */
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

static __thread sigjmp_buf touch_env;

static void touch_failed(int sig)
{
	siglongjmp(touch_env, sig);
}

static int with_handlers(volatile uint32_t *at, uint32_t *value, bool write_it)
{
	struct sigaction act = { .sa_handler = touch_failed, .sa_flags = SA_NODEFER };
	struct sigaction old_bus, old_segv;
	int sig;

	sigaction(SIGBUS, &act, &old_bus);
	sigaction(SIGSEGV, &act, &old_segv);
	sig = sigsetjmp(touch_env, 1);
	if (!sig) {
		if (write_it)
			*at = *value;
		else
			*value = *at;
	}
	sigaction(SIGBUS, &old_bus, NULL);
	sigaction(SIGSEGV, &old_segv, NULL);
	return sig;
}

int touch(const volatile void *address, uint32_t *value)
{
	return with_handlers((volatile uint32_t *)address, value, false);
}

int touch_write(volatile void *address, uint32_t value)
{
	return with_handlers(address, &value, true);
}

static int wait_status(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -errno;
	}
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int run_as(uid_t uid, int (*fn)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		if (setgroups(0, NULL) || setresgid(uid, uid, uid) || setresuid(uid, uid, uid))
			_exit(126);
		_exit(fn(arg));
	}
	return wait_status(pid);
}

int run_program(const char *path, char *const argv[])
{
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (!pid) {
		execv(path, argv);
		_exit(127);
	}
	return wait_status(pid);
}

int run_shell(const char *fmt, ...)
{
	char command[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return run_program("/bin/sh", (char *[]){ "sh", "-c", command, NULL });
}

int copy_self(const char *path)
{
	int in = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int out, rc = 0;
	struct stat st;

	if (in < 0)
		return -errno;
	unlink(path); /* a new file, even where an old one is running */
	out = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
	if (out < 0) {
		rc = -errno;
		goto out_close;
	}
	if (fstat(in, &st)) {
		rc = -errno;
	} else {
		while (st.st_size > 0 && !rc) {
			ssize_t n = sendfile(out, in, NULL, st.st_size);

			if (n <= 0)
				rc = n ? -errno : -EIO;
			st.st_size -= n;
		}
	}
	close(out);
out_close:
	close(in);
	return rc;
}

int send_fd(int socket, int fd)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte = 0;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(int));
	return sendmsg(socket, &msg, 0) < 0 ? -errno : 0;
}

int receive_fd(int socket)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(int))];
	} control = {};
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	struct cmsghdr *cmsg;
	int fd;

	if (recvmsg(socket, &msg, 0) < 0)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -ENOMSG;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(int));
	return fd;
}

int wait_readable(int fd, int milliseconds)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int n = poll(&pfd, 1, milliseconds);

	return n < 0 ? -errno : n ? 0 : -ETIMEDOUT;
}

int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc = 0;
	ssize_t length = strlen(text), n;

	if (fd < 0)
		return -errno;
	n = write(fd, text, length);
	if (n != length)
		rc = n < 0 ? -errno : -EIO;
	close(fd);
	return rc;
}

int load_policy(const char *yaml)
{
	char path[] = "/tmp/policy-XXXXXX";
	int fd = mkstemp(path), status;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s", yaml) < 0) {
		close(fd);
		return -EIO;
	}
	close(fd);
	status = run_shell("iommufd-lsm load %s", path);
	unlink(path);
	return status;
}

int default_allow(void)
{
	return write_file("/sys/module/iommufd_lsm/parameters/default_verdict", "allow");
}
