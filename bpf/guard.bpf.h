/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the guards have in common: whether one is on, who has a right in the policy, which files are
 * guarded, and the record of what was denied. The guards themselves are in guard_files.bpf.h,
 * guard_ptrace.bpf.h and guard_objects.bpf.h.
 *
 * A guard is coarse on purpose. It keeps those out that the policy gives nothing; what exactly the others
 * may do, the hooks of the module decide.
 */
#ifndef GUARD_BPF_H
#define GUARD_BPF_H

#define EPERM 1
#define ENOENT 2

/*
 * The rows of a process, to see whether any clause that allows has both. Which operation, device or
 * address space such a clause speaks of makes no difference.
 */
struct right_search {
	void *tables;
	struct iolsm_key *key;
	__u64 chunks; /* bit n: chunk n is not 0 in both, and was not looked at */
	__u64 words;  /* bit n: likewise word n of the chunk */
	__u32 exe, uid; /* ids of the rows */
	__u32 base;   /* the first clause of the chunk */
	__u32 from;   /* the first clause that allows */
	bool found;
};

/* As and_rows(). What the tables lack gives no right. */
static __noinline __u64 and_both(struct right_search *search, __u32 at)
{
	struct iolsm_row *row;
	__u64 word;

	row = find_chunk(search->tables, search->key, search->exe, IOLSM_ROW_ANY(POLICY_DIM_EXE));
	if (!row)
		return 0;
	word = word_of(row, at);
	row = find_chunk(search->tables, search->key, search->uid, IOLSM_ROW_ANY(POLICY_DIM_UID));
	return row ? word & word_of(row, at) : 0;
}

static long search_right_word(__u64 index, struct right_search *search)
{
	__u32 i, first;
	__u64 word;

	if (!search->words)
		return 1;
	i = first_bit(search->words) & (IOLSM_WORDS - 1);
	search->words &= search->words - 1;
	first = search->base + i * 64;
	if (first + 64 <= search->from)
		return 0;
	word = and_both(search, i);
	if (first < search->from)
		word &= ~0ULL << ((search->from - first) & 63);
	search->found = word;
	return search->found;
}

static long search_right_chunk(__u64 index, struct right_search *search)
{
	struct iolsm_key *key = search->key;

	if (!search->chunks)
		return 1;
	clear(key, 0);
	key->kind = IOLSM_KEY_CHUNK;
	key->chunk = first_bit(search->chunks) & (IOLSM_MAX_CHUNKS - 1);
	search->chunks &= search->chunks - 1;
	search->base = key->chunk * IOLSM_CHUNK_CLAUSES;
	search->words = and_both(search, IOLSM_WORDS);
	bpf_loop(IOLSM_WORDS, search_right_word, search, 0);
	return search->found;
}

/* Whether the policy allows anything at all to an executable and user */
static __noinline bool has_right(struct iolsm_label *label, __u32 uid)
{
	struct iolsm_key key;
	struct right_search search = { .tables = tables_in_force(), .key = &key };
	struct iolsm_config *config;
	struct iolsm_row *row;

	if (!search.tables)
		return false;
	config = config_of(search.tables, &key);
	if (!config)
		return false;
	search.from = config->nr_deny + config->nr_would_deny;
	label_key(search.tables, label, &key, POLICY_DIM_EXE);
	row = find_number(search.tables, &key);
	if (!row)
		return false;
	search.exe = row->id;
	search.chunks = row->in_chunks;
	clear(&key, POLICY_DIM_UID);
	key.number[0] = uid;
	row = find_number(search.tables, &key);
	if (!row)
		return false;
	search.uid = row->id;
	search.chunks &= row->in_chunks;
	bpf_loop(IOLSM_MAX_CHUNKS, search_right_chunk, &search, 0);
	return search.found;
}

/* --- whether, and what becomes of it ------------------------------------------------------------------ */

/* Whether a guard is on in the policy in force */
static __noinline bool guards(__u32 guard)
{
	struct iolsm_config *config;
	struct iolsm_key key;
	void *tables = tables_in_force();

	if (!tables)
		return false;
	config = config_of(tables, &key);
	return config && config->guards & guard;
}

/*
 * Of a hand-over: who gave, and whom it is for, whom scratch memory has both. An exec becomes the second one, so the
 * current task need not be it yet.
 */
static __noinline void journal_hand_over(struct iolsm_record *record, struct iolsm_scratch *scratch, void *tables)
{
	struct iolsm_key *key = &scratch->key;

	label_key(tables, &scratch->to.label, key, POLICY_DIM_EXE);
	record->exe_dev = key->number[0];
	record->exe_ino = key->number[1];
	record->uid = scratch->to.uid;
	label_key(tables, &scratch->from.label, key, POLICY_DIM_EXE);
	record->giver_dev = key->number[0];
	record->giver_ino = key->number[1];
	record->giver_uid = scratch->from.uid;
}

/*
 * A guard says no. @object: what was to be reached, in words; @peer: the process at the other end, or 0;
 * @rule: 1 + the rule that denies, or 0: none allows.
 * Return: @rc, or 0 in a permissive policy; both are in the log.
 */
static __noinline int guard_denies(__u32 guard, const char *object, __u32 peer, __u32 rule, int rc)
{
	struct iolsm_scratch *scratch = scratch_of(bpf_get_current_task_btf());
	struct iolsm_config *config = NULL;
	struct iolsm_record *record;
	struct iolsm_key key;
	void *tables = tables_in_force();
	__u64 number = 0, generation;
	__u32 outcome;
	bool permissive;

	if (!scratch)
		return rc;
	if (tables)
		config = config_of(tables, &key);
	generation = config ? config->generation : 0;
	outcome = forgotten(scratch, config && config->permissive ? IOLSM_GRANTED : IOLSM_DENIED);
	rule = forgotten(scratch, rule);
	record = journal_begin(IOLSM_OP_GUARDS | guard, outcome, &number);
	permissive = outcome == IOLSM_GRANTED;
	if (record) {
		record->rc = permissive ? 0 : rc;
		record->granted_by = permissive ? IOLSM_RULE_PERMISSIVE : 0;
		record->generation = generation;
		record->said = rule ? IOLSM_SAID_DENY : IOLSM_SAID_NO_RULE;
		record->rule = rule ? rule - 1 : 0;
		record->permissive = permissive ? IOLSM_PERMISSIVE_POLICY : 0;
		record->peer = peer;
		if (guard == IOLSM_GUARD_HAND_OVER)
			journal_hand_over(record, scratch, tables);
		bpf_probe_read_kernel_str(record->object, sizeof(record->object), object);
		journal_end(record, number);
	}
	return permissive ? 0 : rc;
}

/* --- who ------------------------------------------------------------------------------------------------ */

static __always_inline void who_is(struct task_struct *task, struct iolsm_subject *who)
{
	struct iolsm_label *label = label_of(task);

	__builtin_memset(who, 0, sizeof(*who));
	if (label)
		who->label = *label;
	who->cgroup = BPF_CORE_READ(task, cgroups, dfl_cgrp, kn, id);
	who->uid = BPF_CORE_READ(task, cred, euid.val);
	who->gid = BPF_CORE_READ(task, cred, egid.val);
	who->tgid = BPF_CORE_READ(task, tgid);
}

/* Whether two are the same to every policy: then nothing is gained */
static __always_inline bool is_same(const struct iolsm_subject *a, const struct iolsm_subject *b)
{
	return a->label.ino && a->label.ino == b->label.ino && a->label.dev == b->label.dev &&
	       a->label.generation == b->label.generation && a->label.dir_ino == b->label.dir_ino &&
	       a->label.dir_dev == b->label.dir_dev && a->label.name == b->label.name &&
	       a->uid == b->uid && a->gid == b->gid && a->cgroup == b->cgroup;
}

/*
 * Whether the current task is the loader, run by root and by nobody else: a traced one is not. This is the
 * executable that loaded the policy first, or what stands in its place since.
 */
static __always_inline bool is_loader(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct iolsm_label *label = label_of_current();

	return label && label->flags & IOLSM_LABEL_LOADER && !current_euid() && !task->ptrace;
}

#endif
