// SPDX-License-Identifier: GPL-2.0
/*
 * A program that answers nonsense, on a hook of the kernel's own (security_file_ioctl, for ioctls of one
 * process with one command). For attack_nonsense.c.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* Written by the test */
volatile __u32 tgid, only_cmd;
volatile int answer;

SEC("fmod_ret/security_file_ioctl")
int BPF_PROG(nonsense, struct file *file, unsigned int cmd, unsigned long arg, int ret)
{
	if (bpf_get_current_pid_tgid() >> 32 != tgid || cmd != only_cmd)
		return ret;
	return answer;
}

char _license[] SEC("license") = "GPL";
