/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Two guards. device-files: who may open /dev/iommu, /dev/vfio/devices/N and the legacy /dev/vfio/GROUP, by
 * whatever path and whatever the mode of the node says. hand-over: who may get such a file open from another
 * process, by a socket, pidfd_getfd(2) or seccomp, or keep it over an exec.
 *
 * Which device a number belongs to is looked up in the kernel's own tables at each open: modules come and go,
 * and with them the numbers. Reading those tables takes no lock; a node that comes or goes at this very moment
 * may be seen as it was or as it will be.
 */
#ifndef GUARD_FILES_BPF_H
#define GUARD_FILES_BPF_H

/*
 * Addresses of the kernel's tables of device numbers. Written by iolsm_symbols, which the loader runs before guards are
 * attached. Not for libbpf to find: it reads /proc/kallsyms, where all addresses are 0 if kptr_restrict says so.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct iolsm_symbols);
} iolsm_symbol SEC(".maps");

#define CHRDEV_BUCKETS 255 /* fs/char_dev.c */
#define MISC_MAJOR 10
#define S_IFMT 00170000
#define S_IFCHR 0020000

enum node_kind { NODE_NONE, NODE_IOMMU, NODE_DEVICE, NODE_GROUP };

/* Who opened what is open. Written by the programs below; whoever drops out of it is nobody. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct iolsm_subject);
} iolsm_opener SEC(".maps");

struct node_search {
	void *at;    /* the next entry to look at */
	void *end;   /* of misc_list: where it ends */
	__u32 major, minor;
	enum node_kind node;
};

#define CHARS(a, b, c, d, e, f, g, h)                                                            \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | (__u64)(e) << 32 |  \
	 (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

static long search_chrdev(__u64 index, struct node_search *search)
{
	struct char_device_struct *entry = search->at;
	__u64 name[3] = {};
	__u32 base;

	if (!entry)
		return 1;
	search->at = BPF_CORE_READ(entry, next);
	base = BPF_CORE_READ(entry, baseminor);
	if (BPF_CORE_READ(entry, major) != search->major || search->minor < base ||
	    search->minor - base >= (__u32)BPF_CORE_READ(entry, minorct))
		return 0;
	bpf_probe_read_kernel_str(name, sizeof(name), entry->name);
	if (name[0] == CHARS('v', 'f', 'i', 'o', 0, 0, 0, 0))
		search->node = NODE_GROUP;
	else if (name[0] == CHARS('v', 'f', 'i', 'o', '-', 'd', 'e', 'v') && !(name[1] & 0xff))
		search->node = NODE_DEVICE;
	else if (name[0] == CHARS('i', 'o', 'm', 'm', 'u', 'f', 'd', '-') &&
		 name[1] == CHARS('v', 'f', 'i', 'o', '-', 'p', 'c', 'i') && !(name[2] & 0xff))
		search->node = NODE_DEVICE;
	return 1;
}

static long search_misc(__u64 index, struct node_search *search)
{
	struct miscdevice *misc;
	__u64 name = 0;

	if (!search->at || search->at == search->end)
		return 1;
	misc = search->at - bpf_core_field_offset(struct miscdevice, list);
	search->at = BPF_CORE_READ(misc, list.next);
	if ((__u32)BPF_CORE_READ(misc, minor) != search->minor)
		return 0;
	bpf_probe_read_kernel_str(&name, sizeof(name), BPF_CORE_READ(misc, name));
	if (name == CHARS('i', 'o', 'm', 'm', 'u', 0, 0, 0))
		search->node = NODE_IOMMU;
	return 1;
}

static __always_inline bool is_symbol(const char *name, __u64 first, __u64 second)
{
	__u64 words[2] = {};

	bpf_probe_read_kernel_str(words, sizeof(words), name);
	return words[0] == first && words[1] == second;
}

/* Look at each symbol of the kernel. One character is written for each that is found, for the loader to see. */
SEC("iter/ksym")
int iolsm_symbols(struct bpf_iter__ksym *ctx)
{
	struct kallsym_iter *symbol = ctx->ksym;
	struct iolsm_symbols *symbols;
	__u32 slot = 0;

	if (!symbol || symbol->module_name[0])
		return 0;
	symbols = bpf_map_lookup_elem(&iolsm_symbol, &slot);
	if (!symbols)
		return 0;
	if (is_symbol(symbol->name, CHARS('c', 'h', 'r', 'd', 'e', 'v', 's', 0), 0)) {
		symbols->chrdevs = symbol->value;
		bpf_seq_write(ctx->meta->seq, "c", 1);
	} else if (is_symbol(symbol->name, CHARS('m', 'i', 's', 'c', '_', 'l', 'i', 's'), 't')) {
		symbols->misc_list = symbol->value;
		bpf_seq_write(ctx->meta->seq, "m", 1);
	}
	return 0;
}

/* What a device number stands for now */
static __noinline enum node_kind node_of(__u32 rdev)
{
	struct node_search search = { .major = rdev >> 20, .minor = rdev & 0xfffff };
	struct iolsm_symbols *symbols;
	__u32 slot = 0;

	symbols = bpf_map_lookup_elem(&iolsm_symbol, &slot);
	if (!symbols)
		return NODE_NONE;
	search.node = NODE_NONE + UNKNOWN_ZERO(symbols);
	if (search.major == MISC_MAJOR) {
		search.end = (void *)symbols->misc_list;
		bpf_probe_read_kernel(&search.at, sizeof(search.at), search.end);
		bpf_loop(1024, search_misc, &search, 0);
	} else {
		bpf_probe_read_kernel(&search.at, sizeof(search.at), (void *)symbols->chrdevs +
				      search.major % CHRDEV_BUCKETS * sizeof(void *));
		bpf_loop(1024, search_chrdev, &search, 0);
	}
	return search.node + UNKNOWN_ZERO(symbols);
}

static __always_inline enum node_kind node_of_file(struct file *file)
{
	struct inode *inode = BPF_CORE_READ(file, f_inode);

	if ((BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFCHR)
		return NODE_NONE;
	return node_of(BPF_CORE_READ(inode, i_rdev));
}

static __always_inline const char *node_name(enum node_kind node)
{
	return node == NODE_IOMMU ? "/dev/iommu" : node == NODE_GROUP ? "a VFIO group" : "a device";
}

SEC("lsm/file_open")
int BPF_PROG(iolsm_g_open, struct file *file, int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	__u64 address = (__u64)file;
	struct iolsm_scratch *scratch;
	struct iolsm_subject who;
	enum node_kind node;

	if (ret)
		return ret;
	node = node_of_file(file);
	if (node == NODE_NONE)
		return 0;
	scratch = scratch_of(task);
	if (!scratch)
		return -ENOMEM;
	node = forgotten(scratch, node);
	who_is(task, &who);
	if (guards(IOLSM_GUARD_DEVICE_FILES) && !has_right(&who.label, who.uid)) {
		ret = guard_denies(IOLSM_GUARD_DEVICE_FILES, node_name(node), 0, 0, -EACCES);
		if (ret)
			return ret;
	}
	bpf_map_update_elem(&iolsm_opener, &address, &who, BPF_ANY);
	return 0;
}

/* The address may be another file's next */
SEC("lsm/file_release")
int BPF_PROG(iolsm_g_close, struct file *file)
{
	__u64 address = (__u64)file;

	if ((file->f_inode->i_mode & S_IFMT) == S_IFCHR)
		bpf_map_delete_elem(&iolsm_opener, &address);
	return 0;
}

/* Who opened a file; nobody known if that was before there was this program */
static __always_inline void opener_of(struct file *file, struct iolsm_subject *who)
{
	__u64 address = (__u64)file;
	struct iolsm_subject *known = bpf_map_lookup_elem(&iolsm_opener, &address);

	if (known)
		*who = *known;
	else
		__builtin_memset(who, 0, sizeof(*who));
}

/* Whether a rule says that @from may give @to a file. Return: 0, or an errno, and it is in the log. */
static __always_inline int may_give(struct iolsm_subject *from, struct iolsm_subject *to,
				    enum node_kind node)
{
	struct iolsm_statement said;

	classify_hand_over(from, to, &said);
	if (said.said == IOLSM_SAID_ALLOW)
		return 0;
	return guard_denies(IOLSM_GUARD_HAND_OVER, node_name(node), from->tgid,
			    said.said == IOLSM_SAID_DENY ? said.rule + 1 : 0, -EACCES);
}

/* From whom it comes is not told; but who opened it is known, and is asked about */
SEC("lsm/file_receive")
int BPF_PROG(iolsm_g_receive, struct file *file, int ret)
{
	struct iolsm_scratch *scratch;
	enum node_kind node;

	if (ret)
		return ret;
	node = node_of_file(file);
	if (node == NODE_NONE || !guards(IOLSM_GUARD_HAND_OVER))
		return 0;
	scratch = scratch_of(bpf_get_current_task_btf());
	if (!scratch)
		return -ENOMEM;
	node = forgotten(scratch, node);
	who_is(bpf_get_current_task_btf(), &scratch->to);
	opener_of(file, &scratch->from);
	return is_same(&scratch->from, &scratch->to) ? 0 : may_give(&scratch->from, &scratch->to, node);
}

/* --- over an exec ------------------------------------------------------------------------------------ */

/* The files that a task keeps when it executes something: the first that is guarded and not its own */
struct fd_search {
	struct fdtable *table;
	struct iolsm_subject *to;
	__u64 left; /* bit n: file n of this word is kept, and was not looked at */
	__u32 word;
	enum node_kind node;
};

static long search_fd(__u64 index, struct fd_search *search)
{
	struct fdtable *table = search->table;
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;
	struct iolsm_subject *opener;
	enum node_kind node;
	__u64 address;
	__u32 fd;

	if (!search->left)
		return 1;
	fd = search->word * 64 + first_bit(search->left);
	search->left &= search->left - 1;
	bpf_probe_read_kernel(&file, sizeof(file), files + fd);
	if (!file)
		return 0;
	node = node_of_file(file);
	if (node == NODE_NONE)
		return 0;
	address = (__u64)file;
	opener = bpf_map_lookup_elem(&iolsm_opener, &address);
	if (opener && is_same(opener, search->to))
		return 0;
	search->node = node;
	return 1;
}

static long search_fd_word(__u64 index, struct fd_search *search)
{
	unsigned long open = 0, closing = 0;
	struct fdtable *table = search->table;

	bpf_probe_read_kernel(&open, sizeof(open), BPF_CORE_READ(table, open_fds) + index);
	bpf_probe_read_kernel(&closing, sizeof(closing), BPF_CORE_READ(table, close_on_exec) + index);
	search->left = open & ~closing;
	search->word = index;
	if (search->left)
		bpf_loop(64, search_fd, search, 0);
	return search->node != NODE_NONE;
}

/* What the current task keeps open over an exec that makes it @to, and @to did not open */
static __noinline enum node_kind kept_node(struct iolsm_subject *to)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct fdtable *table = BPF_CORE_READ(task, files, fdt);
	struct fd_search search = { .table = table, .to = to, .node = NODE_NONE };

	if (table)
		bpf_loop(BPF_CORE_READ(table, max_fds) / 64, search_fd_word, &search, 0);
	return search.node;
}

#endif
