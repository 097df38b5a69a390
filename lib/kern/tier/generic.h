/* SPDX-License-Identifier: MIT
 * 128-bit vectors of the compiler, which every target has. */
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

enum { VL = 4, REGISTERS = 16, RANK = 1 };
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
typedef uint32_t vu __attribute__((vector_size(16)));

INLINE vf v_fma(vf a, vf b, vf c) {
    return a * b + c;
}
INLINE vf v_if_less(vf a, vf b, vf x, vf y) {
    vi yes = (vi)(a < b);
    return (vf)(((vi)x & yes) | ((vi)y & ~yes));
}
INLINE vf v_max(vf a, vf b) {
    return v_if_less(b, a, a, b);
}
INLINE vf v_min(vf a, vf b) {
    return v_if_less(a, b, a, b);
}
INLINE vf v_sqrt(vf a) {
    for (int i = 0; i < VL; i++) {
        a[i] = sqrtf(a[i]);
    }
    return a;
}

#if defined(__SSE2__)
#define TIER_COUNTERS
typedef __m128i counters;
INLINE counters counters_times(counters a, uint32_t b) {
    return _mm_mul_epu32(a, _mm_set1_epi64x((int64_t)b));
}
INLINE void counters_zip(counters out[2], counters a, counters b) {
    out[0] = _mm_unpacklo_epi64(a, b);
    out[1] = _mm_unpackhi_epi64(a, b);
}
#endif
