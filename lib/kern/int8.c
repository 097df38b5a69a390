/* SPDX-License-Identifier: MIT
 * The int8 product, compiled once per tier, and for AVX-512 once more with VNNI. */
#include "kern/lanes.h"

/* quad: one pack of q, for all lanes. dot(sum, w, q): sum + the pack's four products in each lane,
 * exact. TIER_BIASED says that q enters as q + 128, which `correction` takes back. */

#ifndef TIER_BIASED
#define TIER_BIASED 0
#endif

#ifndef TIER_DOT

/* In halves of packs: two products each fit in 16 bits, and so does their sum. Whatever the byte
 * order is, both operands are taken apart alike. */
typedef int16_t halves __attribute__((vector_size(4 * VL)));
typedef struct quad {
    halves high, low;
} quad;
INLINE quad quad_of(uint32_t pack) {
    const halves q = (halves)u_all(pack ^ 0x80808080u);
    return (quad){q >> 8, (halves)((vu)q << 8 & u_all(0xFF00FF00u)) >> 8};
}
INLINE vi dot(vi sum, vu w, quad q) {
    const halves low = (halves)(w << 8 & u_all(0xFF00FF00u)) >> 8;
    const halves pairs = ((halves)w >> 8) * q.high + low * q.low;
    return sum + ((vi)pairs >> 16) + ((vi)((vu)pairs << 16) >> 16);
}

#endif

INLINE void int8_row(const tkri_quantized *r, int64_t row, const columns *at, const int n) {
    const int64_t packs = tkri_packs(TKR_INT8, r->k);
    const uint32_t *w = at->w, *q = r->q + row * r->x_row;
    float *c = at->c + row * r->c_row;
    const float *start = start_of(r, at, c), *scale = r->scale + at->first * VL;
    vi sum[4];
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) {
        sum[j] = signed_of(TIER_BIASED ? u_load(r->correction + (at->first + j) * VL) : u_all(0));
    }
    for (int64_t k = 0; k < packs; k++, w += at->w_row) {
        const quad x = quad_of(q[k]);
#pragma GCC unroll 4
        for (int j = 0; j < n; j++) {
            sum[j] = dot(sum[j], u_load(w + j * VL), x);
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) {
        const vf unit = v_load(scale + j * VL) * v_all(r->q_scale[row]);
        v_store(c + j * VL, v_load(start + j * VL) + I_TO_FLOAT(sum[j]) * unit);
    }
}

extern tkri_quantized_product TIER(tkri_int8);

DEFINE_PRODUCT(TIER(tkri_int8), TKR_INT8, int8_row)
