/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A YAML file as a tree that knows where everything stands. Takes the plain part of YAML a policy needs
 * (mappings, lists, scalars as text) and refuses the rest by name. Knows nothing of policies.
 */
#ifndef YAML_H
#define YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "message.h"

#define YAML_MAX_BYTES (1u << 20)
#define YAML_MAX_DEPTH 16
#define YAML_MAX_NODES (1u << 19)

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

/*
 * One value. In a map, children are key, value, key, value, ...; keys are scalars, and no two are the
 * same. Everything belongs to the file and is never changed after reading.
 */
struct yaml_node {
	enum yaml_kind kind;
	bool plain;         /* YAML_SCALAR: written without quotes */
	struct place place;
	char *text;         /* YAML_SCALAR: never with a NUL inside */
	struct yaml_node **child;
	unsigned int nr, room; /* children, counting keys */
};

struct yaml_file {
	struct source source;
	char *text; /* what source.text points to */
	struct yaml_node *root;
};

/**
 * yaml_read() - Read a file
 * @path: the file, regular or a pipe
 * @messages: where errors go
 *
 * Return: the file, to be freed with yaml_free(), also on failure, because messages yet to come may point
 * into it; root is NULL if it could not be read. NULL: no memory (said).
 */
struct yaml_file *yaml_read(const char *path, struct messages *messages);

/* As yaml_read(), of a text in memory, which is copied. @name stands for the file in messages. */
struct yaml_file *yaml_read_text(const char *name, const char *text, size_t len,
				 struct messages *messages);

void yaml_free(struct yaml_file *file);

/* The value of a key in a map, and where the key stands; NULL if it has no such key */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key,
				 const struct yaml_node **key_node);

/* "a list", "a mapping", "text": what a node is, for messages */
const char *yaml_kind_name(const struct yaml_node *node);

#endif
