// SPDX-License-Identifier: GPL-2.0
/*
 * What a caller has the linker load into a program that a policy trusts: it opens /dev/iommu before the
 * program's main(), says how that went, and ends the process with the errno.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

__attribute__((constructor)) static void inside(void)
{
	int rc = open("/dev/iommu", O_RDWR | O_CLOEXEC) < 0 ? errno : 0;

	dprintf(STDOUT_FILENO, "inside: %s\n", rc ? strerror(rc) : "opened");
	_exit(rc);
}
