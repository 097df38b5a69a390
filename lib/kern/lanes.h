/* SPDX-License-Identifier: MIT
 * What the bodies of reduced products share, beside vec.h: lanes of integers, the walk over panels.
 */
#ifndef TKRI_KERN_LANES_H
#define TKRI_KERN_LANES_H

#include "kern/reduced.h"
#include "kern/vec.h"

/* Lanes of 32 bits as unsigned and signed integers. */
#if TKRI_TIER_ID == TKR_TIER_REFERENCE
typedef uint32_t vu;
typedef int32_t vi;
typedef uint8_t bytes;
#define I_TO_FLOAT(a) ((float)(a))
#define U_TO_BYTES(a) ((uint8_t)(a))
#else
typedef uint32_t vu __attribute__((vector_size(4 * VL)));
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

/* The halves of words as float32; which of them came first in memory. */
INLINE vf low_half(vu words) {
    return float_of(words << 16);
}
INLINE vf high_half(vu words) {
    return float_of(words & u_all(0xFFFF0000u));
}
INLINE vf first_bf16(vu words) {
    return LITTLE ? low_half(words) : high_half(words);
}
INLINE vf second_bf16(vu words) {
    return LITTLE ? high_half(words) : low_half(words);
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

/* What vector j of a panel starts from; c points at the panel's row. */
INLINE vf start_of(const tkri_reduced *r, const float *c, int64_t first, int j) {
    if (r->from == TKRI_FROM_C) {
        return v_load(c + j * VL);
    }
    return r->from == TKRI_FROM_ROW ? v_load(r->start + (first + j) * VL) : v_zero();
}

/* The beginning of a panel's row 0 in C; the panel's first vector is `first`. */
INLINE float *panel_c(const tkri_reduced *r, int64_t panel, int64_t first) {
    return r->c + (r->panels.gates > 1 ? panel : first) * r->c_tile;
}

/* A product, panel by panel and all rows of each, from row_of(r, row, first, c, width): one row of
 * one panel, whose width is a constant where speed matters. */
#define ROWS_OF_WIDTH(row_of, width)                  \
    for (int64_t i = 0; i < r->rows; i++) {           \
        row_of(r, i, first, c + i * r->c_row, width); \
    }

#define WIDTH_CASE(row_of, width)     \
    case width:                       \
        ROWS_OF_WIDTH(row_of, width); \
        break;

#if TKRI_TIER_ID == TKR_TIER_REFERENCE
#define ALL_ROWS(row_of) ROWS_OF_WIDTH(row_of, tkri_panel_width(&r->panels, p))
#else
#define ALL_ROWS(row_of)                       \
    switch (tkri_panel_width(&r->panels, p)) { \
        WIDTH_CASE(row_of, 1)                  \
        WIDTH_CASE(row_of, 2)                  \
        WIDTH_CASE(row_of, 3)                  \
        WIDTH_CASE(row_of, 4)                  \
    }
#endif

#define DEFINE_PRODUCT(name, row_of)                               \
    void name(const tkri_reduced *r) {                             \
        for (int64_t p = 0; p < r->panels.n; p++) {                \
            const int64_t first = tkri_panel_start(&r->panels, p); \
            float *c = panel_c(r, p, first);                       \
            ALL_ROWS(row_of)                                       \
        }                                                          \
    }

#endif
