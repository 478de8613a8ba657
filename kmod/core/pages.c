// SPDX-License-Identifier: GPL-2.0
/*
 * Memory of a process, pinned: once for all who show it, counted against its owner's limit, stored
 * as physically contiguous runs, and given back. What shows it, and where, is not known here.
 *
 * Whoever shows a range of pages is a user of the segments that make it up. A new user splits
 * segments at its two ends, so that a user always covers whole segments. That is where memory may
 * be short; leaving only counts down, and cannot fail.
 *
 * A pin waits for memory of the user's, who may let it wait for ever. So it holds the mutex only
 * where it touches segments, and "pinning" is its turn, for which only other pins wait: meanwhile
 * others fill domains from the segments there are, leave them and split them. None but a pin adds
 * any, and none leaves or merges those that it is a user of already.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/sched/user.h>
#include <linux/slab.h>
#include <linux/wait_bit.h>

#include "io_pagetable.h"

/* What one call pins at most: 32 MiB of small pages */
#define BATCH_MAX 8192
/* On the stack, for small mappings and for when there is no memory for more */
#define BATCH_MIN 16
/* A segment with this many runs is just below 4 KiB */
#define SEGMENT_MAX_RUNS ((4096 - sizeof(struct iopt_segment)) / sizeof(u64))

unsigned int iopt_batch_limit = UINT_MAX;

#define node_segment(ptr) rb_entry_safe(ptr, struct iopt_segment, node)

/*
 * Pages on their way from the pin into a segment. The array holds runs first, then the pages that
 * the last call pinned; as a page turns into a run or makes one longer, runs never overtake pages.
 */
struct pin_batch {
	union pin_entry {
		struct page *page;
		u64 run;
	} *entries;
	unsigned int capacity;
	unsigned int nr_runs;
	unsigned long npages;                   /* in the runs */
};

static_assert(sizeof(union pin_entry) == sizeof(struct page *), "gup fills the array with pages");

/**
 * iopt_segment_find() - The first segment that does not end before a page
 * @pages: whose segments; mutex held
 * @index: the page
 *
 * Return: the segment, or NULL.
 */
struct iopt_segment *iopt_segment_find(struct iopt_pages *pages, unsigned long index)
{
	struct rb_node *node = pages->segments.rb_node;
	struct iopt_segment *found = NULL;

	lockdep_assert_held(&pages->mutex);
	while (node) {
		struct iopt_segment *segment = node_segment(node);

		if (segment->index + segment->npages > index) {
			found = segment;
			node = node->rb_left;
		} else {
			node = node->rb_right;
		}
	}
	return found;
}

struct iopt_segment *iopt_segment_next(struct iopt_segment *segment)
{
	return node_segment(rb_next(&segment->node));
}

static void segment_insert(struct iopt_pages *pages, struct iopt_segment *segment)
{
	struct rb_node **link = &pages->segments.rb_node;
	struct rb_node *parent = NULL;

	while (*link) {
		parent = *link;
		if (segment->index < node_segment(parent)->index)
			link = &parent->rb_left;
		else
			link = &parent->rb_right;
	}
	rb_link_node(&segment->node, parent, link);
	rb_insert_color(&segment->node, &pages->segments);
}

static struct iopt_segment *segment_alloc(struct iopt_pages *pages, unsigned int nr_runs)
{
	if (nr_runs == 1 && !pages->spare_used) {
		pages->spare_used = true;
		return &pages->spare;
	}
	return kmalloc(struct_size_t(struct iopt_segment, runs, nr_runs), GFP_KERNEL_ACCOUNT);
}

static void segment_free(struct iopt_pages *pages, struct iopt_segment *segment)
{
	if (segment == &pages->spare)
		pages->spare_used = false;
	else
		kfree(segment);
}

/* Make sure that no segment has pages on both sides of the start of page @index */
static int segment_split(struct iopt_pages *pages, unsigned long index)
{
	struct iopt_segment *segment = iopt_segment_find(pages, index);
	struct iopt_segment *tail;
	unsigned long before, in_run;
	unsigned int i;

	if (!segment || segment->index >= index)
		return 0;

	/* find the run that the cut goes through, or that starts there */
	before = index - segment->index;
	in_run = before;
	for (i = 0; in_run >= iopt_run_npages(segment->runs[i]); i++)
		in_run -= iopt_run_npages(segment->runs[i]);

	tail = segment_alloc(pages, segment->nr_runs - i);
	if (!tail)
		return -ENOMEM;
	tail->index = index;
	tail->npages = segment->npages - before;
	tail->users = segment->users;
	tail->nr_runs = segment->nr_runs - i;
	memcpy(tail->runs, &segment->runs[i], tail->nr_runs * sizeof(tail->runs[0]));
	tail->runs[0] = iopt_run_make(iopt_run_pfn(segment->runs[i]) + in_run,
				      iopt_run_npages(segment->runs[i]) - in_run);

	segment->npages = before;
	segment->nr_runs = i;
	if (in_run)
		segment->runs[segment->nr_runs++] =
			iopt_run_make(iopt_run_pfn(segment->runs[i]), in_run);
	segment_insert(pages, tail);
	return 0;
}

static void unpin_runs(struct iopt_pages *pages, const u64 *runs, unsigned int nr_runs)
{
	unsigned int i;

	for (i = 0; i < nr_runs; i++)
		unpin_user_page_range_dirty_lock(pfn_to_page(iopt_run_pfn(runs[i])),
						 iopt_run_npages(runs[i]), pages->writable);
}

static int account_user(struct iopt_pages *pages, unsigned long npages)
{
	unsigned long limit = task_rlimit(pages->source_task, RLIMIT_MEMLOCK) >> PAGE_SHIFT;
	long locked = atomic_long_read(&pages->source_user->locked_vm);

	do {
		if (locked > limit || npages > limit - locked)
			return -ENOMEM;
	} while (!atomic_long_try_cmpxchg(&pages->source_user->locked_vm, &locked,
					  locked + npages));
	return 0;
}

/* The mm of a process that has exited has no count any more */
static int account_mm(struct iopt_pages *pages, unsigned long npages, bool add)
{
	struct mm_struct *mm = pages->source_mm;
	int rc = 0;

	if (!mmget_not_zero(mm))
		return add ? -EFAULT : 0;
	if (add)
		rc = mmap_write_lock_killable(mm);
	else
		mmap_write_lock(mm);
	if (!rc) {
		rc = __account_locked_vm(mm, npages, add, pages->source_task, false);
		mmap_write_unlock(mm);
	}
	mmput(mm);
	return rc;
}

static int account(struct iopt_pages *pages, unsigned long npages)
{
	int rc = 0;

	if (pages->account_mode == IOPT_PAGES_ACCOUNT_USER)
		rc = account_user(pages, npages);
	else if (pages->account_mode == IOPT_PAGES_ACCOUNT_MM)
		rc = account_mm(pages, npages, true);
	if (!rc)
		atomic64_add(npages, &pages->source_mm->pinned_vm);
	return rc;
}

static void unaccount(struct iopt_pages *pages, unsigned long npages)
{
	if (!npages)
		return;
	if (pages->account_mode == IOPT_PAGES_ACCOUNT_USER)
		atomic_long_sub(npages, &pages->source_user->locked_vm);
	else if (pages->account_mode == IOPT_PAGES_ACCOUNT_MM)
		account_mm(pages, npages, false);
	atomic64_sub(npages, &pages->source_mm->pinned_vm);
}

static void batch_init(struct pin_batch *batch, union pin_entry *backup, unsigned long npages)
{
	unsigned int limit = READ_ONCE(iopt_batch_limit);
	unsigned int capacity = min3(npages, BATCH_MAX, limit);

	batch->nr_runs = 0;
	batch->npages = 0;
	batch->entries = backup;
	batch->capacity = min(BATCH_MIN, limit);
	if (capacity <= BATCH_MIN)
		return;
	batch->entries = kmalloc_array(capacity, sizeof(*batch->entries),
				       GFP_KERNEL | __GFP_NOWARN | __GFP_NORETRY);
	if (batch->entries)
		batch->capacity = capacity;
	else
		batch->entries = backup;
}

/* Turn @count pages behind the runs into runs */
static void batch_merge(struct pin_batch *batch, unsigned long count)
{
	const union pin_entry *entry = &batch->entries[batch->nr_runs];
	const union pin_entry *end = entry + count;
	unsigned int nr_runs = batch->nr_runs;
	unsigned long last_pfn = 0, last_npages = 0;

	if (nr_runs) {
		last_pfn = iopt_run_pfn(batch->entries[nr_runs - 1].run);
		last_npages = iopt_run_npages(batch->entries[nr_runs - 1].run);
	}
	while (entry < end) {
		struct page *page = entry->page;
		unsigned long pfn = page_to_pfn(page);
		const union pin_entry *first = entry;
		unsigned long npages;

		/* each page is looked at: after a remap, pages of one folio come in any order */
		if (IS_ENABLED(CONFIG_SPARSEMEM_VMEMMAP))
			while (++entry < end && entry->page == ++page)
				;
		else
			while (++entry < end && page_to_pfn(entry->page) == pfn + (entry - first))
				;
		npages = entry - first;

		if (nr_runs && last_pfn + last_npages == pfn &&
		    last_npages + npages <= IOPT_RUN_MAX_PAGES) {
			last_npages += npages;
		} else {
			last_pfn = pfn;
			last_npages = npages;
			nr_runs++;
		}
		batch->entries[nr_runs - 1].run = iopt_run_make(last_pfn, last_npages);
	}
	batch->nr_runs = nr_runs;
	batch->npages += count;
}

/*
 * Move the runs into segments that start at page @index. On failure the runs that found no place
 * are unpinned. *@done is increased by the pages that did.
 */
static int batch_store(struct pin_batch *batch, struct iopt_pages *pages, unsigned long index,
		       unsigned long *done)
{
	const u64 *runs = &batch->entries[0].run;
	int rc = 0;

	while (batch->nr_runs) {
		unsigned int nr = min_t(unsigned int, batch->nr_runs, SEGMENT_MAX_RUNS);
		struct iopt_segment *segment = segment_alloc(pages, nr);
		unsigned int i;

		if (!segment) {
			rc = -ENOMEM;
			unpin_runs(pages, runs, batch->nr_runs);
			break;
		}
		segment->index = index + *done;
		segment->npages = 0;
		segment->users = 1;
		segment->nr_runs = nr;
		for (i = 0; i < nr; i++) {
			segment->runs[i] = runs[i];
			segment->npages += iopt_run_npages(runs[i]);
		}
		segment_insert(pages, segment);
		*done += segment->npages;
		batch->nr_runs -= nr;
		runs += nr;
	}
	batch->nr_runs = 0;
	batch->npages = 0;
	return rc;
}

/* Pin up to @npages from page @index into the batch. Return: how many, or an errno. */
static long pin_some(struct pin_batch *batch, struct iopt_pages *pages, unsigned long index,
		     unsigned long npages)
{
	unsigned int flags = FOLL_LONGTERM | (pages->writable ? FOLL_WRITE : 0);
	struct page **list = &batch->entries[batch->nr_runs].page;
	unsigned long uaddr = pages->uaddr + index * PAGE_SIZE;
	struct mm_struct *mm = pages->source_mm;
	int locked = 1;
	long rc;

	npages = min_t(unsigned long, npages, batch->capacity - batch->nr_runs);
	if (likely(mm == current->mm))
		return pin_user_pages_fast(uaddr, npages, flags, list) ?: -EFAULT;

	if (!mmget_not_zero(mm))
		return -EFAULT;
	rc = mmap_read_lock_killable(mm);
	if (!rc) {
		rc = pin_user_pages_remote(mm, uaddr, npages, flags, list, &locked) ?: -EFAULT;
		if (locked)
			mmap_read_unlock(mm);
	}
	mmput(mm);
	return rc;
}

/* Return: how many pages were unpinned, which the caller gives back with the mutex released */
static unsigned long segments_leave(struct iopt_pages *pages, unsigned long index,
				    unsigned long last)
{
	struct iopt_segment *segment = iopt_segment_find(pages, index);
	unsigned long unpinned = 0;

	while (segment && segment->index <= last) {
		struct iopt_segment *next = iopt_segment_next(segment);

		if (!--segment->users) {
			rb_erase(&segment->node, &pages->segments);
			unpin_runs(pages, segment->runs, segment->nr_runs);
			unpinned += segment->npages;
			segment_free(pages, segment);
			cond_resched();
		}
		segment = next;
	}
	return unpinned;
}

/**
 * iopt_pages_unpin() - Leave a range of pages
 * @pages: the pages
 * @index: the first page, as it was given to iopt_pages_pin()
 * @last: the last page
 *
 * Unpins what has no user left. No domain may show it to a device any more, and no IOTLB.
 */
void iopt_pages_unpin(struct iopt_pages *pages, unsigned long index, unsigned long last)
{
	unsigned long unpinned;

	mutex_lock(&pages->mutex);
	unpinned = segments_leave(pages, index, last);
	mutex_unlock(&pages->mutex);
	/* may wait for the process's mmap_lock, and so for its memory */
	unaccount(pages, unpinned);
}

/* Pin pages that no segment covers, for a first user. On failure nothing has changed. */
static int pin_hole(struct iopt_pages *pages, unsigned long index, unsigned long last)
{
	union pin_entry backup[BATCH_MIN];
	unsigned long left = last - index + 1;
	unsigned long done = 0;
	struct pin_batch batch;
	int rc;

	/* all at once, and before: so the limit is never exceeded */
	rc = account(pages, left);
	if (rc)
		return rc;
	batch_init(&batch, backup, left);
	while (left) {
		long count;

		if (fatal_signal_pending(current)) {
			rc = -EINTR;
			break;
		}
		count = pin_some(&batch, pages, index + done + batch.npages, left);
		if (count < 0) {
			rc = count;
			break;
		}
		batch_merge(&batch, count);
		left -= count;
		/* with little room left the next call would pin little */
		if (!left || batch.nr_runs > batch.capacity / 2) {
			mutex_lock(&pages->mutex);
			rc = batch_store(&batch, pages, index, &done);
			mutex_unlock(&pages->mutex);
			if (rc)
				break;
		}
		if (left)
			cond_resched();
	}
	if (rc) {
		unpin_runs(pages, &batch.entries[0].run, batch.nr_runs);
		/* gives back what it unpins; the rest of what was counted was never stored */
		if (done)
			iopt_pages_unpin(pages, index, index + done - 1);
		unaccount(pages, last - index + 1 - done);
	}
	if (batch.entries != backup)
		kfree(batch.entries);
	return rc;
}

/*
 * Become a user of the segments from page *@at on, as far as one follows the other. *@at is moved
 * behind them; *@hole_last is where the hole ends that is there, unless that is behind @last.
 */
static int segments_join(struct iopt_pages *pages, unsigned long *at, unsigned long last,
			 unsigned long *hole_last)
{
	struct iopt_segment *segment;
	int rc;

	rc = segment_split(pages, *at);
	if (!rc)
		rc = segment_split(pages, last + 1);
	if (rc)
		return rc;
	for (segment = iopt_segment_find(pages, *at);
	     segment && segment->index <= *at && *at <= last;
	     segment = iopt_segment_next(segment)) {
		if (segment->users == UINT_MAX)
			return -EOVERFLOW;
		segment->users++;
		*at = segment->index + segment->npages;
	}
	*hole_last = segment ? min(last, segment->index - 1) : last;
	return 0;
}

/* Wait for the turn to pin; the mutex is held afterwards. Return: 0 or EINTR, without the turn */
static int pin_turn_begin(struct iopt_pages *pages)
{
	mutex_lock(&pages->mutex);
	while (pages->pinning) {
		int rc;

		mutex_unlock(&pages->mutex);
		rc = wait_var_event_killable(&pages->pinning, !READ_ONCE(pages->pinning));
		if (rc)
			return -EINTR;
		mutex_lock(&pages->mutex);
	}
	WRITE_ONCE(pages->pinning, true);
	return 0;
}

/* The mutex is held before, and not afterwards */
static void pin_turn_end(struct iopt_pages *pages)
{
	WRITE_ONCE(pages->pinning, false);
	mutex_unlock(&pages->mutex);
	/* who waits has either seen false or is seen to wait */
	smp_mb();
	wake_up_var(&pages->pinning);
}

/**
 * iopt_pages_pin() - Become a user of a range of pages
 * @pages: the pages, which the caller keeps
 * @index: the first page
 * @last: the last page
 *
 * Pins what no other user has pinned. May sleep for long: it faults, and waits for memory, and for
 * another pin of these pages.
 *
 * Return: 0; EFAULT there is no such memory, or it cannot be written; ENOMEM no memory, or more
 * than RLIMIT_MEMLOCK allows; EINTR the caller is being killed; EOVERFLOW too many users. Nothing
 * has changed then.
 */
int iopt_pages_pin(struct iopt_pages *pages, unsigned long index, unsigned long last)
{
	unsigned long unpinned = 0;
	unsigned long at = index;
	unsigned long hole_last;
	int rc;

	rc = pin_turn_begin(pages);
	if (rc)
		return rc;
	for (;;) {
		rc = segments_join(pages, &at, last, &hole_last);
		if (rc || at > last)
			break;
		mutex_unlock(&pages->mutex);
		rc = pin_hole(pages, at, hole_last);
		mutex_lock(&pages->mutex);
		if (rc)
			break;
		at = hole_last + 1;
		if (at > last)
			break;
	}
	if (rc && at != index)
		unpinned = segments_leave(pages, index, at - 1);
	pin_turn_end(pages);
	unaccount(pages, unpinned);
	return rc;
}

/**
 * iopt_pages_cut() - Make one user two, one on each side of a page
 * @pages: the pages
 * @index: the first page of the second
 *
 * Return: 0 or ENOMEM. Nothing else can see that anything has changed.
 */
int iopt_pages_cut(struct iopt_pages *pages, unsigned long index)
{
	int rc;

	mutex_lock(&pages->mutex);
	rc = segment_split(pages, index);
	mutex_unlock(&pages->mutex);
	return rc;
}

/**
 * iopt_alloc_pages() - Make memory of the calling process known, without pinning any
 * @uaddr: where it starts
 * @length: of it
 * @writable: devices may write to it
 * @account_mode: where it counts, unless the caller has CAP_IPC_LOCK
 *
 * Return: the pages, with one reference, or an ERR_PTR: EINVAL, EOVERFLOW, ENOMEM.
 */
struct iopt_pages *iopt_alloc_pages(unsigned long uaddr, unsigned long length, bool writable,
				    enum iopt_account_mode account_mode)
{
	struct iopt_pages *pages;
	unsigned long end;

	if (!length || length > ULONG_MAX - PAGE_SIZE)
		return ERR_PTR(-EINVAL);
	if (check_add_overflow(uaddr, length, &end))
		return ERR_PTR(-EOVERFLOW);

	pages = kzalloc(struct_size(pages, spare.runs, 1), GFP_KERNEL_ACCOUNT);
	if (!pages)
		return ERR_PTR(-ENOMEM);
	kref_init(&pages->kref);
	mutex_init(&pages->mutex);
	pages->segments = RB_ROOT;
	pages->uaddr = uaddr & PAGE_MASK;
	pages->npages = ((end - 1) >> PAGE_SHIFT) - (uaddr >> PAGE_SHIFT) + 1;
	pages->writable = writable;
	pages->source_mm = current->mm;
	mmgrab(pages->source_mm);
	if (!capable(CAP_IPC_LOCK)) {
		pages->account_mode = account_mode;
		pages->source_task = get_task_struct(current->group_leader);
		pages->source_user = get_uid(current_user());
	}
	return pages;
}

/* The last reference to pages is gone: kref_put() */
void iopt_release_pages(struct kref *kref)
{
	struct iopt_pages *pages = container_of(kref, struct iopt_pages, kref);

	WARN_ON(!RB_EMPTY_ROOT(&pages->segments));
	if (pages->source_task) {
		put_task_struct(pages->source_task);
		free_uid(pages->source_user);
	}
	mmdrop(pages->source_mm);
	mutex_destroy(&pages->mutex);
	kfree(pages);
}
