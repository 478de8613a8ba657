// SPDX-License-Identifier: GPL-2.0
/*
 * What a policy can hold at least, and what becomes of more. Times are of the processor, so that a busy machine
 * fails nothing.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "automaton.h"
#include "policy_text.h"
#include "tables_read.h"

#define NAMES 1000

/* Names for processes, devices and IOASes, and rules that use all of them */
static char *large_policy(unsigned int names, unsigned int rules)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	unsigned int i;

	fputs(HEAD "processes:\n", out);
	for (i = 0; i < names; i++)
		fprintf(out, "  vm-%u: { user: %u, cgroup: /machine.slice/vm-%u.scope/** }\n", i, 10000 + i, i);
	fputs("devices:\n", out);
	for (i = 0; i < names; i++)
		fprintf(out, "  d-%u: { address: \"%04x:%02x:00.0\" }\n", i, i / 256, i % 256);
	fputs("ioas:\n", out);
	for (i = 0; i < names; i++)
		fprintf(out, "  as-%u: { name: \"guest-%u-*\" }\n", i, i);
	fputs("rules:\n", out);
	for (i = 0; i < rules; i++) {
		unsigned int round = i / names;

		fprintf(out, "- { %s: [bind, attach], who: vm-%u, device: d-%u }\n",
			i % 10 == 9 ? "deny" : "allow", i % names, (i * 3 + round) % names);
		i++;
		if (i < rules)
			fprintf(out, "- { allow: attach, who: vm-%u, to: as-%u }\n", i % names,
				(i + round * 17) % names);
	}
	fclose(out);
	return text;
}

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

static struct loaded load_timed(char *text, double *seconds)
{
	double start = cpu_seconds();
	struct loaded loaded = load_text(text);

	*seconds = cpu_seconds() - start;
	cr_assert_eq(loaded.rc, 0, "%s", loaded.said);
	free(text);
	return loaded;
}

Test(policy_limits, ten_thousand_rules_and_a_thousand_names_of_each_kind)
{
	struct policy_request request = { .op = 6 /* attach */, .uid = 10999 };
	struct sorted_tables sorted;
	struct tables tables;
	struct policy_verdict verdict;
	double seconds;
	struct loaded loaded = load_timed(large_policy(NAMES, 10000), &seconds);

	cr_expect_eq(loaded.policy->nr_rules, 10000);
	cr_expect_lt(seconds, 20, "%.1f s", seconds);
	cr_assert_eq(tables_build(loaded.policy, 1, &tables), 0);
	sorted = tables_sort(&tables);
	strcpy(request.cgroup, "/machine.slice/vm-999.scope/emulator");
	strcpy(request.address, "0009:09:00.0");
	strcpy(request.to, "guest-999-ram");
	verdict = tables_decide(&sorted, &request);
	cr_expect_eq(verdict.what, POLICY_ALLOW);
	cr_expect_str_eq(loaded.policy->rules[verdict.rule].text,
			 "allow: attach, who: vm-999, to: as-999");
	strcpy(request.cgroup, "/machine.slice/vm-99.scope/emulator");
	cr_expect_eq(tables_decide(&sorted, &request).what, POLICY_NO_RULE);
	free(sorted.order);
	tables_free(&tables);
	unload(&loaded);
}

Test(policy_limits, a_thousand_lines_take_less_than_a_second)
{
	double seconds;
	struct loaded loaded = load_timed(large_policy(100, 700), &seconds);

	cr_expect_lt(seconds, 1, "%.2f s", seconds);
	unload(&loaded);
}

Test(policy_limits, patterns_that_are_too_many_together_are_refused)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	struct loaded loaded;

	/* Any of them may begin at any character: the sets of those that have begun multiply */
	fputs(HEAD "rules:\n- allow: attach\n  who: any\n  to: { name: [", out);
	for (unsigned int i = 0; i < 40; i++)
		fprintf(out, "%s\"*%c*%c*%c*\"", i ? ", " : "", 'a' + i % 26, 'a' + (i * 7 + 3) % 26,
			'a' + (i * 11 + 5) % 26);
	fputs("] }\n", out);
	fclose(out);
	loaded = load_text(text);
	cr_expect_eq(loaded.rc, 2);
	cr_expect(said_line(&loaded, "iommufd-lsm: error: all patterns for 'name' together take more than 32768 "
			    "steps to tell apart"), "%s", loaded.said);
	unload(&loaded);
	free(text);
}
