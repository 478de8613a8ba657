/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Running the command line inside a test, and what it printed. No test of its own.
 */
#ifndef CLI_RUN_H
#define CLI_RUN_H

struct ran {
	int rc;
	char out[32768], err[8192];
};

/* Runs it with arguments up to NULL */
void run(struct ran *ran, ...);

#define RUN(ran, ...) run(ran, __VA_ARGS__, NULL)

#endif
