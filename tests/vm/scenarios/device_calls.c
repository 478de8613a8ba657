// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of a device fd with arguments of every wrong size and content: the documented errno,
 * and nothing changes. And interrupts and reset, the right way.
 *
 * vm: about=bad structs on a device fd; interrupts; reset
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x700000
#define EDU_ACK_IRQ 0x64

static int fd, iommufd;
static uint32_t ioas;

/* The same three wrong pointers for every call */
static void bad_pointers(unsigned long request, const char *name, size_t size, int last)
{
	char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	munmap(page + 4096, 4096);
	CHECK_RC(iommu_call(fd, request, NULL), -EFAULT, "%s: no struct", name);
	CHECK_RC(iommu_call(fd, request, (void *)~0xfffUL), -EFAULT, "%s: a kernel address", name);
	memcpy(page + 4096 - size + 1, &(uint32_t){ size }, 4);
	CHECK_RC(iommu_call(fd, request, page + 4096 - size + 1), -EFAULT,
		 "%s: a struct that ends beyond memory", name);
	memset(page, 0, 4096);
	*(uint32_t *)page = size;
	if (last)
		memcpy(page + 8, &last, 4);
	mprotect(page, 4096, PROT_READ);
	CHECK(iommu_call(fd, request, page) < 0, "%s: a struct that cannot be answered in", name);
	munmap(page, 4096);
}

static void bad_bind(void)
{
	struct {
		struct vfio_device_bind_iommufd b;
		char tail[16];
	} arg;
	struct vfio_device_bind_iommufd *b = &arg.b;

	memset(&arg, 0, sizeof(arg));
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_BIND_IOMMUFD, b), -EINVAL, "BIND: all zero");
	memset(&arg, 0xff, sizeof(arg));
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_BIND_IOMMUFD, b), -EINVAL, "BIND: all ones");
	*b = (struct vfio_device_bind_iommufd){ .argsz = sizeof(*b) - 1, .iommufd = iommufd };
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_BIND_IOMMUFD, b), -EINVAL, "BIND: short");
	*b = (struct vfio_device_bind_iommufd){ .argsz = sizeof(*b), .flags = 1,
						.iommufd = iommufd };
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_BIND_IOMMUFD, b), -EINVAL, "BIND: an unknown flag");
	*b = (struct vfio_device_bind_iommufd){ .argsz = sizeof(*b), .iommufd = -1 };
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_BIND_IOMMUFD, b), -EINVAL, "BIND: a negative fd");
	*b = (struct vfio_device_bind_iommufd){ .argsz = sizeof(*b), .iommufd = 1000 };
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_BIND_IOMMUFD, b), -EBADF, "BIND: no such fd");
	bad_pointers(VFIO_DEVICE_BIND_IOMMUFD, "BIND", sizeof(*b), iommufd);
	memset(&arg, 0xff, sizeof(arg));
	*b = (struct vfio_device_bind_iommufd){ .argsz = sizeof(arg), .iommufd = iommufd };
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_BIND_IOMMUFD, b), 0,
		 "BIND: none of that changed anything, and a longer struct is taken for its known part");
	CHECK(b->out_devid != 0, "BIND: the id is told");
}

static void bad_attach(void)
{
	struct {
		struct vfio_device_attach_iommufd_pt a;
		char tail[16];
	} arg;
	struct vfio_device_attach_iommufd_pt *a = &arg.a;

	memset(&arg, 0, sizeof(arg));
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, a), -EINVAL, "ATTACH: all zero");
	memset(&arg, 0xff, sizeof(arg));
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, a), -EINVAL, "ATTACH: all ones");
	*a = (struct vfio_device_attach_iommufd_pt){ .argsz = sizeof(*a) - 1, .pt_id = ioas };
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, a), -EINVAL, "ATTACH: short");
	*a = (struct vfio_device_attach_iommufd_pt){ .argsz = sizeof(*a), .flags = 1,
						    .pt_id = ioas };
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, a), -EINVAL, "ATTACH: an unknown flag");
	CHECK_RC(device_attach(fd, 0, NULL), -ENOENT, "ATTACH: id 0");
	CHECK_RC(device_attach(fd, ~0U, NULL), -ENOENT, "ATTACH: id ~0");
	bad_pointers(VFIO_DEVICE_ATTACH_IOMMUFD_PT, "ATTACH", sizeof(*a), ioas);
	memset(&arg, 0xff, sizeof(arg));
	*a = (struct vfio_device_attach_iommufd_pt){ .argsz = sizeof(arg), .pt_id = ioas };
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, a), 0, "ATTACH: a longer struct");
	CHECK(a->pt_id != ioas && a->pt_id, "ATTACH: the HWPT in use is told");
	CHECK_RC(device_attach(fd, ~0U, NULL), -ENOENT, "a move to nothing is refused");
}

static void bad_detach(void)
{
	struct vfio_device_detach_iommufd_pt d = {};

	CHECK_RC(iommu_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &d), -EINVAL, "DETACH: all zero");
	memset(&d, 0xff, sizeof(d));
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &d), -EINVAL, "DETACH: all ones");
	d = (struct vfio_device_detach_iommufd_pt){ .argsz = sizeof(d) - 1 };
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &d), -EINVAL, "DETACH: short");
	d = (struct vfio_device_detach_iommufd_pt){ .argsz = sizeof(d), .flags = 1 };
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, &d), -EINVAL, "DETACH: a flag");
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_DETACH_IOMMUFD_PT, NULL), -EFAULT, "DETACH: no struct");
}

static void bad_claim_info(void)
{
	struct {
		struct iommufd_device_claim_info i;
		char tail[16];
	} arg = {};

	CHECK_RC(iommu_call(fd, IOMMUFD_DEVICE_CLAIM_INFO, &arg), -EINVAL, "CLAIM_INFO: all zero");
	memset(&arg, 0xff, sizeof(arg));
	CHECK_RC(iommu_call(fd, IOMMUFD_DEVICE_CLAIM_INFO, &arg), -E2BIG, "CLAIM_INFO: all ones");
	memset(&arg, 0, sizeof(arg));
	arg.i.size = sizeof(arg.i) - 1;
	CHECK_RC(iommu_call(fd, IOMMUFD_DEVICE_CLAIM_INFO, &arg), -EINVAL, "CLAIM_INFO: short");
	arg.i.size = sizeof(arg.i);
	arg.i.flags = 1;
	CHECK_RC(iommu_call(fd, IOMMUFD_DEVICE_CLAIM_INFO, &arg), -EOPNOTSUPP, "CLAIM_INFO: a flag");
	arg.i.flags = 0;
	arg.i.__reserved = 1;
	CHECK_RC(iommu_call(fd, IOMMUFD_DEVICE_CLAIM_INFO, &arg), -EOPNOTSUPP, "CLAIM_INFO: reserved");
	memset(&arg, 0, sizeof(arg));
	arg.i.size = sizeof(arg);
	arg.tail[15] = 1;
	CHECK_RC(iommu_call(fd, IOMMUFD_DEVICE_CLAIM_INFO, &arg), -E2BIG, "CLAIM_INFO: an unknown tail");
	arg.tail[15] = 0;
	CHECK_RC(iommu_call(fd, IOMMUFD_DEVICE_CLAIM_INFO, &arg), 0, "CLAIM_INFO: a longer one of zeros");
	CHECK_EQ(arg.i.group_id, pci_group(VM_EDU), "CLAIM_INFO: tells the group");
	bad_pointers(IOMMUFD_DEVICE_CLAIM_INFO, "CLAIM_INFO", sizeof(arg.i), 0);
}

static void bad_feature(void)
{
	struct vfio_device_feature f = {};

	CHECK_RC(iommu_call(fd, VFIO_DEVICE_FEATURE, &f), -EINVAL, "FEATURE: all zero");
	memset(&f, 0xff, sizeof(f));
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_FEATURE, &f), -EINVAL, "FEATURE: all ones");
	f = (struct vfio_device_feature){
		.argsz = sizeof(f),
		.flags = VFIO_DEVICE_FEATURE_GET | VFIO_DEVICE_FEATURE_SET |
			 VFIO_DEVICE_FEATURE_LOW_POWER_EXIT,
	};
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_FEATURE, &f), -EINVAL, "FEATURE: get and set at once");
	f.flags = VFIO_DEVICE_FEATURE_GET | 0x7fff;
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_FEATURE, &f), -ENOTTY, "FEATURE: an unknown one");
	f.flags = VFIO_DEVICE_FEATURE_PROBE | VFIO_DEVICE_FEATURE_GET |
		  VFIO_DEVICE_FEATURE_MIGRATION;
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_FEATURE, &f), -ENOTTY, "FEATURE: no migration here");
	f.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY;
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_FEATURE, &f), 0, "FEATURE: the device may sleep");
	f.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_EXIT;
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_FEATURE, &f), 0, "FEATURE: and is woken");
}

/*
 * vfio-pci-core's own would take an offset with the sign bit set for a BAR before the first, read beside its
 * tables and have the eventfd write to what it found there: an oops at best. Offsets and sizes
 * as a fuzzer found them, for it depends on what stands there.
 */
static void bad_ioeventfd(void)
{
	static const uint64_t offsets[] = { 1ULL << 63, INT64_MIN + 0x204, -1ULL, -(1ULL << 40),
					    -(1ULL << 50), 0x8000000000000208, 1ULL << 40, 9ULL << 40 };
	struct vfio_device_ioeventfd arg = { .argsz = sizeof(arg) };
	size_t i;

	arg.fd = eventfd(0, EFD_CLOEXEC);
	REQUIRE(arg.fd >= 0, "an eventfd");
	for (i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		arg.offset = offsets[i];
		for (arg.flags = 1; arg.flags <= 8; arg.flags *= 2)
			if (iommu_call(fd, VFIO_DEVICE_IOEVENTFD, &arg) != -EINVAL)
				break;
		CHECK_EQ(arg.flags, 16, "IOEVENTFD: EINVAL at %#lx", (unsigned long)offsets[i]);
	}
	close(arg.fd);
}

static void interrupts_and_reset(void)
{
	struct edu edu;
	uint64_t count;
	uint8_t *mem = memory(4096, 'm');
	int irq;

	REQUIRE_RC(ioas_map(iommufd, ioas, mem, 4096, IOVA), 0, "memory mapped");
	REQUIRE_RC(edu_init(&edu, fd), 0, "the BAR is mapped");

	irq = device_irq(fd, VFIO_PCI_MSI_IRQ_INDEX);
	REQUIRE(irq >= 0, "MSI: an eventfd is set");
	for (int i = 0; i < 3; i++) {
		edu_write(&edu, EDU_RAISE_IRQ, 1 << i);
		CHECK_RC(wait_readable(irq, 5000), 0, "MSI %d: the eventfd is signalled", i);
		CHECK_EQ(read(irq, &count, 8), 8, "MSI %d: it is read", i);
		edu_write(&edu, EDU_ACK_IRQ, 1 << i);
	}
	CHECK_RC(device_irq_set(fd, VFIO_PCI_MSI_IRQ_INDEX, -1), 0, "MSI: the eventfd is taken back");
	edu_write(&edu, EDU_RAISE_IRQ, 1);
	CHECK_RC(wait_readable(irq, 300), -ETIMEDOUT, "MSI: and stays quiet");
	close(irq);
	CHECK_RC(device_irq(fd, VFIO_PCI_MSIX_IRQ_INDEX), -EINVAL, "MSI-X: the device has none");
	CHECK_RC(device_irq(fd, VFIO_PCI_NUM_IRQS), -EINVAL, "an interrupt that does not exist");

	CHECK_RC(iommu_call(fd, VFIO_DEVICE_RESET, NULL), 0, "RESET: done");
	CHECK_EQ(edu_read(&edu, 0), EDU_IDENT, "RESET: the BAR mapping works");
	CHECK_RC(edu_push(&edu, IOVA, 0, 32), 0, "RESET: a transfer runs afterwards");
	CHECK(mem[31] != 'm', "RESET: and arrives");
	edu_exit(&edu);
	CHECK_RC(ioas_unmap(iommufd, ioas, IOVA, 4096, NULL), 0, "memory unmapped");
}

int main(void)
{
	struct vfio_region_info region;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "the device opens");
	bad_claim_info();
	bad_bind();
	bad_attach();
	CHECK_RC(device_region(fd, 0, &region), 0, "the device is operable");
	CHECK_RC(device_region(fd, ~0U, &region), -EINVAL, "there is no region ~0");
	CHECK(pread(fd, &region, 4, ~0ULL >> 1) < 0, "nor can it be read");
	bad_feature();
	bad_ioeventfd();
	interrupts_and_reset();
	bad_detach();
	CHECK_RC(device_region(fd, 0, &region), 0, "a refused detach detaches nothing");
	CHECK_RC(device_detach(fd), 0, "it detaches");
	close(fd);
	return checks_done();
}
