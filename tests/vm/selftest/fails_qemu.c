// SPDX-License-Identifier: GPL-2.0
/*
 * A transfer from beyond the device's buffer, at which QEMU's edu ends the whole machine.
 *
 * vm: about=fails: QEMU aborts
 * vm: must=QEMU ended with status 134: qemu: hardware error: EDU
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <unistd.h>

#include "vm.h"

int main(void)
{
	struct edu_setup setup;
	int iommufd = iommu_open();
	uint32_t ioas;

	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "a context with an IOAS");
	REQUIRE_RC(edu_setup(&setup, VM_EDU, iommufd, ioas), 0, "a device");
	edu_start(&setup.edu, 0, 0, 16, true);
	sleep(10);
	CHECK(false, "QEMU goes on");
	return checks_done();
}
