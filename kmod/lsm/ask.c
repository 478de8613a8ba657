// SPDX-License-Identifier: GPL-2.0
/*
 * The verdict: one request is put to the hooks, and what they answer becomes an errno, a count, a
 * trace event, and for a denial a line in the kernel log. Does not know what is asked for.
 */
#define pr_fmt(fmt) "iommufd_lsm: " fmt

#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/export.h>
#include <linux/hash.h>
#include <linux/mutex.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/printk.h>
#include <linux/ratelimit.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/uidgid.h>

#include "lsm_private.h"

#define CREATE_TRACE_POINTS
#include "trace.h"

struct lsm_verdict {
	enum lsm_outcome outcome;
	int rc;   /* 0, or the errno of the denial */
	u32 rule; /* LSM_GRANTED: what the program returned, else 0 */
};

/*
 * One question at a time on each CPU. The kernel guards a tracing program against recursion with a
 * counter per CPU, and skips a program whose counter is taken. A hook's program may sleep or be
 * preempted in the middle, so without this a second task on that CPU would pass by the programs
 * unseen: a skipped deny is an allow. Waiting is the safe answer.
 */
static DEFINE_PER_CPU(struct mutex, lsm_ask_mutex);

/*
 * What a user is denied takes no other user's lines in the kernel's log, which is the only one before a
 * policy is loaded. By the hash of the uid: two whose hashes meet share a budget.
 */
#define LSM_LOG_BUDGET_BITS 6
static struct ratelimit_state lsm_log_budget[1 << LSM_LOG_BUDGET_BITS];

void __init lsm_ask_init(void)
{
	int i;

	for_each_possible_cpu(i)
		mutex_init(per_cpu_ptr(&lsm_ask_mutex, i));
	for (i = 0; i < ARRAY_SIZE(lsm_log_budget); i++)
		ratelimit_state_init(&lsm_log_budget[i], DEFAULT_RATELIMIT_INTERVAL,
				     2 * DEFAULT_RATELIMIT_BURST);
}

/*
 * A program's answer arrives as 64 bits. One that was compiled to return an int may leave the upper
 * half as zeros under a negative number, so both spellings of an errno are understood.
 */
static int lsm_errno(long answer)
{
	int errnum = answer;

	if (answer != errnum && answer != (long)(u32)errnum)
		return -EACCES;
	return errnum < 0 && errnum >= -MAX_ERRNO ? errnum : -EACCES;
}

static struct lsm_verdict lsm_judge(struct iommufd_lsm_request *req)
{
	long answer = lsm_deny_call(req);

	if (answer)
		return (struct lsm_verdict){ LSM_DENIED, lsm_errno(answer), 0 };

	answer = lsm_grant_call(req);
	if (answer > 0 && answer <= INT_MAX)
		return (struct lsm_verdict){ LSM_GRANTED, 0, answer };
	if (answer)
		return (struct lsm_verdict){ LSM_DENIED, lsm_errno(answer), 0 };

	if (lsm_default_allows())
		return (struct lsm_verdict){ LSM_DEFAULT_ALLOWED, 0, 0 };
	return (struct lsm_verdict){ LSM_DEFAULT_DENIED, -EACCES, 0 };
}

/* Everything a process may choose (its name) is escaped: one denial is one line. */
static void lsm_log_denial(const struct iommufd_lsm_request *req, const struct lsm_verdict *verdict)
{
	const struct iommufd_lsm_device *dev = &req->device;
	const struct iommufd_lsm_subject *subject = &req->subject;
	char why[40];

	if (!__ratelimit(&lsm_log_budget[hash_32(subject->uid, LSM_LOG_BUDGET_BITS)]))
		return;
	if (verdict->outcome == LSM_DENIED)
		snprintf(why, sizeof(why), "by a BPF program, error %d", verdict->rc);
	else
		strscpy(why, "no rule grants, default_verdict=deny");
	pr_notice("denied %s%s%s%s%s%s%s%s%s for %*pE (pid %d, uid %u): %s%s\n",
		  lsm_op_name(req->op),
		  dev->address[0] ? " of " : "", dev->address,
		  req->from.name[0] ? " from " : "", req->from.name,
		  req->to.name[0] ? " to " : "", req->to.name,
		  req->flags & IOMMUFD_LSM_RECHECK ? " (recheck)" : "",
		  req->flags & IOMMUFD_LSM_GROUP_MOVE ? " (its group moves)" : "",
		  (int)strnlen(subject->comm, sizeof(subject->comm)), subject->comm, subject->tgid,
		  subject->uid, why,
		  lsm_op_blocks(req->op) ? "" : "; not stopped, for that would keep access alive");
}

void iommufd_lsm_subject_current(struct iommufd_lsm_subject *subject)
{
	const struct cred *cred = get_current_cred();

	memset(subject, 0, sizeof(*subject));
	subject->tgid = task_tgid_nr(current);
	subject->uid = from_kuid(&init_user_ns, cred->euid);
	subject->gid = from_kgid(&init_user_ns, cred->egid);
	subject->start_time = current->group_leader->start_boottime;
	get_task_comm(subject->comm, current);
	subject->cred = cred;
	/* fails only if the task has just been moved out of it, and it is gone already */
	rcu_read_lock();
	do {
		subject->cgroup = task_dfl_cgroup(current);
	} while (!cgroup_tryget(subject->cgroup));
	rcu_read_unlock();
	subject->cgroup_id = cgroup_id(subject->cgroup);
}
EXPORT_SYMBOL_NS_GPL(iommufd_lsm_subject_current, IOMMUFD);

void iommufd_lsm_subject_put(struct iommufd_lsm_subject *subject)
{
	if (subject->cred)
		put_cred(subject->cred);
	if (subject->cgroup)
		cgroup_put(subject->cgroup);
	memset(subject, 0, sizeof(*subject));
}
EXPORT_SYMBOL_NS_GPL(iommufd_lsm_subject_put, IOMMUFD);

int iommufd_lsm_ask(struct iommufd_lsm_request *req)
{
	struct lsm_verdict verdict;
	struct mutex *turn;

	might_sleep();
	if (WARN_ON_ONCE(req->op >= IOMMUFD_LSM_OP_COUNT))
		return -EACCES;

	req->version = IOMMUFD_LSM_REQUEST_VERSION;
	req->size = sizeof(*req);
	req->seq = lsm_stats_next_seq();
	if (req->op != IOMMUFD_LSM_OP_device_recheck)
		iommufd_lsm_subject_current(&req->subject);

	migrate_disable();
	turn = this_cpu_ptr(&lsm_ask_mutex);
	mutex_lock(turn);
	verdict = lsm_judge(req);
	mutex_unlock(turn);
	migrate_enable();

	lsm_stats_count(req->op, verdict.outcome);
	trace_iommufd_lsm_decision(req, verdict.outcome, verdict.rc, verdict.rule);
	if (verdict.rc)
		lsm_log_denial(req, &verdict);
	if (req->op != IOMMUFD_LSM_OP_device_recheck)
		iommufd_lsm_subject_put(&req->subject);
	return lsm_op_blocks(req->op) ? verdict.rc : 0;
}
EXPORT_SYMBOL_NS_GPL(iommufd_lsm_ask, IOMMUFD);
