// SPDX-License-Identifier: GPL-2.0
/*
 * Writes and reads the words of a policy: JSON in an array map of one value. No program looks at it.
 */
#include "words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <json-c/json.h>

#include "policy.h"
#include "runtime.h"

static struct json_object *rule_words(const struct policy_rule *rule)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "file", json_object_new_string(rule->file ? rule->file : ""));
	json_object_object_add(object, "line", json_object_new_int(rule->line));
	json_object_object_add(object, "deny", json_object_new_boolean(rule->deny));
	json_object_object_add(object, "text", json_object_new_string(rule->text ? rule->text : ""));
	return object;
}

static struct json_object *exe_words(const struct policy_exe *exe)
{
	struct json_object *object = json_object_new_object();

	json_object_object_add(object, "path", json_object_new_string(exe->path));
	json_object_object_add(object, "dev", json_object_new_int64(exe->dev));
	json_object_object_add(object, "ino", json_object_new_int64(exe->ino));
	return object;
}

int words_create(const struct policy *policy, uint64_t generation)
{
	LIBBPF_OPTS(bpf_map_create_opts, options);
	struct json_object *words = json_object_new_object(), *rules = json_object_new_array();
	struct json_object *exes = json_object_new_array();
	__u32 slot = 0, size;
	char *value = NULL;
	const char *text;
	int fd = -ENOMEM, rc;
	size_t len, i;

	json_object_object_add(words, "name", json_object_new_string(policy->name ? policy->name : ""));
	json_object_object_add(words, "mode",
			       json_object_new_string(policy->permissive ? "permissive" : "enforce"));
	json_object_object_add(words, "generation", json_object_new_int64(generation));
	json_object_object_add(words, "loaded", json_object_new_int64(time(NULL)));
	json_object_object_add(words, "clauses", json_object_new_int64(policy->nr_clauses));
	json_object_object_add(words, "yaml", json_object_new_string(policy->yaml ? policy->yaml : ""));
	for (i = 0; i < policy->nr_rules; i++)
		json_object_array_add(rules, rule_words(&policy->rules[i]));
	json_object_object_add(words, "rules", rules);
	for (i = 0; i < policy->nr_exes; i++)
		json_object_array_add(exes, exe_words(&policy->exes[i]));
	json_object_object_add(words, "exes", exes);

	text = json_object_to_json_string_length(words, JSON_C_TO_STRING_PLAIN, &len);
	if (!text || len > INT32_MAX - 16)
		goto out;
	size = (len + 8) & ~7UL; /* NUL included */
	value = calloc(1, size);
	if (!value)
		goto out;
	memcpy(value, text, len);
	fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "iolsm_words", sizeof(slot), size, 1, &options);
	if (fd < 0) {
		fd = -errno;
		goto out;
	}
	rc = bpf_map_update_elem(fd, &slot, value, BPF_ANY) || bpf_map_freeze(fd) ? -errno : 0;
	if (rc) {
		close(fd);
		fd = rc;
	}
out:
	free(value);
	json_object_put(words);
	return fd;
}

struct json_object *words_open(uint64_t generation)
{
	struct bpf_map_info info = { 0 };
	__u32 slot = 0, len = sizeof(info);
	struct json_object *words = NULL;
	char path[sizeof(RUNTIME_ACTIVE) + 48], *value;
	int fd;

	snprintf(path, sizeof(path), RUNTIME_ACTIVE "/policies/%" PRIu64, generation);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return NULL;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len)) {
		value = calloc(1, info.value_size + 1);
		if (value && !bpf_map_lookup_elem(fd, &slot, value))
			words = json_tokener_parse(value);
		free(value);
	}
	close(fd);
	return words;
}

bool words_rule(struct json_object *words, uint32_t rule, const char **file, int *line,
		const char **text)
{
	struct json_object *rules, *object;

	if (!json_object_object_get_ex(words, "rules", &rules))
		return false;
	object = json_object_array_get_idx(rules, rule);
	if (!object)
		return false;
	*file = words_string(object, "file");
	*line = (int)words_number(object, "line");
	*text = words_string(object, "text");
	return true;
}

const char *words_exe(struct json_object *words, uint64_t dev, uint64_t ino)
{
	struct json_object *exes, *exe;
	size_t i;

	if (!json_object_object_get_ex(words, "exes", &exes))
		return NULL;
	for (i = 0; i < json_object_array_length(exes); i++) {
		exe = json_object_array_get_idx(exes, i);
		if ((uint64_t)words_number(exe, "ino") == ino &&
		    (uint64_t)words_number(exe, "dev") == dev)
			return words_string(exe, "path");
	}
	return NULL;
}

const char *words_string(struct json_object *words, const char *name)
{
	struct json_object *object;

	return json_object_object_get_ex(words, name, &object) ? json_object_get_string(object) : "";
}

int64_t words_number(struct json_object *words, const char *name)
{
	struct json_object *object;

	return json_object_object_get_ex(words, name, &object) ? json_object_get_int64(object) : 0;
}
