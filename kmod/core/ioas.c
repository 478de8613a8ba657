// SPDX-License-Identifier: GPL-2.0
/*
 * Life and name of an IOAS. Its mappings are the map path's: ioas_map.c and io_pagetable.c.
 */
#include "iommufd_private.h"

int iommufd_ioas_alloc_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommu_ioas_alloc *cmd = ucmd->cmd;
	struct iommufd_lsm_request req;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->flags)
		return -EOPNOTSUPP;

	iommufd_request_init(&req, IOMMUFD_LSM_OP_ioas_alloc, ucmd->ictx);
	rc = iommufd_lsm_ask(&req);
	if (rc)
		return rc;

	ioas = iommufd_object_alloc(ucmd->ictx, struct iommufd_ioas, IOMMUFD_OBJ_IOAS);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);
	iopt_init_table(&ioas->iopt);
	mutex_init(&ioas->mutex);
	INIT_LIST_HEAD(&ioas->hwpt_list);

	cmd->out_ioas_id = ioas->obj.id;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc) {
		iommufd_ioas_destroy(&ioas->obj);
		iommufd_object_abort(ucmd->ictx, &ioas->obj);
		return rc;
	}
	iommufd_object_finalize(ucmd->ictx, &ioas->obj);
	return 0;
}

/* No HWPT is left, as each refers to its IOAS: every domain was emptied, nothing is pinned for one */
void iommufd_ioas_destroy(struct iommufd_object *obj)
{
	struct iommufd_ioas *ioas = container_of(obj, struct iommufd_ioas, obj);

	iopt_destroy_table(&ioas->iopt);
	mutex_destroy(&ioas->mutex);
}

/* 1 to 31 visible ASCII characters, then nothing but NUL */
static bool valid_name(const char name[IOMMUFD_EXT_NAME_LEN])
{
	size_t len = strnlen(name, IOMMUFD_EXT_NAME_LEN);
	size_t i;

	if (!len || len == IOMMUFD_EXT_NAME_LEN)
		return false;
	for (i = 0; i < len; i++)
		if (name[i] < 0x21 || name[i] > 0x7e)
			return false;
	return !memchr_inv(name + len, 0, IOMMUFD_EXT_NAME_LEN - len);
}

int iommufd_ioas_set_name_ioctl(struct iommufd_ucmd *ucmd)
{
	struct iommufd_ioas_set_name *cmd = ucmd->cmd;
	struct iommufd_lsm_request req;
	struct iommufd_ioas *ioas;
	int rc;

	if (cmd->flags || cmd->__reserved)
		return -EOPNOTSUPP;
	if (!valid_name(cmd->name))
		return -EINVAL;
	ioas = iommufd_ioas_get(ucmd->ictx, cmd->ioas_id);
	if (IS_ERR(ioas))
		return PTR_ERR(ioas);

	mutex_lock(&ioas->mutex);
	if (ioas->name[0]) {
		rc = -EINVAL;
		goto out_unlock;
	}
	/* what was attached to it was judged without this name */
	if (!list_empty(&ioas->hwpt_list)) {
		rc = -EBUSY;
		goto out_unlock;
	}
	iommufd_request_init(&req, IOMMUFD_LSM_OP_ioas_name, ucmd->ictx);
	iommufd_request_ioas(&req.to, ioas, NULL);
	memcpy(req.to.name, cmd->name, sizeof(req.to.name));
	rc = iommufd_lsm_ask(&req);
	if (!rc)
		memcpy(ioas->name, cmd->name, sizeof(ioas->name));
out_unlock:
	mutex_unlock(&ioas->mutex);
	iommufd_object_put(ucmd->ictx, &ioas->obj);
	return rc;
}
