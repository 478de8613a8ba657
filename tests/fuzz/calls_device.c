// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of a device fd: its life (open, BIND, ATTACH, DETACH, CLAIM_INFO, close, the driver taken
 * away) and VFIO's ioctls. Regions are calls_region.c's.
 */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fuzz.h"

/* Mostly on to where it can be used, or it would take long until something hits it in each state */
static int dev_open(struct call *c)
{
	unsigned int d = draw(c, NR_DEV), ctx = usual_ctx(d);
	bool more = chance(c, 40);
	uint32_t id;
	int fd;

	say(c, " %s", devices[d].address);
	fd = device_open(devices[d].address);
	if (fd < 0) {
		errno = -fd;
		return told(c, -1);
	}
	put_fd(&devices[d].fd, fd);
	if (more && !device_bind(fd, contexts[ctx].fd, &id)) {
		devices[d].ctx = ctx;
		learn_id(c, ctx, K_DEVICE, id);
		id = contexts[ctx].id[K_IOAS][1];
		if (!device_attach(fd, id, NULL))
			devices[d].ioas = id;
	}
	return told(c, fd);
}

static int dev_close(struct call *c)
{
	int fd = atomic_exchange(&devices[draw(c, NR_DEV)].fd, -1);

	return fd < 0 ? -ENOEXEC : told(c, close(fd));
}

static int bind(struct call *c)
{
	unsigned int d = draw(c, NR_DEV), ctx = chance(c, 90) ? usual_ctx(d) : some_ctx(c);
	struct vfio_device_bind_iommufd cmd = {
		.argsz = sizeof(cmd),
		.iommufd = ctx_fd(c, ctx),
	};
	int rc = struct_call(c, dev_fd(c, d), VFIO_DEVICE_BIND_IOMMUFD, &cmd, sizeof(cmd));

	if (rc)
		return rc;
	devices[d].ctx = ctx;
	learn_id(c, ctx, K_DEVICE, cmd.out_devid);
	return 0;
}

static int attach(struct call *c)
{
	unsigned int d = draw(c, NR_DEV), ctx = devices[d].ctx, slot = draw(c, NR_IDS);
	bool ioas = chance(c, 60), usual = chance(c, 90);
	uint32_t pt = ioas ? contexts[ctx].id[K_IOAS][slot] : contexts[ctx].id[K_HWPT][slot];
	struct vfio_device_attach_iommufd_pt cmd = {
		.argsz = sizeof(cmd),
		.pt_id = usual ? pt : some_pt(c, ctx),
	};
	int rc;

	rc = struct_call(c, dev_fd(c, d), VFIO_DEVICE_ATTACH_IOMMUFD_PT, &cmd, sizeof(cmd));
	if (rc)
		return rc;
	devices[d].ioas = !usual ? 0 : ioas ? pt : (uint32_t)contexts[ctx].ioas_of[slot];
	if (ioas && usual) {
		contexts[ctx].id[K_HWPT][slot] = cmd.pt_id;
		contexts[ctx].ioas_of[slot] = pt;
	}
	return 0;
}

static int detach(struct call *c)
{
	struct vfio_device_detach_iommufd_pt cmd = { .argsz = sizeof(cmd) };

	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), VFIO_DEVICE_DETACH_IOMMUFD_PT, &cmd,
			   sizeof(cmd));
}

static int claim_info(struct call *c)
{
	struct iommufd_device_claim_info cmd = { .size = sizeof(cmd) };

	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), IOMMUFD_DEVICE_CLAIM_INFO, &cmd, sizeof(cmd));
}

static int dev_poll(struct call *c)
{
	struct pollfd pfd = { .fd = dev_fd(c, draw(c, NR_DEV)), .events = POLLIN | POLLOUT | POLLPRI };

	return told(c, poll(&pfd, 1, 0));
}

static int get_info(struct call *c)
{
	struct vfio_device_info cmd = { .argsz = sizeof(cmd) };

	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), VFIO_DEVICE_GET_INFO, &cmd, sizeof(cmd));
}

static int region_info(struct call *c)
{
	char room[128] = {};
	struct vfio_region_info *info = (void *)room;

	info->argsz = chance(c, 50) ? sizeof(*info) : sizeof(room);
	info->index = chance(c, 90) ? draw(c, 10) : boundary(c);
	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), VFIO_DEVICE_GET_REGION_INFO, room,
			   sizeof(room));
}

static int irq_info(struct call *c)
{
	struct vfio_irq_info cmd = {
		.argsz = sizeof(cmd),
		.index = chance(c, 90) ? draw(c, 6) : boundary(c),
	};

	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), VFIO_DEVICE_GET_IRQ_INFO, &cmd, sizeof(cmd));
}

static int set_irqs(struct call *c, uint32_t index, uint32_t flags, unsigned int count, bool fds)
{
	struct {
		struct vfio_irq_set set;
		int32_t data[4];
	} cmd = {
		.set = { .argsz = sizeof(cmd.set) + (flags & VFIO_IRQ_SET_DATA_NONE ? 0 : count * 4),
			 .flags = flags, .index = index, .start = chance(c, 80) ? 0 : draw(c, 3),
			 .count = count },
	};
	unsigned int i;

	for (i = 0; i < 4; i++)
		cmd.data[i] = !fds ? (int32_t)draw(c, 2) : chance(c, 85) ? (int)eventfds[draw(c, 4)] :
			      chance(c, 70) ? -1 : ctx_fd(c, some_ctx(c));
	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), VFIO_DEVICE_SET_IRQS, &cmd, sizeof(cmd));
}

static int irq_trigger(struct call *c)
{
	static const uint32_t index[] = { VFIO_PCI_INTX_IRQ_INDEX, VFIO_PCI_MSI_IRQ_INDEX,
					  VFIO_PCI_MSIX_IRQ_INDEX, VFIO_PCI_ERR_IRQ_INDEX,
					  VFIO_PCI_REQ_IRQ_INDEX };

	return set_irqs(c, index[draw(c, 5)], VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER,
			chance(c, 70) ? 1 : draw(c, 4), true);
}

static int irq_off(struct call *c)
{
	return set_irqs(c, draw(c, 5), VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER, 0, false);
}

static int irq_mask(struct call *c)
{
	static const uint32_t what[] = { VFIO_IRQ_SET_ACTION_MASK, VFIO_IRQ_SET_ACTION_UNMASK };
	static const uint32_t data[] = { VFIO_IRQ_SET_DATA_NONE, VFIO_IRQ_SET_DATA_BOOL,
					 VFIO_IRQ_SET_DATA_EVENTFD };
	unsigned int d = draw(c, 3);

	/* only INTx can be masked, and only while it is on */
	if (chance(c, 40))
		device_irq_set(devices[draw(c, NR_DEV)].fd, VFIO_PCI_INTX_IRQ_INDEX, eventfds[0]);
	return set_irqs(c, chance(c, 85) ? VFIO_PCI_INTX_IRQ_INDEX : draw(c, 5), what[draw(c, 2)] | data[d],
			1, d == 2);
}

static int reset(struct call *c)
{
	return told(c, ioctl(dev_fd(c, draw(c, NR_DEV)), VFIO_DEVICE_RESET,
			     chance(c, 90) ? 0 : draw64(c)));
}

static int hot_reset_info(struct call *c)
{
	char room[128] = {};
	struct vfio_pci_hot_reset_info *info = (void *)room;

	info->argsz = chance(c, 70) ? sizeof(room) : draw(c, sizeof(room));
	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), VFIO_DEVICE_GET_PCI_HOT_RESET_INFO, room,
			   sizeof(room));
}

static int hot_reset(struct call *c)
{
	struct {
		struct vfio_pci_hot_reset arg;
		int32_t fd;
	} cmd = { .arg.argsz = sizeof(cmd.arg), .arg.count = chance(c, 90) ? 0 : 1 };

	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), VFIO_DEVICE_PCI_HOT_RESET, &cmd, sizeof(cmd));
}

static int feature(struct call *c, uint32_t flags, size_t data)
{
	struct {
		struct vfio_device_feature arg;
		uint32_t data[8];
	} cmd = { .arg.argsz = sizeof(cmd.arg) + data, .arg.flags = flags };

	cmd.data[0] = chance(c, 50) ? 0 : eventfds[draw(c, 4)];
	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), VFIO_DEVICE_FEATURE, &cmd, sizeof(cmd));
}

static int feature_probe(struct call *c)
{
	return feature(c, VFIO_DEVICE_FEATURE_PROBE | draw(c, 12) |
		       (chance(c, 70) ? VFIO_DEVICE_FEATURE_SET : VFIO_DEVICE_FEATURE_GET), 0);
}

static int feature_sleep(struct call *c)
{
	if (chance(c, 20))
		return feature(c, VFIO_DEVICE_FEATURE_SET |
			       VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP, 8);
	return feature(c, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY, 0);
}

static int feature_wake(struct call *c)
{
	return feature(c, VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_EXIT, 0);
}

static int feature_other(struct call *c)
{
	return feature(c, draw(c, 16) | VFIO_DEVICE_FEATURE_GET << draw(c, 3), draw(c, 32));
}

static int ioeventfd(struct call *c)
{
	struct vfio_device_ioeventfd cmd = {
		.argsz = sizeof(cmd),
		.flags = 4, /* 32 bits */
		.offset = chance(c, 90) ? 0x200 + draw(c, 8) * 4 : boundary(c),
		.data = draw(c, 4),
		.fd = chance(c, 70) ? (int)eventfds[draw(c, 4)] : -1,
	};

	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), VFIO_DEVICE_IOEVENTFD, &cmd, sizeof(cmd));
}

static int unknown(struct call *c)
{
	char zeroes[64] = { 64 };
	static const unsigned char types[] = { ';', 0xf7, 0, 'x' };

	return struct_call(c, dev_fd(c, draw(c, NR_DEV)), _IO(types[draw(c, 4)], 0xe0 + draw(c, 32)),
			   zeroes, sizeof(zeroes));
}

/* The operator takes the device away from whoever has it, and gives it to the driver again */
static int unbind_driver(struct call *c)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	unsigned int d = draw(c, NR_DEV);
	int rc;

	pthread_mutex_lock(&lock);
	say(c, " %s", devices[d].address);
	rc = pci_bind(devices[d].address, "");
	if (!rc)
		rc = pci_bind(devices[d].address, VM_DRIVER);
	pthread_mutex_unlock(&lock);
	errno = -rc;
	return told(c, rc ? -1 : 0);
}

/* The operator writes to a device's file, whatever its holder is at */
static int operator_writes(struct call *c, const char *file)
{
	const char *address = devices[draw(c, NR_DEV)].address;
	char path[128];
	int rc;

	say(c, " %s", address);
	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/%s", address, file);
	rc = write_file(path, "1");
	errno = -rc;
	return told(c, rc ? -1 : 0);
}

static int revoke_device(struct call *c)
{
	return operator_writes(c, "iommufd_revoke");
}

static int recheck_device(struct call *c)
{
	return operator_writes(c, "iommufd_recheck");
}

const struct fuzz_call device_calls[] = {
	{ "open of a device", 25, dev_open, true, false },
	{ "close of a device", 2, dev_close, false, false },
	{ "DEVICE_BIND_IOMMUFD", 40, bind, false, false },
	{ "DEVICE_ATTACH_IOMMUFD_PT", 20, attach, false, false },
	{ "DEVICE_DETACH_IOMMUFD_PT", 2, detach, false, false },
	{ "DEVICE_CLAIM_INFO", 20, claim_info, false, false },
	{ "poll of a device", 6, dev_poll, false, false },
	{ "DEVICE_GET_INFO", 10, get_info, false, false },
	{ "DEVICE_GET_REGION_INFO", 20, region_info, false, false },
	{ "DEVICE_GET_IRQ_INFO", 10, irq_info, false, false },
	{ "DEVICE_SET_IRQS trigger", 30, irq_trigger, false, false },
	{ "DEVICE_SET_IRQS off", 10, irq_off, false, false },
	{ "DEVICE_SET_IRQS mask", 16, irq_mask, false, false },
	{ "DEVICE_RESET", 2, reset, false, false },
	{ "DEVICE_GET_PCI_HOT_RESET_INFO", 10, hot_reset_info, false, false },
	{ "DEVICE_PCI_HOT_RESET", 3, hot_reset, false, false },
	{ "DEVICE_FEATURE probe", 10, feature_probe, false, false },
	{ "DEVICE_FEATURE sleep", 4, feature_sleep, false, false },
	{ "DEVICE_FEATURE wake", 8, feature_wake, false, false },
	{ "DEVICE_FEATURE other", 6, feature_other, false, true },
	{ "DEVICE_IOEVENTFD", 4, ioeventfd, false, false },
	{ "a device call nobody knows", 4, unknown, false, true },
	{ "driver unbound and bound", 1, unbind_driver, true, false },
	{ "device revoked", 1, revoke_device, true, false },
	{ "device judged again", 2, recheck_device, true, false },
	{ NULL, 0, NULL, false, false },
};
