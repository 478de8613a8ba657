// SPDX-License-Identifier: GPL-2.0
/*
 * Loading policies out of C strings for the tests of this folder.
 */
#define _GNU_SOURCE
#include "policy_text.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policy_private.h"

static FILE *open_said(struct loaded *loaded, size_t *size)
{
	FILE *stream = open_memstream(&loaded->said, size);

	if (!stream)
		abort();
	return stream;
}

static unsigned int count(const char *text, const char *word)
{
	unsigned int nr = 0;

	while ((text = strstr(text, word))) {
		text += strlen(word);
		nr++;
	}
	return nr;
}

static void finish(struct loaded *loaded, FILE *stream)
{
	fclose(stream);
	loaded->errors = count(loaded->said, ": error: ");
	loaded->warnings = count(loaded->said, ": warning: ");
}

static struct loaded load_named(const char *const *names, const char *const *texts,
				const size_t *lens, size_t nr)
{
	struct loaded loaded = { 0 };
	struct yaml_file *files[8];
	size_t size;
	FILE *stream = open_said(&loaded, &size);
	struct messages messages = { .stream = stream };

	for (size_t i = 0; i < nr; i++) {
		files[i] = yaml_read_text(names[i], texts[i], lens[i], &messages);
		if (!files[i] || !files[i]->root)
			loaded.rc = 2;
	}
	if (!loaded.rc)
		loaded.rc = policy_load_yaml(files, nr, &messages, &loaded.policy);
	messages_finish(&messages);
	for (size_t i = 0; i < nr; i++)
		yaml_free(files[i]);
	finish(&loaded, stream);
	return loaded;
}

struct loaded load_bytes(const char *text, size_t len)
{
	const char *name = "p.yaml";

	return load_named(&name, &text, &len, 1);
}

struct loaded load_as(const char *name, const char *text, size_t len)
{
	return load_named(&name, &text, &len, 1);
}

struct loaded load_text(const char *text)
{
	return load_bytes(text, strlen(text));
}

struct loaded load_texts(const char *const *texts)
{
	static const char *const names[] = { "a.yaml", "b.yaml", "c.yaml", "d.yaml" };
	size_t lens[4], nr;

	for (nr = 0; texts[nr]; nr++)
		lens[nr] = strlen(texts[nr]);
	return load_named(names, texts, lens, nr);
}

struct loaded load_paths(const char *const *paths, size_t nr)
{
	struct loaded loaded = { 0 };
	size_t size;
	FILE *stream = open_said(&loaded, &size);

	loaded.rc = policy_load_files(paths, nr, stream, &loaded.policy);
	finish(&loaded, stream);
	return loaded;
}

void unload(struct loaded *loaded)
{
	policy_free(loaded->policy);
	free(loaded->said);
	memset(loaded, 0, sizeof(*loaded));
}

bool said_line(const struct loaded *loaded, const char *line)
{
	size_t len = strlen(line);

	for (const char *p = loaded->said; (p = strstr(p, line)); p++)
		if ((p == loaded->said || p[-1] == '\n') && (p[len] == '\n' || !p[len]))
			return true;
	return false;
}

static char dir[] = "/tmp/policy-test-XXXXXX";
static char *made[16];
static size_t nr_made;

static void remove_files(void)
{
	while (nr_made) {
		unlink(made[--nr_made]);
		free(made[nr_made]);
	}
	rmdir(dir);
}

const char *temp_dir(void)
{
	static bool done;

	if (!done && !mkdtemp(dir))
		abort();
	if (!done)
		atexit(remove_files);
	done = true;
	return dir;
}

char *temp_file(const char *name, const char *text, size_t len)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s/%s", temp_dir(), name) < 0 ||
	    nr_made == sizeof(made) / sizeof(made[0]))
		abort();
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		abort();
	close(fd);
	made[nr_made++] = path;
	return path;
}
