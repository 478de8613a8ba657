// SPDX-License-Identifier: GPL-2.0
/*
 * The command line with its output in files, for the tests of this folder.
 */
#define _GNU_SOURCE
#include "cli_run.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "cli.h"

static void read_back(FILE *file, char *text, size_t size)
{
	rewind(file);
	text[fread(text, 1, size - 1, file)] = '\0';
	fclose(file);
}

void run(struct ran *ran, ...)
{
	char *argv[24] = { "iommufd-lsm" };
	FILE *out = tmpfile(), *err = tmpfile();
	int argc = 1, old_out = dup(1), old_err = dup(2);
	va_list args;

	va_start(args, ran);
	while ((argv[argc] = va_arg(args, char *)))
		argc++;
	va_end(args);
	fflush(stdout);
	fflush(stderr);
	dup2(fileno(out), 1);
	dup2(fileno(err), 2);
	ran->rc = cli_run(argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(old_out, 1);
	dup2(old_err, 2);
	close(old_out);
	close(old_err);
	read_back(out, ran->out, sizeof(ran->out));
	read_back(err, ran->err, sizeof(ran->err));
}
