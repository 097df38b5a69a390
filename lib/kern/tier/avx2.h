/* SPDX-License-Identifier: MIT
 * AVX2 with FMA. */
#include <immintrin.h>

#define TIER_CPUID (1u << 5)
#define TIER_XCR0 0x06u

enum { VL = 8, REGISTERS = 16, RANK = 2 };
typedef __m256 vf;
typedef int32_t vi __attribute__((vector_size(32)));
typedef uint32_t vu __attribute__((vector_size(32)));

INLINE vf v_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
INLINE vf v_if_less(vf a, vf b, vf x, vf y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
INLINE vf v_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
INLINE vf v_min(vf a, vf b) {
    return _mm256_min_ps(a, b);
}
INLINE vf v_sqrt(vf a) {
    return _mm256_sqrt_ps(a);
}

/* |q| times w with q's sign: pairs of products are at most 2 * 127 * 127 and do not saturate. */
#define TIER_DOT
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
