// SPDX-License-Identifier: GPL-2.0
/*
 * Finds the running policy and what it needs of the machine, and keeps two loaders from working at once.
 * Changes nothing that is in force.
 */
#include "runtime.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/magic.h>

#include "message.h"

#define BPFFS "/sys/fs/bpf"
#define LOCK_PATIENCE_MS 10000
/* The number of the first pid namespace's file, fixed in the kernel's user interface */
#define INIT_PID_NS 0xeffffffcU

static int print_libbpf(enum libbpf_print_level level, const char *format, va_list args)
{
	return level == LIBBPF_DEBUG ? 0 : vfprintf(stderr, format, args);
}

void runtime_quiet(bool verbose)
{
	libbpf_set_print(verbose ? print_libbpf : NULL);
}

bool runtime_check(const char *cannot)
{
	struct statfs fs;
	struct stat st;

	if (geteuid()) {
		message_error("sudo", "cannot %s: only root can", cannot);
		return false;
	}
	if (access("/sys/kernel/btf/vmlinux", R_OK)) {
		message_error("a kernel with CONFIG_DEBUG_INFO_BTF, as Debian's",
			      "cannot %s: this kernel carries no BTF", cannot);
		return false;
	}
	if (access("/proc/iommufd_lsm", R_OK)) {
		message_error("'modprobe iommufd_lsm'",
			      "cannot %s: the module iommufd_lsm is not loaded", cannot);
		return false;
	}
	if (access("/sys/kernel/btf/iommufd_lsm", R_OK)) {
		message_error("to build it with pahole installed and a vmlinux in the kernel headers",
			      "cannot %s: the module iommufd_lsm carries no BTF", cannot);
		return false;
	}
	if (statfs(BPFFS, &fs) || fs.f_type != BPF_FS_MAGIC) {
		message_error("'mount -t bpf bpf " BPFFS "'",
			      "cannot %s: no BPF file system on " BPFFS, cannot);
		return false;
	}
	if (stat("/proc/self/ns/pid", &st) || st.st_ino != INIT_PID_NS) {
		message_error("to run it on the host itself",
			      "cannot %s: not in the first pid namespace, where all processes are seen",
			      cannot);
		return false;
	}
	return true;
}

/* Whether the directory that was locked is still the one at its path */
static bool still_there(int fd)
{
	struct stat locked, now;

	return !fstat(fd, &locked) && !stat(RUNTIME_DIR, &now) && locked.st_ino == now.st_ino &&
	       locked.st_dev == now.st_dev;
}

int runtime_lock(const char *cannot)
{
	const struct timespec pause = { .tv_nsec = 50 * 1000 * 1000 };
	int fd, waited;

	for (waited = 0; waited < LOCK_PATIENCE_MS; waited += 50) {
		if (mkdir(RUNTIME_DIR, 0700) && errno != EEXIST) {
			message_error(NULL, "cannot %s: cannot make '%s': %s", cannot, RUNTIME_DIR,
				      strerror(errno));
			return -1;
		}
		fd = open(RUNTIME_DIR, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB) && still_there(fd))
			return fd;
		if (fd >= 0)
			close(fd);
		nanosleep(&pause, NULL);
	}
	message_error("again when it is done", "cannot %s: another iommufd-lsm is changing the policy",
		      cannot);
	return -1;
}

/* Open the inner map that slot 0 holds now */
static int open_tables(int policy_fd)
{
	__u32 slot = 0, id;

	if (bpf_map_lookup_elem(policy_fd, &slot, &id))
		return -1;
	return bpf_map_get_fd_by_id(id);
}

int runtime_open(const char *cannot, struct runtime *runtime)
{
	LIBBPF_OPTS(bpf_obj_get_opts, read_only, .file_flags = BPF_F_RDONLY);
	struct iolsm_key key = { .kind = IOLSM_KEY_CONFIG };
	struct iolsm_state state;
	union iolsm_value value;
	__u32 slot = 0;
	int tries;

	*runtime = (struct runtime){ -1, -1, -1, -1, 0, { 0 } };
	runtime->state_fd = bpf_obj_get(RUNTIME_ACTIVE "/maps/iolsm_state");
	if (runtime->state_fd < 0) {
		if (access(RUNTIME_ACTIVE, F_OK))
			return -ENOENT;
		goto err_damaged;
	}
	/* abi stands first in every version; the rest is read when it is ours */
	if (bpf_map_lookup_elem(runtime->state_fd, &slot, &state))
		goto err_damaged;
	if (state.abi != IOLSM_ABI) {
		message_error("'iommufd-lsm unload', then load again",
			      "cannot %s: the programs in force are of version %u, this iommufd-lsm is of %u",
			      cannot, state.abi, IOLSM_ABI);
		runtime_close(runtime);
		return -EPROTO;
	}
	runtime->flags = state.flags;
	runtime->log_fd = bpf_obj_get(RUNTIME_ACTIVE "/maps/iolsm_log");
	runtime->policy_fd = bpf_obj_get(RUNTIME_ACTIVE "/maps/iolsm_policy");
	if (runtime->policy_fd < 0) /* a guard lets nobody but the loader write; reading is all most commands want */
		runtime->policy_fd = bpf_obj_get_opts(RUNTIME_ACTIVE "/maps/iolsm_policy", &read_only);
	if (runtime->log_fd < 0 || runtime->policy_fd < 0)
		goto err_damaged;
	/* A load between the two steps takes the map away: look again */
	for (tries = 0; runtime->tables_fd < 0 && tries < 10; tries++)
		runtime->tables_fd = open_tables(runtime->policy_fd);
	if (runtime->tables_fd < 0 || bpf_map_lookup_elem(runtime->tables_fd, &key, &value))
		goto err_damaged;
	runtime->config = value.config;
	return 0;

err_damaged:
	message_error("'iommufd-lsm unload', then load again",
		      "cannot %s: what is pinned under '%s' is not whole: %s", cannot, RUNTIME_DIR,
		      strerror(errno));
	runtime_close(runtime);
	return -EIO;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

void runtime_close(struct runtime *runtime)
{
	close_fd(&runtime->policy_fd);
	close_fd(&runtime->tables_fd);
	close_fd(&runtime->state_fd);
	close_fd(&runtime->log_fd);
}

int runtime_each(const char *path, void (*function)(const char *name, void *data), void *data)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int nr = 0;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		nr++;
		if (function)
			function(entry->d_name, data);
	}
	closedir(dir);
	return nr;
}

struct removal {
	const char *path;
	int rc;
};

static void remove_entry(const char *name, void *data)
{
	struct removal *removal = data;
	char path[512];
	struct stat st;
	int rc;

	if (snprintf(path, sizeof(path), "%s/%s", removal->path, name) >= (int)sizeof(path)) {
		removal->rc = -ENAMETOOLONG;
		return;
	}
	if (lstat(path, &st))
		return;
	rc = S_ISDIR(st.st_mode) ? runtime_remove_tree(path) : unlink(path) ? -errno : 0;
	if (rc)
		removal->rc = rc;
}

int runtime_remove_tree(const char *path)
{
	struct removal removal = { .path = path };
	int rc = runtime_each(path, remove_entry, &removal);

	if (rc == -ENOENT)
		return 0;
	if (rc < 0)
		return rc;
	if (removal.rc)
		return removal.rc;
	return rmdir(path) ? -errno : 0;
}

bool runtime_has_bpf_lsm(char *parameter, size_t size)
{
	FILE *file = fopen("/sys/kernel/security/lsm", "re");
	char list[160] = "", *save, *name;

	if (!file || !fgets(list, sizeof(list), file)) {
		snprintf(parameter, size, "'mount -t securityfs securityfs /sys/kernel/security', and "
			 "lsm=...,bpf on the kernel's command line if it is not there");
		if (file)
			fclose(file);
		return false;
	}
	fclose(file);
	snprintf(parameter, size, "the kernel's command line with lsm=");
	for (name = strtok_r(list, ",\n", &save); name; name = strtok_r(NULL, ",\n", &save)) {
		if (!strcmp(name, "bpf"))
			return true;
		if (strcmp(name, "capability")) /* always there, and not to be named */
			snprintf(parameter + strlen(parameter), size - strlen(parameter), "%s,", name);
	}
	snprintf(parameter + strlen(parameter), size - strlen(parameter), "bpf");
	return false;
}

bool runtime_calls_programs(void)
{
	FILE *file = fopen("/proc/sys/kernel/ftrace_enabled", "re");
	bool off;

	if (!file)
		return true; /* a kernel without the switch */
	off = fgetc(file) == '0';
	fclose(file);
	return !off;
}

const char *runtime_default_verdict(void)
{
	static char verdict[16] = "unknown";
	FILE *file = fopen("/sys/module/iommufd_lsm/parameters/default_verdict", "re");

	if (file) {
		if (fgets(verdict, sizeof(verdict), file))
			verdict[strcspn(verdict, "\n")] = '\0';
		fclose(file);
	}
	return verdict;
}
