/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A policy on its way from YAML to clauses: what the files define, with every name resolved and every
 * place kept. Shared by the policy_*.c files only; the result is struct policy of policy.h.
 */
#ifndef POLICY_PRIVATE_H
#define POLICY_PRIVATE_H

#include "identity.h"
#include "iommufd_lsm_hooks.h"
#include "memory.h"
#include "message.h"
#include "policy.h"
#include "yaml.h"

/* The parts of a request a rule can select by */
enum side { SIDE_WHO, SIDE_DEVICE, SIDE_FROM, SIDE_TO, SIDE_COUNT };

/* What a selector of a side is made of; from and to both take IOASes */
enum kind { KIND_PROCESS, KIND_DEVICE, KIND_IOAS, KIND_COUNT };

/* One key of a selector: any of these values. nr 0: the key is not there, everything matches. */
struct condition {
	struct policy_match *match;
	unsigned int nr;
};

/* All of the conditions. An IOAS's name stands in POLICY_DIM_TO, whichever side it is used for. */
struct selector {
	struct condition condition[POLICY_DIM_COUNT];
};

/* Any of the selectors; nr 0: the side is not mentioned, or "any" */
struct selector_list {
	const struct selector **selector;
	unsigned int nr;
};

struct definition {
	const struct yaml_node *key;
	struct selector selector;
	bool used;
	struct definition *next; /* of its kind, in the order of the files */
};

struct rule {
	const struct yaml_node *node;
	const char *file;
	bool deny;
	uint32_t ops;
	struct selector_list side[SIDE_COUNT];
};

struct test {
	const struct yaml_node *node;
	const struct yaml_node *expect_node;
	bool expect_allow;
	struct policy_request request;
};

/* Everything of one call of policy_load_files(), in one arena */
struct draft {
	struct messages *messages;
	struct arena arena;
	struct identities identities;
	bool no_memory; /* said once, at the end */

	struct yaml_file **file;
	size_t nr_files;

	const struct yaml_node *name, *mode; /* their values */
	bool permissive;
	struct name_map definition[KIND_COUNT]; /* of struct definition */
	struct definition *first[KIND_COUNT], **end[KIND_COUNT];
	struct rule *rule;
	size_t nr_rules;
	struct test *test;
	size_t nr_tests;
};

/* How operations are written, and which parts their requests have */
extern const char *const policy_op_name[IOMMUFD_LSM_OP_COUNT];
extern const bool policy_op_side[IOMMUFD_LSM_OP_COUNT][SIDE_COUNT];

/* The section a kind is defined in ("processes"), and one of it ("process") */
extern const char *const policy_section[KIND_COUNT];
extern const char *const policy_kind_name[KIND_COUNT];
extern const char *const policy_side_name[SIDE_COUNT];
enum kind policy_side_kind(enum side side);

/* Of everything below: 0, or -1 if something was wrong, which was said (but draft.no_memory) */

/* policy_parse.c: from the files to definitions, rules and tests */
int policy_parse(struct draft *draft);

/* policy_selector.c */
int policy_parse_selector(struct draft *draft, enum kind kind, const struct yaml_node *node,
			  bool quiet, struct selector *selector);
int policy_parse_side(struct draft *draft, enum side side, const struct yaml_node *node,
		      struct selector_list *list);
/* Of a test: one process, device or IOAS, no patterns, into the fields of a request */
int policy_parse_example(struct draft *draft, enum side side, const struct yaml_node *node,
			 struct policy_request *request);

/* policy_pattern.c: one value of a key of a selector */
int policy_parse_pattern(struct draft *draft, enum policy_dim dim, const struct yaml_node *node,
			 bool quiet, struct policy_match *match);

/* policy_keys.c: keys and names in general */
struct key_rule {
	const char *name;
	bool required;
	bool later;  /* of the language, and not supported yet */
};
int policy_check_keys(struct draft *draft, const struct yaml_node *map, const char *what,
		      const struct key_rule *keys, size_t nr_keys);
int policy_check_name(struct draft *draft, const struct yaml_node *node, const char *what);
/* The operations of a rule as bits, or the one of a test */
int policy_parse_ops(struct draft *draft, const struct yaml_node *node, uint32_t *ops);
/* For "did you mean": show one candidate after the other, best is the nearest that is near, or NULL */
struct nearest {
	const char *word, *best;
	unsigned int distance;
};
void policy_nearest(struct nearest *nearest, const char *candidate);

/* policy_compile.c: the rules of a draft into rules and clauses, with warnings about useless ones */
int policy_compile(struct draft *draft, struct policy *policy);

/* policy_emit.c */
char *policy_emit_rule(const struct yaml_node *rule);
char *policy_emit_yaml(const struct draft *draft);

/*
 * policy.c: from files that were read, which stay the caller's, to a policy whose tests were not run. The draft
 * knows afterwards what the policy's names mean. If draft.identities has an arena, what was looked up there
 * before keeps its identity. Users this machine lacks have numbers of their own in the policy: it is for
 * questions alone, and not to be loaded.
 */
int policy_build(struct draft *draft, struct policy **out);

/* policy.c: every file, also after one that is wrong; @files has room for @nr and the caller frees them */
int policy_read_files(const char *const *paths, size_t nr, struct messages *messages,
		      struct yaml_file **files);

/* policy.c: as policy_load_files(), of files that were read; does not free them */
int policy_load_yaml(struct yaml_file **files, size_t nr, struct messages *messages,
		     struct policy **out);

#define draft_error(draft, node, advice, ...) \
	message((draft)->messages, MESSAGE_ERROR, &(node)->place, advice, __VA_ARGS__)
#define draft_warning(draft, node, advice, ...) \
	message((draft)->messages, MESSAGE_WARNING, &(node)->place, advice, __VA_ARGS__)
#define draft_note(draft, node, ...) \
	message((draft)->messages, MESSAGE_NOTE, &(node)->place, NULL, __VA_ARGS__)

/* Return: zeroed memory of the draft, or NULL with draft.no_memory set */
void *draft_alloc(struct draft *draft, size_t nr, size_t size);

#endif
