// SPDX-License-Identifier: GPL-2.0
/*
 * Result lines. Each is one write(2), so that lines of several processes never mix, and failures are
 * counted in memory that children share.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

static struct counts {
	int ok, failed;
} *counts;

__attribute__((constructor)) static void counts_init(void)
{
	counts = mmap(NULL, sizeof(*counts), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (counts == MAP_FAILED)
		abort();
}

static void write_all(int fd, const char *text, size_t length)
{
	while (length) {
		ssize_t n = write(fd, text, length);

		if (n <= 0)
			return;
		text += n;
		length -= n;
	}
}

static void say(const char *line)
{
	char text[1200];
	int n, fd;

	fflush(stdout);
	n = snprintf(text, sizeof(text), "%.1000s\n", line);
	write_all(STDOUT_FILENO, text, n);

	fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return; /* not root: its lines have no place among the kernel's */
	n = snprintf(text, sizeof(text), "vm: %.900s\n", line);
	write_all(fd, text, n);
	close(fd);
}

static bool result(bool ok, const char *why, const char *fmt, va_list ap)
{
	char what[400], line[1100];

	vsnprintf(what, sizeof(what), fmt, ap);
	if (ok)
		snprintf(line, sizeof(line), "ok %s", what);
	else
		snprintf(line, sizeof(line), "not ok %s: %s", what, why);
	__atomic_add_fetch(ok ? &counts->ok : &counts->failed, 1, __ATOMIC_RELAXED);
	say(line);
	return ok;
}

bool vm_check(bool ok, const char *expr, const char *file, int line, const char *fmt, ...)
{
	int saved = errno;
	char why[600];
	va_list ap;

	snprintf(why, sizeof(why), "%s does not hold (errno %s, %s:%d)", expr,
		 strerrorname_np(saved) ?: "?", file, line);
	va_start(ap, fmt);
	result(ok, why, fmt, ap);
	va_end(ap);
	errno = saved;
	return ok;
}

static const char *spell(long long value, bool is_errno, char *buf, size_t size)
{
	const char *name = is_errno && value < 0 ? strerrorname_np(-value) : NULL;

	if (name)
		snprintf(buf, size, "-%s", name);
	else
		snprintf(buf, size, "%lld (%#llx)", value, value);
	return buf;
}

bool vm_check_eq(long long got, long long want, bool is_errno, const char *expr, const char *file,
		 int line, const char *fmt, ...)
{
	char why[600], a[40], b[40];
	va_list ap;

	snprintf(why, sizeof(why), "%s is %s, not %s (%s:%d)", expr,
		 spell(got, is_errno, a, sizeof(a)), spell(want, is_errno, b, sizeof(b)), file, line);
	va_start(ap, fmt);
	result(got == want, why, fmt, ap);
	va_end(ap);
	return got == want;
}

void vm_give_up(void)
{
	say("# giving up: the rest needs what just failed");
	_exit(1);
}

void note(const char *fmt, ...)
{
	char text[900], line[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	snprintf(line, sizeof(line), "# %s", text);
	say(line);
}

int checks_done(void)
{
	return counts->ok > 0 && counts->failed == 0 ? 0 : 1;
}
