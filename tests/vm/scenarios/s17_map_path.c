// SPDX-License-Identifier: GPL-2.0
/*
 * S17: the map path calls no hook. A million map and unmap calls on an IOAS with a device attached leave the
 * number of requests to the hooks where it was, with a policy loaded and its programs attached. That no
 * path leads there is shown by tests/host/map_path_calls.sh, from the module's code.
 *
 * vm: about=a million map and unmap calls ask no hook
 * vm: timeout=400
 */
#include <unistd.h>

#include "vm.h"

#define CALLS 1000000 /* map and unmap together */
#define IOVA 0x100000

static const char allow_all[] =
	"version: 1\n"
	"name: allow-all\n"
	"rules:\n"
	"  - allow: [open, ioas-alloc, device-open, bind, attach, move, detach]\n"
	"    who: any\n";

int main(void)
{
	struct edu_setup edu;
	uint32_t ioas, to;
	long long before;
	int iommufd, i;
	void *mem;

	REQUIRE_RC(load_policy(allow_all), 0, "a policy is loaded");
	iommufd = iommu_open();
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(iommufd, &to), 0, "another, for copies");
	REQUIRE_RC(edu_setup(&edu, VM_EDU, iommufd, ioas), 0, "with a device");
	mem = memory(4096, 'm');

	before = hook_count(NULL, NULL);
	CHECK(before > 0, "S17 control: the hooks have been asked %lld times", before);
	for (i = 0; i < CALLS / 2; i++) {
		if (ioas_map(iommufd, ioas, mem, 4096, IOVA))
			break;
		if (i < 1000 && (ioas_copy(iommufd, to, IOVA, ioas, IOVA, 4096) ||
				 ioas_unmap(iommufd, to, IOVA, 4096, NULL)))
			break;
		if (ioas_unmap(iommufd, ioas, IOVA, 4096, NULL))
			break;
	}
	CHECK_EQ(i, CALLS / 2, "S17 a million calls succeeded");
	CHECK_EQ(hook_count(NULL, NULL) - before, 0, "S17 and asked no hook");
	CHECK_RC(device_attach(edu.fd, to, NULL), 0, "a move");
	CHECK_EQ(hook_count(NULL, NULL) - before, 1, "S17 control: that asked one");

	edu_teardown(&edu);
	close(iommufd);
	return checks_done();
}
