/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Memory that lives as long as one piece of work (an arena), and a map from names to pointers in it.
 * Nothing is freed one by one, so no error path can leak.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include <stddef.h>

struct arena_block;

/* All zero is an empty arena */
struct arena {
	struct arena_block *last;
};

/* Return: zeroed memory, or NULL */
void *arena_alloc(struct arena *arena, size_t size);
char *arena_strdup(struct arena *arena, const char *text);
void arena_free(struct arena *arena);

/* All zero is an empty map. Keys are not copied. */
struct name_map {
	struct name_slot {
		const char *name;
		void *value;
	} *slot;
	size_t nr, room; /* room is a power of two, at most half full */
};

void *name_map_get(const struct name_map *map, const char *name);

/* Return: 0, or -1 without memory. The name must not be there yet. */
int name_map_add(struct name_map *map, struct arena *arena, const char *name, void *value);

#endif
