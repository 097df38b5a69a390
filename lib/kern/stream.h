/* SPDX-License-Identifier: MIT
 * The walk over tiles of a cell's fused step. */
#ifndef TKRI_KERN_STREAM_H
#define TKRI_KERN_STREAM_H

#include "kern/kern.h"
#include "kern/vec.h"

/* The callers' SSE code is slow while the high halves of registers are in use. GCC overlooks that
 * they are, after a call with vectors. */
#if defined(__AVX__)
#define LOW_HALVES() _mm256_zeroupper()
#else
#define LOW_HALVES() (void)0
#endif

/* For what one call does alone: vectors travel in registers, and no caller has its own copy. */
#define ALONE static __attribute__((noinline))

/* A step from tiles_of(stream, j, n, to): n tiles from j on, n a constant wherever it is inlined.
 * Two tiles have twice the chains of one, which alone would wait for each other's multiply-adds.
 * What all read, h, changes when the last ones have read it. */
#define DEFINE_STEP(name, tiles_of)                              \
    static void name(const tkri_stream *s) {                     \
        const int64_t tiles = tkri_tiles(s->units, VL);          \
        const int64_t last = (tiles - 1) / 2 * 2;                \
        int64_t j = 0;                                           \
        for (; j < tiles - 1; j += 2) {                          \
            tiles_of(s, j, 2, j < last ? s->h_next : s->h);      \
        }                                                        \
        if (j < tiles) {                                         \
            tiles_of(s, j, 1, s->h);                             \
        }                                                        \
        for (int64_t i = 0; i < last; i++) {                     \
            v_store(s->h + i * VL, v_load(s->h_next + i * VL));  \
        }                                                        \
        LOW_HALVES();                                            \
    }

#endif
