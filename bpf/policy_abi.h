/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the policy programs and the loader share: the layout of every map. Plain C without includes, so
 * that both sides can read it; fixed-size types come from vmlinux.h or <linux/types.h>.
 *
 * A running policy is one hash map, the inner map in slot 0 of iolsm_policy. A decision looks it up
 * once and takes everything from it, so replacing the map replaces the policy in one step, whole. The
 * loader writes and freezes it before it is put there; nobody writes it after.
 *
 * How it decides (bit-vector classification): the clauses of a policy are numbered, denying ones first.
 * Each dimension of a request (enum policy_dim) has a row for every value the policy names: a bit for
 * each clause that this value satisfies. The AND of the rows a request selects, and of the row of its
 * operation, has a bit for each clause that matches; the first one decides.
 *
 * A row says which of its words, and which of its chunks, are not all zero. The AND of that leaves a word or
 * two to look at, however many clauses there are (aggregated bit vectors).
 */
#ifndef POLICY_ABI_H
#define POLICY_ABI_H

/* Raised when anything below changes. Programs of one number only work with a loader of the same. */
#define IOLSM_ABI 2

#define IOLSM_TEXT_LEN 32
#define IOLSM_DIMS 8 /* POLICY_DIM_COUNT */

/* A row is cut into chunks, so that one lookup yields many words and a value has a fixed size */
#define IOLSM_WORDS 64 /* as many as in_words has bits */
#define IOLSM_CHUNK_CLAUSES (IOLSM_WORDS * 64)
#define IOLSM_MAX_CHUNKS 64 /* as many as in_chunks has bits */
#define IOLSM_MAX_CLAUSES (IOLSM_CHUNK_CLAUSES * IOLSM_MAX_CHUNKS)

/*
 * iolsm_key.kind. Entries and their value:
 *
 * CONFIG                        struct iolsm_config
 * OP      dim=operation         first chunk of the operation's row
 * ANY     dim                   first chunk of the row for values the policy does not name
 * EXACT   dim text|number       first chunk of the row for this value; an executable whose inode's
 *                               generation the policy does not know has 0 there
 * PREFIX  dim len text          ... for values that begin so and have no longer prefix or EXACT entry
 * MORE    dim=iolsm_row.id chunk     a further chunk, from 1; missing: as in the dimension's ANY row
 * RULES   chunk=clause / IOLSM_RULES the rules of that many clauses
 *
 * Rows of EXACT include the clauses of all prefixes that fit and those that ask for nothing; rows of
 * PREFIX likewise. OP and ANY rows are complete, in all chunks.
 */
enum iolsm_key_kind {
	IOLSM_KEY_CONFIG,
	IOLSM_KEY_OP,
	IOLSM_KEY_ANY,
	IOLSM_KEY_EXACT,
	IOLSM_KEY_PREFIX,
	IOLSM_KEY_MORE,
	IOLSM_KEY_RULES,
};

struct iolsm_key {
	__u32 kind;
	__u32 dim;
	__u32 len;
	__u32 chunk;
	union {
		char text[IOLSM_TEXT_LEN];          /* zero after its end */
		__u64 number[IOLSM_TEXT_LEN / 8]; /* EXE: dev, ino, generation; UID: uid */
	};
};

struct iolsm_row {
	__u64 words[IOLSM_WORDS];
	__u64 in_words;  /* bit n: word n of this chunk is not 0 */
	__u64 in_chunks; /* in the first chunk: bit n: chunk n of the row is not all 0 */
	__u32 id;
	__u32 pad;
};

struct iolsm_config {
	__u64 generation; /* from 1, one more with each load */
	__u32 nr_chunks;
	__u32 nr_clauses;
	__u32 nr_deny; /* clauses below this deny */
	__u32 permissive;
	__u32 prefix_lens[IOLSM_DIMS]; /* bit n: the dimension has prefixes of n characters */
};

#define IOLSM_RULES (IOLSM_WORDS * 2)

union iolsm_value {
	struct iolsm_row row;
	struct iolsm_config config;
	__u32 rules[IOLSM_RULES];
};

/* iolsm_row.id of the rows that exist in every policy; others start at IOLSM_ROW_FIRST */
#define IOLSM_ROW_ANY(dim) (dim)
#define IOLSM_ROW_OP(op) (IOLSM_DIMS + (op))
#define IOLSM_ROW_FIRST 64

/* What the grant program returns for what a permissive policy would have denied */
#define IOLSM_RULE_PERMISSIVE 0x7fffffff

/* What a policy said about a request, apart from what became of it */
enum iolsm_said {
	IOLSM_SAID_NOTHING, /* it was not asked: another program denied before */
	IOLSM_SAID_NO_RULE,
	IOLSM_SAID_ALLOW,
	IOLSM_SAID_DENY,
	IOLSM_SAID_BROKEN, /* the tables are not whole: denied */
	IOLSM_SAID_UNKNOWN, /* who is judged is not known: denied */
};

/* iolsm_said: from the hook's program to the one that writes the log, key: number of the request */
struct iolsm_statement {
	__u64 generation;
	__u32 said; /* enum iolsm_said */
	__u32 rule; /* index of the rule, if ALLOW or DENY */
	__u32 permissive;
	__u32 pad;
};

/* iolsm_hits: key of how often a rule decided an operation */
struct iolsm_hit {
	__u64 generation;
	__u32 rule; /* its index */
	__u32 op;
};

/* iolsm_label, task storage: which executable a task runs */
struct iolsm_label {
	__u64 dev; /* as the kernel writes it: major << 20 | minor */
	__u64 ino; /* 0: none */
	__u32 generation; /* of the inode */
	__u32 pad;
};

/* iolsm_attacher: who attached a device, beside what the core knows of it. The key's strings end in zeros. */
struct iolsm_device_key {
	char bus[8];
	char address[IOLSM_TEXT_LEN];
};

struct iolsm_attacher {
	__u64 attachment; /* iommufd_lsm_request.attachment; of another: the entry is void */
	struct iolsm_label exe;
};

/*
 * iolsm_log: the last decisions, an array used as a ring. Number n stands in slot n % IOLSM_LOG_SLOTS.
 * A record is whole if begin and end are the same before and after reading it: number + 1.
 */
#define IOLSM_LOG_SLOTS 4096

struct iolsm_record {
	__u64 begin;
	__u64 time; /* nanoseconds since boot, with suspend */
	__u64 seq;  /* of the request */
	__u64 ctx_id;
	__u64 generation; /* of the policy that was asked, 0: none */
	__u64 exe_dev, exe_ino;
	__u32 op, flags;
	__u32 outcome; /* as the trace event's: enum iolsm_outcome */
	__s32 rc;
	__u32 granted_by; /* the number that the granting program returned */
	__u32 said, rule, permissive; /* as in iolsm_statement */
	__u32 tgid, uid;
	__u32 group_id, group_size;
	__u32 class_code;
	__u32 pad;
	__u16 vendor, device, subsystem_vendor, subsystem_device;
	char comm[16];
	char address[IOLSM_TEXT_LEN];
	char driver[IOLSM_TEXT_LEN];
	char from[IOLSM_TEXT_LEN];
	char to[IOLSM_TEXT_LEN];
	__u64 end;
};

/* iolsm_record.outcome, the numbers of the trace event's field */
enum iolsm_outcome {
	IOLSM_GRANTED,
	IOLSM_DENIED,
	IOLSM_DEFAULT_ALLOWED,
	IOLSM_DEFAULT_DENIED,
};

/* iolsm_state, an array of one: the loader writes abi, the programs log_next */
struct iolsm_state {
	__u32 abi;
	__u32 pad;
	__u64 log_next; /* number of the next record */
};

#endif
