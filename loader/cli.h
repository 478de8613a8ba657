/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The command line as tables, which parsing, help and the tests of both read.
 */
#ifndef CLI_H
#define CLI_H

#include <getopt.h>
#include <stddef.h>

#include "commands.h"

struct cli_command {
	const char *name;
	const char *arguments; /* as in help, "" for none */
	int min, max;          /* how many; max -1: no limit */
	const char *needs;     /* what is missing if there are fewer: "a policy file" */
	const char *help;
	int (*run)(const struct options *options, int nr_files, char **files);
};

/* An option without a letter has a val of OPTION_LONG or more */
#define OPTION_LONG 256

struct cli_option {
	struct option option;
	const char *argument; /* of the option, as in help; NULL: it takes none */
	const char *commands; /* " check load ": who takes it; NULL: every command */
	const char *help;
	size_t field;         /* in struct options: a const char * if it takes an argument, or a bool */
};

/* Both end in an entry without a name */
extern const struct cli_command cli_commands[];
extern const struct cli_option cli_options[];

/* Return: the exit status */
int cli_run(int argc, char **argv);

#endif
