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

#define TIER_WIDE
typedef __m256d vd;
INLINE vd v_wide(const float *p) {
    return _mm256_cvtps_pd(_mm_loadu_ps(p));
}
INLINE vd d_fma(vd a, vd b, vd c) {
    return _mm256_fmadd_pd(a, b, c);
}

/* The micro-tiles that nearly fill all sixteen registers: left to place the sums itself, a compiler
 * moves them about. The operands of the largest are at the limit of what one statement may have. */
#define TIER_FOUR
#define FETCH(at, y) "vmovups " at ", %%ymm" y "\n\t"
#define SPREAD(at, x) "vbroadcastss " at ", %%ymm" x "\n\t"
#define FMA(x, y, sum) "vfmadd231ps %%ymm" x ", %%ymm" y ", %[s" sum "]\n\t"

/* A's rows, k floats further; where B's row is. */
#define A0(k) k "(%[a])"
#define A1(k) k "(%[a],%[ar])"
#define A2(k) k "(%[a],%[ar],2)"
#define A3(k) k "(%[a],%[ar3])"
#define A4(k) k "(%[a],%[ar],4)"
#define FOUR(one)                                                          \
    one("0", "(%[b])") one("4", "(%[b],%[bk])") one("8", "(%[b],%[bk],2)") \
        one("12", "(%[b],%[bk3])")

#define ROW_2(at, r) SPREAD(at, "15") FMA("15", "12", r "0") FMA("15", "13", r "1")
#define ROW_3(at, r) ROW_2(at, r) FMA("15", "14", r "2")
#define COLUMN_2(at, j) FETCH(at, "15") FMA("15", "12", "0" j) FMA("15", "13", "1" j)
#define COLUMN_3(at, j) COLUMN_2(at, j) FMA("15", "14", "2" j)

#define ONE_5X2(k, b)   \
    FETCH("0" b, "12")  \
    FETCH("32" b, "13") \
    ROW_2(A0(k), "0") ROW_2(A1(k), "1") ROW_2(A2(k), "2") ROW_2(A3(k), "3") ROW_2(A4(k), "4")
#define ONE_3X3(k, b)  \
    FETCH("0" b, "12") \
    FETCH("32" b, "13") FETCH("64" b, "14") ROW_3(A0(k), "0") ROW_3(A1(k), "1") ROW_3(A2(k), "2")
#define ONE_4X3(k, b) ONE_3X3(k, b) ROW_3(A3(k), "3")
#define ONE_2X4(k, b)   \
    SPREAD(A0(k), "12") \
    SPREAD(A1(k), "13") \
    COLUMN_2("0" b, "0") COLUMN_2("32" b, "1") COLUMN_2("64" b, "2") COLUMN_2("96" b, "3")
#define ONE_3X4(k, b)   \
    SPREAD(A0(k), "12") \
    SPREAD(A1(k), "13") \
    SPREAD(A2(k), "14") \
    COLUMN_3("0" b, "0") COLUMN_3("32" b, "1") COLUMN_3("64" b, "2") COLUMN_3("96" b, "3")

#define SUM(r, j) [s##r##j] "+x"(sum[r][j])
#define SUMS_2(r) SUM(r, 0), SUM(r, 1)
#define SUMS_3(r) SUMS_2(r), SUM(r, 2)
#define SUMS_4(r) SUMS_3(r), SUM(r, 3)
#define RUN_FOUR(one, ...)                                                                   \
    __asm__ volatile(                                                                        \
        FOUR(one)                                                                            \
        : __VA_ARGS__                                                                        \
        : [a] "r"(a), [ar] "r"(ar), [ar3] "r"(ar3), [b] "r"(b), [bk] "r"(bk), [bk3] "r"(bk3) \
        : "xmm12", "xmm13", "xmm14", "xmm15", "memory")

INLINE int v_has_four(int shape) {
    return shape == SHAPE(5, 2) || shape == SHAPE(3, 3) || shape == SHAPE(4, 3) ||
           shape == SHAPE(2, 4) || shape == SHAPE(3, 4);
}
INLINE void v_four(vf sum[6][4], const float *a, int64_t a_row, const float *b, int64_t b_k,
                   int shape) {
    const int64_t ar = a_row * 4, ar3 = ar * 3, bk = b_k * 4, bk3 = bk * 3;
    switch (shape) {
        case SHAPE(5, 2):
            RUN_FOUR(ONE_5X2, SUMS_2(0), SUMS_2(1), SUMS_2(2), SUMS_2(3), SUMS_2(4));
            break;
        case SHAPE(3, 3):
            RUN_FOUR(ONE_3X3, SUMS_3(0), SUMS_3(1), SUMS_3(2));
            break;
        case SHAPE(4, 3):
            RUN_FOUR(ONE_4X3, SUMS_3(0), SUMS_3(1), SUMS_3(2), SUMS_3(3));
            break;
        case SHAPE(2, 4):
            RUN_FOUR(ONE_2X4, SUMS_4(0), SUMS_4(1));
            break;
        default:
            RUN_FOUR(ONE_3X4, SUMS_4(0), SUMS_4(1), SUMS_4(2));
    }
}

#define TIER_COUNTERS
typedef __m256i counters;
INLINE counters counters_times(counters a, uint32_t b) {
    return _mm256_mul_epu32(a, _mm256_set1_epi64x((int64_t)b));
}
INLINE void counters_zip(counters out[2], counters a, counters b) {
    const counters low = _mm256_unpacklo_epi64(a, b), high = _mm256_unpackhi_epi64(a, b);
    out[0] = _mm256_permute2x128_si256(low, high, 0x20);
    out[1] = _mm256_permute2x128_si256(low, high, 0x31);
}

/* |q| times w with q's sign: pairs of products are at most 2 * 127 * 127 and do not saturate. */
#define TIER_DOT
typedef struct quad {
    __m256i size, sign;
} quad;
INLINE quad quad_of(uint32_t pack) {
    const __m256i q = _mm256_set1_epi32((int32_t)(pack ^ 0x80808080u));
    return (quad){_mm256_abs_epi8(q), q};
}
INLINE vi dot(vi sum, vu w, quad q) {
    const __m256i pairs = _mm256_maddubs_epi16(q.size, _mm256_sign_epi8((__m256i)w, q.sign));
    return sum + (vi)_mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}
