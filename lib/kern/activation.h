/* SPDX-License-Identifier: MIT
 * The activations, a TKR_TANH...: f(x), and f'(x) from y = f(x). NaN comes out of every f as NaN.
 */
#ifndef TKRI_KERN_ACTIVATION_H
#define TKRI_KERN_ACTIVATION_H

#include "kern/vec.h"

#include <float.h>

/* X(activation) of those that come often and have loops of their own; ANY is a number that is known
 * only when it runs. */
#define FAST_ACTIVATIONS(X) X(TKR_TANH) X(TKR_RELU) X(TKR_LOGISTIC) X(TKR_IDENTITY)
enum { ANY = 0 };

#define LEAK 0.01f

/* The root of one half, and of one over two pi. */
#define ROOT_HALF 0.70710678118654752
#define ROOT_TAU 0.39894228040143268

/* Beyond +-FAR the normal distribution is 0 or 1; infinities are brought back to there. */
#define FAR 20.0f

/* x between +-limit. */
INLINE vf v_within(vf x, float limit) {
    return v_min(v_all(limit), v_max(v_all(-limit), x));
}

INLINE vf v_size(vf x) {
    return v_max(x, -x);
}

/* A normal variable is less than x, and its density there. */
typedef struct normal {
    vf less, density;
} normal;

#if TKRI_TIER_ID == TKR_TIER_REFERENCE

/* exp(x) - 1 for x <= 0. */
INLINE vf v_expm1(vf x) {
    return expm1f(x);
}
INLINE vf v_softplus(vf x) {
    return (float)((double)v_max(v_zero(), x) + log1p(exp(-fabs((double)x))));
}
INLINE normal v_normal(vf x) {
    const double a = (double)x;
    return (normal){(float)(0.5 * erfc(-ROOT_HALF * a)), (float)(ROOT_TAU * exp(-0.5 * a * a))};
}

#else

/* The same as in v_exp, less 2^n - 1: exact where the result is small, because n is 0 there. */
INLINE vf v_expm1(vf x) {
    const vf kept = v_max(v_all(-30.0f), x);
    const vf shifted = v_fma(kept, v_all(LOG2_E), MAGIC), power = v_power(shifted);
    const vf part = v_less_one(v_rest(kept, shifted - MAGIC));
    return v_fma(power, part, power - v_all(1.0f));
}

/* ln(1 + t) = 2 artanh(t / (2 + t)); t = exp(-|x|). artanh(s) / s is a polynomial in s^2, exact to
 * 2^-26 up to s = 1/3. */
INLINE vf v_softplus(vf x) {
    const vf t = v_exp(-v_size(x)), s = t / (t + v_all(2.0f)), q = s * s;
    vf sum = v_fma(v_all(1.40891671e-1f), q, v_all(1.39803007e-1f));
    sum = v_fma(sum, q, v_all(2.00124547e-1f));
    sum = v_fma(sum, q, v_all(3.33331585e-1f));
    sum = v_fma(sum, q * s, s);
    return v_max(v_zero(), x) + (sum + sum);
}

/* P(variable < -z) exp(z^2 / 2) for z = |x| is a polynomial in 1 / (1 + 0.35 z), exact to 2^-24 up
 * to z = 13.3, where exp(-z^2 / 2) ends. z^2 is large there, and what it is rounded off by counts:
 * `rest` is that, by way of the square of z's upper bits, which is exact. */
INLINE normal v_normal(vf x) {
    const vf z = v_size(v_within(x, FAR)), square = z * z, upper = (vf)((vi)z & -4096);
    const vf rest = upper * upper - square + (z - upper) * (z + upper);
    const vf power = v_exp(v_all(-0.5f) * square), e = v_fma(power, v_all(-0.5f) * rest, power);
    const vf t = v_all(1.0f) / v_fma(v_all(0.35f), z, v_all(1.0f));
    vf sum = v_fma(v_all(-2.91150119e-2f), t, v_all(1.43818408e-1f));
    sum = v_fma(sum, t, v_all(-2.55390972e-1f));
    sum = v_fma(sum, t, v_all(1.58796534e-1f));
    sum = v_fma(sum, t, v_all(-2.28434075e-2f));
    sum = v_fma(sum, t, v_all(1.05392136e-1f));
    sum = v_fma(sum, t, v_all(1.19863093e-1f));
    sum = v_fma(sum, t, v_all(1.39857560e-1f));
    sum = v_fma(sum, t, v_all(1.39621660e-1f));
    const vf tail = e * (sum * t);
    return (normal){v_if_less(x, v_zero(), tail, v_all(1.0f) - tail), v_all((float)ROOT_TAU) * e};
}

#endif

INLINE vf v_gelu(vf x) {
    return v_max(v_all(-FAR), x) * v_normal(x).less;
}

/* Of x: y does not tell it, because two x have the same. */
INLINE vf v_gelu_slope(vf x) {
    const normal n = v_normal(x);
    return v_fma(v_within(x, FAR), n.density, n.less);
}

/* x a + b between 0 and 1. */
INLINE vf v_ramp(vf x, float a, float b) {
    return v_min(v_all(1.0f), v_max(v_zero(), v_fma(v_all(a), x, v_all(b))));
}

/* a where y is between low and high, elsewhere 0. */
INLINE vf v_ramp_slope(vf y, float low, float high, float a) {
    const vf below = v_if_less(y, v_all(high), v_all(a), v_zero());
    return v_if_less(v_all(low), y, below, v_zero());
}

/* f(x). */
INLINE vf v_activate(vf x, int32_t activation) {
    switch (activation) {
        case TKR_TANH:
            return v_tanh(x);
        case TKR_RELU:
            return v_max(v_zero(), x);
        case TKR_LOGISTIC:
            return v_logistic(x);
        case TKR_HARD_SIGMOID:
            return v_ramp(x, 0.2f, 0.5f);
        case TKR_HARD_SIGMOID_6:
            return v_ramp(x, 1.0f / 6, 0.5f);
        case TKR_SOFTSIGN: {
            const vf kept = v_within(x, FLT_MAX);
            return kept / (v_all(1.0f) + v_size(kept));
        }
        case TKR_HARD_TANH:
            return v_within(x, 1.0f);
        case TKR_ELU:
            return v_if_less(v_zero(), x, x, v_expm1(v_min(v_zero(), x)));
        case TKR_LEAKY_RELU:
            return v_if_less(v_zero(), x, x, v_all(LEAK) * x);
        case TKR_SOFTPLUS:
            return v_softplus(x);
        case TKR_GELU:
            return v_gelu(x);
        case TKR_SQRT:
            return v_sqrt(x);
        default:
            return x;
    }
}

/* f'(x) from y = f(x), for every f but GELU. At a kink the smaller one; the root's is infinite at 0
 * and taken for 0 there. */
INLINE vf v_slope(vf y, int32_t activation) {
    const vf one = v_all(1.0f);
    switch (activation) {
        case TKR_TANH:
            return one - y * y;
        case TKR_RELU:
            return v_if_less(v_zero(), y, one, v_zero());
        case TKR_LOGISTIC:
            return y * (one - y);
        case TKR_HARD_SIGMOID:
            return v_ramp_slope(y, 0.0f, 1.0f, 0.2f);
        case TKR_HARD_SIGMOID_6:
            return v_ramp_slope(y, 0.0f, 1.0f, 1.0f / 6);
        case TKR_SOFTSIGN:
            return (one - v_size(y)) * (one - v_size(y));
        case TKR_HARD_TANH:
            return v_ramp_slope(y, -1.0f, 1.0f, 1.0f);
        case TKR_ELU:
            return v_if_less(v_zero(), y, one, one + y);
        case TKR_LEAKY_RELU:
            return v_if_less(v_zero(), y, one, v_all(LEAK));
        case TKR_SOFTPLUS:
            return -v_expm1(-y);
        case TKR_SQRT:
            return v_if_less(v_zero(), y, v_all(0.5f) / y, v_zero());
        default:
            return one;
    }
}

/* dy * f'(x), from y = f(x), for every f but GELU; relu's is 0 whatever dy is. */
INLINE vf v_activate_gradient(vf dy, vf y, int32_t activation) {
    switch (activation) {
        case TKR_RELU:
            return v_if_less(v_zero(), y, dy, v_zero());
        case TKR_IDENTITY:
            return dy;
        default:
            return dy * v_slope(y, activation);
    }
}

/* The same of a number that is known only when it runs, in pointwise.c: f(x), and f'(x) from y and,
 * of GELU alone, from x. */
vf TIER(tkri_activation)(vf x, int32_t activation);
vf TIER(tkri_slope)(vf x, vf y, int32_t activation);

/* The functions of a cell's gates and of its candidate. The usual ones are constants wherever they
 * are inlined; others, `any`, are not. */
typedef struct functions {
    int32_t gate, cell, any;
} functions;
#define USUAL ((functions){TKR_LOGISTIC, TKR_TANH, 0})
#define ASKED(point) ((functions){(point)->gate_activation, (point)->activation, 1})

INLINE vf f_of(vf x, int32_t f, int32_t any) {
    if (any) {
        return TIER(tkri_activation)(x, f);
    }
    return v_activate(x, f);
}
INLINE vf f_gate(vf x, const functions f) {
    return f_of(x, f.gate, f.any);
}
INLINE vf f_cell(vf x, const functions f) {
    return f_of(x, f.cell, f.any);
}

/* Their slopes, from y: GELU can be neither. */
INLINE vf slope_of(vf y, int32_t f, int32_t any) {
    if (any) {
        return TIER(tkri_slope)(y, y, f);
    }
    return v_slope(y, f);
}
INLINE vf slope_gate(vf y, const functions f) {
    return slope_of(y, f.gate, f.any);
}
INLINE vf slope_cell(vf y, const functions f) {
    return slope_of(y, f.cell, f.any);
}

/* f(0) of others may be no zero: the padding's would come out of a cell. */
INLINE vf f_real(vf a, int64_t n, const functions f) {
    return f.any ? v_first(a, n) : a;
}

#endif
