// SPDX-License-Identifier: GPL-2.0
/*
 * Every call of /dev/iommu with structs that are too short, too long, empty, all ones, unreadable: the errno
 * that is documented, and nothing changed. What the values mean is tested where the calls are.
 *
 * vm: about=malformed structs on /dev/iommu: the right errno, nothing changed
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define ROOM 256 /* more than any struct here */

/* A call, the size of its struct, and the least size that Linux accepts for it */
static const struct call {
	const char *name;
	unsigned long request;
	uint32_t size, least;
	int zeroes; /* what a struct of zeroes but for its size gives */
	int ones;   /* and one of ones */
} calls[] = {
	{ "DESTROY", IOMMU_DESTROY, 8, 8, -ENOENT, -ENOENT },
	{ "FAULT_QUEUE_ALLOC", IOMMU_FAULT_QUEUE_ALLOC, sizeof(struct iommu_fault_alloc), 16, 0,
	  -EOPNOTSUPP },
	{ "GET_HW_INFO", IOMMU_GET_HW_INFO, sizeof(struct iommu_hw_info), 32, -ENOENT, -EOPNOTSUPP },
	{ "HWPT_ALLOC", IOMMU_HWPT_ALLOC, sizeof(struct iommu_hwpt_alloc), 24, -ENOENT, -EOPNOTSUPP },
	{ "HWPT_GET_DIRTY_BITMAP", IOMMU_HWPT_GET_DIRTY_BITMAP,
	  sizeof(struct iommu_hwpt_get_dirty_bitmap), 48, -ENOENT, -EOPNOTSUPP },
	{ "HWPT_INVALIDATE", IOMMU_HWPT_INVALIDATE, sizeof(struct iommu_hwpt_invalidate), 32,
	  -ENOENT, -EOPNOTSUPP },
	{ "HWPT_SET_DIRTY_TRACKING", IOMMU_HWPT_SET_DIRTY_TRACKING,
	  sizeof(struct iommu_hwpt_set_dirty_tracking), 16, -ENOENT, -EOPNOTSUPP },
	{ "IOAS_ALLOC", IOMMU_IOAS_ALLOC, sizeof(struct iommu_ioas_alloc), 12, 0, -EOPNOTSUPP },
	{ "IOAS_ALLOW_IOVAS", IOMMU_IOAS_ALLOW_IOVAS, sizeof(struct iommu_ioas_allow_iovas), 24,
	  -ENOENT, -EOPNOTSUPP },
	{ "IOAS_COPY", IOMMU_IOAS_COPY, sizeof(struct iommu_ioas_copy), 40, -EINVAL, -EOPNOTSUPP },
	{ "IOAS_IOVA_RANGES", IOMMU_IOAS_IOVA_RANGES, sizeof(struct iommu_ioas_iova_ranges), 32,
	  -ENOENT, -EOPNOTSUPP },
	{ "IOAS_MAP", IOMMU_IOAS_MAP, sizeof(struct iommu_ioas_map), 40, -EINVAL, -EOPNOTSUPP },
	{ "IOAS_UNMAP", IOMMU_IOAS_UNMAP, sizeof(struct iommu_ioas_unmap), 24, -ENOENT, -ENOENT },
	{ "OPTION", IOMMU_OPTION, sizeof(struct iommu_option), 24, -EBUSY, -EOPNOTSUPP },
	{ "VFIO_IOAS", IOMMU_VFIO_IOAS, sizeof(struct iommu_vfio_ioas), 12, -ENODEV, -EOPNOTSUPP },
	{ "IOAS_SET_NAME", IOMMUFD_IOAS_SET_NAME, sizeof(struct iommufd_ioas_set_name), 48, -EINVAL,
	  -EOPNOTSUPP },
};

static int iommufd;
static char before[8192];

static void look(char *text, size_t size)
{
	int fd = open("/proc/iommufd", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, text, size - 1);

	text[n < 0 ? 0 : n] = 0;
	close(fd);
}

static bool unchanged(void)
{
	static char after[sizeof(before)];

	look(after, sizeof(after));
	return !strcmp(before, after);
}

static int call(const struct call *c, const void *arg)
{
	return ioctl(iommufd, c->request, arg) ? -errno : 0;
}

static const struct call *find_call(const char *name)
{
	const struct call *c = calls;

	while (strcmp(c->name, name))
		c++;
	return c;
}

static void malformed(const struct call *c)
{
	uint8_t buf[ROOM];
	uint32_t size;
	int rc = -EINVAL;

	/* too short, by every byte */
	for (size = 0; size < c->least && rc == -EINVAL; size++) {
		memset(buf, 0, sizeof(buf));
		memcpy(buf, &size, 4);
		rc = call(c, buf);
	}
	CHECK_RC(rc, -EINVAL, "%s shorter than %u bytes", c->name, c->least);

	/* longer than known: fine while what is not known is zero */
	memset(buf, 0, sizeof(buf));
	size = c->size + 8;
	memcpy(buf, &size, 4);
	buf[size - 1] = 1;
	CHECK_RC(call(c, buf), -E2BIG, "%s with a byte nobody knows", c->name);
	buf[size - 1] = 0;
	if (c->zeroes)
		CHECK_RC(call(c, buf), c->zeroes, "%s longer, with zeroes behind", c->name);

	memset(buf, 0, sizeof(buf));
	memcpy(buf, &c->size, 4);
	if (c->zeroes)
		CHECK_RC(call(c, buf), c->zeroes, "%s of zeroes", c->name);

	memset(buf, 0xff, sizeof(buf));
	CHECK_RC(call(c, buf), -E2BIG, "%s of ones, the size too", c->name);
	memcpy(buf, &c->size, 4);
	CHECK_RC(call(c, buf), c->ones, "%s of ones", c->name);

	CHECK_RC(call(c, NULL), -EFAULT, "%s at NULL", c->name);
	CHECK_RC(call(c, (void *)-4096UL), -EFAULT, "%s at a kernel address", c->name);
	CHECK(unchanged(), "%s: nothing changed by any of it", c->name);
}

/* The struct ends at the end of its page, and a part of it is missing */
static void unreadable(void)
{
	const struct call *ioas_call = find_call("IOAS_ALLOC"), *fault_call;
	struct iommu_ioas_alloc *alloc;
	struct iommu_fault_alloc *fault;
	int lowest = dup(iommufd), next;
	uint8_t *mem = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(mem + 4096, 4096);
	alloc = (void *)(mem + 4096 - 8);
	alloc->size = sizeof(*alloc);
	alloc->flags = 0;
	CHECK_RC(call(ioas_call, alloc), -EFAULT, "IOAS_ALLOC, half of it readable");

	/* readable, but the answer cannot be written: no IOAS is left that nobody knows of */
	alloc = (void *)mem;
	memset(alloc, 0, sizeof(*alloc));
	alloc->size = sizeof(*alloc);
	mprotect(mem, 4096, PROT_READ);
	CHECK_RC(call(ioas_call, alloc), -EFAULT, "IOAS_ALLOC whose answer cannot be written");
	CHECK(unchanged(), "IOAS_ALLOC: and no IOAS is left");
	mprotect(mem, 4096, PROT_READ | PROT_WRITE);

	close(lowest);
	fault_call = find_call("FAULT_QUEUE_ALLOC");
	fault = (void *)mem;
	memset(fault, 0, sizeof(*fault));
	fault->size = sizeof(*fault);
	mprotect(mem, 4096, PROT_READ);
	CHECK_RC(call(fault_call, fault), -EFAULT, "FAULT_QUEUE_ALLOC whose answer cannot be written");
	next = dup(iommufd);
	CHECK_EQ(next, lowest, "FAULT_QUEUE_ALLOC: and no fd is left");
	close(next);
	munmap(mem, 4096);
}

static void names(uint32_t ioas)
{
	static const struct { const char *name; int rc; } cases[] = {
		{ "", -EINVAL }, { " ", -EINVAL }, { "two words", -EINVAL }, { "tab\t", -EINVAL },
		{ "newline\n", -EINVAL }, { "caf\xc3\xa9", -EINVAL }, { "\x7f", -EINVAL },
		{ "\x01", -EINVAL },
	};
	struct iommufd_ioas_set_name set = { .size = sizeof(set), .ioas_id = ioas };
	uint32_t i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CHECK_RC(ioas_name(iommufd, ioas, cases[i].name), cases[i].rc, "a name that is none: %u", i);
	memset(set.name, 'n', sizeof(set.name));
	CHECK_RC(iommu_call(iommufd, IOMMUFD_IOAS_SET_NAME, &set), -EINVAL, "32 bytes without an end");
	memset(set.name, 0, sizeof(set.name));
	set.name[0] = 'n';
	set.name[5] = 'x';
	CHECK_RC(iommu_call(iommufd, IOMMUFD_IOAS_SET_NAME, &set), -EINVAL, "something behind its end");
	CHECK(unchanged(), "none of them is its name now");
	memset(set.name, 'n', 31);
	CHECK_RC(iommu_call(iommufd, IOMMUFD_IOAS_SET_NAME, &set), 0, "31 bytes are a name");
	CHECK_RC(ioas_name(iommufd, ioas, "other"), -EINVAL, "it is set once");
	CHECK_RC(ioas_name(iommufd, 0x7000, "other"), -ENOENT, "no such IOAS");
}

int main(void)
{
	uint32_t ioas, named, used, hwpt;
	struct edu_setup edu;
	void *mem;
	size_t i;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	iommufd = iommu_open();
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	REQUIRE_RC(ioas_alloc(iommufd, &named), 0, "one to be named");
	REQUIRE_RC(ioas_alloc(iommufd, &used), 0, "one in use");
	mem = memory(4096, 'm');
	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, 0x100000), 0, "with something in it");
	REQUIRE_RC(edu_setup(&edu, VM_EDU, iommufd, used), 0, "and a device");
	look(before, sizeof(before));
	REQUIRE(strstr(before, "pinned_pages"), "what there is can be seen");

	for (i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		malformed(&calls[i]);
	unreadable();
	names(named);
	CHECK_RC(ioas_name(iommufd, used, "late"), -EBUSY, "no name once a device is attached");

	look(before, sizeof(before));
	CHECK_RC(iommu_call(iommufd, _IO(';', 0x7f), mem), -ENOTTY, "a call below the range");
	CHECK_RC(iommu_call(iommufd, _IO(';', 0xff), mem), -ENOTTY, "a call above it");
	CHECK_RC(iommu_call(iommufd, _IO(0xF7, 0x81), mem), -ENOTTY, "a call of device fds");
	CHECK_RC(iommu_call(iommufd, _IOW(';', 0x81, int), mem), -ENOTTY, "a size in the number");
	CHECK_RC(hwpt_alloc(iommufd, edu.dev_id, edu.dev_id, &hwpt), -EINVAL, "a HWPT of a device");
	CHECK_RC(iommu_call(iommufd, _IO(';', 100 + 19), mem), -ENOTTY, "a call that a VFIO container has not");
	CHECK_RC(iommu_call(iommufd, VFIO_IOMMU_DIRTY_PAGES, mem), -ENOTTY, "one that it has, and not here");
	CHECK(unchanged(), "nothing changed");

	edu_teardown(&edu);
	close(iommufd);
	return checks_done();
}
