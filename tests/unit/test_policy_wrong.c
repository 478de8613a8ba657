// SPDX-License-Identifier: GPL-2.0
/*
 * The collection in tests/policies/wrong: each policy has something wrong with it, and all that is said about
 * it stands in the file .expected beside it, after the exit status. UPDATE=1 writes these anew, for a person to
 * read.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#include "policy_text.h"

#define WRONG "tests/policies/wrong"

static char *read_file(const char *path, size_t *len)
{
	FILE *file = fopen(path, "re");
	char *text = calloc(1, 1 << 20);

	*len = 0;
	cr_assert(file && text, "cannot read %s", path);
	*len = fread(text, 1, (1 << 20) - 1, file);
	fclose(file);
	return text;
}

static void check(const char *path)
{
	size_t len, expected_len;
	char *text = read_file(path, &len), *expected, *expected_path, *said;
	struct loaded loaded = load_as(strrchr(path, '/') + 1, text, len);
	FILE *file;

	cr_assert_geq(asprintf(&said, "exit status %d\n%s", loaded.rc, loaded.said), 0);
	cr_assert_geq(asprintf(&expected_path, "%.*s.expected", (int)strlen(path) - 5, path), 0);
	if (getenv("UPDATE")) {
		file = fopen(expected_path, "we");
		cr_assert(file && fputs(said, file) >= 0);
		fclose(file);
	}
	expected = read_file(expected_path, &expected_len);
	cr_expect_str_eq(said, expected, "%s: expected\n%s\nsaid\n%s", path, expected, said);
	cr_expect(loaded.errors + loaded.warnings > 0, "%s is not wrong", path);
	free(text);
	free(said);
	free(expected);
	free(expected_path);
	unload(&loaded);
}

Test(policy_wrong, every_message_is_as_written_down)
{
	glob_t found;

	cr_assert_eq(glob(WRONG "/*.yaml", 0, NULL, &found), 0, "run from the top of the tree");
	cr_expect_geq(found.gl_pathc, 60);
	for (size_t i = 0; i < found.gl_pathc; i++)
		check(found.gl_pathv[i]);
	globfree(&found);
}
