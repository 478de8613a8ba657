// SPDX-License-Identifier: GPL-2.0
/*
 * S12: the interrupts of a device that is not one's own. A holder maps the BAR with his device's MSI-X table,
 * as vfio lets him, and writes into it where his interrupts go: address and data of another's. Where interrupts
 * are not remapped (intremap=off, and an administrator who insists: attack_msi_open boots so) they arrive there
 * like the other device's own; where they are, the remapping looks who sends them. Nor does a holder get at
 * vectors that his device does not have, by SET_IRQS.
 *
 * vm: about=S12 an MSI-X table written by its holder reaches nobody else's interrupts
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

/* e1000e's registers, and what makes it raise vector 0 */
#define ICR (0xc0 / 4)
#define ICS (0xc8 / 4)
#define IMS (0xd0 / 4)
#define IVAR (0xe4 / 4)
#define OTHER_CAUSE (1u << 24)
#define OTHER_TO_0 (8u << 16)

#define MSIX_BAR 3
#define MSI_CAPABILITY 5

struct message {
	uint32_t low, high, data;
};

/* Where a device's MSI goes, as the host sees it in its config space */
static int msi_message(const char *address, struct message *msg)
{
	char path[64] = "/sys/bus/pci/devices/";
	uint8_t at = 0x34, id[4];
	int fd, rc = -ENOENT;

	strcat(strcat(path, address), "/config");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	memset(msg, 0, sizeof(*msg));
	for (pread(fd, &at, 1, at); at && pread(fd, id, 4, at) == 4; at = id[1]) {
		if (id[0] != MSI_CAPABILITY)
			continue;
		pread(fd, &msg->low, 4, at + 4);
		if (id[2] & 0x80)
			pread(fd, &msg->high, 4, at + 8);
		pread(fd, &msg->data, 2, at + (id[2] & 0x80 ? 12 : 8));
		rc = 0;
		break;
	}
	close(fd);
	return rc;
}

static bool signalled(int efd)
{
	uint64_t count;

	return !wait_readable(efd, 1000) && read(efd, &count, sizeof(count)) == sizeof(count);
}

static int bound(const char *address, int *iommufd)
{
	uint32_t ioas, id;
	int fd, rc = pci_bind(address, VM_DRIVER);

	*iommufd = iommu_open();
	fd = rc ? rc : device_open(address);
	if (fd < 0)
		return fd;
	rc = ioas_alloc(*iommufd, &ioas) ?: device_bind(fd, *iommufd, &id) ?: device_attach(fd, ioas, NULL);
	return rc ?: device_enable(fd, true, true) ?: fd;
}

static void raise_vector(volatile uint32_t *nic)
{
	nic[ICR] = ~0u;
	nic[IVAR] = OTHER_TO_0;
	nic[IMS] = OTHER_CAUSE;
	nic[ICS] = OTHER_CAUSE;
}

static int irq_count(int fd, uint32_t index)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };

	return iommu_call(fd, VFIO_DEVICE_GET_IRQ_INFO, &info) ?: (int)info.count;
}

/* SET_IRQS for that range, with as much data as the kernel can be told there is; one eventfd is there */
static int set_range(int fd, uint32_t data, uint32_t start, uint32_t count, int eventfd)
{
	char buf[sizeof(struct vfio_irq_set) + sizeof(int)] = {};
	struct vfio_irq_set *set = (struct vfio_irq_set *)buf;

	set->argsz = count == 1 ? sizeof(buf) : UINT32_MAX;
	set->flags = data | VFIO_IRQ_SET_ACTION_TRIGGER;
	set->index = VFIO_PCI_MSIX_IRQ_INDEX;
	set->start = start;
	set->count = count;
	memcpy(set->data, &eventfd, sizeof(int));
	return iommu_call(fd, VFIO_DEVICE_SET_IRQS, set);
}

/* Vectors that the device does not have; own: what vector 0 signals */
static void beyond_its_vectors(int mine, int own)
{
	int vectors = irq_count(mine, VFIO_PCI_MSIX_IRQ_INDEX), last = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	const struct {
		uint32_t start, count;
	} ranges[] = {
		{ vectors, 1 },
		{ vectors - 1, 2 },
		{ 0, vectors + 1 },
		{ 1000, 1 },
		{ UINT32_MAX, 1 },
		{ UINT32_MAX - 1, 4 }, /* ends at 2 where 32 bits count */
		{ 2, UINT32_MAX },     /* at 1 */
		{ 0, UINT32_MAX },
		{ 0, 1u << 30 },       /* and its eventfds have no size */
	};

	REQUIRE(vectors > 1, "his device has vectors, %d", vectors);
	CHECK_RC(set_range(mine, VFIO_IRQ_SET_DATA_EVENTFD, vectors - 1, 1, last), 0, "control: he sets the last");
	CHECK_RC(set_range(mine, VFIO_IRQ_SET_DATA_NONE, 0, vectors, -1), 0, "control: and raises all of them");
	CHECK(signalled(own) && signalled(last), "control: which signals both that he set");
	for (unsigned int i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
		uint32_t start = ranges[i].start, count = ranges[i].count;

		CHECK_RC(set_range(mine, VFIO_IRQ_SET_DATA_EVENTFD, start, count, last), -EINVAL,
			 "S12 SET_IRQS sets none of %#x vectors from %#x on", count, start);
		CHECK_RC(set_range(mine, VFIO_IRQ_SET_DATA_NONE, start, count, -1), -EINVAL,
			 "S12 and raises none of them");
	}
	CHECK(!signalled(own) && !signalled(last), "S12 nothing was raised by that");
	CHECK_RC(set_range(mine, VFIO_IRQ_SET_DATA_NONE, 0, vectors, -1), 0, "he raises his own");
	CHECK(signalled(own) && signalled(last), "S12 which are as he set them");
	close(last);
}

int main(void)
{
	bool open_door = !run_shell("grep -q intremap=off /proc/cmdline");
	int victims_ctx, mine_ctx, victim, mine, his, own;
	volatile uint32_t *nic, *table;
	struct message msg;
	uint32_t before;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	if (open_door)
		REQUIRE_RC(run_shell("echo Y > /sys/module/iommufd/parameters/allow_unsafe_interrupts"), 0,
			   "an administrator insists on having no isolated interrupts");
	victim = bound(VM_EDU, &victims_ctx);
	mine = bound(VM_NIC, &mine_ctx);
	REQUIRE(victim >= 0 && mine >= 0, "two holders, each with a device and a context (%d, %d)", victim, mine);
	his = device_irq(victim, VFIO_PCI_MSI_IRQ_INDEX);
	own = device_irq(mine, VFIO_PCI_MSIX_IRQ_INDEX);
	REQUIRE(his >= 0 && own >= 0, "both with interrupts");
	nic = device_map_bar(mine, 0, NULL);
	table = device_map_bar(mine, MSIX_BAR, NULL);
	REQUIRE(nic != MAP_FAILED && table != MAP_FAILED, "the one maps his MSI-X table");

	raise_vector(nic);
	CHECK(signalled(own), "control: his interrupt arrives");
	CHECK(!signalled(his), "control: and only there");
	beyond_its_vectors(mine, own);
	CHECK(!signalled(his), "S12 nor has the other heard of it");

	REQUIRE_RC(msi_message(VM_EDU, &msg), 0, "what the other's interrupts are made of");
	CHECK((msg.low & 0xfff00000) == 0xfee00000, "control: it is an interrupt message");
	before = table[0];
	note("the table's first entry %x %x %x, the other's message %x %x %x", table[0], table[1], table[2],
	     msg.low, msg.high, msg.data);
	table[0] = msg.low;
	table[1] = msg.high;
	table[2] = msg.data;
	CHECK(table[0] == msg.low && table[0] != before, "control: the table takes it");
	raise_vector(nic);
	if (open_door) {
		CHECK(signalled(his), "without protection: it arrives as the other device's interrupt");
	} else {
		CHECK(!signalled(his), "S12 it does not arrive as the other device's interrupt");
		CHECK(!signalled(own), "control: nor where it went before");
	}
	CHECK_RC(device_irq_set(mine, VFIO_PCI_NUM_IRQS + 7, own), -EINVAL, "S12 SET_IRQS knows no other kind");
	CHECK_RC(device_detach(mine), 0, "it is detached");
	CHECK_RC(device_attach(mine, 1, NULL), 0, "and attached again");
	CHECK(!signalled(his), "S12 nothing of it is left");
	return checks_done();
}
