/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Contexts, address spaces, groups and devices as a picture.
 */
#ifndef GRAPH_H
#define GRAPH_H

struct json_object;

/* Print what objects_read() read, for Graphviz's dot, on the standard output */
void graph_print(struct json_object *objects);

#endif
