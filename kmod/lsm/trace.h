/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The trace event iommufd_lsm:iommufd_lsm_decision, one for each verdict. Its fields are documented
 * in docs/hooks.md.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM iommufd_lsm

#if !defined(LSM_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define LSM_TRACE_H

#include <linux/sched.h>
#include <linux/tracepoint.h>

#include "lsm_private.h"


TRACE_EVENT(iommufd_lsm_decision,
	TP_PROTO(const struct iommufd_lsm_request *req, int outcome, int rc, u32 rule),
	TP_ARGS(req, outcome, rc, rule),
	TP_STRUCT__entry(
		__field(u64, seq)
		__field(u64, ctx_id)
		__field(u32, op)
		__field(u32, flags)
		__field(int, outcome)
		__field(int, rc)
		__field(u32, rule)
		__field(int, tgid)
		__field(u32, uid)
		__array(char, op_name, 16)
		__array(char, comm, TASK_COMM_LEN)
		__array(char, address, IOMMUFD_LSM_NAME_LEN)
		__array(char, from, IOMMUFD_LSM_NAME_LEN)
		__array(char, to, IOMMUFD_LSM_NAME_LEN)
	),
	TP_fast_assign(
		__entry->seq = req->seq;
		__entry->ctx_id = req->ctx_id;
		__entry->op = req->op;
		__entry->flags = req->flags;
		__entry->outcome = outcome;
		__entry->rc = rc;
		__entry->rule = rule;
		__entry->tgid = req->subject.tgid;
		__entry->uid = req->subject.uid;
		strscpy(__entry->op_name, lsm_op_name(req->op), sizeof(__entry->op_name));
		memcpy(__entry->comm, req->subject.comm, TASK_COMM_LEN);
		memcpy(__entry->address, req->device.address, IOMMUFD_LSM_NAME_LEN);
		memcpy(__entry->from, req->from.name, IOMMUFD_LSM_NAME_LEN);
		memcpy(__entry->to, req->to.name, IOMMUFD_LSM_NAME_LEN);
	),
	TP_printk("seq=%llu op=%s verdict=%s rc=%d rule=%u ctx=%llu device=%s from=%s to=%s flags=0x%x tgid=%d uid=%u comm=%s",
		  __entry->seq, __entry->op_name,
		  __print_symbolic(__entry->outcome,
				   { 0, "granted" }, { 1, "denied" },
				   { 2, "default-allowed" }, { 3, "default-denied" }),
		  __entry->rc, __entry->rule, __entry->ctx_id, __entry->address,
		  __entry->from, __entry->to, __entry->flags, __entry->tgid, __entry->uid,
		  __entry->comm)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
