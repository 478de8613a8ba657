// SPDX-License-Identifier: GPL-2.0
/*
 * The half of attack_msi that shows the attack is real: interrupts are not remapped, and an administrator has
 * set allow_unsafe_interrupts. The same steps reach another device's interrupts.
 *
 * vm: about=S12 without interrupt remapping a MSI-X table reaches another device's interrupts
 * vm: append=intremap=off nox2apic
 */
#include "attack_msi.c"
