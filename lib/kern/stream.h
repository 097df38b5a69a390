/* SPDX-License-Identifier: MIT
 * The walk over tiles of a cell's fused step. */
#ifndef TKRI_KERN_STREAM_H
#define TKRI_KERN_STREAM_H

#include "kern/kern.h"
#include "kern/vec.h"

/* A step from sums_of(stream, j, n, sums), the sums of n tiles from j on, n a constant wherever it
 * is inlined, and h_of(stream, first unit, sums), which gives one tile's h.
 *
 * Two tiles have twice the chains of one, which alone would wait for each other's multiply-adds.
 * The long chain from sums to h is walked while the sums of the next two tiles are under way. What
 * all read, h, changes when the last ones have read it. */
#define DEFINE_STEP(name, sums_of, h_of)                                                         \
    static void name(const tkri_stream *s) {                                                     \
        const int64_t tiles = tkri_tiles(s->units, VL), copied = (tiles - 3) / 2 * 2;            \
        vf sums[4][4];                                                                           \
        for (int64_t j = 0, i = 0; i < tiles; j += 2) {                                          \
            if (j < tiles - 1) {                                                                 \
                sums_of(s, j, 2, sums + j % 4);                                                  \
            } else if (j < tiles) {                                                              \
                sums_of(s, j, 1, sums + j % 4);                                                  \
            }                                                                                    \
            for (; i < j && i < tiles; i++) {                                                    \
                v_store((i < copied ? s->h_next : s->h) + i * VL, h_of(s, i * VL, sums[i % 4])); \
            }                                                                                    \
        }                                                                                        \
        for (int64_t i = 0; i < copied; i++) {                                                   \
            v_store(s->h + i * VL, v_load(s->h_next + i * VL));                                  \
        }                                                                                        \
    }

#endif
