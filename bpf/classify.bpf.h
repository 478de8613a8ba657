/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the policy says about a request: the classification that policy_abi.h describes. Reads the
 * request, the task and one generation's tables; changes nothing.
 *
 * All scratch space is on the stack. A program here can be preempted, and another task then runs the
 * same program on the same CPU: a per-CPU buffer would mix two requests.
 */
#ifndef CLASSIFY_BPF_H
#define CLASSIFY_BPF_H

/* A search for the first clause that a request matches */
struct search {
	void *tables;
	struct iolsm_config *config;
	struct iolsm_key *key; /* lent by the caller: the stack has 512 bytes for all */
	__u64 cred;    /* address of the credentials of who is judged, whose groups count */
	/* The rows that the request selects, one chunk of each. Of what its operation has no part: the op's. */
	struct iolsm_row *row[POLICY_DIM_COUNT];
	struct iolsm_row *op;
	__u64 words;   /* bit n: word n is not 0 in any of them, and was not looked at */
	__u64 chunks;  /* bit n: chunk n is not 0 in any of the rows but GROUP's */
	__u64 left;    /* likewise with it, and was not looked at */
	__u32 ids[POLICY_DIM_COUNT]; /* of the rows */
	__u32 op_id;
	__u32 base;    /* number of the chunk's first clause */
	__u32 from;    /* clauses before this one do not count */
	__u32 found;   /* the first clause with the groups that were tried, or NONE */
	bool beyond;   /* the chunks after the first are searched */
	bool any_group; /* the process is in a group that the policy names */
	__u32 broken; /* not bool: a byte as a loop's result is more than the verifier takes */
};

#define NONE 0xffffffff

/*
 * The number of the lowest bit set in @word, which has one: how many bits are below it. Without a branch,
 * as each would double what the verifier walks through.
 */
static __always_inline __u32 first_bit(__u64 word)
{
	word = (word & -word) - 1;
	word -= (word >> 1) & 0x5555555555555555;
	word = (word & 0x3333333333333333) + ((word >> 2) & 0x3333333333333333);
	word = (word + (word >> 4)) & 0x0f0f0f0f0f0f0f0f;
	return (word * 0x0101010101010101) >> 56;
}

static __always_inline char hex_digit(__u32 value)
{
	value &= 0xf;
	return value < 10 ? '0' + value : 'a' + value - 10;
}

struct prefix_search {
	void *tables;
	struct iolsm_key *key;
	__u32 lens; /* bit n: there are prefixes of n characters */
	struct iolsm_row *row;
};

/* Shorten the text by one character, and see whether what is left is a prefix that the policy names */
static long try_prefix(__u64 i, struct prefix_search *search)
{
	struct iolsm_key *key = search->key;
	__u64 len = IOLSM_TEXT_LEN - 1 - i;

	if (i >= IOLSM_TEXT_LEN - 1)
		return 1;
	barrier_var(len); /* or clang subtracts from the pointer, which the verifier forbids */
	key->text[len & (IOLSM_TEXT_LEN - 1)] = 0;
	key->len = len;
	if (!(search->lens & (1U << len)) || !key->text[(len - 1) & (IOLSM_TEXT_LEN - 1)])
		return 0;
	search->row = bpf_map_lookup_elem(search->tables, key);
	return search->row ? 1 : 0;
}

/* @key->text is a value of dimension @key->dim. Its row, or NULL if the tables are broken. */
static __noinline struct iolsm_row *find_text(void *tables, struct iolsm_key *key, __u32 lens)
{
	struct iolsm_row *row;

	key->kind = IOLSM_KEY_EXACT;
	key->len = 0;
	row = bpf_map_lookup_elem(tables, key);
	if (row)
		return row;

	if (lens) {
		struct prefix_search search = { .tables = tables, .key = key, .lens = lens };

		key->kind = IOLSM_KEY_PREFIX;
		bpf_loop(IOLSM_TEXT_LEN - 1, try_prefix, &search, 0);
		if (search.row)
			return search.row;
	}

	key->kind = IOLSM_KEY_ANY;
	key->len = 0;
	__builtin_memset(key->text, 0, sizeof(key->text));
	return bpf_map_lookup_elem(tables, key);
}

static __noinline struct iolsm_row *find_number(void *tables, struct iolsm_key *key)
{
	struct iolsm_row *row;

	key->kind = IOLSM_KEY_EXACT;
	key->len = 0;
	row = bpf_map_lookup_elem(tables, key);
	if (row)
		return row;
	if (key->number[2]) { /* an executable: perhaps the policy does not know its generation */
		key->number[2] = 0;
		row = bpf_map_lookup_elem(tables, key);
		if (row)
			return row;
	}
	key->kind = IOLSM_KEY_ANY;
	key->number[0] = 0;
	key->number[1] = 0;
	return bpf_map_lookup_elem(tables, key);
}

/* PCI ids as text; nothing for what is no PCI device */
static __always_inline void set_id(struct iolsm_key *key, struct iommufd_lsm_request *req, bool pci)
{
	__u32 vendor = req->device.vendor, device = req->device.device;
	int i;

	clear(key, POLICY_DIM_ID);
	if (!pci)
		return;
	for (i = 0; i < 4; i++) {
		key->text[i] = hex_digit(vendor >> (12 - 4 * i));
		key->text[5 + i] = hex_digit(device >> (12 - 4 * i));
	}
	key->text[4] = ':';
}

static __always_inline void set_class(struct iolsm_key *key, struct iommufd_lsm_request *req, bool pci)
{
	__u32 class_code = req->device.class_code;
	int i;

	clear(key, POLICY_DIM_CLASS);
	if (!pci)
		return;
	for (i = 0; i < 6; i++)
		key->text[i] = hex_digit(class_code >> (20 - 4 * i));
}

#define SELECT(dimension, find) do {            \
	search->row[dimension] = (find);        \
	if (!search->row[dimension])            \
		return false;                   \
} while (0)

#define SELECT_TEXT(dimension, field) do {                                                     \
	clear(key, dimension);                                                                 \
	bpf_core_read(key->text, sizeof(key->text), &req->field);                              \
	key->text[IOLSM_TEXT_LEN - 1] = 0;                                                     \
	SELECT(dimension, find_text(tables, key, config->prefix_lens[dimension]));             \
} while (0)

/* The row of an operation, and in place of all others, which are selected after it */
static __always_inline bool select_op(struct search *search, struct iolsm_key *key, __u32 op)
{
	int i;

	clear(key, op);
	key->kind = IOLSM_KEY_OP;
	search->op = bpf_map_lookup_elem(search->tables, key);
	if (!search->op)
		return false;
	for (i = 0; i < POLICY_DIM_COUNT; i++)
		search->row[i] = search->op;
	return true;
}

/* Fill the rows of @search, but GROUP's. Return: false if the tables lack one. */
static __always_inline bool select_rows(struct search *search, struct iolsm_key *key,
					struct iommufd_lsm_request *req)
{
	struct iolsm_config *config = search->config;
	void *tables = search->tables;
	bool pci;
	char bus[4];

	bpf_core_read(bus, sizeof(bus), &req->device.bus);
	pci = bus[0] == 'p' && bus[1] == 'c' && bus[2] == 'i' && bus[3] == 0;

	if (!select_op(search, key, req->op))
		return false;

	label_key(tables, subject_label(req), key, POLICY_DIM_EXE);
	SELECT(POLICY_DIM_EXE, find_number(tables, key));
	clear(key, POLICY_DIM_UID);
	key->number[0] = req->subject.uid;
	SELECT(POLICY_DIM_UID, find_number(tables, key));

	SELECT_TEXT(POLICY_DIM_ADDRESS, device.address);
	set_id(key, req, pci);
	SELECT(POLICY_DIM_ID, find_text(tables, key, config->prefix_lens[POLICY_DIM_ID]));
	set_class(key, req, pci);
	SELECT(POLICY_DIM_CLASS, find_text(tables, key, config->prefix_lens[POLICY_DIM_CLASS]));
	SELECT_TEXT(POLICY_DIM_DRIVER, device.driver);
	SELECT_TEXT(POLICY_DIM_FROM, from.name);
	SELECT_TEXT(POLICY_DIM_TO, to.name);
	return true;
}

/* Likewise of an open file that goes from @giver to the current task, which is or becomes @to */
static __always_inline bool select_hand_over(struct search *search, struct iolsm_key *key,
					     struct iolsm_subject *giver, struct iolsm_subject *to)
{
	void *tables = search->tables;

	if (!select_op(search, key, POLICY_OP_HAND_OVER))
		return false;
	label_key(tables, &giver->label, key, POLICY_DIM_EXE);
	SELECT(POLICY_DIM_EXE, find_number(tables, key));
	clear(key, POLICY_DIM_UID);
	key->number[0] = giver->uid;
	SELECT(POLICY_DIM_UID, find_number(tables, key));

	label_key(tables, &to->label, key, POLICY_DIM_RECIPIENT_EXE);
	SELECT(POLICY_DIM_RECIPIENT_EXE, find_number(tables, key));
	clear(key, POLICY_DIM_RECIPIENT_UID);
	key->number[0] = to->uid;
	SELECT(POLICY_DIM_RECIPIENT_UID, find_number(tables, key));
	return true;
}

/* All rows but GROUP's */
#define AND_OTHERS(search, field)                                                              \
	((search)->op->field & (search)->row[POLICY_DIM_EXE]->field &                          \
	 (search)->row[POLICY_DIM_UID]->field & (search)->row[POLICY_DIM_CGROUP]->field &      \
	 (search)->row[POLICY_DIM_ADDRESS]->field & (search)->row[POLICY_DIM_ID]->field &      \
	 (search)->row[POLICY_DIM_CLASS]->field & (search)->row[POLICY_DIM_DRIVER]->field &    \
	 (search)->row[POLICY_DIM_FROM]->field & (search)->row[POLICY_DIM_TO]->field &         \
	 (search)->row[POLICY_DIM_RECIPIENT_EXE]->field &                                      \
	 (search)->row[POLICY_DIM_RECIPIENT_UID]->field)
#define AND_ROWS(search, field) \
	(AND_OTHERS(search, field) & (search)->row[POLICY_DIM_GROUP]->field)

/* bpf_loop and not a loop: the verifier walks through the body once, not for each word */
static long search_word(__u64 index, struct search *search)
{
	__u64 word, i;
	__u32 first;

	if (!search->words)
		return 1;
	i = first_bit(search->words) & (IOLSM_WORDS - 1);
	search->words &= search->words - 1;
	word = AND_ROWS(search, words[i]);
	first = search->base + i * 64;
	if (first + 64 <= search->from)
		return 0;
	if (first < search->from)
		word &= ~0ULL << ((search->from - first) & 63);
	if (!word)
		return 0;
	first += first_bit(word);
	if (first < search->found)
		search->found = first;
	return 1;
}

/* The first clause of this chunk that all rows have */
static __always_inline void search_words(struct search *search)
{
	search->words = AND_ROWS(search, in_words);
	if (search->words)
		bpf_loop(IOLSM_WORDS, search_word, search, 0);
}

/* Chunk @key->chunk of the row @id, or of the ANY row where it does not differ. NULL: broken. */
static __always_inline struct iolsm_row *find_more(void *tables, struct iolsm_key *key, __u32 id,
						   __u32 any)
{
	struct iolsm_row *row;

	key->dim = id;
	row = bpf_map_lookup_elem(tables, key);
	if (row || id == any)
		return row;
	key->dim = any;
	return bpf_map_lookup_elem(tables, key);
}

static long search_chunk(__u64 index, struct search *search)
{
	struct iolsm_key *key = search->key;
	struct iolsm_row *row;
	__u32 chunk;

	if (!search->left)
		return 1;
	chunk = first_bit(search->left);
	search->left &= search->left - 1;
	search->base = chunk * IOLSM_CHUNK_CLAUSES;
	if (search->base + IOLSM_CHUNK_CLAUSES <= search->from)
		return 0;
	if (search->base >= search->found)
		return 1;
	clear(key, 0);
	key->kind = IOLSM_KEY_MORE;
	key->chunk = chunk;
	search->broken = true;

	/* Never is a row NULL in @search: the verifier does not see that ->broken is looked at then */
	row = find_more(search->tables, key, search->op_id, search->op_id);
	if (!row)
		return 1;
	search->op = row;
#define MORE(dimension)                                                                        \
	row = find_more(search->tables, key, search->ids[dimension], IOLSM_ROW_ANY(dimension)); \
	if (!row)                                                                              \
		return 1;                                                                      \
	search->row[dimension] = row
	MORE(POLICY_DIM_EXE);
	MORE(POLICY_DIM_UID);
	MORE(POLICY_DIM_GROUP);
	MORE(POLICY_DIM_CGROUP);
	MORE(POLICY_DIM_ADDRESS);
	MORE(POLICY_DIM_ID);
	MORE(POLICY_DIM_CLASS);
	MORE(POLICY_DIM_DRIVER);
	MORE(POLICY_DIM_FROM);
	MORE(POLICY_DIM_TO);
	MORE(POLICY_DIM_RECIPIENT_EXE);
	MORE(POLICY_DIM_RECIPIENT_UID);
#undef MORE
	search->broken = false;
	search_words(search);
	return search->found < search->base + IOLSM_CHUNK_CLAUSES;
}

/* Search with a row for GROUP: the first chunk, of which all rows are there, or those beyond it */
static __always_inline void search_with(struct search *search, struct iolsm_row *group)
{
	if (!search->beyond) {
		search->row[POLICY_DIM_GROUP] = group;
		search_words(search);
		return;
	}
	search->ids[POLICY_DIM_GROUP] = group->id;
	search->left = search->chunks & group->in_chunks;
	if (search->left)
		bpf_loop(IOLSM_MAX_CHUNKS, search_chunk, search, 0);
}

/*
 * Group @index of who is judged: the effective one, then the supplementary ones. A clause asks for one
 * group, so the first clause with all of them is the first of those with each.
 */
static long search_group(__u64 index, struct search *search)
{
	const struct cred *cred = (const struct cred *)search->cred;
	struct iolsm_key *key = search->key;
	struct iolsm_row *row;
	kgid_t gid = {};

	if (!index) {
		gid.val = BPF_CORE_READ(cred, egid.val);
	} else {
		struct group_info *groups = BPF_CORE_READ(cred, group_info);

		if (index > (__u64)BPF_CORE_READ(groups, ngroups))
			return 1;
		bpf_core_read(&gid, sizeof(gid), &groups->gid[index - 1]);
	}
	clear(key, POLICY_DIM_GROUP);
	key->kind = IOLSM_KEY_EXACT;
	key->number[0] = gid.val;
	row = bpf_map_lookup_elem(search->tables, key);
	if (!row)
		return 0;
	search->any_group = true;
	search_with(search, row);
	return search->broken != 0;
}

#define MAX_GROUPS 65536 /* NGROUPS_MAX of the kernel */

/* Search with all groups of who is judged, or with none */
static __noinline void search_groups(struct search *search)
{
	struct iolsm_key *key = search->key;
	struct iolsm_row *row;

	search->any_group = false;
	if (search->config->groups)
		bpf_loop(MAX_GROUPS + 1, search_group, search, 0);
	if (search->any_group || search->broken)
		return;
	clear(key, POLICY_DIM_GROUP);
	key->kind = IOLSM_KEY_ANY;
	row = bpf_map_lookup_elem(search->tables, key);
	if (row)
		search_with(search, row);
	else
		search->broken = true;
}

/* The first clause from @from on, of all chunks. Return: NONE if there is none, or search->broken. */
static __noinline __u32 first_clause(struct search *search, __u32 from)
{
	search->from = from;
	search->found = NONE;
	/* Once that is done the first chunk's rows are gone, and it has nothing more */
	if (!search->beyond)
		search_groups(search);
	if (search->found != NONE || search->broken || !search->chunks)
		return search->found;
	search->beyond = true;
	search_groups(search);
	return search->found;
}

/* What the tables that @search found rows in say */
static __always_inline void decide(struct search *search, struct iolsm_statement *out)
{
	struct iolsm_config *config = search->config;
	struct iolsm_key *key = search->key;
	__u32 clause, *rules, first_allow = config->nr_deny + config->nr_would_deny;
	int i;

	for (i = 0; i < POLICY_DIM_COUNT; i++)
		search->ids[i] = search->row[i]->id;
	search->op_id = search->op->id;
	search->chunks = AND_OTHERS(search, in_chunks) & ~1ULL;

	for (i = 0; i < 2; i++) {
		clause = first_clause(search, i ? first_allow : 0);
		if (search->broken)
			return;
		if (clause == NONE) {
			out->said = IOLSM_SAID_NO_RULE;
			return;
		}
		if (clause >= config->nr_clauses)
			return;
		clear(key, 0);
		key->kind = IOLSM_KEY_RULES;
		key->chunk = clause / IOLSM_RULES;
		rules = bpf_map_lookup_elem(search->tables, key);
		if (!rules)
			return;
		rules += clause % IOLSM_RULES;
		if (clause < config->nr_deny || clause >= first_allow)
			break;
		/* It would deny: say so, and go on to who allows */
		out->would_deny = *rules + 1;
		rules = NULL;
	}
	if (!rules)
		return;
	out->rule = *rules;
	out->said = clause < config->nr_deny ? IOLSM_SAID_DENY : IOLSM_SAID_ALLOW;
	if (clause >= first_allow + config->nr_allow)
		out->permissive |= IOLSM_PERMISSIVE_RULE;
}

/* Look up what is in force. Return: false if there is nothing whole, and @out says so. */
static __always_inline bool begin(struct search *search, struct iolsm_key *key,
				  struct iolsm_statement *out)
{
	__builtin_memset(out, 0, sizeof(*out));
	out->said = IOLSM_SAID_BROKEN;
	__builtin_memset(search, 0, sizeof(*search));
	search->key = key;
	search->tables = tables_in_force();
	if (!search->tables)
		return false;
	clear(key, 0);
	search->config = bpf_map_lookup_elem(search->tables, key);
	if (!search->config)
		return false;
	out->generation = search->config->generation;
	out->permissive = search->config->permissive ? IOLSM_PERMISSIVE_POLICY : 0;
	return true;
}

/* What the running policy says about @req, in @out */
static __always_inline void classify(struct iommufd_lsm_request *req, struct iolsm_statement *out)
{
	struct search search;
	struct iolsm_key key;

	if (!begin(&search, &key, out))
		return;
	if (req->op == IOMMUFD_LSM_OP_device_recheck && !attacher_find(req)) {
		out->said = IOLSM_SAID_UNKNOWN;
		return;
	}
	bpf_core_read(&search.cred, sizeof(search.cred), &req->subject.cred);
	if (select_rows(&search, &key, req))
		decide(&search, out);
}

/* Likewise about an open file of ours that @giver hands to the current task, which is or becomes @to */
static __noinline void classify_hand_over(struct iolsm_subject *giver, struct iolsm_subject *to,
					  struct iolsm_statement *out)
{
	struct search search;
	struct iolsm_key key;

	if (!begin(&search, &key, out))
		return;
	search.cred = (__u64)BPF_CORE_READ(bpf_get_current_task_btf(), cred);
	if (select_hand_over(&search, &key, giver, to))
		decide(&search, out);
}

#endif
