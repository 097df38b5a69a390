/* SPDX-License-Identifier: MIT
 * The optimizers' kernels, compiled once per tier. */
#include "kern/vec.h"

#include "kern/table.h"

INLINE vf clip(vf g, float limit) {
    if (limit > 0.0f) {
        g = v_min(v_all(limit), v_max(v_all(-limit), g));
    }
    return g;
}

double TIER(tkri_sum_squares)(const float *x, int64_t n, float limit) {
    double lane[VL], total = 0;
    vd sum[VL / HALF] = {0};
    for (int64_t i = 0; i < n; i += VL) {
        const vf raw = v_load(x + i);
        float kept[VL];
        v_store(kept, clip(raw, limit) + (raw - raw)); /* clipping must not hide an infinity */
#pragma GCC unroll 2
        for (int h = 0; h < VL / HALF; h++) {
            const vd g = v_wide(kept + h * HALF);
            sum[h] = sum[h] + g * g;
        }
    }
    memcpy(lane, sum, sizeof lane);
    for (int i = 0; i < VL; i++) {
        total += lane[i];
    }
    return total;
}

/* The largest magnitude so far. */
INLINE vf larger(vf largest, vf a) {
    return v_max(largest, v_max(a, -a));
}

INLINE float largest_of(vf largest) {
    float lane[VL], most = 0;
    v_store(lane, largest);
    for (int i = 0; i < VL; i++) {
        most = lane[i] > most ? lane[i] : most;
    }
    return most;
}

/* Kingma & Ba 2015, algorithm 1, with the corrections folded into the rate and the root. */
float TIER(tkri_adam)(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u) {
    const vf b1 = v_all(u->beta1), b2 = v_all(u->beta2), epsilon = v_all(u->epsilon);
    const vf a1 = v_all(1.0f - u->beta1), a2 = v_all(1.0f - u->beta2);
    const vf rate = v_all(u->rate * u->correct1), root = v_all(u->correct2);
    const vf keep = v_all(u->decoupled ? 1.0f - u->rate * u->decay : 1.0f);
    const vf decay = v_all(u->decoupled ? 0.0f : u->decay);
    vf largest = v_zero();
    for (int64_t i = 0; i < n; i += VL) {
        vf value = v_load(p + i);
        vf gradient = clip(v_load(g + i), u->limit) * v_all(u->scale);
        gradient = v_fma(decay, value, gradient);
        vf first = v_fma(a1, gradient, b1 * v_load(m + i));
        vf second = v_fma(a2, gradient * gradient, b2 * v_load(v + i));
        vf step = rate * first / v_fma(v_sqrt(second), root, epsilon);
        value = keep * value - step;
        largest = larger(larger(v_max(largest, second), first), value);
        v_store(p + i, value);
        v_store(m + i, first);
        v_store(v + i, second);
        v_store(g + i, v_zero());
    }
    return largest_of(largest);
}

/* Momentum as in Sutskever et al. 2013 in PyTorch's form: v = mu v + g, p -= rate * (v or g + mu
 * v). */
float TIER(tkri_sgd)(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u) {
    const vf decay = v_all(u->decay), momentum = v_all(u->momentum), rate = v_all(-u->rate);
    vf largest = v_zero();
    (void)v;
    for (int64_t i = 0; i < n; i += VL) {
        vf value = v_load(p + i);
        vf gradient = clip(v_load(g + i), u->limit) * v_all(u->scale);
        gradient = v_fma(decay, value, gradient);
        vf velocity = v_fma(momentum, v_load(m + i), gradient);
        vf step = u->nesterov ? v_fma(momentum, velocity, gradient) : velocity;
        value = v_fma(rate, step, value);
        largest = larger(larger(largest, velocity), value);
        v_store(p + i, value);
        v_store(m + i, velocity);
        v_store(g + i, v_zero());
    }
    return largest_of(largest);
}

/* Tieleman & Hinton 2012; momentum on the scaled gradient. */
float TIER(tkri_rmsprop)(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u) {
    const vf decay = v_all(u->decay), momentum = v_all(u->momentum), rate = v_all(-u->rate);
    const vf keep = v_all(u->beta2), take = v_all(1.0f - u->beta2), epsilon = v_all(u->epsilon);
    vf largest = v_zero();
    for (int64_t i = 0; i < n; i += VL) {
        vf value = v_load(p + i);
        vf gradient = clip(v_load(g + i), u->limit) * v_all(u->scale);
        gradient = v_fma(decay, value, gradient);
        vf second = v_fma(take, gradient * gradient, keep * v_load(v + i));
        vf scaled = gradient / (v_sqrt(second) + epsilon);
        vf velocity = v_fma(momentum, v_load(m + i), scaled);
        value = v_fma(rate, velocity, value);
        largest = larger(larger(v_max(largest, second), velocity), value);
        v_store(p + i, value);
        v_store(m + i, velocity);
        v_store(v + i, second);
        v_store(g + i, v_zero());
    }
    return largest_of(largest);
}
