// SPDX-License-Identifier: GPL-2.0
/*
 * What happens beside the calls: memory that goes, comes and changes its access under mappings,
 * children that inherit everything, use it and die, a policy that starts to deny.
 */
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fuzz.h"

#define MADV_COLLAPSE_ 25 /* not in Debian 12's headers */

/* Of the first piece alone, and it comes back: other pages, or none for a moment */
static int memory_goes(struct call *c)
{
	char *at = (char *)MEMORY_AT + draw(c, 60) * PAGE;

	if (chance(c, 50))
		munmap(at, 4 * PAGE);
	return told(c, mmap(at, 4 * PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ? -1 : 0);
}

static int memory_dontneed(struct call *c)
{
	size_t length;
	char *at = some_memory(c, &length);
	int advice[] = { MADV_DONTNEED, MADV_FREE, MADV_COLD, MADV_PAGEOUT, MADV_COLLAPSE_ };

	return told(c, madvise((void *)((uintptr_t)at & ~(PAGE - 1)), length, advice[draw(c, 5)]));
}

static int memory_protect(struct call *c)
{
	char *at = (char *)MEMORY_AT + draw(c, 60) * PAGE;

	return told(c, mprotect(at, 4 * PAGE, chance(c, 70) ? PROT_READ | PROT_WRITE :
				chance(c, 70) ? PROT_READ : PROT_NONE));
}

/*
 * A child does nothing, or calls with everything it inherited, as root or as a user, and ends by
 * itself or is killed.
 */
static int forks(struct call *c)
{
	unsigned int what = draw(c, 3), delay = draw(c, 20000), i;
	pid_t pid = fork();
	int status;

	if (pid < 0)
		return told(c, -1);
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (what == 2 && (setgroups(0, NULL) || setresgid(1000, 1000, 1000) ||
				  setresuid(1000, 1000, 1000)))
			_exit(1);
		c->child = true;
		fuzz_print = false;
		for (i = 0; what && i < 30; i++)
			fuzz_child_call(c);
		_exit(0);
	}
	if (chance(c, 50)) {
		usleep(delay);
		kill(pid, SIGKILL);
	}
	say(c, " pid %d", pid);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* a fault of its own would be the fuzzer's mistake */
	errno = ECHILD;
	return told(c, WIFSIGNALED(status) && WTERMSIG(status) != SIGKILL ? -1 : 0);
}

static int verdict(struct call *c)
{
	int fd = open("/sys/module/iommufd_lsm/parameters/default_verdict", O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return told(c, -1);
	n = write(fd, "deny", 4);
	usleep(draw(c, 3000));
	n = write(fd, "allow", 5);
	close(fd);
	return told(c, n < 0 ? -1 : 0);
}

const struct fuzz_call memory_calls[] = {
	{ "memory goes and comes", 8, memory_goes, false, false },
	{ "madvise", 8, memory_dontneed, false, false },
	{ "mprotect", 4, memory_protect, false, false },
	{ "a child that inherits all", 2, forks, true, false },
	{ "everything is denied a moment", 1, verdict, true, false },
	{ NULL, 0, NULL, false, false },
};
