// SPDX-License-Identifier: GPL-2.0
/*
 * Looking up executables and users on this machine. Asked when a policy is checked or loaded, never when
 * a decision is made.
 */
#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/fs.h>

static struct identity *new_identity(struct identities *identities, struct name_map *map,
				     const char *name)
{
	struct identity *identity = arena_alloc(identities->arena, sizeof(*identity));
	char *key = arena_strdup(identities->arena, name);

	if (!identity || !key || name_map_add(map, identities->arena, key, identity))
		return NULL;
	return identity;
}

/*
 * The device of a file as the kernel's BPF programs see it: that of the mounted file system. What stat() says
 * instead is made up on some (btrfs: one for each subvolume; overlayfs: one for each layer), so it is only
 * taken where the mount cannot be found.
 */
static uint64_t device_of(const char *path, const struct stat *st)
{
	uint64_t device = (uint64_t)major(st->st_dev) << 20 | minor(st->st_dev);
	unsigned int id, parent, major_nr, minor_nr;
	struct statx stx;
	char *line = NULL;
	size_t room = 0;
	FILE *mounts;

	if (statx(AT_FDCWD, path, 0, STATX_MNT_ID, &stx) || !(stx.stx_mask & STATX_MNT_ID))
		return device;
	mounts = fopen("/proc/self/mountinfo", "re");
	if (!mounts)
		return device;
	while (getline(&line, &room, mounts) > 0)
		if (sscanf(line, "%u %u %u:%u ", &id, &parent, &major_nr, &minor_nr) == 4 &&
		    id == stx.stx_mnt_id)
			device = (uint64_t)major_nr << 20 | minor_nr;
	free(line);
	fclose(mounts);
	return device;
}

/* What only an open file tells */
static void look_inside(struct identity *identity, const char *path)
{
	unsigned long generation = 0;
	char magic[2];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return;
	if (read(fd, magic, sizeof(magic)) == sizeof(magic) && !memcmp(magic, "#!", 2))
		identity->problem = IDENTITY_SCRIPT;
	/* The call is declared for a long, and writes an int */
	if (!ioctl(fd, FS_IOC_GETVERSION, &generation))
		memcpy(&identity->inode_generation, &generation,
		       sizeof(identity->inode_generation));
	close(fd);
}

struct identity *identity_of_exe(struct identities *identities, const char *path)
{
	struct identity *identity = name_map_get(&identities->exes, path);
	struct stat st;

	if (identity)
		return identity;
	identity = new_identity(identities, &identities->exes, path);
	if (!identity)
		return NULL;

	if (stat(path, &st)) {
		identity->problem = IDENTITY_MISSING;
		identity->errno_value = errno;
	} else if (!S_ISREG(st.st_mode)) {
		identity->problem = IDENTITY_NO_FILE;
	} else {
		identity->dev = device_of(path, &st);
		identity->ino = st.st_ino;
		if (!(st.st_mode & 0111))
			identity->problem = IDENTITY_NOT_EXECUTABLE;
		else
			look_inside(identity, path);
		return identity;
	}
	identity->dev = IDENTITY_NO_DEVICE;
	identity->ino = ++identities->missing_exes;
	return identity;
}

/* A uid as people write it: no sign, no leading zero that could mean octal */
static bool parse_uid(const char *text, uint32_t *uid)
{
	uint64_t value = 0;

	if (text[0] == '0' && text[1])
		return false;
	for (; *text; text++) {
		value = value * 10 + (*text - '0');
		if (value >= IDENTITY_FIRST_RESERVED_UID)
			return false;
	}
	*uid = value;
	return true;
}

struct identity *identity_of_user(struct identities *identities, const char *user)
{
	struct identity *identity = name_map_get(&identities->users, user);
	struct passwd *entry;

	if (identity)
		return identity;
	identity = new_identity(identities, &identities->users, user);
	if (!identity)
		return NULL;

	if (user[0] && !user[strspn(user, "0123456789")]) {
		if (!parse_uid(user, &identity->uid))
			identity->problem = IDENTITY_BAD_UID;
		return identity;
	}
	errno = 0;
	entry = getpwnam(user);
	if (entry && entry->pw_uid < IDENTITY_FIRST_RESERVED_UID) {
		identity->uid = entry->pw_uid;
		return identity;
	}
	identity->problem = IDENTITY_MISSING;
	identity->errno_value = errno;
	identity->uid = IDENTITY_NO_UID - ++identities->missing_users;
	/* More unknown users than one policy of 1 MiB a file could reasonably name */
	if (identity->uid < IDENTITY_FIRST_RESERVED_UID)
		return NULL;
	return identity;
}

const char *identity_exe_name(const struct identities *identities, uint64_t dev, uint64_t ino)
{
	const struct name_map *map = &identities->exes;

	for (size_t i = 0; i < map->room; i++) {
		const struct identity *identity = map->slot[i].value;

		if (map->slot[i].name && identity->dev == dev && identity->ino == ino)
			return map->slot[i].name;
	}
	return NULL;
}

const char *identity_user_name(const struct identities *identities, uint32_t uid)
{
	const struct name_map *map = &identities->users;

	for (size_t i = 0; i < map->room; i++) {
		const struct identity *identity = map->slot[i].value;

		if (map->slot[i].name && identity->uid == uid)
			return map->slot[i].name;
	}
	return NULL;
}
