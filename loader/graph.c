// SPDX-License-Identifier: GPL-2.0
/*
 * One cluster for each context; in it a line from each device to its group, and from the group to the address
 * space it is attached to.
 */
#include "graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "json.h"
#include "words.h"

/* Inside double quotes. A program names its IOAS, and a process itself. */
static void put_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

static void put_label(const char *before, const char *text)
{
	printf("%s", before);
	put_text(text);
}

/* Call @print for each object of @kind in context @context */
static void each(struct json_object *objects, const char *kind, int64_t context,
		 void (*print)(struct json_object *object, int64_t context))
{
	struct json_object *list;

	if (!json_object_object_get_ex(objects, kind, &list))
		return;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *object = json_object_array_get_idx(list, i);

		if (words_number(object, "context") == context)
			print(object, context);
	}
}

static void print_ioas(struct json_object *ioas, int64_t context)
{
	const char *name = words_string(ioas, "name");

	printf("    \"ioas %" PRId64 "/%" PRId64 "\" [shape=box, label=\"IOAS %" PRId64, context,
	       words_number(ioas, "id"), words_number(ioas, "id"));
	if (*name)
		put_label(" ", name);
	printf("\\n%" PRId64 " bytes mapped\"];\n", words_number(ioas, "mapped_bytes"));
}

static void print_group(struct json_object *group, int64_t context)
{
	int64_t id = words_number(group, "id"), ioas = words_number(group, "ioas");

	printf("    \"group %" PRId64 "\" [shape=hexagon, label=\"group %" PRId64, id, id);
	put_label("\\n", words_string(group, "state"));
	printf("\"];\n");
	if (ioas)
		printf("    \"group %" PRId64 "\" -> \"ioas %" PRId64 "/%" PRId64 "\";\n", id, context, ioas);
}

static void print_device(struct json_object *device, int64_t context)
{
	const char *address = words_string(device, "address");

	(void)context;
	put_label("    \"device ", address);
	put_label("\" [shape=ellipse, label=\"", address);
	printf("\"];\n    \"device ");
	put_text(address);
	printf("\" -> \"group %" PRId64 "\"%s;\n", words_number(device, "group"),
	       words_number(device, "attached") ? "" : " [style=dashed, label=\"not attached\"]");
}

void graph_print(struct json_object *objects)
{
	struct json_object *contexts;

	printf("digraph iommufd {\n  rankdir=LR;\n");
	if (!json_object_object_get_ex(objects, "context", &contexts))
		contexts = NULL;
	for (size_t i = 0; contexts && i < json_object_array_length(contexts); i++) {
		struct json_object *context = json_object_array_get_idx(contexts, i);
		int64_t id = words_number(context, "id");

		printf("  subgraph \"cluster %" PRId64 "\" {\n    label=\"context %" PRId64, id, id);
		put_label(" of ", words_string(context, "comm"));
		printf(" (pid %" PRId64 ", uid %" PRId64 ")\";\n    \"context %" PRId64 "\" [shape=point, style=invis];\n",
		       words_number(context, "pid"), words_number(context, "uid"), id);
		each(objects, "ioas", id, print_ioas);
		each(objects, "group", id, print_group);
		each(objects, "device", id, print_device);
		printf("  }\n");
	}
	printf("}\n");
}
