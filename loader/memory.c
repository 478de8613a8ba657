// SPDX-License-Identifier: GPL-2.0
/*
 * An arena over malloc() and an open-addressing map. Policies are at most a MiB a file, so plain is fast
 * enough; only quadratic would not be.
 */
#include "memory.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE (64 * 1024)

struct arena_block {
	struct arena_block *previous;
	size_t used, size;
	alignas(max_align_t) char data[];
};

void *arena_alloc(struct arena *arena, size_t size)
{
	struct arena_block *block = arena->last;
	void *memory;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (!block || block->size - block->used < size) {
		size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;

		block = calloc(1, sizeof(*block) + room);
		if (!block)
			return NULL;
		block->size = room;
		block->previous = arena->last;
		arena->last = block;
	}
	memory = block->data + block->used;
	block->used += size;
	return memory;
}

char *arena_strdup(struct arena *arena, const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = arena_alloc(arena, size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void arena_free(struct arena *arena)
{
	while (arena->last) {
		struct arena_block *previous = arena->last->previous;

		free(arena->last);
		arena->last = previous;
	}
}

static size_t hash(const char *name)
{
	uint64_t h = 0xcbf29ce484222325;

	while (*name)
		h = (h ^ (unsigned char)*name++) * 0x100000001b3;
	return h ^ h >> 32;
}

/* The slot with that name, or the empty one where it belongs */
static struct name_slot *find(const struct name_map *map, const char *name)
{
	size_t i = hash(name) & (map->room - 1);

	while (map->slot[i].name && strcmp(map->slot[i].name, name))
		i = (i + 1) & (map->room - 1);
	return &map->slot[i];
}

void *name_map_get(const struct name_map *map, const char *name)
{
	return map->room ? find(map, name)->value : NULL;
}

int name_map_add(struct name_map *map, struct arena *arena, const char *name, void *value)
{
	struct name_slot *slot;

	if (map->nr * 2 >= map->room) {
		struct name_map bigger = { .nr = map->nr, .room = map->room ? map->room * 2 : 64 };

		bigger.slot = arena_alloc(arena, bigger.room * sizeof(*bigger.slot));
		if (!bigger.slot)
			return -1;
		for (size_t i = 0; i < map->room; i++)
			if (map->slot[i].name)
				*find(&bigger, map->slot[i].name) = map->slot[i];
		*map = bigger;
	}
	slot = find(map, name);
	slot->name = name;
	slot->value = value;
	map->nr++;
	return 0;
}
