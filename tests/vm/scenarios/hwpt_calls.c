// SPDX-License-Identifier: GPL-2.0
/*
 * The calls about HWPTs and the IOMMU itself, on the VT-d that QEMU emulates: what it says of
 * itself, that what it cannot do is refused and leaves nothing, and the life of a fault queue. What
 * takes an IOMMU that can do more is in mock_dirty.c and mock_faults.c. S16: each HWPT is judged.
 *
 * vm: about=GET_HW_INFO, HWPT_ALLOC's flags, dirty tracking's refusal, life of a fault queue
 * vm: append=iommufd_lsm.default_verdict=allow
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

static int fd;
static struct edu_setup edu;
static uint32_t ioas;

static int hw_info(struct iommu_hw_info *cmd, uint32_t dev_id, void *data, uint32_t length)
{
	memset(cmd, 0, sizeof(*cmd));
	cmd->size = sizeof(*cmd);
	cmd->dev_id = dev_id;
	cmd->data_uptr = (uintptr_t)data;
	cmd->data_len = length;
	return iommu_call(fd, IOMMU_GET_HW_INFO, cmd);
}

static void what_it_is(void)
{
	static uint8_t buf[64], zero[64];
	struct iommu_hw_info_vtd vtd, *longer = (void *)buf;
	struct iommu_hw_info cmd;

	CHECK_RC(hw_info(&cmd, edu.dev_id, &vtd, sizeof(vtd)), 0, "GET_HW_INFO");
	CHECK_EQ(cmd.out_data_type, IOMMU_HW_INFO_TYPE_INTEL_VTD, "GET_HW_INFO: it is a VT-d");
	CHECK_EQ(cmd.data_len, sizeof(vtd), "GET_HW_INFO: and knows so many bytes of itself");
	CHECK(vtd.cap_reg && vtd.ecap_reg, "GET_HW_INFO: which are there");
	CHECK_EQ(cmd.out_capabilities, 0, "GET_HW_INFO: it can not track dirty pages");
	CHECK_EQ(cmd.out_max_pasid_log2, 0, "GET_HW_INFO: nor has it PASIDs");

	memset(buf, 0xff, sizeof(buf));
	CHECK_RC(hw_info(&cmd, edu.dev_id, buf, 48), 0, "GET_HW_INFO: a longer buffer");
	CHECK(!memcmp(longer, &vtd, sizeof(vtd)) && !memcmp(buf + sizeof(vtd), zero, 48 - sizeof(vtd)),
	      "GET_HW_INFO: is zero behind it");
	CHECK_EQ(buf[48], 0xff, "GET_HW_INFO: up to its end");
	memset(buf, 0xff, sizeof(buf));
	CHECK_RC(hw_info(&cmd, edu.dev_id, buf, 12), 0, "GET_HW_INFO: a shorter buffer");
	CHECK(!memcmp(buf, &vtd, 12) && buf[12] == 0xff, "GET_HW_INFO: gets its beginning");
	CHECK_EQ(cmd.data_len, sizeof(vtd), "GET_HW_INFO: and the length of all of it");
	CHECK_RC(hw_info(&cmd, edu.dev_id, NULL, 0), 0, "GET_HW_INFO: no buffer");
	CHECK_RC(hw_info(&cmd, edu.dev_id, NULL, 1), -EFAULT, "GET_HW_INFO: a buffer that is none");
	CHECK_RC(hw_info(&cmd, edu.dev_id, (void *)-4096UL, 64), -EFAULT, "GET_HW_INFO: of the kernel");
	CHECK_RC(hw_info(&cmd, ioas, &vtd, sizeof(vtd)), -ENOENT, "GET_HW_INFO of an IOAS");
	memset(&cmd, 0, sizeof(cmd));
	cmd.size = sizeof(cmd);
	cmd.dev_id = edu.dev_id;
	cmd.__reserved[2] = 1;
	CHECK_RC(iommu_call(fd, IOMMU_GET_HW_INFO, &cmd), -EOPNOTSUPP, "GET_HW_INFO: something reserved");
}

static int alloc(uint32_t pt_id, uint32_t flags, uint32_t data_type, void *data, uint32_t data_len,
		 uint32_t fault_id, uint32_t *id)
{
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags,
		.dev_id = edu.dev_id,
		.pt_id = pt_id,
		.data_type = data_type,
		.data_len = data_len,
		.data_uptr = (uintptr_t)data,
		.fault_id = fault_id,
	};
	int rc = iommu_call(fd, IOMMU_HWPT_ALLOC, &cmd);

	*id = cmd.out_hwpt_id;
	return rc;
}

static void flags(uint32_t fault_id)
{
	struct iommu_hwpt_vtd_s1 s1 = { .addr_width = 48 };
	struct iommu_hwpt_invalidate inv = { .size = sizeof(inv) };
	long long asked = hook_count("hwpt-alloc", "asked");
	uint32_t id, plain;
	char *big;

	CHECK_RC(alloc(ioas, IOMMU_HWPT_ALLOC_DIRTY_TRACKING, 0, NULL, 0, 0, &id), -EOPNOTSUPP,
		 "a HWPT that knows what is dirty");
	CHECK_RC(alloc(ioas, IOMMU_HWPT_FAULT_ID_VALID, 0, NULL, 0, fault_id, &id), -EOPNOTSUPP,
		 "one with an IOAS whose faults are delivered");
	CHECK_RC(alloc(ioas, IOMMU_HWPT_FAULT_ID_VALID | IOMMU_HWPT_ALLOC_NEST_PARENT, 0, NULL, 0,
		       fault_id, &id), -EOPNOTSUPP, "a parent whose faults are delivered");
	CHECK_RC(alloc(ioas, 1U << 31, 0, NULL, 0, 0, &id), -EOPNOTSUPP, "flags nobody knows");
	CHECK_EQ(hook_count("hwpt-alloc", "asked"), asked, "nobody was asked about what cannot be");
	CHECK_RC(alloc(ioas, IOMMU_HWPT_ALLOC_NEST_PARENT, 0, NULL, 0, 0, &id), -EOPNOTSUPP,
		 "a parent, of an IOMMU that cannot nest");
	CHECK_RC(alloc(ioas, 0, IOMMU_HWPT_DATA_VTD_S1, &s1, sizeof(s1), 0, &id), -EOPNOTSUPP,
		 "an IOAS with data");
	CHECK_RC(alloc(ioas, 0, IOMMU_HWPT_DATA_VTD_S1, NULL, 0, 0, &id), -EINVAL, "a type without data");
	CHECK_RC(alloc(ioas, 0, IOMMU_HWPT_DATA_NONE, &s1, sizeof(s1), 0, &id), -EINVAL,
		 "data without a type");
	big = memory(8192, 0);
	CHECK_RC(alloc(ioas, 0, IOMMU_HWPT_DATA_VTD_S1, big, 8192, 0, &id), -E2BIG, "too much data");
	munmap(big, 8192);

	asked = hook_count("hwpt-alloc", "asked");
	CHECK_RC(alloc(ioas, 0, 0, NULL, 0, 0, &plain), 0, "a plain one");
	CHECK_EQ(hook_count("hwpt-alloc", "asked"), asked + 1, "S16 it was asked about");
	CHECK_RC(alloc(plain, 0, IOMMU_HWPT_DATA_VTD_S1, &s1, sizeof(s1), 0, &id), -EINVAL,
		 "nested in one that was not made for it");
	CHECK_RC(alloc(plain, 0, 0, NULL, 0, 0, &id), -EOPNOTSUPP, "nested, without data");
	inv.hwpt_id = plain;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_INVALIDATE, &inv), -ENOENT, "its tables are the kernel's");
	inv.entry_num = 7;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_INVALIDATE, &inv), -EINVAL, "entries that are nowhere");
	CHECK_EQ(inv.entry_num, 0, "none of which was handled");
	CHECK_RC(object_destroy(fd, plain), 0, "it goes");
}

static void dirty(void)
{
	struct iommu_hwpt_set_dirty_tracking set = { .size = sizeof(set), .flags = 1 };
	struct iommu_hwpt_get_dirty_bitmap get = { .size = sizeof(get) };
	uint64_t bits = ~0ULL;
	uint32_t id;

	CHECK_RC(alloc(ioas, 0, 0, NULL, 0, 0, &id), 0, "a HWPT");
	set.hwpt_id = get.hwpt_id = id;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &set), -EOPNOTSUPP,
		 "SET_DIRTY_TRACKING of one that cannot");
	set.flags = 2;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &set), -EOPNOTSUPP,
		 "SET_DIRTY_TRACKING: flags nobody knows");
	set.flags = 1;
	set.hwpt_id = ioas;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_SET_DIRTY_TRACKING, &set), -ENOENT,
		 "SET_DIRTY_TRACKING of an IOAS");
	get.iova = 0x100000;
	get.page_size = 4096;
	get.data = (uintptr_t)&bits;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get), -EINVAL, "GET_DIRTY_BITMAP of nothing");
	get.length = 4096;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get), -EOPNOTSUPP,
		 "GET_DIRTY_BITMAP of one that cannot: never says clean");
	get.length = -4096ULL;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get), -EOVERFLOW,
		 "GET_DIRTY_BITMAP: a range that wraps");
	get.length = 4095;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get), -EINVAL,
		 "GET_DIRTY_BITMAP: a range that is no page");
	get.length = 4096;
	get.page_size = 0;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get), -EINVAL,
		 "GET_DIRTY_BITMAP: bits for nothing");
	get.page_size = 1UL << 21;
	CHECK_RC(iommu_call(fd, IOMMU_HWPT_GET_DIRTY_BITMAP, &get), -EINVAL,
		 "GET_DIRTY_BITMAP: a range that is no bit");
	CHECK_EQ(bits, ~0ULL, "GET_DIRTY_BITMAP: nothing was written");
	CHECK_RC(object_destroy(fd, id), 0, "the HWPT goes");
}

static int fault_alloc(uint32_t *id, int *queue)
{
	struct iommu_fault_alloc cmd = { .size = sizeof(cmd) };
	int rc = iommu_call(fd, IOMMU_FAULT_QUEUE_ALLOC, &cmd);

	*id = cmd.out_fault_id;
	*queue = cmd.out_fault_fd;
	return rc;
}

static void queue_life(uint32_t *kept, int *kept_queue)
{
	struct iommu_hwpt_page_response answer = { .cookie = 1 };
	struct iommu_hwpt_pgfault message;
	struct pollfd poller;
	uint32_t id, dev;
	int queue;

	CHECK_RC(fault_alloc(&id, &queue), 0, "a fault queue");
	CHECK(fcntl(queue, F_GETFD) & FD_CLOEXEC, "its file does not survive an exec");
	poller = (struct pollfd) { .fd = queue, .events = POLLIN | POLLOUT };
	CHECK(poll(&poller, 1, 0) == 1 && poller.revents == POLLOUT, "it has no fault, and takes answers");
	CHECK_EQ(read(queue, &message, sizeof(message)), 0, "reading it gives nothing, at once");
	CHECK(read(queue, &message, sizeof(message) - 1) < 0 && errno == ESPIPE, "half a message");
	CHECK(pread(queue, &message, sizeof(message), 8) < 0 && errno == ESPIPE, "messages from the middle");
	CHECK(write(queue, &answer, sizeof(answer)) < 0 && errno == EINVAL, "an answer to no fault");
	CHECK(write(queue, &answer, sizeof(answer) - 1) < 0 && errno == ESPIPE, "half an answer");
	CHECK(write(queue, (void *)-4096UL, sizeof(answer)) < 0 && errno == EFAULT, "an answer that is nowhere");
	CHECK_RC(device_bind(queue, fd, &dev), -ENOTTY, "it is no device");
	CHECK_RC(iommu_call(queue, IOMMU_IOAS_ALLOC, &message), -ENOTTY, "nor /dev/iommu");
	CHECK_RC(object_destroy(fd, id), -EBUSY, "it stays while its file is open");
	close(queue);
	CHECK_RC(object_destroy(fd, id), 0, "and goes then");
	CHECK_RC(object_destroy(fd, id), -ENOENT, "it is gone");
	CHECK_RC(fault_alloc(&id, &queue), 0, "another");
	close(queue);
	CHECK_RC(fault_alloc(kept, kept_queue), 0, "and one that is left to the end");
}

int main(void)
{
	uint32_t queue_id;
	int queue;

	fd = iommu_open();
	REQUIRE_RC(ioas_alloc(fd, &ioas), 0, "an IOAS");
	REQUIRE_RC(edu_setup(&edu, VM_EDU, fd, ioas), 0, "a device");
	what_it_is();
	queue_life(&queue_id, &queue);
	flags(queue_id);
	dirty();
	edu_teardown(&edu);
	/* the queue's file keeps the context, not the other way round */
	close(fd);
	CHECK(proc_find("/proc/iommufd", "context", NULL, NULL, NULL, 0), "the context stays with the file");
	close(queue);
	for (int i = 0; i < 1000 && proc_find("/proc/iommufd", "context", NULL, NULL, NULL, 0); i++)
		usleep(1000);
	CHECK(!proc_find("/proc/iommufd", "context", NULL, NULL, NULL, 0), "and goes with it");
	return checks_done();
}
