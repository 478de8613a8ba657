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
	{ "check", "FILE...", 1, -1, "a policy file",
	  "read a policy, compile it, run its tests; needs no root and no module", cmd_check },
	{ "explain", "[FILE]...", 0, -1, "",
	  "what a policy, or the one in force, decides about a request, by which rule", cmd_explain },
	{ "diff", "OLD NEW", 2, 2, "two policy files",
	  "what two policies decide differently", cmd_diff },
	{ "load", "FILE...", 1, -1, "a policy file",
	  "check a policy and put it in force, in place of the one before", cmd_load },
	{ "unload", "", 0, 0, "", "take the policy out of force; then default_verdict decides",
	  cmd_unload },
	{ "revoke", "ADDRESS", 1, 1, "the address of a device", "take a device away from its holder, now",
	  cmd_revoke },
	{ "status", "", 0, 0, "", "what is in force: policy, counters, contexts, groups, devices",
	  cmd_status },
	{ "list", "", 0, 0, "", "print the policy in force, as YAML that load accepts", cmd_list },
	{ "log", "", 0, 0, "", "print the latest decisions", cmd_log },
	{ "suggest", "[FILE]", 0, 1, "",
	  "rules that would allow what the log, or one saved with log -j, says was denied",
	  cmd_suggest },
	{ "why", "ADDRESS", 1, 1, "the address of a device",
	  "what keeps a device from being claimed or used, and what helps", cmd_why },
	{ "metrics", "", 0, 0, "", "counters for a monitoring system, as OpenMetrics text",
	  cmd_metrics },
	{ "probe", "", 0, 0, "", "what this machine lacks to run a policy, and the remedy", cmd_probe },
	{ "help", "[COMMAND]", 0, 1, "", "print this, or more about one command", cmd_help },
	{ .name = NULL }
};

enum {
	OPTION_WHO = OPTION_LONG, OPTION_OP, OPTION_DEVICE, OPTION_FROM, OPTION_TO, OPTION_RECIPIENT,
	OPTION_REVOKE, OPTION_DRY_RUN, OPTION_WITHOUT_GUARDS, OPTION_GRAPH,
};

#define FIELD(name) offsetof(struct options, name)

const struct cli_option cli_options[] = {
	{ { "json", no_argument, NULL, 'j' }, NULL, NULL, "results and messages as JSON", FIELD(json) },
	{ { "verbose", no_argument, NULL, 'v' }, NULL, NULL, "say more", FIELD(verbose) },
	{ { "help", no_argument, NULL, 'h' }, NULL, NULL, "print this", FIELD(help) },
	{ { "version", no_argument, NULL, 'V' }, NULL, NULL, "print the version", FIELD(version) },
	{ { "who", required_argument, NULL, OPTION_WHO }, "PROCESS", " explain ",
	  "who asks: exe=PATH,user=NAME,group=NAME,cgroup=PATH, or a name of the policy", FIELD(who) },
	{ { "op", required_argument, NULL, OPTION_OP }, "OPERATION", " explain ",
	  "what is asked: open, bind, attach, ...", FIELD(op) },
	{ { "device", required_argument, NULL, OPTION_DEVICE }, "DEVICE", " explain ",
	  "of which device: address=...,id=...,class=..., its address here, or a name", FIELD(device) },
	{ { "from", required_argument, NULL, OPTION_FROM }, "IOAS", " explain ",
	  "the address space it leaves: name=NAME, or a name of the policy", FIELD(from) },
	{ { "to", required_argument, NULL, OPTION_TO }, "IOAS", " explain ",
	  "the address space it goes to: name=NAME, or a name of the policy", FIELD(to) },
	{ { "recipient", required_argument, NULL, OPTION_RECIPIENT }, "PROCESS", " explain ",
	  "who receives what is handed over, as with --who", FIELD(recipient) },
	{ { "graph", no_argument, NULL, OPTION_GRAPH }, NULL, " status ",
	  "contexts, groups, devices and address spaces for Graphviz", FIELD(graph) },
	{ { "revoke", no_argument, NULL, OPTION_REVOKE }, NULL, " load ",
	  "take away every device whose attachment the policy denies", FIELD(revoke) },
	{ { "dry-run", no_argument, NULL, OPTION_DRY_RUN }, NULL, " load ",
	  "only say which attachments it would deny", FIELD(dry_run) },
	{ { "without-guards", no_argument, NULL, OPTION_WITHOUT_GUARDS }, NULL, " load ",
	  "do without guards, and without the BPF LSM, which they need", FIELD(without_guards) },
	{ { "follow", no_argument, NULL, 'f' }, NULL, " log ",
	  "go on with what is decided from now on", FIELD(follow) },
	{ .help = NULL }
};
#define NR_OPTIONS (sizeof(cli_options) / sizeof(cli_options[0]))

#define SEE_HELP "'iommufd-lsm help'"

static const struct cli_command *find_command(const char *name)
{
	const struct cli_command *command = cli_commands;

	while (command->name && strcmp(command->name, name))
		command++;
	return command->name ? command : NULL;
}

static bool takes(const struct cli_command *command, const struct cli_option *option)
{
	char word[32];

	if (!option->commands)
		return true;
	snprintf(word, sizeof(word), " %s ", command->name);
	return strstr(option->commands, word);
}

static void print_option(const struct cli_option *option)
{
	char text[48];

	snprintf(text, sizeof(text), "%s%s%s", option->option.name, option->argument ? " " : "",
		 option->argument ? option->argument : "");
	if (option->option.val < OPTION_LONG)
		printf("  -%c, --%-14s  %s\n", option->option.val, text, option->help);
	else
		printf("      --%-14s  %s\n", text, option->help);
}

static void print_options(const struct cli_command *command, bool of_all)
{
	for (const struct cli_option *option = cli_options; option->help; option++)
		if (!option->commands == of_all && (!command || takes(command, option)))
			print_option(option);
}

static int print_summary(void)
{
	printf("Usage: iommufd-lsm [OPTION]... COMMAND [ARGUMENT]...\n"
	       "Decide who may use which device through iommufd, and into which address space it goes.\n"
	       "\nCommands:\n");
	for (const struct cli_command *command = cli_commands; command->name; command++)
		printf("  %-8s %-9s  %s\n", command->name, command->arguments, command->help);
	printf("\nOptions of all commands:\n");
	print_options(NULL, true);
	printf("\nOptions of one:\n");
	print_options(NULL, false);
	printf("\nExit status: 0 done or allowed; 1 failed, denied, or a test of the policy failed;\n"
	       "2 wrong usage or an unusable policy. 'iommufd-lsm help COMMAND' and iommufd-lsm(8) say "
	       "more.\n");
	return EXIT_DONE;
}

static int print_command(const struct cli_command *command)
{
	printf("Usage: iommufd-lsm %s [OPTION]...%s%s\n%s.\n\nOptions:\n", command->name,
	       command->arguments[0] ? " " : "", command->arguments, command->help);
	print_options(command, false);
	print_options(command, true);
	return EXIT_DONE;
}

static int unknown_command(const char *name)
{
	message_error(SEE_HELP, "there is no command '%s'", name);
	return EXIT_UNUSABLE;
}

static int cmd_help(const struct options *options, int nr_files, char **files)
{
	const struct cli_command *command;

	(void)options;
	if (!nr_files)
		return print_summary();
	command = find_command(files[0]);
	return command ? print_command(command) : unknown_command(files[0]);
}

static int wrong_option(const char *short_options, int c, char **argv)
{
	if (c == ':')
		message_error(SEE_HELP, "option '%s' needs a value", argv[optind - 1]);
	else if (optopt >= OPTION_LONG || (optopt && strchr(short_options, optopt)))
		message_error(SEE_HELP, "option '%s' takes no value", argv[optind - 1]);
	else if (optopt)
		message_error(SEE_HELP, "unknown option '-%c'", optopt);
	else
		message_error(SEE_HELP, "unknown option '%s'", argv[optind - 1]);
	return EXIT_UNUSABLE;
}

/* Return: 0; an exit status that is not 0, and it was said why. @given has a bit for each option. */
static int parse_options(int argc, char **argv, struct options *options, uint64_t *given)
{
	/* getopt wants tables of its own kind, made from ours */
	struct option long_options[NR_OPTIONS] = { 0 };
	char short_options[NR_OPTIONS + 1] = ":", *letter = short_options + 1;
	size_t i;
	int c;

	_Static_assert(NR_OPTIONS <= 64, "a bit for each option");
	for (i = 0; cli_options[i].help; i++) {
		long_options[i] = cli_options[i].option;
		if (cli_options[i].option.val < OPTION_LONG)
			*letter++ = (char)cli_options[i].option.val;
	}
	/* Wherever -j stands, what is wrong before it is said as JSON, too */
	message_json = false;
	for (i = 1; i < (size_t)argc && strcmp(argv[i], "--"); i++)
		if (!strcmp(argv[i], "-j") || !strcmp(argv[i], "--json"))
			message_json = true;
	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, short_options, long_options, NULL)) != -1) {
		for (i = 0; cli_options[i].help && cli_options[i].option.val != c; i++)
			;
		if (!cli_options[i].help)
			return wrong_option(short_options, c, argv);
		if (cli_options[i].argument && *given & 1ULL << i) {
			message_error(SEE_HELP, "option '--%s' is given twice",
				      cli_options[i].option.name);
			return EXIT_UNUSABLE;
		}
		*given |= 1ULL << i;
		if (cli_options[i].argument)
			*(const char **)((char *)options + cli_options[i].field) = optarg;
		else
			*((bool *)options + cli_options[i].field) = true;
	}
	message_json = options->json;
	return 0;
}

static int check_usage(const struct cli_command *command, uint64_t given, int nr, char **arguments)
{
	for (size_t i = 0; cli_options[i].help; i++) {
		if (!(given & 1ULL << i) || takes(command, &cli_options[i]))
			continue;
		message_error(SEE_HELP, "'%s' takes no option '--%s'", command->name,
			      cli_options[i].option.name);
		return EXIT_UNUSABLE;
	}
	if (nr < command->min) {
		message_error(SEE_HELP, "'%s' needs %s", command->name, command->needs);
		return EXIT_UNUSABLE;
	}
	if (command->max >= 0 && nr > command->max) {
		message_error(SEE_HELP, command->max ? "'%s' takes no more arguments, '%s' is one too many" :
						       "'%s' takes no arguments, '%s' is one too many",
			      command->name, arguments[command->max]);
		return EXIT_UNUSABLE;
	}
	return 0;
}

static int run_command(int argc, char **argv)
{
	struct options options = { 0 };
	const struct cli_command *command = NULL;
	uint64_t given = 0;
	int rc = parse_options(argc, argv, &options, &given), nr;

	if (rc)
		return rc;
	if (options.version) {
		printf("iommufd-lsm %s\n", IOMMUFD_LSM_VERSION);
		return EXIT_DONE;
	}
	if (optind < argc) {
		command = find_command(argv[optind]);
		if (!command)
			return unknown_command(argv[optind]);
	}
	if (options.help)
		return command ? print_command(command) : print_summary();
	if (!command) {
		message_error(SEE_HELP, "no command is given");
		return EXIT_UNUSABLE;
	}
	nr = argc - optind - 1;
	rc = check_usage(command, given, nr, argv + optind + 1);
	return rc ? rc : command->run(&options, nr, argv + optind + 1);
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
