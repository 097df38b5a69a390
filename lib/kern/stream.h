/* SPDX-License-Identifier: MIT
 * The walk over tiles of a cell's fused steps. */
#ifndef TKRI_KERN_STREAM_H
#define TKRI_KERN_STREAM_H

#include "kern/kern.h"
#include "kern/vec.h"

/* Which sums: of n tiles of a stream, or of one tile of n streams, which share the fetches of its
 * weights. n and `rows` are constants wherever this is inlined. */
typedef struct which {
    int64_t tile, row; /* the first of them */
    int n, rows;
} which;

/* What sums are made of: the first stream's x [len], and the first tile's weights; from one to the
 * next of those that the sums are of it is `apart` floats. */
typedef struct operands {
    const float *x, *w;
    int64_t len, apart;
} operands;

/* sum += x W, of `gates` columns of each tile. The empty statement keeps the compiler from working
 * out the second tile's place from the first one's, which takes more registers than there are. */
INLINE void add_products(vf sum[][4], const which at, const int gates, const operands o) {
    const float *w = o.w, *second = at.rows ? o.w : o.w + o.apart;
    for (int64_t k = 0; k < o.len; k++, w += gates * VL, second += gates * VL) {
        const vf first = v_all(o.x[k]);
        __asm__("" : "+r"(w), "+r"(second));
#pragma GCC unroll 4
        for (int i = 0; i < at.n; i++) {
            const vf value = at.rows && i > 0 ? v_all(o.x[k + i * o.apart]) : first;
            const float *weights = at.rows || i == 0 ? w : second;
#pragma GCC unroll 4
            for (int gate = 0; gate < gates; gate++) {
                sum[i][gate] = v_fma(value, v_load(weights + gate * VL), sum[i][gate]);
            }
        }
    }
}

/* What the sums start from. */
INLINE void start_sums(vf sum[][4], const tkri_stream *s, const which at, const int gates) {
    const float *start = s->start + at.tile * s->start_tile + at.row * s->start_row;
    const int64_t apart = at.rows ? s->start_row : s->start_tile;
#pragma GCC unroll 4
    for (int i = 0; i < at.n; i++) {
#pragma GCC unroll 4
        for (int gate = 0; gate < gates; gate++) {
            sum[i][gate] = v_load(start + i * apart + gate * VL);
        }
    }
}

/* Sums leave the registers. */
INLINE void put_sums(vf out[][4], vf sum[][4], const which at, const int gates) {
#pragma GCC unroll 4
    for (int i = 0; i < at.n; i++) {
#pragma GCC unroll 4
        for (int gate = 0; gate < gates; gate++) {
            out[i][gate] = sum[i][gate];
        }
    }
}

INLINE void add_inputs(vf sum[][4], const tkri_stream *s, const which at, const int gates) {
    const int64_t tile = gates * VL * s->input;
    add_products(sum, at, gates,
                 (operands){s->x + at.row * s->x_row, s->w_ih + at.tile * tile, s->x_len,
                            at.rows ? s->x_row : tile});
}

INLINE void add_states(vf sum[][4], const tkri_stream *s, const which at, const int gates) {
    const int64_t tile = gates * VL * s->units;
    add_products(sum, at, gates,
                 (operands){s->h + at.row * s->h_row, s->w_hh + at.tile * tile, s->units,
                            at.rows ? s->h_row : tile});
}

/* tanh and the logistic function as quotients, so that those of a product are divided once:
 * |n| <= d, tanh within 2e-5, the logistic function within 1e-5. tanh x = x P(x^2) / Q(x^2), the
 * best of its degrees up to 6.4; what is beyond is brought back to there. */
typedef struct quotient {
    vf n, d;
} quotient;

INLINE quotient q_tanh(vf x) {
    x = v_min(v_all(6.4f), v_max(v_all(-6.4f), x));
    const vf t = x * x;
    const vf p = v_fma(v_fma(v_all(1.44535524e-3f), t, v_all(0.11365515f)), t, v_all(0.999956787f));
    vf q = v_fma(v_all(5.20875219e-5f), t, v_all(0.0171847567f));
    q = v_fma(v_fma(q, t, v_all(0.44685635f)), t, v_all(1.0f));
    return (quotient){x * p, q};
}

/* (1 + tanh(x / 2)) / 2. */
INLINE quotient q_logistic(vf x) {
    const quotient a = q_tanh(v_all(0.5f) * x);
    return (quotient){a.d + a.n, a.d + a.d};
}

/* Steps from sums_of(stream, which, sums), and h_of(stream, row, first unit, sums), which gives one
 * tile's h.
 *
 * Two tiles have twice the chains of one, which alone would wait for each other's multiply-adds.
 * The long chain from sums to h is walked while the sums of the next two tiles are under way. Where
 * the new h takes the old one's place, it does when the last ones have read that. */
#define DEFINE_STEPS(name, sums_of, h_of)                                 \
    INLINE void name##_one(const tkri_stream *s) {                        \
        vf sums[1][4];                                                    \
        sums_of(s, (which){0, 0, 1, 0}, sums);                            \
        v_store(s->next, h_of(s, 0, 0, sums[0]));                         \
    }                                                                     \
    INLINE void name##_all(const tkri_stream *s, const int64_t tiles) {   \
        const int64_t copied = s->next == s->h ? (tiles - 3) / 2 * 2 : 0; \
        vf sums[4][4];                                                    \
        for (int64_t j = 0, i = 0; i < tiles; j += 2) {                   \
            if (j < tiles - 1) {                                          \
                sums_of(s, (which){j, 0, 2, 0}, sums + j % 4);            \
            } else if (j < tiles) {                                       \
                sums_of(s, (which){j, 0, 1, 0}, sums + j % 4);            \
            }                                                             \
            for (; i < j && i < tiles; i++) {                             \
                float *to = i < copied ? s->room : s->next;               \
                v_store(to + i * VL, h_of(s, 0, i * VL, sums[i % 4]));    \
            }                                                             \
        }                                                                 \
        for (int64_t i = 0; i < copied; i++) {                            \
            v_store(s->next + i * VL, v_load(s->room + i * VL));          \
        }                                                                 \
    }                                                                     \
    static void name##_many(const tkri_stream *s, const int64_t tiles) {  \
        for (int64_t j = 0; j < tiles; j++) {                             \
            for (int64_t row = 0, n; row < s->batch; row += n) {          \
                vf sums[4][4];                                            \
                if (REGISTERS == 32 && s->batch - row >= 4) {             \
                    n = 4;                                                \
                    sums_of(s, (which){j, row, 4, 1}, sums);              \
                } else if (s->batch - row >= 2) {                         \
                    n = 2;                                                \
                    sums_of(s, (which){j, row, 2, 1}, sums);              \
                } else {                                                  \
                    n = 1;                                                \
                    sums_of(s, (which){j, row, 1, 1}, sums);              \
                }                                                         \
                for (int64_t i = 0; i < n; i++) {                         \
                    v_store(s->next + (row + i) * s->h_row + j * VL,      \
                            h_of(s, row + i, j * VL, sums[i]));           \
                }                                                         \
            }                                                             \
        }                                                                 \
    }                                                                     \
    static void name(tkri_stream *s) {                                    \
        const int64_t tiles = tkri_tiles(s->units, VL);                   \
        for (int64_t t = 0; t < s->steps; t++) {                          \
            if (s->batch > 1) {                                           \
                name##_many(s, tiles);                                    \
            } else if (tiles == 1) {                                      \
                name##_one(s);                                            \
            } else {                                                      \
                name##_all(s, tiles);                                     \
            }                                                             \
            s->x += s->x_step;                                            \
            s->start += s->start_step;                                    \
            s->h = s->next;                                               \
            s->next += s->h_step;                                         \
        }                                                                 \
    }

#endif
