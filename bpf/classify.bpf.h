/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the policy says about a request: the classification that policy_abi.h describes. Reads the
 * request, the task and one generation's tables; changes nothing.
 *
 * What is searched with is on the stack, where the verifier knows it as pointers; the rest is the task's
 * scratch memory.
 */
#ifndef CLASSIFY_BPF_H
#define CLASSIFY_BPF_H

/*
 * A search for the first clause that a request matches. Rows are looked up whenever they are read: what the
 * verifier would follow through the loops is then numbers alone, and it walks through each once.
 */
struct search {
	void *tables;
	struct iolsm_config *config;
	struct iolsm_key *key; /* the first of struct iolsm_scratch */
	__u32 *ids;    /* of the rows that the request selects. Of what its operation has no part: the op's. */
	__u64 cred;    /* address of the credentials of who is judged, whose groups count */
	__u64 chunks;  /* bit n: chunk n is not 0 in any of the rows but GROUP's */
	__u64 left;    /* likewise with it, and was not looked at */
	__u64 words;   /* bit n: word n of the chunk is not 0 in any of them, and was not looked at */
	__u32 base;    /* number of the chunk's first clause */
	__u32 from;    /* clauses before this one do not count */
	__u32 found;   /* the first clause with the groups that were tried, or NONE */
	__u32 would_deny; /* the first that is on probation and would deny, or NONE */
	__u32 group;   /* the next that is tried, as group_of() counts them */
	__u32 last_group; /* none is left to try */
	__u32 any_group; /* the process is in a group that the policy names */
	__u32 done;
	__u32 broken;
};

#define NONE 0xffffffff

/*
 * What changes in a loop begins as this plus its value. With a constant the verifier would walk through the loop
 * for each value that follows; and with one unknown value for all, for each combination of those that still are
 * the same. So it is read anew each time.
 */
#define UNKNOWN_ZERO(value) (*(volatile __u64 *)&(value)->zero)

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

/* Where the automaton is that reads a value */
struct walk {
	void *tables;
	struct iolsm_key *key;
	__u32 state;
	__u32 broken;
	__u32 done;
	/* One of them */
	const char *text; /* IOLSM_TEXT_LEN bytes */
	struct {
		struct cgroup *cgroup;
		const char *name; /* what is left of the level's, NULL: its '/' comes first */
		__u32 level, last;
	} path;
};

/* Return: whether there is nothing more to read */
static __always_inline bool take_byte(struct walk *walk, unsigned char byte)
{
	struct iolsm_key *key = walk->key;
	union iolsm_value *value;

	key->number[0] = walk->state;
	value = bpf_map_lookup_elem(walk->tables, key);
	if (!value) {
		walk->broken = true;
		return true;
	}
	walk->state = value->step.next[byte];
	if (walk->state == IOLSM_STATE_DEAD || value->step.stays)
		walk->done = true;
	return walk->done;
}

static long walk_text(__u64 i, struct walk *walk)
{
	unsigned char byte = walk->text[i & (IOLSM_TEXT_LEN - 1)];

	if (!byte)
		return 1;
	if (take_byte(walk, byte))
		return 1;
	return 0;
}

/* A byte of the path, from the hierarchy's root down. Names of cgroups never change. */
static long walk_path(__u64 i, struct walk *walk)
{
	struct cgroup *task_cgroup = walk->path.cgroup, *cgroup;
	__u32 level = walk->path.level;
	unsigned char byte = '/';

	if (!walk->path.name) {
		bpf_core_read(&cgroup, sizeof(cgroup), &task_cgroup->ancestors[level]);
		walk->path.name = BPF_CORE_READ(cgroup, kn, name);
		if (!walk->path.name) {
			walk->broken = true;
			return 1;
		}
	} else {
		bpf_probe_read_kernel(&byte, sizeof(byte), walk->path.name);
		walk->path.name++;
	}
	if (!byte && level == walk->path.last) {
		walk->done = true;
		return 1;
	}
	if (!byte) {
		walk->path.level++;
		walk->path.name = NULL;
		return 0;
	}
	if (take_byte(walk, byte))
		return 1;
	return 0;
}

/* The row at the end of a walk */
static __always_inline struct iolsm_row *walk_end(struct walk *walk, __u32 dim)
{
	struct iolsm_key *key = walk->key;
	struct iolsm_row *row;

	if (walk->broken)
		return NULL;
	clear(key, dim);
	key->kind = IOLSM_KEY_EXACT;
	key->number[0] = walk->state;
	row = bpf_map_lookup_elem(walk->tables, key);
	if (row)
		return row;
	key->kind = IOLSM_KEY_ANY;
	key->number[0] = 0;
	return bpf_map_lookup_elem(walk->tables, key);
}

static __noinline struct iolsm_row *find_by_automaton(void *tables, struct iolsm_config *config,
						      struct iolsm_key *key)
{
	struct iolsm_scratch *scratch = (struct iolsm_scratch *)key;
	struct walk walk = {
		.tables = tables, .key = key, .text = scratch->text,
		.state = IOLSM_STATE_START + UNKNOWN_ZERO(config), .broken = UNKNOWN_ZERO(config), .done = UNKNOWN_ZERO(config),
	};
	__u32 dim = key->dim;

	__builtin_memcpy(scratch->text, key->text, sizeof(scratch->text));
	clear(key, dim);
	key->kind = IOLSM_KEY_STATE;
	bpf_loop(IOLSM_TEXT_LEN, walk_text, &walk, 0);
	return walk_end(&walk, dim);
}

/*
 * The row of a cgroup of the unified hierarchy, by its path as the root of that hierarchy sees it. Read anew
 * each time: it matters where the process is, not when the cgroup was made.
 */
static __noinline struct iolsm_row *find_cgroup(void *tables, struct iolsm_config *config,
						struct iolsm_key *key, struct cgroup *cgroup)
{
	struct walk walk = {
		.tables = tables, .key = key,
		.state = IOLSM_STATE_START + UNKNOWN_ZERO(config), .broken = UNKNOWN_ZERO(config),
		.done = UNKNOWN_ZERO(config), .path.name = (const char *)UNKNOWN_ZERO(config),
		.path.level = 1 + UNKNOWN_ZERO(config),
		.path.cgroup = cgroup,
	};

	clear(key, POLICY_DIM_CGROUP);
	if (!(config->automata & 1U << POLICY_DIM_CGROUP)) {
		key->kind = IOLSM_KEY_ANY;
		return bpf_map_lookup_elem(tables, key);
	}
	key->kind = IOLSM_KEY_STATE;
	if (!cgroup)
		return NULL;
	walk.path.last = BPF_CORE_READ(cgroup, level);
	if (!walk.path.last) {
		take_byte(&walk, '/');
		walk.done = true;
	} else {
		bpf_loop(IOLSM_MAX_PATH, walk_path, &walk, 0);
	}
	return walk.done ? walk_end(&walk, POLICY_DIM_CGROUP) : NULL;
}

/* @key->text is a value of dimension @key->dim. Its row, or NULL if the tables are broken. */
static __noinline struct iolsm_row *find_text(void *tables, struct iolsm_key *key,
					      struct iolsm_config *config)
{
	__u32 dim = key->dim, lens;
	struct iolsm_row *row;

	if (dim >= POLICY_DIM_COUNT)
		return NULL;
	if (config->automata & 1U << dim)
		return find_by_automaton(tables, config, key);
	lens = config->prefix_lens[dim];
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

/* PCI ids as the text of an empty key; nothing for what is no PCI device */
static __always_inline void set_id(struct iolsm_key *key, struct iommufd_lsm_request *req, bool pci)
{
	__u32 vendor = req->device.vendor, device = req->device.device;
	int i;

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

	if (!pci)
		return;
	for (i = 0; i < 6; i++)
		key->text[i] = hex_digit(class_code >> (20 - 4 * i));
}

/* Take the row of a dimension. Return: false if there is none. */
static __always_inline bool take_row(struct search *search, __u32 dim, struct iolsm_row *row)
{
	if (!row || dim >= POLICY_DIM_COUNT)
		return false;
	search->ids[dim] = row->id;
	search->chunks &= row->in_chunks;
	return true;
}

#define SELECT(dimension, find) do {                       \
	if (!take_row(search, dimension, find))            \
		return false;                              \
} while (0)

/* The row of an operation, and in place of all others, which are selected after it */
static __always_inline bool select_op(struct search *search, struct iolsm_key *key, __u32 op)
{
	struct iolsm_row *row;
	int i;

	clear(key, op);
	key->kind = IOLSM_KEY_OP;
	row = bpf_map_lookup_elem(search->tables, key);
	if (!row)
		return false;
	for (i = 0; i < IOLSM_IDS; i++)
		search->ids[i] = row->id;
	search->chunks = row->in_chunks;
	return true;
}

/* For the loop over the texts of a request */
struct texts {
	struct search *search;
	struct iommufd_lsm_request *req;
	bool pci;
	bool broken;
};

#define READ_TEXT(field) bpf_core_read(key->text, sizeof(key->text), &req->field)

/* One text of the request, and its row. A loop, so that the verifier sees find_text() once, not for each. */
static long select_text(__u64 i, struct texts *texts)
{
	struct iommufd_lsm_request *req = texts->req;
	struct search *search = texts->search;
	struct iolsm_key *key = search->key;
	__u32 dim = POLICY_DIM_ADDRESS + i;
	struct iolsm_row *row;

	clear(key, dim);
	switch (dim) {
	case POLICY_DIM_ADDRESS:
		READ_TEXT(device.address);
		break;
	case POLICY_DIM_ID:
		set_id(key, req, texts->pci);
		break;
	case POLICY_DIM_CLASS:
		set_class(key, req, texts->pci);
		break;
	case POLICY_DIM_DRIVER:
		READ_TEXT(device.driver);
		break;
	case POLICY_DIM_FROM:
		READ_TEXT(from.name);
		break;
	case POLICY_DIM_TO:
		READ_TEXT(to.name);
		break;
	}
	key->text[IOLSM_TEXT_LEN - 1] = 0;
	row = find_text(search->tables, key, search->config);
	if (take_row(search, dim, row))
		return 0;
	texts->broken = true;
	return 1;
}

/* Fill the rows of @search, but GROUP's. Return: false if the tables lack one. */
static __always_inline bool select_rows(struct search *search, struct iolsm_key *key,
					struct iommufd_lsm_request *req)
{
	struct texts texts = { .search = search, .req = req };
	void *tables = search->tables;
	struct cgroup *cgroup;
	char bus[4];

	bpf_core_read(bus, sizeof(bus), &req->device.bus);
	texts.pci = bus[0] == 'p' && bus[1] == 'c' && bus[2] == 'i' && bus[3] == 0;

	if (!select_op(search, key, req->op))
		return false;

	label_key(tables, subject_label(req), key, POLICY_DIM_EXE);
	SELECT(POLICY_DIM_EXE, find_number(tables, key));
	clear(key, POLICY_DIM_UID);
	key->number[0] = req->subject.uid;
	SELECT(POLICY_DIM_UID, find_number(tables, key));
	bpf_core_read(&cgroup, sizeof(cgroup), &req->subject.cgroup);
	SELECT(POLICY_DIM_CGROUP, find_cgroup(tables, search->config, key, cgroup));
	bpf_loop(POLICY_DIM_TO - POLICY_DIM_ADDRESS + 1, select_text, &texts, 0);
	return !texts.broken;
}

/* Likewise of an open file that goes from @giver to the current task, which is or becomes @to */
static __always_inline bool select_hand_over(struct search *search, struct iolsm_key *key,
					     struct iolsm_subject *giver, struct iolsm_subject *to)
{
	void *tables = search->tables;
	struct cgroup *cgroup;

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
	cgroup = BPF_CORE_READ(bpf_get_current_task_btf(), cgroups, dfl_cgrp);
	SELECT(POLICY_DIM_CGROUP, find_cgroup(tables, search->config, key, cgroup));
	return true;
}

/* Chunk @key->chunk of the row @id, or of the ANY row where it does not differ. NULL: broken. */
static __always_inline struct iolsm_row *find_chunk(void *tables, struct iolsm_key *key, __u32 id,
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

/* Word @at of the chunk that the key speaks of, of a row. IOLSM_WORDS: which of its words are not 0. */
static __always_inline __u64 word_of(struct iolsm_row *row, __u32 at)
{
	__u64 *words = (__u64 *)row;

	_Static_assert(__builtin_offsetof(struct iolsm_row, in_words) == IOLSM_WORDS * sizeof(__u64),
		       "it is behind the words");
	return at <= IOLSM_WORDS ? words[at] : 0;
}

/* For the loop over the rows of a search */
struct all_rows {
	struct search *search;
	__u64 word; /* the AND so far */
	__u32 at;
};

static long and_row(__u64 i, struct all_rows *all)
{
	struct search *search = all->search;
	struct iolsm_row *row;
	__u32 id;

	if (i >= IOLSM_IDS)
		return 1;
	id = search->ids[i];
	row = find_chunk(search->tables, search->key, id, i < POLICY_DIM_COUNT ? IOLSM_ROW_ANY(i) : id);
	if (!row) {
		search->broken = 1;
		return 1;
	}
	all->word &= word_of(row, all->at);
	return 0;
}

/* The AND of that of all rows. A loop of the kernel's, which the verifier walks through once. */
static __noinline __u64 and_rows(struct search *search, __u32 at)
{
	struct all_rows all = { .search = search, .word = ~UNKNOWN_ZERO(search->config), .at = at };

	bpf_loop(IOLSM_IDS, and_row, &all, 0);
	return search->broken ? 0 : all.word;
}

/* Group @index of somebody: the effective one, then the supplementary ones. Return: false if there is none. */
static __always_inline bool group_of(const struct cred *cred, __u32 index, __u32 *gid)
{
	struct group_info *groups;

	if (!index) {
		*gid = BPF_CORE_READ(cred, egid.val);
		return true;
	}
	groups = BPF_CORE_READ(cred, group_info);
	if (index > (__u32)BPF_CORE_READ(groups, ngroups))
		return false;
	bpf_core_read(gid, sizeof(*gid), &groups->gid[index - 1]);
	return true;
}

/*
 * Go on with the next group of who is judged, and after the last with none, should the policy name none of them.
 * A clause asks for one group, so the first clause with all of them is the first of those with each.
 * Return: false: there was no other.
 */
static __always_inline bool next_group(struct search *search)
{
	struct iolsm_key *key = search->key;
	struct iolsm_row *row;
	__u32 gid = 0;
	bool none;

	if (search->last_group)
		return false;
	none = !search->config->groups ||
	       !group_of((const struct cred *)search->cred, search->group, &gid);
	search->group++;
	search->last_group = none;
	if (none && search->any_group)
		return false;
	clear(key, POLICY_DIM_GROUP);
	key->kind = none ? IOLSM_KEY_ANY : IOLSM_KEY_EXACT;
	key->number[0] = none ? 0 : gid;
	row = bpf_map_lookup_elem(search->tables, key);
	if (row) {
		search->any_group = 1;
		search->ids[POLICY_DIM_GROUP] = row->id;
		search->left = search->chunks & row->in_chunks;
	} else if (none) {
		search->broken = 1;
	}
	return true;
}

/*
 * All groups were tried. A clause on probation that would deny does not decide: it is said, and the search goes
 * on among who allows. Return: true: this was the end.
 */
static __always_inline bool pass_ended(struct search *search)
{
	struct iolsm_config *config = search->config;
	__u32 first_allow = config->nr_deny + config->nr_would_deny;

	if (search->found == NONE || search->found < config->nr_deny || search->found >= first_allow)
		return true;
	search->would_deny = search->found;
	search->from = first_allow;
	search->found = NONE;
	search->group = 0;
	search->last_group = 0;
	search->any_group = 0;
	return false;
}

/*
 * A step of the search: the next word, or else the next chunk, or else the next group. One loop and one body for
 * all, so that the verifier walks through it once. Return: 1 at the end.
 */
static long search_step(__u64 index, struct search *search)
{
	struct iolsm_key *key = search->key;
	__u32 at = IOLSM_WORDS, first;
	__u64 word;

	if (!search->words && !search->left) {
		search->done = !next_group(search) && pass_ended(search);
		return search->done || search->broken;
	}
	if (search->words) {
		at = first_bit(search->words) & (IOLSM_WORDS - 1);
		search->words &= search->words - 1;
	} else {
		__u32 chunk = first_bit(search->left) & (IOLSM_MAX_CHUNKS - 1);

		search->left &= search->left - 1;
		search->base = chunk * IOLSM_CHUNK_CLAUSES;
		clear(key, 0);
		key->kind = IOLSM_KEY_CHUNK;
		key->chunk = chunk;
	}
	word = and_rows(search, at);
	if (at == IOLSM_WORDS) {
		search->words = word;
		return search->broken != 0;
	}
	first = search->base + at * 64;
	if (first + 64 <= search->from)
		return 0;
	if (first < search->from)
		word &= ~0ULL << ((search->from - first) & 63);
	if (!word)
		return search->broken != 0;
	/* What comes behind it is of no interest any more */
	search->words = 0;
	search->left = 0;
	first += first_bit(word);
	if (first < search->found)
		search->found = first;
	return search->broken != 0;
}

#define MAX_STEPS (1 << 22) /* more than a policy in use needs; who has more is denied */

/* The number of the rule that a clause is of, in *@rule. Return: false if the tables lack it. */
static __always_inline bool rule_of(struct search *search, __u32 clause, __u32 *rule)
{
	struct iolsm_key *key = search->key;
	__u32 *rules;

	if (clause >= search->config->nr_clauses)
		return false;
	clear(key, 0);
	key->kind = IOLSM_KEY_RULES;
	key->chunk = clause / IOLSM_RULES;
	rules = bpf_map_lookup_elem(search->tables, key);
	if (!rules)
		return false;
	*rule = rules[clause % IOLSM_RULES];
	return true;
}

/* What the tables that @search found rows in say */
static __always_inline void decide(struct search *search, struct iolsm_statement *out)
{
	struct iolsm_config *config = search->config;
	__u32 first_allow = config->nr_deny + config->nr_would_deny, rule = 0;

	bpf_loop(MAX_STEPS, search_step, search, 0);
	if (search->broken || !search->done)
		return;
	if (search->would_deny != NONE) {
		if (!rule_of(search, search->would_deny, &rule))
			return;
		out->would_deny = rule + 1;
	}
	if (search->found == NONE) {
		out->said = IOLSM_SAID_NO_RULE;
		return;
	}
	if (!rule_of(search, search->found, &rule))
		return;
	out->rule = rule;
	out->said = search->found < config->nr_deny ? IOLSM_SAID_DENY : IOLSM_SAID_ALLOW;
	if (search->found >= first_allow + config->nr_allow)
		out->permissive |= IOLSM_PERMISSIVE_RULE;
}

/* Look up what is in force. Return: false if there is nothing whole, and @out says so. */
static __always_inline bool begin(struct search *search, struct iolsm_statement *out)
{
	struct iolsm_scratch *scratch = scratch_of(bpf_get_current_task_btf());

	__builtin_memset(out, 0, sizeof(*out));
	out->said = IOLSM_SAID_BROKEN;
	__builtin_memset(search, 0, sizeof(*search));
	search->tables = tables_in_force();
	if (!search->tables || !scratch)
		return false;
	search->key = &scratch->key;
	search->ids = scratch->ids;
	clear(search->key, 0);
	search->config = bpf_map_lookup_elem(search->tables, search->key);
	if (!search->config)
		return false;
	search->found = NONE - UNKNOWN_ZERO(search->config);
	search->from = UNKNOWN_ZERO(search->config);
	search->base = UNKNOWN_ZERO(search->config);
	search->broken = UNKNOWN_ZERO(search->config);
	search->would_deny = NONE - UNKNOWN_ZERO(search->config);
	search->words = UNKNOWN_ZERO(search->config);
	search->left = UNKNOWN_ZERO(search->config);
	search->group = UNKNOWN_ZERO(search->config);
	search->last_group = UNKNOWN_ZERO(search->config);
	search->any_group = UNKNOWN_ZERO(search->config);
	search->done = UNKNOWN_ZERO(search->config);
	out->generation = search->config->generation;
	out->permissive = search->config->permissive ? IOLSM_PERMISSIVE_POLICY : 0;
	return true;
}

/* What is said is one of a few values each time, and whoever looks at it would be walked through for each */
static __always_inline void forget(struct iolsm_statement *out, struct iolsm_config *config)
{
	out->said += UNKNOWN_ZERO(config);
	out->permissive += UNKNOWN_ZERO(config);
}

/* What the running policy says about @req, in @out */
static __noinline void classify(struct iommufd_lsm_request *req, struct iolsm_statement *out)
{
	struct search search;

	if (!begin(&search, out))
		return;
	bpf_core_read(&search.cred, sizeof(search.cred), &req->subject.cred);
	if (req->op == IOMMUFD_LSM_OP_device_recheck && !attacher_find(req))
		out->said = IOLSM_SAID_UNKNOWN;
	else if (select_rows(&search, search.key, req))
		decide(&search, out);
	forget(out, search.config);
}

/* Likewise about an open file of ours that @giver hands to the current task, which is or becomes @to */
static __noinline void classify_hand_over(struct iolsm_subject *giver, struct iolsm_subject *to,
					  struct iolsm_statement *out)
{
	struct search search;

	if (!begin(&search, out))
		return;
	search.cred = (__u64)BPF_CORE_READ(bpf_get_current_task_btf(), cred);
	if (select_hand_over(&search, search.key, giver, to))
		decide(&search, out);
	forget(out, search.config);
}

#endif
