/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The families of `metrics`, for it and for the test that holds the manual against them.
 */
#ifndef METRICS_H
#define METRICS_H

struct metrics_family {
	const char *name; /* a counter's samples have "_total" behind it */
	const char *type; /* "counter", "gauge", "info" */
	const char *help;
};

/* Ends in one without a name */
extern const struct metrics_family metrics_families[];

#endif
