/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of iommufd_lsm.ko share: the hooks, the counters, the default verdict. What other
 * modules and BPF programs may rely on is in iommufd_lsm.h.
 */
#ifndef LSM_PRIVATE_H
#define LSM_PRIVATE_H

#include <linux/types.h>

#include "iommufd_lsm.h"

/* Who decided, and how: the four ways a question can end. The names are ABI, see stats.c. */
enum lsm_outcome {
	LSM_GRANTED,         /* a program named a rule that grants */
	LSM_DENIED,          /* a program denied */
	LSM_DEFAULT_ALLOWED, /* nobody spoke, default_verdict is allow */
	LSM_DEFAULT_DENIED,  /* nobody spoke, default_verdict is deny */
	LSM_OUTCOME_COUNT
};

/*
 * hooks.c: call the hooks of one phase; what comes back is what the programs left in the return register.
 * The first phase has two, the operation's own and that of all operations.
 */
long lsm_deny_call(struct iommufd_lsm_request *req);
long lsm_grant_call(struct iommufd_lsm_request *req);
int lsm_hooks_register(void);
const char *lsm_op_name(u32 op);
bool lsm_op_blocks(u32 op);

/* ask.c */
void lsm_ask_init(void);

/* stats.c: counters and /proc/iommufd_lsm */
int lsm_stats_init(void);
void lsm_stats_exit(void);
u64 lsm_stats_next_seq(void);
void lsm_stats_count(u32 op, enum lsm_outcome outcome);

/* main.c */
bool lsm_default_allows(void);

#endif
