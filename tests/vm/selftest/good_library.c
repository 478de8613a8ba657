// SPDX-License-Identifier: GPL-2.0
/*
 * vm: about=passes: the parts of the library that need none of our modules
 * vm: must=pass
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "vm.h"

static int whoami(void *arg)
{
	(void)arg;
	return getuid() == 1000 && getgid() == 1000 ? 0 : 1;
}

int main(int argc, char **argv)
{
	int pair[2], status;
	uint32_t value;
	char *page;
	int fd;

	if (argc > 1)
		return !strcmp(argv[0], "other") ? 42 : 1;

	CHECK_EQ(run_as(1000, whoami, NULL), 0, "a child runs as another user");
	CHECK_RC(copy_self("/tmp/other"), 0, "a program copies itself");
	status = run_program("/tmp/other", (char *[]){ "other", "x", NULL });
	CHECK_EQ(status, 42, "and runs as another file");
	CHECK_EQ(run_shell("kill -9 $$"), 128 + SIGKILL, "a signal is told from an exit");

	page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK_EQ(touch(page, &value), SIGSEGV, "touching what may not be read raises SIGSEGV");
	mprotect(page, 4096, PROT_READ | PROT_WRITE);
	CHECK_EQ(touch(page, &value), 0, "and afterwards not");

	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair), "a socket pair");
	CHECK_RC(send_fd(pair[0], 1), 0, "an fd is sent");
	fd = receive_fd(pair[1]);
	CHECK(fd > 2 && dprintf(fd, "# over a passed fd\n") > 0, "and received");

	CHECK(mlock(page, 4096) == 0 && process_kb(0, "VmLck") == 4, "VmLck is read");
	CHECK(vmstat("nr_foll_pin_acquired") >= 0, "/proc/vmstat is read");
	CHECK_EQ(proc_number("/proc/cmdline", "console=ttyS0,115200", "oops=panic", "panic_on_warn"), 1,
		 "a number is read from a line of words");
	CHECK(!proc_find("/proc/cmdline", "console=ttyS0,115200", "oops=pan", NULL, NULL, 0),
	      "half a word is no word");
	klog_mark();
	CHECK_EQ(klog_count("nothing of this kind"), 0, "the log is searched");

	CHECK_RC(pci_bind(VM_EDU, "vfio-pci"), -ENODEV, "a driver that is not there binds nothing");
	CHECK_EQ(run_shell("modprobe vfio-pci"), 0, "vfio-pci loads");
	CHECK_RC(pci_bind(VM_EDU, "vfio-pci"), 0, "and takes a device");
	CHECK(!strcmp(pci_driver(VM_EDU), "vfio-pci"), "which says so");
	CHECK_RC(pci_bind(VM_EDU, ""), 0, "and gives it back");
	CHECK(pci_group(VM_PAIR1) == pci_group(VM_PAIR2), "the pair is one group");
	return checks_done();
}
