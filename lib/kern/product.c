/* SPDX-License-Identifier: MIT
 * Products of float matrices, with one-hot rows too, compiled once per tier. */
#include "kern/vec.h"

#include <stddef.h>

#include "kern/table.h"

/* The most rows that a micro-tile of `width` vectors keeps in registers, beside B's row and one of
 * A. The reference takes one at a time. */
#if TKRI_TIER_ID == TKR_TIER_REFERENCE
enum { ROWS1 = 1, ROWS2 = 1, ROWS3 = 1, ROWS4 = 1 };
#else
enum {
    ROWS1 = 6,
    ROWS2 = REGISTERS == 32 ? 6 : 5,
    ROWS3 = REGISTERS == 32 ? 6 : 4,
    ROWS4 = REGISTERS == 32 ? 6 : 3
};
#endif

/* Terms so few that a micro-tile is not worth setting up, and how many rows ahead C is
 * prefetched. */
enum { FEW = 2, AHEAD = 16 };

/* Floats of B that all of A's rows meet before the next ones. 20 KB stay in the first-level cache,
 * beside all else. Cores with AVX-512 fetch B from the second one as fast as they multiply, and
 * what a slice costs them is C's way there and back. */
enum { SLICE = VL == 16 ? 16384 : 5120 };

/* The most rows of a micro-tile. */
INLINE int limit_of(const int width) {
    return width == 1 ? ROWS1 : width == 2 ? ROWS2 : width == 3 ? ROWS3 : ROWS4;
}

/* The micro-tiles that leave out the upper half of their last vector: those that come often. */
INLINE int has_half(const int rows, const int width) {
    return TIER_HALF && rows >= 5 && width != 2;
}

/* A micro-tile's sums and a row of B; `end` has what is of a last half vector. */
typedef struct sums {
    vf whole[6][4];
    vh end[6];
} sums;
typedef struct row_of_b {
    vf whole[4];
    vh end;
} row_of_b;

/* sum += x y', an outer product. The smaller side stays in registers, and of the other one vector
 * at a time, fetched once: left to itself a compiler folds the fetch into every multiply-add, and
 * the core has no such number of loads to give. */
INLINE void outer(sums *sum, const vf x[6], const row_of_b *y, const int rows, const int width,
                  const int half) {
    if (rows < width) {
#pragma GCC unroll 4
        for (int j = 0; j < width; j++) {
            const vf once = v_once(y->whole[j]);
#pragma GCC unroll 6
            for (int r = 0; r < rows; r++) {
                sum->whole[r][j] = v_fma(x[r], once, sum->whole[r][j]);
            }
        }
    } else {
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            const vf once = v_once(x[r]);
#pragma GCC unroll 4
            for (int j = 0; j < width - half; j++) {
                sum->whole[r][j] = v_fma(once, y->whole[j], sum->whole[r][j]);
            }
            if (half) {
                sum->end[r] = h_fma(h_of(once), y->end, sum->end[r]);
            }
        }
    }
}

/* The micro-tiles that can leave out terms: those that TKRI_LIVE_ROWS or more rows are made of. */
INLINE int has_live(const int rows, const int width) {
    return TIER_LIVE && rows >= limit_of(width) - 1;
}

/* sum += A's column times B's row. */
INLINE void one(sums *sum, const tkri_gemm *g, const float *a, const float *b, const int shape,
                const int half) {
    const int rows = ROWS_OF(shape), width = WIDTH_OF(shape);
    const int64_t a_row = g->a_row;
    const float *a3 = a + 3 * a_row;
    vf x[6];
    row_of_b y;
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
        x[r] = v_all(((r < 3 ? a : a3) + (r % 3) * a_row)[0]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < width - half; j++) {
        y.whole[j] = v_load(b + j * VL);
    }
    if (half) {
        y.end = h_load(b + (width - 1) * VL);
    }
    outer(sum, x, &y, rows, width, half);
}

/* Where a micro-tile stands: its first row of A and C, and what its sums start from. It prefetches
 * what comes next: of B from `soon` on, `step` floats further for every k, and of A the rows behind
 * its own, row_step floats of each for every four k. Where rows are so few that B goes by only
 * once, the core's own prefetcher does better alone. */
typedef struct place {
    const float *a, *from, *soon;
    float *c;
    int64_t from_row, step, row_step;
} place;

/* rows x width vectors of C; both sizes are constants wherever this is inlined. There is at least
 * one term: a loop that may not run at all has the sums copied, to and fro. The empty statements
 * keep the compiler from working out what the pointers are after a loop: blocks are short, and it
 * takes longer than counting on. */
INLINE void micro_tile(const tkri_gemm *g, const place *at, const int rows, const int width,
                       const int half) {
    sums sum;
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < width - half; j++) {
            sum.whole[r][j] = v_load(at->from + r * at->from_row + j * VL);
        }
        if (half) {
            sum.end[r] = h_load(at->from + r * at->from_row + (width - 1) * VL);
        }
    }
    const int64_t a_row = g->a_row, b_k = g->b_k, step = at->step, c_row = g->c_row;
    const float *a = at->a, *b = g->b, *soon = at->soon;
    static const tkri_term every = {0, 1};
    const tkri_term *term = g->terms ? g->terms : &every;
    const int64_t on = g->terms != NULL;
    int64_t block = g->blocks;
    do {
        const float *behind = a + rows * a_row;
        int64_t k = g->k;
        for (; v_has_four(SHAPE(rows, width)) && k >= 4; k -= 4) {
            __builtin_prefetch(soon);
            __builtin_prefetch(behind);
            v_four(sum.whole, a, a_row, b, b_k, SHAPE(rows, width));
            a += 4, b += 4 * b_k, soon += 4 * step, behind += rows * at->row_step;
            __asm__("" : "+r"(a), "+r"(b), "+r"(soon), "+r"(behind), "+r"(k));
        }
        if (k > 0 || !v_has_four(SHAPE(rows, width))) {
            do {
                if (2 * rows > limit_of(width)) {
                    __builtin_prefetch(soon);
                    __builtin_prefetch(behind);
                }
                one(&sum, g, a, b, SHAPE(rows, width), half);
                const int64_t apart = has_live(rows, width) ? term->next : 1;
                term += on;
                a += apart, b += apart * b_k, soon += step, k--;
                behind += rows * at->row_step / 4;
                __asm__("" : "+r"(a), "+r"(b), "+r"(soon), "+r"(behind), "+r"(k));
            } while (k > 0);
        }
        a += g->a_block - g->k;
        b += g->b_block - g->k * b_k;
    } while (--block > 0);
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < width - half; j++) {
            v_store(at->c + r * c_row + j * VL, sum.whole[r][j]);
        }
        if (half) {
            v_store(at->c + r * c_row + (width - 1) * VL, h_whole(sum.end[r]));
        }
    }
}

/* The first micro-tile's; without what it prefetches. */
static place first_place(const tkri_gemm *g) {
    static const float zeros[TKRI_PANEL * VL];
    place at = {.a = g->a, .from = zeros, .c = g->c};
    if (g->from == TKRI_FROM_C) {
        at.from = g->c, at.from_row = g->c_row;
    } else if (g->from == TKRI_FROM_ROW) {
        at.from = g->start;
    }
    return at;
}

/* A product of few terms, or of none: what it waits for is C. */
static void few_terms(const tkri_gemm *g, int64_t terms) {
    const place at = first_place(g);
    const int64_t rows = terms > 0 || g->from != TKRI_FROM_C ? g->m : 0;
    for (int64_t i = 0; i < rows; i++) {
        for (int32_t j = 0; j < g->width; j++) {
            float *c = g->c + i * g->c_row + j * VL;
            vf sum = v_load(at.from + i * at.from_row + j * VL);
            __builtin_prefetch(c + AHEAD * g->c_row, 1);
            for (int64_t k = 0; k < terms; k++) {
                const int64_t at_k = g->terms ? g->terms[k].k : k;
                sum = v_fma(v_all(g->a[i * g->a_row + at_k]), v_load(g->b + at_k * g->b_k + j * VL),
                            sum);
            }
            v_store(c, sum);
        }
    }
}

#define TILE(rows, width)                       \
    case SHAPE(rows, width):                    \
        if (has_half(rows, width) && g->half) { \
            micro_tile(g, &at, rows, width, 1); \
        } else if ((rows) <= limit_of(width)) { \
            micro_tile(g, &at, rows, width, 0); \
        }                                       \
        break;
#define TILES(width) \
    TILE(1, width) TILE(2, width) TILE(3, width) TILE(4, width) TILE(5, width) TILE(6, width)

/* The rows go out in micro-tiles of nearly equal height. Together they prefetch the next slice of
 * B, which is what stands behind this one: with what is between its rows, if they are apart, which
 * the next panels read. */
static void gemm_slice(const tkri_gemm *g) {
    const int64_t limit = limit_of(g->width), n_tiles = tkri_quotient(g->m + limit - 1, limit);
    const int64_t terms = g->terms ? g->terms[g->k].k - g->terms->k : g->k;
    const int64_t slice = g->blocks > 1 ? g->blocks * g->b_block : terms * g->b_k;
    const int64_t rows = tkri_quotient(g->m, n_tiles), taller = g->m - rows * n_tiles;
    const int64_t share = tkri_quotient(slice, n_tiles);
    place at = first_place(g);
    at.soon = g->b + slice;
    at.step = tkri_quotient(tkri_quotient(slice, g->blocks * g->k) + n_tiles - 1, n_tiles);
    at.row_step = g->a_row <= 2 * g->k ? tkri_quotient(4 * g->a_row + g->k - 1, g->k) : 4;
    for (int64_t t = 0; t < n_tiles; t++) {
        const int64_t height = rows + (t < taller);
        switch (SHAPE(height, g->width)) { TILES(1) TILES(2) TILES(3) TILES(4) }
        at.a += height * g->a_row;
        at.c += height * g->c_row;
        at.from += height * at.from_row;
        at.soon += share;
    }
}

/* An equal part of `rest` steps for each of `parts`, in fours. */
INLINE int64_t part_of(int64_t rest, int64_t parts) {
    const int64_t fours = (tkri_quotient(rest, parts) + 3) / 4 * 4;
    return fours < rest ? fours : rest;
}

/* All rows meet a slice of B before the next slice comes: it stays in a cache. Slices are whole
 * blocks, or equal parts of one. */
void TIER(tkri_gemm)(const tkri_gemm *g) {
    if (g->blocks * g->k == 0 || (g->blocks == 1 && g->k <= FEW)) {
        few_terms(g, g->blocks * g->k);
        return;
    }
    const int64_t depth = tkri_quotient(SLICE, g->width * VL);
    const int64_t parts = tkri_quotient(g->k + depth - 1, depth);
    const int64_t most = depth > g->k && g->blocks > 1 ? tkri_quotient(depth, g->k) : 1;
    tkri_gemm part = *g;
    for (int64_t block = 0; g->m > 0 && block < g->blocks; block += part.blocks) {
        part.blocks = g->blocks - block < most ? g->blocks - block : most;
        for (int64_t p = 0, k = 0; p < parts; p++, k += part.k) {
            part.k = part_of(g->k - k, parts - p);
            const int64_t first = g->terms ? g->terms[k].k : k;
            part.terms = g->terms ? g->terms + k : NULL;
            part.a = g->a + block * g->a_block + first;
            part.b = g->b + block * g->b_block + first * g->b_k;
            gemm_slice(&part);
            part.from = TKRI_FROM_C;
        }
    }
}

#if TIER_LIVE
int64_t TIER(tkri_live)(tkri_term *terms, const float *a, int64_t a_row, int64_t rows, int64_t k) {
    int64_t n = 0;
    for (int64_t j = 0; j < k; j += VL) {
        vu any = {0};
        uint32_t lane[VL];
        for (int64_t r = 0; r < rows; r++) {
            vu bits;
            memcpy(&bits, a + r * a_row + j, sizeof bits);
            any |= bits << 1; /* without the sign */
        }
        memcpy(lane, &any, sizeof lane);
        for (int i = 0; i < VL; i++) {
            terms[n] = (tkri_term){j + i, 0};
            n += j + i < k && lane[i] != 0;
        }
    }
    terms[n].k = k;
    for (int64_t i = 0; i < n; i++) {
        terms[i].next = terms[i + 1].k - terms[i].k;
    }
    return n;
}
#endif

/* `rows` rows, a constant wherever this is inlined, and a column: as many chains. */
INLINE void dots(const tkri_gemm *g, const int64_t from, const int64_t column, const int rows) {
    const float *a = g->a + from * g->a_row, *b = g->b + column * g->b_k;
    float sum[8];
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        sum[r] = g->from == TKRI_FROM_ROW ? g->start[column] : 0.0f;
    }
    for (int64_t k = 0; k < g->k; k++) {
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            sum[r] = f_fma(a[r * g->a_row + k], b[k], sum[r]);
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < rows; r++) {
        g->c[(from + r) * g->c_row + column] = sum[r];
    }
}

void TIER(tkri_dots)(const tkri_gemm *g) {
    for (int64_t column = 0; column < g->width; column++) {
        int64_t row = 0;
        for (; row + 8 <= g->m; row += 8) {
            dots(g, row, column, 8);
        }
        for (; row < g->m; row++) {
            dots(g, row, column, 1);
        }
    }
}

void TIER(tkri_gather)(const tkri_gemm *g, const int32_t *ids) {
    for (int64_t i = 0; i < g->m; i++) {
        const float *b = g->b + ids[i] * g->b_k;
        float *c = g->c + i * g->c_row;
        const float *from = g->from == TKRI_FROM_C ? c : g->start;
        for (int32_t j = 0; j < g->width; j++) {
            vf sum = g->from == TKRI_FROM_ZERO ? v_zero() : v_load(from + j * VL);
            if (ids[i] >= 0) {
                sum = v_fma(v_all(1.0f), v_load(b + j * VL), sum);
            }
            v_store(c + j * VL, sum);
        }
    }
}

void TIER(tkri_scatter)(const tkri_gemm *g, const int32_t *ids) {
    for (int64_t i = 0; i < g->k; i++) {
        const float *b = g->b + i * g->b_k;
        for (int32_t j = 0; ids[i] >= 0 && j < g->width; j++) {
            float *to = g->c + ids[i] * g->c_row + j * VL;
            v_store(to, v_load(to) + v_load(b + j * VL));
        }
    }
}
