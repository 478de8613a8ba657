// SPDX-License-Identifier: GPL-2.0
/*
 * The counters, one row a hook, and /proc/iommufd_lsm that shows them. The format is ABI, described
 * in docs/hooks.md: lines of "key value ...", new keys may be added at the end of a line or file.
 */
#include <linux/atomic.h>
#include <linux/proc_fs.h>
#include <linux/seq_file.h>

#include "lsm_private.h"

#define LSM_PROC_VERSION 1

static atomic64_t lsm_seq;
static atomic64_t lsm_counts[IOMMUFD_LSM_OP_COUNT][LSM_OUTCOME_COUNT];

static const char *const lsm_outcome_names[LSM_OUTCOME_COUNT] = {
	[LSM_GRANTED] = "granted",
	[LSM_DENIED] = "denied",
	[LSM_DEFAULT_ALLOWED] = "default_allowed",
	[LSM_DEFAULT_DENIED] = "default_denied",
};

u64 lsm_stats_next_seq(void)
{
	return atomic64_inc_return(&lsm_seq);
}

void lsm_stats_count(u32 op, enum lsm_outcome outcome)
{
	atomic64_inc(&lsm_counts[op][outcome]);
}

/* "asked" is the sum of the rest, not a counter of its own: a line always adds up. */
static int lsm_stats_show(struct seq_file *m, void *v)
{
	u32 op, outcome;

	seq_printf(m, "version %d\n", LSM_PROC_VERSION);
	seq_printf(m, "default_verdict %s\n", lsm_default_allows() ? "allow" : "deny");
	seq_printf(m, "seq %lld\n", atomic64_read(&lsm_seq));
	for (op = 0; op < IOMMUFD_LSM_OP_COUNT; op++) {
		s64 counts[LSM_OUTCOME_COUNT], asked = 0;

		for (outcome = 0; outcome < LSM_OUTCOME_COUNT; outcome++)
			asked += counts[outcome] = atomic64_read(&lsm_counts[op][outcome]);
		seq_printf(m, "hook %s asked %lld", lsm_op_name(op), asked);
		for (outcome = 0; outcome < LSM_OUTCOME_COUNT; outcome++)
			seq_printf(m, " %s %lld", lsm_outcome_names[outcome], counts[outcome]);
		seq_putc(m, '\n');
	}
	return 0;
}

int __init lsm_stats_init(void)
{
	return proc_create_single("iommufd_lsm", 0444, NULL, lsm_stats_show) ? 0 : -ENOMEM;
}

void lsm_stats_exit(void)
{
	remove_proc_entry("iommufd_lsm", NULL);
}
