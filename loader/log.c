// SPDX-License-Identifier: GPL-2.0
/*
 * `log`: the decisions that the programs' ring still has, oldest first, each with the rule that made it.
 * Reading takes nothing away from other readers.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <json-c/json.h>

#include "commands.h"
#include "iommufd_lsm_hooks.h"
#include "message.h"
#include "runtime.h"
#include "words.h"

static const char *const op_names[IOMMUFD_LSM_OP_COUNT] = {
#define OP_NAME(name, policy_name, blocks) policy_name,
	IOMMUFD_LSM_HOOKS(OP_NAME)
#undef OP_NAME
};

static const bool op_blocks[IOMMUFD_LSM_OP_COUNT] = {
#define OP_BLOCKS(name, policy_name, blocks) blocks,
	IOMMUFD_LSM_HOOKS(OP_BLOCKS)
#undef OP_BLOCKS
};

/* The words of the generations that records speak of; a log rarely has more than two */
struct words_cache {
	uint64_t generation[RUNTIME_KEPT_WORDS];
	struct json_object *words[RUNTIME_KEPT_WORDS];
};

static struct json_object *cached_words(struct words_cache *cache, uint64_t generation)
{
	size_t i = generation % RUNTIME_KEPT_WORDS;

	if (!generation)
		return NULL;
	if (cache->generation[i] != generation) {
		json_object_put(cache->words[i]);
		cache->words[i] = words_open(generation);
		cache->generation[i] = generation;
	}
	return cache->words[i];
}

static void free_cache(struct words_cache *cache)
{
	size_t i;

	for (i = 0; i < RUNTIME_KEPT_WORDS; i++)
		json_object_put(cache->words[i]);
}

/*
 * Read record @number. Return: 1; 0 it was overwritten by now, or is being written; negative errno.
 * The slot is read twice: a record that stayed the same, and says it is whole, was not torn.
 */
static int read_record(int log_fd, uint64_t number, struct iolsm_record *record)
{
	__u32 slot = number % IOLSM_LOG_SLOTS;
	struct iolsm_record again;

	if (bpf_map_lookup_elem(log_fd, &slot, record) || bpf_map_lookup_elem(log_fd, &slot, &again))
		return -errno;
	return record->begin == number + 1 && record->end == number + 1 &&
	       !memcmp(record, &again, sizeof(again));
}

/* What became of it, in one word a person and a program can read */
static const char *verdict_of(const struct iolsm_record *record)
{
	return record->outcome == IOLSM_GRANTED || record->outcome == IOLSM_DEFAULT_ALLOWED ?
		"allowed" : "denied";
}

static bool by_permission(const struct iolsm_record *record)
{
	return record->permissive && record->outcome == IOLSM_GRANTED &&
	       record->granted_by == IOLSM_RULE_PERMISSIVE;
}

/* Whether the policy's rule is what decided, and not another program */
static bool rule_decided(const struct iolsm_record *record)
{
	if (record->outcome == IOLSM_GRANTED)
		return record->said == IOLSM_SAID_ALLOW && record->granted_by == record->rule + 1;
	return record->outcome == IOLSM_DENIED && record->said == IOLSM_SAID_DENY;
}

static const char *reason_of(const struct iolsm_record *record)
{
	if (record->said == IOLSM_SAID_BROKEN && record->outcome == IOLSM_DENIED)
		return "the policy's tables are not whole; load it again";
	if (record->said == IOLSM_SAID_UNKNOWN && record->outcome == IOLSM_DENIED)
		return "which program attached it is not known";
	switch (record->outcome) {
	case IOLSM_GRANTED:
		if (by_permission(record))
			return "the policy is permissive, no rule allows it";
		return "another program grants it";
	case IOLSM_DENIED:
		return "another program denies it";
	case IOLSM_DEFAULT_ALLOWED:
		return "no rule allows it, default_verdict=allow";
	default:
		return "no rule allows it";
	}
}

static void format_time(uint64_t since_boot, char *text, size_t size)
{
	struct timespec boot, now;
	time_t seconds;
	struct tm tm;
	int64_t at;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_REALTIME, &now);
	at = (now.tv_sec - boot.tv_sec) * 1000000000LL + now.tv_nsec - boot.tv_nsec + since_boot;
	seconds = at / 1000000000LL;
	localtime_r(&seconds, &tm);
	strftime(text, size, "%F %T", &tm);
}

/* A process chooses its name: nothing in it may reach the terminal as a control */
static void printable(char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			*text = '?';
}

static void print_text(const struct iolsm_record *record, struct json_object *words)
{
	const char *file, *text;
	char when[32];
	int line;

	format_time(record->time, when, sizeof(when));
	printf("%s %s %s", when, verdict_of(record), op_names[record->op]);
	if (record->address[0])
		printf(" of %s", record->address);
	if (record->from[0])
		printf(" from '%s'", record->from);
	if (record->to[0])
		printf(" to '%s'", record->to);
	printf(" for %s (pid %u, uid %u): ", record->comm, record->tgid, record->uid);

	if (rule_decided(record) || (by_permission(record) && record->said == IOLSM_SAID_DENY)) {
		if (by_permission(record))
			printf("the policy is permissive; denied by ");
		printf("rule %u", record->rule + 1);
		if (words && words_rule(words, record->rule, &file, &line, &text))
			printf(", %s:%d: %s", file, line, text);
		else
			printf(" of generation %llu, which is gone",
			       (unsigned long long)record->generation);
	} else {
		printf("%s", reason_of(record));
	}
	if (!op_blocks[record->op] && record->rc)
		printf(" (not stopped: that would keep access alive)");
	putchar('\n');
}

static void print_json(const struct iolsm_record *record, struct json_object *words)
{
	struct json_object *object = json_object_new_object();
	const char *file, *text;
	char when[32], id[16];
	int line;

#define ADD_STRING(name, value) json_object_object_add(object, name, json_object_new_string(value))
#define ADD_NUMBER(name, value) json_object_object_add(object, name, json_object_new_int64(value))
	format_time(record->time, when, sizeof(when));
	ADD_STRING("time", when);
	ADD_NUMBER("boottime_ns", record->time);
	ADD_NUMBER("seq", record->seq);
	ADD_STRING("verdict", verdict_of(record));
	ADD_STRING("op", op_names[record->op]);
	ADD_NUMBER("errno", -record->rc);
	json_object_object_add(object, "permissive", json_object_new_boolean(by_permission(record)));
	json_object_object_add(object, "by_rule", json_object_new_boolean(rule_decided(record)));
	ADD_NUMBER("generation", record->generation);
	if (record->said == IOLSM_SAID_ALLOW || record->said == IOLSM_SAID_DENY) {
		ADD_NUMBER("rule", record->rule + 1);
		if (words && words_rule(words, record->rule, &file, &line, &text)) {
			ADD_STRING("file", file);
			ADD_NUMBER("line", line);
			ADD_STRING("text", text);
		}
	}
	if (!rule_decided(record))
		ADD_STRING("reason", reason_of(record));
	ADD_STRING("comm", record->comm);
	ADD_NUMBER("pid", record->tgid);
	ADD_NUMBER("uid", record->uid);
	ADD_NUMBER("exe_dev", record->exe_dev);
	ADD_NUMBER("exe_ino", record->exe_ino);
	ADD_NUMBER("context", record->ctx_id);
	ADD_NUMBER("flags", record->flags);
	if (record->address[0]) {
		ADD_STRING("device", record->address);
		snprintf(id, sizeof(id), "%04x:%04x", record->vendor, record->device);
		ADD_STRING("id", id);
		snprintf(id, sizeof(id), "%06x", record->class_code);
		ADD_STRING("class", id);
		ADD_STRING("driver", record->driver);
		ADD_NUMBER("group", record->group_id);
	}
	ADD_STRING("from", record->from);
	ADD_STRING("to", record->to);
#undef ADD_STRING
#undef ADD_NUMBER
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
						      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}

int cmd_log(const struct options *options, int nr_files, char **files)
{
	struct words_cache cache = { 0 };
	struct iolsm_record record;
	struct iolsm_state state;
	struct runtime runtime;
	uint64_t number, lost = 0;
	__u32 slot = 0;
	int rc;

	(void)nr_files;
	(void)files;
	runtime_quiet(options->verbose);
	if (!runtime_check("show the log"))
		return EXIT_FAILED;
	rc = runtime_open("show the log", &runtime);
	if (rc == -ENOENT)
		message_error("'iommufd-lsm load FILE...'",
			      "cannot show the log: no policy is loaded that keeps one");
	if (rc)
		return EXIT_FAILED;
	if (bpf_map_lookup_elem(runtime.state_fd, &slot, &state))
		goto err_read;

	number = state.log_next > IOLSM_LOG_SLOTS ? state.log_next - IOLSM_LOG_SLOTS : 0;
	lost = number;
	for (; number < state.log_next; number++) {
		rc = read_record(runtime.log_fd, number, &record);
		if (rc < 0)
			goto err_read;
		if (!rc || record.op >= IOMMUFD_LSM_OP_COUNT) {
			lost++;
			continue;
		}
		record.comm[sizeof(record.comm) - 1] = '\0';
		printable(record.comm);
		printable(record.address);
		printable(record.from);
		printable(record.to);
		(options->json ? print_json : print_text)(&record,
							  cached_words(&cache, record.generation));
	}
	if (lost)
		message_warning(NULL, "%" PRIu64 " older decisions are no longer there", lost);
	free_cache(&cache);
	runtime_close(&runtime);
	return EXIT_DONE;

err_read:
	message_error(NULL, "cannot show the log: %s", strerror(errno));
	free_cache(&cache);
	runtime_close(&runtime);
	return EXIT_FAILED;
}
