// SPDX-License-Identifier: GPL-2.0
/*
 * Describes the loader and what it pins to the guard of these.
 */
#include "own.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "identity.h"
#include "runtime.h"

static int describe_loader(struct iolsm_label *loader)
{
	struct arena arena = { 0 };
	struct identities identities = { .arena = &arena };
	struct identity *identity;
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	int rc = 0;

	if (len < 0)
		return -errno;
	path[len] = '\0';
	identity = identity_of_exe(&identities, path);
	if (!identity)
		rc = -ENOMEM;
	else if (identity->problem)
		rc = -ENOENT; /* replaced while it runs, perhaps */
	else
		*loader = (struct iolsm_label){
			.dev = identity->dev,
			.ino = identity->ino,
			.generation = identity->inode_generation,
			.dir_dev = identity->dir_dev,
			.dir_ino = identity->dir_ino,
			.dir_generation = identity->dir_generation,
			.name = identity->name,
		};
	arena_free(&arena);
	return rc;
}

int own_describe(int policy_fd, struct iolsm_own *own)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);
	struct stat pins, mount_ns;
	int rc;

	*own = (struct iolsm_own){ 0 };
	rc = describe_loader(&own->loader);
	if (rc)
		return rc;
	if (stat(RUNTIME_DIR, &pins) || stat("/proc/self/ns/mnt", &mount_ns) ||
	    bpf_obj_get_info_by_fd(policy_fd, &info, &len))
		return -errno;
	own->pins_dev = (__u64)major(pins.st_dev) << 20 | minor(pins.st_dev);
	own->pins_ino = pins.st_ino;
	own->mount_ns = mount_ns.st_ino;
	own->policy_map = info.id;
	return 0;
}
