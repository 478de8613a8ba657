// SPDX-License-Identifier: GPL-2.0
/*
 * Files that are no policies: whatever is given, the answer is a message and exit status 2, never a crash
 * or a hang.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "policy_text.h"

/* One of everything, valid */
static const char whole[] =
	"# comment\n"
	"version: 1\n"
	"name: \"whole\"\n"
	"mode: permissive\n"
	"processes:\n"
	"  a: { exe: /bin/sh, user: [root, 1000] }\n"
	"  b:\n"
	"    user: 0\n"
	"devices:\n"
	"  d: { address: \"0000:01:00.0\", id: '10de:*', class: 03*, driver: iommufd-vfio-pci }\n"
	"ioas:\n"
	"  g: { name: [\"guest-*\", ''] }\n"
	"rules:\n"
	"  - allow: [open, ioas-alloc]\n"
	"    who: [a, b]\n"
	"  - deny: move\n"
	"    who: any\n"
	"    device: [d, { class: 0c03* }]\n"
	"    from: g\n"
	"    to:\n"
	"      name: >-\n"
	"        folded\n"
	"tests:\n"
	"  - { who: b, op: open, expect: allow }\n";

static void check_path(const char *path, const char *message)
{
	struct loaded loaded = load_paths(&path, 1);
	char *line = NULL;

	cr_assert_neq(asprintf(&line, "%s%s", path, message), -1);
	cr_expect_eq(loaded.rc, 2);
	cr_expect_null(loaded.policy);
	cr_expect(said_line(&loaded, line), "expected: %s\nsaid:\n%s", line, loaded.said);
	cr_expect_eq(loaded.errors, 1, "%s", loaded.said);
	free(line);
	unload(&loaded);
}

/* The text of a rule, which the log shows, is cut to a size; what is cut is a little longer each time */
Test(policy_input, long_rule_is_cut_at_any_length)
{
	char last[32] = "";

	for (size_t len = 1; len < sizeof(last); len++) {
		struct loaded loaded;
		const char *text, *end;
		char *policy;
		size_t size;
		FILE *out = open_memstream(&policy, &size);

		memset(last, 'x', len);
		cr_assert(out);
		fputs(HEAD "rules:\n- { allow: attach, who: any, to: { name: [", out);
		for (int i = 0; i < 78; i++)
			fprintf(out, "n%09d, ", i);
		fprintf(out, "%s] } }\n", last);
		cr_assert_eq(fclose(out), 0);
		loaded = load_text(policy);
		cr_assert(loaded.policy, "%s", loaded.said);
		text = loaded.policy->rules[0].text;
		cr_expect_leq(strlen(text), 1000, "%zu", strlen(text));
		end = text + strlen(text);
		cr_expect(end[-1] == '}' || !strcmp(end - 3, "..."), "%s", text);
		unload(&loaded);
		free(policy);
	}
}

Test(policy_input, file_is_not_there)
{
	check_path("/no/such/file", ": error: cannot open it: No such file or directory");
}

Test(policy_input, directory)
{
	check_path("/usr", ": error: this is a directory");
}

Test(policy_input, device)
{
	check_path("/dev/zero", ": error: this is neither a file nor a pipe");
}

Test(policy_input, empty_file)
{
	check_path(temp_file("empty", "", 0), ": error: the file is empty");
}

Test(policy_input, binary_file)
{
	check_path(temp_file("nul", "version: 1\nname: \0x\n", 20),
		   ":2:7: error: a NUL byte (0x00), this is no text");
}

Test(policy_input, huge_file)
{
	size_t len = (1 << 20) + 1;
	char *text = malloc(len);

	memset(text, '#', len);
	check_path(temp_file("huge", text, len), ": error: larger than 1 MiB, too large for a policy");
	free(text);
}

Test(policy_input, fifo_nobody_writes_to, .timeout = 300)
{
	char *path = NULL;

	cr_assert_neq(asprintf(&path, "%s/fifo", temp_dir()), -1);
	cr_assert_eq(mkfifo(path, 0600), 0);
	check_path(path, ": error: the file is empty");
	unlink(path);
	free(path);
}

Test(policy_input, unreadable_file)
{
	char *path = temp_file("unreadable", whole, strlen(whole));

	cr_assert_eq(chmod(path, 0), 0);
	cr_assert_eq(chmod(temp_dir(), 0755), 0);
	if (!geteuid() && seteuid(65534))
		cr_skip_test("cannot become somebody who may not read everything");
	check_path(path, ": error: cannot open it: Permission denied");
	cr_assert_eq(seteuid(getuid()), 0);
}

Test(policy_input, the_same_file_twice)
{
	const char *paths[2];
	struct loaded loaded;

	paths[0] = paths[1] = temp_file("twice", whole, strlen(whole));
	loaded = load_paths(paths, 2);
	cr_expect_eq(loaded.rc, 2);
	cr_expect(strstr(loaded.said, "is given twice"), "%s", loaded.said);
	unload(&loaded);
}

Test(policy_input, no_file)
{
	struct loaded loaded = load_paths(NULL, 0);

	cr_expect_eq(loaded.rc, 2);
	unload(&loaded);
}

Test(policy_input, all_bad_files_are_named)
{
	const char *paths[] = { "/no/a", temp_file("good", whole, strlen(whole)), "/no/b" };
	struct loaded loaded = load_paths(paths, 3);

	cr_expect_eq(loaded.rc, 2);
	cr_expect_eq(loaded.errors, 2, "%s", loaded.said);
	unload(&loaded);
}

Test(policy_input, crlf_and_byte_order_mark_are_fine)
{
	struct loaded loaded = load_text("\xef\xbb\xbfversion: 1\r\nname: t\r\nrules:\r\n"
					 "- allow: opn\r\n  who: any\r\n");

	cr_expect_eq(loaded.rc, 2);
	cr_expect(said_line(&loaded, "p.yaml:4:10: error: unknown operation 'opn'"), "%s", loaded.said);
	cr_expect(said_line(&loaded, "    4 | - allow: opn"), "%s", loaded.said);
	unload(&loaded);
}

/* Cut off anywhere, a policy is a smaller policy or an error */
Test(policy_input, truncated_at_every_byte, .timeout = 300)
{
	struct loaded loaded = load_text(whole);

	cr_assert_eq(loaded.rc, 0, "%s", loaded.said);
	cr_assert_eq(loaded.warnings, 0, "%s", loaded.said);
	unload(&loaded);
	for (size_t len = 0; len < strlen(whole); len++) {
		loaded = load_bytes(whole, len);
		cr_expect(loaded.rc == 0 || loaded.rc == 2, "%zu bytes: %d", len, loaded.rc);
		cr_expect_eq(!loaded.rc, !!loaded.policy, "%zu bytes", len);
		cr_expect_eq(!loaded.rc, !loaded.errors, "%zu bytes: %s", len, loaded.said);
		unload(&loaded);
	}
}

/* Bytes changed, removed, doubled: nothing to say about the result but that there is one */
Test(policy_input, mutated, .timeout = 300)
{
	static const char interesting[] = "{}[],:#&*!|>'\"%@`-? \n\t\\~^0a\x7f\xc3\xff";
	unsigned int seed = 1;
	char text[sizeof(whole) + 64];

	for (unsigned int round = 0; round < 4000; round++) {
		size_t len = strlen(whole);
		struct loaded loaded;

		memcpy(text, whole, len);
		for (unsigned int n = 0; n <= round % 4; n++) {
			size_t at = rand_r(&seed) % len, more = rand_r(&seed) % 16 + 1;

			switch (rand_r(&seed) % 4) {
			case 0:
				text[at] = interesting[rand_r(&seed) % (sizeof(interesting) - 1)];
				break;
			case 1:
				text[at] ^= 1 << rand_r(&seed) % 7;
				break;
			case 2:
				if (len + more > sizeof(text) || at + more > len)
					break;
				memmove(text + at + more, text + at, len - at);
				len += more;
				break;
			default:
				if (at + more > len)
					break;
				memmove(text + at, text + at + more, len - at - more);
				len -= more;
				break;
			}
		}
		loaded = load_bytes(text, len);
		cr_expect(loaded.rc >= 0 && loaded.rc <= 2, "round %u: %d", round, loaded.rc);
		cr_expect_eq(!loaded.rc, !!loaded.policy, "round %u", round);
		cr_expect_eq(!loaded.rc, !loaded.errors, "round %u: %s", round, loaded.said);
		unload(&loaded);
	}
}

/* Sizes at which a step for each pair would take minutes */
static void check_large(const char *head, const char *item, int rc)
{
	char *text = malloc(1 << 20);
	size_t len = sprintf(text, "%s", head);
	struct loaded loaded;

	for (unsigned int i = 0; len + 200 < 1 << 20; i++)
		len += sprintf(text + len, item, i, i);
	loaded = load_bytes(text, len);
	cr_expect_eq(loaded.rc, rc, "%.2000s", loaded.said);
	cr_expect_lt(strlen(loaded.said), 100000);
	unload(&loaded);
	free(text);
}

Test(policy_input, many_unknown_keys, .timeout = 300)
{
	check_large(HEAD, "k%u: x%u\n", 2);
}

Test(policy_input, many_definitions, .timeout = 300)
{
	check_large(HEAD "ioas:\n", "  n%u: { name: x%u }\n", 0);
}

Test(policy_input, many_bad_rules, .timeout = 300)
{
	check_large(HEAD "rules:\n", "- { allow: open, who: x%u }\n", 2);
}

Test(policy_input, many_missing_executables, .timeout = 300)
{
	check_large(HEAD "rules:\n", "- { allow: open, who: { exe: /no/such/%u } }\n", 0);
}

Test(policy_input, many_rules, .timeout = 300)
{
	check_large(HEAD "rules:\n- { deny: attach, who: { user: 3 } }\n",
		    "- { allow: attach, who: { user: %u }, to: { name: x%u } }\n", 0);
}

Test(policy_input, many_tests, .timeout = 300)
{
	check_large(HEAD "rules:\n- { allow: ioas-name, who: any }\ntests:\n",
		    "- { who: { user: %u }, op: ioas-name, to: { name: x%u }, expect: allow }\n", 0);
}

Test(policy_input, one_long_line, .timeout = 300)
{
	check_large(HEAD "rules: [", "{ allow: open, who: { user: %u }, x%u: y }, ", 2);
}
