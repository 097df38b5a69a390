/* SPDX-License-Identifier: MIT
 * One block per object, measured and placed by the same layout function: run it once on an arena
 * without a base to learn the size, once with the block to get the pointers. */
#ifndef TKRI_CORE_ARENA_H
#define TKRI_CORE_ARENA_H

#include "core/check.h"

typedef struct tkri_arena {
    unsigned char *base; /* NULL: measure only */
    uint64_t used;       /* sticks at UINT64_MAX when a size does not fit */
} tkri_arena;

/* The next `n` elements of `size` bytes at a multiple of 64, or NULL while measuring. */
void *tkri_arena_take(tkri_arena *arena, uint64_t n, uint64_t size);

#define TKRI_TAKE(arena, pointer, n) \
    ((pointer) = tkri_arena_take((arena), (uint64_t)(n), sizeof *(pointer)))

#endif
