// SPDX-License-Identifier: GPL-2.0
/*
 * Reads attachments from /proc/iommufd, and who made them from the programs' map. The verdict of
 * a policy that is not in force comes from the evaluator that the programs are tested against.
 */
#include "attachments.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "identity.h"
#include "iommufd_lsm_hooks.h"
#include "json.h"
#include "message.h"
#include "objects.h"
#include "pci.h"
#include "runtime.h"
#include "words.h"

/* A group that somebody is at shows no devices for that moment */
#define BUSY_TRIES 40
#define BUSY_PAUSE_NS (50 * 1000 * 1000)

/* --- /proc/iommufd ---------------------------------------------------------------------------- */

static int add_attachment(struct attachments *out, struct json_object *device)
{
	struct attachment *list = realloc(out->list, (out->nr + 1) * sizeof(*list)), *new;

	if (!list)
		return -ENOMEM;
	out->list = list;
	new = &list[out->nr++];
	memset(new, 0, sizeof(*new));
	snprintf(new->address, sizeof(new->address), "%s", words_string(device, "address"));
	snprintf(new->ioas, sizeof(new->ioas), "%s", words_string(device, "ioas_name"));
	snprintf(new->comm, sizeof(new->comm), "%s", words_string(device, "attacher_comm"));
	new->number = words_number(device, "attachment");
	new->pid = words_number(device, "attacher_pid");
	new->uid = words_number(device, "attacher_uid");
	new->start_time = words_number(device, "attacher_start");
	return 0;
}

/* Return: how many groups were busy, or a negative errno */
static int read_once(struct attachments *out)
{
	struct json_object *objects = json_object_new_object(), *groups, *devices, *one;
	int busy = 0, rc = 0;
	size_t i;

	out->nr = 0;
	if (!objects_read(objects)) {
		rc = errno ? -errno : -EIO;
		json_object_put(objects);
		return rc;
	}
	json_object_object_get_ex(objects, "group", &groups);
	json_object_object_get_ex(objects, "device", &devices);
	for (i = 0; i < json_object_array_length(groups); i++)
		busy += !strcmp(words_string(json_object_array_get_idx(groups, i), "state"), "busy");
	for (i = 0; !rc && i < json_object_array_length(devices); i++) {
		one = json_object_array_get_idx(devices, i);
		if (words_number(one, "attached"))
			rc = add_attachment(out, one);
	}
	json_object_put(objects);
	return rc ? rc : busy;
}

static int read_objects(struct attachments *out)
{
	const struct timespec pause = { .tv_nsec = BUSY_PAUSE_NS };
	int busy = read_once(out), tries;

	for (tries = 1; busy > 0 && tries < BUSY_TRIES; tries++) {
		nanosleep(&pause, NULL);
		busy = read_once(out);
	}
	if (busy > 0)
		message_warning("again later", "%d groups are busy: their devices are not listed", busy);
	return busy < 0 ? busy : 0;
}

/* --- who attached ----------------------------------------------------------------------------- */

static bool is_pci(const char *address)
{
	struct pci_device device;

	return !pci_read(address, &device);
}

static void make_key(const struct attachment *attachment, struct iolsm_device_key *key)
{
	memset(key, 0, sizeof(*key));
	if (is_pci(attachment->address))
		memcpy(key->bus, "pci", sizeof("pci"));
	memcpy(key->address, attachment->address, sizeof(key->address));
}

/* Whether the process that has this number is the one that attached: when it was started says so */
static bool is_attacher(const struct attachment *attachment)
{
	unsigned long long ticks = 0;
	char path[64], text[1024], *at;
	int field = 3;
	size_t n;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%u/stat", attachment->pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	n = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[n] = '\0';
	/* The name, in parentheses, may hold anything; the 22nd field is the start */
	at = strrchr(text, ')');
	for (at = at ? at + 1 : NULL; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (at)
		ticks = strtoull(at, NULL, 10);
	return ticks == attachment->start_time / (1000000000ULL / sysconf(_SC_CLK_TCK));
}

/* Without programs that remember: what the process runs now, as they would label it */
static void ask_process(struct attachment *attachment)
{
	struct arena arena = { 0 };
	struct identities identities = { .arena = &arena };
	struct identity *identity;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%u/exe", attachment->pid);
	identity = identity_of_exe(&identities, path);
	if (identity && identity->dev != IDENTITY_NO_DEVICE && is_attacher(attachment)) {
		attachment->known = true;
		attachment->exe_dev = identity->dev;
		attachment->exe_ino = identity->ino;
	}
	arena_free(&arena);
}

static void ask_programs(int attacher_fd, struct attachment *attachment)
{
	struct iolsm_attacher attacher;
	struct iolsm_device_key key;

	make_key(attachment, &key);
	if (bpf_map_lookup_elem(attacher_fd, &key, &attacher) ||
	    attacher.attachment != attachment->number)
		return;
	attachment->known = true;
	attachment->exe_dev = attacher.exe.dev;
	attachment->exe_ino = attacher.exe.ino;
}

int attachments_read(const char *cannot, struct attachments *out)
{
	int rc, fd;
	size_t i;

	memset(out, 0, sizeof(*out));
	rc = read_objects(out);
	if (rc == -ENOENT) /* the core is not loaded: nothing can be attached */
		return 0;
	if (rc) {
		message_error(NULL, "cannot %s: cannot read '/proc/iommufd': %s", cannot, strerror(-rc));
		attachments_free(out);
		return -1;
	}
	fd = bpf_obj_get(RUNTIME_ACTIVE "/maps/iolsm_attacher");
	for (i = 0; i < out->nr; i++) {
		if (fd >= 0)
			ask_programs(fd, &out->list[i]);
		else
			ask_process(&out->list[i]);
	}
	if (fd >= 0)
		close(fd);
	return 0;
}

void attachments_free(struct attachments *attachments)
{
	free(attachments->list);
	memset(attachments, 0, sizeof(*attachments));
}

static void adopt(int attacher_fd, int label_fd, const struct attachment *attachment)
{
	struct iolsm_attacher attacher = { .attachment = attachment->number }, now;
	int pidfd = (int)syscall(SYS_pidfd_open, attachment->pid, 0);
	struct iolsm_device_key key;

	if (pidfd < 0)
		return;
	/* the number is looked at while the pidfd holds it */
	make_key(attachment, &key);
	if (!bpf_map_lookup_elem(label_fd, &pidfd, &attacher.exe) && attacher.exe.ino &&
	    is_attacher(attachment) &&
	    (bpf_map_lookup_elem(attacher_fd, &key, &now) || now.attachment < attachment->number))
		bpf_map_update_elem(attacher_fd, &key, &attacher, BPF_ANY);
	close(pidfd);
}

void attachments_adopt(int attacher_fd, int label_fd)
{
	struct attachments attachments = { 0 };
	size_t i;

	if (!read_objects(&attachments))
		for (i = 0; i < attachments.nr; i++)
			adopt(attacher_fd, label_fd, &attachments.list[i]);
	attachments_free(&attachments);
}

/* --- what a policy says ----------------------------------------------------------------------- */

static void make_request(const struct attachment *attachment, struct policy_request *request)
{
	struct pci_device device;

	memset(request, 0, sizeof(*request));
	request->op = IOMMUFD_LSM_OP_device_recheck;
	request->exe_dev = attachment->exe_dev;
	request->exe_ino = attachment->exe_ino;
	request->uid = attachment->uid;
	memcpy(request->address, attachment->address, sizeof(request->address));
	memcpy(request->to, attachment->ioas, sizeof(request->to));
	if (pci_read(attachment->address, &device))
		return;
	snprintf(request->id, sizeof(request->id), "%04x:%04x", device.vendor, device.device);
	snprintf(request->class_code, sizeof(request->class_code), "%06x", device.class_code);
	snprintf(request->driver, sizeof(request->driver), "%.31s", device.driver);
}

struct attachment_verdict attachment_judge(const struct policy *policy,
					   const struct attachment *attachment)
{
	struct attachment_verdict out = { .denied = !policy->permissive };
	struct policy_verdict verdict;
	struct policy_request request;

	if (!attachment->known) {
		out.reason = "which program attached it is not known";
		return out;
	}
	make_request(attachment, &request);
	verdict = policy_decide(policy, &request);
	if (verdict.what == POLICY_NO_RULE) {
		out.reason = "no rule allows recheck of it";
		out.denied = out.denied && strcmp(runtime_default_verdict(), "allow");
		return out;
	}
	out.by_rule = true;
	out.rule = verdict.rule;
	out.denied = out.denied && verdict.what == POLICY_DENY;
	return out;
}

void attachment_print(const struct policy *policy, const struct attachment *attachment,
		      const struct attachment_verdict *verdict)
{
	const struct policy_rule *rule = &policy->rules[verdict->rule];

	printf("%s in '%s' of %s (pid %u, uid %u): ", attachment->address, attachment->ioas,
	       attachment->comm, attachment->pid, attachment->uid);
	if (verdict->by_rule)
		printf("rule %u, %s:%d: %s\n", verdict->rule + 1, rule->file, rule->line, rule->text);
	else
		printf("%s\n", verdict->reason);
}

void attachment_describe(struct json_object *object, const struct policy *policy,
			 const struct attachment *attachment,
			 const struct attachment_verdict *verdict)
{
	const struct policy_rule *rule = &policy->rules[verdict->rule];

	json_add_string(object, "device", attachment->address);
	json_add_string(object, "ioas", attachment->ioas);
	json_add_string(object, "comm", attachment->comm);
	json_add_number(object, "pid", attachment->pid);
	json_add_number(object, "uid", attachment->uid);
	if (verdict->by_rule) {
		json_add_number(object, "rule", verdict->rule + 1);
		json_add_string(object, "file", rule->file);
		json_add_number(object, "line", rule->line);
		json_add_string(object, "text", rule->text);
	} else {
		json_add_string(object, "reason", verdict->reason);
	}
}
