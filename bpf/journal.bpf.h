/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The decision log: a ring of the last decisions that any number of readers can look at. The module's
 * trace event says what became of a request; what our policy said about it is handed over by the
 * program that was asked. So decisions of other programs, and of default_verdict, are in the log too.
 */
#ifndef JOURNAL_BPF_H
#define JOURNAL_BPF_H

/* Written by the hooks' programs, emptied by iolsm_journal below */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, struct iolsm_statement);
} iolsm_said SEC(".maps");

/* Written by iolsm_journal */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, IOLSM_LOG_SLOTS);
	__type(key, __u32);
	__type(value, struct iolsm_record);
} iolsm_log SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct iolsm_state);
} iolsm_state SEC(".maps");

/* No room is no harm: the log then lacks the rule, the verdict does not depend on it */
static __always_inline void journal_say(struct iommufd_lsm_request *req, struct iolsm_statement *said)
{
	__u64 seq = req->seq;

	bpf_map_update_elem(&iolsm_said, &seq, said, BPF_ANY);
}

SEC("tp_btf/iommufd_lsm_decision")
int BPF_PROG(iolsm_journal, struct iommufd_lsm_request *req, int outcome, int rc, __u32 rule)
{
	struct iolsm_statement *said;
	struct iolsm_record *record;
	struct iolsm_state *state;
	struct iolsm_label *label;
	__u64 number, seq;
	__u32 slot = 0;

	if (!req) /* a trace event may have none, for all the verifier knows */
		return 0;
	seq = req->seq;
	said = bpf_map_lookup_elem(&iolsm_said, &seq);
	state = bpf_map_lookup_elem(&iolsm_state, &slot);
	if (!state)
		return 0;
	number = __sync_fetch_and_add(&state->log_next, 1);
	slot = number % IOLSM_LOG_SLOTS;
	record = bpf_map_lookup_elem(&iolsm_log, &slot);
	if (!record)
		return 0;

	/* The exchanges are full barriers: begin is 0 while the rest is being written */
	__sync_lock_test_and_set(&record->begin, 0);
	record->time = bpf_ktime_get_boot_ns();
	record->seq = seq;
	record->ctx_id = req->ctx_id;
	record->op = req->op;
	record->flags = req->flags;
	record->outcome = outcome;
	record->rc = rc;
	record->granted_by = rule;
	record->generation = said ? said->generation : 0;
	record->said = said ? said->said : IOLSM_SAID_NOTHING;
	record->rule = said ? said->rule : 0;
	record->permissive = said ? said->permissive : 0;
	record->tgid = req->subject.tgid;
	record->uid = req->subject.uid;
	label = subject_label(req);
	record->exe_dev = label ? label->dev : 0;
	record->exe_ino = label ? label->ino : 0;
	record->vendor = req->device.vendor;
	record->device = req->device.device;
	record->subsystem_vendor = req->device.subsystem_vendor;
	record->subsystem_device = req->device.subsystem_device;
	record->class_code = req->device.class_code;
	record->group_id = req->device.group_id;
	record->group_size = req->device.group_size;
	bpf_core_read(record->comm, sizeof(record->comm), &req->subject.comm);
	bpf_core_read(record->address, sizeof(record->address), &req->device.address);
	bpf_core_read(record->driver, sizeof(record->driver), &req->device.driver);
	bpf_core_read(record->from, sizeof(record->from), &req->from.name);
	bpf_core_read(record->to, sizeof(record->to), &req->to.name);
	__sync_lock_test_and_set(&record->end, number + 1);
	__sync_lock_test_and_set(&record->begin, number + 1);

	if (said)
		bpf_map_delete_elem(&iolsm_said, &seq);
	return 0;
}

#endif
