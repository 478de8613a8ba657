// SPDX-License-Identifier: GPL-2.0
/*
 * The command line: exit statuses, what goes to stdout and what to stderr, JSON. That help, man page and
 * completions know the same is in tests/host/commands.sh.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "cli_run.h"
#include "message.h"
#include "policy_text.h"

static const char good[] = HEAD "rules:\n- { allow: open, who: any }\n"
				"tests:\n- { who: { user: 1 }, op: open, expect: allow }\n";
static const char failing[] = HEAD "rules:\n- { allow: open, who: any }\n"
				   "tests:\n- { who: { user: 1 }, op: open, expect: deny }\n";

Test(cli, check_of_a_good_policy_exits_0)
{
	struct ran ran;

	RUN(&ran, "check", temp_file("p.yaml", good, strlen(good)));
	cr_expect_eq(ran.rc, 0);
	cr_expect_str_eq(ran.out, "policy 't': 1 rules, 1 tests passed\n");
	cr_expect_str_empty(ran.err);
}

Test(cli, check_of_a_failing_test_exits_1)
{
	struct ran ran;

	RUN(&ran, "check", temp_file("p.yaml", failing, strlen(failing)));
	cr_expect_eq(ran.rc, 1);
	cr_expect_str_empty(ran.out);
	cr_expect(strstr(ran.err, "p.yaml:6:41: error: this test fails"), "%s", ran.err);
}

Test(cli, check_of_no_policy_exits_2)
{
	struct ran ran;

	RUN(&ran, "check", temp_file("p.yaml", "rules: 1\n", 9));
	cr_expect_eq(ran.rc, 2);
	cr_expect_str_empty(ran.out);
	RUN(&ran, "check", "/no/such/file");
	cr_expect_eq(ran.rc, 2);
	cr_expect_str_empty(ran.out);
}

Test(cli, check_says_the_rules_with_v)
{
	struct ran ran;
	char *path = temp_file("p.yaml", good, strlen(good)), *line = NULL;

	RUN(&ran, "check", "-v", path);
	cr_assert_neq(asprintf(&line, "  rule 1, %s:4: allow: open, who: any\n", path), -1);
	cr_expect(strstr(ran.out, line), "%s", ran.out);
	free(line);
}

Test(cli, check_result_as_json)
{
	struct ran ran;
	struct json_object *object;

	RUN(&ran, "-j", "check", temp_file("p.yaml", good, strlen(good)));
	cr_expect_eq(ran.rc, 0);
	cr_expect_str_empty(ran.err);
	object = json_tokener_parse(ran.out);
	cr_assert_not_null(object, "%s", ran.out);
	cr_expect_str_eq(json_object_get_string(json_object_object_get(object, "result")), "ok");
	cr_expect_str_eq(json_object_get_string(json_object_object_get(object, "policy")), "t");
	cr_expect_eq(json_object_get_int(json_object_object_get(object, "tests")), 1);
	cr_expect_eq(json_object_array_length(json_object_object_get(object, "rules")), 1);
	json_object_put(object);
}

Test(cli, errors_as_json)
{
	struct ran ran;
	struct json_object *object;
	static const char text[] = "version: 1\nname: t\nrules:\n- { allow: opn, who: any }\n";
	char *path = temp_file("p.yaml", text, strlen(text));

	RUN(&ran, "check", path, "--json");
	cr_expect_eq(ran.rc, 2);
	object = json_tokener_parse(ran.err);
	cr_assert_not_null(object, "%s", ran.err);
	cr_expect_str_eq(json_object_get_string(json_object_object_get(object, "severity")), "error");
	cr_expect_str_eq(json_object_get_string(json_object_object_get(object, "file")), path);
	cr_expect_eq(json_object_get_int(json_object_object_get(object, "line")), 4);
	cr_expect_eq(json_object_get_int(json_object_object_get(object, "column")), 12);
	cr_expect_str_eq(json_object_get_string(json_object_object_get(object, "message")),
			 "unknown operation 'opn'");
	cr_expect_str_eq(json_object_get_string(json_object_object_get(object, "try")), "'open'");
	json_object_put(object);
	object = json_tokener_parse(ran.out);
	cr_assert_not_null(object, "%s", ran.out);
	cr_expect_str_eq(json_object_get_string(json_object_object_get(object, "result")), "unusable");
	json_object_put(object);
}

Test(cli, wrong_usage_exits_2)
{
	static const struct {
		const char *arguments[3], *message;
	} cases[] = {
		{ { NULL }, "iommufd-lsm: error: no command is given\n  try: 'iommufd-lsm help'\n" },
		{ { "chekc" }, "iommufd-lsm: error: there is no command 'chekc'\n  try: 'iommufd-lsm help'\n" },
		{ { "che" }, "iommufd-lsm: error: there is no command 'che'\n  try: 'iommufd-lsm help'\n" },
		{ { "check" }, "iommufd-lsm: error: 'check' needs a policy file\n  try: 'iommufd-lsm help'\n" },
		{ { "load" }, "iommufd-lsm: error: 'load' needs a policy file\n  try: 'iommufd-lsm help'\n" },
		{ { "status", "x" }, "iommufd-lsm: error: 'status' takes no arguments, 'x' is one too many\n"
				     "  try: 'iommufd-lsm help'\n" },
		{ { "-x" }, "iommufd-lsm: error: unknown option '-x'\n  try: 'iommufd-lsm help'\n" },
		{ { "--bogus" }, "iommufd-lsm: error: unknown option '--bogus'\n  try: 'iommufd-lsm help'\n" },
		{ { "--json=x" }, "iommufd-lsm: error: option '--json=x' takes no value\n"
				  "  try: 'iommufd-lsm help'\n" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ran ran;

		RUN(&ran, cases[i].arguments[0], cases[i].arguments[0] ? cases[i].arguments[1] : NULL);
		cr_expect_eq(ran.rc, 2, "%s", cases[i].message);
		cr_expect_str_empty(ran.out);
		cr_expect_str_eq(ran.err, cases[i].message);
	}
}

Test(cli, wrong_usage_as_json)
{
	struct ran ran;
	struct json_object *object;

	RUN(&ran, "chekc", "-j");
	cr_expect_eq(ran.rc, 2);
	object = json_tokener_parse(ran.err);
	cr_assert_not_null(object, "%s", ran.err);
	json_object_put(object);
}

Test(cli, help_and_version_exit_0)
{
	static const char *const words[] = { "help", "-h", "--help", "--version", "-V" };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct ran ran;

		RUN(&ran, words[i]);
		cr_expect_eq(ran.rc, 0, "%s", words[i]);
		cr_expect_str_empty(ran.err);
		cr_expect_str_not_empty(ran.out);
	}
}

Test(cli, a_full_disk_is_a_failure)
{
	int full = open("/dev/full", O_WRONLY), old_out = dup(1), old_err = dup(2), rc;
	char *argv[] = { "iommufd-lsm", "help", NULL }, said[256];
	FILE *err = tmpfile();

	if (full < 0)
		cr_skip_test("no /dev/full");
	fflush(stdout);
	dup2(full, 1);
	dup2(fileno(err), 2);
	rc = cli_run(2, argv);
	dup2(old_out, 1);
	dup2(old_err, 2);
	rewind(err);
	said[fread(said, 1, sizeof(said) - 1, err)] = '\0';
	fclose(err);
	cr_expect_eq(rc, 1);
	cr_expect_str_eq(said, "iommufd-lsm: error: cannot write to the standard output\n");
}
