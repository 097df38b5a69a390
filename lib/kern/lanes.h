/* SPDX-License-Identifier: MIT
 * What the bodies of quantized products share, beside vec.h: lanes of integers, the walk over
 * panels.
 */
#ifndef TKRI_KERN_LANES_H
#define TKRI_KERN_LANES_H

#include "kern/quantized.h"
#include "kern/vec.h"

#if TKRI_TIER_ID == TKR_TIER_REFERENCE
typedef uint8_t bytes;
#define I_TO_FLOAT(a) ((float)(a))
#define U_TO_BYTES(a) ((uint8_t)(a))
#else
typedef uint8_t bytes __attribute__((vector_size(VL)));
#define I_TO_FLOAT(a) __builtin_convertvector((a), vf)
#define U_TO_BYTES(a) __builtin_convertvector((a), bytes)
#endif

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
enum { LITTLE = 0 };
#else
enum { LITTLE = 1 };
#endif

INLINE vu u_load(const void *p) {
    vu a;
    memcpy(&a, p, sizeof a);
    return a;
}

INLINE vu u_all(uint32_t a) {
#if TKRI_TIER_ID == TKR_TIER_REFERENCE
    return a;
#else
    return a - (vu){0};
#endif
}

INLINE vf float_of(vu a) {
    vf f;
    memcpy(&f, &a, sizeof f);
    return f;
}

INLINE vu bits_of(vf a) {
    vu u;
    memcpy(&u, &a, sizeof u);
    return u;
}

INLINE vi signed_of(vu a) {
    vi i;
    memcpy(&i, &a, sizeof i);
    return i;
}

/* The halves of packs as float32; which of them came first in memory. */
INLINE vf low_half(vu packs) {
    return float_of(packs << 16);
}
INLINE vf high_half(vu packs) {
    return float_of(packs & u_all(0xFFFF0000u));
}
INLINE vf first_bf16(vu packs) {
    return LITTLE ? low_half(packs) : high_half(packs);
}
INLINE vf second_bf16(vu packs) {
    return LITTLE ? high_half(packs) : low_half(packs);
}

/* x[i .. i + VL), zeros from index n on. */
INLINE vf load_row(const float *x, int64_t i, int64_t n) {
    if (i + VL <= n) {
        return v_load(x + i);
    }
    float lane[VL] = {0};
    for (int64_t j = i; j < n; j++) {
        lane[j - i] = x[j];
    }
    return v_load(lane);
}

/* Vectors of columns that stand side by side in a panel. */
typedef struct columns {
    int64_t first;     /* the first of them, of all the matrix' vectors */
    const uint32_t *w; /* its first pack */
    int64_t w_row;     /* from pack to pack */
    float *c;          /* in row 0 of C */
} columns;

/* What these columns of a row start from. */
INLINE const float *start_of(const tkri_quantized *r, const columns *at, const float *c) {
    static const float zeros[TKRI_PANEL * VL];
    const float *fixed = r->from == TKRI_FROM_ROW ? r->start + at->first * VL : zeros;
    return r->from == TKRI_FROM_C ? c : fixed;
}

INLINE columns panel_at(const tkri_quantized *r, int64_t panel, int64_t packs) {
    const int64_t first = tkri_panel_start(&r->panels, panel);
    return (columns){
        .first = first,
        .w = r->w + first * VL * packs,
        .w_row = (int64_t)tkri_panel_width(&r->panels, panel) * VL,
        .c = r->c + (r->panels.gates > 1 ? panel : first) * r->c_tile,
    };
}

/* Column j alone. */
INLINE columns column_of(const columns *at, int64_t j) {
    return (columns){at->first + j, at->w + j * VL, at->w_row, at->c + j * VL};
}

/* A product, panel by panel and all rows of each, from row_of(r, row, columns, n): the product of
 * one row with n columns, a constant wherever it is inlined. Narrow panels are rare: they go column
 * by column. */
#define ALL_ROWS(row_of, at, n)                   \
    for (int64_t row = 0; row < r->rows; row++) { \
        row_of(r, row, at, n);                    \
    }

#define DEFINE_PRODUCT(name, precision, row_of)                  \
    void name(const tkri_quantized *r) {                         \
        const int64_t packs = tkri_packs(precision, r->k);       \
        for (int64_t p = 0; p < r->panels.n; p++) {              \
            const columns panel = panel_at(r, p, packs);         \
            const int64_t width = panel.w_row / VL;              \
            if (width == 4 && VL > 1) {                          \
                ALL_ROWS(row_of, &panel, 4)                      \
            } else if (width == 3 && VL > 1) {                   \
                ALL_ROWS(row_of, &panel, 3)                      \
            } else {                                             \
                for (int64_t j = 0; j < width; j++) {            \
                    const columns column = column_of(&panel, j); \
                    ALL_ROWS(row_of, &column, 1)                 \
                }                                                \
            }                                                    \
        }                                                        \
    }

#endif
