/* SPDX-License-Identifier: MIT
 * The LSTM (Hochreiter & Schmidhuber 1997; forget gate: Gers, Schmidhuber & Cummins 2000). Gates in
 * the order i, f, g, o; a_* are the sums W_ih x + b_ih + W_hh h_{t-1} + b_hh:
 *
 *     i = s(a_i + p_i c_{t-1})      f = s(a_f + p_f c_{t-1})      g = tanh(a_g)
 *     c_t = f c_{t-1} + i g
 *     o = s(a_o + p_o c_t)          h_t = o tanh(c_t)
 *
 * s is the logistic function; p_* are the diagonal peepholes (Gers & Schmidhuber 2000), absent
 * unless asked for.
 *
 * Backward, with dh = dL/dh_t and dc = dL/dc_t from the step after; u = tanh(c_t):
 *
 *     da_o = dh u  o (1 - o)
 *     dc  += dh o (1 - u^2) + p_o da_o
 *     da_i = dc g  i (1 - i)      da_f = dc c_{t-1}  f (1 - f)      da_g = dc i (1 - g^2)
 *     dc_{t-1} = dc f + p_i da_i + p_f da_f
 *     dp_i += da_i c_{t-1}        dp_f += da_f c_{t-1}              dp_o += da_o c_t
 *
 * c_t is computed again from the gates: zoneout may have changed the stored one.
 *
 * tkri_lstm_any has other functions in the places of s and tanh, and their slopes in the places of
 * s (1 - s) and 1 - tanh^2. */
#include "kern/activation.h"

#include "kern/stream.h"

enum { I = 0, F = VL, G = 2 * VL, O = 3 * VL };

/* One tile of one row. */
typedef struct unit {
    vf i, f, g, o, c, h;
} unit;

/* From the four sums and c_{t-1}; peep points at the tile's p_i, p_f and p_o stand ld apart. */
INLINE unit unit_forward(const vf sum[4], vf before, const float *peep, int64_t ld,
                         const functions f) {
    unit u;
    vf ai = sum[0], af = sum[1], ao = sum[3];
    if (peep) {
        ai = v_fma(v_load(peep), before, ai);
        af = v_fma(v_load(peep + ld), before, af);
    }
    u.i = f_gate(ai, f);
    u.f = f_gate(af, f);
    u.g = f_cell(sum[2], f);
    u.c = v_fma(u.f, before, u.i * u.g);
    if (peep) {
        ao = v_fma(v_load(peep + 2 * ld), u.c, ao);
    }
    u.o = f_gate(ao, f);
    u.h = u.o * f_cell(u.c, f);
    return u;
}

INLINE void forward_all(const tkri_point *p, const functions f) {
    for (int64_t j = 0; j < p->tiles; j++) {
        const float *peep = p->peep ? p->peep + j * VL : NULL;
        for (int64_t r = 0; r < p->rows; r++) {
            float *gates = p->gates + j * p->tile_stride + r * p->row_stride;
            const vf sum[4] = {v_load(gates + I), v_load(gates + F), v_load(gates + G),
                               v_load(gates + O)};
            const unit u =
                unit_forward(sum, v_load(p->c_prev + r * p->ld_c + j * VL), peep, p->ld_c, f);
            v_store(gates + I, u.i);
            v_store(gates + F, u.f);
            v_store(gates + G, u.g);
            v_store(gates + O, u.o);
            v_store(p->c + r * p->ld_c + j * VL, f_real(u.c, p->units - j * VL, f));
            v_store(p->h + r * p->ld_h + j * VL, f_real(u.h, p->units - j * VL, f));
        }
    }
}

static void forward(const tkri_point *p) {
    forward_all(p, USUAL);
}

static void any_forward(const tkri_point *p) {
    forward_all(p, ASKED(p));
}

INLINE void step_sums(const tkri_stream *s, const which at, vf out[][4]) {
    vf sum[4][4];
    start_sums(sum, s, at, 4);
    add_inputs(sum, s, at, 4);
    add_states(sum, s, at, 4);
    put_sums(out, sum, at, 4);
}

/* The c and h of a stream's units from `at` on. */
INLINE vf step_units(const tkri_stream *s, int64_t row, int64_t at, const vf sum[4]) {
    float *c = s->c + row * s->ld_c + at;
    const unit u = unit_forward(sum, v_load(c), s->peep ? s->peep + at : NULL, s->ld_c, USUAL);
    v_store(c, u.c);
    return u.h;
}

DEFINE_STEPS(steps, step_sums, step_units)

#if APPROXIMATES
/* The same from quotients. */
INLINE vf fast_units(const tkri_stream *s, int64_t row, int64_t at, const vf sum[4]) {
    float *c = s->c + row * s->ld_c + at;
    const float *peep = s->peep ? s->peep + at : NULL;
    const vf before = v_load(c);
    vf ai = sum[0], af = sum[1], ao = sum[3];
    if (peep) {
        ai = v_fma(v_load(peep), before, ai);
        af = v_fma(v_load(peep + s->ld_c), before, af);
    }
    const quotient i = q_logistic(ai), f = q_logistic(af), g = q_tanh(sum[2]);
    const vf now = v_fma(f.n / f.d, before, i.n * g.n / (i.d * g.d));
    if (peep) {
        ao = v_fma(v_load(peep + 2 * s->ld_c), now, ao);
    }
    const quotient o = q_logistic(ao), u = q_tanh(now);
    v_store(c, now);
    return o.n * u.n / (o.d * u.d);
}

DEFINE_STEPS(fast_steps, step_sums, fast_units)
#endif

/* What the peepholes add to dc_{t-1}, and to dc_t; their own gradients. */
INLINE vf peep_backward(const tkri_point *p, int64_t j, vf dai, vf daf, vf before) {
    const float *peep = p->peep + j * VL;
    float *dpeep = p->dpeep + j * VL;
    v_store(dpeep, v_fma(dai, before, v_load(dpeep)));
    v_store(dpeep + p->ld_c, v_fma(daf, before, v_load(dpeep + p->ld_c)));
    return v_fma(v_load(peep), dai, v_load(peep + p->ld_c) * daf);
}

INLINE vf peep_output_backward(const tkri_point *p, int64_t j, vf dao, vf now) {
    float *dpeep = p->dpeep + 2 * p->ld_c + j * VL;
    v_store(dpeep, v_fma(dao, now, v_load(dpeep)));
    return v_load(p->peep + 2 * p->ld_c + j * VL) * dao;
}

/* Tile j of row r. */
INLINE void unit_backward(const tkri_point *p, int64_t j, int64_t r, const functions fn) {
    const float *gates = p->gates + j * p->tile_stride + r * p->row_stride;
    float *da = p->dgates + j * p->tile_stride + r * p->row_stride;
    float *dh = p->dh + r * p->ld_h + j * VL, *dc = p->dc + r * p->ld_c + j * VL;
    vf i = v_load(gates + I), f = v_load(gates + F), g = v_load(gates + G), o = v_load(gates + O);
    vf before = v_load(p->c_prev + r * p->ld_c + j * VL);
    vf now = v_fma(f, before, i * g), u = f_cell(now, fn), dht = v_load(dh);
    vf dao = dht * u * slope_gate(o, fn);
    vf dct = v_fma(dht * o, slope_cell(u, fn), v_load(dc));
    if (p->peep) {
        dct = dct + peep_output_backward(p, j, dao, now);
    }
    vf dai = dct * g * slope_gate(i, fn);
    vf daf = dct * before * slope_gate(f, fn);
    vf dag = dct * i * slope_cell(g, fn);
    vf to_before = dct * f;
    if (p->peep) {
        to_before = to_before + peep_backward(p, j, dai, daf, before);
    }
    v_store(da + I, dai);
    v_store(da + F, daf);
    v_store(da + G, dag);
    v_store(da + O, dao);
    v_store(dc, to_before);
    v_store(dh, v_zero());
}

INLINE void backward_all(const tkri_point *p, const functions f) {
    for (int64_t j = 0; j < p->tiles; j++) {
        for (int64_t r = 0; r < p->rows; r++) {
            unit_backward(p, j, r, f);
        }
    }
}

static void backward(const tkri_point *p) {
    backward_all(p, USUAL);
}

static void any_backward(const tkri_point *p) {
    backward_all(p, ASKED(p));
}

/* What both instances have. */
#define LAYOUT                                                                                 \
    .gates = 4, .fields = 4, .q_field = -1, .has_c = 1, .phases = 1, .ih_order = {0, 1, 2, 3}, \
    .hh_order = {0, 1, 2, 3}

const tkri_cell_ops TIER(tkri_lstm) = {
    LAYOUT,
    .forward = {forward},
    .backward = {backward},
    .steps = steps,
#if APPROXIMATES
    .fast_steps = fast_steps,
#endif
};

const tkri_cell_ops TIER(tkri_lstm_any) = {
    LAYOUT,
    .forward = {any_forward},
    .backward = {any_backward},
};
