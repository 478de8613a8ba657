// SPDX-License-Identifier: GPL-2.0
/*
 * `metrics`: counters and gauges as OpenMetrics text, for a monitoring system that runs this now and then.
 */
#include "metrics.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "commands.h"
#include "hits.h"
#include "install.h"
#include "iommufd_lsm_hooks.h"
#include "json.h"
#include "message.h"
#include "objects.h"
#include "runtime.h"
#include "words.h"

enum family {
	DECISIONS, RULE_DECISIONS, LOG_RECORDS, DEFAULT_ALLOW, POLICY, GENERATION, PERMISSIVE, LOADED, RULES,
	PROGRAMS, PROGRAMS_MISSING, CONTEXTS, IOASES, GROUPS, DEVICES, DEVICES_ATTACHED, PINNED,
};

const struct metrics_family metrics_families[] = {
	[DECISIONS] = { "iommufd_lsm_decisions", "counter",
			"Verdicts since the module was loaded, by operation and verdict." },
	[RULE_DECISIONS] = { "iommufd_lsm_rule_decisions", "counter",
			     "What the rules in force said since they were loaded, by rule and operation." },
	[LOG_RECORDS] = { "iommufd_lsm_log_records", "counter",
			  "Decisions written to the log since it began." },
	[DEFAULT_ALLOW] = { "iommufd_lsm_default_allow", "gauge",
			    "1 if what nobody decides is allowed, 0 if it is denied." },
	[POLICY] = { "iommufd_lsm_policy", "info", "The policy in force, by name and mode." },
	[GENERATION] = { "iommufd_lsm_policy_generation", "gauge",
			 "Number of the policy in force, one more with each load; 0 if none is." },
	[PERMISSIVE] = { "iommufd_lsm_policy_permissive", "gauge",
			 "1 if the policy in force denies nothing." },
	[LOADED] = { "iommufd_lsm_policy_load_time_seconds", "gauge",
		     "When the policy in force was loaded, in seconds since 1970." },
	[RULES] = { "iommufd_lsm_policy_rules", "gauge", "Rules of the policy in force." },
	[PROGRAMS] = { "iommufd_lsm_programs_attached", "gauge", "Programs of the policy that are attached." },
	[PROGRAMS_MISSING] = { "iommufd_lsm_programs_missing", "gauge",
			       "Programs of the policy that should be attached and are not." },
	[CONTEXTS] = { "iommufd_contexts", "gauge", "Open contexts." },
	[IOASES] = { "iommufd_ioases", "gauge", "I/O address spaces." },
	[GROUPS] = { "iommufd_groups_claimed", "gauge", "IOMMU groups that a context has claimed." },
	[DEVICES] = { "iommufd_devices_bound", "gauge", "Devices bound to a context." },
	[DEVICES_ATTACHED] = { "iommufd_devices_attached", "gauge",
			       "Devices attached to an I/O address space." },
	[PINNED] = { "iommufd_pinned_pages", "gauge", "Pages of memory pinned for devices." },
	{ .name = NULL }
};
#define NR_FAMILIES (sizeof(metrics_families) / sizeof(metrics_families[0]) - 1)

/* For each family an array of samples, each with "value" and "labels" */
struct metrics {
	struct json_object *samples[NR_FAMILIES];
	struct json_object *words;
};

static struct json_object *add_sample(struct metrics *metrics, enum family family, int64_t value)
{
	struct json_object *sample = json_object_new_object(), *labels = json_object_new_object();

	json_object_object_add(sample, "labels", labels);
	json_add_number(sample, "value", value);
	json_object_array_add(metrics->samples[family], sample);
	return labels;
}

static const char *const op_names[IOMMUFD_LSM_OP_COUNT] = {
#define OP_NAME(name, policy_name, blocks) policy_name,
	IOMMUFD_LSM_HOOKS(OP_NAME)
#undef OP_NAME
};

static bool add_decisions(struct metrics *metrics)
{
	static const char *const verdicts[] = { "granted", "denied", "default_allowed", "default_denied" };
	struct json_object *read = json_object_new_object(), *operations, *labels;
	bool there = objects_read_counters(read);

	if (there && json_object_object_get_ex(read, "operations", &operations)) {
		json_object_object_foreach(operations, name, counters) {
			for (size_t i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
				labels = add_sample(metrics, DECISIONS,
						    words_number(counters, verdicts[i]));
				json_add_string(labels, "operation", name);
				json_add_string(labels, "verdict", verdicts[i]);
			}
		}
	}
	json_object_put(read);
	return there;
}

static void add_hit(uint32_t rule, uint32_t op, uint64_t count, void *data)
{
	struct metrics *metrics = data;
	struct json_object *labels, *rules, *object;
	const char *file, *text;
	char number[24];
	int line;

	if (op >= IOMMUFD_LSM_OP_COUNT || !metrics->words ||
	    !words_rule(metrics->words, rule, &file, &line, &text) ||
	    !json_object_object_get_ex(metrics->words, "rules", &rules))
		return;
	object = json_object_array_get_idx(rules, rule);
	labels = add_sample(metrics, RULE_DECISIONS, count);
	snprintf(number, sizeof(number), "%u", rule + 1);
	json_add_string(labels, "rule", number);
	json_add_string(labels, "file", file);
	snprintf(number, sizeof(number), "%d", line);
	json_add_string(labels, "line", number);
	json_add_string(labels, "operation", op_names[op]);
	json_add_string(labels, "decision", words_number(object, "deny") ? "deny" : "allow");
}

static void add_policy(struct metrics *metrics, const struct runtime *runtime)
{
	struct json_object *labels, *rules;
	struct iolsm_state state;
	int there, wanted;
	__u32 slot = 0;

	metrics->words = words_open(runtime->config.generation);
	there = install_links(&wanted);
	add_sample(metrics, GENERATION, runtime->config.generation);
	add_sample(metrics, PERMISSIVE, !!runtime->config.permissive);
	add_sample(metrics, PROGRAMS, there);
	add_sample(metrics, PROGRAMS_MISSING, wanted - there);
	if (!bpf_map_lookup_elem(runtime->state_fd, &slot, &state))
		add_sample(metrics, LOG_RECORDS, state.log_next);
	if (metrics->words) {
		labels = add_sample(metrics, POLICY, 1);
		json_add_string(labels, "name", words_string(metrics->words, "name"));
		json_add_string(labels, "mode", runtime->config.permissive ? "permissive" : "enforce");
		add_sample(metrics, LOADED, words_number(metrics->words, "loaded"));
		if (json_object_object_get_ex(metrics->words, "rules", &rules))
			add_sample(metrics, RULES, json_object_array_length(rules));
	}
	hits_each(runtime->config.generation, add_hit, metrics);
}

static int64_t sum(struct json_object *list, const char *key)
{
	int64_t total = 0;

	for (size_t i = 0; i < json_object_array_length(list); i++)
		total += words_number(json_object_array_get_idx(list, i), key);
	return total;
}

static void add_objects(struct metrics *metrics)
{
	struct json_object *objects = json_object_new_object(), *list;

	if (objects_read(objects)) {
		json_object_object_get_ex(objects, "context", &list);
		add_sample(metrics, CONTEXTS, json_object_array_length(list));
		json_object_object_get_ex(objects, "group", &list);
		add_sample(metrics, GROUPS, json_object_array_length(list));
		json_object_object_get_ex(objects, "ioas", &list);
		add_sample(metrics, IOASES, json_object_array_length(list));
		add_sample(metrics, PINNED, sum(list, "pinned_pages"));
		json_object_object_get_ex(objects, "device", &list);
		add_sample(metrics, DEVICES, json_object_array_length(list));
		add_sample(metrics, DEVICES_ATTACHED, sum(list, "attached"));
	}
	json_object_put(objects);
}

/* Of a label's value only these three have to be written otherwise; control characters are in no name here */
static void print_label(const char *name, const char *value, bool first)
{
	printf("%s%s=\"", first ? "{" : ",", name);
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", stdout);
		else if (*value == '"' || *value == '\\')
			printf("\\%c", *value);
		else
			putchar(*value);
	}
	putchar('"');
}

static void print_sample(const struct metrics_family *family, struct json_object *sample)
{
	struct json_object *labels;
	bool first = true;

	printf("%s%s", family->name, !strcmp(family->type, "counter") ? "_total" :
	       !strcmp(family->type, "info") ? "_info" : "");
	json_object_object_get_ex(sample, "labels", &labels);
	json_object_object_foreach(labels, name, value) {
		print_label(name, json_object_get_string(value), first);
		first = false;
	}
	printf("%s %lld\n", first ? "" : "}", (long long)words_number(sample, "value"));
}

static void print_text(const struct metrics *metrics)
{
	for (size_t i = 0; i < NR_FAMILIES; i++) {
		const struct metrics_family *family = &metrics_families[i];
		size_t nr = json_object_array_length(metrics->samples[i]);

		if (!nr)
			continue;
		printf("# TYPE %s %s\n# HELP %s %s\n", family->name, family->type, family->name,
		       family->help);
		for (size_t n = 0; n < nr; n++)
			print_sample(family, json_object_array_get_idx(metrics->samples[i], n));
	}
	printf("# EOF\n");
}

static void print_as_json(const struct metrics *metrics)
{
	struct json_object *object = json_object_new_object(), *family;

	for (size_t i = 0; i < NR_FAMILIES; i++) {
		if (!json_object_array_length(metrics->samples[i]))
			continue;
		family = json_object_new_object();
		json_add_string(family, "type", metrics_families[i].type);
		json_add_string(family, "help", metrics_families[i].help);
		json_object_object_add(family, "samples", json_object_get(metrics->samples[i]));
		json_object_object_add(object, metrics_families[i].name, family);
	}
	json_print(object);
}

int cmd_metrics(const struct options *options, int nr_files, char **files)
{
	struct metrics metrics = { 0 };
	struct runtime runtime;
	int rc = EXIT_DONE;
	size_t i;

	(void)nr_files;
	(void)files;
	runtime_quiet(options->verbose);
	for (i = 0; i < NR_FAMILIES; i++)
		metrics.samples[i] = json_object_new_array();
	if (!add_decisions(&metrics)) {
		message_error("'modprobe iommufd_lsm'",
			      "cannot read the counters: the module iommufd_lsm is not loaded");
		rc = EXIT_FAILED;
		goto out;
	}
	add_sample(&metrics, DEFAULT_ALLOW, !strcmp(runtime_default_verdict(), "allow"));
	if (geteuid()) {
		message_warning("sudo", "the counters of policy, rules and devices are for root to see");
	} else {
		switch (runtime_open("read the counters of the policy", &runtime)) {
		case 0:
			add_policy(&metrics, &runtime);
			runtime_close(&runtime);
			break;
		case -ENOENT:
			add_sample(&metrics, GENERATION, 0);
			break;
		default:
			rc = EXIT_FAILED;
			goto out;
		}
		add_objects(&metrics);
	}
	(options->json ? print_as_json : print_text)(&metrics);
out:
	for (i = 0; i < NR_FAMILIES; i++)
		json_object_put(metrics.samples[i]);
	json_object_put(metrics.words);
	return rc;
}
