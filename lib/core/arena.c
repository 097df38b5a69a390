/* SPDX-License-Identifier: MIT */
#include "core/arena.h"

#include <stddef.h>

void *tkri_arena_take(tkri_arena *arena, uint64_t n, uint64_t size) {
    const uint64_t start = tkri_round_up(arena->used, 64);
    arena->used = tkri_add(start, tkri_mul(n, size));
    return arena->base ? arena->base + start : NULL;
}
