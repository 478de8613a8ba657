// SPDX-License-Identifier: GPL-2.0
/*
 * iommufd_mock: devices and an IOMMU in software, and the test calls of /dev/iommu by which Linux's
 * own selftest makes and examines them. For tests alone: it is not installed, nothing loads it by
 * itself, it taints the kernel, and only an administrator's calls are served.
 */
#include <linux/debugfs.h>
#include <linux/fault-inject.h>
#include <linux/module.h>

#include "mock.h"

#ifdef CONFIG_FAULT_INJECTION
static DECLARE_FAULT_ATTR(fail_iommufd);
static struct dentry *fail_dir;

static void mock_fail_init(void)
{
	fail_dir = fault_create_debugfs_attr("fail_iommufd", NULL, &fail_iommufd);
}

static void mock_fail_exit(void)
{
	debugfs_remove_recursive(fail_dir);
}

/* Whether a call that has no allocation of its own to fail should fail now */
bool mock_should_fail(void)
{
	return should_fail(&fail_iommufd, 1);
}
#else
static void mock_fail_init(void)
{
}

static void mock_fail_exit(void)
{
}

bool mock_should_fail(void)
{
	return false;
}
#endif

static int mock_add_reserved_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	unsigned long last;

	if (!cmd->add_reserved.length)
		return -EINVAL;
	if (check_add_overflow(cmd->add_reserved.start, cmd->add_reserved.length - 1, &last))
		return -EOVERFLOW;
	return iommufd_test_reserve_iova(ucmd->ictx, cmd->id, cmd->add_reserved.start, last);
}

/* In bytes of the arrays that Linux's map path uses: a page's number and a count for each run */
static int mock_memory_limit_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	const u32 run = sizeof(unsigned long) + sizeof(u32);
	const u32 usual = 65536;

	if (cmd->memory_limit.limit < run)
		return -EINVAL;
	iommufd_test_limit_batch(cmd->memory_limit.limit >= usual ? UINT_MAX :
				 cmd->memory_limit.limit / run);
	return 0;
}

static int mock_execute(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;

	BUILD_BUG_ON(sizeof(*cmd) > sizeof(struct iommufd_test_cmd));
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (ucmd->user_size < offsetofend(struct mock_cmd, last))
		return -EINVAL;
	switch (cmd->op) {
	case MOCK_OP_ADD_RESERVED:
		return mock_add_reserved_op(ucmd);
	case MOCK_OP_MOCK_DOMAIN:
	case MOCK_OP_MOCK_DOMAIN_FLAGS:
		return mock_domain_op(ucmd);
	case MOCK_OP_MOCK_DOMAIN_REPLACE:
		return mock_domain_replace_op(ucmd);
	case MOCK_OP_CHECK_MAP:
		return mock_check_map_op(ucmd);
	case MOCK_OP_CHECK_REFS:
		return mock_check_refs_op(ucmd);
	case MOCK_OP_CHECK_IOTLB:
		return mock_check_iotlb_op(ucmd);
	case MOCK_OP_CREATE_ACCESS:
		return mock_create_access_op(ucmd);
	case MOCK_OP_ACCESS_REPLACE_IOAS:
		return mock_access_replace_op(ucmd);
	case MOCK_OP_ACCESS_PAGES:
		return mock_access_pages_op(ucmd);
	case MOCK_OP_DESTROY_ACCESS_PAGES:
		return mock_destroy_access_pages_op(ucmd);
	case MOCK_OP_ACCESS_RW:
		return mock_access_rw_op(ucmd);
	case MOCK_OP_SET_MEMORY_LIMIT:
		return mock_memory_limit_op(ucmd);
	case MOCK_OP_DIRTY:
		return mock_dirty_op(ucmd);
	case MOCK_OP_TRIGGER_IOPF:
		return mock_trigger_iopf_op(ucmd);
	default:
		return -EOPNOTSUPP;
	}
}

static const struct iommufd_test_ops mock_test_ops = {
	.owner = THIS_MODULE,
	.execute = mock_execute,
};

static int __init mock_init(void)
{
	int rc;

	rc = mock_iommu_init();
	if (rc)
		return rc;
	rc = iommufd_test_register(&mock_test_ops);
	if (rc) {
		mock_iommu_exit();
		return rc;
	}
	mock_fail_init();
	return 0;
}

static void __exit mock_exit(void)
{
	iommufd_test_unregister(&mock_test_ops);
	iommufd_test_limit_batch(UINT_MAX);
	mock_fail_exit();
	mock_iommu_exit();
}

module_init(mock_init);
module_exit(mock_exit);
MODULE_IMPORT_NS(IOMMUFD);
MODULE_IMPORT_NS(IOMMUFD_TEST);
MODULE_INFO(test, "Y");
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Software devices and IOMMU for the iommufd selftest (tests only)");
