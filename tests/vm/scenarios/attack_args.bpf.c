// SPDX-License-Identifier: GPL-2.0
/*
 * A guard as one would write it without hooks behind the copy of the arguments: it reads the caller's
 * struct from his memory when the ioctl begins, and refuses what it finds there. For attack_args.c, to
 * show what a second thread makes of it.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EACCES 13
#define NAME_AT 16 /* in struct iommufd_ioas_set_name */

/* Written by the test */
volatile __u32 attach_cmd, forbidden_id, set_name_cmd;
volatile char forbidden_first; /* letter of a name */
/* Written by the program */
volatile __u64 refused, passed;

struct attach_arg {
	__u32 argsz, flags, pt_id;
};

SEC("lsm.s/file_ioctl")
int BPF_PROG(naive_guard, struct file *file, unsigned int cmd, unsigned long arg)
{
	struct attach_arg attach;
	char first;
	bool bad;

	if (cmd == attach_cmd) {
		if (bpf_copy_from_user(&attach, sizeof(attach), (void *)arg))
			return 0;
		bad = attach.pt_id == forbidden_id;
	} else if (cmd == set_name_cmd) {
		if (bpf_copy_from_user(&first, 1, (void *)(arg + NAME_AT)))
			return 0;
		bad = first == forbidden_first;
	} else {
		return 0;
	}
	__sync_fetch_and_add(bad ? &refused : &passed, 1);
	return bad ? -EACCES : 0;
}

char _license[] SEC("license") = "GPL";
