/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How often the rules in force decided: bpf/hits.bpf.h counts.
 */
#ifndef HITS_H
#define HITS_H

#include <stdint.h>

/**
 * hits_each() - Read the counters
 * @generation: of this policy alone
 * @function: called for each rule and operation that was decided
 * @data: for @function
 *
 * Return: 0, or a negative errno
 */
int hits_each(uint64_t generation,
	      void (*function)(uint32_t rule, uint32_t op, uint64_t count, void *data), void *data);

/* Forget what policies before @generation counted */
void hits_forget(uint64_t generation);

#endif
