// SPDX-License-Identifier: GPL-2.0
/*
 * libFuzzer's way into the parser and the compiler: any bytes as a policy. What loads must load again from what
 * `list` would show, as the same, and its tables must be made, twice the same. Reading executables and users of
 * this machine is part of it; nothing is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy_private.h"
#include "tables.h"

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);

/*
 * libfyaml 0.7 forgets what it grew for a scalar of many pieces (a hundred quotes in quotes) when it gives the text. Nobody
 * else can free that. What else is allocated in it is for us to free and stays looked for, so leaks are told apart by
 * whole stacks, which takes the slow way to unwind them.
 */
const char *__lsan_default_suppressions(void)
{
	return "leak:fy_atom_iter_chunk_next\n";
}

const char *__asan_default_options(void)
{
	return "fast_unwind_on_malloc=0";
}

static struct policy *load(const char *text, size_t len)
{
	struct policy *policy = NULL;
	struct messages messages = { 0 };
	struct yaml_file *file;
	char *said = NULL;
	size_t size;

	messages.stream = open_memstream(&said, &size);
	if (!messages.stream)
		abort();
	file = yaml_read_text("f.yaml", text, len, &messages);
	if (file && file->root)
		policy_load_yaml(&file, 1, &messages, &policy);
	messages_finish(&messages);
	yaml_free(file);
	fclose(messages.stream);
	free(said);
	return policy;
}

static void check_same(const struct policy *a, const struct policy *b)
{
	if (!b || strcmp(a->yaml, b->yaml) || a->nr_rules != b->nr_rules ||
	    a->nr_clauses != b->nr_clauses || a->permissive != b->permissive || a->guards != b->guards ||
	    a->nr_nevers != b->nr_nevers || a->nr_tests != b->nr_tests) {
		fprintf(stderr, "this does not load again as what it was:\n%s\n", a->yaml);
		abort();
	}
}

static void check_tables(const struct policy *policy)
{
	struct tables tables, again;

	if (tables_build(policy, 1, &tables) || tables_build(policy, 1, &again))
		abort();
	if (tables.nr != again.nr || memcmp(tables.keys, again.keys, tables.nr * sizeof(*tables.keys)) ||
	    memcmp(tables.values, again.values, tables.nr * sizeof(*tables.values)))
		abort();
	tables_free(&tables);
	tables_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct policy *policy = load((const char *)data, size), *again;

	if (!policy)
		return 0;
	again = load(policy->yaml, strlen(policy->yaml));
	check_same(policy, again);
	if (policy->nr_clauses < 2000)
		check_tables(policy);
	policy_free(policy);
	policy_free(again);
	return 0;
}
