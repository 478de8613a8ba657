/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Who a task is: the executable it runs, as a label in task storage. Not mm->exe_file at the moment of
 * a decision: a task can have that changed (PR_SET_MM_EXE_FILE in a user namespace of its own). The
 * label is written by an exec, copied by a fork, and by nothing else.
 *
 * A file is known by its own numbers, and by its place if the policy in force names that place: the
 * numbers of its directory and its name there. So what an upgrade puts where a policy found an
 * executable is that executable, at once and without a load, and who can put it there could have
 * written to the executable before. A place is no path: whatever a mount namespace or a chroot makes of
 * a path, the directory is the one the loader looked into.
 *
 * Tasks that ran before these programs did get theirs from mm->exe_file once: at load, by the iterator,
 * or at their first fork or exec, whichever comes first. What such a task did to its exe_file before is
 * not undone; load the policy early.
 *
 * Storage that cannot be made fails the fork or exec: a task without a label would escape the clauses
 * that deny its executable. On a kernel without the BPF LSM the trace events below do the same work, and
 * cannot fail anything: such a task is nobody then.
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

/* Written by the loader before anything is attached, then frozen */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct iolsm_own);
} iolsm_own SEC(".maps");

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

/* The place of @label in @key. Whether a generation has it is for the caller to look up, twice: */
static __always_inline void place_key(const struct iolsm_label *label, struct iolsm_key *key)
{
	clear(key, 0);
	key->kind = IOLSM_KEY_PLACE;
	key->number[0] = label->dir_dev;
	key->number[1] = label->dir_ino;
	key->number[2] = label->dir_generation;
	key->number[3] = label->name;
}

static __always_inline union iolsm_value *find_place(void *tables, const struct iolsm_label *label,
						     struct iolsm_key *key)
{
	union iolsm_value *value;

	place_key(label, key);
	value = bpf_map_lookup_elem(tables, key);
	if (value || !label->dir_generation)
		return value;
	key->number[2] = 0; /* not all file systems tell the loader */
	return bpf_map_lookup_elem(tables, key);
}

/* The executable that the policy takes @label for, as the key of its row in @dim; none without a label */
static __noinline void label_key(void *tables, struct iolsm_label *label, struct iolsm_key *key,
				 __u32 dim)
{
	union iolsm_value *place = NULL;
	struct iolsm_exe exe = {};

	if (label) {
		exe.dev = label->dev;
		exe.ino = label->ino;
		exe.generation = label->generation;
		if (label->dir_ino && tables)
			place = find_place(tables, label, key);
		if (place)
			exe = place->exe;
	}
	clear(key, dim);
	key->number[0] = exe.dev;
	key->number[1] = exe.ino;
	key->number[2] = exe.generation;
}

/* Of a thread whose creation was not seen, that of the process it belongs to */
static __always_inline struct iolsm_label *label_of(struct task_struct *task)
{
	struct iolsm_label *label = bpf_task_storage_get(&iolsm_label, task, 0, 0);

	return label ?: bpf_task_storage_get(&iolsm_label, task->group_leader, 0, 0);
}

static __always_inline struct iolsm_label *label_of_current(void)
{
	return label_of(bpf_get_current_task_btf());
}

/* FNV-1a. A hash is enough: who chooses names in that directory could as well take the name itself. */
static __always_inline __u64 hash_name(const char *name, __u32 room)
{
	__u64 hash = IOLSM_NAME_HASH_START;
	__u32 i;

	for (i = 0; i < room && name[i]; i++)
		hash = (hash ^ (__u8)name[i]) * IOLSM_NAME_HASH_FACTOR;
	return hash;
}

/* Where @dentry is. Nowhere (dir_ino is 0) what has no name, or one longer than the loader takes. */
static __noinline void place_of(struct dentry *dentry, struct iolsm_label *label)
{
	struct dentry *dir = BPF_CORE_READ(dentry, d_parent);
	struct inode *inode = BPF_CORE_READ(dir, d_inode);
	char name[IOLSM_NAME_LEN];

	label->dir_ino = 0;
	if (dir == dentry || !inode || !BPF_CORE_READ(dentry, d_hash.pprev) || /* unlinked */
	    BPF_CORE_READ(dentry, d_name.len) >= IOLSM_NAME_LEN ||
	    bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(dentry, d_name.name)) < 0)
		return;
	label->dir_dev = BPF_CORE_READ(inode, i_sb, s_dev);
	label->dir_generation = BPF_CORE_READ(inode, i_generation);
	label->name = hash_name(name, sizeof(name));
	label->dir_ino = BPF_CORE_READ(inode, i_ino);
}

static __always_inline bool is_own_file(const struct iolsm_own *own, const struct iolsm_label *label)
{
	const struct iolsm_label *loader = &own->loader;

	if (label->ino == loader->ino && label->dev == loader->dev &&
	    (!loader->generation || label->generation == loader->generation))
		return true;
	return label->dir_ino && label->dir_ino == loader->dir_ino &&
	       label->dir_dev == loader->dir_dev && label->name == loader->name &&
	       (!loader->dir_generation || label->dir_generation == loader->dir_generation);
}

/*
 * What is executed. A file without a name any more (memfd, or unlinked since it was opened) is nobody's:
 * its numbers may be another's tomorrow, and nobody can tell any more what it was.
 */
static __noinline void label_of_file(struct iolsm_label *label, struct file *file)
{
	struct dentry *dentry = BPF_CORE_READ(file, f_path.dentry);
	struct inode *inode = BPF_CORE_READ(file, f_inode);
	struct iolsm_own *own;
	struct iolsm_key key;
	__u32 slot = 0;
	void *tables;

	__builtin_memset(label, 0, sizeof(*label));
	if (is_made_up(BPF_CORE_READ(inode, i_sb)) || !BPF_CORE_READ(inode, i_nlink))
		return;
	label->dev = BPF_CORE_READ(inode, i_sb, s_dev);
	label->ino = BPF_CORE_READ(inode, i_ino);
	label->generation = BPF_CORE_READ(inode, i_generation);
	place_of(dentry, label);

	own = bpf_map_lookup_elem(&iolsm_own, &slot);
	if (own && is_own_file(own, label))
		label->flags = IOLSM_LABEL_LOADER;
	/* A place counts if the policy names it now: what ran there before was anybody's */
	tables = tables_in_force();
	if (!label->dir_ino || !tables || !find_place(tables, label, &key))
		label->dir_ino = 0;
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
	scratch_of(task);
	return bpf_task_storage_get(&iolsm_label, task, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);
}

/* Return: 0, or -ENOMEM */
static __always_inline int label_child(struct task_struct *child)
{
	struct iolsm_label *label, inherited;

	label = label_get_or_make(bpf_get_current_task_btf());
	if (!label)
		return -ENOMEM;
	inherited = *label;
	scratch_of(child);
	return bpf_task_storage_get(&iolsm_label, child, &inherited, BPF_LOCAL_STORAGE_GET_F_CREATE) ?
		0 : -ENOMEM;
}

static __always_inline void label_exec(struct linux_binprm *bprm)
{
	struct iolsm_label *label, fresh;

	label = bpf_task_storage_get(&iolsm_label, bpf_get_current_task_btf(), 0,
				     BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!label)
		return;
	label_of_file(&fresh, BPF_CORE_READ(bprm, file));
	*label = fresh;
}

SEC("lsm/task_alloc")
int BPF_PROG(iolsm_fork, struct task_struct *task, unsigned long clone_flags, int ret)
{
	return ret ? ret : label_child(task);
}

/* Storage for the label while the exec can still fail, so that iolsm_exec (policy.bpf.c) only has to write it */
SEC("lsm/bprm_creds_for_exec")
int BPF_PROG(iolsm_exec_prep, struct linux_binprm *bprm, int ret)
{
	if (ret)
		return ret;
	return label_get_or_make(bpf_get_current_task_btf()) ? 0 : -ENOMEM;
}

/* The same without the BPF LSM. The child has not run yet, and neither has the new program. */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(iolsm_tp_fork, struct task_struct *parent, struct task_struct *child)
{
	if (child)
		label_child(child);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(iolsm_tp_exec, struct task_struct *task, int old_pid, struct linux_binprm *bprm)
{
	if (bprm)
		label_exec(bprm);
	return 0;
}

/* The loader runs this once, after those that see forks and execs are attached: then no task is without a label */
SEC("iter/task")
int iolsm_running(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		label_get_or_make(task);
	return 0;
}

#endif
