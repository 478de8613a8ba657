/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guard ptrace: a process that the policy gives a right to is steered by nobody else. Attaching to it, writing
 * its memory, taking its descriptors: all that asks for PTRACE_MODE_ATTACH. Looking (ps, /proc/PID/maps) stays
 * allowed. And who is traced does not become such a process by an exec.
 */
#ifndef GUARD_PTRACE_BPF_H
#define GUARD_PTRACE_BPF_H

#define PTRACE_MODE_ATTACH 2

static __noinline int may_trace(struct task_struct *child, struct task_struct *tracer)
{
	struct iolsm_subject of, by;

	who_is(child, &of);
	if (!has_right(&of.label, of.uid))
		return 0;
	who_is(tracer, &by);
	if (is_same(&of, &by))
		return 0;
	return guard_denies(IOLSM_GUARD_PTRACE, child->comm, of.tgid, 0, -EPERM);
}

SEC("lsm/ptrace_access_check")
int BPF_PROG(iolsm_g_ptrace, struct task_struct *child, unsigned int mode, int ret)
{
	if (ret || !(mode & PTRACE_MODE_ATTACH) || !guards(IOLSM_GUARD_PTRACE))
		return ret;
	return may_trace(child, bpf_get_current_task_btf());
}

SEC("lsm/ptrace_traceme")
int BPF_PROG(iolsm_g_traceme, struct task_struct *parent, int ret)
{
	if (ret || !guards(IOLSM_GUARD_PTRACE))
		return ret;
	return may_trace(bpf_get_current_task_btf(), parent);
}

/* Whether the current task may become @to, as it is traced or not */
static __noinline int may_become_traced(struct iolsm_subject *to)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct iolsm_subject by;

	if (!task->ptrace || !has_right(&to->label, to->uid))
		return 0;
	who_is(task->parent, &by);
	if (is_same(to, &by))
		return 0;
	return guard_denies(IOLSM_GUARD_PTRACE, "what it executes", by.tgid, 0, -EPERM);
}

#endif
