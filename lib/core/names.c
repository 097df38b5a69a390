/* SPDX-License-Identifier: MIT */
#include "core/names.h"

#include <string.h>

#include "core/check.h"

enum { FIRST = 64 };

void tkri_names_fini(tkri_names *names) {
    const tkri_env *env = names->env;
    tkri_release(env, names->text, names->text_capacity);
    tkri_release(env, names->ends, (uint64_t)names->capacity * sizeof *names->ends);
    tkri_release(env, names->buckets, names->n_buckets * sizeof *names->buckets);
    memset(names, 0, sizeof *names);
    names->env = env;
}

static uint64_t hash(const tkri_names *names, const char *text, uint64_t len) {
    uint64_t h = names->salt ^ UINT64_C(0x9E3779B97F4A7C15);
    for (uint64_t i = 0; i < len; i++) {
        h = (h ^ (unsigned char)text[i]) * UINT64_C(0xD6E8FEB86659FD93);
        h ^= h >> 32;
    }
    return h;
}

const char *tkri_names_get(const tkri_names *names, int32_t number, uint64_t *len) {
    uint64_t from = number ? names->ends[number - 1] : 0;
    *len = names->ends[number] - from;
    return names->text + from;
}

/* The bucket that holds the string, or the empty one where it belongs. */
static uint64_t find_bucket(const tkri_names *names, const char *text, uint64_t len) {
    uint64_t mask = names->n_buckets - 1;
    uint64_t bucket = hash(names, text, len) & mask;
    for (; names->buckets[bucket]; bucket = (bucket + 1) & mask) {
        uint64_t n;
        const char *there = tkri_names_get(names, names->buckets[bucket] - 1, &n);
        if (n == len && memcmp(there, text, (size_t)len) == 0) {
            break;
        }
    }
    return bucket;
}

int32_t tkri_names_find(const tkri_names *names, const char *text, uint64_t len) {
    return names->n_buckets ? names->buckets[find_bucket(names, text, len)] - 1 : -1;
}

/* A larger block with the old one's beginning; the old one goes. */
static int32_t grow(const tkri_env *env, void **block, uint64_t bytes, uint64_t used,
                    uint64_t old_bytes) {
    void *larger = tkri_allocate(env, bytes);
    if (!larger) {
        return TKR_ERR_MEMORY;
    }
    if (used) {
        memcpy(larger, *block, (size_t)used);
    }
    tkri_release(env, *block, old_bytes);
    *block = larger;
    return TKR_OK;
}

static int32_t reserve_text(tkri_names *names, uint64_t len) {
    uint64_t needed = tkri_add(names->text_len, len);
    if (needed <= names->text_capacity && names->text) {
        return TKR_OK;
    }
    uint64_t capacity = tkri_add(2 * names->text_capacity, tkri_add(len, FIRST));
    void *text = names->text;
    TRY(grow(names->env, &text, capacity, names->text_len, names->text_capacity));
    names->text = text;
    names->text_capacity = capacity;
    return TKR_OK;
}

static int32_t reserve_ends(tkri_names *names) {
    if (names->len < names->capacity) {
        return TKR_OK;
    }
    int64_t capacity = names->capacity ? 2 * names->capacity : FIRST;
    const uint64_t size = sizeof *names->ends;
    void *ends = names->ends;
    TRY(grow(names->env, &ends, (uint64_t)capacity * size, (uint64_t)names->len * size,
             (uint64_t)names->capacity * size));
    names->ends = ends;
    names->capacity = capacity;
    return TKR_OK;
}

static void fill_buckets(tkri_names *names) {
    for (int32_t i = 0; i < names->len; i++) {
        uint64_t len;
        const char *text = tkri_names_get(names, i, &len);
        names->buckets[find_bucket(names, text, len)] = i + 1;
    }
}

static int32_t reserve_slots(tkri_names *names) {
    uint64_t needed = 2 * ((uint64_t)names->len + 1);
    if (needed <= names->n_buckets) {
        return TKR_OK;
    }
    uint64_t n_buckets = names->n_buckets ? 2 * names->n_buckets : 2 * FIRST;
    int32_t *old = names->buckets,
            *buckets = tkri_allocate(names->env, n_buckets * sizeof *buckets);
    if (!buckets) {
        return TKR_ERR_MEMORY;
    }
    tkri_release(names->env, old, names->n_buckets * sizeof *old);
    names->buckets = buckets;
    names->n_buckets = n_buckets;
    names->salt = (uint64_t)(uintptr_t)buckets; /* so that no file can be made to collide */
    fill_buckets(names);
    return TKR_OK;
}

int32_t tkri_names_add(tkri_names *names, const char *text, uint64_t len) {
    if (names->len == INT32_MAX) {
        return TKR_ERR_MEMORY;
    }
    TRY(reserve_text(names, len));
    TRY(reserve_ends(names));
    TRY(reserve_slots(names));
    uint64_t bucket = find_bucket(names, text, len);
    memcpy(names->text + names->text_len, text, (size_t)len);
    names->text_len += len;
    names->ends[names->len++] = names->text_len;
    names->buckets[bucket] = (int32_t)names->len;
    return TKR_OK;
}

void tkri_names_rename(tkri_names *names, int32_t number, const char *text) {
    const uint64_t from = number ? names->ends[number - 1] : 0;
    memcpy(names->text + from, text, (size_t)(names->ends[number] - from));
    memset(names->buckets, 0, (size_t)names->n_buckets * sizeof *names->buckets);
    fill_buckets(names);
}

int32_t tkri_names_copy(tkri_names *copy, const tkri_names *names, const tkri_env *env) {
    memset(copy, 0, sizeof *copy);
    copy->env = env;
    for (int32_t i = 0; i < names->len; i++) {
        uint64_t len;
        const char *text = tkri_names_get(names, i, &len);
        int32_t status = tkri_names_add(copy, text, len);
        if (status < 0) {
            tkri_names_fini(copy);
            return status;
        }
    }
    return TKR_OK;
}
