// SPDX-License-Identifier: GPL-2.0
/*
 * Makes a policy's own words of what the command line asks, so that a question knows every key and every
 * name that a test in a policy knows, and mistakes are explained alike.
 */
#include "question.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "pci.h"
#include "runtime.h"
#include "words.h"

/* How messages call it */
#define QUESTION "the question"
#define IN_FORCE "the policy in force"

/* As a double-quoted scalar: JSON's strings are YAML's */
static void put_quoted(FILE *out, const char *text, size_t len)
{
	struct json_object *string = json_object_new_string_len(text, (int)len);

	fputs(json_object_to_json_string_ext(string, JSON_C_TO_STRING_NOSLASHESCAPE), out);
	json_object_put(string);
}

/* Whether @text begins with a key and '='; values may well have commas and '=' in them */
static size_t key_len(const char *text)
{
	size_t len = strspn(text, "abcdefghijklmnopqrstuvwxyz-");

	return len && text[len] == '=' ? len : 0;
}

/* The value behind "key=", up to the next key. Return: its length */
static size_t value_len(const char *value)
{
	size_t len = 0;

	while (value[len] && !(value[len] == ',' && key_len(value + len + 1)))
		len++;
	return len;
}

/* The next "key=value" whose key is that at @text, behind it; NULL if there is none */
static const char *find_again(const char *text)
{
	size_t key = key_len(text);
	const char *next = text;

	for (;;) {
		next += key_len(next) + 1;
		next += value_len(next);
		if (!*next)
			return NULL;
		next++;
		if (key_len(next) == key && !strncmp(next, text, key))
			return next;
	}
}

/* "key=value,key=value" as a mapping in flow style. A key that is there again makes a list: group=a,group=b */
static void put_map(FILE *out, const char *text)
{
	const char *comma = "{ ", *item = text;

	while (*item) {
		size_t key = key_len(item), len = value_len(item + key + 1);
		const char *again = find_again(item), *first = text;

		while (first != item && (key_len(first) != key || strncmp(first, item, key)))
			first += key_len(first) + 1 + value_len(first + key_len(first) + 1) + 1;
		if (first == item) {
			fprintf(out, "%s%.*s: %s", comma, (int)key, item, again ? "[" : "");
			put_quoted(out, item + key + 1, len);
			for (; again; again = find_again(again)) {
				fputs(", ", out);
				put_quoted(out, again + key + 1, value_len(again + key + 1));
				if (!find_again(again))
					fputs("]", out);
			}
			comma = ", ";
		}
		item += key + 1 + len;
		item += *item == ',';
	}
	fputs(" }", out);
}

static void put_device(FILE *out, const char *address)
{
	struct pci_device device;

	fputs("{ address: ", out);
	put_quoted(out, address, strlen(address));
	if (!pci_read(address, &device)) {
		fprintf(out, ", id: \"%04x:%04x\", class: \"%06x\"", device.vendor, device.device,
			device.class_code);
		if (device.driver[0]) {
			fputs(", driver: ", out);
			put_quoted(out, device.driver, strlen(device.driver));
		}
	}
	fputs(" }", out);
}

static void put_side(FILE *out, const char *name, const char *text)
{
	if (!text)
		return;
	fprintf(out, "  %s: ", name);
	if (key_len(text))
		put_map(out, text);
	else if (!strcmp(name, "device") && strchr(text, ':'))
		put_device(out, text);
	else
		put_quoted(out, text, strlen(text));
	fputc('\n', out);
}

char *question_yaml(const struct options *options)
{
	char *text = NULL;
	size_t size;
	FILE *out;

	if (!options->who || !options->op) {
		message_error("'--who exe=PATH,user=NAME --op OPERATION', and with a device '--device'",
			      "the question needs '--who' and '--op'");
		return NULL;
	}
	out = open_memstream(&text, &size);
	if (!out) {
		message_error(NULL, "out of memory");
		return NULL;
	}
	fputs("- expect: allow\n", out);
	put_side(out, "who", options->who);
	put_side(out, "op", options->op);
	put_side(out, "device", options->device);
	put_side(out, "from", options->from);
	put_side(out, "to", options->to);
	put_side(out, "recipient", options->recipient);
	if (fclose(out)) {
		message_error(NULL, "out of memory");
		free(text);
		return NULL;
	}
	return text;
}

/* The policy in force, as its words have it */
static int read_in_force(struct subject *subject, const char *cannot)
{
	struct json_object *yaml;
	struct runtime runtime;
	int rc;

	runtime_quiet(false);
	if (!runtime_check(cannot))
		return EXIT_FAILED;
	rc = runtime_open(cannot, &runtime);
	if (rc == -ENOENT)
		message_error("naming a file, or 'iommufd-lsm load FILE...'", "cannot %s: no policy is loaded",
			      cannot);
	if (rc)
		return EXIT_FAILED;
	subject->words = words_open(runtime.config.generation);
	runtime_close(&runtime);
	if (!subject->words || !json_object_object_get_ex(subject->words, "yaml", &yaml)) {
		message_error("to load it again", "cannot %s: the words of the policy are gone from '%s'",
			      cannot, RUNTIME_ACTIVE "/policies");
		return EXIT_FAILED;
	}
	subject->files[0] = yaml_read_text(IN_FORCE, json_object_get_string(yaml),
					   json_object_get_string_len(yaml), &subject->messages);
	return subject->files[0] && subject->files[0]->root ? 0 : EXIT_UNUSABLE;
}

static int add_question(struct subject *subject, const char *request)
{
	struct yaml_file *file;
	char *text = NULL;
	int len = asprintf(&text, "version: 1\ntests:\n%s", request);

	if (len < 0)
		return EXIT_FAILED;
	file = yaml_read_text(QUESTION, text, len, &subject->messages);
	free(text);
	subject->files[subject->nr_files++] = file;
	return file && file->root ? 0 : EXIT_UNUSABLE;
}

int subject_open(struct subject *subject, const char *cannot, char *const *paths, size_t nr,
		 const char *request, const struct subject *like)
{
	int rc;

	*subject = (struct subject){ .messages = { .stream = stderr, .errors_only = true } };
	subject->files = calloc(nr + 2, sizeof(*subject->files));
	if (!subject->files) {
		message_error(NULL, "out of memory");
		return EXIT_FAILED;
	}
	subject->nr_files = nr ? nr : 1;
	if (nr)
		rc = policy_read_files((const char *const *)paths, nr, &subject->messages,
				       subject->files) ? EXIT_UNUSABLE : 0;
	else
		rc = read_in_force(subject, cannot);
	if (!rc && request)
		rc = add_question(subject, request);
	if (!rc) {
		subject->draft.messages = &subject->messages;
		subject->draft.file = subject->files;
		subject->draft.nr_files = subject->nr_files;
		if (like)
			subject->draft.identities = like->draft.identities;
		if (policy_build(&subject->draft, &subject->policy))
			rc = EXIT_UNUSABLE;
	}
	messages_finish(&subject->messages);
	return rc;
}

void subject_close(struct subject *subject)
{
	policy_free(subject->policy);
	arena_free(&subject->draft.arena);
	for (size_t i = 0; subject->files && i < subject->nr_files; i++)
		yaml_free(subject->files[i]);
	free(subject->files);
	json_object_put(subject->words);
	*subject = (struct subject){ 0 };
}

void subject_rule(const struct subject *subject, uint32_t rule, const char **file, int *line,
		  const char **text)
{
	const struct policy_rule *out = &subject->policy->rules[rule];

	if (subject->words && words_rule(subject->words, rule, file, line, text))
		return;
	*file = out->file;
	*line = out->line;
	*text = out->text;
}
