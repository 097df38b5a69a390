/* SPDX-License-Identifier: MIT
 * The bf16 product, compiled once per tier, and for AVX-512 once more with the CPU's own product of
 * bf16 pairs. That one reads x as the sum of two bf16, which keep 16 of its 24 bits. */
#include <float.h>
#include <stddef.h>

#include "kern/lanes.h"

/* Two inputs for all lanes; add(a, b, w, x) adds their products with a pack to the sums a and b. */

#if defined(__AVX512BF16__)

typedef struct pair {
    __m512bh high, low;
} pair;
INLINE pair pair_of(const tkri_quantized *r, int64_t row, int64_t pack) {
    const uint32_t *high = r->q + row * r->x_row, *low = high + r->x_row / 2;
    return (pair){(__m512bh)_mm512_set1_epi32((int32_t)high[pack]),
                  (__m512bh)_mm512_set1_epi32((int32_t)low[pack])};
}
INLINE void add(vf *a, vf *b, vu w, pair x) {
    *a = _mm512_dpbf16_ps(*a, x.high, (__m512bh)w);
    *b = _mm512_dpbf16_ps(*b, x.low, (__m512bh)w);
}

#else

typedef struct pair {
    vf first, second;
} pair;
INLINE pair pair_of(const tkri_quantized *r, int64_t row, int64_t pack) {
    const float *x = r->x + row * r->x_row + 2 * pack;
    const int last = 2 * pack + 1 == r->k;
    return (pair){v_all(x[0]), v_all(last ? 0.0f : x[1])};
}
INLINE void add(vf *a, vf *b, vu w, pair x) {
    w = bits_of(v_once(float_of(w)));
    *a = v_fma(x.first, first_bf16(w), *a);
    *b = v_fma(x.second, second_bf16(w), *b);
}

#endif

INLINE void bf16_row(const tkri_quantized *r, int64_t row, const columns *at, const int n) {
    const int64_t packs = tkri_packs(TKR_BF16, r->k);
    const uint32_t *w = at->w;
    float *c = at->c + row * r->c_row;
    const float *start = start_of(r, at, c);
    vf a[4], b[4];
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) {
        a[j] = v_load(start + j * VL);
        b[j] = v_zero();
    }
    for (int64_t pack = 0; pack < packs; pack++, w += at->w_row) {
        const pair x = pair_of(r, row, pack);
#pragma GCC unroll 4
        for (int j = 0; j < n; j++) {
            add(&a[j], &b[j], u_load(w + j * VL), x);
        }
    }
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) {
        v_store(c + j * VL, a[j] + b[j]);
    }
}

extern tkri_quantized_product TIER(tkri_bf16);

DEFINE_PRODUCT(TIER(tkri_bf16), TKR_BF16, bf16_row)

#if defined(__AVX512BF16__)

/* The nearest bf16 of a number that is not NaN with all bits set. */
INLINE __m256i nearest(vf x) {
    const vu bits = bits_of(x);
    return _mm512_cvtepi32_epi16((__m512i)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16));
}

/* The high part is cut off, so that it cannot round to infinity; the low part of infinity is zero,
 * of NaN it is NaN. */
extern tkri_quantized_split TIER(tkri_split);

void TIER(tkri_split)(uint32_t *q, int64_t q_row, const float *x, int64_t k) {
    for (int64_t i = 0; i < k; i += VL) {
        const vf all = load_row(x, i, k), high = high_half(bits_of(all));
        const vf size = float_of(bits_of(all) & u_all(0x7FFFFFFFu));
        const vf low = v_if_less(v_all(FLT_MAX), size, v_zero(), all - high);
        const __m256i high_bits = _mm512_cvtepi32_epi16((__m512i)(bits_of(high) >> 16));
        const __m256i low_bits = nearest(low);
        memcpy(q + i / 2, &high_bits, sizeof high_bits);
        memcpy(q + q_row / 2 + i / 2, &low_bits, sizeof low_bits);
    }
}

#endif
