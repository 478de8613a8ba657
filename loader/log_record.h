/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One record of the decision log as people and programs read it. Where records come from is log.c's business.
 */
#ifndef LOG_RECORD_H
#define LOG_RECORD_H

#include <stdbool.h>

#include <linux/types.h>

#include "policy_abi.h"

struct json_object;

/* Of the JSON lines: raised when a field changes its meaning or goes away. docs/log.md */
#define LOG_VERSION 1

/* Whether a record is one that this program knows. The names in it become printable. */
bool log_clean(struct iolsm_record *record);

/* One line on stdout. @words: those of the record's generation, or NULL if they are gone. */
void log_print_text(const struct iolsm_record *record, struct json_object *words);
void log_print_json(const struct iolsm_record *record, struct json_object *words);

#endif
