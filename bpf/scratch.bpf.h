/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory of a decision beside the stack, which has 512 bytes for all that is called: one for each task, as a
 * task makes one decision at a time. Not one for each CPU: a program can be preempted, and another task then
 * runs the same program on the same CPU.
 *
 * Made with a task's label, so that a decision finds it; where it is not there and cannot be made, the
 * decision is to deny.
 */
#ifndef SCRATCH_BPF_H
#define SCRATCH_BPF_H

#define IOLSM_IDS (POLICY_DIM_COUNT + 1) /* and the operation's, the last */

struct iolsm_scratch {
	struct iolsm_key key; /* of a lookup at hand */
	__u32 ids[IOLSM_IDS]; /* of the rows of a search */
	char text[IOLSM_TEXT_LEN];   /* that an automaton reads */
	struct iolsm_subject from, to; /* for guards */
	__u32 any; /* forgotten() writes and reads it back */
};

/* Written by the programs only */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct iolsm_scratch);
} iolsm_scratch SEC(".maps");

/* Return: NULL: no memory */
static __always_inline struct iolsm_scratch *scratch_of(struct task_struct *task)
{
	struct iolsm_scratch *scratch = bpf_task_storage_get(&iolsm_scratch, task, 0, 0);

	return scratch ? scratch :
	       bpf_task_storage_get(&iolsm_scratch, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/*
 * @value, of which the verifier then no longer knows that it is one of a few: what follows it would walk through
 * once for each.
 */
static __always_inline __u32 forgotten(struct iolsm_scratch *scratch, __u32 value)
{
	*(volatile __u32 *)&scratch->any = value;
	return *(volatile __u32 *)&scratch->any;
}

#endif
