// SPDX-License-Identifier: GPL-2.0
/*
 * `load` and `unload`: a policy comes into force, or none is any more.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "commands.h"
#include "install.h"
#include "message.h"
#include "policy.h"
#include "revoke.h"
#include "runtime.h"

static void print_loaded(const struct options *options, const struct policy *policy,
			 unsigned long long generation)
{
	struct json_object *object;

	if (!options->json) {
		printf("loaded '%s', generation %llu: %zu rules, %zu clauses%s\n", policy->name,
		       generation, policy->nr_rules, policy->nr_clauses,
		       policy->permissive ? "; permissive: it denies nothing" : "");
		return;
	}
	object = json_object_new_object();
	json_object_object_add(object, "loaded", json_object_new_string(policy->name));
	json_object_object_add(object, "generation", json_object_new_int64(generation));
	json_object_object_add(object, "rules", json_object_new_int64(policy->nr_rules));
	json_object_object_add(object, "clauses", json_object_new_int64(policy->nr_clauses));
	json_object_object_add(object, "permissive", json_object_new_boolean(policy->permissive));
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN));
	json_object_put(object);
}

/* What an operator may not expect of a policy that says what is allowed */
static void warn_of_default(const struct policy *policy)
{
	if (!policy->permissive && !strcmp(runtime_default_verdict(), "allow"))
		message_warning("'echo deny > /sys/module/iommufd_lsm/parameters/default_verdict'",
				"what no rule of '%s' allows is allowed: default_verdict=allow",
				policy->name);
}

int cmd_load(const struct options *options, int nr_files, char **files)
{
	struct policy *policy = NULL;
	struct runtime runtime;
	int rc, lock;

	runtime_quiet(options->verbose);
	rc = policy_load_files((const char *const *)files, nr_files, stderr, &policy);
	if (rc)
		return rc;
	rc = EXIT_FAILED;
	if (options->without_guards)
		policy->guards = 0;
	if (!runtime_check("load the policy"))
		goto out_policy;
	if (options->dry_run) {
		rc = revoke_dry_run(options, policy);
		goto out_policy;
	}
	if (!runtime_calls_programs()) {
		message_error(RUNTIME_CALLS_NONE_ADVICE, "cannot load the policy: " RUNTIME_CALLS_NONE);
		goto out_policy;
	}
	lock = runtime_lock("load the policy");
	if (lock < 0)
		goto out_policy;

	switch (runtime_open("load the policy", &runtime)) {
	case 0:
		if (!install_next(policy, &runtime)) {
			print_loaded(options, policy, runtime.config.generation + 1);
			rc = EXIT_DONE;
		}
		runtime_close(&runtime);
		break;
	case -ENOENT:
		if (!install_first(policy, !options->without_guards)) {
			print_loaded(options, policy, 1);
			rc = EXIT_DONE;
		}
		break;
	}
	if (rc == EXIT_DONE)
		warn_of_default(policy);
	if (rc == EXIT_DONE && options->revoke)
		rc = revoke_denied(options, policy);
	close(lock);
out_policy:
	policy_free(policy);
	return rc;
}

int cmd_unload(const struct options *options, int nr_files, char **files)
{
	int rc, lock;
	bool any;

	(void)nr_files;
	(void)files;
	runtime_quiet(options->verbose);
	if (geteuid()) {
		message_error("sudo", "cannot unload the policy: only root can");
		return EXIT_FAILED;
	}
	any = !access(RUNTIME_DIR, F_OK);
	if (any) {
		lock = runtime_lock("unload the policy");
		if (lock < 0)
			return EXIT_FAILED;
		rc = install_remove();
		close(lock);
		if (rc)
			return EXIT_FAILED;
	}
	if (options->json)
		printf("{\"unloaded\":%s,\"default_verdict\":\"%s\"}\n", any ? "true" : "false",
		       runtime_default_verdict());
	else
		printf("%s; default_verdict=%s decides\n", any ? "unloaded" : "no policy was loaded",
		       runtime_default_verdict());
	return EXIT_DONE;
}
