/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What sysfs says about the PCI devices of this machine.
 */
#ifndef PCI_H
#define PCI_H

#include <stdbool.h>
#include <stdint.h>

#define PCI_NAME_LEN 64

struct pci_device {
	char address[PCI_NAME_LEN];
	uint16_t vendor, device;
	uint32_t class_code;
	char driver[PCI_NAME_LEN];   /* "": none */
	char override[PCI_NAME_LEN]; /* driver_override, "": none */
	char node[PCI_NAME_LEN];     /* of its device fd, "vfio0"; "": it has none */
	int group;                   /* -1: in no IOMMU group */
};

/**
 * pci_read() - Look at a device
 * @address: "0000:01:00.0"
 * @device: out
 *
 * Return: 0, or a negative errno; -EINVAL if @address is not one.
 */
int pci_read(const char *address, struct pci_device *device);

/* Call @function for the address of each device in group @group. Return: how many, or a negative errno. */
int pci_each_of_group(int group, void (*function)(const char *address, void *data), void *data);

#endif
