// SPDX-License-Identifier: GPL-2.0
/*
 * Compares inodes first, which is cheap, and identities then.
 */
#include "exe_search.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const folders[] = {
	"/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/bin", "/sbin", "/usr/libexec",
	"/usr/lib/qemu", "/usr/lib/libvirt", "/usr/lib/systemd", "/opt", "/opt/bin",
};

static const char *check(struct identities *identities, const char *path, uint64_t dev, uint64_t ino)
{
	const struct identity *identity;
	struct stat st;

	if (stat(path, &st) || st.st_ino != ino || !S_ISREG(st.st_mode))
		return NULL;
	identity = identity_of_exe(identities, path);
	if (!identity || identity->dev != dev || identity->ino != ino)
		return NULL;
	return identity_exe_name(identities, dev, ino);
}

/* What runs: a deleted file's link leads nowhere, or to another file that has its name now */
static const char *search_running(struct identities *identities, uint64_t dev, uint64_t ino)
{
	DIR *proc = opendir("/proc");
	const char *found = NULL;
	struct dirent *entry;
	char link[64], path[PATH_MAX];
	ssize_t len;

	while (proc && !found && (entry = readdir(proc))) {
		if (strspn(entry->d_name, "0123456789") != strlen(entry->d_name))
			continue;
		snprintf(link, sizeof(link), "/proc/%.20s/exe", entry->d_name);
		len = readlink(link, path, sizeof(path) - 1);
		if (len <= 0)
			continue;
		path[len] = '\0';
		found = check(identities, path, dev, ino);
	}
	if (proc)
		closedir(proc);
	return found;
}

static const char *search_folder(struct identities *identities, const char *folder, uint64_t dev,
				 uint64_t ino)
{
	DIR *dir = opendir(folder);
	const char *found = NULL;
	struct dirent *entry;
	char path[PATH_MAX];

	while (dir && !found && (entry = readdir(dir))) {
		if (snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name) < (int)sizeof(path))
			found = check(identities, path, dev, ino);
	}
	if (dir)
		closedir(dir);
	return found;
}

const char *exe_search(struct identities *identities, uint64_t dev, uint64_t ino)
{
	const char *found;

	if (!ino)
		return NULL;
	found = identity_exe_name(identities, dev, ino);
	if (!found)
		found = search_running(identities, dev, ino);
	for (size_t i = 0; !found && i < sizeof(folders) / sizeof(folders[0]); i++)
		found = search_folder(identities, folders[i], dev, ino);
	return found;
}
