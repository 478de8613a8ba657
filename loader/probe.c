// SPDX-License-Identifier: GPL-2.0
/*
 * `probe`: what a policy needs of this machine, what of it is missing, and the remedy. Needs no root for
 * most of it, and changes nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "commands.h"
#include "findings.h"
#include "json.h"
#include "runtime.h"

#define LSM_LIST "/sys/kernel/security/lsm"
/* What systemd gives every process; a device's user needs as much as it maps */
#define DEFAULT_MEMLOCK (8UL << 20)

static bool read_first_line(const char *path, char *line, size_t size)
{
	FILE *file = fopen(path, "re");
	bool done;

	line[0] = '\0';
	if (!file)
		return false;
	done = fgets(line, (int)size, file);
	line[strcspn(line, "\n")] = '\0';
	fclose(file);
	return done;
}

static void probe_modules(struct findings *findings)
{
	static const struct {
		const char *name, *what;
	} modules[] = {
		{ "iommufd_lsm", "the hooks" },
		{ "iommufd", "/dev/iommu" },
		{ "iommufd_vfio_pci", "device files" },
	};
	char path[128], advice[64];

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		snprintf(path, sizeof(path), "/sys/module/%s", modules[i].name);
		snprintf(advice, sizeof(advice), "'modprobe %s'", modules[i].name);
		if (access(path, F_OK))
			findings_add(findings, FINDING_PROBLEM, "module", advice,
				     "the module %s (%s) is not loaded", modules[i].name, modules[i].what);
		else
			findings_add(findings, FINDING_FINE, "module", NULL, "the module %s is loaded",
				     modules[i].name);
	}
	/* Another iommufd has the name and none of the calls */
	if (!access("/sys/module/iommufd", F_OK) && access("/proc/iommufd", F_OK))
		findings_add(findings, FINDING_PROBLEM, "module",
			     "'rmmod iommufd', 'modprobe iommufd' after 'make install' and 'depmod'",
			     "the module iommufd that is loaded is another one, of the kernel's own");
}

static void probe_btf(struct findings *findings)
{
	if (access("/sys/kernel/btf/vmlinux", R_OK))
		findings_add(findings, FINDING_PROBLEM, "btf", "a kernel with CONFIG_DEBUG_INFO_BTF, as Debian's",
			     "this kernel carries no BTF");
	else
		findings_add(findings, FINDING_FINE, "btf", NULL, "the kernel carries BTF");
	if (access("/sys/module/iommufd_lsm", F_OK))
		return;
	if (access("/sys/kernel/btf/iommufd_lsm", R_OK))
		findings_add(findings, FINDING_PROBLEM, "module-btf",
			     "to build it with pahole installed and a vmlinux in the kernel headers",
			     "the module iommufd_lsm carries no BTF");
	else
		findings_add(findings, FINDING_FINE, "module-btf", NULL, "the module iommufd_lsm carries BTF");
}

static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	for (const char *p = list; (p = strstr(p, word)); p += len)
		if ((p == list || p[-1] == ',') && (!p[len] || p[len] == ','))
			return true;
	return false;
}

static void probe_bpf_lsm(struct findings *findings)
{
	char list[256], advice[384];

	if (!read_first_line(LSM_LIST, list, sizeof(list))) {
		findings_add(findings, FINDING_PROBLEM, "bpf-lsm",
			     "'mount -t securityfs securityfs /sys/kernel/security', then again",
			     "which security modules the kernel runs cannot be seen: no " LSM_LIST);
		return;
	}
	if (has_word(list, "bpf")) {
		findings_add(findings, FINDING_FINE, "bpf-lsm", NULL, "the kernel runs the BPF LSM");
		return;
	}
	snprintf(advice, sizeof(advice), "'lsm=%s%sbpf' on the kernel's command line", list,
		 list[0] ? "," : "");
	findings_add(findings, FINDING_PROBLEM, "bpf-lsm", advice,
		     "the kernel runs without the BPF LSM, so processes cannot be told apart");
}

static void probe_bpf(struct findings *findings)
{
	char line[128];
	struct statfs fs;

	if (statfs("/sys/fs/bpf", &fs) || fs.f_type != BPF_FS_MAGIC)
		findings_add(findings, FINDING_PROBLEM, "bpffs", "'mount -t bpf bpf /sys/fs/bpf'",
			     "no BPF file system on /sys/fs/bpf");
	else
		findings_add(findings, FINDING_FINE, "bpffs", NULL, "a BPF file system is on /sys/fs/bpf");
	if (!runtime_calls_programs())
		findings_add(findings, FINDING_PROBLEM, "ftrace", RUNTIME_CALLS_NONE_ADVICE, RUNTIME_CALLS_NONE);
	if (read_first_line("/sys/kernel/security/lockdown", line, sizeof(line)) &&
	    strstr(line, "[confidentiality]"))
		findings_add(findings, FINDING_PROBLEM, "lockdown",
			     "'lockdown=integrity' or nothing like it on the kernel's command line",
			     "the kernel's lockdown forbids BPF programs to read: it is at 'confidentiality'");
}

static void probe_iommu(struct findings *findings)
{
	int nr = runtime_each("/sys/class/iommu", NULL, NULL);
	int groups = runtime_each("/sys/kernel/iommu_groups", NULL, NULL);

	if (nr <= 0)
		findings_add(findings, FINDING_PROBLEM, "iommu",
			     "'intel_iommu=on' on the kernel's command line on Intel; VT-d or AMD-Vi in the "
			     "firmware's settings",
			     "no IOMMU is on");
	else if (groups <= 0)
		findings_add(findings, FINDING_PROBLEM, "iommu", "a kernel without 'iommu=off'",
			     "there is an IOMMU, and no device is behind it");
	else
		findings_add(findings, FINDING_FINE, "iommu", NULL, "an IOMMU is on, with %d groups", groups);
}

static void probe_memlock(struct findings *findings)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur == RLIM_INFINITY || !geteuid()) {
		findings_add(findings, FINDING_FINE, "memlock", NULL, "you may lock as much memory as you map");
		return;
	}
	findings_add(findings, limit.rlim_cur < DEFAULT_MEMLOCK ? FINDING_PROBLEM : FINDING_NOTE, "memlock",
		     "'LimitMEMLOCK=' in the unit of who maps more, or /etc/security/limits.d",
		     "you may lock %lu KiB of memory, which is all that can be mapped for devices",
		     (unsigned long)limit.rlim_cur / 1024);
}

static void probe_node(struct findings *findings)
{
	struct stat st;

	if (access("/sys/module/iommufd", F_OK))
		return;
	if (stat("/dev/iommu", &st) || !S_ISCHR(st.st_mode))
		findings_add(findings, FINDING_PROBLEM, "node", "udev, or devtmpfs on /dev",
			     "there is no /dev/iommu, though its module is loaded");
	else
		findings_add(findings, FINDING_FINE, "node", NULL, "/dev/iommu is there");
}

int cmd_probe(const struct options *options, int nr_files, char **files)
{
	struct json_object *object;
	struct findings findings;
	struct utsname name;
	int rc;

	(void)nr_files;
	(void)files;
	findings_start(&findings);
	probe_modules(&findings);
	probe_node(&findings);
	probe_btf(&findings);
	probe_bpf_lsm(&findings);
	probe_bpf(&findings);
	probe_iommu(&findings);
	probe_memlock(&findings);
	uname(&name);
	rc = findings.problems ? EXIT_FAILED : EXIT_DONE;
	if (options->json) {
		object = json_object_new_object();
		json_add_string(object, "kernel", name.release);
		json_add_bool(object, "ready", !findings.problems);
		json_object_object_add(object, "findings", json_object_get(findings.list));
		json_print(object);
	} else {
		printf("kernel %s: %s\n", name.release,
		       findings.problems ? "a policy cannot work here yet" :
					   "all is there that a policy needs");
		findings_print(&findings, true);
	}
	findings_free(&findings);
	return rc;
}
