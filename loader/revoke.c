// SPDX-License-Identifier: GPL-2.0
/*
 * `revoke`, and what `load --revoke` and `load --dry-run` do about attachments. The kernel judges
 * and takes away, by files in a device's sysfs directory (docs/device-fds.md); here it is asked
 * to, and told of.
 */
#include "revoke.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "attachments.h"
#include "commands.h"
#include "json.h"
#include "message.h"
#include "pci.h"
#include "runtime.h"

#define DRIVER "iommufd-vfio-pci"
#define DRIVER_DEVICES "/sys/bus/pci/drivers/" DRIVER
#define DEVICES "/sys/bus/pci/devices"

/* Return: 0 or a negative errno, the kernel's */
static int write_one(const char *address, const char *file)
{
	char path[256];
	int fd, rc = 0;

	snprintf(path, sizeof(path), DEVICES "/%s/%s", address, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, "1", 1) != 1)
		rc = -errno;
	close(fd);
	return rc;
}

/* --- one device ------------------------------------------------------------------------------- */

struct holder {
	char state[16];
	int pid;
	char comm[80]; /* escaped */
};

/* Return: whether somebody has it open */
static bool read_holder(const char *address, struct holder *holder)
{
	char path[256];
	bool any;
	FILE *file;

	snprintf(path, sizeof(path), DEVICES "/%s/iommufd_holder", address);
	memset(holder, 0, sizeof(*holder));
	file = fopen(path, "re");
	if (!file)
		return false;
	/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote the number */
	any = fscanf(file, "%15s %d %79[^\n]", holder->state, &holder->pid, holder->comm) >= 2;
	fclose(file);
	return any;
}

/* Return: whether it is a device of ours; it was said if it is not */
static bool check_device(const char *address)
{
	struct pci_device device;
	int rc = pci_read(address, &device);

	if (rc == -EINVAL) {
		message_error("'0000:01:00.0', as 'lspci -D' prints it",
			      "cannot revoke '%s': that is no address of a PCI device", address);
		return false;
	}
	if (rc) {
		message_error("'lspci -D' to see what there is",
			      "cannot revoke '%s': there is no such device", address);
		return false;
	}
	if (!strcmp(device.driver, DRIVER))
		return true;
	if (device.driver[0])
		message_error(NULL, "cannot revoke '%s': it is in use by the driver %s, and by nobody through "
			      DRIVER, address, device.driver);
	else
		message_error(NULL, "cannot revoke '%s': it has no driver, so nobody has it", address);
	return false;
}

static void say_not_revoked(const char *address, int rc, const struct holder *holder)
{
	switch (-rc) {
	case ESRCH:
		message_error(NULL, "cannot revoke '%s': nobody has it open", address);
		break;
	case EALREADY:
		message_error(NULL, "cannot revoke '%s': it was taken away before from %s (pid %d), who has not "
			      "closed it yet", address, holder->comm, holder->pid);
		break;
	case ENOENT:
	case ENODEV:
		message_error(NULL, "cannot revoke '%s': its driver has just left it", address);
		break;
	default:
		message_error(NULL, "cannot revoke '%s': %s", address, strerror(-rc));
	}
}

int cmd_revoke(const struct options *options, int nr_files, char **files)
{
	const char *address = files[0];
	struct json_object *object;
	struct holder holder;
	int rc;

	(void)nr_files;
	if (geteuid()) {
		message_error("sudo", "cannot revoke '%s': only root can", address);
		return EXIT_FAILED;
	}
	if (!check_device(address))
		return EXIT_FAILED;
	read_holder(address, &holder);
	rc = write_one(address, "iommufd_revoke");
	if (rc == -EINPROGRESS)
		message_warning("to kill it", "%s (pid %d) keeps a call waiting that uses '%s': it has no DMA "
				"and cannot be used any more, but is free for others only when that call ends",
				holder.comm, holder.pid, address);
	else if (rc) {
		say_not_revoked(address, rc, &holder);
		return EXIT_FAILED;
	}
	if (options->json) {
		object = json_object_new_object();
		json_add_string(object, "revoked", address);
		json_add_string(object, "state", holder.state);
		json_add_number(object, "pid", holder.pid);
		json_add_string(object, "comm", holder.comm);
		json_print(object);
	} else {
		printf("revoked %s from %s (pid %d), who had it %s\n", address, holder.comm, holder.pid,
		       holder.state);
	}
	return EXIT_DONE;
}

/* --- all that a policy denies ----------------------------------------------------------------- */

static void print_denied(const struct options *options, const struct policy *policy,
			 const struct attachments *attachments, size_t denied)
{
	struct json_object *object, *list, *one;
	struct attachment_verdict verdict;
	size_t i;

	if (!options->json)
		printf("'%s' denies %zu of %zu attachments%s\n", policy->name, denied, attachments->nr,
		       denied ? ":" : "");
	object = json_object_new_object();
	list = json_object_new_array();
	for (i = 0; i < attachments->nr; i++) {
		verdict = attachment_judge(policy, &attachments->list[i]);
		if (!verdict.denied)
			continue;
		if (!options->json) {
			printf("  ");
			attachment_print(policy, &attachments->list[i], &verdict);
			continue;
		}
		one = json_object_new_object();
		attachment_describe(one, policy, &attachments->list[i], &verdict);
		json_object_array_add(list, one);
	}
	json_add_string(object, "dry_run", policy->name);
	json_add_number(object, "attachments", attachments->nr);
	json_object_object_add(object, "denied", list);
	if (options->json)
		json_print(object);
	else
		json_object_put(object);
}

int revoke_dry_run(const struct options *options, const struct policy *policy)
{
	struct attachments attachments;
	size_t i, denied = 0;

	if (attachments_read("look at what is attached", &attachments))
		return EXIT_FAILED;
	for (i = 0; i < attachments.nr; i++)
		denied += attachment_judge(policy, &attachments.list[i]).denied;
	print_denied(options, policy, &attachments, denied);
	attachments_free(&attachments);
	return denied ? EXIT_FAILED : EXIT_DONE;
}

struct rechecking {
	const struct options *options;
	const struct policy *policy;
	struct attachments attachments; /* as they were before */
	int status;
};

static void print_taken(struct rechecking *work, const char *address)
{
	struct attachment unlisted = { .known = true, .comm = "?" }, *attachment = &unlisted;
	struct attachment_verdict verdict = { .denied = false };
	struct json_object *object;
	size_t i;

	snprintf(unlisted.address, sizeof(unlisted.address), "%s", address);
	for (i = 0; i < work->attachments.nr; i++) {
		if (strcmp(work->attachments.list[i].address, address))
			continue;
		attachment = &work->attachments.list[i];
		verdict = attachment_judge(work->policy, attachment);
	}
	/* The kernel's word: other programs are asked as well */
	if (!verdict.denied)
		verdict = (struct attachment_verdict){ .reason = "see 'iommufd-lsm log'" };
	if (work->options->json) {
		object = json_object_new_object();
		json_add_string(object, "revoked", address);
		attachment_describe(object, work->policy, attachment, &verdict);
		json_print(object);
	} else {
		printf("revoked ");
		attachment_print(work->policy, attachment, &verdict);
	}
}

static void recheck(const char *name, void *data)
{
	struct rechecking *work = data;
	int rc;

	if (!strchr(name, ':'))
		return;
	rc = write_one(name, "iommufd_recheck");
	if (rc == -EACCES) {
		print_taken(work, name);
	} else if (rc && rc != -ESRCH && rc != -ENOENT && rc != -ENODEV) {
		message_error(NULL, "cannot have '%s' judged by the new policy: %s", name, strerror(-rc));
		work->status = EXIT_FAILED;
	}
}

int revoke_denied(const struct options *options, const struct policy *policy)
{
	struct rechecking work = { .options = options, .policy = policy, .status = EXIT_DONE };
	int rc;

	/* Only for what is printed; who attaches after this is judged by the new policy anyway */
	if (attachments_read("say what is revoked", &work.attachments))
		work.status = EXIT_FAILED;
	rc = runtime_each(DRIVER_DEVICES, recheck, &work);
	if (rc < 0 && rc != -ENOENT) {
		message_error(NULL, "cannot have attachments judged: '%s': %s", DRIVER_DEVICES,
			      strerror(-rc));
		work.status = EXIT_FAILED;
	}
	attachments_free(&work.attachments);
	return work.status;
}
