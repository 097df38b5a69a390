/* SPDX-License-Identifier: MIT
 * What an object keeps of the caller's env: its allocator, its threads, its tier. */
#ifndef TKRI_CORE_ENV_H
#define TKRI_CORE_ENV_H

#include "core/status.h"

typedef struct tkri_env {
    void *(*allocate)(void *user, uint64_t bytes);
    void (*release)(void *user, void *block, uint64_t bytes);
    void *memory_user;
    void (*parallel_for)(void *user, int64_t n, tkr_task task, void *argument);
    void *parallel_user;
    int32_t threads;
    int32_t tier;
    char *detail;
    uint64_t detail_len;
    const tkr_user_cell *const *user_cells; /* of a load; an object does not keep them */
    int64_t n_user_cells;
} tkri_env;

/* Read the caller's env (NULL for the defaults), field by field as far as its size goes. */
int32_t tkri_env_read(tkri_env *env, const tkr_env *from);

/* A failure without an object: writes to the caller's env->detail and returns `status`. */
int32_t tkri_env_fail(const tkri_env *env, int32_t status, const char *format, ...)
    TKRI_PRINTF(3, 4);

/* Hand an object's text on to env->detail, before the half-built object is destroyed. */
int32_t tkri_env_forward(const tkri_env *env, int32_t status, const tkri_detail *detail);

/* `bytes` zeroed bytes at a multiple of 64, or NULL. Sizes over TKRI_SIZE_LIMIT give NULL. */
void *tkri_allocate(const tkri_env *env, uint64_t bytes);
void tkri_release(const tkri_env *env, void *block, uint64_t bytes);

/* What tkri_allocate(bytes) asks the caller's allocator for. */
uint64_t tkri_allocation(uint64_t bytes);

#endif
