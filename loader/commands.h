/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The subcommands of iommufd-lsm as functions, and the options they share. What a word on the command
 * line means is decided in cli.c alone; what a command does, in the file of that command.
 */
#ifndef COMMANDS_H
#define COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

/* Exit statuses, the same for every command */
enum exit_status {
	EXIT_DONE = 0,     /* done, or allowed */
	EXIT_FAILED = 1,   /* failed, denied, or a test of a policy failed */
	EXIT_UNUSABLE = 2, /* wrong usage, or an unusable policy */
};

/* What the options say; message_json of message.h follows json, so that errors are JSON too */
struct options {
	bool json;    /* -j: results on stdout and messages on stderr as JSON */
	bool verbose; /* -v: say more, libbpf included */
	bool help, version; /* cli.c alone asks for them */
	bool graph;   /* status: as Graphviz */
	bool revoke, dry_run; /* load */
	/* explain: a request as words; NULL: not given */
	const char *who, *op, *device, *from, *to;
};

/*
 * Each returns an enum exit_status, prints results on stdout and messages on stderr (message.h), and
 * never exits. cli.c has checked the number of arguments, which its table says.
 */
int cmd_check(const struct options *options, int nr_files, char **files);
int cmd_diff(const struct options *options, int nr_files, char **files);
int cmd_explain(const struct options *options, int nr_files, char **files);
int cmd_list(const struct options *options, int nr_files, char **files);
int cmd_load(const struct options *options, int nr_files, char **files);
int cmd_log(const struct options *options, int nr_files, char **files);
int cmd_metrics(const struct options *options, int nr_files, char **files);
int cmd_probe(const struct options *options, int nr_files, char **files);
int cmd_revoke(const struct options *options, int nr_files, char **files);
int cmd_status(const struct options *options, int nr_files, char **files);
int cmd_suggest(const struct options *options, int nr_files, char **files);
int cmd_unload(const struct options *options, int nr_files, char **files);
int cmd_why(const struct options *options, int nr_files, char **files);

#endif
