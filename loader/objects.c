// SPDX-License-Identifier: GPL-2.0
/*
 * Lines of words and of key=value pairs into JSON. What they mean is in docs/hooks.md and kmod/core/proc.c.
 */
#include "objects.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

/* A number if it looks like one */
static void add_value(struct json_object *object, const char *name, const char *value)
{
	char *end;
	long long number = strtoll(value, &end, 10);

	if (*value && !*end)
		json_add_number(object, name, number);
	else
		json_add_string(object, name, value);
}

/* "key value key value ..." */
static void add_fields(struct json_object *object, char *line)
{
	char *save, *key, *value;

	for (key = strtok_r(line, " ", &save); key; key = strtok_r(NULL, " ", &save)) {
		value = strtok_r(NULL, " ", &save);
		if (value)
			add_value(object, key, value);
	}
}

/* "key=value key=value": a value may be empty */
static void add_pairs(struct json_object *object, char *line)
{
	char *save, *pair, *value;

	for (pair = strtok_r(line, " \n", &save); pair; pair = strtok_r(NULL, " \n", &save)) {
		value = strchr(pair, '=');
		if (!value)
			continue;
		*value++ = '\0';
		if (!strcmp(pair, "comm") || !strcmp(pair, "name") || !strcmp(pair, "ioas_name") ||
		    !strcmp(pair, "attacher_comm"))
			json_add_string(object, pair, value); /* somebody may be called 7 */
		else
			add_value(object, pair, value);
	}
}

bool objects_read_counters(struct json_object *into)
{
	struct json_object *hooks = json_object_new_object();
	FILE *file = fopen("/proc/iommufd_lsm", "re");
	char line[512];

	if (!file) {
		json_object_put(hooks);
		return false;
	}
	while (fgets(line, sizeof(line), file)) {
		struct json_object *hook;
		char *name;

		if (strncmp(line, "hook ", 5))
			continue;
		name = line + 5;
		hook = json_object_new_object();
		line[strcspn(line, "\n")] = '\0';
		if (strchr(name, ' ')) {
			char *rest = strchr(name, ' ');

			*rest++ = '\0';
			add_fields(hook, rest);
		}
		json_object_object_add(hooks, name, hook);
	}
	fclose(file);
	json_object_object_add(into, "operations", hooks);
	return true;
}

bool objects_read(struct json_object *into)
{
	static const char *const kinds[] = { "context", "ioas", "group", "device" };
	FILE *file = fopen("/proc/iommufd", "re");
	char line[512];
	size_t i;

	if (!file)
		return false;
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		json_object_object_add(into, kinds[i], json_object_new_array());
	while (fgets(line, sizeof(line), file)) {
		struct json_object *list, *object;
		char *rest = strchr(line, ' ');

		if (!rest)
			continue;
		*rest++ = '\0';
		if (!json_object_object_get_ex(into, line, &list) ||
		    !json_object_is_type(list, json_type_array))
			continue;
		object = json_object_new_object();
		add_pairs(object, rest);
		json_object_array_add(list, object);
	}
	fclose(file);
	return true;
}
