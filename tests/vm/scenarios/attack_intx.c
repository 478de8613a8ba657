// SPDX-License-Identifier: GPL-2.0
/*
 * S12: a legacy interrupt line that two devices share, and a holder whose device asserts it while he has
 * set no eventfd, so that nobody answers. Stock vfio lets him, and the kernel ends it by switching off the line:
 * the other device has no interrupts any more. Under our driver the device is forbidden to, after a few.
 *
 * One who has the device's interrupts answered, by an eventfd that is both its trigger and what unmasks it,
 * has the kernel go in a circle. That takes its time and nobody's interrupts, and ends with the device's.
 *
 * vm: about=S12 a device whose interrupt nobody takes does not block the line for others; S11 nor go on after
 * the line that is switched off is told with a trace of calls
 * vm: expect=Call Trace|RIP:
 * vm: timeout=240
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/pci_regs.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vm.h"

#define VICTIM VM_EDU2
#define ATTACKER VM_PAIR1 /* on the same line */
#define ATTACKERS_SIBLING VM_PAIR2

#define EDU_RAISE 0x60
#define EDU_ACK 0x64

static int irq_of(const char *address)
{
	char path[64], text[16] = "";
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/irq", address);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 1)
		return -1;
	close(fd);
	return atoi(text);
}

/* How often the line was raised, on all processors */
static unsigned long line_count(int irq)
{
	FILE *f = fopen("/proc/interrupts", "re");
	unsigned long sum = 0, count;
	char line[512], *at;
	int used, number;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " %d:%n", &number, &used) != 1 || number != irq)
			continue;
		for (at = line + used; sscanf(at, "%lu%n", &count, &used) == 1; at += used)
			sum += count;
	}
	if (f)
		fclose(f);
	return sum;
}

static int unmask(int fd)
{
	return device_irq_action(fd, VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_UNMASK, -1);
}

static int irqs_off(int fd, uint32_t index)
{
	struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
	};

	return iommu_call(fd, VFIO_DEVICE_SET_IRQS, &set);
}

static uint64_t signals(int efd)
{
	uint64_t count;

	return read(efd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* Whether a device's interrupt arrives */
static bool arrives(struct edu *edu, int efd)
{
	bool seen;

	signals(efd);
	edu_write(edu, EDU_RAISE, 1);
	seen = !wait_readable(efd, 2000) && signals(efd);
	edu_write(edu, EDU_ACK, 1);
	return seen && !unmask(edu->fd);
}

/* What stock vfio lets him */
static void with_stock_vfio(int irq)
{
	struct legacy victims, attackers;
	struct edu victim, attacker;
	unsigned long before, raised;
	int fd, efd;

	REQUIRE_RC(run_shell("modprobe -a vfio-pci vfio_iommu_type1"), 0, "stock vfio");
	REQUIRE_RC(pci_bind(VICTIM, "vfio-pci") ?: pci_bind(ATTACKER, "vfio-pci") ?:
		   pci_bind(ATTACKERS_SIBLING, "vfio-pci"), 0, "it has the devices");
	REQUIRE_RC(legacy_open(&victims, VICTIM) ?: legacy_open(&attackers, ATTACKER), 0, "two holders");
	fd = legacy_device(&victims, VICTIM);
	REQUIRE_RC(fd < 0 ? fd : edu_init(&victim, fd), 0, "one has a device");
	efd = device_irq(fd, VFIO_PCI_INTX_IRQ_INDEX);
	REQUIRE(efd >= 0 && arrives(&victim, efd), "control: with its interrupt");
	fd = legacy_device(&attackers, ATTACKER);
	REQUIRE_RC(fd < 0 ? fd : edu_init(&attacker, fd), 0, "the other has a device on the same line");

	before = line_count(irq);
	edu_write(&attacker, EDU_RAISE, 1);
	do {
		raised = line_count(irq) - before;
		usleep(100000);
	} while (line_count(irq) - before != raised);
	CHECK(raised > 10000, "without protection: the kernel does nothing else any more, %lu times", raised);
	/* what arrives is found by the kernel looking there, ten times a second */
	arrives(&victim, efd);
	CHECK_EQ(line_count(irq) - before, raised, "and switches off the line for all");
	edu_write(&attacker, EDU_ACK, 1);
	edu_exit(&attacker);
	edu_exit(&victim);
	close(attacker.fd);
	close(victim.fd);
	close(efd);
	legacy_close(&attackers);
	legacy_close(&victims);
}

/* Of the other one, and the kernel is not just looking for it because it has switched off the line */
static bool others_arrive(struct edu_setup *other, int efd, int irq)
{
	unsigned long before = line_count(irq);

	return arrives(&other->edu, efd) && line_count(irq) > before;
}

static void quiet(struct edu_setup *victim, int efd, int irq, const char *what)
{
	unsigned long before = line_count(irq), after;

	usleep(200000);
	after = line_count(irq);
	CHECK(after - before < 100, "S12 %s: the line stays quiet (%lu interrupts)", what, after - before);
	CHECK(pci_command(ATTACKER) & PCI_COMMAND_INTX_DISABLE, "S12 %s: the device may not assert it", what);
	CHECK(others_arrive(victim, efd, irq), "S12 %s: the other's interrupts arrive", what);
}

/* A reset takes a while, and gives the device its state of before; meanwhile he masks its interrupt */
struct masker {
	int fd;
	useconds_t after;
};

static void *mask_meanwhile(void *arg)
{
	struct masker *masker = arg;

	usleep(masker->after);
	return (void *)(intptr_t)device_irq_action(masker->fd, VFIO_PCI_INTX_IRQ_INDEX,
						   VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_MASK, -1);
}

static void masked_in_a_reset(struct edu_setup *attacker, struct edu_setup *victim, int efd, int irq, int ctx)
{
	struct masker masker = { .fd = attacker->fd };
	int own, sibling, allowed = 0;
	pthread_t other;
	uint32_t id;
	void *rc;

	REQUIRE_RC(pci_bind(ATTACKERS_SIBLING, VM_DRIVER), 0, "all on the bus are the holder's");
	sibling = device_open(ATTACKERS_SIBLING);
	REQUIRE_RC(sibling < 0 ? sibling : device_bind(sibling, ctx, &id), 0, "all on the bus are the holder's");
	edu_write(&attacker->edu, EDU_ACK, 1);
	own = device_irq(attacker->fd, VFIO_PCI_INTX_IRQ_INDEX);
	REQUIRE(own >= 0, "the holder takes the device's interrupts");
	for (masker.after = 1000; masker.after < 1000000; masker.after *= 4) {
		pthread_create(&other, NULL, mask_meanwhile, &masker);
		REQUIRE_RC(device_hot_reset(attacker->fd), 0, "he resets it");
		pthread_join(other, &rc);
		CHECK_EQ((intptr_t)rc, 0, "and masks its interrupt meanwhile");
		allowed += !(pci_command(ATTACKER) & PCI_COMMAND_INTX_DISABLE);
		device_enable(attacker->fd, true, true);
		edu_write(&attacker->edu, EDU_RAISE, 1);
		quiet(victim, efd, irq, "masked in a reset");
		signals(own);
		REQUIRE_RC(unmask(attacker->fd), 0, "he unmasks it");
		CHECK(!wait_readable(own, 2000), "control: it arrives");
		edu_write(&attacker->edu, EDU_ACK, 1);
		CHECK(!unmask(attacker->fd) && arrives(&attacker->edu, own), "control: it does again");
	}
	note("masked, and then allowed by the reset: %d times", allowed);
	REQUIRE_RC(irqs_off(attacker->fd, VFIO_PCI_INTX_IRQ_INDEX), 0, "he takes it no longer");
	close(sibling);
	close(own);
}

/* Each time there is a moment in which it is allowed; the kernel counts them */
static void again_and_again(struct edu_setup *attacker, struct edu_setup *victim, int efd, int irq)
{
	uint16_t allow = PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER, forbid = allow | PCI_COMMAND_INTX_DISABLE;
	int own = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), i;

	edu_write(&attacker->edu, EDU_RAISE, 1);
	for (i = 0; i < 10000; i++) {
		device_config_write(attacker->fd, PCI_COMMAND, &forbid, 2);
		device_config_write(attacker->fd, PCI_COMMAND, &allow, 2);
	}
	quiet(victim, efd, irq, "allowed and forbidden ten thousand times");
	for (i = 0; i < 300; i++) {
		if (device_irq_set(attacker->fd, VFIO_PCI_INTX_IRQ_INDEX, own) || wait_readable(own, 5000))
			break;
		signals(own);
		irqs_off(attacker->fd, VFIO_PCI_INTX_IRQ_INDEX);
	}
	CHECK_EQ(i, 300, "control: whenever he takes it, it arrives");
	quiet(victim, efd, irq, "taken and not three hundred times");
	close(own);
}

/* Every way to have the device's line free, and nobody there */
static void unanswered(struct edu_setup *attacker, struct edu_setup *victim, int efd, int irq, uint32_t ioas)
{
	struct vfio_device_feature power = { .argsz = sizeof(power) };
	uint16_t command;
	int own;

	edu_write(&attacker->edu, EDU_RAISE, 1);
	quiet(victim, efd, irq, "no eventfd");

	REQUIRE_RC(device_config_read(attacker->fd, PCI_COMMAND, &command, 2), 0, "the holder looks");
	CHECK(!(command & PCI_COMMAND_INTX_DISABLE), "and sees what he has set himself, not ours");
	command |= PCI_COMMAND_INTX_DISABLE;
	REQUIRE_RC(device_config_write(attacker->fd, PCI_COMMAND, &command, 2), 0, "he forbids it");
	command &= ~PCI_COMMAND_INTX_DISABLE;
	REQUIRE_RC(device_config_write(attacker->fd, PCI_COMMAND, &command, 2), 0, "and allows it");
	quiet(victim, efd, irq, "allowed in the command register");
	command |= PCI_COMMAND_INTX_DISABLE;
	REQUIRE_RC(device_config_write(attacker->fd, PCI_COMMAND + 1, (uint8_t *)&command + 1, 1), 0, "byte by byte");
	command &= ~PCI_COMMAND_INTX_DISABLE;
	REQUIRE_RC(device_config_write(attacker->fd, PCI_COMMAND + 1, (uint8_t *)&command + 1, 1), 0, "byte by byte");
	quiet(victim, efd, irq, "allowed by half of the command register");

	own = device_irq(attacker->fd, VFIO_PCI_INTX_IRQ_INDEX);
	CHECK(own >= 0 && !wait_readable(own, 2000), "control: when he takes it, it arrives");
	CHECK(arrives(&victim->edu, efd), "control: so does the other's");
	REQUIRE_RC(irqs_off(attacker->fd, VFIO_PCI_INTX_IRQ_INDEX), 0, "he takes it no longer");
	quiet(victim, efd, irq, "its eventfd taken back");
	edu_write(&attacker->edu, EDU_ACK, 1);
	REQUIRE_RC(device_irq_set(attacker->fd, VFIO_PCI_INTX_IRQ_INDEX, own), 0, "he takes it, it is free");
	REQUIRE_RC(irqs_off(attacker->fd, VFIO_PCI_INTX_IRQ_INDEX), 0, "and no longer");
	edu_write(&attacker->edu, EDU_RAISE, 1);
	quiet(victim, efd, irq, "asserted after its eventfd was taken back");

	REQUIRE_RC(device_irq_set(attacker->fd, VFIO_PCI_MSI_IRQ_INDEX, own), 0, "by MSI");
	REQUIRE_RC(irqs_off(attacker->fd, VFIO_PCI_MSI_IRQ_INDEX), 0, "and no longer");
	edu_write(&attacker->edu, EDU_RAISE, 1);
	quiet(victim, efd, irq, "MSI ended");

	power.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY;
	REQUIRE_RC(iommu_call(attacker->fd, VFIO_DEVICE_FEATURE, &power), 0, "it may sleep");
	usleep(100000);
	REQUIRE_RC(device_config_read(attacker->fd, PCI_COMMAND, &command, 2), 0, "what he reads wakes it");
	power.flags = VFIO_DEVICE_FEATURE_SET | VFIO_DEVICE_FEATURE_LOW_POWER_EXIT;
	REQUIRE_RC(iommu_call(attacker->fd, VFIO_DEVICE_FEATURE, &power), 0, "and is awake");
	edu_write(&attacker->edu, EDU_RAISE, 1);
	quiet(victim, efd, irq, "asleep and awake");

	REQUIRE_RC(device_detach(attacker->fd), 0, "detached, with its interrupt asserted");
	quiet(victim, efd, irq, "detached");
	REQUIRE_RC(device_attach(attacker->fd, ioas, NULL), 0, "attached anew");
	device_enable(attacker->fd, true, true);
	edu_write(&attacker->edu, EDU_RAISE, 1);
	quiet(victim, efd, irq, "attached anew");
	close(own);
}

/* Of processors' time in the kernel: hundredths of a second, in a second */
static long kernel_time(void)
{
	long before = 0, after = 0;
	FILE *f;
	int i;

	for (i = 0; i < 2; i++) {
		f = fopen("/proc/stat", "re");
		if (!f || fscanf(f, "cpu %*d %*d %ld", i ? &after : &before) != 1)
			return -1;
		fclose(f);
		if (!i)
			sleep(1);
	}
	return after - before;
}

/* His own eventfd unmasks what signalled it */
static void in_a_circle(struct edu_setup *attacker, struct edu_setup *victim, int efd, int irq)
{
	int own = device_irq(attacker->fd, VFIO_PCI_INTX_IRQ_INDEX);
	long idle = kernel_time(), circle;
	struct stalled_call call = { .fd = attacker->fd };
	static char content[4096];
	int uffd = stalling_open();

	REQUIRE(own >= 0, "the holder takes the device's interrupts");
	REQUIRE_RC(device_irq_action(attacker->fd, VFIO_PCI_INTX_IRQ_INDEX,
				     VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_UNMASK, own), 0,
		   "what they signal unmasks them");
	edu_write(&attacker->edu, EDU_RAISE, 1);
	circle = kernel_time();
	CHECK(circle > idle + 40, "control: the kernel goes in a circle (%ld, without %ld hundredths of a second)", circle, idle);
	CHECK(arrives(&victim->edu, efd), "S12 the other's interrupts arrive meanwhile");
	REQUIRE_RC(stalled_call_begin(&call, uffd), 0, "a call of his hangs in the driver");
	CHECK(run_shell("echo 1 > /sys/bus/pci/devices/%s/iommufd_revoke", ATTACKER),
	      "control: an operator is told that taking the device away is not all done");
	CHECK_EQ(poll_events(attacker->fd, 0), POLLHUP | POLLERR, "S11 it is taken away");
	circle = kernel_time();
	CHECK(!call.done, "control: a call of his keeps it from being disabled");
	CHECK(circle < idle + 40, "S11 and the circle ends (%ld)", circle);
	CHECK_RC(stalling_answer(uffd, call.page, content), 0, "the call goes on");
	pthread_join(call.thread, NULL);
	close(uffd);
	quiet(victim, efd, irq, "taken away");
	close(own);
}

int main(void)
{
	struct edu_setup victim, attacker;
	uint32_t victims_ioas, attackers_ioas;
	int irq, efd, victims_ctx, attackers_ctx;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	victims_ctx = iommu_open();
	attackers_ctx = iommu_open();
	REQUIRE_RC(ioas_alloc(victims_ctx, &victims_ioas) ?: ioas_alloc(attackers_ctx, &attackers_ioas), 0,
		   "two contexts");
	REQUIRE_RC(pci_bind(ATTACKERS_SIBLING, ""), 0, "the attacker's group is his");
	REQUIRE_RC(edu_setup(&victim, VICTIM, victims_ctx, victims_ioas), 0, "one has a device");
	REQUIRE_RC(edu_setup(&attacker, ATTACKER, attackers_ctx, attackers_ioas), 0, "the other, too");
	irq = irq_of(VICTIM);
	REQUIRE(irq > 0 && irq == irq_of(ATTACKER), "on one line, %d", irq);
	efd = device_irq(victim.fd, VFIO_PCI_INTX_IRQ_INDEX);
	REQUIRE(efd >= 0 && arrives(&victim.edu, efd), "control: interrupts arrive");

	unanswered(&attacker, &victim, efd, irq, attackers_ioas);
	again_and_again(&attacker, &victim, efd, irq);
	masked_in_a_reset(&attacker, &victim, efd, irq, attackers_ctx);
	in_a_circle(&attacker, &victim, efd, irq);

	edu_teardown(&attacker);
	quiet(&victim, efd, irq, "closed");
	CHECK(run_shell("dmesg | grep -q 'Disabling IRQ'"), "S12 the kernel has switched off no line");
	edu_teardown(&victim);
	close(efd);
	close(attackers_ctx);
	close(victims_ctx);
	with_stock_vfio(irq);
	return checks_done();
}
