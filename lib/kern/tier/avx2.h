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

/* The two tiles that fill all sixteen registers: left to place the sums itself, a compiler moves
 * them about. The operands are at the limit of what one statement may have. */
#define TIER_FOUR
#define FETCH(at, y) "vmovups " at ", %%ymm" y "\n\t"
#define SPREAD(at, x) "vbroadcastss " at ", %%ymm" x "\n\t"
#define FMA(x, y, sum) "vfmadd231ps %%ymm" x ", %%ymm" y ", %[s" sum "]\n\t"
#define SUM(r, j) [s##r##j] "+x"(sum[r][j])

#define ROW4X3(at, r) \
    SPREAD(at, "15") FMA("15", "12", r "0") FMA("15", "13", r "1") FMA("15", "14", r "2")
#define ONE4X3(k, row)              \
    FETCH("0" row, "12")            \
    FETCH("32" row, "13")           \
    FETCH("64" row, "14")           \
    ROW4X3(k "(%[a])", "0")         \
    ROW4X3(k "(%[a],%[ar])", "1")   \
    ROW4X3(k "(%[a],%[ar],2)", "2") \
    ROW4X3(k "(%[a],%[ar3])", "3")

#define COLUMN3X4(at, j) \
    FETCH(at, "15") FMA("15", "12", "0" j) FMA("15", "13", "1" j) FMA("15", "14", "2" j)
#define ONE3X4(k, row)               \
    SPREAD(k "(%[a])", "12")         \
    SPREAD(k "(%[a],%[ar])", "13")   \
    SPREAD(k "(%[a],%[ar],2)", "14") \
    COLUMN3X4("0" row, "0")          \
    COLUMN3X4("32" row, "1")         \
    COLUMN3X4("64" row, "2")         \
    COLUMN3X4("96" row, "3")

#define FOUR(one)                                                          \
    one("0", "(%[b])") one("4", "(%[b],%[bk])") one("8", "(%[b],%[bk],2)") \
        one("12", "(%[b],%[bk3])")

INLINE int v_has_four(int rows, int width) {
    return (rows == 4 && width == 3) || (rows == 3 && width == 4);
}
INLINE void v_four(vf sum[6][4], const float *a, int64_t a_row, const float *b, int64_t b_k,
                   const int rows) {
    const int64_t ar = a_row * 4, ar3 = ar * 3, bk = b_k * 4, bk3 = bk * 3;
    if (rows == 4) {
        __asm__ volatile(
            FOUR(ONE4X3)
            : SUM(0, 0), SUM(0, 1), SUM(0, 2), SUM(1, 0), SUM(1, 1), SUM(1, 2), SUM(2, 0),
              SUM(2, 1), SUM(2, 2), SUM(3, 0), SUM(3, 1), SUM(3, 2)
            : [a] "r"(a), [ar] "r"(ar), [ar3] "r"(ar3), [b] "r"(b), [bk] "r"(bk), [bk3] "r"(bk3)
            : "xmm12", "xmm13", "xmm14", "xmm15", "memory");
    } else {
        __asm__ volatile(FOUR(ONE3X4)
                         : SUM(0, 0), SUM(0, 1), SUM(0, 2), SUM(0, 3), SUM(1, 0), SUM(1, 1),
                           SUM(1, 2), SUM(1, 3), SUM(2, 0), SUM(2, 1), SUM(2, 2), SUM(2, 3)
                         : [a] "r"(a), [ar] "r"(ar), [b] "r"(b), [bk] "r"(bk), [bk3] "r"(bk3)
                         : "xmm12", "xmm13", "xmm14", "xmm15", "memory");
    }
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
