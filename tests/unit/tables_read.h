/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Deciding by a policy's tables in user space, step by step as bpf/classify.bpf.h does. No test of its own.
 */
#ifndef TABLES_READ_H
#define TABLES_READ_H

#include "policy.h"
#include "tables.h"

struct sorted_tables {
	const struct tables *tables;
	size_t *order;
};

/* The keys in order, each once or the test fails. Freed with free(order). */
struct sorted_tables tables_sort(const struct tables *tables);

struct policy_verdict tables_decide(const struct sorted_tables *sorted,
				    const struct policy_request *request);

/* How many words of rows the decisions so far looked at */
extern unsigned long tables_words_read;

#endif
