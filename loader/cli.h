/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line as tables, which parsing, help and the tests of both read.
 */
#ifndef CLI_H
#define CLI_H

#include <getopt.h>

#include "commands.h"

struct cli_command {
	const char *name;
	const char *arguments; /* as in help, "" for none */
	const char *help;
	int (*run)(const struct options *options, int nr_files, char **files);
};

struct cli_option {
	struct option option;
	const char *help;
};

/* Both end in an entry without a name */
extern const struct cli_command cli_commands[];
extern const struct cli_option cli_options[];

/* Return: the exit status */
int cli_run(int argc, char **argv);

#endif
