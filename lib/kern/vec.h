/* SPDX-License-Identifier: MIT
 * What the bodies of all tiers compute with. The files that include this are compiled once per tier
 * with TKRI_TIER_NAME, TKRI_TIER_ID and TKRI_TIER_FILE set. Multiply-adds are explicit and nothing
 * else is contracted, so that one source gives the same bits wherever it is inlined.
 *
 * A tier's file defines
 *
 *   VL, REGISTERS     floats in a vector, vector registers
 *   RANK              where several tiers run, the highest is the best
 *   vf, vi, vu        VL floats, int32, uint32: the compiler's vectors
 *   v_fma, v_sqrt     a * b + c rounded once (the tiers without FMA: twice), the square root
 *   v_max, v_min      their second argument if either is NaN
 *   v_if_less         a < b ? x : y, lane by lane
 *
 * and, where the tier has something better than what stands below or in int8.c,
 *
 *   TIER_CPUID, TIER_XCR0   what the machine must say (kern.h); without them every machine will do
 *   TIER_FOUR               of micro-tiles that v_has_four names, v_four: sum += four columns
 *                           of A times four rows of B
 *   TIER_LIVE               1: it can leave out terms of a product (not beside v_four)
 *   TIER_HALF               it has vh, the lower half of a vector: h_load, h_of(vf), h_fma, and
 *                           h_whole, a vector whose upper half is zero
 *   TIER_WIDE               it has v_wide and d_fma for vd, half a vector's floats in double
 *   TIER_COUNTERS           it has `counters`, lanes of 64 bits, counters_times(a, b), the products
 *                           of their low halves, and counters_zip(out, a, b), lanes in turns
 *   TIER_DOT, TIER_BIASED   it has its own dot product of bytes */
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

/* A micro-tile of a product: rows, vectors. */
#define SHAPE(rows, width) ((width) * 8 + (rows))
#define ROWS_OF(shape) ((shape) % 8)
#define WIDTH_OF(shape) ((shape) / 8)

#include TKRI_TIER_FILE

/* Does the tier have faster functions for cells that approximate? The definition and what only old
 * machines run have not: theirs are as exact as always. */
#define APPROXIMATES (TKRI_TIER_ID != TKR_TIER_REFERENCE && TKRI_TIER_ID != TKR_TIER_GENERIC)

#ifndef TIER_CPUID
#define TIER_CPUID 0
#define TIER_XCR0 0
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

#ifndef TIER_FOUR
INLINE int v_has_four(int shape) {
    (void)shape;
    return 0;
}
INLINE void v_four(vf sum[6][4], const float *a, int64_t a_row, const float *b, int64_t b_k,
                   int shape) {
    (void)sum, (void)a, (void)a_row, (void)b, (void)b_k, (void)shape;
}
#endif

#ifndef TIER_LIVE
#define TIER_LIVE 0
#endif

#ifndef TIER_HALF
#define TIER_HALF 0
typedef vf vh;
INLINE vh h_load(const float *p) {
    return v_load(p);
}
INLINE vh h_of(vf a) {
    return a;
}
INLINE vf h_whole(vh a) {
    return a;
}
INLINE vh h_fma(vh a, vh b, vh c) {
    return v_fma(a, b, c);
}
#endif

/* HALF floats in double: as many as fit a vector. d_fma's products are of numbers that are floats:
 * exact, so that it does not matter which tier rounds once and which twice. */
#if TKRI_TIER_ID == TKR_TIER_REFERENCE
enum { HALF = 1 };
typedef double vd;
INLINE vd v_wide(const float *p) {
    return (double)*p;
}
INLINE void v_narrow(float *p, vd a) {
    *p = (float)a;
}
INLINE vd d_all(double a) {
    return a;
}
#else
enum { HALF = VL / 2 };
#ifndef TIER_WIDE
typedef double vd __attribute__((vector_size(8 * HALF)));
INLINE vd v_wide(const float *p) {
    float half __attribute__((vector_size(4 * HALF)));
    memcpy(&half, p, sizeof half);
    return __builtin_convertvector(half, vd);
}
#endif
INLINE void v_narrow(float *p, vd a) {
    float half __attribute__((vector_size(4 * HALF)));
    half = __builtin_convertvector(a, __typeof__(half));
    memcpy(p, &half, sizeof half);
}
INLINE vd d_all(double a) {
    return a - (vd){0};
}
#endif
#ifndef TIER_WIDE
INLINE vd d_fma(vd a, vd b, vd c) {
    return a * b + c;
}
#endif

/* v_fma of one lane. */
INLINE float f_fma(float a, float b, float c) {
#if TKRI_TIER_ID == TKR_TIER_REFERENCE || TKRI_TIER_ID == TKR_TIER_GENERIC
    return a * b + c;
#else
    return __builtin_fmaf(a, b, c);
#endif
}

INLINE vf v_zero(void) {
    return v_all(0.0f);
}

/* The first n lanes of a, zero in the others. */
INLINE vf v_first(vf a, int64_t n) {
    static const float lane[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    return n < VL ? v_if_less(v_load(lane), v_all((float)n), a, v_zero()) : a;
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

/* exp(r) - 1 for |r| <= ln 2 / 2: a minimax polynomial, exact to 2^-26 of the result. */
INLINE vf v_less_one(vf r) {
    const vf square = r * r;
    const vf low = v_fma(v_all(4.16664295e-2f), r, v_all(1.66665435e-1f));
    const vf high = v_fma(v_all(1.39382668e-3f), r, v_all(8.36655963e-3f));
    return v_fma(v_fma(high, square, low), square * r, v_fma(v_all(0.5f), square, r));
}

/* All three are of exp(y) = 2^n exp(r), n = round(y / ln 2), |r| <= ln 2 / 2. Adding MAGIC to
 * y / ln 2 rounds to an integer and leaves n + 127 in the low bits. */
#define MAGIC v_all(12583039.0f) /* 1.5 * 2^23 + 127 */
#define LOG2_E 1.44269504f

/* 2^n for -127 < n < 128, from n + MAGIC. */
INLINE vf v_power(vf shifted) {
    return (vf)((vi)shifted << 23);
}

/* y - n ln 2. */
INLINE vf v_rest(vf y, vf n) {
    return v_fma(n, v_all(2.12194440e-4f), v_fma(n, v_all(-0.693359375f), y));
}

/* exp(x) for x <= 0; zero where that is no normal number. */
INLINE vf v_exp(vf x) {
    const vf least = v_all(-87.3365448f), kept = v_max(least, x);
    const vf shifted = v_fma(kept, v_all(LOG2_E), MAGIC), power = v_power(shifted);
    const vf part = v_less_one(v_rest(kept, shifted - MAGIC));
    return v_if_less(x, least, v_zero(), v_fma(power, part, power));
}

/* 1 / (1 + exp(-x)); y = -x. */
INLINE vf v_logistic(vf x) {
    x = v_min(v_all(87.0f), v_max(v_all(-88.0f), x));
    const vf shifted = v_fma(x, v_all(-LOG2_E), MAGIC), power = v_power(shifted);
    const vf part = v_less_one(v_rest(-x, shifted - MAGIC));
    return v_all(1.0f) / v_fma(power, part, power + v_all(1.0f));
}

/* (exp(y) - 1) / (exp(y) + 1) with y = 2 x. Up to |x| = 10, where it is 1, n ln 2 needs but one
 * factor: what it is wrong by grows more slowly than exp(y). */
INLINE vf v_tanh(vf x) {
    x = v_min(v_all(10.0f), v_max(v_all(-10.0f), x));
    const vf shifted = v_fma(x, v_all(2.0f * LOG2_E), MAGIC), power = v_power(shifted);
    const vf part = v_less_one(v_fma(shifted - MAGIC, v_all(-0.693147181f), x + x));
    return v_fma(power, part, power - v_all(1.0f)) / v_fma(power, part, power + v_all(1.0f));
}

#endif

#endif
