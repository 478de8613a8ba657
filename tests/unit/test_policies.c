// SPDX-License-Identifier: GPL-2.0
/*
 * The policies that come with this project, and the schema for editors: they load, pass their own tests,
 * and the schema knows every word the loader does. Run from the top of the tree, or with POLICIES set.
 */
#define _GNU_SOURCE
#include <criterion/criterion.h>
#include <glob.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "iommufd_lsm_hooks.h"
#include "policy_text.h"

static char *in_policies(const char *name)
{
	const char *dir = getenv("POLICIES");
	char *path = NULL;

	cr_assert_neq(asprintf(&path, "%s/%s", dir ? dir : "policies", name), -1);
	return path;
}

Test(policies, each_loads_and_passes_its_tests)
{
	char *pattern = in_policies("*.yaml");
	glob_t found;

	cr_assert_eq(glob(pattern, 0, NULL, &found), 0, "no %s", pattern);
	cr_expect_geq(found.gl_pathc, 3);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		struct loaded loaded = load_paths(&path, 1);

		cr_expect_eq(loaded.rc, 0, "%s", loaded.said);
		cr_assert_not_null(loaded.policy);
		cr_expect_geq(loaded.policy->nr_tests, 5, "%s", path);
		/* What this machine lacks may be missing; nothing else may be odd */
		for (char *p = loaded.said; (p = strstr(p, ": warning: ")); p++)
			cr_expect(!strncmp(p, ": warning: cannot find '", 24) ||
				  !strncmp(p, ": warning: there is no user '", 29), "%s", loaded.said);
		unload(&loaded);
	}
	globfree(&found);
	free(pattern);
}

Test(policies, each_expects_something_to_be_allowed_and_denied)
{
	char *pattern = in_policies("*.yaml");
	glob_t found;

	cr_assert_eq(glob(pattern, 0, NULL, &found), 0);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		struct loaded loaded = load_paths(&path, 1);

		cr_assert_not_null(loaded.policy);
		cr_expect(strstr(loaded.policy->yaml, "expect: allow"), "%s", path);
		cr_expect(strstr(loaded.policy->yaml, "expect: deny"), "%s", path);
		cr_expect_not(loaded.policy->permissive, "%s", path);
		unload(&loaded);
	}
	globfree(&found);
	free(pattern);
}

static struct json_object *get(struct json_object *object, const char *path)
{
	struct json_object *value = NULL;

	cr_assert_eq(json_pointer_get(object, path, &value), 0, "the schema has no %s", path);
	return value;
}

Test(policies, schema_knows_every_operation)
{
	char *path = in_policies("policy.schema.json");
	struct json_object *schema = json_object_from_file(path), *ops;
#define OP_NAME(name, policy_name, blocks) policy_name,
	static const char *const op_name[] = { IOMMUFD_LSM_HOOKS(OP_NAME) };

	cr_assert_not_null(schema, "%s", path);
	ops = get(schema, "/definitions/operation/enum");
	cr_expect_eq(json_object_array_length(ops), IOMMUFD_LSM_OP_COUNT + 1);
	cr_expect_str_eq(json_object_get_string(json_object_array_get_idx(ops, IOMMUFD_LSM_OP_COUNT)),
			 "hand-over");
	for (unsigned int op = 0; op < IOMMUFD_LSM_OP_COUNT; op++)
		cr_expect_str_eq(json_object_get_string(json_object_array_get_idx(ops, op)),
				 op_name[op]);
	json_object_put(schema);
	free(path);
}

/* A key that the schema has is accepted by the loader at that place: it is never called unknown */
static void check_keys(struct json_object *schema, const char *pointer, const char *before,
		       const char *after)
{
	struct json_object *properties = get(schema, pointer);

	json_object_object_foreach(properties, key, value) {
		struct loaded loaded;
		char *text = NULL;

		(void)value;
		cr_assert_neq(asprintf(&text, "%s%s: x%s", before, key, after), -1);
		loaded = load_text(text);
		cr_expect_null(strstr(loaded.said, "unknown key"), "%s", loaded.said);
		unload(&loaded);
		free(text);
	}
}

/* And one that it does not have is not */
static void check_other_keys(struct json_object *schema, const char *pointer, const char *before,
			     const char *after)
{
	static const char *const words[] = {
		"version", "name", "mode", "processes", "devices", "ioas", "rules", "tests", "exe",
		"user", "address", "id", "class", "driver", "allow", "deny", "who", "device", "from",
		"to", "op", "expect", "never", "group", "cgroup", "permissive", "recipient", "guards",
		"other",
	};
	struct json_object *properties = get(schema, pointer);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		struct loaded loaded;
		char *text = NULL;

		if (json_object_object_get_ex(properties, words[i], NULL))
			continue;
		cr_assert_neq(asprintf(&text, "%s%s: x%s", before, words[i], after), -1);
		loaded = load_text(text);
		cr_expect(strstr(loaded.said, "unknown key"), "%s:\n%s", words[i], loaded.said);
		unload(&loaded);
		free(text);
	}
}

Test(policies, schema_and_loader_know_the_same_keys)
{
	static const struct {
		const char *pointer, *before, *after;
	} places[] = {
		{ "/properties", "", "\n" },
		{ "/definitions/process/properties", HEAD "processes:\n  p: { ", " }\n" },
		{ "/definitions/device/properties", HEAD "devices:\n  p: { ", " }\n" },
		{ "/definitions/ioas/properties", HEAD "ioas:\n  p: { ", " }\n" },
		{ "/definitions/rule/properties", HEAD "rules:\n- { ", " }\n" },
		{ "/definitions/test/properties", HEAD "tests:\n- { ", " }\n" },
		{ "/definitions/assertion/properties", HEAD "never:\n- { ", " }\n" },
	};
	char *path = in_policies("policy.schema.json");
	struct json_object *schema = json_object_from_file(path);

	cr_assert_not_null(schema, "%s", path);
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		check_keys(schema, places[i].pointer, places[i].before, places[i].after);
		check_other_keys(schema, places[i].pointer, places[i].before, places[i].after);
	}
	json_object_put(schema);
	free(path);
}
