// SPDX-License-Identifier: GPL-2.0
/*
 * S16 against arguments that change while they are judged. A thread flips the caller's struct in user
 * memory between what is allowed and what is not. A guard that reads it where the ioctl begins (an LSM
 * program on file_ioctl, as one would write it without our hooks) is passed; that is shown first. Our hooks
 * are asked about what was copied once and is then used: none of as many tries gets anywhere.
 *
 * vm: about=S16 racing arguments in user memory against the hooks, and against a guard that re-reads them
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "hooks.h"
#include "vm.h"
#include "attack_args.skel.h"

#define MIN_TRIES 1500 /* against our hooks, and until both verdicts were seen often */
#define MAX_TRIES 400000 /* some twenty times what it usually takes */

static const char policy[] =
	"version: 1\n"
	"name: args\n"
	"rules:\n"
	"  - allow: [open, ioas-alloc, ioas-name, device-open, bind, attach, move, detach]\n"
	"    who: any\n"
	"  - deny: [attach, move]\n"
	"    who: any\n"
	"    to: { name: forbidden }\n"
	"  - deny: ioas-name\n"
	"    who: any\n"
	"    to: { name: \"s*\" }\n";

static int iommufd, fd;
static uint32_t allowed, forbidden;

/* What the other thread does to the argument: 0 rests */
static struct vfio_device_attach_iommufd_pt attach_arg;
static struct iommufd_ioas_set_name name_arg;
static volatile int flipping;

static void *flipper(void *unused)
{
	volatile uint32_t *pt = &attach_arg.pt_id;
	volatile char *letter = &name_arg.name[0];

	for (;;) {
		if (flipping == 1) {
			*pt = allowed;
			relax();
			*pt = forbidden;
			relax();
		} else if (flipping == 2) {
			*letter = 'g';
			relax();
			*letter = 's';
			relax();
		} else {
			usleep(1000);
		}
	}
	return unused;
}

/* One racing ATTACH: whether the device stands in the forbidden IOAS after it; refused is counted */
static bool attach_reaches_forbidden(long *refused)
{
	int rc;

	attach_arg.argsz = sizeof(attach_arg);
	attach_arg.flags = 0;
	rc = iommu_call(fd, VFIO_DEVICE_ATTACH_IOMMUFD_PT, &attach_arg);
	*refused += rc == -EACCES;
	return proc_number("/proc/iommufd", "group", "state=translated", "ioas") == forbidden;
}

/* One racing SET_NAME: whether an IOAS has the forbidden name after it */
static bool name_is_forbidden(long *refused)
{
	char match[32], name[32] = "";
	uint32_t id;
	int rc;

	if (ioas_alloc(iommufd, &id))
		return false;
	name_arg.size = sizeof(name_arg);
	name_arg.ioas_id = id;
	rc = iommu_call(iommufd, IOMMUFD_IOAS_SET_NAME, &name_arg);
	*refused += rc == -EACCES;
	if (!rc) {
		snprintf(match, sizeof(match), "id=%u", id);
		proc_find("/proc/iommufd", "ioas", match, "name", name, sizeof(name));
	}
	object_destroy(iommufd, id);
	return name[0] == 's';
}

/* Try until it works. The tries it took, or 0 if it never did */
static long until_passed(bool (*one)(long *refused))
{
	long refused = 0;

	for (long n = 1; n <= MAX_TRIES; n++)
		if (one(&refused))
			return n;
	return 0;
}

/* Try so often that it would have worked. What did */
static long passes(bool (*one)(long *refused), long *tries, long *refused)
{
	long passed = 0;

	*refused = 0;
	for (*tries = 0; *tries < MIN_TRIES || *refused < 100 || *tries - *refused < 100; ++*tries) {
		if (*tries > MAX_TRIES)
			break;
		passed += one(refused);
	}
	return passed;
}

/* A context with two IOASes, and the device attached in the allowed one */
static void set_up(bool named)
{
	uint32_t id;

	iommufd = iommu_open();
	REQUIRE(iommufd >= 0, "a context");
	REQUIRE_RC(ioas_alloc(iommufd, &allowed), 0, "an allowed IOAS");
	REQUIRE_RC(ioas_alloc(iommufd, &forbidden), 0, "a forbidden one");
	if (named)
		REQUIRE_RC(ioas_name(iommufd, forbidden, "forbidden"), 0, "which is named so");
	fd = device_open(VM_EDU);
	REQUIRE(fd >= 0, "the device opens");
	REQUIRE_RC(device_bind(fd, iommufd, &id), 0, "it binds");
	REQUIRE_RC(device_attach(fd, allowed, NULL), 0, "it is attached where it may be");
}

static void against_naive_guard(void)
{
	struct attack_args_bpf *naive = attack_args_bpf__open_and_load();
	long tries;

	REQUIRE(naive && !attack_args_bpf__attach(naive), "a guard that reads the caller's memory attaches");
	set_up(false);
	naive->bss->attach_cmd = VFIO_DEVICE_ATTACH_IOMMUFD_PT;
	naive->bss->set_name_cmd = IOMMUFD_IOAS_SET_NAME;
	naive->bss->forbidden_id = forbidden;
	naive->bss->forbidden_first = 's';
	CHECK_RC(device_attach(fd, forbidden, NULL), -EACCES, "control: it refuses what stands still");
	flipping = 1;
	tries = until_passed(attach_reaches_forbidden);
	CHECK(tries, "without protection: a guard that reads user memory is passed (try %ld)", tries);
	flipping = 2;
	tries = until_passed(name_is_forbidden);
	CHECK(tries, "without protection: with a name as well (try %ld)", tries);
	flipping = 0;
	attack_args_bpf__destroy(naive);
	close(fd);
	close(iommufd);
}

static void against_hooks(void)
{
	long tries, refused, passed;

	REQUIRE_RC(load_policy(policy), 0, "a policy says the same");
	set_default_verdict("deny");
	set_up(true);
	CHECK_RC(device_attach(fd, forbidden, NULL), -EACCES, "S16 it refuses what stands still");
	flipping = 1;
	passed = passes(attach_reaches_forbidden, &tries, &refused);
	flipping = 0;
	note("ATTACH: %ld tries, %ld refused", tries, refused);
	CHECK_EQ(passed, 0, "S16 no ATTACH reaches an IOAS that was not judged");
	CHECK(refused >= 100 && tries - refused >= 100, "control: both arguments were seen");
	flipping = 2;
	passed = passes(name_is_forbidden, &tries, &refused);
	flipping = 0;
	note("SET_NAME: %ld tries, %ld refused", tries, refused);
	CHECK_EQ(passed, 0, "S16 no IOAS gets a name that was not judged");
	CHECK(refused >= 100 && tries - refused >= 100, "control: both names were seen");
	close(fd);
	close(iommufd);
}

int main(void)
{
	pthread_t thread;

	REQUIRE_RC(default_allow(), 0, "policy out of the way");
	REQUIRE_RC(pci_bind(VM_EDU, VM_DRIVER), 0, "our driver has the device");
	strcpy(name_arg.name, "guest");
	REQUIRE(!pthread_create(&thread, NULL, flipper, NULL), "a thread changes arguments");
	against_naive_guard();
	against_hooks();
	return checks_done();
}
