// SPDX-License-Identifier: GPL-2.0
/*
 * iommufd_lsm_ask.ko, for tests only: whoever writes "op=bind address=0000:01:00.0 ..." to
 * /dev/iommufd_lsm_ask puts that request to the hooks, and the write fails with the verdict. So the
 * hooks and a policy can be tested for every request there can be, with no device and no IOMMU.
 */
#define pr_fmt(fmt) "iommufd_lsm_ask: " fmt

#include <linux/cred.h>
#include <linux/fs.h>
#include <linux/kernel.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "iommufd_lsm.h"

#define LINE_MAX_LEN 512

static const char *const op_names[IOMMUFD_LSM_OP_COUNT] = {
#define OP_NAME(name, policy_name, blocks) policy_name,
	IOMMUFD_LSM_HOOKS(OP_NAME)
};

static int set_number(const char *value, u32 *out)
{
	return kstrtou32(value, 0, out);
}

static int set_field(struct iommufd_lsm_request *req, const char *key, const char *value)
{
	u32 number;
	int rc;

	if (!strcmp(key, "op")) {
		rc = match_string(op_names, ARRAY_SIZE(op_names), value);
		if (rc < 0)
			return rc;
		req->op = rc;
		return 0;
	}
	if (!strcmp(key, "bus"))
		return strscpy(req->device.bus, value) < 0 ? -EINVAL : 0;
	if (!strcmp(key, "address"))
		return strscpy(req->device.address, value) < 0 ? -EINVAL : 0;
	if (!strcmp(key, "driver"))
		return strscpy(req->device.driver, value) < 0 ? -EINVAL : 0;
	if (!strcmp(key, "from"))
		return strscpy(req->from.name, value) < 0 ? -EINVAL : 0;
	if (!strcmp(key, "to"))
		return strscpy(req->to.name, value) < 0 ? -EINVAL : 0;

	rc = set_number(value, &number);
	if (rc)
		return rc;
	if (!strcmp(key, "vendor"))
		req->device.vendor = number;
	else if (!strcmp(key, "device"))
		req->device.device = number;
	else if (!strcmp(key, "class"))
		req->device.class_code = number;
	else if (!strcmp(key, "group"))
		req->device.group_id = number;
	else if (!strcmp(key, "group_size"))
		req->device.group_size = number;
	else if (!strcmp(key, "flags"))
		req->flags = number;
	else if (!strcmp(key, "context"))
		req->ctx_id = number;
	else if (!strcmp(key, "attachment"))
		req->attachment = number;
	else
		return -ENOENT;
	return 0;
}

static int parse(struct iommufd_lsm_request *req, char *line)
{
	bool have_op = false;
	char *field;

	while ((field = strsep(&line, " \n"))) {
		char *key = strsep(&field, "=");
		int rc;

		if (!*key)
			continue;
		if (!field)
			return -EINVAL;
		rc = set_field(req, key, field);
		if (rc)
			return rc;
		have_op |= !strcmp(key, "op");
	}
	return have_op ? 0 : -EINVAL;
}

/* A line that cannot be read is ENOMSG, which no verdict of a test is */
static ssize_t ask_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	struct iommufd_lsm_request req = {};
	char *line;
	int rc;

	if (len >= LINE_MAX_LEN)
		return -ENOMSG;
	line = memdup_user_nul(buf, len);
	if (IS_ERR(line))
		return PTR_ERR(line);
	req.device.numa_node = -1;
	req.device.group_id = ~0U;
	req.opener.tgid = task_tgid_nr(current);
	req.opener.uid = from_kuid(&init_user_ns, current_euid());
	get_task_comm(req.opener.comm, current);
	rc = parse(&req, line);
	kfree(line);
	if (rc)
		return -ENOMSG;
	if (req.device.address[0] && !req.device.bus[0])
		strscpy(req.device.bus, "pci");
	if (req.op == IOMMUFD_LSM_OP_device_recheck)
		iommufd_lsm_subject_current(&req.subject);
	rc = iommufd_lsm_ask(&req);
	iommufd_lsm_subject_put(&req.subject);
	return rc ? rc : len;
}

static const struct file_operations ask_fops = {
	.owner = THIS_MODULE,
	.write = ask_write,
};

static struct miscdevice ask_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "iommufd_lsm_ask",
	.fops = &ask_fops,
	.mode = 0666,
};

module_misc_device(ask_device);
MODULE_IMPORT_NS(IOMMUFD);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Tests: puts requests of a test's choosing to the hooks of iommufd_lsm");
