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
 * operation, has a bit for each clause that matches; the first one decides. A process has several groups:
 * each that the policy names is tried, and the first clause of all decides.
 *
 * A row says which of its words, and which of its chunks, are not all zero. The AND of that leaves a word or
 * two to look at, however many clauses there are (aggregated bit vectors).
 */
#ifndef POLICY_ABI_H
#define POLICY_ABI_H

/* Raised when anything below changes. Programs of one number only work with a loader of the same. */
#define IOLSM_ABI 3

#define IOLSM_TEXT_LEN 32
#define IOLSM_DIMS 12 /* POLICY_DIM_COUNT */

/* A row is cut into chunks, so that one lookup yields many words and a value has a fixed size */
#define IOLSM_WORDS 64 /* as many as in_words has bits */
#define IOLSM_CHUNK_CLAUSES (IOLSM_WORDS * 64)
#define IOLSM_MAX_CHUNKS 64 /* as many as in_chunks has bits */
#define IOLSM_MAX_CLAUSES (IOLSM_CHUNK_CLAUSES * IOLSM_MAX_CHUNKS)

/*
 * iolsm_key.kind. Entries and their value:
 *
 * CONFIG                        struct iolsm_config
 * OP      dim=operation         head of the operation's row: id and in_chunks
 * ANY     dim                   head of the row for values the policy does not name
 * EXACT   dim text|number       head of the row for this value; an executable whose inode's generation
 *                               the policy does not know has 0 there
 * PREFIX  dim len text          ... for values that begin so and have no longer prefix or EXACT entry
 * CHUNK   dim=iolsm_row.id chunk     a chunk of a row: words and in_words; missing: as in the
 *                               dimension's ANY row
 * STATE   dim number[0]=state   struct iolsm_step: where each byte leads
 * RULES   chunk=clause / IOLSM_RULES the rules of that many clauses
 * PLACE   number                struct iolsm_exe: what the policy found there
 *
 * A dimension whose patterns need it has an automaton instead (bit in config.automata): a value is read byte by
 * byte, from state IOLSM_STATE_START. The row is EXACT number[0]=the state at its end, or ANY.
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
	IOLSM_KEY_CHUNK,
	IOLSM_KEY_RULES,
	IOLSM_KEY_STATE,
	IOLSM_KEY_PLACE,
};

struct iolsm_key {
	__u32 kind;
	__u32 dim;
	__u32 len;
	__u32 chunk;
	union {
		char text[IOLSM_TEXT_LEN]; /* zero after its end */
		/* EXE: dev, ino, generation; UID: uid; PLACE: of struct iolsm_label, from dir_dev */
		__u64 number[IOLSM_TEXT_LEN / 8];
	};
};

struct iolsm_row {
	__u64 words[IOLSM_WORDS];
	__u64 in_words;  /* bit n: word n of this chunk is not 0 */
	__u64 in_chunks; /* in the head: bit n: chunk n of the row is not all 0 */
	__u32 id;        /* in the head */
	__u32 pad;
};

struct iolsm_config {
	__u64 zero;       /* 0, which the verifier does not know */
	__u64 generation; /* from 1, one more with each load */
	__u32 nr_chunks;
	__u32 nr_clauses;
	__u32 nr_deny; /* clauses below this deny */
	__u32 nr_would_deny; /* so many after them would, but are on probation: none of them decides */
	__u32 nr_allow; /* so many after those allow; the rest do, too, on probation */
	__u32 permissive;
	__u32 guards;   /* enum iolsm_guard */
	__u32 groups;   /* whether any clause asks for a group */
	__u32 automata; /* bit n: dimension n has an automaton */
	__u32 prefix_lens[IOLSM_DIMS]; /* bit n: the dimension has prefixes of n characters */
};

#define IOLSM_STATE_DEAD 0  /* nothing that begins so is in the policy: the row is ANY */
#define IOLSM_STATE_START 1

struct iolsm_step {
	__u16 next[256];
	__u32 stays; /* whatever comes, it stays in this state */
};

/* Longer paths of cgroups are read so far, and then denied unless what was read is enough to tell */
#define IOLSM_MAX_PATH 4096

/* Programs that guard what the hooks do not see (bpf/guard.bpf.h); a policy can turn each off */
enum iolsm_guard {
	IOLSM_GUARD_DEVICE_FILES = 1,   /* who opens /dev/iommu and device nodes */
	IOLSM_GUARD_HAND_OVER = 2,      /* who receives an open one */
	IOLSM_GUARD_PTRACE = 4,         /* who traces a process that has a right */
	IOLSM_GUARD_POLICY_OBJECTS = 8, /* who touches the policy's own maps, links and pins */
};

#define IOLSM_GUARDS 4
#define IOLSM_GUARDS_ALL 15

/* An executable as a policy knows it */
struct iolsm_exe {
	__u64 dev, ino; /* see struct iolsm_label */
	__u32 generation; /* 0: not known */
	__u32 pad;
};

#define IOLSM_RULES (IOLSM_WORDS * 2)

union iolsm_value {
	struct iolsm_row row;
	struct iolsm_config config;
	__u32 rules[IOLSM_RULES];
	struct iolsm_step step;
	struct iolsm_exe exe;
};

/* iolsm_row.id of the rows that exist in every policy; others start at IOLSM_ROW_FIRST */
#define IOLSM_ROW_ANY(dim) (dim)
#define IOLSM_ROW_OP(op) (IOLSM_DIMS + (op))
#define IOLSM_ROW_FIRST 64 /* after POLICY_OP_BITS operations */

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
	__u32 permissive; /* enum iolsm_permissive */
	__u32 would_deny; /* 1 + index of a denying rule on probation that matched; 0: none */
};

enum iolsm_permissive {
	IOLSM_PERMISSIVE_POLICY = 1, /* nothing is denied */
	IOLSM_PERMISSIVE_RULE = 2,   /* the rule that allows is on probation */
};


/* iolsm_hits: key of how often a rule decided an operation */
struct iolsm_hit {
	__u64 generation;
	__u32 rule; /* its index */
	__u32 op;
};

/* iolsm_label, task storage: which executable a task runs, and where that was if the policy named the place */
struct iolsm_label {
	__u64 dev; /* as the kernel writes it: major << 20 | minor */
	__u64 ino; /* 0: none */
	__u32 generation; /* of the inode */
	__u32 flags; /* IOLSM_LABEL_x */
	__u32 uid, gid; /* while it executes something: the effective ones before */
	__u64 dir_dev, dir_ino; /* the directory's, ino 0: no place */
	__u64 dir_generation;
	__u64 name; /* its name there, hashed: FNV-1a of up to IOLSM_NAME_LEN - 1 bytes; longer ones have no place */
};

#define IOLSM_LABEL_LOADER 1 /* the loader's own executable */
#define IOLSM_NAME_LEN 64
#define IOLSM_NAME_HASH_START 0xcbf29ce484222325ULL
#define IOLSM_NAME_HASH_FACTOR 0x100000001b3ULL

/* iolsm_own, an array of one: what the guard of the policy's own objects goes by */
struct iolsm_own {
	struct iolsm_label loader;
	__u64 pins_dev, pins_ino; /* the directory of all pins */
	__u32 mount_ns; /* the number of the mount namespace that it is seen in */
	__u32 policy_map; /* the id of iolsm_policy */
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

/* iolsm_symbol, an array of one: where the kernel has what the guards of device files look into */
struct iolsm_symbols {
	__u64 zero;      /* as in struct iolsm_config */
	__u64 chrdevs;   /* array of lists of struct char_device_struct */
	__u64 misc_list; /* list of struct miscdevice */
};

/* Who a process is, for the guards. iolsm_opener: who opened a file; the key is the file's address. */
struct iolsm_subject {
	struct iolsm_label label;
	__u64 cgroup;
	__u32 uid, gid;
	__u32 tgid;
	__u32 pad;
};

/*
 * iolsm_log: the last decisions, an array used as rings, each of IOLSM_RING_SLOTS. Users are spread over the
 * rings, root has the first one for itself: so that nobody's flood drives out what others did. The record with
 * number n of ring r stands in slot r * IOLSM_RING_SLOTS + n % IOLSM_RING_SLOTS.
 * A record is whole if begin and end are the same before and after reading it: n + 1.
 */
#define IOLSM_RINGS 16
#define IOLSM_RING_SLOTS 512
#define IOLSM_LOG_SLOTS (IOLSM_RINGS * IOLSM_RING_SLOTS)
#define IOLSM_RING_OF(uid) ((uid) ? 1 + (uid) % (IOLSM_RINGS - 1) : 0)

/* What one process may put there: so many decisions at once, and so many more a second; denials count apart */
#define IOLSM_LOG_BURST 128
#define IOLSM_LOG_PER_SECOND 16

/* iolsm_budget, by process and whether it is for denials: what it may still put into the log */
struct iolsm_budget_key {
	__u32 tgid;
	__u32 denials;
};

struct iolsm_budget {
	__u64 since;  /* nanoseconds since boot: when it was full, if it were filled steadily */
	__u64 skipped; /* decisions that were not logged since the last one that was */
};

/* iolsm_record.op of what a guard judged: this and its enum iolsm_guard */
#define IOLSM_OP_GUARDS 0x100

struct iolsm_record {
	__u64 begin;
	__u64 number; /* among all records, to put those of different rings in order */
	__u64 time; /* nanoseconds since boot, with suspend */
	__u64 seq;  /* of the request, 0: a guard's */
	__u64 ctx_id;
	__u64 generation; /* of the policy that was asked, 0: none */
	__u64 exe_dev, exe_ino;
	__u64 giver_dev, giver_ino; /* of a hand-over: the executable of who opened the file, which is peer */
	__u64 cgroup; /* the number of the task's cgroup */
	__u64 skipped; /* decisions about this process before this one, and like it, that were not logged */
	__u32 op, flags;
	__u32 outcome; /* as the trace event's: enum iolsm_outcome */
	__s32 rc;
	__u32 granted_by; /* the number that the granting program returned */
	__u32 said, rule, permissive; /* as in iolsm_statement */
	__u32 tgid, uid;
	__u32 peer; /* of a guard: the process that would be traced, or that opened the file; 0: none */
	__u32 giver_uid;
	__u32 group_id, group_size;
	__u32 class_code;
	__u32 would_deny; /* as in iolsm_statement */
	__u16 vendor, device, subsystem_vendor, subsystem_device;
	char comm[16];
	char address[IOLSM_TEXT_LEN];
	char driver[IOLSM_TEXT_LEN];
	char from[IOLSM_TEXT_LEN];
	char to[IOLSM_TEXT_LEN];
	char object[IOLSM_TEXT_LEN]; /* of a guard: what it guards, in words */
	__u64 end;
};

/* iolsm_record.outcome, the numbers of the trace event's field */
enum iolsm_outcome {
	IOLSM_GRANTED,
	IOLSM_DENIED,
	IOLSM_DEFAULT_ALLOWED,
	IOLSM_DEFAULT_DENIED,
};

/* iolsm_state, an array of one: the loader writes abi and flags, the programs the rest */
struct iolsm_state {
	__u32 abi;
	__u32 flags; /* IOLSM_STATE_x */
	__u64 log_next; /* number of the next record */
	__u64 skipped; /* decisions that were not logged, of processes that had too many */
	__u64 ring_next[IOLSM_RINGS];
};

#define IOLSM_STATE_LSM 1    /* labels come from the BPF LSM, not from trace events */
#define IOLSM_STATE_GUARDS 2 /* the guards are attached; which are on is the policy's to say */

#endif
