/* SPDX-License-Identifier: MIT
 * Kernels that go over rows number by number, compiled once per tier. */
#include "kern/vec.h"

#include "kern/activation.h"
#include "kern/table.h"

void TIER(tkri_add)(float *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += VL) {
        v_store(y + i, v_load(y + i) + v_first(v_load(x + i), n - i));
    }
}

void TIER(tkri_column_sum)(float *c, float *also, const float *x, int64_t rows, int64_t ld,
                           int32_t width) {
    int64_t at[TKRI_PANEL]; /* four chains: the last column's again where there are fewer */
    vf sum[TKRI_PANEL];
#pragma GCC unroll 4
    for (int j = 0; j < TKRI_PANEL; j++) {
        at[j] = (j < width ? j : width - 1) * VL;
        sum[j] = v_zero();
    }
    for (int64_t r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < TKRI_PANEL; j++) {
            sum[j] = sum[j] + v_load(x + r * ld + at[j]);
        }
    }
    for (int j = 0; j < width; j++) {
        v_store(c + at[j], v_load(c + at[j]) + sum[j]);
        if (also) {
            v_store(also + at[j], v_load(also + at[j]) + sum[j]);
        }
    }
}

vf TIER(tkri_activation)(vf x, int32_t activation) {
    return v_activate(x, activation);
}

vf TIER(tkri_slope)(vf x, vf y, int32_t activation) {
    return activation == TKR_GELU ? v_gelu_slope(x) : v_slope(y, activation);
}

/* f is a constant wherever this is inlined. */
INLINE void activate_all(float *y, const float *x, int64_t n, const int32_t f) {
    for (int64_t i = 0; i < n; i += VL) {
        v_store(y + i, v_activate(v_load(x + i), f));
    }
}

void TIER(tkri_activate)(float *y, const float *x, int64_t n, int32_t activation) {
#define ACTIVATE(f)                 \
    case f:                         \
        activate_all(y, x, n, (f)); \
        break;
    switch (activation) {
        FAST_ACTIVATIONS(ACTIVATE)
        default:
            for (int64_t i = 0; i < n; i += VL) {
                v_store(y + i, TIER(tkri_activation)(v_load(x + i), activation));
            }
    }
}

INLINE void gradient_all(float *dy, const float *y, int64_t n, const int32_t f) {
    for (int64_t i = 0; i < n; i += VL) {
        v_store(dy + i, v_activate_gradient(v_load(dy + i), v_load(y + i), f));
    }
}

/* What f' goes by is x or y; the other may be NULL. */
static void gradient_any(float *dy, const float *by, int64_t n, int32_t activation) {
    for (int64_t i = 0; i < n; i += VL) {
        const vf a = v_load(by + i);
        v_store(dy + i, v_load(dy + i) * TIER(tkri_slope)(a, a, activation));
    }
}

void TIER(tkri_activate_gradient)(float *dy, const float *x, const float *y, int64_t n,
                                  int32_t activation) {
#define GRADIENT(f)                  \
    case f:                          \
        gradient_all(dy, y, n, (f)); \
        break;
    switch (activation) {
        FAST_ACTIVATIONS(GRADIENT)
        default:
            gradient_any(dy, activation == TKR_GELU ? x : y, n, activation);
    }
}

/* In halves: the lanes one after the other would be a longer chain. */
INLINE float lanes_max(vf a) {
    float lane[VL];
    v_store(lane, a);
#pragma GCC unroll 4
    for (int half = VL / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < half; i++) {
            lane[i] = lane[i + half] > lane[i] ? lane[i + half] : lane[i];
        }
    }
    return lane[0];
}

INLINE double lanes_sum(vf a) {
    float lane[VL];
    double sum[VL];
    v_store(lane, a);
    for (int i = 0; i < VL; i++) {
        sum[i] = (double)lane[i];
    }
#pragma GCC unroll 4
    for (int half = VL / 2; half > 0; half /= 2) {
#pragma GCC unroll 8
        for (int i = 0; i < half; i++) {
            sum[i] = sum[i] + sum[i + half];
        }
    }
    return sum[0];
}

/* x[i .. i + VL), with -infinity from index n on. */
INLINE vf load_logits(const float *x, int64_t i, int64_t n) {
    if (i + VL <= n) {
        return v_load(x + i);
    }
    float lane[VL];
    for (int j = 0; j < VL; j++) {
        lane[j] = i + j < n ? x[i + j] : -INFINITY;
    }
    return v_load(lane);
}

/* e^(x - best) into dx, if there is one; the sum of them. Lanes add up at most 64 terms in float.
 */
static double exponentials(float *dx, const float *x, int64_t n, float best) {
    double total = 0;
    for (int64_t i = 0; i < n;) {
        const int64_t end = i + 64 * VL < n ? i + 64 * VL : n;
        vf sum = v_zero();
        for (; i < end; i += VL) {
            const vf e = v_exp(load_logits(x, i, n) - v_all(best));
            if (dx) {
                v_store(dx + i, e);
            }
            sum = sum + e;
        }
        total += lanes_sum(sum);
    }
    return total;
}

double TIER(tkri_softmax)(float *dx, const float *x, int64_t n, int64_t target, float scale) {
    vf top = load_logits(x, 0, n);
    for (int64_t i = VL; i < n; i += VL) {
        top = v_max(top, load_logits(x, i, n));
    }
    const float best = lanes_max(top), chosen = x[target];
    const double sum = exponentials(dx, x, n, best);
    if (dx) {
        const vf factor = v_all((float)((double)scale / sum));
        for (int64_t i = 0; i < n; i += VL) {
            v_store(dx + i, v_load(dx + i) * factor);
        }
        dx[target] -= scale;
    }
    return log(sum) - ((double)chosen - (double)best);
}
