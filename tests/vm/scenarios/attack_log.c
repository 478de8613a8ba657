// SPDX-License-Identifier: GPL-2.0
/*
 * What an unprivileged user can write into the host's logs. A process chooses its name, and a program the
 * names of its address spaces; neither may make a line that is not there, or a control a terminal obeys.
 *
 * vm: about=names that processes choose cannot forge lines of any log
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <signal.h>
#include <sys/klog.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/capability.h>

#include "vm.h"

#define ALICE 1000
/* 15 characters: a line of its own, a line feed, an escape */
#define EVIL "a\nFORGED\033[2Jb"

/* Raw, as dmesg(1) gets it: whether a line starts with, behind its time, what only a name says */
static int forged_lines(void)
{
	static char log[1 << 20];
	int n = klogctl(3 /* SYSLOG_ACTION_READ_ALL */, log, sizeof(log) - 1), found = 0;
	char *line, *next, *text;

	if (n < 0)
		return -1;
	log[n] = 0;
	for (line = log; line && *line; line = next) {
		next = strchr(line, '\n');
		if (next)
			*next++ = 0;
		text = line;
		if (*text == '<')
			text = strchr(text, '>') + 1;
		if (*text == '[' && strchr(text, ']'))
			text = strchr(text, ']') + 2;
		found += !strncmp(text, "FORGED", 6) || strchr(text, '\033');
	}
	return found;
}

/* Have the kernel itself write its caller's name into the log, which it does as it is (and once for each boot) */
static int asks_in_an_old_way(void *arg)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_1 };
	struct __user_cap_data_struct data;

	(void)arg;
	prctl(PR_SET_NAME, EVIL);
	return syscall(SYS_capget, &head, &data) ? 1 : 0;
}

static int denied_open(void *arg)
{
	(void)arg;
	prctl(PR_SET_NAME, EVIL);
	return iommu_open() < 0 ? 0 : 1;
}

static int hold_device(int tell)
{
	prctl(PR_SET_NAME, EVIL);
	if (device_open(VM_EDU) < 0 || write(tell, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

int main(void)
{
	struct legacy door;
	int told[2], forged;
	char path[64];
	pid_t pid;

	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	REQUIRE_RC(run_shell("chmod 666 /dev/iommu /dev/vfio/devices/*"), 0, "the nodes are everybody's");
	CHECK_EQ(forged_lines(), 0, "control: the log has no forged line to begin with");
	CHECK_EQ(run_as(ALICE, asks_in_an_old_way, NULL), 0, "the kernel writes a process's name into its log");
	forged = forged_lines();
	CHECK(forged > 0, "without protection: the name makes a line of its own (%d)", forged);
	klog_mark();
	CHECK_EQ(run_as(ALICE, denied_open, NULL), 0, "an open is denied");
	CHECK(klog_count("denied open") > 0, "control: and in the kernel's log");
	CHECK_EQ(forged_lines(), forged, "the denial is one line of the kernel's log, whatever the process is called");

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE(!pipe(told), "a pipe");
	pid = fork();
	if (!pid)
		hold_device(told[1]);
	CHECK_EQ(read(told[0], path, 1), 1, "somebody with that name opens the device");
	CHECK_RC(pci_bind(VM_EDU, ""), 0, "the driver is unbound under a holder with that name");
	CHECK(klog_count("taken away from") > 0, "control: and the log says from whom");
	CHECK_EQ(forged_lines(), forged, "taking a device away is one line, whatever its holder is called");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);

	REQUIRE_RC(run_shell("modprobe vfio-pci && modprobe vfio_iommu_type1"), 0, "stock VFIO is there");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device again");
	klog_mark();
	prctl(PR_SET_NAME, EVIL);
	CHECK(!legacy_open(&door, VM_EDU) && legacy_device(&door, VM_EDU) < 0, "the legacy door is tried");
	legacy_close(&door);
	prctl(PR_SET_NAME, "attack_log");
	CHECK(klog_count("legacy VFIO open by") > 0, "control: and in the log");
	CHECK_EQ(forged_lines(), forged, "a legacy open is one line, whatever the opener is called");
	return checks_done();
}
