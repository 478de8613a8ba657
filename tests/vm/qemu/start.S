/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How the small kernel begins, and its interrupts. QEMU's firmware leaves us in 32-bit protected mode
 * with flat segments (Multiboot); what comes then is in kernel.c.
 */
#define MAGIC 0x1badb002
#define CODE 8
#define DATA 16

	.section .multiboot, "a"
	.align 4
	.long MAGIC, 0, -MAGIC

	.text
	.globl start
start:
	cli
	cld
	mov $stack_end, %esp
	lgdt gdt_pointer
	ljmp $CODE, $1f
1:	mov $DATA, %ax
	mov %ax, %ds
	mov %ax, %es
	mov %ax, %fs
	mov %ax, %gs
	mov %ax, %ss
	/* the firmware leaves .bss to us when the machine is reset */
	mov $bss_begin, %edi
	mov $bss_end, %ecx
	sub %edi, %ecx
	xor %eax, %eax
	rep stosb
	call main
2:	cli
	hlt
	jmp 2b

	/* They do no more than count: main() looks, and tells the PIC or the APIC */
	.globl timer_entry, device_entry, other_entry
timer_entry:
	incl ticks
	push %eax
	mov $0x20, %al
	out %al, $0x20
	pop %eax
	iret
device_entry:
	incl interrupts
	movl $0, 0xfee000b0
	iret
other_entry:
	incl strays
	iret

	.data
	.align 8
gdt:
	.quad 0
	.quad 0x00cf9a000000ffff /* code, all of memory */
	.quad 0x00cf92000000ffff /* data, likewise */
gdt_pointer:
	.word . - gdt - 1
	.long gdt

	.section .stack, "aw", @nobits
	.align 16
	.skip 8192
stack_end:
	.section .note.GNU-stack, "", @progbits
