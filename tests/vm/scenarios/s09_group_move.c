// SPDX-License-Identifier: GPL-2.0
/*
 * S9: a group moves as one. The move hook is asked once for each attached device, and one denial vetoes it
 * for all.
 *
 * vm: about=siblings move together, and one denial keeps all where they are
 */
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x100000

/* Where DMA of a device lands: 'a', 'b' or 0 */
static int lands(struct edu *edu, uint8_t *mem_a, uint8_t *mem_b)
{
	memset(mem_a, 'a', 16);
	memset(mem_b, 'b', 16);
	if (edu_push(edu, IOVA, 0, 16))
		return -1;
	return !mem_a[0] && mem_b[0] ? 'a' : mem_a[0] && !mem_b[0] ? 'b' : 0;
}

static const char one_may_not[] =
	"version: 1\n"
	"name: one-may-not-move\n"
	"rules:\n"
	"  - allow: [open, ioas-alloc, ioas-name, device-open, bind, attach, detach, move]\n"
	"    who: any\n"
	"  - deny: move\n"
	"    who: any\n"
	"    device: { address: \"" VM_PAIR2 "\" }\n";

int main(void)
{
	uint32_t a, b, pt, manual;
	struct edu_setup first, second;
	uint8_t *mem_a, *mem_b;
	long long asked;
	int iommufd;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	iommufd = iommu_open();
	REQUIRE_RC(ioas_alloc(iommufd, &a), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(iommufd, &b), 0, "another");
	mem_a = memory(4096, 'a');
	mem_b = memory(4096, 'b');
	REQUIRE_RC(ioas_map(iommufd, a, mem_a, 4096, IOVA), 0, "memory in the one");
	REQUIRE_RC(ioas_map(iommufd, b, mem_b, 4096, IOVA), 0, "other memory there in the other");
	REQUIRE_RC(pci_bind(VM_PAIR2, VM_DRIVER), 0, "our driver has both");
	REQUIRE_RC(edu_setup(&first, VM_PAIR1, iommufd, a), 0, "the first device attaches");

	/* a sibling joins the group's translation or stays out */
	second.fd = device_open(VM_PAIR2);
	REQUIRE_RC(device_bind(second.fd, iommufd, &second.dev_id), 0, "the second binds");
	CHECK_RC(device_attach(second.fd, b, NULL), -EINVAL, "S9 it cannot attach elsewhere");
	CHECK_RC(device_attach(second.fd, a, &pt), 0, "S9 it can attach where the first is");
	REQUIRE_RC(edu_init(&second.edu, second.fd), 0, "and is operable");
	CHECK_EQ(lands(&first.edu, mem_a, mem_b), 'a', "S9 the first writes to the one IOAS");
	CHECK_EQ(lands(&second.edu, mem_a, mem_b), 'a', "S9 so does the second");

	/* one asks, both move, both are judged */
	asked = hook_count("move", "asked");
	CHECK_RC(device_attach(second.fd, b, NULL), 0, "the second moves");
	CHECK_EQ(hook_count("move", "asked") - asked, 2, "S9 the hook was asked once for each");
	CHECK_EQ(lands(&second.edu, mem_a, mem_b), 'b', "S9 it writes to the other IOAS");
	CHECK_EQ(lands(&first.edu, mem_a, mem_b), 'b', "S9 and so does its sibling");
	CHECK(proc_find("/proc/iommufd", "group", "state=translated bound=2 attached=2", NULL, NULL, 0),
	      "S9 the group is one");

	/* a HWPT made by hand */
	REQUIRE_RC(hwpt_alloc(iommufd, first.dev_id, a, &manual), 0, "a HWPT of the one IOAS");
	CHECK_RC(device_attach(first.fd, manual, &pt), 0, "the first moves there");
	CHECK_EQ(pt, manual, "S9 by its id");
	CHECK_EQ(lands(&first.edu, mem_a, mem_b), 'a', "S9 the first writes to the one");
	CHECK_EQ(lands(&second.edu, mem_a, mem_b), 'a', "S9 and the second");
	CHECK_RC(object_destroy(iommufd, manual), -EBUSY, "S9 what the group uses cannot be destroyed");
	CHECK_RC(device_attach(first.fd, b, NULL), 0, "back to the other IOAS");
	CHECK_RC(object_destroy(iommufd, manual), 0, "then it can");

	/* one denial vetoes it for all, whoever asks */
	REQUIRE_RC(load_policy(one_may_not), 0, "a policy that lets one of them not move");
	asked = hook_count("move", "denied");
	CHECK_RC(device_attach(first.fd, a, NULL), -EACCES, "S9 the first may move, its sibling may not");
	CHECK_RC(device_attach(second.fd, a, NULL), -EACCES, "S9 so neither moves, whoever asks");
	CHECK_EQ(hook_count("move", "denied") - asked, 2, "S9 one denial each time");
	CHECK_EQ(lands(&first.edu, mem_a, mem_b), 'b', "S9 the first stayed");
	CHECK_EQ(lands(&second.edu, mem_a, mem_b), 'b', "S9 the second stayed");

	/* once the other is detached it has no say */
	CHECK_RC(device_detach(second.fd), 0, "the second detaches");
	CHECK_RC(device_attach(first.fd, a, NULL), 0, "S9 then the first moves alone");
	CHECK_EQ(lands(&first.edu, mem_a, mem_b), 'a', "S9 and is there");

	edu_teardown(&second);
	edu_teardown(&first);
	close(iommufd);
	return checks_done();
}
