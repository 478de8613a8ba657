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

/* Every generation's map has this shape, the number of entries is its own */
struct iolsm_generation {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(map_flags, BPF_F_RDONLY_PROG);
	__uint(key_size, sizeof(struct iolsm_key)); /* clang keeps no types of an inner map */
	__uint(value_size, sizeof(union iolsm_value));
};

/* Written by the loader: slot 0 is the running policy */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 1);
	__type(key, __u32);
	__array(values, struct iolsm_generation);
} iolsm_policy SEC(".maps");

/* The rows that a request selects, one chunk of each */
struct rows {
	struct iolsm_row *row[POLICY_DIM_COUNT];
	struct iolsm_row *op;
	__u64 left;  /* bit n: word n is not 0 in any of them, and was not looked at */
	__u32 found; /* the first clause of this chunk that all have, or NONE */
};

/* The rows again, for the chunks after the first */
struct more {
	void *tables;
	struct iolsm_key *key; /* lent by the caller: the stack has 512 bytes for all */
	__u64 left; /* bit n: chunk n is not 0 in any of them, and was not looked at */
	__u32 ids[POLICY_DIM_COUNT];
	__u32 op;
	__u32 found; /* a clause, or NONE */
	bool broken;
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

static __always_inline void clear(struct iolsm_key *key, __u32 dim)
{
	__builtin_memset(key, 0, sizeof(*key));
	key->dim = dim;
}

static __always_inline void set_exe(struct iolsm_key *key, struct iommufd_lsm_request *req)
{
	struct iolsm_label *label;

	clear(key, POLICY_DIM_EXE);
	label = subject_label(req);
	if (label) {
		key->number[0] = label->dev;
		key->number[1] = label->ino;
		key->number[2] = label->generation;
	}
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

#define TEXT_ROW(dimension, field) ({                                                     \
	clear(&key, dimension);                                                           \
	bpf_core_read(key.text, sizeof(key.text), &req->field);                           \
	key.text[IOLSM_TEXT_LEN - 1] = 0;                                                 \
	find_text(tables, &key, config->prefix_lens[dimension]);                          \
})

/* Fill @rows. Return: false if the tables lack one. */
static __always_inline bool select_rows(void *tables, struct iolsm_config *config,
					struct iommufd_lsm_request *req, struct rows *rows)
{
	struct iolsm_key key;
	bool pci;
	char bus[4];

	bpf_core_read(bus, sizeof(bus), &req->device.bus);
	pci = bus[0] == 'p' && bus[1] == 'c' && bus[2] == 'i' && bus[3] == 0;

	clear(&key, req->op);
	key.kind = IOLSM_KEY_OP;
	rows->op = bpf_map_lookup_elem(tables, &key);
	if (!rows->op)
		return false;

	set_exe(&key, req);
	rows->row[POLICY_DIM_EXE] = find_number(tables, &key);
	if (!rows->row[POLICY_DIM_EXE])
		return false;

	clear(&key, POLICY_DIM_UID);
	key.number[0] = req->subject.uid;
	rows->row[POLICY_DIM_UID] = find_number(tables, &key);
	if (!rows->row[POLICY_DIM_UID])
		return false;

	rows->row[POLICY_DIM_ADDRESS] = TEXT_ROW(POLICY_DIM_ADDRESS, device.address);
	if (!rows->row[POLICY_DIM_ADDRESS])
		return false;

	set_id(&key, req, pci);
	rows->row[POLICY_DIM_ID] = find_text(tables, &key, config->prefix_lens[POLICY_DIM_ID]);
	if (!rows->row[POLICY_DIM_ID])
		return false;

	set_class(&key, req, pci);
	rows->row[POLICY_DIM_CLASS] = find_text(tables, &key, config->prefix_lens[POLICY_DIM_CLASS]);
	if (!rows->row[POLICY_DIM_CLASS])
		return false;

	rows->row[POLICY_DIM_DRIVER] = TEXT_ROW(POLICY_DIM_DRIVER, device.driver);
	if (!rows->row[POLICY_DIM_DRIVER])
		return false;

	rows->row[POLICY_DIM_FROM] = TEXT_ROW(POLICY_DIM_FROM, from.name);
	if (!rows->row[POLICY_DIM_FROM])
		return false;

	rows->row[POLICY_DIM_TO] = TEXT_ROW(POLICY_DIM_TO, to.name);
	return rows->row[POLICY_DIM_TO];
}

#define AND_ROWS(rows, field)                                                                  \
	((rows)->op->field & (rows)->row[POLICY_DIM_EXE]->field &                              \
	 (rows)->row[POLICY_DIM_UID]->field & (rows)->row[POLICY_DIM_ADDRESS]->field &         \
	 (rows)->row[POLICY_DIM_ID]->field & (rows)->row[POLICY_DIM_CLASS]->field &            \
	 (rows)->row[POLICY_DIM_DRIVER]->field & (rows)->row[POLICY_DIM_FROM]->field &         \
	 (rows)->row[POLICY_DIM_TO]->field)

/* bpf_loop and not a loop: the verifier walks through the body once, not for each word */
static long search_word(__u64 index, struct rows *rows)
{
	__u64 word, i;

	if (!rows->left)
		return 1;
	i = first_bit(rows->left) & (IOLSM_WORDS - 1);
	rows->left &= rows->left - 1;
	word = AND_ROWS(rows, words[i]);
	if (!word)
		return 0;
	rows->found = i * 64 + first_bit(word);
	return 1;
}

/* The first clause of this chunk that all rows have, or NONE */
static __always_inline __u32 first_clause(struct rows *rows)
{
	rows->found = NONE;
	rows->left = AND_ROWS(rows, in_words);
	if (rows->left)
		bpf_loop(IOLSM_WORDS, search_word, rows, 0);
	return rows->found;
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

static long search_more(__u64 index, struct more *more)
{
	struct iolsm_key *key = more->key;
	struct rows rows;
	__u32 found;

	if (!more->left)
		return 1;
	clear(key, 0);
	key->kind = IOLSM_KEY_MORE;
	key->chunk = first_bit(more->left);
	more->left &= more->left - 1;
	more->broken = true;

	rows.op = find_more(more->tables, key, more->op, more->op);
	if (!rows.op)
		return 1;
#define MORE(dimension)                                                                        \
	rows.row[dimension] = find_more(more->tables, key, more->ids[dimension],              \
					IOLSM_ROW_ANY(dimension));                             \
	if (!rows.row[dimension])                                                              \
		return 1
	MORE(POLICY_DIM_EXE);
	MORE(POLICY_DIM_UID);
	MORE(POLICY_DIM_ADDRESS);
	MORE(POLICY_DIM_ID);
	MORE(POLICY_DIM_CLASS);
	MORE(POLICY_DIM_DRIVER);
	MORE(POLICY_DIM_FROM);
	MORE(POLICY_DIM_TO);
#undef MORE
	more->broken = false;

	found = first_clause(&rows);
	if (found == NONE)
		return 0;
	more->found = found + key->chunk * IOLSM_CHUNK_CLAUSES;
	return 1;
}

/* Search the chunks after the first. Apart, so that its stack is not that of classify(). */
static __noinline __u32 first_clause_beyond(struct more *more)
{
	bpf_loop(IOLSM_MAX_CHUNKS, search_more, more, 0);
	return more->broken ? NONE - 1 : more->found;
}

/* What the running policy says about @req, in @out */
static __always_inline void classify(struct iommufd_lsm_request *req, struct iolsm_statement *out)
{
	struct iolsm_config *config;
	struct iolsm_key key;
	struct rows rows;
	__u32 slot = 0, clause, *rules;
	__u64 more_chunks;
	void *tables;

	out->generation = 0;
	out->said = IOLSM_SAID_BROKEN;
	out->rule = 0;
	out->permissive = 0;
	out->pad = 0;

	tables = bpf_map_lookup_elem(&iolsm_policy, &slot);
	if (!tables)
		return;
	clear(&key, 0);
	config = bpf_map_lookup_elem(tables, &key);
	if (!config)
		return;
	out->generation = config->generation;
	out->permissive = config->permissive;

	if (req->op == IOMMUFD_LSM_OP_device_recheck && !attacher_find(req)) {
		out->said = IOLSM_SAID_UNKNOWN;
		return;
	}
	if (!select_rows(tables, config, req, &rows))
		return;
	clause = first_clause(&rows);
	more_chunks = AND_ROWS(&rows, in_chunks) & ~1ULL;
	if (clause == NONE && more_chunks) {
		struct more more = {
			.tables = tables,
			.key = &key,
			.left = more_chunks,
			.op = rows.op->id,
			.found = NONE,
		};
		int i;

		for (i = 0; i < POLICY_DIM_COUNT; i++)
			more.ids[i] = rows.row[i]->id;
		clause = first_clause_beyond(&more);
	}
	if (clause == NONE) {
		out->said = IOLSM_SAID_NO_RULE;
		return;
	}
	if (clause >= config->nr_clauses)
		return;

	clear(&key, 0);
	key.kind = IOLSM_KEY_RULES;
	key.chunk = clause / IOLSM_RULES;
	rules = bpf_map_lookup_elem(tables, &key);
	if (!rules)
		return;
	out->rule = rules[clause % IOLSM_RULES];
	out->said = clause < config->nr_deny ? IOLSM_SAID_DENY : IOLSM_SAID_ALLOW;
}

#endif
