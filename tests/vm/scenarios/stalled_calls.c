// SPDX-License-Identifier: GPL-2.0
/*
 * A holder stalls calls of his inside the driver, by giving them memory whose faults he answers
 * himself and does not. S10: a detach of his waits for them. S11, S14: a revocation does not, when
 * his driver is unbound or his operator revokes meanwhile: DMA is blocked, mappings are gone, and no
 * call he lets go on afterwards brings anything back.
 *
 * vm: about=calls stalled by userfaultfd: detach waits, a revocation does not
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/pci_regs.h>

#include "hooks.h"
#include "vm.h"

#define IOVA 0x800000
#define EDU_BUFFER 0x40000
#define CONFIG ((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40)

static int fd, uffd;

static volatile bool detached;
static volatile int detach_rc;

static void *detach(void *arg)
{
	(void)arg;
	detach_rc = device_detach(fd);
	detached = true;
	return NULL;
}

/* What detach takes away must not be in use any more when it returns */
static void detach_waits(uint32_t ioas)
{
	static struct stalled_call reader;
	static char content[4096];
	struct vfio_device_info info = { .argsz = sizeof(info) };
	pthread_t detacher;

	reader.fd = fd;
	REQUIRE_RC(stalled_call_begin(&reader, uffd), 0, "a read of config space hangs in the driver");
	pthread_create(&detacher, NULL, detach, NULL);
	usleep(500000);
	CHECK(!reader.done, "control: a read of config space hangs in the driver");
	CHECK(!detached, "S10 a detach waits for it");
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_GET_INFO, &info), -EINVAL, "S10 but lets nobody else in");
	CHECK_RC(stalling_answer(uffd, reader.page, content), 0, "the read is let go on");
	pthread_join(reader.thread, NULL);
	CHECK_EQ(reader.result, 64, "it does what it was called for");
	pthread_join(detacher, NULL);
	CHECK_RC(detach_rc, 0, "S10 and then the detach is done");
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "it attaches again");
	CHECK_RC(device_enable(fd, true, true), 0, "and is enabled");
}

/* The operator is told who keeps a call from ending, and need not wait for it */
static void operator_does_not_wait(int iommufd, uint32_t ioas)
{
	static struct stalled_call reader;
	static char content[4096];
	struct edu_setup setup;
	const char *said;
	int status;

	REQUIRE_RC(edu_setup(&setup, VM_EDU2, iommufd, ioas), 0, "another device is operable");
	fd = setup.fd;
	reader.fd = fd;
	REQUIRE_RC(stalled_call_begin(&reader, uffd), 0, "a read of config space hangs in the driver");
	said = output_of(&status, "iommufd-lsm revoke " VM_EDU2 " 2>&1");
	CHECK_EQ(status, 0, "S11 an operator revokes");
	if (!CHECK(strstr(said, "keeps a call waiting") && strstr(said, "revoked " VM_EDU2),
		   "S11 and is told that a call does not end"))
		note("it says: %s", said);
	CHECK(!reader.done, "control: it does not");
	CHECK_EQ(poll_events(fd, 0), POLLHUP | POLLERR, "S11 the holder is told");
	CHECK(!(pci_command(VM_EDU2) & PCI_COMMAND_MASTER), "S11 bus mastering is off");
	CHECK(proc_find("/proc/iommufd", "device", "address=" VM_EDU2 " attached=0", NULL, NULL, 0),
	      "S11 it is detached");
	CHECK_RC(stalling_answer(uffd, reader.page, content), 0, "the call is let go on");
	pthread_join(reader.thread, NULL);
	for (int i = 0; i < 5000; i++) {
		if (!proc_find("/proc/iommufd", "device", "address=" VM_EDU2, NULL, NULL, 0))
			break;
		usleep(1000);
	}
	CHECK(!proc_find("/proc/iommufd", "device", "address=" VM_EDU2, NULL, NULL, 0),
	      "S11 then the device belongs to no context");
	munmap((void *)setup.edu.bar, setup.edu.bar_size);
	close(fd);
	REQUIRE_RC(edu_setup(&setup, VM_EDU2, iommufd, ioas), 0, "S11 and is good for the next");
	edu_teardown(&setup);
}

int main(void)
{
	static struct stalled_call reader, writer;
	static union {
		char bytes[4096];
		uint16_t command;
	} content;
	struct edu_setup setup;
	uint32_t ioas, value;
	int iommufd, status;
	uint8_t *mem;
	char line[256];
	bool arrived = false;
	pid_t unbinder;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	uffd = stalling_open();
	REQUIRE(uffd >= 0, "faults can be answered by us");
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	mem = memory(4096, 'm');
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA), 0, "memory mapped");
	REQUIRE_RC(edu_setup(&setup, VM_EDU, iommufd, ioas), 0, "the device is operable");
	fd = setup.fd;
	CHECK_RC(edu_push(&setup.edu, IOVA, 0, 16), 0, "a transfer runs");
	CHECK(mem[0] != 'm', "control: DMA arrives");

	detach_waits(ioas);

	reader.fd = writer.fd = fd;
	writer.writes = true;
	REQUIRE_RC(stalled_call_begin(&reader, uffd), 0, "a read of config space hangs in the driver");
	REQUIRE_RC(stalled_call_begin(&writer, uffd), 0, "and a write");

	memset(mem, 'm', 4096);
	edu_start(&setup.edu, EDU_BUFFER, IOVA, 64, true);
	unbinder = fork();
	if (!unbinder)
		_exit(!!pci_bind(VM_EDU, ""));
	CHECK_EQ(poll_events(fd, 10000), POLLHUP | POLLERR, "S11 the device is taken away all the same");
	for (int i = 0; i < 3000; i++) { /* until the core says so too */
		if (proc_find("/proc/iommufd", "device", "attached=0", NULL, NULL, 0))
			break;
		usleep(1000);
	}
	CHECK(proc_find("/proc/iommufd", "device", "attached=0", NULL, NULL, 0),
	      "S11 it is detached while the calls still hang");
	CHECK(!reader.done && !writer.done, "S11 control: they do");
	CHECK_EQ(waitpid(unbinder, &status, WNOHANG), 0, "the unbind itself waits for them");
	memset(mem, 'x', 4096);
	CHECK_EQ(touch(setup.edu.bar, &value), SIGBUS, "S11 the BAR mapping is gone");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S11 bus mastering is off");
	usleep(300000);
	for (int i = 0; i < 4096; i++)
		arrived = arrived || mem[i] != 'x';
	CHECK(!arrived, "S11 the transfer under way does not arrive");

	/* the write goes on, and would set bus mastering; the read keeps hanging */
	content.command = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER;
	CHECK_RC(stalling_answer(uffd, writer.page, &content), 0, "the write is let go on");
	pthread_join(writer.thread, NULL);
	CHECK_EQ(writer.result, 2, "it does what it was called for");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "S11 bus mastering stays off");
	CHECK(!reader.done, "S11 control: the other call hangs still");
	CHECK(pread(fd, line, 4, CONFIG) < 0 && errno == EIO, "S11 a new call is EIO");

	CHECK_RC(stalling_answer(uffd, reader.page, &content), 0, "the read is let go on");
	pthread_join(reader.thread, NULL);
	waitpid(unbinder, &status, 0);
	CHECK_EQ(status, 0, "the unbind is done when they are");
	CHECK(!(pci_command(VM_EDU) & PCI_COMMAND_MASTER), "bus mastering is off");
	munmap((void *)setup.edu.bar, setup.edu.bar_size);
	CHECK(!close(fd), "the dead fd closes");
	operator_does_not_wait(iommufd, ioas);
	return checks_done();
}
