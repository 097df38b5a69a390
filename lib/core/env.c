/* SPDX-License-Identifier: MIT */
#include "core/env.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/check.h"

enum { ALIGNMENT = 64, MAX_THREADS = 64 };

static void *default_allocate(void *user, uint64_t bytes) {
    (void)user;
    return malloc((size_t)bytes);
}

static void default_release(void *user, void *block, uint64_t bytes) {
    (void)user;
    (void)bytes;
    free(block);
}

static int32_t check_env(const tkr_env *env) {
    if ((env->allocate == NULL) != (env->release == NULL)) {
        return TKR_ERR_ARGUMENT;
    }
    if (env->threads < 0 || env->threads > MAX_THREADS) {
        return TKR_ERR_ARGUMENT;
    }
    if (env->n_user_cells < 0 || (env->n_user_cells > 0 && !env->user_cells)) {
        return TKR_ERR_ARGUMENT;
    }
    return env->tier < 0 ? TKR_ERR_ARGUMENT : TKR_OK;
}

int32_t tkri_env_read(tkri_env *env, const tkr_env *from) {
    tkr_env known;
    memset(&known, 0, sizeof known);
    if (from) {
        if (from->size < sizeof from->size) {
            return TKR_ERR_ARGUMENT;
        }
        memcpy(&known, from, from->size < sizeof known ? (size_t)from->size : sizeof known);
        TRY(check_env(&known));
    }
    env->allocate = known.allocate ? known.allocate : default_allocate;
    env->release = known.allocate ? known.release : default_release;
    env->memory_user = known.memory_user;
    env->parallel_for = known.parallel_for;
    env->parallel_user = known.parallel_user;
    env->threads = known.threads ? known.threads : 1;
    env->tier = known.tier;
    env->detail = known.detail_len ? known.detail : NULL;
    env->detail_len = known.detail_len;
    env->user_cells = known.user_cells;
    env->n_user_cells = known.n_user_cells;
    return TKR_OK;
}

int32_t tkri_env_fail(const tkri_env *env, int32_t status, const char *format, ...) {
    if (env->detail) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(env->detail, (size_t)env->detail_len, format, arguments);
        va_end(arguments);
    }
    return status;
}

int32_t tkri_env_forward(const tkri_env *env, int32_t status, const tkri_detail *detail) {
    return tkri_env_fail(env, status, "%s", detail->text);
}

/* The aligned block is preceded by the distance to what the caller's allocator returned. */
uint64_t tkri_allocation(uint64_t bytes) {
    return tkri_add(bytes, ALIGNMENT);
}

void *tkri_allocate(const tkri_env *env, uint64_t bytes) {
    uint64_t asked = tkri_allocation(bytes);
    if (asked > TKRI_SIZE_LIMIT) {
        return NULL;
    }
    unsigned char *raw = env->allocate(env->memory_user, asked);
    if (!raw) {
        return NULL;
    }
    unsigned char *block = raw + (ALIGNMENT - (uintptr_t)raw % ALIGNMENT);
    block[-1] = (unsigned char)(block - raw);
    memset(block, 0, (size_t)bytes);
    return block;
}

void tkri_release(const tkri_env *env, void *block, uint64_t bytes) {
    if (block) {
        unsigned char *aligned = block;
        env->release(env->memory_user, aligned - aligned[-1], tkri_allocation(bytes));
    }
}

/* The caller's memory begins with this; pieces follow, each after the end of the one before. */
typedef struct pocket {
    unsigned char *base;
    uint64_t used, bytes;
} pocket;

static void *pocket_allocate(void *user, uint64_t bytes) {
    pocket *p = user;
    uint64_t start = tkri_round_up(p->used, 16);
    if (start > p->bytes || bytes > p->bytes - start) {
        return NULL;
    }
    p->used = start + bytes;
    return p->base + start;
}

static void pocket_release(void *user, void *block, uint64_t bytes) {
    pocket *p = user;
    uint64_t start = (uint64_t)((unsigned char *)block - p->base);
    if (start + bytes == p->used) {
        p->used = start;
    }
}

int32_t tkr_env_from_memory(tkr_env *env, void *memory, uint64_t bytes) {
    if (!env || !memory || bytes < 64 || bytes > TKRI_SIZE_LIMIT) {
        return TKR_ERR_ARGUMENT;
    }
    uint64_t skip = (16 - (uintptr_t)memory % 16) % 16;
    pocket *p = (void *)((unsigned char *)memory + skip);
    *p = (pocket){.base = (unsigned char *)p, .used = sizeof *p, .bytes = bytes - skip};
    memset(env, 0, sizeof *env);
    env->size = sizeof *env;
    env->allocate = pocket_allocate;
    env->release = pocket_release;
    env->memory_user = p;
    return TKR_OK;
}
