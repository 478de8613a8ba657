/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What there is: contexts, address spaces, groups, devices and counters, as the modules say it in /proc.
 */
#ifndef OBJECTS_H
#define OBJECTS_H

#include <stdbool.h>

struct json_object;

/**
 * objects_read_counters() - Read /proc/iommufd_lsm
 * @into: gets "operations", an object for each operation with its counters
 *
 * Return: false if the module is not loaded
 */
bool objects_read_counters(struct json_object *into);

/**
 * objects_read() - Read /proc/iommufd
 * @into: gets "context", "ioas", "group", "device": arrays of objects with what a line of each says
 *
 * Return: false, and @into gets nothing, without the module or without root
 */
bool objects_read(struct json_object *into);

#endif
