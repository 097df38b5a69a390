/* SPDX-License-Identifier: MIT
 * The int8 product, compiled once per tier, and for AVX-512 once more with VNNI. */
#include "kern/lanes.h"

/* quad: one word of q, for all lanes. dot(sum, w, q): sum + the word's four products in each lane,
 * exact. BIASED says that q enters as q + 128, which `correction` takes back. */

#if TKRI_TIER_ID == TKR_TIER_AVX512 && defined(__AVX512VNNI__)

enum { BIASED = 1 };
typedef __m512i quad;
INLINE quad quad_of(uint32_t word) {
    return _mm512_set1_epi32((int32_t)word);
}
INLINE vi dot(vi sum, vu w, quad q) {
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, q, (__m512i)w);
}

#elif TKRI_TIER_ID == TKR_TIER_AVX512

/* |q| times w with q's sign: pairs of products are at most 2 * 127 * 127 and do not saturate. */
enum { BIASED = 0 };
typedef struct quad {
    __m512i size;
    __mmask64 negative;
} quad;
INLINE quad quad_of(uint32_t word) {
    const __m512i q = _mm512_set1_epi32((int32_t)(word ^ 0x80808080u));
    return (quad){_mm512_abs_epi8(q), _mm512_movepi8_mask(q)};
}
INLINE vi dot(vi sum, vu w, quad q) {
    const __m512i plain = (__m512i)w;
    const __m512i turned = _mm512_mask_sub_epi8(plain, q.negative, _mm512_setzero_si512(), plain);
    const __m512i pairs = _mm512_maddubs_epi16(q.size, turned);
    return sum + (vi)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

#elif TKRI_TIER_ID == TKR_TIER_AVX2

/* As above. */
enum { BIASED = 0 };
typedef struct quad {
    __m256i size, sign;
} quad;
INLINE quad quad_of(uint32_t word) {
    const __m256i q = _mm256_set1_epi32((int32_t)(word ^ 0x80808080u));
    return (quad){_mm256_abs_epi8(q), q};
}
INLINE vi dot(vi sum, vu w, quad q) {
    const __m256i pairs = _mm256_maddubs_epi16(q.size, _mm256_sign_epi8((__m256i)w, q.sign));
    return sum + (vi)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

#elif TKRI_TIER_ID == TKR_TIER_NEON

enum { BIASED = 0 };
typedef int8x16_t quad;
INLINE quad quad_of(uint32_t word) {
    return vreinterpretq_s8_u32(vdupq_n_u32(word ^ 0x80808080u));
}
INLINE vi dot(vi sum, vu w, quad q) {
    const int8x16_t weights = vreinterpretq_s8_u32((uint32x4_t)w);
    const int16x8_t low = vmull_s8(vget_low_s8(weights), vget_low_s8(q));
    const int16x8_t high = vmull_s8(vget_high_s8(weights), vget_high_s8(q));
    return (vi)vpadalq_s16((int32x4_t)sum, vpaddq_s16(low, high));
}

#elif TKRI_TIER_ID == TKR_TIER_GENERIC

/* In halves of words: two products each fit in 16 bits, and so does their sum. Whatever the byte
 * order is, both operands are taken apart alike. */
enum { BIASED = 0 };
typedef int16_t halves __attribute__((vector_size(4 * VL)));
typedef struct quad {
    halves high, low;
} quad;
INLINE quad quad_of(uint32_t word) {
    const halves q = (halves)u_all(word ^ 0x80808080u);
    return (quad){q >> 8, (halves)((vu)q << 8 & u_all(0xFF00FF00u)) >> 8};
}
INLINE vi dot(vi sum, vu w, quad q) {
    const halves low = (halves)(w << 8 & u_all(0xFF00FF00u)) >> 8;
    const halves pairs = ((halves)w >> 8) * q.high + low * q.low;
    return sum + ((vi)pairs >> 16) + ((vi)((vu)pairs << 16) >> 16);
}

#else

enum { BIASED = 0 };
typedef uint32_t quad;
INLINE quad quad_of(uint32_t word) {
    return word ^ 0x80808080u;
}
INLINE vi dot(vi sum, vu w, quad q) {
    for (int j = 0; j < 4; j++) {
        sum += (int8_t)(w >> 8 * j & 0xFF) * (int8_t)(q >> 8 * j & 0xFF);
    }
    return sum;
}

#endif

INLINE void int8_row(const tkri_reduced *r, int64_t row, const columns *at, const int n) {
    const int64_t words = tkri_words(TKR_INT8, r->k);
    const uint32_t *w = at->w, *q = r->q + row * r->x_row;
    float *c = at->c + row * r->c_row;
    const float *start = start_of(r, at, c), *scale = r->scale + at->first * VL;
    vi sum[4];
#pragma GCC unroll 4
    for (int j = 0; j < n; j++) {
        sum[j] = signed_of(BIASED ? u_load(r->correction + (at->first + j) * VL) : u_all(0));
    }
    for (int64_t k = 0; k < words; k++, w += at->w_row) {
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

extern tkri_reduced_product TIER(tkri_int8);

DEFINE_PRODUCT(TIER(tkri_int8), TKR_INT8, int8_row)
