// SPDX-License-Identifier: GPL-2.0
/*
 * An example of a program of your own on a hook: no device may be attached that shares its IOMMU group
 * with others, whatever the loaded policy allows. Needs nothing of this project but the module's BTF.
 *
 *   bpftool btf dump file /sys/kernel/btf/vmlinux format c > vmlinux.h
 *   clang -g -O2 -target bpf -I. -c lone_devices.bpf.c -o lone_devices.bpf.o
 *   attach lone_devices.bpf.o /sys/fs/bpf/lone_devices     # attach.c, beside this
 *   bpftool link                                           # it is there: modify_return
 *   rm -r /sys/fs/bpf/lone_devices                         # and gone
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define EPERM 1

/* The fields that are used; where they stand, and that they are there, is settled when it is loaded */
struct iommufd_lsm_device {
	__u32 group_size;
} __attribute__((preserve_access_index));

struct iommufd_lsm_request {
	struct iommufd_lsm_device device;
} __attribute__((preserve_access_index));

/*
 * 0: no objection, so that programs behind this one are asked. Anything else ends the walk and denies: a
 * negative errno is what the process sees.
 */
static __always_inline long only_lone_devices(struct iommufd_lsm_request *req)
{
	return req->device.group_size > 1 ? -EPERM : 0;
}

/* .s: it may sleep. ret is what the program before said: pass it on. */
SEC("fmod_ret.s/iommufd_lsm_device_attach")
long BPF_PROG(lone_attach, struct iommufd_lsm_request *req, long ret)
{
	return ret ? ret : only_lone_devices(req);
}

SEC("fmod_ret.s/iommufd_lsm_device_move")
long BPF_PROG(lone_move, struct iommufd_lsm_request *req, long ret)
{
	return ret ? ret : only_lone_devices(req);
}

char _license[] SEC("license") = "GPL";
