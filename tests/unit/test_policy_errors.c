// SPDX-License-Identifier: GPL-2.0
/*
 * What test_policy_wrong.c's collection cannot hold: messages of the YAML library, several files, advice that
 * depends on other names.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "policy_text.h"

/* What the YAML library says is in its words, which change; where is not */
static void check_syntax(const char *text, const char *place)
{
	struct loaded loaded = load_text(text);

	cr_expect_eq(loaded.rc, 2, "exit status %d", loaded.rc);
	cr_expect_eq(loaded.said, strstr(loaded.said, place), "expected: %s\nsaid:\n%s", place,
		     loaded.said);
	cr_expect_eq(loaded.errors, 1, "%u errors:\n%s", loaded.errors, loaded.said);
	unload(&loaded);
}

#define SYNTAX(name, text, place) \
	Test(policy_errors, name) { check_syntax(text, "p.yaml:" place ": error: "); }

#define RULE(rule) HEAD "rules:\n- " rule "\n"
#define DEVICE(conditions) HEAD "rules:\n- { allow: bind, who: any, device: { " conditions " } }\n"

/* The file as YAML */
SYNTAX(open_list, HEAD "rules: [\n", "3:9")
SYNTAX(open_quote, HEAD "mode: \"enf\n", "3:8")
SYNTAX(tab, HEAD "rules:\n\t- a\n", "4:1")

/* What to do about it */
static void check_advice(const char *text, const char *advice)
{
	struct loaded loaded = load_text(text);

	cr_expect(said_line(&loaded, advice), "expected: %s\nsaid:\n%s", advice, loaded.said);
	unload(&loaded);
}

Test(policy_errors, suggests_the_nearest_key)
{
	check_advice(RULE("{ allow: open, whom: any }"), "  try: 'who'");
}

Test(policy_errors, suggests_the_nearest_operation)
{
	check_advice(RULE("{ allow: attatch, who: any }"), "  try: 'attach'");
}

Test(policy_errors, suggests_the_nearest_name)
{
	check_advice(HEAD "processes:\n  manager: { user: root }\n  qemu: { user: root }\nrules:\n"
		     "- { allow: open, who: qmu }\n", "  try: 'qemu'");
}

Test(policy_errors, suggests_where_to_define)
{
	check_advice(RULE("{ allow: open, who: qemu }"), "  try: defining it under 'processes'");
}

Test(policy_errors, suggests_a_prefix)
{
	check_advice(DEVICE("class: 0C03"), "  try: \"0c03*\" for all that begin like this");
}

Test(policy_errors, suggests_the_domain)
{
	check_advice(DEVICE("address: 3B:00.0"), "  try: \"0000:3b:00.0\"");
}

Test(policy_errors, says_all_that_is_wrong_at_once)
{
	struct loaded loaded = load_text(HEAD "modus: x\nioas:\n  a: { name: \"a[b\" }\nrules:\n"
					 "- { allow: opn, who: x }\n- { allow: open, who: any }\n");

	cr_expect_eq(loaded.rc, 2);
	cr_expect_eq(loaded.errors, 4, "%s", loaded.said);
	unload(&loaded);
}

Test(policy_errors, two_files_define_the_same)
{
	struct loaded loaded = load_texts((const char *[]){
		HEAD "ioas:\n  a: { name: x }\n", "version: 1\nioas:\n  b: { name: x }\n  a: { name: x }\n",
		NULL });

	cr_expect_eq(loaded.rc, 2);
	cr_expect(said_line(&loaded, "b.yaml:4:3: error: the IOAS 'a' is defined twice"), "%s", loaded.said);
	cr_expect(said_line(&loaded, "a.yaml:4:3: note: the first one is here"), "%s", loaded.said);
	unload(&loaded);
}

Test(policy_errors, two_files_give_a_name)
{
	struct loaded loaded = load_texts((const char *[]){ HEAD, HEAD, NULL });

	cr_expect_eq(loaded.rc, 2);
	cr_expect(said_line(&loaded, "b.yaml:2:1: error: 'name' is given in two files"), "%s", loaded.said);
	cr_expect(said_line(&loaded, "a.yaml:2:7: note: the other one is here"), "%s", loaded.said);
	unload(&loaded);
}

Test(policy_errors, each_file_needs_its_version)
{
	struct loaded loaded = load_texts((const char *[]){ HEAD, "mode: enforce\n", NULL });

	cr_expect_eq(loaded.rc, 2);
	cr_expect(said_line(&loaded, "b.yaml:1:1: error: a policy has no 'version'"), "%s", loaded.said);
	unload(&loaded);
}
