// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of /dev/iommu: Linux's own and IOAS_SET_NAME of iommufd_ext.h; its open, dup and close; the
 * file of a fault queue.
 */
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fuzz.h"

#define RW (IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_WRITEABLE)

static int ctx_open(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	int fd = told(c, open("/dev/iommu", O_RDWR | O_CLOEXEC));

	if (fd >= 0)
		ctx_fill(c, ctx, fd);
	return fd;
}

/* For as long as an open takes there is none */
static int ctx_close(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	int fd = atomic_exchange(&contexts[ctx].fd, -1);
	int rc = fd < 0 ? -ENOEXEC : told(c, close(fd));

	fd = iommu_open();
	if (fd >= 0)
		ctx_fill(c, ctx, fd);
	return rc;
}

static int some_dup(struct call *c)
{
	unsigned int slot = draw(c, NR_DUP);
	int fd = chance(c, 60) ? ctx_fd(c, some_ctx(c)) : dev_fd(c, draw(c, NR_DEV));

	fd = told(c, fcntl(fd, F_DUPFD_CLOEXEC, 3));
	if (fd >= 0)
		put_fd(&dups[slot], fd);
	return fd;
}

static int dup_close(struct call *c)
{
	int fd = atomic_exchange(&dups[draw(c, NR_DUP)], -1);

	return fd < 0 ? -ENOEXEC : told(c, close(fd));
}

static int ioas_alloc_call(struct call *c)
{
	struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
	unsigned int ctx = some_ctx(c);
	int rc = struct_call(c, ctx_fd(c, ctx), IOMMU_IOAS_ALLOC, &cmd, sizeof(cmd));

	if (!rc)
		learn_id(c, ctx, K_IOAS, cmd.out_ioas_id);
	return rc;
}

static int destroy(struct call *c)
{
	unsigned int ctx = some_ctx(c), what = draw(c, 10);
	static const enum kind kinds[10] = { K_IOAS, K_HWPT, K_HWPT, K_NESTED, K_NESTED, K_FAULT,
					     K_FAULT, K_MOCK, K_DEVICE, K_IOAS };
	/* what fell out of the pool has a small id, too */
	struct iommu_destroy cmd = {
		.size = sizeof(cmd),
		.id = chance(c, 20) ? 1 + draw(c, 64) : some_id(c, ctx, kinds[what]),
	};
	int rc = struct_call(c, ctx_fd(c, ctx), IOMMU_DESTROY, &cmd, sizeof(cmd));

	if (!rc)
		forget_id(ctx, cmd.id);
	return rc;
}

static int allow_iovas(struct call *c)
{
	unsigned int ctx = some_ctx(c), i, nr = draw(c, 4);
	struct iommu_iova_range *ranges = data_place(c, sizeof(*ranges) * nr);
	struct iommu_ioas_allow_iovas cmd = {
		.size = sizeof(cmd),
		.ioas_id = some_id(c, ctx, K_IOAS),
		.num_iovas = nr,
		.allowed_iovas = (uintptr_t)ranges,
	};

	if ((char *)ranges == scratch->rw) {
		for (i = 0; i < nr; i++) {
			/* wide ones in order, so that some are good */
			ranges[i].start = chance(c, 90) ? (MOCK_IOVA >> 1) + i * 0x1000000UL : boundary(c);
			ranges[i].last = chance(c, 90) ? ranges[i].start + 0xffffff : boundary(c);
		}
	}
	return struct_call(c, ctx_fd(c, ctx), IOMMU_IOAS_ALLOW_IOVAS, &cmd, sizeof(cmd));
}

static int iova_ranges(struct call *c)
{
	unsigned int ctx = some_ctx(c), nr = draw(c, 8);
	struct iommu_ioas_iova_ranges cmd = {
		.size = sizeof(cmd),
		.ioas_id = some_id(c, ctx, K_IOAS),
		.num_iovas = chance(c, 3) ? (uint32_t)boundary(c) : nr,
		.allowed_iovas = (uintptr_t)data_place(c, nr * sizeof(struct iommu_iova_range)),
	};

	return struct_call(c, ctx_fd(c, ctx), IOMMU_IOAS_IOVA_RANGES, &cmd, sizeof(cmd));
}

static uint32_t map_flags(struct call *c)
{
	static const uint32_t access[] = { RW, RW, RW, IOMMU_IOAS_MAP_READABLE,
					   IOMMU_IOAS_MAP_WRITEABLE, 0 };

	return access[draw(c, 6)] | (chance(c, 70) ? IOMMU_IOAS_MAP_FIXED_IOVA : 0);
}

static int map(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	size_t length;
	void *va = some_memory(c, &length);
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = map_flags(c),
		.ioas_id = some_id(c, ctx, K_IOAS),
		.user_va = (uintptr_t)va,
		.length = length,
		.iova = some_iova(c),
	};

	return struct_call(c, ctx_fd(c, ctx), IOMMU_IOAS_MAP, &cmd, sizeof(cmd));
}

/* What must not change may be read by devices, and by nobody's mistake be written */
static int map_readonly(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct iommu_ioas_map cmd = {
		.size = sizeof(cmd),
		.flags = IOMMU_IOAS_MAP_READABLE | IOMMU_IOAS_MAP_FIXED_IOVA,
		.ioas_id = some_id(c, ctx, K_IOAS),
		.user_va = CANARY_AT + draw(c, 5) * PAGE,
		.length = (1 + draw(c, 4)) * PAGE,
		.iova = MOCK_IOVA + draw(c, 16) * 8 * PAGE,
	};

	return exact_call(c, ctx_fd(c, ctx), IOMMU_IOAS_MAP, &cmd, sizeof(cmd));
}

static int copy(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct iommu_ioas_copy cmd = {
		.size = sizeof(cmd),
		.flags = map_flags(c),
		.dst_ioas_id = some_id(c, ctx, K_IOAS),
		.src_ioas_id = some_id(c, ctx, K_IOAS),
		.length = (1 + draw(c, 3)) * PAGE,
		.dst_iova = some_iova(c),
		.src_iova = some_iova(c),
	};

	return struct_call(c, ctx_fd(c, ctx), IOMMU_IOAS_COPY, &cmd, sizeof(cmd));
}

static int unmap(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = some_id(c, ctx, K_IOAS),
		.iova = some_iova(c),
		.length = some_length(c),
	};

	return struct_call(c, ctx_fd(c, ctx), IOMMU_IOAS_UNMAP, &cmd, sizeof(cmd));
}

static int unmap_all(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct iommu_ioas_unmap cmd = {
		.size = sizeof(cmd),
		.ioas_id = some_id(c, ctx, K_IOAS),
		.length = UINT64_MAX,
	};

	return struct_call(c, ctx_fd(c, ctx), IOMMU_IOAS_UNMAP, &cmd, sizeof(cmd));
}

static int option(struct call *c, int fd, uint16_t op, uint32_t id, uint32_t object)
{
	struct iommu_option cmd = {
		.size = sizeof(cmd),
		.option_id = id,
		.op = op,
		.object_id = object,
		.val64 = draw(c, 2),
	};

	return struct_call(c, fd, IOMMU_OPTION, &cmd, sizeof(cmd));
}

static int rlimit_get(struct call *c)
{
	return option(c, ctx_fd(c, some_ctx(c)), IOMMU_OPTION_OP_GET, IOMMU_OPTION_RLIMIT_MODE, 0);
}

/* Works on an empty context alone; it may be used by the calls after it */
static int rlimit_set(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	int fd, rc;

	if (chance(c, 50))
		return option(c, ctx_fd(c, ctx), IOMMU_OPTION_OP_SET, IOMMU_OPTION_RLIMIT_MODE, 0);
	fd = iommu_open();
	rc = option(c, fd, IOMMU_OPTION_OP_SET, IOMMU_OPTION_RLIMIT_MODE, 0);
	if (fd >= 0 && chance(c, 80))
		close(fd);
	else if (fd >= 0)
		ctx_fill(c, ctx, fd);
	return rc;
}

static int huge_get(struct call *c)
{
	unsigned int ctx = some_ctx(c);

	return option(c, ctx_fd(c, ctx), IOMMU_OPTION_OP_GET, IOMMU_OPTION_HUGE_PAGES,
		      some_id(c, ctx, K_IOAS));
}

static int huge_set(struct call *c)
{
	unsigned int ctx = some_ctx(c);

	return option(c, ctx_fd(c, ctx), IOMMU_OPTION_OP_SET, IOMMU_OPTION_HUGE_PAGES,
		      some_id(c, ctx, K_IOAS));
}

static int vfio_ioas(struct call *c, uint16_t op)
{
	unsigned int ctx = some_ctx(c);
	struct iommu_vfio_ioas cmd = {
		.size = sizeof(cmd),
		.ioas_id = some_id(c, ctx, K_IOAS),
		.op = op,
	};

	return struct_call(c, ctx_fd(c, ctx), IOMMU_VFIO_IOAS, &cmd, sizeof(cmd));
}

static int vfio_ioas_get(struct call *c)
{
	return vfio_ioas(c, IOMMU_VFIO_IOAS_GET);
}

static int vfio_ioas_set(struct call *c)
{
	return vfio_ioas(c, IOMMU_VFIO_IOAS_SET);
}

static int vfio_ioas_clear(struct call *c)
{
	return vfio_ioas(c, IOMMU_VFIO_IOAS_CLEAR);
}

static int set_name(struct call *c)
{
	static const char *const names[] = { "a", "guest-1", "thirty-one-characters-are-a-name",
					     "with space", "", "\x7f", "no\nline" };
	unsigned int ctx = some_ctx(c);
	struct iommufd_ioas_set_name cmd = { .size = sizeof(cmd), .ioas_id = some_id(c, ctx, K_IOAS) };

	strncpy(cmd.name, names[draw(c, 7)], sizeof(cmd.name) - 1);
	if (chance(c, 5))
		memset(cmd.name, 'x', sizeof(cmd.name));
	return struct_call(c, ctx_fd(c, ctx), IOMMUFD_IOAS_SET_NAME, &cmd, sizeof(cmd));
}

static int hwpt(struct call *c)
{
	static const uint32_t flags[] = { 0, 0, IOMMU_HWPT_ALLOC_NEST_PARENT,
					  IOMMU_HWPT_ALLOC_DIRTY_TRACKING,
					  IOMMU_HWPT_ALLOC_NEST_PARENT | IOMMU_HWPT_ALLOC_DIRTY_TRACKING };
	unsigned int ctx = some_ctx(c), slot = draw(c, NR_IDS);
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = flags[draw(c, 5)],
		.dev_id = some_id(c, ctx, K_DEVICE),
		.pt_id = some_id(c, ctx, K_IOAS),
	};
	uint32_t ioas = cmd.pt_id;
	int rc = struct_call(c, ctx_fd(c, ctx), IOMMU_HWPT_ALLOC, &cmd, sizeof(cmd));

	if (!rc) {
		contexts[ctx].id[K_HWPT][slot] = cmd.out_hwpt_id;
		contexts[ctx].ioas_of[slot] = ioas;
	}
	return rc;
}

static int hwpt_nested(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct mock_hwpt_data *data = data_place(c, sizeof(*data));
	bool faults = chance(c, 75);
	struct iommu_hwpt_alloc cmd = {
		.size = sizeof(cmd),
		.flags = faults ? IOMMU_HWPT_FAULT_ID_VALID : 0,
		.dev_id = some_id(c, ctx, K_DEVICE),
		.pt_id = some_id(c, ctx, K_HWPT),
		.data_type = chance(c, 95) ? MOCK_HWPT_DATA : draw(c, 3),
		.data_len = chance(c, 95) ? sizeof(*data) : (uint32_t)boundary(c),
		.data_uptr = (uintptr_t)data,
		.fault_id = faults ? some_id(c, ctx, K_FAULT) : 0,
	};
	int rc;

	if ((char *)data == scratch->rw)
		data->iotlb = draw64(c);
	rc = struct_call(c, ctx_fd(c, ctx), IOMMU_HWPT_ALLOC, &cmd, sizeof(cmd));
	if (!rc)
		learn_id(c, ctx, K_NESTED, cmd.out_hwpt_id);
	return rc;
}

static int invalidate(struct call *c)
{
	unsigned int ctx = some_ctx(c), i, nr = draw(c, 8);
	struct mock_invalidate *entries = data_place(c, nr * sizeof(*entries));
	struct iommu_hwpt_invalidate cmd = {
		.size = sizeof(cmd),
		.hwpt_id = some_id(c, ctx, K_NESTED),
		.data_uptr = (uintptr_t)entries,
		.data_type = chance(c, 95) ? MOCK_INVALIDATE_DATA : draw(c, 3),
		.entry_len = chance(c, 95) ? sizeof(*entries) : (uint32_t)boundary(c),
		.entry_num = chance(c, 97) ? nr : (uint32_t)boundary(c),
	};

	for (i = 0; (char *)entries == scratch->rw && i < nr; i++) {
		entries[i].flags = chance(c, 90) ? draw(c, 2) : draw64(c);
		entries[i].entry = chance(c, 90) ? draw(c, 4) : draw64(c);
	}
	return struct_call(c, ctx_fd(c, ctx), IOMMU_HWPT_INVALIDATE, &cmd, sizeof(cmd));
}

static int hw_info(struct call *c)
{
	unsigned int ctx = some_ctx(c), length = draw(c, 64);
	struct iommu_hw_info cmd = {
		.size = sizeof(cmd),
		.dev_id = some_id(c, ctx, K_DEVICE),
		.data_len = length,
		.data_uptr = (uintptr_t)data_place(c, length),
	};

	return struct_call(c, ctx_fd(c, ctx), IOMMU_GET_HW_INFO, &cmd, sizeof(cmd));
}

static int set_dirty(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct iommu_hwpt_set_dirty_tracking cmd = {
		.size = sizeof(cmd),
		.flags = chance(c, 70) ? IOMMU_HWPT_DIRTY_TRACKING_ENABLE : 0,
		.hwpt_id = some_id(c, ctx, K_HWPT),
	};

	return struct_call(c, ctx_fd(c, ctx), IOMMU_HWPT_SET_DIRTY_TRACKING, &cmd, sizeof(cmd));
}

static int get_dirty(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct iommu_hwpt_get_dirty_bitmap cmd = {
		.size = sizeof(cmd),
		.flags = chance(c, 20) ? IOMMU_HWPT_GET_DIRTY_BITMAP_NO_CLEAR : 0,
		.hwpt_id = some_id(c, ctx, K_HWPT),
		.iova = some_iova(c),
		.length = (1 + draw(c, 3)) * PAGE,
		.page_size = chance(c, 95) ? 2048UL << draw(c, 3) : boundary(c),
		.data = (uintptr_t)data_place(c, 64),
	};

	return struct_call(c, ctx_fd(c, ctx), IOMMU_HWPT_GET_DIRTY_BITMAP, &cmd, sizeof(cmd));
}

static int fault_alloc(struct call *c)
{
	unsigned int ctx = some_ctx(c), slot = draw(c, NR_FDS);
	struct iommu_fault_alloc cmd = { .size = sizeof(cmd) };
	int rc = struct_call(c, ctx_fd(c, ctx), IOMMU_FAULT_QUEUE_ALLOC, &cmd, sizeof(cmd));

	if (rc)
		return rc;
	learn_id(c, ctx, K_FAULT, cmd.out_fault_id);
	put_fd(&contexts[ctx].fault_fd[slot], cmd.out_fault_fd);
	return 0;
}

/* Answers what it has read, or makes something up */
static int fault_read(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct iommu_hwpt_pgfault *faults = data_place(c, 4 * sizeof(*faults));
	struct iommu_hwpt_page_response answer = { .code = IOMMUFD_PAGE_RESP_SUCCESS };
	int fd = contexts[ctx].fault_fd[draw(c, NR_FDS)], rc;
	size_t length = sizeof(*faults) * (1 + draw(c, 4)) + (chance(c, 5) ? draw(c, 8) : 0);
	bool respond = chance(c, 60);

	rc = told(c, read(fd, faults, length));
	if (rc <= 0)
		return rc ?: -ENODATA;
	if (respond && (char *)faults == scratch->rw) {
		answer.cookie = faults->cookie;
		if (write(fd, &answer, sizeof(answer)) < 0)
			say(c, " not answered");
	}
	return rc;
}

static int fault_write(struct call *c)
{
	unsigned int ctx = some_ctx(c), i, nr = 1 + draw(c, 3);
	struct iommu_hwpt_page_response *answers = data_place(c, nr * sizeof(*answers));
	int fd = contexts[ctx].fault_fd[draw(c, NR_FDS)];
	size_t length = nr * sizeof(*answers) + (chance(c, 5) ? 3 : 0);
	struct iommu_hwpt_pgfault asked;
	uint32_t cookie = 0;

	if (chance(c, 60) && read(fd, &asked, sizeof(asked)) == sizeof(asked))
		cookie = asked.cookie;
	for (i = 0; (char *)answers == scratch->rw && i < nr; i++) {
		/* cookies are given in order */
		answers[i].cookie = cookie && !i ? cookie : draw(c, 24);
		answers[i].code = chance(c, 95) ? draw(c, 2) : draw64(c);
	}
	return told(c, write(fd, answers, length));
}

static int fault_poll(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct pollfd pfd = {
		.fd = contexts[ctx].fault_fd[draw(c, NR_FDS)], .events = POLLIN | POLLOUT,
	};

	return told(c, poll(&pfd, 1, 0));
}

static int fault_close(struct call *c)
{
	int fd = atomic_exchange(&contexts[some_ctx(c)].fault_fd[draw(c, NR_FDS)], -1);

	return fd < 0 ? -ENOEXEC : told(c, close(fd));
}

static int unknown(struct call *c)
{
	char zeroes[64] = { 64 };
	static const unsigned char types[] = { ';', 0xf7, 0, 'x' };
	unsigned long request = _IO(types[draw(c, 4)], 0xf0 + draw(c, 16));

	return struct_call(c, ctx_fd(c, some_ctx(c)), request, zeroes, sizeof(zeroes));
}

const struct fuzz_call iommu_calls[] = {
	{ "open /dev/iommu", 2, ctx_open, false, false },
	{ "close of a context", 1, ctx_close, false, false },
	{ "dup", 6, some_dup, false, false },
	{ "close of a dup", 6, dup_close, false, false },
	{ "IOAS_ALLOC", 30, ioas_alloc_call, false, false },
	{ "DESTROY", 40, destroy, false, false },
	{ "IOAS_ALLOW_IOVAS", 10, allow_iovas, false, false },
	{ "IOAS_IOVA_RANGES", 20, iova_ranges, false, false },
	{ "IOAS_MAP", 120, map, false, false },
	{ "IOAS_MAP read-only canary", 20, map_readonly, true, false },
	{ "IOAS_COPY", 60, copy, false, false },
	{ "IOAS_UNMAP", 50, unmap, false, false },
	{ "IOAS_UNMAP all", 6, unmap_all, false, false },
	{ "OPTION_RLIMIT_MODE get", 6, rlimit_get, false, false },
	{ "OPTION_RLIMIT_MODE set", 2, rlimit_set, false, false },
	{ "OPTION_HUGE_PAGES get", 6, huge_get, false, false },
	{ "OPTION_HUGE_PAGES set", 6, huge_set, false, false },
	{ "VFIO_IOAS get", 6, vfio_ioas_get, false, false },
	{ "VFIO_IOAS set", 20, vfio_ioas_set, false, false },
	{ "VFIO_IOAS clear", 2, vfio_ioas_clear, false, false },
	{ "IOAS_SET_NAME", 10, set_name, false, false },
	{ "HWPT_ALLOC", 40, hwpt, false, false },
	{ "HWPT_ALLOC nested", 40, hwpt_nested, false, false },
	{ "HWPT_INVALIDATE", 20, invalidate, false, false },
	{ "GET_HW_INFO", 20, hw_info, false, false },
	{ "HWPT_SET_DIRTY_TRACKING", 20, set_dirty, false, false },
	{ "HWPT_GET_DIRTY_BITMAP", 40, get_dirty, false, false },
	{ "FAULT_QUEUE_ALLOC", 12, fault_alloc, false, false },
	{ "read of faults", 20, fault_read, false, false },
	{ "write of responses", 20, fault_write, false, false },
	{ "poll of faults", 6, fault_poll, false, false },
	{ "close of a fault queue", 3, fault_close, false, false },
	{ "a call nobody knows", 6, unknown, false, true },
	{ NULL, 0, NULL, false, false },
};
