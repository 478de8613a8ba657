// SPDX-License-Identifier: GPL-2.0
/*
 * S7: ids mean something in their own context only, and nothing moves a device between contexts.
 *
 * vm: about=an id of another context means nothing
 */
#include <string.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x100000

int main(void)
{
	uint32_t mine_ioas, ioas_b, ioas_c, hwpt, id = 0;
	struct iommu_ioas_iova_ranges ranges = { .size = sizeof(ranges) };
	struct edu_setup edu;
	uint8_t *mem, *foreign;
	int mine, other, i;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	mine = iommu_open();
	other = iommu_open();
	REQUIRE_RC(ioas_alloc(mine, &mine_ioas), 0, "an IOAS in one context");
	/* so that the other context has ids this one does not have */
	REQUIRE_RC(ioas_alloc(other, &ioas_b), 0, "IOASes in the other");
	for (i = 0; i < 8; i++)
		REQUIRE_RC(ioas_alloc(other, &ioas_c), 0, "and one more");
	mem = memory(4096, 'm');
	foreign = memory(4096, 'f');
	REQUIRE_RC(ioas_map(mine, mine_ioas, mem, 4096, IOVA), 0, "memory in one");
	REQUIRE_RC(ioas_map(other, ioas_c, foreign, 4096, IOVA), 0, "memory in the other");
	REQUIRE_RC(edu_setup(&edu, VM_EDU, mine, mine_ioas), 0, "a device in the first context");

	CHECK_RC(device_attach(edu.fd, ioas_c, NULL), -ENOENT, "S7 no move to an IOAS of another context");
	CHECK_RC(edu_push(&edu.edu, IOVA, 0, 16), 0, "a transfer");
	CHECK(mem[0] != 'm' && foreign[0] == 'f', "S7 DMA stays where it was");

	CHECK_RC(ioas_map(mine, ioas_c, mem, 4096, IOVA), -ENOENT, "S7 MAP with a foreign id");
	CHECK_RC(ioas_unmap(mine, ioas_c, IOVA, 4096, NULL), -ENOENT, "S7 UNMAP with a foreign id");
	CHECK_RC(ioas_copy(mine, mine_ioas, IOVA + 4096, ioas_c, IOVA, 4096), -ENOENT,
		 "S7 COPY from a foreign id");
	CHECK_RC(ioas_copy(mine, ioas_c, IOVA + 4096, mine_ioas, IOVA, 4096), -ENOENT,
		 "S7 COPY to a foreign id");
	CHECK_RC(ioas_name(mine, ioas_c, "stolen"), -ENOENT, "S7 SET_NAME with a foreign id");
	CHECK_RC(object_destroy(mine, ioas_c), -ENOENT, "S7 DESTROY with a foreign id");
	ranges.ioas_id = ioas_c;
	CHECK_RC(iommu_call(mine, IOMMU_IOAS_IOVA_RANGES, &ranges), -ENOENT, "S7 IOVA_RANGES likewise");
	CHECK_RC(hwpt_alloc(mine, edu.dev_id, ioas_c, &hwpt), -EINVAL, "S7 HWPT_ALLOC on a foreign IOAS");

	/* a fd that is bound stays with its context, a new one starts anew */
	CHECK_RC(device_bind(edu.fd, other, &id), -EINVAL, "S6 a bound fd does not bind again");
	CHECK_RC(edu_push(&edu.edu, IOVA, 0, 16), 0, "after all that a transfer");
	CHECK(foreign[0] == 'f', "S7 has not reached the other context's memory");
	edu_teardown(&edu);

	close(mine);
	close(other);
	return checks_done();
}
