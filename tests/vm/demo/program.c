// SPDX-License-Identifier: GPL-2.0
/*
 * The programs of the demo, two names for one source: `vmm` does as it is told on stdin, one word a line, and
 * ends each answer with a "."; `intruder` tries what it can. To a policy they are different programs,
 * as they are different files. Whatever turns out otherwise than the story says ends the demo.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vm.h"

#define IOVA 0x100000ULL
#define NOT_MAPPED 0x700000ULL
#define TEXT_LEN 28

static void fail(const char *fmt, ...)
{
	va_list ap;

	printf("FAILED: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
	exit(1);
}

/* rc as a person reads it */
static const char *spell(int rc)
{
	return rc < 0 ? strerrorname_np(-rc) ?: "?" : "success";
}

static void must(int rc, const char *what)
{
	if (rc < 0)
		fail("%s: %s", what, spell(rc));
	printf("  %-52s ok\n", what);
}

static void must_fail(int rc, int want, const char *what)
{
	if (rc != want)
		fail("%s: %s, not %s", what, spell(rc), spell(want));
	printf("  %-52s %s\n", what, spell(rc));
}

/* --- vmm ------------------------------------------------------------------------------------------ */

static struct {
	const char *address;
	int iommufd, fd;
	uint32_t dev_id, staging, guest;
	char *staging_page, *guest_page;
	struct edu edu;
} vmm;

static void vmm_open(void)
{
	vmm.iommufd = iommu_open();
	must(vmm.iommufd, "open /dev/iommu: a context");
	must(ioas_alloc(vmm.iommufd, &vmm.staging), "allocate an IOAS");
	must(ioas_name(vmm.iommufd, vmm.staging, "staging"), "name it staging");
	must(ioas_alloc(vmm.iommufd, &vmm.guest), "allocate another IOAS");
	must(ioas_name(vmm.iommufd, vmm.guest, "guest"), "name it guest");
	vmm.staging_page = memory(4096, '.');
	vmm.guest_page = memory(4096, '.');
	strcpy(vmm.staging_page, "written by the vmm: staging");
	must(ioas_map(vmm.iommufd, vmm.staging, vmm.staging_page, 4096, IOVA),
	     "staging: IOVA 0x100000 -> page A");
	must(ioas_map(vmm.iommufd, vmm.guest, vmm.guest_page, 4096, IOVA),
	     "guest:   IOVA 0x100000 -> page B");
}

static void vmm_attach(void)
{
	uint32_t value;

	vmm.fd = device_open(vmm.address);
	must(vmm.fd, "open the device's fd");
	must_fail(device_enable(vmm.fd, true, true), -EINVAL, "touch its registers: not yet, it is inert");
	must(device_bind(vmm.fd, vmm.iommufd, &vmm.dev_id), "bind it to the context");
	must_fail(device_enable(vmm.fd, true, true), -EINVAL, "touch its registers: still not");
	must(device_attach(vmm.fd, vmm.staging, NULL), "attach it to staging");
	must(edu_init(&vmm.edu, vmm.fd), "enable it and map its BAR");
	value = edu_read(&vmm.edu, 0);
	printf("  its identification register says                     %#x\n", value);
}

static void show_pages(const char *when)
{
	printf("  %-22s page A \"%.*s\"\n  %-22s page B \"%.*s\"\n", when, TEXT_LEN - 1,
	       vmm.staging_page, "", TEXT_LEN - 1, vmm.guest_page);
}

/* The device reads the text at IOVA, and writes it back a little further */
static void vmm_dma(void)
{
	must(edu_pull(&vmm.edu, IOVA, 0, TEXT_LEN), "the device reads 28 bytes at IOVA 0x100000");
	must(edu_push(&vmm.edu, IOVA + 2048, 0, TEXT_LEN), "the device writes them at IOVA 0x100800");
	printf("  page A at 0x800 now    \"%.*s\"\n", TEXT_LEN - 1, vmm.staging_page + 2048);
	if (memcmp(vmm.staging_page, vmm.staging_page + 2048, TEXT_LEN))
		fail("the bytes differ");
	printf("  28 bytes compared                                    equal\n");
}

static void vmm_move(void)
{
	memset(vmm.guest_page, '.', 4096);
	show_pages("before");
	must(device_attach(vmm.fd, vmm.guest, NULL), "move the attached device from staging to guest");
	memset(vmm.staging_page, '-', 4096);
	must(edu_push(&vmm.edu, IOVA, 0, TEXT_LEN), "the device writes at the same IOVA 0x100000");
	show_pages("after");
	if (strcmp(vmm.guest_page, "written by the vmm: staging"))
		fail("the bytes did not arrive in page B");
	if (memchr(vmm.staging_page, 'w', 4096))
		fail("bytes arrived in page A");
	printf("  page B has the bytes, page A is untouched            compared\n");
}

static void vmm_back(void)
{
	must_fail(device_attach(vmm.fd, vmm.staging, NULL), -EACCES,
		  "move it back from guest to staging");
	memset(vmm.guest_page, '.', 4096);
	must(edu_push(&vmm.edu, IOVA, 0, TEXT_LEN), "the device writes at IOVA 0x100000");
	if (strcmp(vmm.guest_page, "written by the vmm: staging"))
		fail("the device is not in guest any more");
	printf("  a denied move leaves it where it was                 page B\n");
}

static void vmm_fault(void)
{
	char before[4096];

	memcpy(before, vmm.guest_page, 4096);
	must(edu_push(&vmm.edu, NOT_MAPPED, 0, TEXT_LEN), "the device is told to write at IOVA 0x700000");
	if (memcmp(before, vmm.guest_page, 4096) || memchr(vmm.staging_page, 'w', 4096))
		fail("bytes arrived");
	printf("  nothing arrived anywhere; the IOMMU reports a fault\n");
	memset(vmm.guest_page, '.', 4096);
	must(edu_push(&vmm.edu, IOVA, 0, TEXT_LEN), "and the next transfer works");
}

static void vmm_detach(void)
{
	char before[4096];
	uint32_t value;
	int sig;

	memcpy(before, vmm.guest_page, 4096);
	edu_start(&vmm.edu, 0x40000, IOVA, TEXT_LEN, true);
	memset(vmm.guest_page, '.', 4096);
	must(device_detach(vmm.fd), "detach it, while a transfer is under way");
	sig = touch(vmm.edu.bar, &value);
	if (sig != SIGBUS)
		fail("touching the BAR: signal %d", sig);
	printf("  touch the BAR that is still mapped                   SIGBUS\n");
	must_fail(device_enable(vmm.fd, true, true), -EINVAL, "touch its configuration");
	usleep(300000);
	if (memchr(vmm.guest_page, 'w', 4096))
		fail("the transfer arrived after the detach");
	printf("  the transfer never arrived                           compared\n");
	must(device_attach(vmm.fd, vmm.guest, NULL), "attach it again, no reopen");
}

/* The open fds of this process in the hands of another program */
static void vmm_leak(void)
{
	char iommufd[16], fd[16], pt[16];
	pid_t pid;
	int status;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		fcntl(vmm.iommufd, F_SETFD, 0);
		fcntl(vmm.fd, F_SETFD, 0);
		snprintf(iommufd, sizeof(iommufd), "%d", vmm.iommufd);
		snprintf(fd, sizeof(fd), "%d", vmm.fd);
		snprintf(pt, sizeof(pt), "%u", vmm.staging);
		execl("/usr/bin/intruder", "intruder", vmm.address, iommufd, fd, pt, NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	if (status)
		fail("the intruder was not held back");
}

static void vmm_close(void)
{
	edu_exit(&vmm.edu);
	close(vmm.fd);
	close(vmm.iommufd);
	printf("  closed\n");
}

/* --- two contexts, one group ---------------------------------------------------------------------------- */

static int two_contexts(const char *one, const char *two)
{
	struct iommufd_device_claim_info info;
	int a = iommu_open(), b = iommu_open();
	int fd1 = device_open(one), fd2 = device_open(two);
	uint32_t id;
	char what[80];

	if (a < 0 || b < 0 || fd1 < 0 || fd2 < 0)
		fail("cannot open: %s %s %s %s", spell(a), spell(b), spell(fd1), spell(fd2));
	snprintf(what, sizeof(what), "the first context binds %s", one);
	must(device_bind(fd1, a, &id), what);
	snprintf(what, sizeof(what), "a second one wants %s", two);
	must_fail(device_bind(fd2, b, &id), -EPERM, what);
	must(device_claim_info(fd2, &info), "ask why");
	printf("  group %u belongs to the context of process %u (%s)\n", info.group_id, info.owner_tgid,
	       info.reason == IOMMUFD_CLAIM_CONTEXT ? "a context" : "?");
	if (info.reason != IOMMUFD_CLAIM_CONTEXT || info.owner_tgid != (uint32_t)getpid())
		fail("the reason is wrong: %u", info.reason);
	must(device_bind(fd2, a, &id), "the first context takes it as well");
	return 0;
}

/* --- intruder ------------------------------------------------------------------------------------------------ */

static int intruder(int argc, char **argv)
{
	uint32_t id;

	must_fail(iommu_open(), -EACCES, "intruder: open /dev/iommu");
	if (argc < 5) {
		must_fail(device_open(argv[1]), -EACCES, "intruder: open the device's fd");
		return 0;
	}
	printf("  the intruder is given the vmm's open fds:\n");
	must_fail(ioas_alloc(atoi(argv[2]), &id), -EACCES, "intruder: allocate an IOAS");
	must_fail(device_attach(atoi(argv[3]), atoi(argv[4]), NULL), -EACCES,
		  "intruder: move the device");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct {
		const char *word;
		void (*fn)(void);
	} words[] = {
		{ "open", vmm_open },   { "attach", vmm_attach }, { "dma", vmm_dma },
		{ "move", vmm_move },   { "back", vmm_back },     { "fault", vmm_fault },
		{ "leak", vmm_leak },   { "detach", vmm_detach }, { "close", vmm_close },
	};
	char word[64];
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2)
		return 2;
	if (strstr(argv[0], "intruder"))
		return intruder(argc, argv);
	if (argc == 3)
		return two_contexts(argv[1], argv[2]);
	vmm.address = argv[1];
	while (scanf("%63s", word) == 1) {
		for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
			if (!strcmp(word, words[i].word))
				break;
		}
		if (i == sizeof(words) / sizeof(words[0]))
			fail("no such word: %s", word);
		words[i].fn();
		printf(".\n");
	}
	return 0;
}
