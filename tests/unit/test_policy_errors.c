// SPDX-License-Identifier: GPL-2.0
/*
 * Every way a policy can be wrong has its message, at its place, and exit status 2. Each case expects the
 * whole first line of the message, and that nothing else is called an error.
 */
#include <criterion/criterion.h>
#include <string.h>

#include "policy_text.h"

static void check_bad(const char *text, const char *first_line)
{
	struct loaded loaded = load_text(text);

	cr_expect_eq(loaded.rc, 2, "exit status %d", loaded.rc);
	cr_expect_null(loaded.policy);
	cr_expect(said_line(&loaded, first_line), "expected: %s\nsaid:\n%s", first_line, loaded.said);
	cr_expect_eq(loaded.errors, 1, "%u errors:\n%s", loaded.errors, loaded.said);
	unload(&loaded);
}

#define BAD(name, text, first_line) \
	Test(policy_errors, name) { check_bad(text, "p.yaml:" first_line); }

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
#define WHO(conditions) HEAD "rules:\n- { allow: bind, who: { " conditions " } }\n"

/* The file as YAML */
BAD(empty, "", " error: the file is empty")
BAD(only_comments, "# nothing\n", " error: there is nothing but comments in this file")
BAD(no_mapping, "- a\n", "1:1: error: a policy must be a mapping, this is a list")
BAD(text_only, "hello\n", "1:1: error: a policy must be a mapping, this is text")
SYNTAX(open_list, HEAD "rules: [\n", "3:9")
SYNTAX(open_quote, HEAD "mode: \"enf\n", "3:8")
SYNTAX(tab, HEAD "rules:\n\t- a\n", "4:1")
BAD(alias, RULE("{ allow: bind, who: *qemu }"), "4:23: error: aliases (*name) are not supported")
BAD(anchor, HEAD "mode: &m enforce\n", "3:7: error: anchors (&name) are not supported")
BAD(tag, HEAD "mode: !!str enforce\n", "3:7: error: tags (!name) are not supported")
BAD(directive, "%YAML 1.1\n---\n" HEAD, "1:1: error: directives (%) are not supported")
BAD(second_document, HEAD "---\nversion: 1\n", "3:1: error: a second document in the same file")
BAD(duplicate_key, HEAD "mode: enforce\nname: u\n", "4:1: error: 'name' is given twice")
BAD(duplicate_key_in_rule, RULE("{ allow: bind, who: any, allow: open }"),
    "4:28: error: 'allow' is given twice")
BAD(key_is_list, "version: 1\n? [a]\n: b\n", "2:3: error: a key must be a plain text")
BAD(too_deep, HEAD "x: [[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]\n",
    "3:19: error: nested too deeply for a policy")
BAD(nul_escape, "version: 1\nname: \"a\\0b\"\n", "2:7: error: a NUL inside a text")
BAD(control_character, HEAD "mode: \x1b[31m\n", "3:7: error: control character 0x1b, this is no text")
BAD(not_utf8, HEAD "mode: \xff\n", "3:7: error: this is not UTF-8")
BAD(overlong_utf8, HEAD "mode: \xc0\xaf\n", "3:7: error: this is not UTF-8")
BAD(surrogate, HEAD "mode: \xed\xa0\x80\n", "3:7: error: this is not UTF-8")
BAD(cut_utf8, HEAD "mode: \xc3", "3:7: error: this is not UTF-8")

/* The top level */
BAD(no_version, "name: t\n", "1:1: error: a policy has no 'version'")
BAD(wrong_version, "version: 2\nname: t\n", "1:10: error: this version of the language is not supported")
BAD(version_list, "version: [1]\nname: t\n", "1:10: error: this version of the language is not supported")
BAD(no_name, "version: 1\n", "1:1: error: the policy has no name")
BAD(empty_name, "version: 1\nname: \"\"\n", "2:7: error: the policy's name is empty")
BAD(null_name, "version: 1\nname:\n", "2:1: error: the policy's name is empty")
BAD(strange_name, "version: 1\nname: a b\n", "2:7: error: 'a b' is not a name")
BAD(list_name, "version: 1\nname: [a]\n", "2:7: error: the policy's name must be one name, this is a list")
BAD(wrong_mode, HEAD "mode: on\n", "3:7: error: unknown mode")
BAD(unknown_key, HEAD "rule: []\n", "3:1: error: unknown key 'rule' in a policy")
BAD(processes_list, HEAD "processes: [a]\n",
    "3:12: error: 'processes' must be a mapping of names, this is a list")
BAD(devices_empty, HEAD "devices: {}\n", "3:10: error: 'devices' is empty")
BAD(rules_empty, HEAD "rules: []\n", "3:8: error: 'rules' is empty")
BAD(rules_mapping, HEAD "rules: { allow: open }\n", "3:8: error: 'rules' must be a list, this is a mapping")
BAD(rules_nothing, HEAD "rules:\n", "3:1: error: 'rules' must be a list, this is text")
BAD(tests_empty, HEAD "tests: []\n", "3:8: error: 'tests' is empty")

/* Definitions */
BAD(define_any, HEAD "ioas:\n  any: { name: x }\n",
    "4:3: error: 'any' means everything and cannot be defined")
BAD(define_twice, HEAD "ioas:\n  a: { name: x }\n  a: { name: y }\n", "5:3: error: 'a' is given twice")
BAD(define_text, HEAD "ioas:\n  a: x\n", "4:6: error: an IOAS must be a mapping, this is text")
BAD(define_nothing, HEAD "ioas:\n  a: {}\n", "4:6: error: a selector without conditions")
BAD(define_strange_name, HEAD "ioas:\n  a/b: { name: x }\n", "4:3: error: 'a/b' is not a name")
BAD(unknown_condition, HEAD "devices:\n  a: { vendor: \"10de\" }\n",
    "4:8: error: unknown key 'vendor' in a device")

/* Rules */
BAD(rule_text, RULE("allow"), "4:3: error: a rule must be a mapping, this is text")
BAD(no_who, RULE("{ allow: open }"), "4:3: error: a rule has no 'who'")
BAD(no_verdict, RULE("{ who: any }"), "4:3: error: a rule must allow or deny something")
BAD(both_verdicts, RULE("{ allow: open, deny: bind, who: any }"),
    "4:18: error: a rule cannot both allow and deny")
BAD(rule_unknown_key, RULE("{ allow: open, whom: any }"), "4:18: error: unknown key 'whom' in a rule")
BAD(permissive_word, RULE("{ allow: open, who: any, permissive: yes }"),
    "4:40: error: a rule is permissive or not")
BAD(recipient_of_open, RULE("{ allow: open, who: any, recipient: any }"),
    "4:28: error: 'open' has no recipient, only 'hand-over' has")
BAD(hand_over_group, RULE("{ allow: hand-over, who: { group: root } }"),
    "4:23: error: who hands over is known by 'exe' and 'user' alone")
BAD(hand_over_device, RULE("{ allow: hand-over, who: any, device: any }"),
    "4:33: error: 'hand-over' is not about a device")
BAD(guard_word, HEAD "guards: { ptrace: no }\n", "3:19: error: a guard is on or off")
BAD(guard_name, HEAD "guards: { ptrac: off }\n", "3:11: error: unknown key 'ptrac' in 'guards'")
BAD(guard_list, HEAD "guards: [ptrace]\n", "3:9: error: 'guards' must be a mapping, this is a list")
BAD(unknown_op, RULE("{ allow: [open, attatch], who: any }"), "4:19: error: unknown operation 'attatch'")
BAD(op_twice, RULE("{ allow: [open, open], who: any }"), "4:19: error: 'open' is listed twice")
BAD(op_empty, RULE("{ allow: [], who: any }"), "4:12: error: the list is empty")
BAD(op_nothing, RULE("{ allow: , who: any }"), "4:5: error: no operation is given")
BAD(op_mapping, RULE("{ allow: [{ a: b }], who: any }"),
    "4:13: error: an operation must be a name, this is a mapping")
BAD(who_empty, RULE("{ allow: open, who: [] }"), "4:23: error: the list is empty")
BAD(who_nothing, RULE("{ allow: open, who: }"), "4:18: error: no process is given")
BAD(who_nested, RULE("{ allow: open, who: [[any]] }"), "4:24: error: a list inside a list")
BAD(undefined_process, RULE("{ allow: open, who: qemu }"), "4:23: error: there is no process 'qemu'")
BAD(undefined_device, RULE("{ allow: bind, who: any, device: gpu }"), "4:36: error: there is no device 'gpu'")
BAD(undefined_ioas, RULE("{ allow: attach, who: any, to: [any, x] }"), "4:40: error: there is no IOAS 'x'")
BAD(kinds_are_apart, HEAD "ioas:\n  x: { name: x }\nrules:\n- { allow: open, who: x }\n",
    "6:23: error: there is no process 'x'")
BAD(open_has_no_device, RULE("{ allow: open, who: any, device: any }"),
    "4:28: error: 'open' is not about a device")
BAD(ioas_alloc_has_no_device, RULE("{ allow: [bind, ioas-alloc], who: any, device: any }"),
    "4:42: error: 'ioas-alloc' is not about a device")
BAD(ioas_name_has_no_device, RULE("{ allow: ioas-name, who: any, device: any }"),
    "4:33: error: 'ioas-name' is not about a device")
BAD(attach_has_no_from, RULE("{ allow: [move, attach], who: any, from: any }"),
    "4:38: error: 'attach' has no 'from' IOAS")
BAD(detach_has_no_to, RULE("{ allow: detach, who: any, to: any }"), "4:30: error: 'detach' has no 'to' IOAS")
BAD(bind_has_no_to, RULE("{ allow: bind, who: any, to: any }"), "4:28: error: 'bind' has no 'to' IOAS")

/* Values */
BAD(star_inside, DEVICE("driver: \"a*b\""), "4:46: error: '*' is allowed at the end of a pattern only")
BAD(star_twice, DEVICE("driver: \"a**\""), "4:46: error: '*' is allowed at the end of a pattern only")
BAD(star_alone, DEVICE("driver: \"*\""), "4:46: error: '*' alone is no condition")
BAD(star_alone_name, RULE("{ allow: attach, who: any, to: { name: \"*\" } }"),
    "4:42: error: '*' alone is no condition")
BAD(value_empty, DEVICE("driver: \"\""), "4:46: error: no value is given")
BAD(value_nothing, DEVICE("driver:"), "4:38: error: no value is given")
BAD(ioas_name_nothing, RULE("{ allow: attach, who: any, to: { name: } }"), "4:36: error: no value is given")
BAD(value_empty_list, DEVICE("driver: []"), "4:46: error: the list is empty")
BAD(value_mapping, DEVICE("driver: { a: b }"), "4:46: error: a value must be text, this is a mapping")
BAD(value_nested, DEVICE("driver: [[a]]"), "4:47: error: a value must be text, this is a list")
BAD(value_too_long, DEVICE("driver: a123456789b123456789c123456789d1"),
    "4:46: error: 'a123456789b123456789c123456789d1' is longer than 31 characters and can match nothing")
BAD(value_space, DEVICE("driver: a b"), "4:46: error: 'a b' can match nothing")
BAD(value_not_ascii, DEVICE("driver: \xc3\xa4"), "4:46: error: '\xc3\xa4' can match nothing")
BAD(class_short, DEVICE("class: 0c03"), "4:45: error: '0c03' is not a class code")
BAD(class_long, DEVICE("class: 0c0300ff"), "4:45: error: '0c0300ff' is not a class code")
BAD(class_0x, DEVICE("class: \"0x03*\""), "4:45: error: '0x03*' is not a class code")
BAD(id_short, DEVICE("id: \"10de\""), "4:42: error: '10de' is not a vendor and device id")
BAD(id_dash, DEVICE("id: 10de-2204"), "4:42: error: '10de-2204' is not a vendor and device id")
BAD(address_no_domain, DEVICE("address: 3b:00.0"), "4:47: error: the PCI address '3b:00.0' lacks its domain")
BAD(address_short, DEVICE("address: \"0000:3b\""), "4:47: error: '0000:3b' is not a whole PCI address")
BAD(exe_relative, WHO("exe: qemu"), "4:30: error: 'qemu' is not an absolute path")
BAD(exe_pattern, WHO("exe: \"/usr/bin/qemu*\""),
    "4:30: error: an executable is one file, '*' means nothing in its path")
BAD(exe_directory, WHO("exe: /usr/bin"), "4:30: error: '/usr/bin' is not a file, no process can run it")
BAD(exe_nothing, WHO("exe:"), "4:25: error: no value is given")
BAD(user_pattern, WHO("user: \"a*\""), "4:31: error: a user is one name, without '*', '?' and '['")
BAD(group_pattern, WHO("group: \"a*\""), "4:32: error: a group is one name, without '*', '?' and '['")
BAD(group_octal, WHO("group: 010"), "4:32: error: '010' is not a gid")
BAD(user_octal, WHO("user: 010"), "4:31: error: '010' is not a uid")
BAD(user_huge, WHO("user: 99999999999999999999"), "4:31: error: '99999999999999999999' is not a uid")
BAD(user_reserved, WHO("user: 4294967295"), "4:31: error: '4294967295' is not a uid")
BAD(user_nothing, WHO("user:"), "4:25: error: no value is given")

/* Tests */
#define TEST(test) HEAD "rules:\n- { deny: open, who: any }\ntests:\n- " test "\n"
BAD(test_text, TEST("x"), "6:3: error: a test must be a mapping, this is text")
BAD(test_no_op, TEST("{ who: { user: root }, expect: deny }"), "6:3: error: a test has no 'op'")
BAD(test_no_who, TEST("{ op: open, expect: deny }"), "6:3: error: a test has no 'who'")
BAD(test_no_expect, TEST("{ who: { user: root }, op: open }"), "6:3: error: a test has no 'expect'")
BAD(test_expect, TEST("{ who: { user: root }, op: open, expect: denied }"),
    "6:44: error: unknown expectation")
BAD(test_two_ops, TEST("{ who: { user: root }, op: [open], expect: deny }"),
    "6:30: error: a test is about one operation")
BAD(test_any, TEST("{ who: any, op: open, expect: deny }"),
    "6:10: error: a test is about one process, not about any")
BAD(test_list, TEST("{ who: { user: [root, games] }, op: open, expect: deny }"),
    "6:10: error: a test is about one process, this can be several")
BAD(test_pattern, TEST("{ who: { user: root }, op: bind, device: { driver: \"a*\" }, expect: deny }"),
    "6:44: error: a test is about one device, this can be several")
BAD(test_device_on_open, TEST("{ who: { user: root }, op: open, device: { driver: a }, expect: deny }"),
    "6:36: error: 'open' is not about a device")
BAD(test_undefined, TEST("{ who: qemu, op: open, expect: deny }"), "6:10: error: there is no process 'qemu'")

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
	struct loaded loaded = load_text(HEAD "modus: x\nioas:\n  a: { name: \"a*b\" }\nrules:\n"
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
