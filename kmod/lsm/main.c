// SPDX-License-Identifier: GPL-2.0
/*
 * iommufd_lsm.ko from outside: its parameter, what comes up in which order, and what goes. The hooks
 * are in hooks.c, the verdict in ask.c, the counters in stats.c.
 */
#define pr_fmt(fmt) "iommufd_lsm: " fmt

#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/string.h>

#include "lsm_private.h"

static bool default_allow;

static int default_verdict_set(const char *val, const struct kernel_param *kp)
{
	bool *allow = kp->arg;

	if (sysfs_streq(val, "deny"))
		WRITE_ONCE(*allow, false);
	else if (sysfs_streq(val, "allow"))
		WRITE_ONCE(*allow, true);
	else
		return -EINVAL;
	if (*allow)
		pr_warn("default_verdict=allow: what no policy decides is allowed\n");
	return 0;
}

static int default_verdict_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", READ_ONCE(*(bool *)kp->arg) ? "allow" : "deny");
}

static const struct kernel_param_ops default_verdict_ops = {
	.set = default_verdict_set,
	.get = default_verdict_get,
};
module_param_cb(default_verdict, &default_verdict_ops, &default_allow, 0644);
MODULE_PARM_DESC(default_verdict,
		 "What happens to a request that no program decides: deny (the default) or allow");

/* What becomes of a request that no program decides, as the administrator has set it now */
bool lsm_default_allows(void)
{
	return READ_ONCE(default_allow);
}

static int __init iommufd_lsm_init(void)
{
	int rc;

	lsm_ask_init();
	rc = lsm_hooks_register();
	if (rc) {
		pr_err("cannot register the hooks: error %d; does this kernel have BTF?\n", rc);
		return rc;
	}
	return lsm_stats_init();
}

static void __exit iommufd_lsm_exit(void)
{
	lsm_stats_exit();
}

module_init(iommufd_lsm_init);
module_exit(iommufd_lsm_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Hooks at which BPF programs decide what may use an IOMMU and how");
