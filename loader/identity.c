// SPDX-License-Identifier: GPL-2.0
/*
 * Looking up executables and users on this machine. Asked when a policy is checked or loaded, never when
 * a decision is made.
 */
#include "identity.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <linux/fs.h>
#include <linux/types.h>

#include "policy_abi.h"

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
		/* NOLINTNEXTLINE(cert-err34-c): the kernel wrote these numbers */
		if (sscanf(line, "%u %u %u:%u ", &id, &parent, &major_nr, &minor_nr) == 4 &&
		    id == stx.stx_mnt_id)
			device = (uint64_t)major_nr << 20 | minor_nr;
	free(line);
	fclose(mounts);
	return device;
}

/* The generation of an inode, 0 if its file system does not say */
static uint32_t generation_of(int fd)
{
	unsigned long generation = 0;
	uint32_t value;

	/* The call is declared for a long, and writes an int */
	if (ioctl(fd, FS_IOC_GETVERSION, &generation))
		return 0;
	memcpy(&value, &generation, sizeof(value));
	return value;
}

/* What only an open file tells */
static void look_inside(struct identity *identity, const char *path)
{
	char magic[2];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return;
	if (read(fd, magic, sizeof(magic)) == sizeof(magic) && !memcmp(magic, "#!", 2))
		identity->problem = IDENTITY_SCRIPT;
	identity->inode_generation = generation_of(fd);
	close(fd);
}

/* Where it is, with all symbolic links followed */
static void find_place(struct identity *identity, const char *path)
{
	char *real = realpath(path, NULL), *name = real ? strrchr(real, '/') : NULL;
	struct stat st;
	int fd;

	if (!name || !name[1] || strlen(name + 1) >= IOLSM_NAME_LEN)
		goto out;
	identity->name = IOLSM_NAME_HASH_START;
	for (const char *c = name + 1; *c; c++)
		identity->name = (identity->name ^ (uint8_t)*c) * IOLSM_NAME_HASH_FACTOR;
	name[name == real ? 1 : 0] = '\0';
	fd = open(real, O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	if (fd < 0)
		goto out;
	if (!fstat(fd, &st)) {
		identity->dir_dev = device_of(real, &st);
		identity->dir_ino = st.st_ino;
		identity->dir_generation = generation_of(fd);
	}
	close(fd);
out:
	free(real);
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
		find_place(identity, path);
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

static bool find_user(const char *name, uint32_t *id)
{
	struct passwd *entry = getpwnam(name);

	if (entry)
		*id = entry->pw_uid;
	return entry;
}

static bool find_group(const char *name, uint32_t *id)
{
	struct group *entry = getgrnam(name);

	if (entry)
		*id = entry->gr_gid;
	return entry;
}

static struct identity *of_account(struct identities *identities, struct name_map *map,
				   uint32_t *missing, const char *name,
				   bool (*find)(const char *name, uint32_t *id))
{
	struct identity *identity = name_map_get(map, name);

	if (identity)
		return identity;
	identity = new_identity(identities, map, name);
	if (!identity)
		return NULL;

	if (name[0] && !name[strspn(name, "0123456789")]) {
		if (!parse_uid(name, &identity->uid))
			identity->problem = IDENTITY_BAD_UID;
		return identity;
	}
	errno = 0;
	if (find(name, &identity->uid) && identity->uid < IDENTITY_FIRST_RESERVED_UID)
		return identity;
	identity->problem = IDENTITY_MISSING;
	identity->errno_value = errno;
	identity->uid = IDENTITY_NO_UID - ++*missing;
	/* More unknown names than one policy of 1 MiB a file could reasonably have */
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

struct identity *identity_of_user(struct identities *identities, const char *user)
{
	return of_account(identities, &identities->users, &identities->missing_users, user, find_user);
}

struct identity *identity_of_group(struct identities *identities, const char *group)
{
	return of_account(identities, &identities->groups, &identities->missing_groups, group,
			  find_group);
}

const char *identity_group_name(const struct identities *identities, uint32_t gid)
{
	const struct name_map *map = &identities->groups;

	for (size_t i = 0; i < map->room; i++) {
		const struct identity *identity = map->slot[i].value;

		if (map->slot[i].name && identity->uid == gid)
			return map->slot[i].name;
	}
	return NULL;
}
