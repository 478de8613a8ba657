// SPDX-License-Identifier: GPL-2.0
/*
 * The core's test interface: without a test module there is none of it; with one, its devices are
 * judged like any other, its calls are an administrator's, and it stays while something of it is
 * left.
 *
 * vm: about=the test ioctl exists with iommufd_mock alone, and its devices are judged
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "vm.h"
#include "kmod/mock/mock_abi.h"

#define TEST_CALL _IO(IOMMUFD_TYPE, IOMMUFD_CMD_BASE + 32)

struct request {
	int iommufd;
	struct mock_cmd cmd;
};

static int make_device(struct request *request, uint32_t ioas)
{
	memset(&request->cmd, 0, sizeof(request->cmd));
	request->cmd.size = sizeof(request->cmd);
	request->cmd.op = MOCK_OP_MOCK_DOMAIN;
	request->cmd.id = ioas;
	return iommu_call(request->iommufd, TEST_CALL, &request->cmd);
}

static int call_as_user(void *arg)
{
	struct request *request = arg;

	return -iommu_call(request->iommufd, TEST_CALL, &request->cmd);
}

static void set_verdict(const char *verdict)
{
	int rc = run_shell("echo %s > /sys/module/iommufd_lsm/parameters/default_verdict", verdict);

	REQUIRE(!rc, "default_verdict becomes %s", verdict);
}

static bool is_loaded(void)
{
	return !access("/sys/module/iommufd_mock", F_OK);
}

int main(void)
{
	struct request request = { .iommufd = iommu_open() };
	uint32_t ioas, hwpt;

	REQUIRE(request.iommufd >= 0, "/dev/iommu opens");
	REQUIRE_RC(ioas_alloc(request.iommufd, &ioas), 0, "an IOAS");
	CHECK(!is_loaded(), "nothing has loaded the test module");
	CHECK_RC(make_device(&request, ioas), -ENOTTY, "the test call does not exist");

	REQUIRE(!run_shell("modprobe iommufd_mock"), "the test module loads");
	set_verdict("deny");
	CHECK_RC(make_device(&request, ioas), -EACCES, "S16 the bind of a mock device is judged");
	CHECK(klog_count("denied bind of iommufd_mock") > 0, "S16 and the log says so");
	set_verdict("allow");

	CHECK_EQ(run_as(1000, call_as_user, &request), EPERM, "a test call is an administrator's");
	request.cmd.size = sizeof(request.cmd) - 8;
	CHECK_RC(iommu_call(request.iommufd, TEST_CALL, &request.cmd), -EINVAL,
		 "a short one is refused");
	CHECK_RC(make_device(&request, ioas), 0, "an administrator's makes a device");
	hwpt = request.cmd.mock_domain.out_hwpt_id;
	CHECK(proc_find("/proc/iommufd", "device", NULL, NULL, NULL, 0),
	      "which is seen in /proc/iommufd");
	CHECK_RC(object_destroy(request.iommufd, request.cmd.mock_domain.out_device_id), -EBUSY,
		 "its device belongs to the test object");
	CHECK_RC(object_destroy(request.iommufd, hwpt), -EBUSY, "its HWPT is in use");
	CHECK(run_shell("rmmod iommufd_mock 2> /dev/null") && is_loaded(),
	      "the module stays while an object of it is left");

	CHECK_RC(object_destroy(request.iommufd, request.cmd.mock_domain.out_object_id), 0,
		 "the test object can be destroyed");
	CHECK_RC(object_destroy(request.iommufd, hwpt), -ENOENT,
		 "and the HWPT ends with its device");
	CHECK(!run_shell("rmmod iommufd_mock") && !is_loaded(),
	      "then the module goes, while the context stays open");
	CHECK_RC(make_device(&request, ioas), -ENOTTY, "and the test call with it");

	REQUIRE(!run_shell("modprobe iommufd_mock"), "it loads again");
	CHECK_RC(make_device(&request, ioas), 0, "a device that is left to the close");
	close(request.iommufd);
	CHECK(!run_shell("rmmod iommufd_mock") && !is_loaded(),
	      "the close ends it, and the module goes");
	return checks_done();
}
