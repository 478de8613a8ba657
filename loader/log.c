// SPDX-License-Identifier: GPL-2.0
/*
 * `log`: the decisions that the programs' rings still have, oldest first, each with the rule that made it; with
 * --follow also what comes after, whichever policies come and go. Reading takes nothing away from other
 * readers. How a record is printed: log_record.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <json-c/json.h>

#include "commands.h"
#include "log_record.h"
#include "message.h"
#include "runtime.h"
#include "words.h"

/* How often --follow looks; a ring holds IOLSM_RING_SLOTS records */
#define LOOK_MS 100
/* How long a record may be seen half written before it counts as lost: its writer cannot be stopped for so long */
#define PATIENCE 20

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

/* How far the rings were read, and what comes next from them */
struct reader {
	const struct options *options;
	struct runtime runtime;
	struct words_cache cache;
	uint64_t next[IOLSM_RINGS];
	unsigned int half[IOLSM_RINGS]; /* how often the next one was seen half written */
	uint64_t lost;    /* overwritten before they were read, and not said yet */
	uint64_t skipped; /* of struct iolsm_state, as it was last said */
	struct iolsm_record *record; /* IOLSM_LOG_SLOTS */
	size_t nr;
};

/*
 * Read record @number of a ring. Return: 1; 0 it was overwritten by now; -EAGAIN it is being written; another
 * negative errno. The slot is read twice: a record that stayed the same, and says it is whole, was not torn.
 */
static int read_record(int log_fd, __u32 ring, uint64_t number, struct iolsm_record *record)
{
	__u32 slot = ring * IOLSM_RING_SLOTS + number % IOLSM_RING_SLOTS;
	struct iolsm_record again;

	if (bpf_map_lookup_elem(log_fd, &slot, record) || bpf_map_lookup_elem(log_fd, &slot, &again))
		return -errno;
	if (record->begin > number + 1)
		return 0;
	/* Both are the slot's bytes as they were; padding is equal, as it is always zero there */
	/* NOLINTNEXTLINE(bugprone-suspicious-memory-comparison,cert-*) */
	if (memcmp(record, &again, sizeof(again)))
		return -EAGAIN;
	return record->begin == number + 1 && record->end == number + 1 ? 1 : -EAGAIN;
}

/* Return: 0 or a negative errno */
static int read_ring(struct reader *reader, __u32 ring, uint64_t end)
{
	uint64_t *next = &reader->next[ring];
	int rc;

	if (end - *next > IOLSM_RING_SLOTS) {
		reader->lost += end - IOLSM_RING_SLOTS - *next;
		*next = end - IOLSM_RING_SLOTS;
	}
	for (; *next < end; ++*next) {
		rc = read_record(reader->runtime.log_fd, ring, *next, &reader->record[reader->nr]);
		if (rc == -EAGAIN && ++reader->half[ring] < PATIENCE)
			return 0;
		reader->half[ring] = 0;
		if (rc < 0 && rc != -EAGAIN)
			return rc;
		if (rc == 1 && log_clean(&reader->record[reader->nr]))
			reader->nr++;
		else
			reader->lost++;
	}
	return 0;
}

static int compare_records(const void *a, const void *b)
{
	const struct iolsm_record *first = a, *second = b;

	return first->number < second->number ? -1 : first->number > second->number;
}

static void say_losses(struct reader *reader, const struct iolsm_state *state)
{
	uint64_t skipped = state->skipped - reader->skipped;

	if (reader->options->json && (reader->lost || skipped))
		printf("{\"version\":%d,\"event\":\"loss\",\"overwritten\":%" PRIu64
		       ",\"skipped\":%" PRIu64 "}\n", LOG_VERSION, reader->lost, skipped);
	if (!reader->options->json && reader->lost)
		message_warning(NULL, "%" PRIu64 " older decisions are no longer there", reader->lost);
	if (!reader->options->json && skipped)
		message_warning(NULL, "%" PRIu64 " decisions were not logged, of processes that had too "
				"many at once", skipped);
	reader->lost = 0;
	reader->skipped = state->skipped;
}

/* Print what came since the last time. Return: 0 or a negative errno. */
static int print_new(struct reader *reader)
{
	struct iolsm_state state;
	__u32 slot = 0, ring;
	int rc = 0;
	size_t i;

	if (bpf_map_lookup_elem(reader->runtime.state_fd, &slot, &state))
		return -errno;
	reader->nr = 0;
	for (ring = 0; !rc && ring < IOLSM_RINGS; ring++)
		rc = read_ring(reader, ring, state.ring_next[ring]);
	if (rc)
		return rc;
	qsort(reader->record, reader->nr, sizeof(*reader->record), compare_records);
	for (i = 0; i < reader->nr; i++) {
		const struct iolsm_record *record = &reader->record[i];

		(reader->options->json ? log_print_json : log_print_text)(
			record, cached_words(&reader->cache, record->generation));
	}
	say_losses(reader, &state);
	return fflush(stdout) ? -errno : 0;
}

/* Whether the rings that are read are still those that are written */
static bool still_written(ino_t pin)
{
	struct stat now;

	return !stat(RUNTIME_ACTIVE "/maps/iolsm_log", &now) && now.st_ino == pin;
}

/* Read the rings of the programs in force now, and with --follow until there are others */
static int read_rings(struct reader *reader)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000 * 1000 };
	struct stat pin = { 0 };
	bool more;
	int rc;

	/* Generations are counted from 1 again by the programs of each first load */
	free_cache(&reader->cache);
	memset(&reader->cache, 0, sizeof(reader->cache));
	memset(reader->next, 0, sizeof(reader->next));
	reader->skipped = 0;
	stat(RUNTIME_ACTIVE "/maps/iolsm_log", &pin);
	do {
		more = reader->options->follow && still_written(pin.st_ino);
		rc = print_new(reader);
		if (!rc && more)
			nanosleep(&pause, NULL);
	} while (!rc && more);
	if (rc)
		message_error(NULL, "cannot show the log: %s", strerror(-rc));
	return rc;
}

int cmd_log(const struct options *options, int nr_files, char **files)
{
	const struct timespec pause = { .tv_nsec = LOOK_MS * 1000 * 1000 };
	struct reader reader = { .options = options };
	int rc;

	(void)nr_files;
	(void)files;
	runtime_quiet(options->verbose);
	if (!runtime_check("show the log"))
		return EXIT_FAILED;
	reader.record = calloc(IOLSM_LOG_SLOTS, sizeof(*reader.record));
	if (!reader.record) {
		message_error(NULL, "cannot show the log: %s", strerror(ENOMEM));
		return EXIT_FAILED;
	}
	do {
		rc = runtime_open("show the log", &reader.runtime);
		if (!rc) {
			rc = read_rings(&reader);
			runtime_close(&reader.runtime);
		} else if (rc == -ENOENT && options->follow) {
			rc = nanosleep(&pause, NULL) ? -errno : 0; /* until there is one */
		} else if (rc == -ENOENT) {
			message_error("'iommufd-lsm load FILE...'",
				      "cannot show the log: no policy is loaded that keeps one");
		}
	} while (!rc && options->follow);
	free_cache(&reader.cache);
	free(reader.record);
	return rc ? EXIT_FAILED : EXIT_DONE;
}
