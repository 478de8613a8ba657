// SPDX-License-Identifier: GPL-2.0
/*
 * What is in pages, for the CPU: a list of pinned ones, and copies from and to all. Which I/O addresses
 * show them, and who may ask, is not known here.
 */
#include <linux/highmem.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mmu_context.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "io_pagetable.h"
#include "iommufd_access.h"

/**
 * iopt_pages_list() - List the pages of a range
 * @pages: the pages, of which the caller is a user
 * @index: the first page of the range
 * @last: the last page
 * @list: out, room for all of them
 */
void iopt_pages_list(struct iopt_pages *pages, unsigned long index, unsigned long last,
		     struct page **list)
{
	struct iopt_segment *segment;

	mutex_lock(&pages->mutex);
	for (segment = iopt_segment_find(pages, index); index <= last;
	     segment = iopt_segment_next(segment)) {
		unsigned long skip = index - segment->index;
		unsigned int i;

		for (i = 0; i < segment->nr_runs && index <= last; i++) {
			unsigned long npages = iopt_run_npages(segment->runs[i]);
			unsigned long pfn = iopt_run_pfn(segment->runs[i]);

			if (skip >= npages) {
				skip -= npages;
				continue;
			}
			for (; skip < npages && index <= last; skip++, index++)
				*list++ = pfn_to_page(pfn + skip);
			skip = 0;
		}
	}
	mutex_unlock(&pages->mutex);
}

static void copy_page_part(struct page *page, unsigned int offset, void *data, unsigned int length,
			   bool write)
{
	if (write)
		memcpy_to_page(page, offset, data, length);
	else
		memcpy_from_page(data, page, offset, length);
}

/*
 * Copy within a page that is pinned, which is what devices see even if the process has another one there by
 * now, or is gone. It is marked dirty when it is unpinned. Return: false if it is not pinned.
 */
static bool rw_pinned(struct iopt_pages *pages, unsigned long index, unsigned int offset,
		      void *data, unsigned int length, bool write)
{
	struct iopt_segment *segment;
	unsigned long skip;
	unsigned int i;
	bool pinned;

	mutex_lock(&pages->mutex);
	segment = iopt_segment_find(pages, index);
	pinned = segment && segment->index <= index;
	if (pinned) {
		skip = index - segment->index;
		for (i = 0; skip >= iopt_run_npages(segment->runs[i]); i++)
			skip -= iopt_run_npages(segment->runs[i]);
		copy_page_part(pfn_to_page(iopt_run_pfn(segment->runs[i]) + skip), offset, data,
			       length, write);
	}
	mutex_unlock(&pages->mutex);
	return pinned;
}

/* Copy within a page that is the process's, pinned as long as that takes, which counts nowhere */
static int rw_unpinned(struct iopt_pages *pages, unsigned long index, unsigned int offset,
		       void *data, unsigned int length, bool write)
{
	unsigned long uaddr = pages->uaddr + index * PAGE_SIZE;
	struct mm_struct *mm = pages->source_mm;
	struct page *page;
	int locked = 1;
	long rc;

	if (!mmget_not_zero(mm))
		return -EFAULT;
	rc = mmap_read_lock_killable(mm);
	if (!rc) {
		rc = pin_user_pages_remote(mm, uaddr, 1, write ? FOLL_WRITE : 0, &page, &locked) ?:
			-EFAULT;
		if (locked)
			mmap_read_unlock(mm);
	}
	mmput(mm);
	if (rc < 0)
		return rc;
	copy_page_part(page, offset, data, length, write);
	unpin_user_pages_dirty_lock(&page, 1, write);
	return 0;
}

static int rw_by_page(struct iopt_pages *pages, unsigned long byte, void *data,
		      unsigned long length, bool write)
{
	while (length) {
		unsigned int offset = offset_in_page(byte);
		unsigned int part = min(length, PAGE_SIZE - offset);
		unsigned long index = byte / PAGE_SIZE;

		if (!rw_pinned(pages, index, offset, data, part, write)) {
			int rc = rw_unpinned(pages, index, offset, data, part, write);

			if (rc)
				return rc;
		}
		byte += part;
		data += part;
		length -= part;
		if (fatal_signal_pending(current))
			return -EINTR;
		cond_resched();
	}
	return 0;
}

/* Copy as the process itself would, for its memory is what the CPU has in use */
static int rw_as_user(struct iopt_pages *pages, unsigned long byte, void *data,
		      unsigned long length, bool write)
{
	void __user *uptr = (void __user *)(pages->uaddr + byte);
	unsigned long left;

	if (write)
		left = copy_to_user(uptr, data, length);
	else
		left = copy_from_user(data, uptr, length);
	return left ? -EFAULT : 0;
}

/**
 * iopt_pages_rw() - Copy from or to pages
 * @pages: the pages, which the caller keeps, pinned or not
 * @byte: where, in bytes from their first
 * @data: kernel memory
 * @length: how much, not 0
 * @flags: IOMMUFD_ACCESS_RW_*
 *
 * Whose memory it is copies at once, as does a kernel thread that asks to; anybody else page by page.
 *
 * Return: 0; EFAULT there is no such memory, or its process has ended with it not pinned; EINTR the
 * caller is being killed. A part may have been copied then.
 */
int iopt_pages_rw(struct iopt_pages *pages, unsigned long byte, void *data, unsigned long length,
		  unsigned int flags)
{
	bool write = flags & IOMMUFD_ACCESS_RW_WRITE;
	struct mm_struct *mm = pages->source_mm;
	int rc;

	if (flags & IOMMUFD_ACCESS_RW_SLOW)
		return rw_by_page(pages, byte, data, length, write);
	if (current->mm == mm)
		return rw_as_user(pages, byte, data, length, write);
	if (!(flags & IOMMUFD_ACCESS_RW_KTHREAD) || !(current->flags & PF_KTHREAD) || current->mm ||
	    !mmget_not_zero(mm))
		return rw_by_page(pages, byte, data, length, write);

	kthread_use_mm(mm);
	rc = rw_as_user(pages, byte, data, length, write);
	kthread_unuse_mm(mm);
	mmput(mm);
	return rc;
}
