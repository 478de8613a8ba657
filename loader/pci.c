// SPDX-License-Identifier: GPL-2.0
/*
 * Reads /sys/bus/pci and /sys/kernel/iommu_groups. Changes nothing.
 */
#include "pci.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runtime.h"

#define DEVICES "/sys/bus/pci/devices"

/* The first line of an attribute; "" if it cannot be read */
static void read_line(const char *address, const char *name, char *text, size_t size)
{
	char path[256];
	FILE *file;

	text[0] = '\0';
	snprintf(path, sizeof(path), DEVICES "/%s/%s", address, name);
	file = fopen(path, "re");
	if (!file)
		return;
	if (fgets(text, (int)size, file))
		text[strcspn(text, "\n")] = '\0';
	fclose(file);
}

/* The last part of what a link points to; "" if there is no link */
static void read_link(const char *address, const char *name, char *text, size_t size)
{
	char path[256], target[512];
	const char *last;
	ssize_t len;

	text[0] = '\0';
	snprintf(path, sizeof(path), DEVICES "/%s/%s", address, name);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return;
	target[len] = '\0';
	last = strrchr(target, '/');
	last = last ? last + 1 : target;
	len = strnlen(last, size - 1);
	memcpy(text, last, len);
	text[len] = '\0';
}

static void keep_name(const char *name, void *data)
{
	snprintf(data, PCI_NAME_LEN, "%s", name);
}

int pci_read(const char *address, struct pci_device *device)
{
	char path[256], text[PCI_NAME_LEN];

	*device = (struct pci_device){ .group = -1 };
	/* With its domain; and nothing that leads out of the directory */
	if (strlen(address) >= PCI_NAME_LEN || strspn(address, "0123456789abcdef:.") != strlen(address) ||
	    !strchr(address, ':') || strchr(address, ':') == strrchr(address, ':'))
		return -EINVAL;
	snprintf(path, sizeof(path), DEVICES "/%s", address);
	if (access(path, F_OK))
		return -errno;
	memcpy(device->address, address, strlen(address) + 1);
	read_line(address, "vendor", text, sizeof(text));
	device->vendor = strtoul(text, NULL, 16);
	read_line(address, "device", text, sizeof(text));
	device->device = strtoul(text, NULL, 16);
	read_line(address, "class", text, sizeof(text));
	device->class_code = strtoul(text, NULL, 16);
	read_link(address, "driver", device->driver, sizeof(device->driver));
	read_line(address, "driver_override", device->override, sizeof(device->override));
	if (!strcmp(device->override, "(null)"))
		device->override[0] = '\0';
	read_link(address, "iommu_group", text, sizeof(text));
	if (text[0])
		device->group = (int)strtol(text, NULL, 10);
	snprintf(path, sizeof(path), DEVICES "/%s/vfio-dev", address);
	runtime_each(path, keep_name, device->node);
	return 0;
}

int pci_each_of_group(int group, void (*function)(const char *address, void *data), void *data)
{
	char path[256];

	snprintf(path, sizeof(path), "/sys/kernel/iommu_groups/%d/devices", group);
	return runtime_each(path, function, data);
}
