// SPDX-License-Identifier: GPL-2.0
/*
 * iommufd-lsm: what the words on the command line mean. One table of commands and one of options drive
 * parsing and help alike; what a command does is in the file of that command.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "message.h"

#ifndef IOMMUFD_LSM_VERSION
#define IOMMUFD_LSM_VERSION "0.1"
#endif

struct command {
	const char *name;
	const char *arguments; /* as in help */
	const char *help;
	int (*run)(const struct options *options, int nr_files, char **files);
};

static int cmd_help(const struct options *options, int nr_files, char **files);

static const struct command commands[] = {
	{ "check", "FILE...", "read a policy, compile it, run its tests; needs no root and no module",
	  cmd_check },
	{ "load", "FILE...", "check a policy and put it in force, instead of the one before", cmd_load },
	{ "unload", "", "take the policy out of force; then default_verdict decides", cmd_unload },
	{ "status", "", "what is in force, counters, contexts, groups and devices", cmd_status },
	{ "list", "", "print the policy in force as YAML that load accepts", cmd_list },
	{ "log", "", "print the latest decisions", cmd_log },
	{ "help", "", "print this", cmd_help },
};
#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct {
	struct option option;
	const char *help;
} option_table[] = {
	{ { "json", no_argument, NULL, 'j' }, "results and messages as JSON" },
	{ { "verbose", no_argument, NULL, 'v' }, "say more" },
	{ { "help", no_argument, NULL, 'h' }, "print this" },
	{ { "version", no_argument, NULL, 'V' }, "print the version" },
};
#define NR_OPTIONS (sizeof(option_table) / sizeof(option_table[0]))

static void print_help(FILE *out)
{
	size_t i;

	fputs("Usage: iommufd-lsm [OPTION]... COMMAND [FILE]...\n"
	      "Decide who may use which device through iommufd, and into which address space it goes.\n"
	      "\nCommands:\n", out);
	for (i = 0; i < NR_COMMANDS; i++)
		fprintf(out, "  %-6s %-8s  %s\n", commands[i].name, commands[i].arguments,
			commands[i].help);
	fputs("\nOptions:\n", out);
	for (i = 0; i < NR_OPTIONS; i++)
		fprintf(out, "  -%c, --%-10s %s\n", option_table[i].option.val,
			option_table[i].option.name, option_table[i].help);
	fputs("\nExit status: 0 done or allowed; 1 failed, denied, or a test of the policy failed;\n"
	      "2 wrong usage or an unusable policy. See iommufd-lsm(8).\n", out);
}

static int cmd_help(const struct options *options, int nr_files, char **files)
{
	(void)options;
	(void)nr_files;
	(void)files;
	print_help(stdout);
	return EXIT_DONE;
}

/* getopt wants tables of its own kind, made from ours */
static int parse_options(int argc, char **argv, struct options *options)
{
	struct option long_options[NR_OPTIONS + 1] = { 0 };
	char short_options[2 * NR_OPTIONS + 1] = "";
	int c, index;
	size_t i;

	for (i = 0; i < NR_OPTIONS; i++) {
		long_options[i] = option_table[i].option;
		short_options[i] = option_table[i].option.val;
	}
	short_options[i] = '\0';
	/* Messages about options are ours; -j anywhere makes them JSON */
	opterr = 0;
	for (i = 1; i < (size_t)argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json"))
			message_json = true;
	while ((c = getopt_long(argc, argv, short_options, long_options, &index)) != -1) {
		switch (c) {
		case 'j':
			options->json = message_json = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'h':
			print_help(stdout);
			exit(EXIT_DONE);
		case 'V':
			printf("iommufd-lsm %s\n", IOMMUFD_LSM_VERSION);
			exit(EXIT_DONE);
		default:
			if (optopt && strchr(short_options, optopt))
				message_error("'iommufd-lsm help'", "option '%s' takes no value",
					      argv[optind - 1]);
			else if (optopt)
				message_error("'iommufd-lsm help'", "unknown option '-%c'", optopt);
			else
				message_error("'iommufd-lsm help'", "unknown option '%s'",
					      argv[optind - 1]);
			return -1;
		}
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };
	const struct command *command = NULL;
	int nr_files, rc;

	if (parse_options(argc, argv, &options))
		return EXIT_UNUSABLE;
	if (optind == argc) {
		message_error("'iommufd-lsm help'", "no command is given");
		return EXIT_UNUSABLE;
	}
	for (size_t i = 0; i < NR_COMMANDS; i++)
		if (!strcmp(argv[optind], commands[i].name))
			command = &commands[i];
	if (!command) {
		message_error("'iommufd-lsm help'", "there is no command '%s'", argv[optind]);
		return EXIT_UNUSABLE;
	}
	nr_files = argc - optind - 1;
	if (command->arguments[0] && !nr_files) {
		message_error("'iommufd-lsm help'", "'%s' needs a policy file", command->name);
		return EXIT_UNUSABLE;
	}
	if (!command->arguments[0] && nr_files) {
		message_error("'iommufd-lsm help'", "'%s' takes no arguments, '%s' is one too many",
			      command->name, argv[optind + 1]);
		return EXIT_UNUSABLE;
	}
	rc = command->run(&options, nr_files, argv + optind + 1);
	/* A result that could not be written is no result */
	if (fflush(stdout) || ferror(stdout)) {
		message_error(NULL, "cannot write to the standard output");
		if (rc == EXIT_DONE)
			rc = EXIT_FAILED;
	}
	return rc;
}
