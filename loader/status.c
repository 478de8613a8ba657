// SPDX-License-Identifier: GPL-2.0
/*
 * `status` and `list`: what is in force, read from the pinned maps and from what the modules say in
 * /proc. Changes nothing.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "commands.h"
#include "graph.h"
#include "install.h"
#include "json.h"
#include "message.h"
#include "objects.h"
#include "runtime.h"
#include "words.h"

/* The guards that are on, by the names a policy gives them */
static struct json_object *guard_names(__u32 guards)
{
	static const struct {
		__u32 guard;
		const char *name;
	} names[] = {
		{ IOLSM_GUARD_DEVICE_FILES, "device-files" },
		{ IOLSM_GUARD_HAND_OVER, "hand-over" },
		{ IOLSM_GUARD_PTRACE, "ptrace" },
		{ IOLSM_GUARD_POLICY_OBJECTS, "policy-objects" },
	};
	struct json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (guards & names[i].guard)
			json_object_array_add(list, json_object_new_string(names[i].name));
	return list;
}

static void read_policy(struct json_object *status, const struct runtime *runtime)
{
	struct json_object *words = words_open(runtime->config.generation);
	struct json_object *policy = json_object_new_object();
	int there, wanted;

	there = install_links(runtime->flags, &wanted);
	if (words) {
		struct json_object *rules;

		json_add_string(policy, "name", words_string(words, "name"));
		json_add_number(policy, "loaded", words_number(words, "loaded"));
		if (json_object_object_get_ex(words, "rules", &rules))
			json_add_number(policy, "rules", json_object_array_length(rules));
		json_object_put(words);
	}
	json_add_string(policy, "mode", runtime->config.permissive ? "permissive" : "enforce");
	json_add_number(policy, "generation", runtime->config.generation);
	json_add_number(policy, "clauses", runtime->config.nr_clauses);
	json_object_object_add(policy, "guards", guard_names(runtime->flags & IOLSM_STATE_GUARDS ?
							     runtime->config.guards : 0));
	json_add_number(policy, "programs_attached", there);
	json_add_number(policy, "programs_wanted", wanted);
	json_add_bool(policy, "programs_called", runtime_calls_programs());
	json_object_object_add(status, "policy", policy);
}

static int64_t number_of(struct json_object *object, const char *name)
{
	return words_number(object, name);
}

static void print_guards(struct json_object *policy)
{
	struct json_object *list;
	size_t i, nr = 0;

	if (json_object_object_get_ex(policy, "guards", &list))
		nr = json_object_array_length(list);
	printf("guards          ");
	for (i = 0; i < nr; i++)
		printf(" %s", json_object_get_string(json_object_array_get_idx(list, i)));
	printf("%s\n", nr ? "" : " none");
}

static void print_policy(struct json_object *policy)
{
	time_t loaded = number_of(policy, "loaded");
	char when[64] = "at an unknown time";
	struct tm tm;

	if (loaded && localtime_r(&loaded, &tm))
		strftime(when, sizeof(when), "%F %T", &tm);
	printf("policy           %s\n", words_string(policy, "name"));
	printf("mode             %s\n", words_string(policy, "mode"));
	printf("generation       %" PRId64 ", loaded %s\n", number_of(policy, "generation"), when);
	printf("rules            %" PRId64 " (%" PRId64 " clauses)\n", number_of(policy, "rules"),
	       number_of(policy, "clauses"));
	print_guards(policy);
	printf("programs         %" PRId64 " of %" PRId64 " attached\n",
	       number_of(policy, "programs_attached"), number_of(policy, "programs_wanted"));
}

static void print_counters(struct json_object *hooks)
{
	printf("\n%-12s %10s %10s %10s %16s %15s\n", "operation", "asked", "granted", "denied",
	       "default-allowed", "default-denied");
	json_object_object_foreach(hooks, name, hook)
		printf("%-12s %10" PRId64 " %10" PRId64 " %10" PRId64 " %16" PRId64 " %15" PRId64 "\n", name,
		       number_of(hook, "asked"), number_of(hook, "granted"), number_of(hook, "denied"),
		       number_of(hook, "default_allowed"), number_of(hook, "default_denied"));
}

/* Each object of a list that belongs to context @id (0: all), as "  kind key=value ..." */
static void print_list(struct json_object *status, const char *kind, int64_t context)
{
	struct json_object *list;
	size_t i;

	if (!json_object_object_get_ex(status, kind, &list))
		return;
	for (i = 0; i < json_object_array_length(list); i++) {
		struct json_object *object = json_object_array_get_idx(list, i);

		if (number_of(object, "context") != context)
			continue;
		printf("  %-7s", kind);
		json_object_object_foreach(object, name, value)
			if (strcmp(name, "context") && *json_object_get_string(value))
				printf(" %s=%s", name, json_object_get_string(value));
		putchar('\n');
	}
}

static void print_objects(struct json_object *status)
{
	struct json_object *contexts;
	size_t i;

	if (!json_object_object_get_ex(status, "context", &contexts))
		return;
	if (!json_object_array_length(contexts))
		printf("\nno context is open\n");
	for (i = 0; i < json_object_array_length(contexts); i++) {
		struct json_object *context = json_object_array_get_idx(contexts, i);
		int64_t id = number_of(context, "id");

		printf("\ncontext %" PRId64 " of %s (pid %" PRId64 ", uid %" PRId64 ")\n", id,
		       words_string(context, "comm"), number_of(context, "pid"),
		       number_of(context, "uid"));
		print_list(status, "ioas", id);
		print_list(status, "group", id);
		print_list(status, "device", id);
	}
}

int cmd_status(const struct options *options, int nr_files, char **files)
{
	struct json_object *status, *part;
	struct runtime runtime;
	int rc;

	(void)nr_files;
	(void)files;
	runtime_quiet(options->verbose);
	if (options->graph && options->json) {
		message_error("one of them", "'status' prints JSON or a graph, not both");
		return EXIT_UNUSABLE;
	}
	if (!runtime_check("show the status"))
		return EXIT_FAILED;
	rc = runtime_open("show the status", &runtime);
	if (rc && rc != -ENOENT)
		return EXIT_FAILED;

	status = json_object_new_object();
	if (!rc) {
		read_policy(status, &runtime);
		runtime_close(&runtime);
	} else {
		json_object_object_add(status, "policy", NULL);
	}
	json_add_string(status, "default_verdict", runtime_default_verdict());
	objects_read_counters(status);
	objects_read(status);

	if (!runtime_calls_programs())
		message_warning(RUNTIME_CALLS_NONE_ADVICE, RUNTIME_CALLS_NONE);
	if (options->graph) {
		graph_print(status);
	} else if (options->json) {
		json_print(json_object_get(status));
	} else {
		json_object_object_get_ex(status, "policy", &part);
		if (part)
			print_policy(part);
		else
			printf("policy           none is loaded\n");
		printf("default_verdict  %s\n", runtime_default_verdict());
		if (json_object_object_get_ex(status, "operations", &part))
			print_counters(part);
		print_objects(status);
	}
	json_object_put(status);
	return EXIT_DONE;
}

int cmd_list(const struct options *options, int nr_files, char **files)
{
	struct json_object *words, *object;
	struct runtime runtime;
	int rc;

	(void)nr_files;
	(void)files;
	runtime_quiet(options->verbose);
	if (!runtime_check("list the policy"))
		return EXIT_FAILED;
	rc = runtime_open("list the policy", &runtime);
	if (rc == -ENOENT)
		message_error("'iommufd-lsm load FILE...'", "cannot list the policy: none is loaded");
	if (rc)
		return EXIT_FAILED;
	words = words_open(runtime.config.generation);
	runtime_close(&runtime);
	if (!words) {
		message_error("to load it again", "cannot list the policy: its words are gone from '%s'",
			      RUNTIME_ACTIVE "/policies");
		return EXIT_FAILED;
	}
	if (options->json) {
		printf("%s\n", json_object_to_json_string_ext(words, JSON_C_TO_STRING_PLAIN |
							      JSON_C_TO_STRING_NOSLASHESCAPE));
	} else if (json_object_object_get_ex(words, "yaml", &object)) {
		const char *yaml = json_object_get_string(object);

		fputs(yaml, stdout);
		if (*yaml && yaml[strlen(yaml) - 1] != '\n')
			putchar('\n');
	}
	json_object_put(words);
	return EXIT_DONE;
}
