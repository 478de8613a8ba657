/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The words of a policy, beside the tables that decide: its name, rules, files and lines, its YAML. Kept
 * in a pinned map of their own for each generation, so that `list` and `log` can show them later.
 */
#ifndef WORDS_H
#define WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct policy;
struct json_object;

/**
 * words_create() - Make the map for a policy's words
 * @policy: the policy
 * @generation: its number
 *
 * Return: the descriptor of the map, or a negative errno.
 */
int words_create(const struct policy *policy, uint64_t generation);

/**
 * words_open() - Read the words of a generation that is, or was, in force
 * @generation: its number
 *
 * Return: what words_create() was given, to be released with json_object_put(); NULL if they are gone.
 */
struct json_object *words_open(uint64_t generation);

/* One rule, by its index. @text and @file live as long as @words. Return: false if there is none. */
bool words_rule(struct json_object *words, uint32_t rule, const char **file, int *line,
		const char **text);

/* The path by which a policy names an executable; NULL if it does not */
const char *words_exe(struct json_object *words, uint64_t dev, uint64_t ino);

/* The string that @words have under @name, or "" */
const char *words_string(struct json_object *words, const char *name);
int64_t words_number(struct json_object *words, const char *name);

#endif
