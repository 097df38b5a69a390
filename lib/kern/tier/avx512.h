/* SPDX-License-Identifier: MIT
 * AVX-512: F, DQ, BW, VL; and with VNNI, where a body is compiled for it. */
#include <immintrin.h>

#define TIER_CPUID (1u << 5 | 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31)
#define TIER_XCR0 0xE6u

enum { VL = 16, REGISTERS = 32, RANK = 3 };
typedef __m512 vf;
typedef int32_t vi __attribute__((vector_size(64)));
typedef uint32_t vu __attribute__((vector_size(64)));

INLINE vf v_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
INLINE vf v_if_less(vf a, vf b, vf x, vf y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
INLINE vf v_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
INLINE vf v_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
INLINE vf v_sqrt(vf a) {
    return _mm512_sqrt_ps(a);
}

#define TIER_LIVE 1

/* Where a core takes two turns to multiply a vector, half of one takes half as long. */
#define TIER_HALF 1
typedef __m256 vh;
INLINE vh h_load(const float *p) {
    return _mm256_loadu_ps(p);
}
INLINE vh h_of(vf a) {
    return _mm512_castps512_ps256(a);
}
INLINE vf h_whole(vh a) {
    return _mm512_zextps256_ps512(a);
}
INLINE vh h_fma(vh a, vh b, vh c) {
    return _mm256_fmadd_ps(a, b, c);
}

#define TIER_WIDE
typedef __m512d vd;
INLINE vd v_wide(const float *p) {
    return _mm512_cvtps_pd(_mm256_loadu_ps(p));
}
INLINE vd d_fma(vd a, vd b, vd c) {
    return _mm512_fmadd_pd(a, b, c);
}

#define TIER_COUNTERS
typedef __m512i counters;
INLINE counters counters_times(counters a, uint32_t b) {
    return _mm512_mul_epu32(a, _mm512_set1_epi64((int64_t)b));
}
INLINE void counters_zip(counters out[2], counters a, counters b) {
    const counters low = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
    out[0] = _mm512_permutex2var_epi64(a, low, b);
    out[1] = _mm512_permutex2var_epi64(a, _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15), b);
}

#define TIER_DOT
#if defined(__AVX512VNNI__)

#define TIER_BIASED 1
typedef __m512i quad;
INLINE quad quad_of(uint32_t pack) {
    return _mm512_set1_epi32((int32_t)pack);
}
INLINE vi dot(vi sum, vu w, quad q) {
    return (vi)_mm512_dpbusd_epi32((__m512i)sum, q, (__m512i)w);
}

#else

/* |q| times w with q's sign: pairs of products are at most 2 * 127 * 127 and do not saturate. */
typedef struct quad {
    __m512i size;
    __mmask64 negative;
} quad;
INLINE quad quad_of(uint32_t pack) {
    const __m512i q = _mm512_set1_epi32((int32_t)(pack ^ 0x80808080u));
    return (quad){_mm512_abs_epi8(q), _mm512_movepi8_mask(q)};
}
INLINE vi dot(vi sum, vu w, quad q) {
    const __m512i plain = (__m512i)w;
    const __m512i turned = _mm512_mask_sub_epi8(plain, q.negative, _mm512_setzero_si512(), plain);
    const __m512i pairs = _mm512_maddubs_epi16(q.size, turned);
    return sum + (vi)_mm512_madd_epi16(pairs, _mm512_set1_epi16(1));
}

#endif
