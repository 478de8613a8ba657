/* SPDX-License-Identifier: GPL-2.0 */
/*
 * For scenarios about the hooks alone: questions of their own choosing, put through the test module
 * iommufd_lsm_ask, and what the module and the loader do about them.
 */
#ifndef HOOKS_H
#define HOOKS_H

#include <stdbool.h>
#include <sys/types.h>

/* Load the module that asks. Call it first. */
int hooks_init(void);

/* Put "op=bind address=0000:01:00.0 ..." (tests/kmod/ask/ask.c) to the hooks: 0 or a negative errno */
int ask(const char *request);

/* The module's default_verdict: "allow" or "deny"; 0 or a negative errno */
int set_default_verdict(const char *verdict);

/* What a command prints, the exit status in *status unless NULL; a static buffer */
const char *output_of(int *status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Sleep so long */
void pause_ms(unsigned int ms);

#endif
