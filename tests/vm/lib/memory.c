// SPDX-License-Identifier: GPL-2.0
/* Memory of a scenario: filled, or such that whoever touches it waits, and a call that does. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <linux/pci_regs.h>
#include <linux/userfaultfd.h>

#include "vm.h"

void *memory(size_t length, int fill)
{
	void *va = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (va == MAP_FAILED)
		abort();
	memset(va, fill, length);
	return va;
}

int stalling_open(void)
{
	struct uffdio_api api = { .api = UFFD_API };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);

	return uffd >= 0 && !ioctl(uffd, UFFDIO_API, &api) ? uffd : -errno;
}

int stalling_from(int uffd, void *page)
{
	struct uffdio_register reg = {
		.range = { .start = (uintptr_t)page, .len = 4096 },
		.mode = UFFDIO_REGISTER_MODE_MISSING,
	};

	return ioctl(uffd, UFFDIO_REGISTER, &reg) ? -errno : 0;
}

void *stalling_page(int uffd)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return page == MAP_FAILED || stalling_from(uffd, page) ? NULL : page;
}

int stalling_wait(int uffd, int milliseconds)
{
	struct uffd_msg msg;
	int n = 0;

	wait_readable(uffd, milliseconds);
	while (read(uffd, &msg, sizeof(msg)) == sizeof(msg))
		n++;
	return n;
}

int stalling_answer(int uffd, void *page, const void *content)
{
	struct uffdio_copy copy = { .dst = (uintptr_t)page, .src = (uintptr_t)content, .len = 4096 };

	return ioctl(uffd, UFFDIO_COPY, &copy) ? -errno : 0;
}

static void *stalled_call(void *arg)
{
	const uint64_t config = (uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40;
	struct stalled_call *call = arg;

	call->result = call->writes ? pwrite(call->fd, call->page, 2, config + PCI_COMMAND) :
				      pread(call->fd, call->page, 64, config);
	call->error = errno;
	call->done = true;
	return NULL;
}

int stalled_call_begin(struct stalled_call *call, int uffd)
{
	int rc;

	call->done = false;
	call->page = stalling_page(uffd);
	if (!call->page)
		return -ENOMEM;
	rc = pthread_create(&call->thread, NULL, stalled_call, call);
	if (rc)
		return -rc;
	return stalling_wait(uffd, 15000) == 1 ? 0 : -ETIMEDOUT;
}
