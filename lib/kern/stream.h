/* SPDX-License-Identifier: MIT
 * The walk over tiles of a cell's fused steps-> */
#ifndef TKRI_KERN_STREAM_H
#define TKRI_KERN_STREAM_H

#include "kern/kern.h"
#include "kern/vec.h"

/* Steps from sums_of(stream, j, n, sums), the sums of n tiles from j on, n a constant wherever it
 * is inlined, and h_of(stream, first unit, sums), which gives one tile's h.
 *
 * Two tiles have twice the chains of one, which alone would wait for each other's multiply-adds.
 * The long chain from sums to h is walked while the sums of the next two tiles are under way. Where
 * the new h takes the old one's place, it does when the last ones have read that. */
#define DEFINE_STEPS(name, sums_of, h_of)                                                         \
    INLINE void name##_one(const tkri_stream *s) {                                                \
        vf sums[1][4];                                                                            \
        sums_of(s, 0, 1, sums);                                                                   \
        v_store(s->next, h_of(s, 0, sums[0]));                                                    \
    }                                                                                             \
    INLINE void name##_all(const tkri_stream *s, const int64_t tiles) {                           \
        const int64_t copied = s->next == s->h ? (tiles - 3) / 2 * 2 : 0;                         \
        vf sums[4][4];                                                                            \
        for (int64_t j = 0, i = 0; i < tiles; j += 2) {                                           \
            if (j < tiles - 1) {                                                                  \
                sums_of(s, j, 2, sums + j % 4);                                                   \
            } else if (j < tiles) {                                                               \
                sums_of(s, j, 1, sums + j % 4);                                                   \
            }                                                                                     \
            for (; i < j && i < tiles; i++) {                                                     \
                v_store((i < copied ? s->room : s->next) + i * VL, h_of(s, i * VL, sums[i % 4])); \
            }                                                                                     \
        }                                                                                         \
        for (int64_t i = 0; i < copied; i++) {                                                    \
            v_store(s->next + i * VL, v_load(s->room + i * VL));                                  \
        }                                                                                         \
    }                                                                                             \
    static void name(tkri_stream *s) {                                                            \
        const int64_t tiles = tkri_tiles(s->units, VL);                                           \
        for (int64_t t = 0; t < s->steps; t++) {                                                  \
            if (tiles == 1) {                                                                     \
                name##_one(s);                                                                    \
            } else {                                                                              \
                name##_all(s, tiles);                                                             \
            }                                                                                     \
            s->x += s->x_step;                                                                    \
            s->start += s->start_step;                                                            \
            s->h = s->next;                                                                       \
            s->next += s->ld_h;                                                                   \
        }                                                                                         \
    }

#endif
