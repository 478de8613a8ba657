// SPDX-License-Identifier: GPL-2.0
/*
 * attach OBJECT DIRECTORY: attaches every program of a BPF object and pins the links, so that they stay
 * when this ends. What bpftool 7.2 and later do with "prog loadall ... autoattach"; Debian 12's is older.
 *
 *   cc attach.c -lbpf -o attach
 *   attach lone_devices.bpf.o /sys/fs/bpf/lone_devices
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/libbpf.h>

static int fail(const char *what, const char *name, int errnum)
{
	fprintf(stderr, "cannot %s '%s': %s\n", what, name, strerror(errnum));
	return 1;
}

int main(int argc, char **argv)
{
	struct bpf_program *program;
	struct bpf_object *object;
	struct bpf_link *link;
	char path[512];
	int rc;

	if (argc != 3) {
		fprintf(stderr, "usage: attach OBJECT DIRECTORY\n");
		return 2;
	}
	object = bpf_object__open_file(argv[1], NULL);
	if (!object)
		return fail("read", argv[1], errno);
	rc = bpf_object__load(object);
	if (rc)
		return fail("load", argv[1], -rc);
	if (mkdir(argv[2], 0700))
		return fail("make", argv[2], errno);
	bpf_object__for_each_program(program, object) {
		link = bpf_program__attach(program);
		if (!link)
			return fail("attach", bpf_program__name(program), errno);
		snprintf(path, sizeof(path), "%s/%s", argv[2], bpf_program__name(program));
		rc = bpf_link__pin(link, path);
		if (rc)
			return fail("pin", path, -rc);
	}
	return 0;
}
