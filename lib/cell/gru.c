/* SPDX-License-Identifier: MIT
 * The GRU (Cho et al. 2014), in two forms; s is the logistic function, and both end with
 *
 *     r = s(W_r x + b_ir + U_r h_{t-1} + b_hr)      z = s(W_z x + b_iz + U_z h_{t-1} + b_hz)
 *     h_t = (1 - z) n + z h_{t-1}
 *
 *     reset after the product (cuDNN, PyTorch)
 *         q = U_n h_{t-1} + b_hn        n = tanh(W_n x + b_in + r q)
 *     reset before it (the paper; ONNX's default)
 *         n = tanh(W_n x + b_in + U_n (r h_{t-1}) + b_hn)
 *
 * Backward, with dh = dL/dh_t, in both:
 *
 *     dn = dh (1 - z)          da_n = dn (1 - n^2)       da_z = dh (h_{t-1} - n) z (1 - z)
 *     directly to h_{t-1}:  dh z
 *
 * Reset after:   dq = da_n r,   da_r = da_n q  r (1 - r);   U's product sees (da_r, da_z, dq).
 * Reset before:  da_n goes through U_n first, to dv = dL/d(r h_{t-1}); then
 *                da_r = dv h_{t-1}  r (1 - r), and dv r flows to h_{t-1} directly as well.
 *
 * Slots of a tile: n, r, z, q after (x adds to the first three, h to the last three); r, z, n
 * before.
 *
 * tkri_gru_after_any and tkri_gru_before_any have other functions in the places of s and tanh, and
 * their slopes in the places of s (1 - s) and 1 - tanh^2. */
#include "kern/activation.h"

#include "kern/stream.h"

enum { AFTER_N = 0, AFTER_R = VL, AFTER_Z = 2 * VL, AFTER_Q = 3 * VL };
enum { BEFORE_R = 0, BEFORE_Z = VL, BEFORE_N = 2 * VL };

/* The part of a tile that belongs to row r. */
#define AT_GATES(p, base, j, r) ((base) + (j) * (p)->tile_stride + (r) * (p)->row_stride)
#define AT_UNIT(p, base, j, r) ((base) + (r) * (p)->ld_h + (j) * VL)

INLINE vf mix(vf z, vf n, vf h) {
    return v_fma(z, h - n, n);
}

INLINE void after_forward_all(const tkri_point *p, const functions f) {
    for (int64_t j = 0; j < p->tiles; j++) {
        for (int64_t row = 0; row < p->rows; row++) {
            float *a = AT_GATES(p, p->gates, j, row);
            vf r = f_gate(v_load(a + AFTER_R), f), z = f_gate(v_load(a + AFTER_Z), f);
            vf n = f_cell(v_fma(r, v_load(a + AFTER_Q), v_load(a + AFTER_N)), f);
            v_store(a + AFTER_N, n);
            v_store(a + AFTER_R, r);
            v_store(a + AFTER_Z, z);
            const vf h = mix(z, n, v_load(AT_UNIT(p, p->h_prev, j, row)));
            v_store(AT_UNIT(p, p->h, j, row), f_real(h, p->units - j * VL, f));
        }
    }
}

INLINE void after_backward_all(const tkri_point *p, const functions f) {
    const vf one = v_all(1.0f);
    for (int64_t j = 0; j < p->tiles; j++) {
        for (int64_t row = 0; row < p->rows; row++) {
            const float *a = AT_GATES(p, p->gates, j, row);
            float *da = AT_GATES(p, p->dgates, j, row), *to_h = AT_UNIT(p, p->dh, j, row);
            vf n = v_load(a + AFTER_N), r = v_load(a + AFTER_R), z = v_load(a + AFTER_Z);
            vf q = v_load(a + AFTER_Q), h = v_load(AT_UNIT(p, p->h_prev, j, row));
            vf dh = v_load(to_h);
            vf dan = dh * (one - z) * slope_cell(n, f);
            v_store(da + AFTER_N, dan);
            v_store(da + AFTER_R, dan * q * slope_gate(r, f));
            v_store(da + AFTER_Z, dh * (h - n) * slope_gate(z, f));
            v_store(da + AFTER_Q, dan * r);
            v_store(to_h, dh * z);
        }
    }
}

/* r, z, q, n of each. */
INLINE void after_sums(const tkri_stream *s, const which at, vf out[][4]) {
    vf sum[4][4];
    start_sums(sum, s, at, 3);
    add_inputs(sum, s, at, 3);
#pragma GCC unroll 4
    for (int i = 0; i < at.n; i++) { /* n, r, z make room for r, z, q */
        out[i][3] = sum[i][0];
        sum[i][0] = sum[i][1];
        sum[i][1] = sum[i][2];
        sum[i][2] = v_load(s->q_bias + (at.tile + (at.rows ? 0 : i)) * VL);
    }
    add_states(sum, s, at, 3);
    put_sums(out, sum, at, 3);
}

/* The h of a stream's units from `at` on. */
INLINE vf after_units(const tkri_stream *s, int64_t row, int64_t at, const vf sum[4]) {
    const vf n = v_tanh(v_fma(v_logistic(sum[0]), sum[2], sum[3]));
    return mix(v_logistic(sum[1]), n, v_load(s->h + row * s->h_row + at));
}

DEFINE_STEPS(after_steps, after_sums, after_units)

#if APPROXIMATES
/* The same from quotients: h = ((1 - z) n + z h), of one division. */
INLINE vf fast_units(const tkri_stream *s, int64_t row, int64_t at, const vf sum[4]) {
    const quotient r = q_logistic(sum[0]), z = q_logistic(sum[1]);
    const quotient n = q_tanh(v_fma(r.n / r.d, sum[2], sum[3]));
    const vf h = v_load(s->h + row * s->h_row + at);
    return v_fma(z.n, h * n.d, (z.d - z.n) * n.n) / (z.d * n.d);
}

DEFINE_STEPS(fast_steps, after_sums, fast_units)
#endif

/* Phase 0: the gates, and what U_n's product needs. */
INLINE void before_forward_gates_all(const tkri_point *p, const functions f) {
    for (int64_t j = 0; j < p->tiles; j++) {
        for (int64_t row = 0; row < p->rows; row++) {
            float *a = AT_GATES(p, p->gates, j, row);
            vf r = f_gate(v_load(a + BEFORE_R), f);
            v_store(a + BEFORE_R, r);
            v_store(a + BEFORE_Z, f_gate(v_load(a + BEFORE_Z), f));
            v_store(AT_UNIT(p, p->aux, j, row), r * v_load(AT_UNIT(p, p->h_in, j, row)));
        }
    }
}

/* Phase 1: the candidate and the mix. */
INLINE void before_forward_mix_all(const tkri_point *p, const functions f) {
    for (int64_t j = 0; j < p->tiles; j++) {
        for (int64_t row = 0; row < p->rows; row++) {
            float *a = AT_GATES(p, p->gates, j, row);
            vf n = f_cell(v_load(a + BEFORE_N), f), z = v_load(a + BEFORE_Z);
            v_store(a + BEFORE_N, n);
            const vf h = mix(z, n, v_load(AT_UNIT(p, p->h_prev, j, row)));
            v_store(AT_UNIT(p, p->h, j, row), f_real(h, p->units - j * VL, f));
        }
    }
}

/* Phase 1: da_n, da_z and what flows to h_{t-1} directly. */
INLINE void before_backward_mix_all(const tkri_point *p, const functions f) {
    const vf one = v_all(1.0f);
    for (int64_t j = 0; j < p->tiles; j++) {
        for (int64_t row = 0; row < p->rows; row++) {
            const float *a = AT_GATES(p, p->gates, j, row);
            float *da = AT_GATES(p, p->dgates, j, row), *to_h = AT_UNIT(p, p->dh, j, row);
            vf n = v_load(a + BEFORE_N), z = v_load(a + BEFORE_Z), dh = v_load(to_h);
            vf h = v_load(AT_UNIT(p, p->h_prev, j, row));
            v_store(da + BEFORE_N, dh * (one - z) * slope_cell(n, f));
            v_store(da + BEFORE_Z, dh * (h - n) * slope_gate(z, f));
            v_store(to_h, dh * z);
        }
    }
}

/* Phase 0, after da_n went through U_n into daux. */
INLINE void before_backward_gates_all(const tkri_point *p, const functions f) {
    for (int64_t j = 0; j < p->tiles; j++) {
        for (int64_t row = 0; row < p->rows; row++) {
            float *da = AT_GATES(p, p->dgates, j, row), *to_h = AT_UNIT(p, p->dh_in, j, row);
            vf r = v_load(AT_GATES(p, p->gates, j, row) + BEFORE_R);
            vf dv = v_load(AT_UNIT(p, p->daux, j, row));
            vf h = v_load(AT_UNIT(p, p->h_in, j, row));
            v_store(da + BEFORE_R, dv * h * slope_gate(r, f));
            v_store(to_h, v_fma(dv, r, v_load(to_h)));
        }
    }
}

/* name() with the usual functions, any_name() with those that are asked for. */
#define DEFINE_BOTH(name)                         \
    static void name(const tkri_point *p) {       \
        name##_all(p, USUAL);                     \
    }                                             \
    static void any_##name(const tkri_point *p) { \
        name##_all(p, ASKED(p));                  \
    }
DEFINE_BOTH(after_forward)
DEFINE_BOTH(after_backward)
DEFINE_BOTH(before_forward_gates)
DEFINE_BOTH(before_forward_mix)
DEFINE_BOTH(before_backward_mix)
DEFINE_BOTH(before_backward_gates)

/* What both instances of a form have. */
#define AFTER_LAYOUT                                                                               \
    .gates = 3, .fields = 4, .ih_field = 0, .hh_field = 1, .q_field = 3, .q_gate = 2, .phases = 1, \
    .ih_order = {1, 2, 0}, .hh_order = {0, 1, 2}
#define BEFORE_LAYOUT                                                           \
    .gates = 3, .fields = 3, .q_field = -1, .phases = 2, .ih_order = {0, 1, 2}, \
    .hh_order = {0, 1, 2}

const tkri_cell_ops TIER(tkri_gru_after) = {
    AFTER_LAYOUT,
    .forward = {after_forward},
    .backward = {after_backward},
    .steps = after_steps,
#if APPROXIMATES
    .fast_steps = fast_steps,
#endif
};

const tkri_cell_ops TIER(tkri_gru_after_any) = {
    AFTER_LAYOUT,
    .forward = {any_after_forward},
    .backward = {any_after_backward},
};

const tkri_cell_ops TIER(tkri_gru_before) = {
    BEFORE_LAYOUT,
    .forward = {before_forward_gates, before_forward_mix},
    .backward = {before_backward_gates, before_backward_mix},
};

const tkri_cell_ops TIER(tkri_gru_before_any) = {
    BEFORE_LAYOUT,
    .forward = {any_before_forward_gates, any_before_forward_mix},
    .backward = {any_before_backward_gates, any_before_backward_mix},
};
