// SPDX-License-Identifier: GPL-2.0
/*
 * `suggest`: rules that would allow what was denied, or would have been by a permissive policy, each with
 * what it opens. Reads what `log -j` writes. Whoever was denied chose some of what stands there, so
 * nothing of it becomes a rule that says more than the one request did.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "exe_search.h"
#include "json.h"
#include "message.h"
#include "policy_private.h"
#include "words.h"

/* Rules beyond that would be a policy nobody reads */
#define MAX_WISHES 4096

/* A process, as a rule speaks of it. exe: as the log names it, or "" */
struct party {
	uint64_t exe_dev, exe_ino;
	int64_t uid;
	const char *exe;
};

/* Requests of one process about one device and the same IOASes: one rule with all their operations */
struct wish {
	struct party who;
	struct party recipient;                  /* of a hand-over, else all zero */
	int64_t group;
	const char *comm;                        /* of who, "": not known */
	const char *address, *id, *class;        /* "": the operations have no device */
	const char *from, *to;                   /* NULL: the operations have no such side */
	uint32_t ops;
	const char *denied_by; /* not by lack of a rule: what a person must change instead, or NULL */
	const char *last;      /* time */
	unsigned int count;
};

struct wishes {
	struct arena arena;
	struct identities identities;
	struct wish *wish;
	size_t nr, nr_lines;
	bool too_many;
};

/* --- reading the log ------------------------------------------------------------------------------------- */

static const char *keep(struct wishes *wishes, const char *text)
{
	char *copy = arena_strdup(&wishes->arena, text);

	return copy ? copy : "";
}

/* The operation that a rule would have to allow, or -1. Of the guards two give way to a rule. */
static int wanted_op(struct json_object *record)
{
	const char *name = words_string(record, "op");

	if (!strcmp(words_string(record, "event"), "guard")) {
		if (!strcmp(name, "hand-over"))
			return POLICY_OP_HAND_OVER;
		/* Of another node than that it is not said which device's it is */
		return !strcmp(name, "device-files") && !strcmp(words_string(record, "object"), "/dev/iommu") ?
			IOMMUFD_LSM_OP_ctx_open : -1;
	}
	for (int op = 0; op < IOMMUFD_LSM_OP_COUNT; op++)
		if (!strcmp(policy_op_name[op], name))
			return op;
	return -1;
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool same_party(const struct party *a, const struct party *b)
{
	return a->exe_dev == b->exe_dev && a->exe_ino == b->exe_ino && a->uid == b->uid && same_text(a->exe, b->exe);
}

/* Of a hand-over the operations do not differ, and no other operation has a recipient */
static bool same_wish(const struct wish *a, const struct wish *b)
{
	return same_party(&a->who, &b->who) && same_party(&a->recipient, &b->recipient) &&
	       same_text(a->address, b->address) && same_text(a->id, b->id) &&
	       same_text(a->class, b->class) && same_text(a->from, b->from) && same_text(a->to, b->to) &&
	       same_text(a->denied_by, b->denied_by);
}

/* Why a rule that allows would not help, or NULL if it would */
static const char *obstacle(struct wishes *wishes, struct json_object *record)
{
	const char *reason = words_string(record, "reason");
	char *text = NULL;
	const char *kept;

	if (json_object_object_get_ex(record, "rule", NULL)) {
		if (asprintf(&text, "rule %" PRId64 ", %s:%" PRId64 ": %s, which no rule that allows can overrule",
			     words_number(record, "rule"), words_string(record, "file"),
			     words_number(record, "line"), words_string(record, "text")) < 0)
			return "a rule";
		kept = keep(wishes, text);
		free(text);
		return kept;
	}
	if (!strncmp(reason, "another program", 15))
		return "another BPF program on the hooks";
	return NULL;
}

/* Whether @record is about something that was denied, or would have been */
static bool is_wish(struct json_object *record)
{
	struct json_object *permissive;

	if (!strcmp(words_string(record, "verdict"), "denied"))
		return true;
	return json_object_object_get_ex(record, "permissive", &permissive) &&
	       json_object_get_boolean(permissive);
}

/* What a record must have, or NULL: what it lacks must not become a rule about anything */
static const char *lacks(struct json_object *record, int op)
{
	static const struct {
		const char *key;
		enum side side;
	} needed[] = {
		{ "uid", SIDE_WHO }, { "device", SIDE_DEVICE }, { "from", SIDE_FROM }, { "to", SIDE_TO },
		{ "giver_uid", SIDE_RECIPIENT },
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++)
		if (policy_op_side[op][needed[i].side] &&
		    !json_object_object_get_ex(record, needed[i].key, NULL))
			return needed[i].key;
	return policy_op_side[op][SIDE_DEVICE] && !words_string(record, "device")[0] ? "device" : NULL;
}

/* @of: what the fields about it begin with */
static struct party read_party(struct wishes *wishes, struct json_object *record, const char *of)
{
	struct party party;
	char name[32];

#define FIELD(what) (snprintf(name, sizeof(name), "%s" what, of), name)
	party.exe_dev = words_number(record, FIELD("exe_dev"));
	party.exe_ino = words_number(record, FIELD("exe_ino"));
	party.uid = words_number(record, FIELD("uid"));
	party.exe = keep(wishes, words_string(record, FIELD("exe")));
#undef FIELD
	return party;
}

static void add_record(struct wishes *wishes, struct json_object *record, int op)
{
	struct wish wish = { .count = 1 };
	size_t i;

	if (op == POLICY_OP_HAND_OVER) {
		wish.who = read_party(wishes, record, "giver_");
		wish.recipient = read_party(wishes, record, "");
		wish.comm = "";
	} else {
		wish.who = read_party(wishes, record, "");
		wish.comm = keep(wishes, words_string(record, "comm"));
	}
	wish.group = words_number(record, "group");
	wish.last = keep(wishes, words_string(record, "time"));
	wish.address = keep(wishes, words_string(record, "device"));
	wish.id = keep(wishes, words_string(record, "id"));
	wish.class = keep(wishes, words_string(record, "class"));
	if (policy_op_side[op][SIDE_FROM])
		wish.from = keep(wishes, words_string(record, "from"));
	if (policy_op_side[op][SIDE_TO])
		wish.to = keep(wishes, words_string(record, "to"));
	wish.ops = 1u << op;
	wish.denied_by = obstacle(wishes, record);
	for (i = 0; i < wishes->nr; i++)
		if (same_wish(&wishes->wish[i], &wish))
			break;
	if (i < wishes->nr) {
		wishes->wish[i].ops |= wish.ops;
		wishes->wish[i].count++;
		wishes->wish[i].last = wish.last;
	} else if (wishes->nr < MAX_WISHES) {
		wishes->wish[wishes->nr++] = wish;
	} else {
		wishes->too_many = true;
	}
}

/* Return: an exit status */
static int read_record(struct wishes *wishes, struct json_object *record, const char *name)
{
	int op = wanted_op(record);
	const char *missing;

	if (op < 0 || !is_wish(record))
		return EXIT_DONE;
	missing = lacks(record, op);
	if (missing) {
		message_error("a file that 'iommufd-lsm log -j' wrote",
			      "%s:%zu: the record of '%s' lacks '%s'", name, wishes->nr_lines,
			      policy_op_name[op], missing);
		return EXIT_UNUSABLE;
	}
	add_record(wishes, record, op);
	return EXIT_DONE;
}

/* Return: an exit status */
static int read_lines(struct wishes *wishes, FILE *file, const char *name)
{
	struct json_object *record;
	char *line = NULL;
	size_t room = 0;
	int rc = EXIT_DONE;

	while (getline(&line, &room, file) > 0) {
		wishes->nr_lines++;
		if (!line[strspn(line, " \t\r\n")])
			continue;
		record = json_tokener_parse(line);
		if (!json_object_is_type(record, json_type_object)) {
			message_error("a file that 'iommufd-lsm log -j' wrote",
				      "%s:%zu: this line is no record of the log", name,
				      wishes->nr_lines);
			rc = EXIT_UNUSABLE;
		} else {
			rc = read_record(wishes, record, name);
		}
		json_object_put(record);
		if (rc)
			break;
	}
	if (ferror(file)) {
		message_error(NULL, "cannot read '%s': %s", name, strerror(errno));
		rc = EXIT_FAILED;
	}
	free(line);
	return rc;
}

/* The log of this machine, by this very program: what it writes is what is read from files, too */
static int read_log(struct wishes *wishes)
{
	int pipe_fd[2], status, rc;
	FILE *file;
	pid_t pid;

	if (pipe2(pipe_fd, O_CLOEXEC)) {
		message_error(NULL, "cannot read the log: %s", strerror(errno));
		return EXIT_FAILED;
	}
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (dup2(pipe_fd[1], STDOUT_FILENO) < 0)
			_exit(127);
		execl("/proc/self/exe", "iommufd-lsm", "log", "-j", (char *)NULL);
		_exit(127);
	}
	close(pipe_fd[1]);
	file = pid > 0 ? fdopen(pipe_fd[0], "re") : NULL;
	rc = file ? read_lines(wishes, file, "the log") : EXIT_FAILED;
	if (file)
		fclose(file);
	else
		close(pipe_fd[0]);
	if (pid > 0 && waitpid(pid, &status, 0) == pid && !(WIFEXITED(status) && !WEXITSTATUS(status)) && !rc)
		rc = EXIT_FAILED; /* which said why */
	return rc;
}

static int read_file(struct wishes *wishes, const char *name)
{
	FILE *file = strcmp(name, "-") ? fopen(name, "re") : stdin;
	int rc;

	if (!file) {
		message_error(NULL, "cannot read '%s': %s", name, strerror(errno));
		return EXIT_UNUSABLE;
	}
	rc = read_lines(wishes, file, name);
	if (file != stdin)
		fclose(file);
	return rc;
}

/* --- writing rules -------------------------------------------------------------------------------------------- */

/* A comment ends with its line, whatever a process called itself */
static void put_comment(FILE *out, const char *text)
{
	for (; *text; text++)
		fputc((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e ? '?' : *text, out);
}

/* A value of a pattern's language that is no pattern: what is written stands for itself alone */
static bool is_exact(const char *text)
{
	return strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/@+=,-") ==
	       strlen(text);
}

static void put_quoted(FILE *out, const char *text)
{
	struct json_object *string = json_object_new_string(text);

	fputs(json_object_to_json_string_ext(string, JSON_C_TO_STRING_NOSLASHESCAPE), out);
	json_object_put(string);
}

static void put_ops(FILE *out, uint32_t ops)
{
	const char *comma = "";

	for (unsigned int op = 0; op < POLICY_OP_BITS; op++) {
		if (!(ops & 1u << op))
			continue;
		fprintf(out, "%s%s", comma, policy_op_name[op]);
		comma = ", ";
	}
}

static void put_user(FILE *out, int64_t uid)
{
	const struct passwd *entry = getpwuid(uid);

	if (entry && is_exact(entry->pw_name))
		fprintf(out, "%s", entry->pw_name);
	else
		fprintf(out, "\"%" PRId64 "\"", uid);
}

static bool is_hand_over(const struct wish *wish)
{
	return wish->ops & 1u << POLICY_OP_HAND_OVER;
}

static void put_party_words(FILE *out, const struct party *party, const char *exe, const char *comm)
{
	put_comment(out, exe ? exe : comm[0] ? comm : "a program that is not known");
	fputs(", run by user ", out);
	put_user(out, party->uid);
}

static bool has_id(const struct wish *wish)
{
	return wish->id[0] && strcmp(wish->id, "0000:0000");
}

static void put_opening(FILE *out, const struct wish *wish, const char *exe, const char *recipient)
{
	fputs("  # opens: ", out);
	put_party_words(out, &wish->who, exe, wish->comm);
	fputs(", may ", out);
	put_ops(out, wish->ops);
	if (is_hand_over(wish)) {
		fputs(" what it opened to ", out);
		put_party_words(out, &wish->recipient, recipient, "");
	}
	if (wish->address[0]) {
		fputs(" ", out);
		put_comment(out, wish->address);
		if (has_id(wish)) {
			fputs(" (", out);
			put_comment(out, wish->id);
			fputs(", class ", out);
			put_comment(out, wish->class);
			fputs(")", out);
		}
	}
	if (wish->from) {
		fprintf(out, " from %s", wish->from[0] ? "" : "what has no name");
		put_comment(out, wish->from);
	}
	if (wish->to) {
		fprintf(out, " to %s", wish->to[0] ? "" : "what has no name");
		put_comment(out, wish->to);
	}
	fprintf(out, ";\n  #   asked for %u time%s, last ", wish->count, wish->count == 1 ? "" : "s");
	put_comment(out, wish->last);
	fputc('\n', out);
	if (wish->ops & 1u << IOMMUFD_LSM_OP_device_bind)
		fprintf(out, "  #   a bind claims the device's whole IOMMU group %" PRId64 "\n", wish->group);
	if ((wish->to && !wish->to[0]) || (wish->from && !wish->from[0]))
		fputs("  #   any IOAS without a name is meant: a program that names its own can be told apart\n",
		      out);
}

static void put_side(FILE *out, const char *dash, const char *side, const char *name)
{
	fprintf(out, "%s  %s: { name: ", dash, side);
	put_quoted(out, name);
	fputs(" }\n", out);
}

static void put_party(FILE *out, const char *dash, const char *side, const struct party *party, const char *exe)
{
	fprintf(out, "%s  %s: { exe: ", dash, side);
	put_quoted(out, exe ? exe : "/path/of/the/executable");
	fputs(", user: ", out);
	put_user(out, party->uid);
	fputs(" }\n", out);
}

/* A rule, on lines that begin with @dash: as it is, or as a comment */
static void put_rule(FILE *out, const struct wish *wish, const char *exe, const char *recipient, bool commented)
{
	const char *dash = commented ? "  # " : "  ";

	fprintf(out, "%s- allow: [", dash);
	put_ops(out, wish->ops);
	fputs("]\n", out);
	put_party(out, dash, "who", &wish->who, exe);
	if (is_hand_over(wish))
		put_party(out, dash, "recipient", &wish->recipient, recipient);
	if (wish->address[0]) {
		fprintf(out, "%s  device: { address: ", dash);
		put_quoted(out, wish->address);
		if (has_id(wish)) {
			fputs(", id: ", out);
			put_quoted(out, wish->id);
		}
		fputs(" }\n", out);
	}
	if (wish->from)
		put_side(out, dash, "from", wish->from);
	if (wish->to)
		put_side(out, dash, "to", wish->to);
}

/* The path of its executable, or NULL: it was not found */
static const char *find_exe(struct wishes *wishes, const struct party *party)
{
	return party->exe[0] ? party->exe : exe_search(&wishes->identities, party->exe_dev, party->exe_ino);
}

/* Return: whether it is a rule, and not a comment about one */
static bool put_wish(FILE *out, struct wishes *wishes, const struct wish *wish)
{
	const char *exe = find_exe(wishes, &wish->who), *recipient = NULL;
	const struct party *missing = exe ? NULL : &wish->who;
	bool exact;

	if (is_hand_over(wish)) {
		recipient = find_exe(wishes, &wish->recipient);
		if (!missing && !recipient)
			missing = &wish->recipient;
	}
	exact = is_exact(wish->address) && is_exact(wish->id) && (!wish->from || is_exact(wish->from)) &&
		(!wish->to || is_exact(wish->to)) && (!exe || is_exact(exe)) && (!recipient || is_exact(recipient));
	put_opening(out, wish, exe, recipient);
	if (wish->denied_by) {
		fputs("  #   no rule is suggested: it was denied by ", out);
		put_comment(out, wish->denied_by);
		fputs("\n\n", out);
		return false;
	}
	if (!exact)
		fputs("  #   not as a rule: a name in it is also a pattern, and would open more\n", out);
	else if (missing)
		fprintf(out, "  #   not as a rule: %s executable, inode %" PRIu64 " of device %" PRIu64 ":%" PRIu64
			", was not found; fill it in\n", missing == &wish->who ? "its" : "the recipient's",
			missing->exe_ino, missing->exe_dev >> 20, missing->exe_dev & 0xfffff);
	if (exact)
		put_rule(out, wish, exe, recipient, missing);
	fputc('\n', out);
	return exact && !missing;
}

/* The whole as one document; @nr_rules: how many of it are rules */
static char *write_policy(struct wishes *wishes, size_t *nr_rules)
{
	char *rules = NULL, *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&rules, &size);

	*nr_rules = 0;
	if (!out)
		return NULL;
	for (i = 0; i < wishes->nr; i++)
		*nr_rules += put_wish(out, wishes, &wishes->wish[i]);
	if (fclose(out))
		return NULL;
	/* A key without a value would be no policy */
	if (asprintf(&text, "# Suggested from %zu records of the log. Read each rule before you load it:\n"
		     "#   iommufd-lsm list > running.yaml; iommufd-lsm load running.yaml THIS_FILE\n"
		     "version: 1\n%s%s%s", wishes->nr_lines, *nr_rules ? "rules:\n" : "", rules,
		     wishes->nr ? "" : "# nothing was denied\n") < 0)
		text = NULL;
	free(rules);
	return text;
}

static int print_policy(struct wishes *wishes, const struct options *options)
{
	struct json_object *object;
	size_t nr_rules;
	char *text = write_policy(wishes, &nr_rules);

	if (!text) {
		message_error(NULL, "out of memory");
		return EXIT_FAILED;
	}
	if (options->json) {
		object = json_object_new_object();
		json_add_number(object, "rules", nr_rules);
		json_add_number(object, "not_suggested", wishes->nr - nr_rules);
		json_add_string(object, "yaml", text);
		json_print(object);
	} else {
		fputs(text, stdout);
	}
	free(text);
	if (wishes->too_many)
		message_warning("loading these, and again", "only the first %d rules are shown", MAX_WISHES);
	return EXIT_DONE;
}

int cmd_suggest(const struct options *options, int nr_files, char **files)
{
	struct wishes wishes = { 0 };
	int rc;

	wishes.identities.arena = &wishes.arena;
	wishes.wish = calloc(MAX_WISHES, sizeof(*wishes.wish));
	if (!wishes.wish) {
		message_error(NULL, "out of memory");
		return EXIT_FAILED;
	}
	rc = nr_files ? read_file(&wishes, files[0]) : read_log(&wishes);
	if (!rc)
		rc = print_policy(&wishes, options);
	arena_free(&wishes.arena);
	free(wishes.wish);
	return rc;
}
