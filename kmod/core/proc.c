// SPDX-License-Identifier: GPL-2.0
/*
 * /proc/iommufd: what exists now, for `iommufd-lsm status` and for tests. One object a line, a word that
 * says what it is, then key=value pairs; fields are only ever added at the end of a line.
 */
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "iommufd_private.h"

/*
 * One at a time under the xa_lock instead of with references: looking must not make a concurrent destroy
 * fail, nor hold a spinlock for as many as a user cares to make.
 */
static void show_ioases(struct seq_file *m, struct iommufd_ctx *ictx)
{
	struct iommufd_object *obj;
	struct iommufd_ioas *ioas;
	unsigned long id = 0;

	do {
		xa_lock(&ictx->objects);
		obj = xa_find(&ictx->objects, &id, ULONG_MAX, XA_PRESENT);
		if (obj && obj->type == IOMMUFD_OBJ_IOAS) {
			ioas = container_of(obj, struct iommufd_ioas, obj);
			seq_printf(m, "ioas context=%llu id=%lu name=%s devices=%d ",
				   ictx->id, id, ioas->name, atomic_read(&ioas->ndevices));
			seq_printf(m, "areas=%lu mapped_bytes=%lu pinned_pages=%lu\n",
				   READ_ONCE(ioas->iopt.nr_areas),
				   READ_ONCE(ioas->iopt.nr_mapped), iopt_nr_pinned(&ioas->iopt));
		}
		xa_unlock(&ictx->objects);
		id++;
		cond_resched();
	} while (obj);
}

/* An attached one with where it is and who attached it */
static void show_device(struct seq_file *m, struct iommufd_group *igroup,
			struct iommufd_device *idev)
{
	lockdep_assert_held(&igroup->lock);
	seq_printf(m, "device context=%llu id=%u group=%d address=%s attached=%d",
		   igroup->ictx->id, idev->obj.id, iommu_group_id(igroup->group),
		   dev_name(idev->dev), idev->attached);
	if (idev->attached) {
		seq_printf(m, " ioas_name=%s attachment=%llu attacher_pid=%u attacher_uid=%u attacher_start=%llu attacher_comm=",
			   igroup->hwpt->ioas->name, idev->attachment, idev->attacher.tgid,
			   idev->attacher.uid, idev->attacher.start_time);
		seq_escape(m, idev->attacher.comm, " \t\n\\");
	}
	seq_putc(m, '\n');
}

static void show_group(struct seq_file *m, struct iommufd_group *igroup)
{
	struct iommufd_device *idev;

	/*
	 * Held over the hooks, and a program may take its time; whoever looks must not wait for that, with
	 * the list of contexts locked that every open needs.
	 */
	if (!mutex_trylock(&igroup->lock)) {
		seq_printf(m, "group context=%llu id=%d state=busy\n", igroup->ictx->id,
			   iommu_group_id(igroup->group));
		return;
	}
	seq_printf(m, "group context=%llu id=%d state=%s bound=%u attached=%u ioas=%u hwpt=%u\n",
		   igroup->ictx->id, iommu_group_id(igroup->group),
		   iommufd_group_state_name(igroup->state), igroup->nclaims, igroup->nattached,
		   igroup->hwpt ? igroup->hwpt->ioas->obj.id : 0,
		   igroup->hwpt ? igroup->hwpt->obj.id : 0);
	list_for_each_entry(idev, &igroup->devices, group_item)
		show_device(m, igroup, idev);
	mutex_unlock(&igroup->lock);
}

static int iommufd_proc_show(struct seq_file *m, void *v)
{
	struct iommufd_group *igroup;
	struct iommufd_ctx *ictx;

	mutex_lock(&iommufd_contexts_lock);
	list_for_each_entry(ictx, &iommufd_contexts, contexts_item) {
		seq_printf(m, "context id=%llu pid=%u uid=%u comm=", ictx->id, ictx->opener.tgid,
			   ictx->opener.uid);
		seq_escape(m, ictx->opener.comm, " \t\n\\");
		seq_putc(m, '\n');
		show_ioases(m, ictx);
		mutex_lock(&ictx->groups_lock);
		list_for_each_entry(igroup, &ictx->groups, ctx_item)
			show_group(m, igroup);
		mutex_unlock(&ictx->groups_lock);
	}
	mutex_unlock(&iommufd_contexts_lock);
	return 0;
}

int iommufd_proc_init(void)
{
	return proc_create_single("iommufd", 0400, NULL, iommufd_proc_show) ? 0 : -ENOMEM;
}

void iommufd_proc_exit(void)
{
	remove_proc_entry("iommufd", NULL);
}
