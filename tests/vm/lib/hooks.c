// SPDX-License-Identifier: GPL-2.0
/*
 * Asking the hooks from user space, for scenarios that need no device.
 */
#include "hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vm.h"

int hooks_init(void)
{
	return run_shell("modprobe iommufd_lsm_ask");
}

int ask(const char *request)
{
	int fd = open("/dev/iommufd_lsm_ask", O_WRONLY | O_CLOEXEC), rc = 0;

	if (fd < 0)
		return -ENODEV;
	if (write(fd, request, strlen(request)) < 0)
		rc = -errno;
	close(fd);
	return rc;
}

int set_default_verdict(const char *verdict)
{
	return write_file("/sys/module/iommufd_lsm/parameters/default_verdict", verdict);
}

const char *output_of(int *status, const char *fmt, ...)
{
	static char output[65536];
	char command[4096];
	size_t used = 0, n;
	va_list ap;
	FILE *pipe;
	int rc;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	output[0] = '\0';
	pipe = popen(command, "re");
	if (!pipe) {
		if (status)
			*status = 127;
		return output;
	}
	while (used < sizeof(output) - 1 &&
	       (n = fread(output + used, 1, sizeof(output) - 1 - used, pipe)) > 0)
		used += n;
	output[used] = '\0';
	rc = pclose(pipe);
	if (status)
		*status = WIFSIGNALED(rc) ? 128 + WTERMSIG(rc) : WEXITSTATUS(rc);
	return output;
}

void pause_ms(unsigned int ms)
{
	struct timespec time = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&time, NULL);
}
