// SPDX-License-Identifier: GPL-2.0
/*
 * Reading what the kernel says of itself: memory figures, /proc/iommufd, its log.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/klog.h>
#include <unistd.h>

#include "vm.h"

#define SYSLOG_ACTION_READ_ALL 3

long process_kb(pid_t pid, const char *key)
{
	char path[64], line[256];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid ?: getpid());
	f = fopen(path, "re");
	if (!f)
		return -1;
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, key, strlen(key)) && line[strlen(key)] == ':')
			kb = atol(line + strlen(key) + 1);
	}
	fclose(f);
	return kb;
}

long long vmstat(const char *name)
{
	long long value = -1, v;
	char key[128];
	FILE *f = fopen("/proc/vmstat", "re");

	if (!f)
		return -1;
	while (fscanf(f, "%127s %lld", key, &v) == 2) {
		if (!strcmp(key, name))
			value = v;
	}
	fclose(f);
	return value;
}

/*
 * Processors keep small changes to themselves for a while; this makes them tell. Only root may: for
 * others they tell by themselves, within two seconds.
 */
static void vmstat_refresh(void)
{
	FILE *f = fopen("/proc/sys/vm/stat_refresh", "we");

	if (!f) {
		sleep(3);
		return;
	}
	fputs("1", f);
	fclose(f);
}

long long pages_pinned(void)
{
	vmstat_refresh();
	return vmstat("nr_foll_pin_acquired") - vmstat("nr_foll_pin_released");
}

/* Whether a word stands in a line, whole */
static const char *find_word(const char *line, const char *word, size_t length, bool prefix)
{
	const char *at = line;

	while ((at = strstr(at, word))) {
		char after = at[length];

		if ((at == line || at[-1] == ' ') &&
		    (prefix || after == ' ' || after == '\n' || after == 0))
			return at;
		at++;
	}
	return NULL;
}

static bool has_words(const char *line, const char *words)
{
	char buf[512], *save, *word;

	snprintf(buf, sizeof(buf), "%s", words ?: "");
	for (word = strtok_r(buf, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		if (!find_word(line, word, strlen(word), false))
			return false;
	}
	return true;
}

bool proc_find(const char *path, const char *what, const char *match, const char *key, char *value,
	       size_t size)
{
	char line[1024], key_is[64];
	bool found = false;
	const char *at;
	FILE *f = fopen(path, "re");

	if (!f)
		return false;
	while (!found && fgets(line, sizeof(line), f)) {
		if (strncmp(line, what, strlen(what)) || !strchr(" \n", line[strlen(what)]))
			continue;
		if (!has_words(line, match))
			continue;
		if (!key) {
			found = true;
			continue;
		}
		snprintf(key_is, sizeof(key_is), "%s=", key);
		at = find_word(line, key_is, strlen(key_is), true);
		if (!at)
			continue;
		at += strlen(key_is);
		snprintf(value, size, "%.*s", (int)strcspn(at, " \n"), at);
		found = true;
	}
	fclose(f);
	return found;
}

long long proc_number(const char *path, const char *what, const char *match, const char *key)
{
	char value[64];

	return proc_find(path, what, match, key, value, sizeof(value)) ? strtoll(value, NULL, 0) : -1;
}

long long hook_count(const char *op, const char *outcome)
{
	char line[512], head[64], key[64];
	long long value = -1;
	const char *at;
	FILE *f = fopen("/proc/iommufd_lsm", "re");

	if (!f)
		return -1;
	snprintf(head, sizeof(head), op ? "hook %s " : "seq ", op);
	snprintf(key, sizeof(key), " %s ", outcome ?: "");
	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, head, strlen(head)))
			continue;
		at = op ? strstr(line, key) : line + 3;
		if (at)
			value = atoll(at + (op ? strlen(key) : 0));
	}
	fclose(f);
	return value;
}

/* Everything in the kernel's log after the last mark; the caller frees it */
static char *klog_read(void)
{
	static const int size = 1 << 20;
	char *text = malloc(size + 1);
	int n;

	if (!text)
		abort();
	n = klogctl(SYSLOG_ACTION_READ_ALL, text, size);
	text[n < 0 ? 0 : n] = 0;
	return text;
}

static char mark[64];

void klog_mark(void)
{
	static int serial;
	FILE *f = fopen("/dev/kmsg", "we");

	snprintf(mark, sizeof(mark), "vm: mark %d.%d", getpid(), ++serial);
	if (!f)
		return;
	fprintf(f, "%s\n", mark);
	fclose(f);
}

int klog_count(const char *text)
{
	char *log = klog_read(), *at = log, *line, *save;
	int count = 0;

	if (*mark && strstr(log, mark))
		at = strstr(log, mark) + strlen(mark);
	for (line = strtok_r(at, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (strstr(line, text) && !strstr(line, "] vm: "))
			count++;
	}
	free(log);
	return count;
}

long vm_number(const char *name, long otherwise)
{
	const char *text = getenv(name);

	return text && *text ? strtol(text, NULL, 0) : otherwise;
}

long vm_slowness(void)
{
	return vm_number("VM_SLOWNESS", 1);
}
