// SPDX-License-Identifier: GPL-2.0
/*
 * S13: a bind yields an id for the device, valid in this context alone and while it is bound, and what it
 * names is a device and nothing else. What a user writes (a name of an IOAS, of its process) is never
 * taken for the identity of a device.
 *
 * vm: about=the id of a bound device, and names that claim to be one
 */
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x100000

static const char one_device[] =
	"version: 1\n"
	"name: one-device\n"
	"rules:\n"
	"  - allow: [open, ioas-alloc, ioas-name, detach]\n"
	"    who: any\n"
	"  - allow: [device-open, bind, attach, move, hwpt-alloc]\n"
	"    who: any\n"
	"    device: { address: \"" VM_EDU "\" }\n";

int main(void)
{
	uint32_t mine_ioas, other_ioas, named, dev_id, dev2_id, hwpt;
	struct edu_setup edu, edu2;
	int mine, other, rc;
	uint8_t *mem;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	mine = iommu_open();
	other = iommu_open();
	REQUIRE_RC(ioas_alloc(mine, &mine_ioas), 0, "an IOAS in one context");
	REQUIRE_RC(ioas_alloc(other, &other_ioas), 0, "one in another");
	mem = memory(4096, 'm');
	REQUIRE_RC(ioas_map(mine, mine_ioas, mem, 4096, IOVA), 0, "memory mapped");
	REQUIRE_RC(edu_setup(&edu, VM_EDU, mine, mine_ioas), 0, "a device in the one");
	REQUIRE_RC(edu_setup(&edu2, VM_EDU2, other, other_ioas), 0, "a device in the other");
	dev_id = edu.dev_id;
	dev2_id = edu2.dev_id;

	CHECK(dev_id > 0 && dev2_id > 0, "S13 each has an id: %u and %u", dev_id, dev2_id);
	CHECK_RC(hwpt_alloc(mine, dev_id, mine_ioas, &hwpt), 0, "S13 the id names the device");
	CHECK_RC(object_destroy(mine, hwpt), 0, "for what is made for it");
	CHECK_RC(hwpt_alloc(mine, dev_id + 100, mine_ioas, &hwpt), -ENOENT, "S13 another id names none");
	CHECK_RC(hwpt_alloc(mine, mine_ioas, mine_ioas, &hwpt), -ENOENT, "S13 an IOAS is no device");
	CHECK_RC(ioas_map(mine, dev_id, mem, 4096, IOVA + 8192), -ENOENT, "S13 a device is no IOAS");
	CHECK_RC(device_attach(edu.fd, dev_id, NULL), -EINVAL, "S13 a device attaches to no device");
	CHECK_RC(object_destroy(mine, dev_id), -EBUSY, "S13 nobody destroys it while it is bound");
	CHECK_RC(object_destroy(mine, mine_ioas), -EBUSY, "S13 nor the IOAS it uses");
	CHECK_RC(device_detach(edu.fd), 0, "the device detaches");
	CHECK_RC(object_destroy(mine, dev_id), -EBUSY, "S13 detached it is still bound");
	edu_teardown(&edu);
	CHECK_RC(hwpt_alloc(mine, dev_id, mine_ioas, &hwpt), -ENOENT, "S13 the id is gone with the device");
	CHECK_RC(object_destroy(mine, dev_id), -ENOENT, "S13 altogether");
	edu_teardown(&edu2);

	/* who calls itself, or its IOAS, as an allowed device is called is not that device */
	REQUIRE_RC(load_policy(one_device), 0, "a policy that allows one device");
	REQUIRE_RC(run_shell("echo deny > /sys/module/iommufd_lsm/parameters/default_verdict"), 0,
		   "and nothing else is allowed");
	prctl(PR_SET_NAME, VM_EDU);
	REQUIRE_RC(ioas_alloc(mine, &named), 0, "an IOAS");
	CHECK_RC(ioas_name(mine, named, VM_EDU), 0, "named as the allowed device");
	rc = device_open(VM_EDU2);
	CHECK_RC(rc, -EACCES, "S13 another device stays closed to a process of that name");
	rc = edu_setup(&edu, VM_EDU, mine, named);
	CHECK_RC(rc, 0, "S13 control: the allowed device attaches");
	edu_teardown(&edu);

	close(mine);
	close(other);
	return checks_done();
}
