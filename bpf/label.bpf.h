/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who a task is: the executable it runs, as a label in task storage. Not mm->exe_file at the moment of
 * a decision: a task can have that changed (PR_SET_MM_EXE_FILE in a user namespace of its own). The
 * label is written by an exec, copied by a fork, and by nothing else.
 *
 * Tasks that ran before these programs did get theirs from mm->exe_file once: at load, by the iterator,
 * or at their first fork or exec, whichever comes first. What such a task did to its exe_file before is
 * not undone; load the policy early.
 *
 * Storage that cannot be made fails the fork or exec: a task without a label would escape the clauses
 * that deny its executable.
 */
#ifndef LABEL_BPF_H
#define LABEL_BPF_H

#define ENOMEM 12

/* Written by the programs below only */
struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct iolsm_label);
} iolsm_label SEC(".maps");

#define FUSE_SUPER_MAGIC 0x65735546

/*
 * Whether the numbers of a file system's files are a user's own choice: FUSE's server makes them up, and
 * in a user namespace everybody mounts what he likes. The device numbers of such file systems are those of
 * others that were unmounted, perhaps one that a policy names.
 */
static __always_inline bool is_made_up(struct super_block *sb)
{
	return BPF_CORE_READ(sb, s_magic) == FUSE_SUPER_MAGIC ||
	       BPF_CORE_READ(sb, s_user_ns, parent);
}

static __always_inline void label_of_file(struct iolsm_label *label, struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	if (is_made_up(BPF_CORE_READ(inode, i_sb))) {
		__builtin_memset(label, 0, sizeof(*label));
		return;
	}
	label->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	label->ino = BPF_CORE_READ(inode, i_ino);
	label->generation = BPF_CORE_READ(inode, i_generation);
}

/* The label of @task, made from what it runs now if it has none yet. NULL: no memory. */
static __always_inline struct iolsm_label *label_get_or_make(struct task_struct *task)
{
	struct iolsm_label *label, fresh = {};
	struct file *file;

	label = bpf_task_storage_get(&iolsm_label, task, 0, 0);
	if (label)
		return label;
	file = BPF_CORE_READ(task, mm, exe_file);
	if (file)
		label_of_file(&fresh, file);
	return bpf_task_storage_get(&iolsm_label, task, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

SEC("lsm/task_alloc")
int BPF_PROG(iolsm_fork, struct task_struct *task, unsigned long clone_flags, int ret)
{
	struct iolsm_label *label, inherited;

	if (ret)
		return ret;
	label = label_get_or_make(bpf_get_current_task_btf());
	if (!label)
		return -ENOMEM;
	inherited = *label;
	if (!bpf_task_storage_get(&iolsm_label, task, &inherited, BPF_LOCAL_STORAGE_GET_F_CREATE))
		return -ENOMEM;
	return 0;
}

/* Storage for the label while the exec can still fail, so that iolsm_exec only has to write it */
SEC("lsm/bprm_creds_for_exec")
int BPF_PROG(iolsm_exec_prep, struct linux_binprm *bprm, int ret)
{
	if (ret)
		return ret;
	return label_get_or_make(bpf_get_current_task_btf()) ? 0 : -ENOMEM;
}

/*
 * The exec can no longer fail, the old program is gone, the new one has not run. bprm->file is what is
 * executed at last: of a script, its interpreter.
 */
SEC("lsm/bprm_committed_creds")
int BPF_PROG(iolsm_exec, struct linux_binprm *bprm)
{
	struct iolsm_label *label;

	label = bpf_task_storage_get(&iolsm_label, bpf_get_current_task_btf(), 0,
				     BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (label)
		label_of_file(label, bprm->file);
	return 0;
}

/* The loader runs this once, after the two above are attached: then no task is without a label */
SEC("iter/task")
int iolsm_running(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		label_get_or_make(task);
	return 0;
}

#endif
