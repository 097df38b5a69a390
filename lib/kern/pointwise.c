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

INLINE float largest(const float *x, int64_t n) {
    vf top = load_logits(x, 0, n);
    for (int64_t i = VL; i < n; i += VL) {
        top = v_max(top, load_logits(x, i, n));
    }
    return lanes_max(top);
}

double TIER(tkri_softmax)(float *dx, const float *x, int64_t n, int64_t target, float scale) {
    const float best = largest(x, n), chosen = x[target];
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

void TIER(tkri_softmax_row)(float *y, const float *x, int64_t n) {
    const double sum = exponentials(y, x, n, largest(x, n));
    const vf factor = v_all((float)(1.0 / sum));
    for (int64_t i = 0; i < n; i += VL) {
        v_store(y + i, v_first(v_load(y + i) * factor, n - i));
    }
}

/* A sum of vectors in double: lane by lane until its end. */
typedef struct wide {
    vd lanes[VL / HALF];
} wide;

INLINE wide wide_zero(void) {
    wide sum;
    memset(&sum, 0, sizeof sum);
    return sum;
}

INLINE void wide_add(wide *sum, vf a) {
    float lane[VL];
    v_store(lane, a);
#pragma GCC unroll 2
    for (int h = 0; h < VL / HALF; h++) {
        sum->lanes[h] = sum->lanes[h] + v_wide(lane + h * HALF);
    }
}

INLINE double wide_sum(const wide *sum) {
    double lane[VL], total = 0;
    memcpy(lane, sum->lanes, sizeof lane);
    for (int i = 0; i < VL; i++) {
        total += lane[i];
    }
    return total;
}

void TIER(tkri_softmax_gradient)(float *dx, const float *dy, const float *y, int64_t n) {
    wide sum = wide_zero();
    for (int64_t i = 0; i < n; i += VL) {
        wide_add(&sum, v_first(v_load(dy + i) * v_load(y + i), n - i));
    }
    const vf mean = v_all((float)wide_sum(&sum));
    for (int64_t i = 0; i < n; i += VL) {
        v_store(dx + i, v_first(v_load(y + i) * (v_load(dy + i) - mean), n - i));
    }
}

/* Ba, Kiros & Hinton 2016. A mean far from zero is no float: `rest` is what its float leaves. */
void TIER(tkri_norm)(float *y, const float *x, float *stat, const tkri_norm *norm) {
    const int64_t n = norm->n;
    wide sum = wide_zero(), squares = wide_zero();
    for (int64_t i = 0; i < n; i += VL) {
        wide_add(&sum, v_first(v_load(x + i), n - i));
    }
    const double mean = wide_sum(&sum) / (double)n;
    const vf near = v_all((float)mean), rest = v_all((float)(mean - (double)(float)mean));
    for (int64_t i = 0; i < n; i += VL) {
        const vf d = v_first(v_load(x + i) - near - rest, n - i);
        wide_add(&squares, d * d);
    }
    const double variance = wide_sum(&squares) / (double)n;
    stat[0] = (float)mean;
    stat[1] = (float)(1.0 / sqrt(variance + (double)norm->epsilon));
    for (int64_t i = 0; i < n; i += VL) {
        const vf u = (v_load(x + i) - near - rest) * v_all(stat[1]);
        const vf scale = norm->scale ? v_load(norm->scale + i) : v_all(1.0f);
        const vf shift = norm->shift ? v_load(norm->shift + i) : v_zero();
        v_store(y + i, v_first(v_fma(u, scale, shift), n - i));
    }
}

/* g = dy scale of the numbers from i on, and (x - mean) s; zero behind the row. */
INLINE vf norm_g(const float *dy, const tkri_norm *norm, int64_t i) {
    const vf scale = norm->scale ? v_load(norm->scale + i) : v_all(1.0f);
    return v_first(v_load(dy + i) * scale, norm->n - i);
}
INLINE vf norm_u(const float *x, const float *stat, const tkri_norm *norm, int64_t i) {
    return v_first((v_load(x + i) - v_all(stat[0])) * v_all(stat[1]), norm->n - i);
}

/* What the mean's float has left, `off`, is in every u of the first pass: their own mean. */
void TIER(tkri_norm_gradient)(float *dx, const float *dy, const float *x, const float *stat,
                              const tkri_norm *norm) {
    wide of_g = wide_zero(), of_u = wide_zero(), of_gu = wide_zero();
    for (int64_t i = 0; i < norm->n; i += VL) {
        const vf g = norm_g(dy, norm, i), u = norm_u(x, stat, norm, i);
        wide_add(&of_g, g);
        wide_add(&of_u, u);
        wide_add(&of_gu, g * u);
    }
    const double n = (double)norm->n, mean_g = wide_sum(&of_g) / n, off = wide_sum(&of_u) / n;
    const vf mean_gu = v_all((float)(wide_sum(&of_gu) / n - off * mean_g));
    for (int64_t i = 0; i < norm->n; i += VL) {
        const vf g = norm_g(dy, norm, i), u = norm_u(x, stat, norm, i) - v_all((float)off);
        const vf from = v_first(v_load(dy + i), norm->n - i);
        if (norm->dscale) {
            const vf add = v_first(from * u, norm->n - i);
            v_store(norm->dscale + i, v_load(norm->dscale + i) + add);
        }
        if (norm->dshift) {
            v_store(norm->dshift + i, v_load(norm->dshift + i) + from);
        }
        const vf flow = (g - v_all((float)mean_g) - u * mean_gu) * v_all(stat[1]);
        v_store(dx + i, v_first(flow, norm->n - i));
    }
}
