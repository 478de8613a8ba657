/* SPDX-License-Identifier: GPL-2.0 */
/*
 * From what a policy writes about processes to what the kernel knows them by: the path of an executable
 * to its device and inode, a user's name to its uid. What this machine lacks gets an identity of its own
 * that no process has, so that a policy can be checked elsewhere than where it is loaded.
 */
#ifndef IDENTITY_H
#define IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "memory.h"

/* The device of executables that are not there; no file system has it */
#define IDENTITY_NO_DEVICE UINT64_MAX

/*
 * uids from here on are not a policy's to use: they stand for users that do not exist while a policy is
 * checked. In a compiled policy all of them become IDENTITY_NO_UID, which the kernel never uses.
 */
#define IDENTITY_FIRST_RESERVED_UID 0xffff0000u
#define IDENTITY_NO_UID UINT32_MAX

/* All zero is empty */
struct identities {
	struct arena *arena;
	struct name_map exes, users; /* of struct identity */
	uint64_t missing_exes;
	uint32_t missing_users;
};

enum identity_problem {
	IDENTITY_FINE,
	IDENTITY_MISSING,  /* not on this machine, errno_value says why */
	IDENTITY_NO_FILE,  /* a directory, a device: no process can be it */
	IDENTITY_NOT_EXECUTABLE,
	IDENTITY_SCRIPT,   /* starts with "#!": its processes are its interpreter */
	IDENTITY_BAD_UID,  /* a number that is no uid */
	IDENTITY_NO_MEMORY,
};

struct identity {
	enum identity_problem problem;
	int errno_value;
	uint64_t dev, ino; /* of an executable */
	/*
	 * The file system gives the number of a deleted file to a new one, perhaps to somebody who waited for
	 * it, but not the generation. 0: it does not say; only some do (ext4, xfs, btrfs, f2fs).
	 */
	uint32_t inode_generation;
	uint32_t uid;      /* of a user */
	bool reported;     /* for the caller: say each problem once */
};

/**
 * identity_of_exe() - What the kernel knows an executable by
 * @identities: what was looked up before; the same path has the same identity throughout
 * @path: absolute path; symbolic links are followed
 *
 * dev is that of the mounted file system, numbered as the kernel does inside, major << 20 | minor.
 *
 * Return: the identity, which may have a problem; NULL without memory.
 */
struct identity *identity_of_exe(struct identities *identities, const char *path);

/**
 * identity_of_user() - The uid of a user
 * @identities: as above
 * @user: a name, or a decimal uid
 *
 * Return: the identity, which may have a problem; NULL without memory.
 */
struct identity *identity_of_user(struct identities *identities, const char *user);

/* What was looked up and found to be this, for messages; NULL: nothing was */
const char *identity_exe_name(const struct identities *identities, uint64_t dev, uint64_t ino);
const char *identity_user_name(const struct identities *identities, uint32_t uid);

#endif
