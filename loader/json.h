/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The little that commands need beside json-c to print results.
 */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <json-c/json.h>

void json_add_string(struct json_object *object, const char *name, const char *value);
void json_add_number(struct json_object *object, const char *name, int64_t value);
void json_add_bool(struct json_object *object, const char *name, bool value);

/* On a line of its own on the standard output; releases it */
void json_print(struct json_object *object);

#endif
