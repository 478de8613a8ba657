// SPDX-License-Identifier: GPL-2.0
/*
 * Test calls of /dev/iommu, served by kmod/mock: devices with nested HWPTs, page faults and dirty
 * pages, and the in-kernel accesses that no PCI device of a guest makes.
 */
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

#define TEST_CALL _IO(';', 0x80 + 32)

static int test_call(struct call *c, unsigned int ctx, uint32_t op, uint32_t id,
		     struct mock_cmd *cmd)
{
	cmd->size = sizeof(*cmd);
	cmd->op = op;
	cmd->id = id;
	return struct_call(c, ctx_fd(c, ctx), TEST_CALL, cmd, sizeof(*cmd));
}

static int device(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct mock_cmd cmd = { .mock_domain.flags = draw(c, 8) };
	int rc = test_call(c, ctx, chance(c, 70) ? MOCK_OP_MOCK_DOMAIN_FLAGS : MOCK_OP_MOCK_DOMAIN,
			   some_pt(c, ctx), &cmd);

	if (rc)
		return rc;
	learn_id(c, ctx, K_MOCK, cmd.mock_domain.out_object_id);
	learn_id(c, ctx, K_DEVICE, cmd.mock_domain.out_device_id);
	learn_id(c, ctx, K_HWPT, cmd.mock_domain.out_hwpt_id);
	return 0;
}

static int move(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct mock_cmd cmd = { .replace.pt_id = some_pt(c, ctx) };

	return test_call(c, ctx, MOCK_OP_MOCK_DOMAIN_REPLACE, some_id(c, ctx, K_MOCK), &cmd);
}

static int add_reserved(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct mock_cmd cmd = {
		.add_reserved = { .start = chance(c, 80) ? (0x40UL + draw(c, 64)) << 24 : some_iova(c),
				  .length = some_length(c) },
	};

	return test_call(c, ctx, MOCK_OP_ADD_RESERVED, some_id(c, ctx, K_IOAS), &cmd);
}

/* Maps first, so that there is something to compare */
static int check_map(struct call *c)
{
	unsigned int ctx = some_ctx(c), slot = draw(c, NR_IDS);
	size_t length;
	void *va = some_memory(c, &length);
	uint64_t iova = MOCK_IOVA + draw(c, 16) * 8 * PAGE;
	struct mock_cmd cmd = {
		.check_map = { .iova = iova, .length = PAGE, .uptr = (uintptr_t)va },
	};

	ioas_map(contexts[ctx].fd, contexts[ctx].ioas_of[slot], va, PAGE, iova);
	return test_call(c, ctx, MOCK_OP_CHECK_MAP, contexts[ctx].id[K_HWPT][slot], &cmd);
}

static int check_refs(struct call *c)
{
	size_t length;
	void *va = some_memory(c, &length);
	struct mock_cmd cmd = {
		.check_refs = { .length = chance(c, 90) ? PAGE : length, .refs = draw(c, 3),
				.uptr = (uintptr_t)(chance(c, 50) ? va : data_place(c, PAGE)) },
	};

	return test_call(c, some_ctx(c), MOCK_OP_CHECK_REFS, 0, &cmd);
}

static int check_iotlb(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct mock_cmd cmd = {
		.check_iotlb = { .entry = draw(c, 5), .value = draw(c, 3) ? 0 : 1 },
	};

	return test_call(c, ctx, MOCK_OP_CHECK_IOTLB, some_id(c, ctx, K_NESTED), &cmd);
}

/* Unchanged: one more bit makes an access that does not unpin, which is reported as the bug it is */
static int create_access(struct call *c)
{
	unsigned int ctx = some_ctx(c), slot = draw(c, NR_FDS);
	struct mock_cmd cmd = {
		.size = sizeof(cmd),
		.op = MOCK_OP_CREATE_ACCESS,
		.id = some_id(c, ctx, K_IOAS),
		.create_access.flags = chance(c, 95) ? (chance(c, 70) ? MOCK_ACCESS_NEEDS_PIN : 0) : 4,
	};
	int rc = exact_call(c, ctx_fd(c, ctx), TEST_CALL, &cmd, sizeof(cmd));

	if (!rc)
		put_fd(&contexts[ctx].access_fd[slot], cmd.create_access.out_fd);
	return rc;
}

static int access_move(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct mock_cmd cmd = { .access_replace.ioas_id = some_id(c, ctx, K_IOAS) };

	return test_call(c, ctx, MOCK_OP_ACCESS_REPLACE_IOAS, contexts[ctx].access_fd[draw(c, NR_FDS)],
			 &cmd);
}

static int pin(struct call *c)
{
	unsigned int ctx = some_ctx(c), slot = draw(c, NR_FDS);
	struct mock_cmd cmd = {
		.access_pages = { .flags = draw(c, 2), .iova = MOCK_IOVA + draw(c, 16) * 8 * PAGE,
				  .length = (1 + draw(c, 3)) * PAGE },
	};
	int rc = test_call(c, ctx, MOCK_OP_ACCESS_PAGES, contexts[ctx].access_fd[slot], &cmd);

	if (!rc)
		contexts[ctx].pin[slot] = cmd.access_pages.out_pages_id;
	return rc;
}

static int unpin(struct call *c)
{
	unsigned int ctx = some_ctx(c), slot = draw(c, NR_FDS);
	struct mock_cmd cmd = {
		.destroy_access_pages.pages_id = chance(c, 70) ? (uint32_t)contexts[ctx].pin[slot] :
								 draw(c, 32),
	};

	return test_call(c, ctx, MOCK_OP_DESTROY_ACCESS_PAGES, contexts[ctx].access_fd[slot], &cmd);
}

static int rw(struct call *c)
{
	unsigned int ctx = some_ctx(c), slot = draw(c, NR_FDS), length = 1 + draw(c, 3000);
	struct mock_cmd cmd = {
		.access_rw = { .iova = some_iova(c) + draw(c, 100), .length = length,
			       .uptr = (uintptr_t)data_place(c, length), .flags = draw(c, 8) },
	};

	return test_call(c, ctx, MOCK_OP_ACCESS_RW, contexts[ctx].access_fd[slot], &cmd);
}

static int access_close(struct call *c)
{
	int fd = atomic_exchange(&contexts[some_ctx(c)].access_fd[draw(c, NR_FDS)], -1);

	return fd < 0 ? -ENOEXEC : told(c, close(fd));
}

/* How many pages the map path takes at a time, for everybody: few, so that there are many borders */
static int memory_limit(struct call *c)
{
	struct mock_cmd cmd = { .memory_limit.limit = chance(c, 50) ? 12 * (1 + draw(c, 4)) : 65536 };

	return test_call(c, some_ctx(c), MOCK_OP_SET_MEMORY_LIMIT, 0, &cmd);
}

static int dirty(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	uint64_t *bits = data_place(c, 64);
	struct mock_cmd cmd = {
		.dirty = { .iova = some_iova(c), .length = (1 + draw(c, 3)) * PAGE, .page_size = MOCK_PAGE,
			   .uptr = (uintptr_t)bits },
	};

	if ((char *)bits == scratch->rw)
		*bits = draw64(c);
	return test_call(c, ctx, MOCK_OP_DIRTY, some_id(c, ctx, K_HWPT), &cmd);
}

static int fault(struct call *c)
{
	unsigned int ctx = some_ctx(c);
	struct mock_cmd cmd = {
		.trigger_iopf = { .device_id = some_id(c, ctx, K_DEVICE),
				  .pasid = chance(c, 95) ? 0 : draw(c, 4), .grpid = draw(c, 64),
				  .perm = 1 + draw(c, 3), .addr = draw64(c) },
	};
	struct mock_dev dev = { .object_id = some_id(c, ctx, K_MOCK) };

	/* who asks for pages is attached to a nested HWPT */
	if (chance(c, 30))
		mock_move(contexts[ctx].fd, &dev, some_id(c, ctx, K_NESTED));

	return test_call(c, ctx, MOCK_OP_TRIGGER_IOPF, 0, &cmd);
}

static int other(struct call *c)
{
	struct mock_cmd cmd = {};

	return test_call(c, some_ctx(c), 16 + draw(c, 8), draw(c, 16), &cmd);
}

const struct fuzz_call mock_calls[] = {
	{ "software device: new", 12, device, false, false },
	{ "software device: move", 50, move, false, false },
	{ "software device: page fault", 30, fault, false, false },
	{ "software device: writes", 20, dirty, false, false },
	{ "reserved addresses", 3, add_reserved, false, false },
	{ "look: map", 6, check_map, false, false },
	{ "look: pins", 6, check_refs, false, false },
	{ "look: IOTLB", 6, check_iotlb, false, false },
	{ "access: new", 8, create_access, false, false },
	{ "access: move", 12, access_move, false, false },
	{ "access: pin", 40, pin, false, false },
	{ "access: unpin", 20, unpin, false, false },
	{ "access: copy", 40, rw, false, false },
	{ "access: close", 3, access_close, false, false },
	{ "batch size", 3, memory_limit, false, false },
	{ "a test call nobody knows", 3, other, false, true },
	{ NULL, 0, NULL, false, false },
};
