/* SPDX-License-Identifier: MIT
 * One tier's vectors: the type vf of VL floats and the few operations that the bodies need. The
 * files that include this are compiled once per tier with TKRI_TIER_NAME and TKRI_TIER_ID set.
 * Multiply-adds are explicit and nothing else is contracted, so that one source gives the same bits
 * wherever it is inlined.
 *
 * max and min return their second argument if either is NaN. */
#ifndef TKRI_KERN_VEC_H
#define TKRI_KERN_VEC_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#include <tekrar/tekrar.h>

#define TKRI_PASTE2(a, b) a##_##b
#define TKRI_PASTE(a, b) TKRI_PASTE2(a, b)
/* TIER(tkri_lstm) is tkri_lstm_avx512 in the AVX-512 build of a body. */
#define TIER(name) TKRI_PASTE(name, TKRI_TIER_NAME)

#define INLINE static inline __attribute__((always_inline, unused))

#if TKRI_TIER_ID == TKR_TIER_AVX512

#include <immintrin.h>
enum { VL = 16, REGISTERS = 32 };
typedef __m512 vf;
typedef int32_t vi __attribute__((vector_size(64)));
INLINE vf v_fma(vf a, vf b, vf c) {
    return _mm512_fmadd_ps(a, b, c);
}
INLINE vf v_max(vf a, vf b) {
    return _mm512_max_ps(a, b);
}
INLINE vf v_min(vf a, vf b) {
    return _mm512_min_ps(a, b);
}
/* a < b ? x : y, lane by lane */
INLINE vf v_if_less(vf a, vf b, vf x, vf y) {
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x);
}
INLINE vf v_sqrt(vf a) {
    return _mm512_sqrt_ps(a);
}

#elif TKRI_TIER_ID == TKR_TIER_AVX2

#include <immintrin.h>
enum { VL = 8, REGISTERS = 16 };
typedef __m256 vf;
typedef int32_t vi __attribute__((vector_size(32)));
INLINE vf v_fma(vf a, vf b, vf c) {
    return _mm256_fmadd_ps(a, b, c);
}
INLINE vf v_max(vf a, vf b) {
    return _mm256_max_ps(a, b);
}
INLINE vf v_min(vf a, vf b) {
    return _mm256_min_ps(a, b);
}
INLINE vf v_if_less(vf a, vf b, vf x, vf y) {
    return _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ));
}
INLINE vf v_sqrt(vf a) {
    return _mm256_sqrt_ps(a);
}

#elif TKRI_TIER_ID == TKR_TIER_NEON

#include <arm_neon.h>
enum { VL = 4, REGISTERS = 32 };
typedef float32x4_t vf;
typedef int32_t vi __attribute__((vector_size(16)));
INLINE vf v_fma(vf a, vf b, vf c) {
    return vfmaq_f32(c, a, b);
}
INLINE vf v_if_less(vf a, vf b, vf x, vf y) {
    return vbslq_f32(vcltq_f32(a, b), x, y);
}
INLINE vf v_max(vf a, vf b) {
    return v_if_less(b, a, a, b);
}
INLINE vf v_min(vf a, vf b) {
    return v_if_less(a, b, a, b);
}
INLINE vf v_sqrt(vf a) {
    return vsqrtq_f32(a);
}

#elif TKRI_TIER_ID == TKR_TIER_GENERIC

enum { VL = 4, REGISTERS = 16 };
typedef float vf __attribute__((vector_size(16)));
typedef int32_t vi __attribute__((vector_size(16)));
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

#elif TKRI_TIER_ID == TKR_TIER_REFERENCE

enum { VL = 1, REGISTERS = 16 };
typedef float vf;
INLINE vf v_fma(vf a, vf b, vf c) {
    return a * b + c;
}
INLINE vf v_if_less(vf a, vf b, vf x, vf y) {
    return a < b ? x : y;
}
INLINE vf v_max(vf a, vf b) {
    return a > b ? a : b;
}
INLINE vf v_min(vf a, vf b) {
    return a < b ? a : b;
}
INLINE vf v_sqrt(vf a) {
    return sqrtf(a);
}

#else
#error "TKRI_TIER_ID names no tier: add its vectors above"
#endif

INLINE vf v_load(const float *p) {
    vf a;
    memcpy(&a, p, sizeof a);
    return a;
}

INLINE void v_store(float *p, vf a) {
    memcpy(p, &a, sizeof a);
}

INLINE vf v_all(float a) {
#if TKRI_TIER_ID == TKR_TIER_REFERENCE
    return a;
#else
    return a - (vf){0};
#endif
}

/* a, in a register from here on. */
#if defined(__x86_64__) && TKRI_TIER_ID != TKR_TIER_REFERENCE
#define V_ONCE(a) __asm__("" : "+v"(a))
#elif defined(__aarch64__) && TKRI_TIER_ID != TKR_TIER_REFERENCE
#define V_ONCE(a) __asm__("" : "+w"(a))
#else
#define V_ONCE(a) (void)(a)
#endif
INLINE vf v_once(vf a) {
    V_ONCE(a);
    return a;
}

/* The same lanes in double; a macro, because vectors that wide have no calling convention. */
#if TKRI_TIER_ID == TKR_TIER_REFERENCE
typedef double vd;
#define V_WIDE(a) ((double)(a))
#else
typedef double vd __attribute__((vector_size(8 * VL)));
#define V_WIDE(a) __builtin_convertvector((a), vd)
#endif

INLINE vf v_zero(void) {
    return v_all(0.0f);
}

/* The first n lanes of a, zero in the others. */
INLINE vf v_first(vf a, int64_t n) {
    if (n < VL) {
        float lane[VL];
        v_store(lane, a);
        for (int64_t i = n > 0 ? n : 0; i < VL; i++) {
            lane[i] = 0.0f;
        }
        a = v_load(lane);
    }
    return a;
}

/* exp, the logistic function and tanh: within 4 ULP where the result is a normal number. */

#if TKRI_TIER_ID == TKR_TIER_REFERENCE

INLINE vf v_exp(vf x) {
    return expf(x);
}
INLINE vf v_logistic(vf x) {
    return (float)(1.0 / (1.0 + exp(-(double)x)));
}
INLINE vf v_tanh(vf x) {
    return tanhf(x);
}

#else

/* x * 2^n, n given as a float and as an integer. */
#if TKRI_TIER_ID == TKR_TIER_AVX512
INLINE vf v_scale(vf x, vf n, vi integer) {
    (void)integer;
    return _mm512_scalef_ps(x, n);
}
#else
INLINE vf v_scale(vf x, vf n, vi integer) {
    vi half = integer >> 1; /* in two factors: 2^128 and 2^-127 are no normal numbers */
    (void)n;
    return x * (vf)((half + 127) << 23) * (vf)((integer - half + 127) << 23);
}
#endif

/* exp(x) = 2^n exp(r), n = round(x / ln 2), |r| <= ln 2 / 2; the polynomial is Cephes' expf
 * (Moshier). Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits. Results above
 * the largest number are infinity. */
INLINE vf v_exp(vf x) {
    const vf magic = v_all(12582912.0f);
    x = v_max(v_all(-88.0f), x);
    x = v_min(v_all(89.0f), x);
    vf shifted = v_fma(x, v_all(1.44269504f), magic);
    vf n = shifted - magic;
    vf r = v_fma(n, v_all(-0.693359375f), x);
    r = v_fma(n, v_all(2.12194440e-4f), r);
    vf p = v_fma(v_all(1.9875691500e-4f), r, v_all(1.3981999507e-3f));
    p = v_fma(p, r, v_all(8.3334519073e-3f));
    p = v_fma(p, r, v_all(4.1665795894e-2f));
    p = v_fma(p, r, v_all(1.6666665459e-1f));
    p = v_fma(p, r, v_all(5.0000001201e-1f));
    p = v_fma(p, r * r, r) + v_all(1.0f);
    return v_scale(p, n, (vi)shifted - (vi)magic);
}

INLINE vf v_logistic(vf x) {
    return v_all(1.0f) / (v_all(1.0f) + v_exp(v_zero() - x));
}

/* Near zero an odd polynomial (Cephes' tanhf), elsewhere 1 - 2 / (exp(2|x|) + 1) with x's sign. */
INLINE vf v_tanh(vf x) {
    const vi sign = (vi)v_all(-0.0f);
    vf a = (vf)((vi)x & ~sign);
    vf z = x * x;
    vf p = v_fma(v_all(-5.70498872745e-3f), z, v_all(2.06390887954e-2f));
    p = v_fma(p, z, v_all(-5.37397155531e-2f));
    p = v_fma(p, z, v_all(1.33314422036e-1f));
    p = v_fma(p, z, v_all(-3.33332819422e-1f));
    vf small = v_fma(p * z, x, x);
    vf e = v_exp(a + a);
    vf large = v_all(1.0f) - v_all(2.0f) / (e + v_all(1.0f));
    large = (vf)((vi)large | ((vi)x & sign));
    return v_if_less(a, v_all(0.625f), small, large);
}

#endif

/* f(x) for a TKR_TANH...; relu lets NaN through. */
INLINE vf v_activate(vf x, int32_t activation) {
    switch (activation) {
        case TKR_TANH:
            return v_tanh(x);
        case TKR_RELU:
            return v_max(v_zero(), x);
        case TKR_LOGISTIC:
            return v_logistic(x);
        default:
            return x;
    }
}

/* dy * f'(x), from y = f(x). */
INLINE vf v_activate_gradient(vf dy, vf y, int32_t activation) {
    switch (activation) {
        case TKR_TANH:
            return dy * (v_all(1.0f) - y * y);
        case TKR_RELU:
            return v_if_less(v_zero(), y, dy, v_zero());
        case TKR_LOGISTIC:
            return dy * (y * (v_all(1.0f) - y));
        default:
            return dy;
    }
}

#endif
