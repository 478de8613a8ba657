/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the core offers drivers that use the memory of an IOAS without an IOMMU: a device in software, or one
 * that reaches memory through the driver. Names and meanings are those of Linux's own interface.
 *
 * An access is attached to an IOAS and then pins pages of it, or copies from and to it, by I/O address, as
 * a device would. A page that is mapped for several users, devices or accesses, is pinned once. When user space
 * unmaps what an access has pinned, the driver is called, and must unpin before it returns.
 *
 * All functions are exported in the namespace IOMMUFD and may sleep. Pins and copies wait for memory
 * that user space provides, and so does what waits for them: attaching, detaching and destroying the
 * access, and unmapping. None of them holds a lock that another IOAS needs.
 *
 * No hook is asked in here: an access speaks for no device that a policy could know. A driver that hands
 * out something that leads to an access decides who gets it, with iommufd_device_may_open() if
 * it has a device.
 */
#ifndef IOMMUFD_ACCESS_H
#define IOMMUFD_ACCESS_H

#include <linux/bits.h>
#include <linux/types.h>

struct iommufd_access;
struct iommufd_ctx;
struct page;

/**
 * struct iommufd_access_ops - What a driver brings
 * @needs_pin_pages: it pins pages; areas of its IOAS then consist of whole pages
 * @unmap: A range is to be unmapped that the access may have pinned a part of, or all addresses are, because
 *	the access leaves the IOAS (0, ULONG_MAX). Unpins all of it before it returns, or has it unpinned. Told once
 *	more while anything stays pinned; after 100 times the unmap fails with EDEADLOCK and the log has a
 *	warning. Called in the context of whoever unmaps, with no lock of the core held, but the access
 *	cannot be destroyed meanwhile. May be called for ranges that have nothing pinned. Optional
 *	unless @needs_pin_pages.
 *
 * A pin may be under way in one thread when @unmap is called in another: the core lets it end first, but
 * the driver must know of it then. One lock around the pin and the note of it, taken by @unmap too,
 * does that.
 */
struct iommufd_access_ops {
	bool needs_pin_pages;
	void (*unmap)(void *data, unsigned long iova, unsigned long length);
};

/* flags of iommufd_access_pin_pages() and iommufd_access_rw() */
enum {
	IOMMUFD_ACCESS_RW_READ = 0,
	/* memory is to be written to */
	IOMMUFD_ACCESS_RW_WRITE = BIT(0),
	/* copy as the process would, if the caller is a kernel thread without memory of its own */
	IOMMUFD_ACCESS_RW_KTHREAD = BIT(1),
	/* copy page by page, even where the caller could do it at once: for tests */
	IOMMUFD_ACCESS_RW_SLOW = BIT(2),
};

/**
 * iommufd_access_create() - Make an access, attached to nothing
 * @ictx: the context, which stays open until iommufd_access_destroy()
 * @ops: the driver's, constant and for as long
 * @data: for @ops
 * @id: out, its id in the context, by which user space can do nothing with it
 *
 * Return: the access, or an ERR_PTR: EINVAL @ops is wrong; ENOMEM; EBUSY all ids are taken.
 */
struct iommufd_access *iommufd_access_create(struct iommufd_ctx *ictx,
					     const struct iommufd_access_ops *ops, void *data,
					     u32 *id);

/**
 * iommufd_access_create_fd() - The same in the context behind an fd
 * @iommufd: fd of an open /dev/iommu
 * @ops: see there
 * @data: see there
 * @id: see there
 *
 * Return: as there; EBADF no such fd, EBADFD not of /dev/iommu.
 */
struct iommufd_access *iommufd_access_create_fd(int iommufd, const struct iommufd_access_ops *ops,
						void *data, u32 *id);

/**
 * iommufd_access_destroy() - Undo iommufd_access_create(); cannot fail
 * @access: the access, with nothing pinned and no call of it running
 *
 * Leaves its IOAS. Waits for calls of @unmap: the caller holds no lock that one takes. None comes after.
 */
void iommufd_access_destroy(struct iommufd_access *access);

/**
 * iommufd_access_attach() - Use an IOAS from now on
 * @access: the access, attached to nothing
 * @ioas_id: the id of an IOAS of the same context, which cannot be destroyed until the access leaves
 *
 * Return: 0; EINVAL it is attached; ENOENT no such IOAS; EADDRINUSE the access pins pages, and a mapping
 * does not consist of whole ones; EBUSY it is just leaving one; ENOMEM.
 */
int iommufd_access_attach(struct iommufd_access *access, u32 ioas_id);

/**
 * iommufd_access_replace() - Use another IOAS from now on
 * @access: the access, attached
 * @ioas_id: the id of an IOAS of the same context; the same one: nothing happens
 *
 * @unmap is called for all of the IOAS it leaves. Nothing has changed after a failure.
 *
 * Return: 0; ENOENT no such IOAS, or attached to none; EADDRINUSE, EBUSY, ENOMEM as above.
 */
int iommufd_access_replace(struct iommufd_access *access, u32 ioas_id);

/**
 * iommufd_access_detach() - Leave the IOAS; cannot fail
 * @access: the access, attached
 *
 * @unmap is called for all of it.
 */
void iommufd_access_detach(struct iommufd_access *access);

/**
 * iommufd_access_pin_pages() - Pin the pages behind a range
 * @access: the access, which was made to pin pages
 * @iova: of the range
 * @length: of the range
 * @out_pages: out, the pages, of which the first and last need not be covered wholly
 * @flags: IOMMUFD_ACCESS_RW_WRITE, or 0
 *
 * Several pins may overlap. Where mappings meet within the range, pages must too.
 *
 * Return: 0; EINVAL no length, not made to pin, @iova does not lie at the start of a page, or the range is
 * being unmapped; EOVERFLOW; ENOENT a part of it is not mapped, or attached to no IOAS; EPERM it is
 * not mapped for that; EFAULT there is no memory; ENOMEM none is left, or allowed; EINTR being killed.
 */
int iommufd_access_pin_pages(struct iommufd_access *access, unsigned long iova,
			     unsigned long length, struct page **out_pages, unsigned int flags);

/**
 * iommufd_access_unpin_pages() - End a pin; cannot fail
 * @access: the access
 * @iova: as it was pinned
 * @length: as it was pinned
 *
 * The pages may be used for something else before this returns. A range that was not pinned by just
 * these two is left alone, with a warning.
 */
void iommufd_access_unpin_pages(struct iommufd_access *access, unsigned long iova,
				unsigned long length);

/**
 * iommufd_access_rw() - Copy from or to a range
 * @access: the access
 * @iova: of the range, aligned to nothing
 * @data: the driver's side, kernel memory
 * @length: of the range
 * @flags: IOMMUFD_ACCESS_RW_*
 *
 * No copy goes on in a range once its unmap has returned.
 *
 * Return: 0, or after a part of it may have been copied: EINVAL no length, or the range is being unmapped;
 * EOVERFLOW; ENOENT, EPERM as for a pin; EFAULT there is no memory; EINTR being killed.
 */
int iommufd_access_rw(struct iommufd_access *access, unsigned long iova, void *data, size_t length,
		      unsigned int flags);

#endif
