// SPDX-License-Identifier: GPL-2.0
/*
 * Test calls on access objects: what a driver without an IOMMU of its own does with an IOAS. Each
 * is an open file, which ends it; pages that it has pinned are known by number.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/list.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/workqueue.h>

#include "iommufd_access.h"
#include "mock.h"

/* What one call may ask for at most */
#define ACCESS_MAX_LENGTH SZ_16M

/*
 * An access object in use. Owned by its file. lock guards pins and last_pin, and is held over
 * pinning: an unmap of the range either sees the pin in the list, or comes before it.
 */
struct mock_access {
	struct iommufd_access *access;
	bool pins_pages;
	bool deaf;
	struct mutex lock;
	struct list_head pins;          /* of mock_pin.item */
	u32 last_pin;
};

/* A range that an access object has pinned */
struct mock_pin {
	struct list_head item;
	unsigned long iova;
	unsigned long length;
	u32 id;
};

/* lock held */
static void pin_end(struct mock_access *mine, struct mock_pin *pin)
{
	list_del(&pin->item);
	iommufd_access_unpin_pages(mine->access, pin->iova, pin->length);
	kfree(pin);
}

/* The core takes a range away: nothing of it may stay pinned */
static void mock_access_unmap(void *data, unsigned long iova, unsigned long length)
{
	unsigned long last = iova + (length - 1);
	struct mock_access *mine = data;
	struct mock_pin *pin, *next;

	if (mine->deaf && length != ULONG_MAX)
		return;
	mutex_lock(&mine->lock);
	list_for_each_entry_safe(pin, next, &mine->pins, item)
		if (pin->iova <= last && pin->iova + (pin->length - 1) >= iova)
			pin_end(mine, pin);
	mutex_unlock(&mine->lock);
}

static const struct iommufd_access_ops mock_access_ops = {
	.unmap = mock_access_unmap,
};

static const struct iommufd_access_ops mock_access_pin_ops = {
	.needs_pin_pages = true,
	.unmap = mock_access_unmap,
};

static int mock_access_release(struct inode *inode, struct file *filp)
{
	struct mock_access *mine = filp->private_data;

	if (mine->access) {
		mock_access_unmap(mine, 0, ULONG_MAX);
		iommufd_access_destroy(mine->access);
	}
	WARN_ON(!list_empty(&mine->pins));
	mutex_destroy(&mine->lock);
	kfree(mine);
	return 0;
}

static const struct file_operations mock_access_fops = {
	.owner = THIS_MODULE,
	.release = mock_access_release,
};

static struct file *mock_access_get(u32 fd, struct mock_access **mine)
{
	struct file *filp = fget(fd);

	if (!filp)
		return ERR_PTR(-EBADFD);
	if (filp->f_op != &mock_access_fops) {
		fput(filp);
		return ERR_PTR(-EBADFD);
	}
	*mine = filp->private_data;
	return filp;
}

/* Make an access object on an IOAS, and a file for it. Return: 0 or an errno. */
int mock_create_access_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	struct iommufd_access *access;
	struct mock_access *mine;
	struct file *filp;
	int fd, rc;
	u32 id;

	if (cmd->create_access.flags & ~(MOCK_ACCESS_NEEDS_PIN | MOCK_ACCESS_DEAF))
		return -EOPNOTSUPP;
	mine = kzalloc(sizeof(*mine), GFP_KERNEL_ACCOUNT);
	if (!mine)
		return -ENOMEM;
	mine->pins_pages = cmd->create_access.flags & MOCK_ACCESS_NEEDS_PIN;
	mine->deaf = cmd->create_access.flags & MOCK_ACCESS_DEAF;
	mutex_init(&mine->lock);
	INIT_LIST_HEAD(&mine->pins);
	filp = anon_inode_getfile("[iommufd_mock_access]", &mock_access_fops, mine, O_RDWR);
	if (IS_ERR(filp)) {
		mutex_destroy(&mine->lock);
		kfree(mine);
		return PTR_ERR(filp);
	}
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		rc = fd;
		goto err_put_file;
	}
	access = iommufd_access_create(ucmd->ictx, mine->pins_pages ? &mock_access_pin_ops :
				       &mock_access_ops, mine, &id);
	if (IS_ERR(access)) {
		rc = PTR_ERR(access);
		goto err_put_fd;
	}
	/* ends with the file from here on */
	mine->access = access;
	rc = iommufd_access_attach(access, cmd->id);
	if (rc)
		goto err_put_fd;
	cmd->create_access.out_fd = fd;
	rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	if (rc)
		goto err_put_fd;
	fd_install(fd, filp);
	return 0;

err_put_fd:
	put_unused_fd(fd);
err_put_file:
	fput(filp);
	return rc;
}

/* Move an access object to another IOAS. Return: 0; EBADFD; what iommufd_access_replace() says. */
int mock_access_replace_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	struct mock_access *mine;
	struct file *filp;
	int rc;

	filp = mock_access_get(cmd->id, &mine);
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	rc = iommufd_access_replace(mine->access, cmd->access_replace.ioas_id);
	fput(filp);
	return rc;
}

/*
 * Whether pages are those behind addresses of the process. Return: 0; EBADE they are not; EFAULT.
 */
static int check_pages(unsigned long uaddr, struct page **pages, unsigned long nr)
{
	unsigned long i;

	for (i = 0; i < nr; i++) {
		struct page *page = mock_get_page(uaddr + i * PAGE_SIZE);
		bool same;

		if (IS_ERR(page))
			return PTR_ERR(page);
		same = page == pages[i];
		put_page(page);
		if (!same)
			return -EBADE;
	}
	return 0;
}

/*
 * Pin a range and compare its pages with the process's. Answers the number of the pin. Return: 0;
 * EBADFD; EOPNOTSUPP not made to pin; EBADE other pages; ENOMEM; what iommufd_access_pin_pages()
 * says.
 */
int mock_access_pages_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	unsigned long length = cmd->access_pages.length;
	unsigned long iova = cmd->access_pages.iova;
	struct mock_access *mine;
	struct mock_pin *pin;
	struct page **pages;
	struct file *filp;
	unsigned long nr;
	int rc;

	if (cmd->access_pages.flags & ~MOCK_ACCESS_WRITE)
		return -EOPNOTSUPP;
	if (length > ACCESS_MAX_LENGTH)
		return -ENOMEM;
	filp = mock_access_get(cmd->id, &mine);
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	rc = -EOPNOTSUPP;
	if (!mine->pins_pages)
		goto out_put;
	rc = -ENOMEM;
	nr = DIV_ROUND_UP(offset_in_page(iova) + length, PAGE_SIZE);
	pages = kvcalloc(nr, sizeof(*pages), GFP_KERNEL_ACCOUNT);
	pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	if (!pages || !pin)
		goto out_free;
	pin->iova = iova;
	pin->length = length;

	mutex_lock(&mine->lock);
	rc = iommufd_access_pin_pages(mine->access, iova, length, pages,
				      cmd->access_pages.flags & MOCK_ACCESS_WRITE ?
				      IOMMUFD_ACCESS_RW_WRITE : 0);
	if (rc)
		goto out_unlock;
	pin->id = ++mine->last_pin;
	list_add_tail(&pin->item, &mine->pins);
	if (cmd->access_pages.uptr)
		rc = check_pages(cmd->access_pages.uptr - offset_in_page(iova), pages, nr);
	if (!rc) {
		cmd->access_pages.out_pages_id = pin->id;
		rc = iommufd_ucmd_respond(ucmd, sizeof(*cmd));
	}
	if (rc)
		pin_end(mine, pin);
	/* its owner is the list now, or it is gone */
	pin = NULL;
out_unlock:
	mutex_unlock(&mine->lock);
out_free:
	kfree(pin);
	kvfree(pages);
out_put:
	fput(filp);
	return rc;
}

/*
 * Unpin what a number stands for. Return: 0; EBADFD; ENOENT no such pin, or an unmap has ended it.
 */
int mock_destroy_access_pages_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	struct mock_access *mine;
	struct mock_pin *pin;
	struct file *filp;
	int rc = -ENOENT;

	filp = mock_access_get(cmd->id, &mine);
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	mutex_lock(&mine->lock);
	list_for_each_entry(pin, &mine->pins, item)
		if (pin->id == cmd->destroy_access_pages.pages_id) {
			pin_end(mine, pin);
			rc = 0;
			break;
		}
	mutex_unlock(&mine->lock);
	fput(filp);
	return rc;
}

/* A copy in a kernel thread: the arguments of iommufd_access_rw(), and what it says */
struct mock_rw {
	struct work_struct work;
	struct iommufd_access *access;
	unsigned long iova;
	void *buffer;
	size_t length;
	unsigned int flags;
	int rc;
};

static void mock_rw_work(struct work_struct *work)
{
	struct mock_rw *rw = container_of(work, struct mock_rw, work);

	rw->rc = iommufd_access_rw(rw->access, rw->iova, rw->buffer, rw->length, rw->flags);
}

static int mock_rw_in_kthread(struct mock_rw *rw)
{
	rw->flags |= IOMMUFD_ACCESS_RW_KTHREAD;
	INIT_WORK_ONSTACK(&rw->work, mock_rw_work);
	queue_work(system_unbound_wq, &rw->work);
	flush_work(&rw->work);
	destroy_work_on_stack(&rw->work);
	return rw->rc;
}

/*
 * Copy between the process and a range. Return: 0; EBADFD; EFAULT; ENOMEM; as iommufd_access_rw().
 */
int mock_access_rw_op(struct iommufd_ucmd *ucmd)
{
	struct mock_cmd *cmd = ucmd->cmd;
	void __user *ubuf = u64_to_user_ptr(cmd->access_rw.uptr);
	bool write = cmd->access_rw.flags & MOCK_ACCESS_RW_WRITE;
	unsigned long length = cmd->access_rw.length;
	struct mock_access *mine;
	struct mock_rw rw;
	struct file *filp;
	void *buffer;
	int rc;

	if (cmd->access_rw.flags & ~(MOCK_ACCESS_RW_WRITE | MOCK_ACCESS_RW_KTHREAD |
				     MOCK_ACCESS_RW_SLOW))
		return -EOPNOTSUPP;
	if (length > ACCESS_MAX_LENGTH)
		return -ENOMEM;
	filp = mock_access_get(cmd->id, &mine);
	if (IS_ERR(filp))
		return PTR_ERR(filp);
	rc = -ENOMEM;
	buffer = kvzalloc(length, GFP_KERNEL_ACCOUNT);
	if (!buffer)
		goto out_put;
	rc = -EFAULT;
	if (write && copy_from_user(buffer, ubuf, length))
		goto out_free;
	rw.access = mine->access;
	rw.iova = cmd->access_rw.iova;
	rw.buffer = buffer;
	rw.length = length;
	rw.flags = write ? IOMMUFD_ACCESS_RW_WRITE : IOMMUFD_ACCESS_RW_READ;
	if (cmd->access_rw.flags & MOCK_ACCESS_RW_SLOW)
		rw.flags |= IOMMUFD_ACCESS_RW_SLOW;
	if (cmd->access_rw.flags & MOCK_ACCESS_RW_KTHREAD) {
		rc = mock_rw_in_kthread(&rw);
	} else {
		mock_rw_work(&rw.work);
		rc = rw.rc;
	}
	if (!rc && !write && copy_to_user(ubuf, buffer, length))
		rc = -EFAULT;
out_free:
	kvfree(buffer);
out_put:
	fput(filp);
	return rc;
}
