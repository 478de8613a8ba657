// SPDX-License-Identifier: GPL-2.0
/*
 * Prints random policies and, for each, requests with what its rules say of them: for the scenario
 * policy_sample, which loads the one and puts the others to the kernel. Runs on the machine that builds.
 *
 *   policy, the lines of one, then a line "."
 *   EXPECTED GROUPS USER CGROUP REQUEST, where EXPECTED is allow or deny, GROUPS gids with commas or "-"
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>

#include "tests/unit/policy_random.h"

#define POLICIES 40
#define REQUESTS 75

/* A device of PCI has both ids; what is no device has none */
static const char *not_empty(enum key key)
{
	const char *value;

	do
		value = random_one_of(random_values[key]);
	while (!value[0]);
	return value;
}

static void print_device(const char *const *value)
{
	printf(" address=%s vendor=0x%.4s device=0x%s class=0x%s", value[ADDRESS], value[ID],
	       value[ID] + 5, value[CLASS]);
	if (value[DRIVER][0])
		printf(" driver=%s", value[DRIVER]);
}

static void print_request(const struct rule *rule, unsigned int nr)
{
	struct question question;

	/* Neither is asked by whom it is about */
	do
		random_question(&question);
	while (question.op == HAND_OVER || question.op == IOMMUFD_LSM_OP_device_recheck);
	/* The scenario's own program asks, whatever else may run there */
	question.value[WHO][EXE] = "/bin/sh";
	if (random_has_side(question.op, DEVICE)) {
		question.value[DEVICE][ID] = not_empty(ID);
		question.value[DEVICE][CLASS] = not_empty(CLASS);
	}
	/* A detach happens, whatever is said of it */
	printf("%s ", random_naive(rule, nr, &question).what == POLICY_ALLOW ||
			      !strcmp(random_op_name[question.op], "detach") ? "allow" : "deny");
	for (unsigned int i = 0; question.groups[i]; i++)
		printf("%s%s", i ? "," : "", question.groups[i]);
	printf("%s %s %s op=%s", question.groups[0] ? "" : "-", question.value[WHO][USER],
	       question.value[WHO][CGROUP], random_op_name[question.op]);
	if (random_has_side(question.op, DEVICE))
		print_device(question.value[DEVICE]);
	if (question.value[FROM][NAME][0])
		printf(" from=%s", question.value[FROM][NAME]);
	if (question.value[TO][NAME][0])
		printf(" to=%s", question.value[TO][NAME]);
	putchar('\n');
}

int main(void)
{
	for (unsigned int round = 0; round < POLICIES; round++) {
		struct rule rule[MAX_RULES];
		unsigned int nr;

		random_seed = 77000003 + round;
		nr = 1 + random_dice(MAX_RULES);
		printf("policy\nversion: 1\nname: sample-%u\n", round);
		random_policy_text(stdout, rule, nr);
		puts(".");
		for (unsigned int i = 0; i < REQUESTS; i++)
			print_request(rule, nr);
	}
	return 0;
}
