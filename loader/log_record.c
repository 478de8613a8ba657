// SPDX-License-Identifier: GPL-2.0
/*
 * Prints records of the decision log, as text or as lines of JSON (docs/log.md).
 */
#include "log_record.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <json-c/json.h>

#include "iommufd_lsm_hooks.h"
#include "words.h"

#define CGROUPS "/sys/fs/cgroup"
/* The kernel's type of file handles that are a number of kernfs, as those of cgroups are */
#define HANDLE_KERNFS 0xfe

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

/* What became of it, in one word a person and a program can read */
static const char *verdict_of(const struct iolsm_record *record)
{
	return record->outcome == IOLSM_GRANTED || record->outcome == IOLSM_DEFAULT_ALLOWED ?
		"allowed" : "denied";
}

static bool by_permission(const struct iolsm_record *record)
{
	return record->permissive & IOLSM_PERMISSIVE_POLICY && record->outcome == IOLSM_GRANTED &&
	       record->granted_by == IOLSM_RULE_PERMISSIVE;
}

/* Whether the policy's rule is what decided, and not another program */
static bool rule_decided(const struct iolsm_record *record)
{
	if (record->outcome == IOLSM_GRANTED)
		return record->said == IOLSM_SAID_ALLOW && record->granted_by == record->rule + 1;
	return record->outcome == IOLSM_DENIED && record->said == IOLSM_SAID_DENY;
}

static const struct {
	__u32 guard;
	const char *name, *reason;
} guards[] = {
	{ IOLSM_GUARD_DEVICE_FILES, "device-files", "the policy allows it nothing" },
	{ IOLSM_GUARD_HAND_OVER, "hand-over", "no rule lets it have what another process opened" },
	{ IOLSM_GUARD_PTRACE, "ptrace", "nobody else steers a process to which the policy gives rights" },
	{ IOLSM_GUARD_POLICY_OBJECTS, "policy-objects", "iommufd-lsm alone changes what is in force" },
};
#define NR_GUARDS (sizeof(guards) / sizeof(guards[0]))
_Static_assert(NR_GUARDS == IOLSM_GUARDS, "each guard has a name");

/* The guard that judged, or NR_GUARDS: it was a hook */
static size_t guard_of(const struct iolsm_record *record)
{
	size_t i = 0;

	while (i < NR_GUARDS && record->op != (IOLSM_OP_GUARDS | guards[i].guard))
		i++;
	return i;
}

static const char *op_of(const struct iolsm_record *record)
{
	size_t guard = guard_of(record);

	return guard < NR_GUARDS ? guards[guard].name : op_names[record->op];
}

static const char *reason_of(const struct iolsm_record *record)
{
	if (record->said == IOLSM_SAID_BROKEN && record->outcome == IOLSM_DENIED)
		return "the policy's tables are not whole; load it again";
	if (record->said == IOLSM_SAID_UNKNOWN && record->outcome == IOLSM_DENIED)
		return "which program attached it is not known";
	if (guard_of(record) < NR_GUARDS)
		return guards[guard_of(record)].reason;
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

/* The path of a cgroup in the unified hierarchy, or what is known of it: a static buffer */
static const char *cgroup_path(uint64_t number)
{
	static char path[PATH_MAX];
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + sizeof(uint64_t)];
	} id = { .handle = { .handle_bytes = sizeof(uint64_t), .handle_type = HANDLE_KERNFS } };
	char link[64];
	int root = open(CGROUPS, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	ssize_t len = -1;

	memcpy(id.handle.f_handle, &number, sizeof(number));
	if (root >= 0)
		fd = open_by_handle_at(root, &id.handle, O_PATH | O_CLOEXEC);
	if (fd >= 0) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		len = readlink(link, path, sizeof(path) - 1);
		close(fd);
	}
	if (root >= 0)
		close(root);
	path[len < 0 ? 0 : len] = '\0';
	if (strncmp(path, CGROUPS, strlen(CGROUPS)))
		return ""; /* it is gone, or of another hierarchy */
	return path[strlen(CGROUPS)] ? path + strlen(CGROUPS) : "/";
}

/* A process chooses its name: nothing in it may reach the terminal as a control */
static void printable(char *text, size_t size)
{
	text[size - 1] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < 0x20 || (unsigned char)*text > 0x7e)
			*text = '?';
}

bool log_clean(struct iolsm_record *record)
{
	if (record->op >= IOMMUFD_LSM_OP_COUNT && guard_of(record) == NR_GUARDS)
		return false;
	printable(record->comm, sizeof(record->comm));
	printable(record->address, sizeof(record->address));
	printable(record->driver, sizeof(record->driver));
	printable(record->from, sizeof(record->from));
	printable(record->to, sizeof(record->to));
	printable(record->object, sizeof(record->object));
	return true;
}

static void print_reason(const struct iolsm_record *record, struct json_object *words)
{
	const char *file, *text;
	int line;

	if (!rule_decided(record) && !(by_permission(record) && record->said == IOLSM_SAID_DENY)) {
		printf("%s", reason_of(record));
		return;
	}
	if (by_permission(record))
		printf("the policy is permissive; denied by ");
	printf("rule %u", record->rule + 1);
	if (words && words_rule(words, record->rule, &file, &line, &text))
		printf(", %s:%d: %s", file, line, text);
	else
		printf(" of generation %llu, which is gone", (unsigned long long)record->generation);
}

/* What rules on probation had to do with it */
static void print_probation(const struct iolsm_record *record, struct json_object *words)
{
	const char *file, *text;
	int line;

	if (record->permissive & IOLSM_PERMISSIVE_RULE)
		printf(" (on probation)");
	if (!record->would_deny)
		return;
	printf("; on probation, rule %u would deny", record->would_deny);
	if (words && words_rule(words, record->would_deny - 1, &file, &line, &text))
		printf(", %s:%d: %s", file, line, text);
}

void log_print_text(const struct iolsm_record *record, struct json_object *words)
{
	char when[32];

	format_time(record->time, when, sizeof(when));
	printf("%s %s %s", when, verdict_of(record), op_of(record));
	if (record->address[0])
		printf(" of %s", record->address);
	if (record->object[0])
		printf(" (%s)", record->object);
	if (record->from[0])
		printf(" from '%s'", record->from);
	if (record->to[0])
		printf(" to '%s'", record->to);
	printf(" for %s (pid %u, uid %u): ", record->comm, record->tgid, record->uid);
	print_reason(record, words);
	print_probation(record, words);
	if (guard_of(record) == NR_GUARDS && !op_blocks[record->op] && record->rc)
		printf(" (not stopped: that would keep access alive)");
	if (record->peer)
		printf(" (pid %u)", record->peer);
	if (record->skipped)
		printf(" (%llu before it are not shown)", (unsigned long long)record->skipped);
	putchar('\n');
}

#define ADD_STRING(name, value) json_object_object_add(object, name, json_object_new_string(value))
#define ADD_NUMBER(name, value) json_object_object_add(object, name, json_object_new_int64(value))

static void add_rule(struct json_object *object, const struct iolsm_record *record,
		     struct json_object *words)
{
	const char *file, *text;
	int line;

	if (record->said != IOLSM_SAID_ALLOW && record->said != IOLSM_SAID_DENY)
		return;
	ADD_NUMBER("rule", record->rule + 1);
	if (!words || !words_rule(words, record->rule, &file, &line, &text))
		return;
	ADD_STRING("file", file);
	ADD_NUMBER("line", line);
	ADD_STRING("text", text);
}

static void add_subject(struct json_object *object, const struct iolsm_record *record,
			struct json_object *words)
{
	const char *exe = words ? words_exe(words, record->exe_dev, record->exe_ino) : NULL;

	ADD_STRING("comm", record->comm);
	ADD_NUMBER("pid", record->tgid);
	ADD_NUMBER("uid", record->uid);
	if (exe)
		ADD_STRING("exe", exe);
	ADD_NUMBER("exe_dev", record->exe_dev);
	ADD_NUMBER("exe_ino", record->exe_ino);
	ADD_STRING("cgroup", cgroup_path(record->cgroup));
}

static void add_giver(struct json_object *object, const struct iolsm_record *record,
		      struct json_object *words)
{
	const char *exe;

	if (record->op != (IOLSM_OP_GUARDS | IOLSM_GUARD_HAND_OVER))
		return;
	exe = words ? words_exe(words, record->giver_dev, record->giver_ino) : NULL;
	ADD_NUMBER("giver_uid", record->giver_uid);
	if (exe)
		ADD_STRING("giver_exe", exe);
	ADD_NUMBER("giver_exe_dev", record->giver_dev);
	ADD_NUMBER("giver_exe_ino", record->giver_ino);
}

static void add_device(struct json_object *object, const struct iolsm_record *record)
{
	char id[16];

	if (!record->address[0])
		return;
	ADD_STRING("device", record->address);
	snprintf(id, sizeof(id), "%04x:%04x", record->vendor, record->device);
	ADD_STRING("id", id);
	snprintf(id, sizeof(id), "%06x", record->class_code);
	ADD_STRING("class", id);
	ADD_STRING("driver", record->driver);
	ADD_NUMBER("group", record->group_id);
}

void log_print_json(const struct iolsm_record *record, struct json_object *words)
{
	struct json_object *object = json_object_new_object();
	char when[32];

	format_time(record->time, when, sizeof(when));
	ADD_NUMBER("version", LOG_VERSION);
	ADD_STRING("event", guard_of(record) < NR_GUARDS ? "guard" : "decision");
	ADD_NUMBER("number", record->number);
	ADD_STRING("time", when);
	ADD_NUMBER("boottime_ns", record->time);
	ADD_NUMBER("seq", record->seq);
	ADD_STRING("verdict", verdict_of(record));
	ADD_STRING("op", op_of(record));
	ADD_NUMBER("errno", -record->rc);
	json_object_object_add(object, "permissive", json_object_new_boolean(by_permission(record)));
	json_object_object_add(object, "by_rule", json_object_new_boolean(rule_decided(record)));
	ADD_NUMBER("generation", record->generation);
	add_rule(object, record, words);
	if (record->permissive & IOLSM_PERMISSIVE_RULE)
		json_object_object_add(object, "on_probation", json_object_new_boolean(true));
	if (record->would_deny)
		ADD_NUMBER("would_deny", record->would_deny);
	if (!rule_decided(record))
		ADD_STRING("reason", reason_of(record));
	add_subject(object, record, words);
	ADD_NUMBER("context", record->ctx_id);
	ADD_NUMBER("flags", record->flags);
	if (record->object[0])
		ADD_STRING("object", record->object);
	if (record->peer)
		ADD_NUMBER("peer", record->peer);
	add_giver(object, record, words);
	add_device(object, record);
	ADD_STRING("from", record->from);
	ADD_STRING("to", record->to);
	ADD_NUMBER("skipped", record->skipped);
	printf("%s\n", json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
						      JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(object);
}
