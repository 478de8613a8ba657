// SPDX-License-Identifier: GPL-2.0
/*
 * `why`: what keeps a device from being claimed, or from being operable, and what helps. Looks and asks;
 * changes nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "commands.h"
#include "findings.h"
#include "iommufd_ext.h"
#include "json.h"
#include "message.h"
#include "objects.h"
#include "pci.h"
#include "runtime.h"
#include "words.h"

#define OURS "iommufd-vfio-pci"
#define NODE_DIR "/dev/vfio/devices/"

struct look {
	struct pci_device device;
	struct findings findings;
	struct json_object *members; /* of its group */
	struct json_object *objects; /* of /proc/iommufd, empty if it cannot be read */
	bool sibling_in_way;
};

/* The command that takes a device from its driver and gives it to ours */
static void give_to_ours(const struct pci_device *device, char *text, size_t size)
{
	char unbind[192] = "";

	if (device->driver[0])
		snprintf(unbind, sizeof(unbind), "echo %s > /sys/bus/pci/drivers/%s/unbind; ",
			 device->address, device->driver);
	snprintf(text, size, "'echo " OURS " > /sys/bus/pci/devices/%s/driver_override; "
		 "%secho %s > /sys/bus/pci/drivers_probe'", device->address, unbind, device->address);
}

/* Drivers of the kernel that do no DMA of their own; the module's answer is exact, where it can be had */
static bool is_harmless(const char *driver)
{
	static const char *const harmless[] = { "", OURS, "vfio-pci", "pcieport", "pci-stub" };

	for (size_t i = 0; i < sizeof(harmless) / sizeof(harmless[0]); i++)
		if (!strcmp(driver, harmless[i]))
			return true;
	return false;
}

static void look_at_driver(struct look *look)
{
	const struct pci_device *device = &look->device;
	char advice[512];

	give_to_ours(device, advice, sizeof(advice));
	if (!strcmp(device->driver, OURS))
		findings_add(&look->findings, FINDING_FINE, "driver", NULL, "its driver is " OURS);
	else if (access("/sys/bus/pci/drivers/" OURS, F_OK))
		findings_add(&look->findings, FINDING_PROBLEM, "module", "'modprobe iommufd_vfio_pci'",
			     "the module iommufd_vfio_pci is not loaded");
	else if (device->driver[0])
		findings_add(&look->findings, FINDING_PROBLEM, "driver", advice,
			     "its driver is '%s', which makes it no device file", device->driver);
	else
		findings_add(&look->findings, FINDING_PROBLEM, "driver", advice, "it has no driver");
}

static void look_at_member(const char *address, void *data)
{
	struct json_object *member = json_object_new_object();
	struct look *look = data;
	struct pci_device device;
	char advice[512];

	if (pci_read(address, &device)) {
		/* Not on the PCI bus: its name is all that is known */
		json_add_string(member, "address", address);
		json_object_array_add(look->members, member);
		return;
	}
	json_add_string(member, "address", address);
	json_add_string(member, "driver", device.driver);
	json_object_array_add(look->members, member);
	if (!strcmp(address, look->device.address) || is_harmless(device.driver))
		return;
	look->sibling_in_way = true;
	give_to_ours(&device, advice, sizeof(advice));
	findings_add(&look->findings, FINDING_PROBLEM, "sibling", advice,
		     "%s is of the same group, and its driver '%s' uses it; a group is one unit", address,
		     device.driver);
}

static void look_at_group(struct look *look)
{
	if (look->device.group < 0) {
		findings_add(&look->findings, FINDING_PROBLEM, "iommu",
			     "'iommufd-lsm probe'; an IOMMU that is on, and a device behind it",
			     "no IOMMU translates it: it is in no group");
		return;
	}
	pci_each_of_group(look->device.group, look_at_member, look);
	if (!look->sibling_in_way)
		findings_add(&look->findings, FINDING_FINE, "group", NULL,
			     "no other driver uses a device of its group %d", look->device.group);
}

/* The object of @kind whose @key is @value, or NULL */
static struct json_object *find_object(struct look *look, const char *kind, const char *key,
				       const char *value)
{
	struct json_object *list;

	if (!json_object_object_get_ex(look->objects, kind, &list))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *object = json_object_array_get_idx(list, i);

		if (!strcmp(words_string(object, key), value))
			return object;
	}
	return NULL;
}

static void look_at_claim(struct look *look)
{
	struct json_object *group, *context, *device;
	char id[32];

	if (geteuid()) {
		findings_add(&look->findings, FINDING_NOTE, "owner", "sudo",
			     "which context has the group is for root to see");
		return;
	}
	snprintf(id, sizeof(id), "%d", look->device.group);
	group = find_object(look, "group", "id", id);
	if (!group)
		return;
	context = find_object(look, "context", "id", words_string(group, "context"));
	findings_add(&look->findings, FINDING_PROBLEM, "owner",
		     "the process to close it, or 'kill PID'; 'iommufd-lsm revoke' to end its access at once",
		     "its group is claimed by context %s of %s (pid %s, uid %s): only that context can bind it",
		     words_string(group, "context"), context ? words_string(context, "comm") : "?",
		     context ? words_string(context, "pid") : "?",
		     context ? words_string(context, "uid") : "?");
	device = find_object(look, "device", "address", look->device.address);
	if (!device)
		findings_add(&look->findings, FINDING_NOTE, "bound", NULL,
			     "the device itself is not bound to that context");
	else if (words_number(device, "attached"))
		findings_add(&look->findings, FINDING_NOTE, "attached", NULL,
			     "it is bound and attached there: operable");
	else
		findings_add(&look->findings, FINDING_NOTE, "attached",
			     "VFIO_DEVICE_ATTACH_IOMMUFD_PT in the process that bound it",
			     "it is bound there and not attached, so it is not operable");
}

/* Which process has @path open; 0: none that can be seen */
static pid_t find_holder(const char *path, char *comm, size_t size)
{
	DIR *proc = opendir("/proc");
	struct dirent *process, *entry;
	char name[300], target[256];
	pid_t pid = 0;
	ssize_t len;
	FILE *file;
	DIR *fds;

	comm[0] = '\0';
	while (proc && !pid && (process = readdir(proc))) {
		if (strspn(process->d_name, "0123456789") != strlen(process->d_name))
			continue;
		snprintf(name, sizeof(name), "/proc/%.20s/fd", process->d_name);
		fds = opendir(name);
		while (fds && !pid && (entry = readdir(fds))) {
			snprintf(name, sizeof(name), "/proc/%.20s/fd/%.20s", process->d_name,
				 entry->d_name);
			len = readlink(name, target, sizeof(target) - 1);
			if (len < 0)
				continue;
			target[len] = '\0';
			if (!strcmp(target, path))
				pid = (int)strtol(process->d_name, NULL, 10);
		}
		if (fds)
			closedir(fds);
	}
	if (proc)
		closedir(proc);
	snprintf(name, sizeof(name), "/proc/%d/comm", pid);
	file = pid ? fopen(name, "re") : NULL;
	if (file && fgets(comm, (int)size, file))
		comm[strcspn(comm, "\n")] = '\0';
	if (file)
		fclose(file);
	return pid;
}

static void add_reason(struct look *look, const struct iommufd_device_claim_info *info)
{
	struct findings *findings = &look->findings;

	switch (info->reason) {
	case IOMMUFD_CLAIM_OK:
		findings_add(findings, FINDING_FINE, "claim", NULL, "nothing stands in the way of a claim now");
		break;
	case IOMMUFD_CLAIM_NO_GROUP:
		findings_add(findings, FINDING_PROBLEM, "claim", "'iommufd-lsm probe'",
			     "the module says: no IOMMU translates it");
		break;
	case IOMMUFD_CLAIM_SIBLING_DRIVER:
		/* Said with its advice, unless sysfs did not show it */
		if (!look->sibling_in_way)
			findings_add(findings, FINDING_PROBLEM, "claim", "unbinding that driver",
				     "the module says: the driver '%s' of %s, of the same group, uses DMA",
				     info->driver, info->address);
		break;
	case IOMMUFD_CLAIM_CONTEXT:
		break; /* said by look_at_claim() */
	case IOMMUFD_CLAIM_OTHER_OWNER:
		findings_add(findings, FINDING_PROBLEM, "claim",
			     "ending who has a file of /dev/vfio/ open ('fuser -v /dev/vfio/*')",
			     "the module says: another owner has the group, legacy VFIO for instance");
		break;
	case IOMMUFD_CLAIM_UNSAFE_MSI:
		findings_add(findings, FINDING_PROBLEM, "claim",
			     "interrupt remapping in the firmware's settings; or, a security hole, "
			     "'echo Y > /sys/module/iommufd/parameters/allow_unsafe_interrupts'",
			     "the module says: interrupts of its group are not isolated");
		break;
	case IOMMUFD_CLAIM_NOT_COHERENT:
		findings_add(findings, FINDING_PROBLEM, "claim", NULL,
			     "the module says: the IOMMU cannot keep its DMA cache coherent");
		break;
	default:
		findings_add(findings, FINDING_NOTE, "claim", NULL, "the module says: reason %u",
			     info->reason);
		break;
	}
}

/* Ask the module, through the device's file */
static void look_inside(struct look *look)
{
	struct iommufd_device_claim_info info = { .size = sizeof(info) };
	char path[sizeof(NODE_DIR) + PCI_NAME_LEN], comm[32];
	pid_t pid;
	int fd;

	if (!look->device.node[0])
		return;
	snprintf(path, sizeof(path), NODE_DIR "%s", look->device.node);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd >= 0) {
		if (!ioctl(fd, IOMMUFD_DEVICE_CLAIM_INFO, &info))
			add_reason(look, &info);
		close(fd);
		return;
	}
	switch (errno) {
	case EBUSY:
		pid = find_holder(path, comm, sizeof(comm));
		if (pid)
			findings_add(&look->findings, FINDING_PROBLEM, "open", "that process to close it",
				     "%s is open in %s (pid %d); a device is opened once", path, comm, pid);
		else
			findings_add(&look->findings, FINDING_PROBLEM, "open",
				     "'fuser -v' of it; a BAR mapping, or an fd in a socket, keeps it open",
				     "%s is open, by nobody whose descriptors show it", path);
		break;
	case EACCES:
	case EPERM:
		if (!geteuid())
			findings_add(&look->findings, FINDING_NOTE, "policy", "'iommufd-lsm log'",
				     "the policy does not let iommufd-lsm itself open %s to ask the module",
				     path);
		else
			findings_add(&look->findings, FINDING_NOTE, "permission", "sudo",
				     "you may not open %s to ask the module", path);
		break;
	default:
		findings_add(&look->findings, FINDING_NOTE, "open", NULL, "%s cannot be opened: %s", path,
			     strerror(errno));
		break;
	}
}

static void look_at_policy(struct look *look)
{
	if (!strcmp(runtime_default_verdict(), "deny") && !geteuid() && access(RUNTIME_ACTIVE, F_OK))
		findings_add(&look->findings, FINDING_PROBLEM, "policy", "'iommufd-lsm load FILE...'",
			     "no policy is loaded, so nobody may open it (default_verdict=deny)");
}

static void print_text(const struct look *look)
{
	printf("%s (%04x:%04x, class %06x): %s\n", look->device.address, look->device.vendor,
	       look->device.device, look->device.class_code,
	       look->findings.problems ? "cannot be claimed now" : "can be claimed");
	if (look->device.group >= 0) {
		printf("  group %d:", look->device.group);
		for (size_t i = 0; i < json_object_array_length(look->members); i++) {
			struct json_object *member = json_object_array_get_idx(look->members, i);
			const char *driver = words_string(member, "driver");

			printf("%s %s (%s)", i ? "," : "", words_string(member, "address"),
			       *driver ? driver : "no driver");
		}
		putchar('\n');
	}
	findings_print(&look->findings, true);
}

static void print_json_of(const struct look *look)
{
	struct json_object *object = json_object_new_object();
	char id[16];

	json_add_string(object, "address", look->device.address);
	snprintf(id, sizeof(id), "%04x:%04x", look->device.vendor, look->device.device);
	json_add_string(object, "id", id);
	snprintf(id, sizeof(id), "%06x", look->device.class_code);
	json_add_string(object, "class", id);
	json_add_string(object, "driver", look->device.driver);
	if (look->device.node[0])
		json_add_string(object, "node", look->device.node);
	if (look->device.group >= 0)
		json_add_number(object, "group", look->device.group);
	json_object_object_add(object, "members", json_object_get(look->members));
	json_add_bool(object, "can_be_claimed", !look->findings.problems);
	json_object_object_add(object, "findings", json_object_get(look->findings.list));
	json_print(object);
}

int cmd_why(const struct options *options, int nr_files, char **files)
{
	struct look look = { 0 };
	int rc = pci_read(files[0], &look.device);

	(void)nr_files;
	if (rc == -EINVAL) {
		message_error("one with its domain, like 0000:01:00.0; 'lspci -D' shows them",
			      "'%s' is not the address of a PCI device", files[0]);
		return EXIT_UNUSABLE;
	}
	if (rc) {
		message_error("'lspci -D', to see those there are",
			      "cannot look at '%s': there is no such PCI device", files[0]);
		return EXIT_FAILED;
	}
	findings_start(&look.findings);
	look.members = json_object_new_array();
	look.objects = json_object_new_object();
	objects_read(look.objects);
	look_at_driver(&look);
	look_at_group(&look);
	if (!access("/proc/iommufd", F_OK))
		look_at_claim(&look);
	look_inside(&look);
	look_at_policy(&look);
	(options->json ? print_json_of : print_text)(&look);
	rc = look.findings.problems ? EXIT_FAILED : EXIT_DONE;
	findings_free(&look.findings);
	json_object_put(look.members);
	json_object_put(look.objects);
	return rc;
}
