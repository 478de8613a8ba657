/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The decision log: rings of the last decisions that any number of readers can look at. The module's
 * trace event says what became of a request; what our policy said about it is handed over by the
 * program that was asked. So decisions of other programs, and of default_verdict, are in the log too.
 *
 * A process that asks without end must not drive out what others did. It has a budget; what goes beyond
 * is counted, and the count stands in its next record that is written. And users are spread over rings.
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

/* Written by journal_begin() and who calls it */
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

/* Written by within_budget(). Who drops out of it, because thousands came after, begins anew. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct iolsm_budget_key);
	__type(value, struct iolsm_budget);
} iolsm_budget SEC(".maps");

/* No room is no harm: the log then lacks the rule, the verdict does not depend on it */
static __always_inline void journal_say(struct iommufd_lsm_request *req, struct iolsm_statement *said)
{
	__u64 seq = req->seq;

	bpf_map_update_elem(&iolsm_said, &seq, said, BPF_ANY);
}

#define BUDGET_STEP (1000000000ULL / IOLSM_LOG_PER_SECOND)
#define BUDGET_FULL (IOLSM_LOG_BURST * BUDGET_STEP)

/*
 * Whether the current process may write one more record. A record costs a step of time, and a budget holds
 * BUDGET_FULL of it. Two threads at once may both take the last step, which does no harm.
 */
static __noinline bool within_budget(bool denial, __u64 *skipped)
{
	struct iolsm_budget_key key = {
		.tgid = bpf_get_current_pid_tgid() >> 32,
		.denials = denial,
	};
	__u64 now = bpf_ktime_get_boot_ns(), earliest = now > BUDGET_FULL ? now - BUDGET_FULL : 0;
	struct iolsm_budget *budget = bpf_map_lookup_elem(&iolsm_budget, &key);

	*skipped = 0;
	if (!budget) {
		struct iolsm_budget fresh = { .since = earliest + BUDGET_STEP };

		bpf_map_update_elem(&iolsm_budget, &key, &fresh, BPF_ANY);
		return true;
	}
	if (budget->since < earliest)
		budget->since = earliest;
	if (budget->since + BUDGET_STEP > now) {
		__sync_fetch_and_add(&budget->skipped, 1);
		return false;
	}
	budget->since += BUDGET_STEP;
	*skipped = __sync_lock_test_and_set(&budget->skipped, 0);
	return true;
}

/*
 * A record for the current task, with what is known of it, or NULL if it has too many. The exchanges are
 * full barriers: begin is 0 while the rest is being written.
 */
static __noinline struct iolsm_record *journal_begin(__u32 op, __u32 outcome, __u64 *number)
{
	__u32 slot = 0, uid = current_euid(), ring = IOLSM_RING_OF(uid);
	struct iolsm_record *record;
	struct iolsm_state *state;
	struct iolsm_key key;
	__u64 skipped;

	state = bpf_map_lookup_elem(&iolsm_state, &slot);
	if (!state)
		return NULL;
	if (!within_budget(outcome == IOLSM_DENIED || outcome == IOLSM_DEFAULT_DENIED, &skipped)) {
		__sync_fetch_and_add(&state->skipped, 1);
		return NULL;
	}
	barrier_var(ring); /* or clang masks a copy, and the verifier does not see it */
	ring &= IOLSM_RINGS - 1;
	*number = __sync_fetch_and_add(&state->ring_next[ring], 1);
	slot = ring * IOLSM_RING_SLOTS + *number % IOLSM_RING_SLOTS;
	record = bpf_map_lookup_elem(&iolsm_log, &slot);
	if (!record)
		return NULL;

	__sync_lock_test_and_set(&record->begin, 0);
	record->number = __sync_fetch_and_add(&state->log_next, 1);
	record->time = bpf_ktime_get_boot_ns();
	record->seq = 0;
	record->ctx_id = 0;
	record->cgroup = bpf_get_current_cgroup_id();
	record->skipped = skipped;
	record->op = op;
	record->flags = 0;
	record->outcome = outcome;
	record->granted_by = 0;
	record->tgid = bpf_get_current_pid_tgid() >> 32;
	record->uid = uid;
	label_key(tables_in_force(), label_of_current(), &key, POLICY_DIM_EXE);
	record->exe_dev = key.number[0];
	record->exe_ino = key.number[1];
	record->peer = 0;
	record->giver_dev = 0;
	record->giver_ino = 0;
	record->giver_uid = 0;
	record->group_id = 0;
	record->group_size = 0;
	record->class_code = 0;
	record->would_deny = 0;
	record->vendor = 0;
	record->device = 0;
	record->subsystem_vendor = 0;
	record->subsystem_device = 0;
	bpf_get_current_comm(record->comm, sizeof(record->comm));
	__builtin_memset(record->address, 0, sizeof(record->address));
	__builtin_memset(record->driver, 0, sizeof(record->driver));
	__builtin_memset(record->from, 0, sizeof(record->from));
	__builtin_memset(record->to, 0, sizeof(record->to));
	__builtin_memset(record->object, 0, sizeof(record->object));
	return record;
}

static __always_inline void journal_end(struct iolsm_record *record, __u64 number)
{
	__sync_lock_test_and_set(&record->end, number + 1);
	__sync_lock_test_and_set(&record->begin, number + 1);
}

SEC("tp_btf/iommufd_lsm_decision")
int BPF_PROG(iolsm_journal, struct iommufd_lsm_request *req, int outcome, int rc, __u32 rule)
{
	struct iolsm_statement *said;
	struct iolsm_record *record;
	struct iolsm_key key;
	__u64 number = 0, seq;

	if (!req) /* a trace event may have none, for all the verifier knows */
		return 0;
	seq = req->seq;
	said = bpf_map_lookup_elem(&iolsm_said, &seq);
	record = journal_begin(req->op, outcome, &number);
	if (!record)
		goto out;
	record->seq = seq;
	record->ctx_id = req->ctx_id;
	record->flags = req->flags;
	record->rc = rc;
	record->granted_by = rule;
	record->generation = said ? said->generation : 0;
	record->said = said ? said->said : IOLSM_SAID_NOTHING;
	record->rule = said ? said->rule : 0;
	record->permissive = said ? said->permissive : 0;
	record->would_deny = said ? said->would_deny : 0;
	record->tgid = req->subject.tgid;
	record->uid = req->subject.uid;
	label_key(tables_in_force(), subject_label(req), &key, POLICY_DIM_EXE);
	record->exe_dev = key.number[0];
	record->exe_ino = key.number[1];
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
	journal_end(record, number);
out:
	if (said)
		bpf_map_delete_elem(&iolsm_said, &seq);
	return 0;
}

#endif
