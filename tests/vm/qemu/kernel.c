// SPDX-License-Identifier: GPL-2.0
/*
 * A small kernel for a virtual machine that has an edu device passed through: finds it on PCI, has it
 * transfer both ways and interrupt by MSI, compares every byte, and says so on the serial port. Then takes
 * part in hot-plugging as QEMU's "pc" machine does it, and listens for single letters:
 *   u  use the device again      r  keep transferring until the end of the world
 * Whoever runs it reads its lines: "guest: used N" after N transfers that were right both ways, "guest:
 * FAILED ..." when something is not as it should be.
 */
#include <stdbool.h>
#include <stdint.h>

#define COM1 0x3f8
#define TICKS_PER_SECOND 100

#define EDU_ID 0x11e81234
#define EDU_IDENT 0x010000edu
#define EDU_BUFFER 0x40000
#define REG_IDENT 0x00
#define REG_ALIVE 0x04
#define REG_STATUS 0x24
#define REG_ACK 0x64
#define REG_DMA_SRC 0x80
#define REG_DMA_DST 0x88
#define REG_DMA_COUNT 0x90
#define REG_DMA_COMMAND 0x98
#define DMA_RUN 1
#define DMA_TO_MEMORY 2
#define DMA_INTERRUPT 4

#define VECTOR_TIMER 0x20
#define VECTOR_DEVICE 0x41

#define APIC 0xfee00000

/* QEMU's docs/specs/acpi_pci_hotplug.rst */
#define HOTPLUG_UP 0xae00
#define HOTPLUG_DOWN 0xae04
#define HOTPLUG_EJECT 0xae08
#define HOTPLUG_SELECT 0xae10

#define LENGTH 2048

extern void timer_entry(void), device_entry(void), other_entry(void);

volatile uint32_t ticks, interrupts, strays;

static struct {
	uint16_t low, selector, flags, high;
} idt[256];

static unsigned char source[LENGTH] __attribute__((aligned(4096)));
static unsigned char target[LENGTH] __attribute__((aligned(4096)));

static int slot = -1; /* where the device is, or -1 */
static volatile uint8_t *bar;
static unsigned int uses;

static void outb(uint16_t port, uint8_t value)
{
	asm volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t inb(uint16_t port)
{
	uint8_t value;

	asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void outl(uint16_t port, uint32_t value)
{
	asm volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}

static uint32_t inl(uint16_t port)
{
	uint32_t value;

	asm volatile("inl %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

/* --- words on the serial port ---------------------------------------------------------------------- */

static void put_char(char c)
{
	while (!(inb(COM1 + 5) & 0x20))
		;
	outb(COM1, c);
}

static void put(const char *text)
{
	while (*text)
		put_char(*text++);
}

static void put_number(uint32_t value, unsigned int base)
{
	char digits[12], *p = digits + sizeof(digits);

	*--p = 0;
	do {
		*--p = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	put(p);
}

static void say(const char *text, uint32_t value, unsigned int base)
{
	put("guest: ");
	put(text);
	put_number(value, base);
	put_char('\n');
}

/* --- time and interrupts --------------------------------------------------------------------------- */

static void set_vector(unsigned int vector, void (*entry)(void))
{
	uint32_t address = (uint32_t)entry;

	idt[vector].low = address;
	idt[vector].high = address >> 16;
	idt[vector].selector = 8;
	idt[vector].flags = 0x8e00;
}

static void apic_write(unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(APIC + reg) = value;
}

static void init_interrupts(void)
{
	struct {
		uint16_t size;
		void *base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, idt };
	const uint16_t divisor = 1193182 / TICKS_PER_SECOND;

	for (unsigned int i = 0; i < 256; i++)
		set_vector(i, other_entry);
	set_vector(VECTOR_TIMER, timer_entry);
	set_vector(VECTOR_DEVICE, device_entry);
	asm volatile("lidt %0" : : "m"(pointer));

	/* the PICs: vectors from 0x20 and 0x28; nothing but the timer */
	outb(0x20, 0x11);
	outb(0xa0, 0x11);
	outb(0x21, VECTOR_TIMER);
	outb(0xa1, VECTOR_TIMER + 8);
	outb(0x21, 4);
	outb(0xa1, 2);
	outb(0x21, 1);
	outb(0xa1, 1);
	outb(0x21, 0xfe);
	outb(0xa1, 0xff);
	outb(0x43, 0x34);
	outb(0x40, divisor & 0xff);
	outb(0x40, divisor >> 8);

	apic_write(0x350, 0x700); /* the PIC's line stays connected */
	apic_write(0x0f0, 0x1ff); /* on */
	asm volatile("sti");
}

static void wait(void)
{
	asm volatile("hlt" : : : "memory");
}

/* --- PCI --------------------------------------------------------------------------------------------- */

static uint32_t config_read(int dev, unsigned int reg)
{
	outl(0xcf8, 0x80000000 | dev << 11 | reg);
	return inl(0xcfc);
}

static void config_write(int dev, unsigned int reg, uint32_t value)
{
	outl(0xcf8, 0x80000000 | dev << 11 | reg);
	outl(0xcfc, value);
}

static bool init_msi(int dev)
{
	uint32_t at = config_read(dev, 0x34) & 0xfc, head;

	for (; at; at = head >> 8 & 0xfc) {
		head = config_read(dev, at);
		if ((head & 0xff) != 5)
			continue;
		config_write(dev, at + 4, APIC);
		if (head & 1 << 23) { /* 64 bits of address */
			config_write(dev, at + 8, 0);
			config_write(dev, at + 12, VECTOR_DEVICE);
		} else {
			config_write(dev, at + 8, VECTOR_DEVICE);
		}
		config_write(dev, at, (head & ~(7u << 20)) | 1 << 16);
		return true;
	}
	return false;
}

static uint32_t edu_read(unsigned int reg)
{
	return *(volatile uint32_t *)(bar + reg);
}

static void edu_write(unsigned int reg, uint32_t value)
{
	*(volatile uint32_t *)(bar + reg) = value;
}

static bool find_device(void)
{
	int dev;

	for (dev = 0; dev < 32; dev++)
		if (config_read(dev, 0) == EDU_ID)
			break;
	if (dev == 32)
		return false;

	/* nobody else gives out addresses here: 1 MiB for each slot */
	bar = (volatile uint8_t *)(0xe0000000 + (dev << 20));
	config_write(dev, 0x10, (uint32_t)bar);
	config_write(dev, 0x04, 6); /* memory, bus master */
	say("edu in slot ", dev, 10);
	if (!init_msi(dev)) {
		say("FAILED no MSI in slot ", dev, 10);
		return false;
	}
	if (edu_read(REG_IDENT) != EDU_IDENT) {
		say("FAILED ident is ", edu_read(REG_IDENT), 16);
		return false;
	}
	edu_write(REG_ALIVE, 0x12345678);
	if (edu_read(REG_ALIVE) != ~0x12345678u) {
		say("FAILED a register has ", edu_read(REG_ALIVE), 16);
		return false;
	}
	slot = dev;
	return true;
}

/* --- using the device ------------------------------------------------------------------------------- */

/* One transfer, of which the device's interrupt tells the end */
static bool transfer(uint32_t from, uint32_t to, uint32_t direction)
{
	uint32_t before = interrupts, start = ticks;

	edu_write(REG_DMA_SRC, from);
	edu_write(REG_DMA_SRC + 4, 0);
	edu_write(REG_DMA_DST, to);
	edu_write(REG_DMA_DST + 4, 0);
	edu_write(REG_DMA_COUNT, LENGTH);
	edu_write(REG_DMA_COUNT + 4, 0);
	edu_write(REG_DMA_COMMAND, DMA_RUN | DMA_INTERRUPT | direction);
	while (interrupts == before) {
		if (ticks - start > 60 * TICKS_PER_SECOND) {
			say("FAILED no interrupt; the device's command is ", edu_read(REG_DMA_COMMAND), 16);
			return false;
		}
		wait();
	}
	if (edu_read(REG_DMA_COMMAND) & DMA_RUN) {
		say("FAILED an interrupt before the end: ", edu_read(REG_STATUS), 16);
		return false;
	}
	edu_write(REG_ACK, edu_read(REG_STATUS));
	return true;
}

static bool use(void)
{
	unsigned int i;

	for (i = 0; i < LENGTH; i++) {
		source[i] = i * 7 + (i >> 8) + uses * 13 + 1;
		target[i] = ~source[i];
	}
	if (!transfer((uint32_t)source, EDU_BUFFER, 0) ||
	    !transfer(EDU_BUFFER, (uint32_t)target, DMA_TO_MEMORY))
		return false;
	for (i = 0; i < LENGTH; i++) {
		if (((volatile unsigned char *)target)[i] != source[i]) {
			say("FAILED transferred wrongly: byte ", i, 10);
			return false;
		}
	}
	say("used ", ++uses, 10);
	return true;
}

static void run_forever(void)
{
	say("transferring since tick ", ticks, 10);
	while (transfer((uint32_t)source, EDU_BUFFER, 0) &&
	       transfer(EDU_BUFFER, (uint32_t)target, DMA_TO_MEMORY))
		;
}

static void poll_hotplug(void)
{
	uint32_t up, down;

	outl(HOTPLUG_SELECT, 0);
	up = inl(HOTPLUG_UP);
	down = inl(HOTPLUG_DOWN);
	if (down) {
		if (slot >= 0 && down & 1u << slot) {
			config_write(slot, 0x04, 0);
			slot = -1;
		}
		say("lets go of slots ", down, 16);
		outl(HOTPLUG_EJECT, down);
	}
	if (up && slot < 0 && find_device())
		use();
}

void main(void)
{
	outb(COM1 + 3, 0x80);
	outb(COM1, 1);
	outb(COM1 + 1, 0);
	outb(COM1 + 3, 3);
	outb(COM1 + 2, 7);
	put("guest: booted\n");
	init_interrupts();
	if (find_device())
		use();
	else
		put("guest: no device\n");

	for (;;) {
		poll_hotplug();
		if (strays) {
			say("FAILED unexpected interrupts: ", strays, 10);
			strays = 0;
		}
		if (inb(COM1 + 5) & 1) {
			char c = inb(COM1);

			if ((c == 'u' || c == 'r') && slot < 0)
				put("guest: no device\n");
			else if (c == 'u')
				use();
			else if (c == 'r')
				run_forever();
		}
		wait();
	}
}
