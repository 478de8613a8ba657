// SPDX-License-Identifier: GPL-2.0
/*
 * Somebody else's programs on our hooks, which answer what the test tells them to. They know the module
 * by nothing but its BTF.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

struct iommufd_lsm_request {
	__u32 op;
} __attribute__((preserve_access_index));

/* Written by the test */
volatile __s64 answer_open, answer_attach, answer_detach, answer_any, answer_grant;
volatile __u32 spin; /* how long foreign_open takes */
/* Written by the programs */
volatile __u64 opens_seen, anys_seen, grants_seen;
volatile __u32 last_op;

static long idle(__u64 i, void *data)
{
	return 0;
}

SEC("fmod_ret.s/iommufd_lsm_ctx_open")
long BPF_PROG(foreign_open, struct iommufd_lsm_request *req, long ret)
{
	__sync_fetch_and_add(&opens_seen, 1);
	last_op = req->op;
	if (spin)
		bpf_loop(spin, idle, NULL, 0);
	return ret ? ret : answer_open;
}

/* As a program that knows nothing of 64 bits would be written */
SEC("fmod_ret.s/iommufd_lsm_device_attach")
int BPF_PROG(foreign_attach, struct iommufd_lsm_request *req, int ret)
{
	return ret ? ret : (int)answer_attach;
}

SEC("fmod_ret.s/iommufd_lsm_device_detach")
int BPF_PROG(foreign_detach, struct iommufd_lsm_request *req, int ret)
{
	return ret ? ret : (int)answer_detach;
}

SEC("fmod_ret.s/iommufd_lsm_any")
long BPF_PROG(foreign_any, struct iommufd_lsm_request *req, long ret)
{
	__sync_fetch_and_add(&anys_seen, 1);
	last_op = req->op;
	return ret ? ret : answer_any;
}

SEC("fmod_ret.s/iommufd_lsm_grant")
long BPF_PROG(foreign_grant, struct iommufd_lsm_request *req, long ret)
{
	__sync_fetch_and_add(&grants_seen, 1);
	return ret ? ret : answer_grant;
}

char _license[] SEC("license") = "GPL";
