/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guard policy-objects: what keeps the policy in force is changed by the loader alone. Its pins are not
 * removed, renamed or covered, their file system is not unmounted, and nobody else gets to write to the map
 * that says which policy it is. All other maps are frozen when they are filled, and a link of these kinds
 * cannot be detached or changed through a descriptor; it lives as long as its pin. And the switch with which the
 * kernel stops calling programs stays as it is.
 *
 * Who may load BPF programs can still attach some of his own to the module's hooks, which are made for that.
 */
#ifndef GUARD_OBJECTS_BPF_H
#define GUARD_OBJECTS_BPF_H

#define FMODE_WRITE 2
#define MNT_DETACH 2
#define PROC_SUPER_MAGIC 0x9fa0
#define PINS_DEPTH 6

static __always_inline struct iolsm_own *own_objects(void)
{
	__u32 slot = 0;

	return bpf_map_lookup_elem(&iolsm_own, &slot);
}

/* Whether @dentry is the directory of the pins or something in it */
static __always_inline bool is_pin(struct dentry *dentry)
{
	struct iolsm_own *own;
	int i;

	own = own_objects();
	if (!own || BPF_CORE_READ(dentry, d_sb, s_dev) != own->pins_dev)
		return false;
	for (i = 0; i < PINS_DEPTH; i++) {
		struct inode *inode = BPF_CORE_READ(dentry, d_inode);

		if (inode && BPF_CORE_READ(inode, i_ino) == own->pins_ino)
			return true;
		dentry = BPF_CORE_READ(dentry, d_parent);
	}
	return false;
}

static __noinline int only_the_loader(const char *object, int rc)
{
	if (!guards(IOLSM_GUARD_POLICY_OBJECTS) || is_loader())
		return 0;
	return guard_denies(IOLSM_GUARD_POLICY_OBJECTS, object, 0, 0, rc);
}

SEC("lsm/inode_unlink")
int BPF_PROG(iolsm_g_unlink, struct inode *dir, struct dentry *dentry, int ret)
{
	return !ret && is_pin(dentry) ? only_the_loader("removing a pin", -EPERM) : ret;
}

SEC("lsm/inode_rmdir")
int BPF_PROG(iolsm_g_rmdir, struct inode *dir, struct dentry *dentry, int ret)
{
	return !ret && is_pin(dentry) ? only_the_loader("removing pins", -EPERM) : ret;
}

SEC("lsm/inode_rename")
int BPF_PROG(iolsm_g_rename, struct inode *old_dir, struct dentry *old, struct inode *new_dir,
	     struct dentry *new, int ret)
{
	return !ret && (is_pin(old) || is_pin(new)) ? only_the_loader("renaming a pin", -EPERM) : ret;
}

/* Whether @mnt shows the pins, where the loader looks for them */
static __always_inline bool shows_pins(struct vfsmount *mnt)
{
	struct iolsm_own *own = own_objects();
	struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);

	return own && BPF_CORE_READ(mnt, mnt_sb, s_dev) == own->pins_dev &&
	       BPF_CORE_READ(mount, mnt_ns, ns.inum) == own->mount_ns;
}

struct mount_search {
	void *at, *end;
	bool found;
};

static long search_mounts(__u64 index, struct mount_search *search)
{
	struct mount *mount;

	if (!search->at || search->at == search->end)
		return 1;
	mount = search->at - bpf_core_field_offset(struct mount, mnt_child);
	search->at = BPF_CORE_READ(mount, mnt_child.next);
	search->found = shows_pins((void *)mount + bpf_core_field_offset(struct mount, mnt));
	return search->found;
}

/* Likewise what goes with it if it is unmounted lazily; /sys, as a rule */
static __always_inline bool carries_pins(struct vfsmount *mnt)
{
	struct mount *mount = (void *)mnt - bpf_core_field_offset(struct mount, mnt);
	struct mount_search search = { .at = BPF_CORE_READ(mount, mnt_mounts.next) };

	search.end = (void *)mount + bpf_core_field_offset(struct mount, mnt_mounts);
	bpf_loop(1024, search_mounts, &search, 0);
	return search.found;
}

SEC("lsm/sb_umount")
int BPF_PROG(iolsm_g_umount, struct vfsmount *mnt, int flags, int ret)
{
	if (ret || !(shows_pins(mnt) || (flags & MNT_DETACH && carries_pins(mnt))))
		return ret;
	return only_the_loader("unmounting the pins", -EPERM);
}

/* Mounting over them would hide them from the next loader */
static __always_inline bool would_hide(const struct path *path)
{
	return shows_pins(path->mnt) &&
	       (is_pin(path->dentry) || BPF_CORE_READ(path, dentry, d_parent) == path->dentry);
}

SEC("lsm/sb_mount")
int BPF_PROG(iolsm_g_mount, const char *name, const struct path *path, const char *type,
	     unsigned long flags, void *data, int ret)
{
	return !ret && would_hide(path) ? only_the_loader("mounting over the pins", -EPERM) : ret;
}

SEC("lsm/move_mount")
int BPF_PROG(iolsm_g_move, const struct path *from, const struct path *to, int ret)
{
	return !ret && (would_hide(from) || would_hide(to)) ?
		only_the_loader("mounting over the pins", -EPERM) : ret;
}

/*
 * "There is none" instead of a refusal, for bpftool's sake: it goes through all maps and asks for each to be
 * writable, skips what has vanished, and stops at anything else.
 */
SEC("lsm/bpf_map")
int BPF_PROG(iolsm_g_map, struct bpf_map *map, fmode_t mode, int ret)
{
	struct iolsm_own *own = own_objects();

	if (ret || !own || map->id != own->policy_map || !own->policy_map || !(mode & FMODE_WRITE))
		return ret;
	return only_the_loader("the map of the policy", -ENOENT);
}

/* sysctl kernel.ftrace_enabled, wherever /proc is mounted. No other file of a /proc has that name. */
static __always_inline bool is_switch(struct file *file)
{
	__u64 name[2] = {};

	bpf_probe_read_kernel_str(name, sizeof(name), BPF_CORE_READ(file, f_path.dentry, d_name.name));
	return name[0] == CHARS('f', 't', 'r', 'a', 'c', 'e', '_', 'e') &&
	       name[1] == CHARS('n', 'a', 'b', 'l', 'e', 'd', 0, 0);
}

SEC("lsm/file_open")
int BPF_PROG(iolsm_g_switch, struct file *file, int ret)
{
	if (ret || !(file->f_mode & FMODE_WRITE) || file->f_inode->i_sb->s_magic != PROC_SUPER_MAGIC ||
	    !is_switch(file))
		return ret;
	return only_the_loader("what stops programs", -EPERM);
}

#endif
