/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random policies and requests, and what the rules say of them: a reading that shares no code with the loader and
 * is as plain as can be. For the tests here, and for samples that a guest puts to the kernel. No test of its own.
 */
#ifndef POLICY_RANDOM_H
#define POLICY_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "iommufd_lsm_hooks.h"
#include "policy.h"

#define MAX_RULES 6
#define MAX_SELECTORS 3
#define MAX_VALUES 3
#define VOCABULARY 12

enum key { EXE, USER, GROUP, CGROUP, ADDRESS, ID, CLASS, DRIVER, NAME, KEYS };

struct selector {
	unsigned int nr[KEYS];
	const char *value[KEYS][MAX_VALUES];
};

enum { WHO, DEVICE, FROM, TO, RECIPIENT, SIDES };

struct rule {
	bool deny, permissive;
	uint32_t ops; /* as below */
	unsigned int nr[SIDES]; /* 0: any */
	struct selector side[SIDES][MAX_SELECTORS];
};

struct question {
	unsigned int op;
	const char *value[SIDES][KEYS]; /* NAME twice: FROM's and TO's */
	const char *groups[3]; /* of who, or of the recipient; NULL at the end */
};

/* Numbers of operations here: those of the hooks, and one more */
#define HAND_OVER IOMMUFD_LSM_OP_COUNT
#define OPS (HAND_OVER + 1)
extern const char *const random_op_name[OPS];
/* What requests are about */
extern const char *const random_values[KEYS][VOCABULARY];

/* The same seed makes the same of everything */
extern unsigned int random_seed;
unsigned int random_dice(unsigned int sides);
const char *random_one_of(const char *const *words);
bool random_has_side(unsigned int op, unsigned int side);

/* "rules:" with @nr rules, at most MAX_RULES, which go into @rule as well */
void random_policy_text(FILE *out, struct rule *rule, unsigned int nr);
void random_question(struct question *question);

bool random_rule_matches(const struct rule *rule, const struct question *question);
/* The verdict; its rule is an index into @rule */
struct policy_verdict random_naive(const struct rule *rule, unsigned int nr,
				   const struct question *question);

#endif
