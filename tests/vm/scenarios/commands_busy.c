// SPDX-License-Identifier: GPL-2.0
/*
 * What the commands say of devices in use: why of a device whose group a context has, bound, attached and free
 * again; status --graph and metrics of the same.
 *
 * vm: about=why, status --graph and metrics of devices in use
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"

/* The exit status of a command of the loader, and whether it says all of these words, NULL at the end */
static int say(const char *arguments, const char *const *words, const char **missing)
{
	char command[512];
	int rc;

	*missing = NULL;
	snprintf(command, sizeof(command), "iommufd-lsm %s > said 2>&1", arguments);
	rc = run_shell("%s", command);
	for (; *words && !*missing; words++) {
		snprintf(command, sizeof(command), "grep -q -e \"%s\" said", *words);
		if (run_shell("%s", command)) {
			*missing = *words;
			run_shell("sed 's/^/# /' said");
		}
	}
	return rc;
}

#define SAYS(status, arguments, what, ...) do {                                 \
	const char *missing;                                                    \
	int got = say(arguments, (const char *const[]){ __VA_ARGS__, NULL }, &missing); \
	CHECK(got == (status), "%s: exits %d (%d)", what, status, got);         \
	CHECK(!missing, "%s: says so (%s)", what, missing ? missing : "all");   \
} while (0)

int main(void)
{
	uint32_t ioas, id;
	char owner[64];
	int ctx, fd;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_PAIR1, VM_DRIVER), 0, "our driver has one of a group");
	REQUIRE_RC(pci_bind(VM_PAIR2, VM_DRIVER), 0, "and another");
	ctx = iommu_open();
	REQUIRE_RC(ioas_alloc(ctx, &ioas), 0, "an IOAS");
	REQUIRE_RC(ioas_name(ctx, ioas, "guest-\"1\""), 0, "with a name that needs care");
	SAYS(0, "why " VM_PAIR1, "a free device", "can be claimed", VM_PAIR2 " (" VM_DRIVER ")");

	fd = device_open(VM_PAIR1);
	REQUIRE(fd >= 0, "it opens");
	REQUIRE_RC(device_bind(fd, ctx, &id), 0, "and binds");
	snprintf(owner, sizeof(owner), "claimed by context [0-9]* of run .pid %d,", getpid());
	SAYS(1, "why " VM_PAIR1, "a bound device", "cannot be claimed", owner, "not attached, so it is not operable",
	     "is open in run");
	SAYS(1, "why " VM_PAIR2, "its sibling", owner, "the device itself is not bound");
	REQUIRE_RC(device_attach(fd, ioas, NULL), 0, "it attaches");
	SAYS(1, "why " VM_PAIR1, "an attached device", owner, "bound and attached there: operable");

	SAYS(0, "status --graph", "the graph of it", "label=.context [0-9]* of run",
	     "label=.IOAS [0-9]* guest-..1", "device " VM_PAIR1 ". -> .group [0-9]*.;$",
	     "group [0-9]*. -> .ioas [0-9]*/[0-9]*.;$");
	SAYS(0, "metrics", "its metrics", "^iommufd_devices_bound 1$", "^iommufd_devices_attached 1$",
	     "^iommufd_groups_claimed 1$", "^iommufd_lsm_default_allow 1$", "^iommufd_lsm_policy_generation 0$");

	close(fd);
	SAYS(0, "why " VM_PAIR2, "after it is closed", "can be claimed");
	close(ctx);
	return checks_done();
}
