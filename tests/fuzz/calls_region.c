// SPDX-License-Identifier: GPL-2.0
/*
 * Regions of a device: read, write, BAR mappings and touches of them. Registers of edu that start
 * transfers are left to dma.c, for it ends the machine when they are programmed wrongly.
 */
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#define REGION(index) ((uint64_t)(index) << 40)
#define CONFIG REGION(VFIO_PCI_CONFIG_REGION_INDEX)

static int config_read(struct call *c)
{
	unsigned int length = 1 + draw(c, 64);
	uint64_t at = CONFIG + (chance(c, 95) ? draw(c, 4096) : boundary(c));

	say(c, " at %#lx", (unsigned long)at);
	return told(c, pread(dev_fd(c, draw(c, NR_DEV)), data_place(c, length), length, at));
}

static int config_write(struct call *c)
{
	unsigned int length = 1 + draw(c, 8), d = draw(c, NR_DEV);
	/* the header and the first capabilities, where there is most to virtualise */
	uint64_t at = CONFIG + (chance(c, 80) ? draw(c, 256) : chance(c, 90) ? draw(c, 4096) : boundary(c));
	uint64_t *data = data_place(c, 8), value = chance(c, 50) ? draw64(c) : boundary(c);

	if ((char *)data == scratch->rw)
		memcpy(data, &value, 8);
	say(c, " at %#lx", (unsigned long)at);
	return told(c, pwrite(dev_fd(c, d), data, length, at));
}

/* Memory on, which most of the others here need; bus mastering on or off */
static int command(struct call *c)
{
	uint16_t value = 2 | (chance(c, 80) ? 4 : 0) | (chance(c, 20) ? 1 : 0) |
			 (chance(c, 10) ? 0x400 : 0);

	return told(c, pwrite(dev_fd(c, draw(c, NR_DEV)), &value, 2, CONFIG + 4));
}

static int region_read(struct call *c)
{
	unsigned int length = 1 + draw(c, 64);
	uint64_t at = REGION(chance(c, 70) ? 0 : draw(c, 10)) +
		      (chance(c, 95) ? draw(c, 0x1000) : boundary(c));

	say(c, " at %#lx", (unsigned long)at);
	return told(c, pread(dev_fd(c, draw(c, NR_DEV)), data_place(c, length), length, at));
}

static int region_write(struct call *c)
{
	static const uint32_t edu[] = { 0x4, 0x20, 0x60, 0x64, 0x200, 0xffc, 0xfffff, 0x100000 };
	static const uint32_t nic[] = { 0x0e00, 0x20000, 0x100000 };
	unsigned int d = draw(c, NR_DEV), length = chance(c, 80) ? 4 : 1 + draw(c, 7);
	uint64_t at = devices[d].edu ? edu[draw(c, 8)] : REGION(draw(c, 5)) + nic[draw(c, 3)];
	uint64_t *data = data_place(c, 8);

	if ((char *)data == scratch->rw)
		*data = draw(c, 16);
	say(c, " at %#lx", (unsigned long)at);
	return told(c, pwrite(devices[d].fd, data, length, at));
}

static int map_bar(struct call *c)
{
	unsigned int d = draw(c, NR_DEV);
	unsigned int pages = 1 + draw(c, 4);
	int prot = chance(c, 80) ? PROT_READ | PROT_WRITE : PROT_READ;
	uint64_t at = REGION(chance(c, 85) ? 0 : draw(c, 10)) +
		      (chance(c, 90) ? draw(c, 4) * PAGE : boundary(c) & ~(PAGE - 1));
	void *bar = mmap(NULL, pages * PAGE, prot, chance(c, 95) ? MAP_SHARED : MAP_PRIVATE, dev_fd(c, d), at);

	if (bar == MAP_FAILED)
		return told(c, -1);
	put_bar(d, bar, pages);
	return told(c, 0);
}

static int touch_bar(struct call *c)
{
	volatile uint32_t *bar = bar_at(devices[draw(c, NR_DEV)].bar);
	unsigned int word = chance(c, 80) ? draw(c, 32) : draw(c, 1024);
	volatile uint32_t value;
	int sig;

	if (!bar)
		return -ENOEXEC;
	touching = true;
	sig = sigsetjmp(touch_env, 1);
	if (!sig)
		value = bar[word];
	touching = false;
	(void)value;
	errno = EFAULT;
	return told(c, sig ? -1 : 0);
}

static int unmap_bar(struct call *c)
{
	unsigned int d = draw(c, NR_DEV);

	if (!devices[d].bar)
		return -ENOEXEC;
	put_bar(d, NULL, 0);
	return told(c, 0);
}

const struct fuzz_call region_calls[] = {
	{ "read of config space", 20, config_read, false, false },
	{ "write of config space", 20, config_write, false, false },
	{ "write of the command register", 30, command, false, false },
	{ "read of a BAR", 20, region_read, false, false },
	{ "write of a BAR", 20, region_write, false, false },
	{ "mmap of a BAR", 20, map_bar, true, false },
	{ "touch of a BAR", 30, touch_bar, true, false },
	{ "munmap of a BAR", 4, unmap_bar, true, false },
	{ NULL, 0, NULL, false, false },
};
