/* SPDX-License-Identifier: MIT
 * A table of different byte strings, numbered in the order in which they were added: words. */
#ifndef TKRI_CORE_NAMES_H
#define TKRI_CORE_NAMES_H

#include "core/env.h"

/* Zeroed but for `env`, it is the empty table. */
typedef struct tkri_names {
    const tkri_env *env;
    char *text; /* [text_capacity] all strings, one behind the other */
    uint64_t text_len, text_capacity;
    uint64_t *ends; /* [capacity] where each string ends in the text */
    int64_t len, capacity;
    int32_t *buckets; /* [n_buckets] a number + 1 by hash, 0 for none; at least half are empty */
    uint64_t n_buckets, salt;
} tkri_names;

void tkri_names_fini(tkri_names *names);

/* The number of a string, or -1. */
int32_t tkri_names_find(const tkri_names *names, const char *text, uint64_t len);

/* Add a string that is not in the table; at most INT32_MAX. A failure changes nothing. */
int32_t tkri_names_add(tkri_names *names, const char *text, uint64_t len);

/* Let a string be another one of the same length, which is not in the table. */
void tkri_names_rename(tkri_names *names, int32_t number, const char *text);

/* String `number`, not NUL-terminated. */
const char *tkri_names_get(const tkri_names *names, int32_t number, uint64_t *len);

/* A second table with the same strings. */
int32_t tkri_names_copy(tkri_names *copy, const tkri_names *names, const tkri_env *env);

#endif
