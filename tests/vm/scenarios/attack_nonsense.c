// SPDX-License-Identifier: GPL-2.0
/*
 * S16 against somebody's program that answers what no hook should answer: positive, huge, INT_MIN, an errno
 * that is none. On a hook of the kernel's own such an answer goes back to the caller as it is, who takes what
 * is no small negative number for success; that is shown first. On ours it denies, every time, with an errno.
 * (s16_deny_wins goes through the answers on the hooks alone; here they meet a device.)
 *
 * vm: about=S16 a BPF program of someone else that returns nonsense, on a kernel's hook and on ours
 */
#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "hooks.h"
#include "vm.h"
#include "attack_nonsense.skel.h"
#include "s16_foreign.skel.h"

static const long long answers[] = {
	1, 5, 4096, INT_MAX, INT_MIN, -4096, -100000, 1LL << 31, 1LL << 32, LLONG_MAX, LLONG_MIN,
};

#define NR_ANSWERS ((int)(sizeof(answers) / sizeof(answers[0])))

static void on_a_kernel_hook(int iommufd)
{
	struct attack_nonsense_bpf *skel = attack_nonsense_bpf__open_and_load();
	struct iommu_ioas_alloc cmd = { .size = sizeof(cmd) };
	int taken_for_success = 0;

	REQUIRE(skel && !attack_nonsense_bpf__attach(skel), "a program on a hook of the kernel's");
	skel->bss->only_cmd = IOMMU_IOAS_ALLOC;
	skel->bss->answer = -EPERM;
	skel->bss->tgid = getpid();
	CHECK_RC(iommu_call(iommufd, IOMMU_IOAS_ALLOC, &cmd), -EPERM, "control: it can refuse an ioctl");
	for (int i = 0; i < NR_ANSWERS; i++) {
		if (!(int)answers[i]) /* no answer at all on a hook of ints */
			continue;
		skel->bss->answer = answers[i];
		/* as a caller looks at it: -1 is an error, everything else is not */
		taken_for_success += iommu_call(iommufd, IOMMU_IOAS_ALLOC, &cmd) >= 0 || cmd.out_ioas_id ||
				     errno > 4095;
	}
	CHECK(taken_for_success > 3 && !cmd.out_ioas_id,
	      "without protection: callers take %d of %d answers for success, and nothing was done",
	      taken_for_success, NR_ANSWERS);
	attack_nonsense_bpf__destroy(skel);
}

static void on_our_hooks(int iommufd)
{
	struct s16_foreign_bpf *foreign = s16_foreign_bpf__open_and_load();
	uint32_t ioas, id;
	int fd;

	REQUIRE(foreign && !s16_foreign_bpf__attach(foreign), "the same on hooks of ours");
	REQUIRE_RC(ioas_alloc(iommufd, &ioas), 0, "an IOAS");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "it opens");
	REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "it binds");
	for (int i = 0; i < NR_ANSWERS; i++) {
		foreign->bss->answer_open = answers[i];
		CHECK_RC(iommu_open(), -EACCES, "S16 %#llx denies an open", answers[i]);
		/* that program returns an int; what the compiler leaves above it is not defined */
		if (!(int)answers[i])
			continue;
		foreign->bss->answer_attach = answers[i];
		CHECK_RC(device_attach(fd, ioas, NULL), -EACCES, "S16 %#x denies an attach", (int)answers[i]);
		CHECK_RC(device_enable(fd, true, true), -EINVAL, "S16 and the device is not operable");
	}
	foreign->bss->answer_open = foreign->bss->answer_attach = 0;
	CHECK_RC(device_attach(fd, ioas, NULL), 0, "control: without nonsense it attaches");
	for (int i = 0; i < NR_ANSWERS; i++) {
		foreign->bss->answer_detach = answers[i];
		CHECK_RC(device_detach(fd), 0, "S10 S16 %#llx does not keep a device attached", answers[i]);
		CHECK_RC(device_attach(fd, ioas, NULL), 0, "it attaches again");
	}
	s16_foreign_bpf__destroy(foreign);
	close(fd);
}

int main(void)
{
	int iommufd;

	REQUIRE_RC(default_allow(), 0, "everything else is in favour");
	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	on_a_kernel_hook(iommufd);
	on_our_hooks(iommufd);
	return checks_done();
}
