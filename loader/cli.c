// SPDX-License-Identifier: GPL-2.0
/*
 * What the words on the command line mean. One table of commands and one of options drive parsing and
 * help alike; what a command does is in the file of that command.
 */
#include "cli.h"

#include <stdio.h>
#include <string.h>

#include "message.h"

#ifndef IOMMUFD_LSM_VERSION
#define IOMMUFD_LSM_VERSION "0.1"
#endif

static int cmd_help(const struct options *options, int nr_files, char **files);

const struct cli_command cli_commands[] = {
	{ "check", "FILE...", "read a policy, compile it, run its tests; needs no root and no module",
	  cmd_check },
	{ "load", "FILE...", "check a policy and put it in force, in place of the one before", cmd_load },
	{ "unload", "", "take the policy out of force; then default_verdict decides", cmd_unload },
	{ "status", "", "what is in force: policy, counters, contexts, groups, devices", cmd_status },
	{ "list", "", "print the policy in force, as YAML that load accepts", cmd_list },
	{ "log", "", "print the latest decisions", cmd_log },
	{ "help", "", "print this", cmd_help },
	{ .name = NULL }
};

const struct cli_option cli_options[] = {
	{ { "json", no_argument, NULL, 'j' }, "results and messages as JSON" },
	{ { "verbose", no_argument, NULL, 'v' }, "say more" },
	{ { "help", no_argument, NULL, 'h' }, "print this" },
	{ { "version", no_argument, NULL, 'V' }, "print the version" },
	{ .help = NULL }
};
#define NR_OPTIONS (sizeof(cli_options) / sizeof(cli_options[0]))

#define SEE_HELP "'iommufd-lsm help'"

static int cmd_help(const struct options *options, int nr_files, char **files)
{
	(void)options;
	(void)nr_files;
	(void)files;
	printf("Usage: iommufd-lsm [OPTION]... COMMAND [FILE]...\n"
	       "Decide who may use which device through iommufd, and into which address space it goes.\n"
	       "\nCommands:\n");
	for (const struct cli_command *command = cli_commands; command->name; command++)
		printf("  %-6s %-7s  %s\n", command->name, command->arguments, command->help);
	printf("\nOptions:\n");
	for (const struct cli_option *option = cli_options; option->help; option++)
		printf("  -%c, --%-9s  %s\n", option->option.val, option->option.name, option->help);
	printf("\nExit status: 0 done or allowed; 1 failed, denied, or a test of the policy failed;\n"
	       "2 wrong usage or an unusable policy. See iommufd-lsm(8).\n");
	return EXIT_DONE;
}

static int unknown_option(const char *short_options, char **argv)
{
	if (optopt && strchr(short_options, optopt))
		message_error(SEE_HELP, "option '%s' takes no value", argv[optind - 1]);
	else if (optopt)
		message_error(SEE_HELP, "unknown option '-%c'", optopt);
	else
		message_error(SEE_HELP, "unknown option '%s'", argv[optind - 1]);
	return EXIT_UNUSABLE;
}

/* Return: an exit status if the options were all there was to do, or -1 */
static int parse_options(int argc, char **argv, struct options *options)
{
	/* getopt wants tables of its own kind, made from ours */
	struct option long_options[NR_OPTIONS] = { 0 };
	char short_options[NR_OPTIONS] = "";
	int c;

	for (size_t i = 0; cli_options[i].help; i++) {
		long_options[i] = cli_options[i].option;
		short_options[i] = (char)cli_options[i].option.val;
	}
	/* Wherever -j stands, what is wrong before it is said as JSON, too */
	message_json = false;
	for (int i = 1; i < argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json"))
			message_json = true;
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		switch (c) {
		case 'j':
			options->json = message_json = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		case 'h':
			return cmd_help(options, 0, NULL);
		case 'V':
			printf("iommufd-lsm %s\n", IOMMUFD_LSM_VERSION);
			return EXIT_DONE;
		default:
			return unknown_option(short_options, argv);
		}
	}
	return -1;
}

static const struct cli_command *find_command(const char *name)
{
	const struct cli_command *command = cli_commands;

	while (command->name && strcmp(command->name, name))
		command++;
	return command->name ? command : NULL;
}

static int run_command(int argc, char **argv)
{
	struct options options = { 0 };
	const struct cli_command *command;
	int rc = parse_options(argc, argv, &options), nr_files;

	if (rc >= 0)
		return rc;
	if (optind == argc) {
		message_error(SEE_HELP, "no command is given");
		return EXIT_UNUSABLE;
	}
	command = find_command(argv[optind]);
	if (!command) {
		message_error(SEE_HELP, "there is no command '%s'", argv[optind]);
		return EXIT_UNUSABLE;
	}
	nr_files = argc - optind - 1;
	if (command->arguments[0] && !nr_files) {
		message_error(SEE_HELP, "'%s' needs a policy file", command->name);
		return EXIT_UNUSABLE;
	}
	if (!command->arguments[0] && nr_files) {
		message_error(SEE_HELP, "'%s' takes no arguments, '%s' is one too many", command->name,
			      argv[optind + 1]);
		return EXIT_UNUSABLE;
	}
	return command->run(&options, nr_files, argv + optind + 1);
}

int cli_run(int argc, char **argv)
{
	int rc = run_command(argc, argv);

	/* A result that could not be written is no result */
	if (fflush(stdout) || ferror(stdout)) {
		message_error(NULL, "cannot write to the standard output");
		if (rc == EXIT_DONE)
			rc = EXIT_FAILED;
	}
	return rc;
}
