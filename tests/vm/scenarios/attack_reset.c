// SPDX-License-Identifier: GPL-2.0
/*
 * A reset that hits a neighbour. Two network cards share a bus. That resetting the bus by the one wipes the
 * other is shown first, where one context has both and so may. Then the neighbour is somebody else's, or
 * nobody's: whatever the holder does to reset what is his, the neighbour's registers stay.
 *
 * vm: about=S3 hot reset of a neighbour: it is real where one has both, refused where not
 * vm: append=iommufd_lsm.default_verdict=allow iomem=relaxed
 * vm: qemu=-device pcie-root-port,id=rp9,chassis=9,addr=9 -device pcie-pci-bridge,id=br9,bus=rp9
 * vm: qemu=-device e1000,bus=br9,addr=1 -device e1000,bus=br9,addr=2
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vm.h"

#define MINE "0000:08:01.0"
#define NEIGHBOUR "0000:08:02.0"
#define RING (0x3800 / 4) /* where a card finds its transmit descriptors: a register a reset clears */
#define VALUE 0x12345670u

static int iommufd;
static uint32_t ioas;

static int set_up(const char *address)
{
	int fd, rc = pci_bind(address, VM_DRIVER);
	uint32_t id;

	fd = rc ? rc : device_open(address);
	if (fd < 0)
		return fd;
	rc = device_bind(fd, iommufd, &id) ?: device_attach(fd, ioas, NULL) ?: device_enable(fd, true, false);
	if (!rc)
		return fd;
	close(fd);
	return rc;
}

/* The neighbour's registers as root sees them, whoever has it */
static volatile uint32_t *host_view(void)
{
	int fd = open("/sys/bus/pci/devices/" NEIGHBOUR "/resource0", O_RDWR | O_SYNC | O_CLOEXEC);
	void *at = mmap(NULL, 0x10000, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	close(fd);
	return at == MAP_FAILED ? NULL : at;
}

static bool mark(volatile uint32_t *regs)
{
	pci_command_set(NEIGHBOUR, pci_command(NEIGHBOUR) | 2);
	regs[RING] = VALUE;
	return regs[RING] == VALUE;
}

/* Everything the holder of MINE has to reset it; the neighbour belongs to `whose` */
static void try_all(volatile uint32_t *regs, const char *whose, bool vfio)
{
	int fd = set_up(MINE);

	REQUIRE(fd >= 0, "the holder has his card, the neighbour is %s", whose);
	CHECK(mark(regs), "control: the neighbour works");
	CHECK_RC(device_hot_reset(fd), -EINVAL, "S3 no reset of the bus that hits %s neighbour", whose);
	CHECK_RC(iommu_call(fd, VFIO_DEVICE_RESET, NULL), -EINVAL,
		 "S3 nor one of the function, which has no way to it but the bus");
	CHECK_EQ(regs[RING], VALUE, "S3 %s neighbour is as it was", whose);
	CHECK_RC(device_detach(fd), 0, "a detach, which resets");
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "an attach, which does");
	/* who leaves a bus that is all VFIO's, and in nobody's use, leaves it reset: nobody has the neighbour */
	if (!vfio)
		CHECK_EQ(regs[RING], VALUE, "S3 leave %s neighbour alone", whose);
	close(fd);
	if (!vfio)
		CHECK_EQ(regs[RING], VALUE, "S3 and so does closing");
}

int main(void)
{
	volatile uint32_t *regs;
	struct legacy l;
	int mine, neighbour;

	REQUIRE_RC(run_shell("modprobe vfio-pci && modprobe vfio_iommu_type1"), 0, "stock VFIO is there");
	iommufd = iommu_open();
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "a context with an IOAS");
	regs = host_view();
	REQUIRE(regs, "root looks at the neighbour");

	/* a kernel may have a driver for them */
	REQUIRE_RC(pci_bind(NEIGHBOUR, "") ?: pci_bind(MINE, ""), 0, "they are nobody's");
	mine = set_up(MINE);
	neighbour = set_up(NEIGHBOUR);
	REQUIRE(mine >= 0 && neighbour >= 0, "one context has both");
	CHECK(mark(regs), "control: the neighbour works");
	CHECK_RC(device_hot_reset(mine), 0, "the bus is reset by the one");
	pci_command_set(NEIGHBOUR, pci_command(NEIGHBOUR) | 2);
	CHECK(regs[RING] != VALUE, "without protection: and the other forgets what it was told");
	close(mine);
	close(neighbour);

	REQUIRE_RC(pci_bind(NEIGHBOUR, "vfio-pci"), 0, "the neighbour is vfio-pci's");
	try_all(regs, "another driver's", true);
	REQUIRE_RC(pci_bind(NEIGHBOUR, ""), 0, "the neighbour has no driver");
	try_all(regs, "nobody's", false);

	/* the other way round: a legacy user, with a group that is the cards', has nothing to reset ours by */
	REQUIRE_RC(pci_bind(NEIGHBOUR, "vfio-pci"), 0, "the neighbour is vfio-pci's");
	REQUIRE_RC(pci_bind(MINE, "vfio-pci"), 0, "and so is the card");
	REQUIRE_RC(legacy_open(&l, NEIGHBOUR), 0, "a legacy user has the group");
	neighbour = legacy_device(&l, NEIGHBOUR);
	REQUIRE(neighbour >= 0, "and a card of it");
	CHECK_RC(device_hot_reset_with(neighbour, l.group), 0,
		 "without protection: with stock VFIO the fd of the group is the right to reset both");
	close(neighbour);
	legacy_close(&l);
	mine = set_up(MINE);
	REQUIRE(mine >= 0, "our driver has the card, and a context");
	CHECK(legacy_open(&l, NEIGHBOUR) < 0, "S3 no legacy user comes to have the neighbour");
	CHECK(legacy_device(&l, NEIGHBOUR) < 0, "S3 by whose fd he would reset ours");
	CHECK_RC(device_hot_reset_with(mine, l.group), -EINVAL, "S3 nor is his group's fd a right on ours");
	legacy_close(&l);
	close(mine);
	return checks_done();
}
