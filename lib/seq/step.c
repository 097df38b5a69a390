/* SPDX-License-Identifier: MIT */
#include "seq/step.h"

#include <stddef.h>
#include <string.h>

#include "core/fpmode.h"
#include "seq/reduced.h"
#include "seq/seq.h"

/* The widest row of anything between layers, and of the gates. */
static void widths(const tkr_cell *cell, int64_t *between, int64_t *gates) {
    const tkri_net *net = cell->net;
    *between = tkri_row_len(net->input);
    *gates = 0;
    for (int64_t l = 0; l < net->n_layers; l++) {
        const tkri_layer *layer = &net->layers[l];
        *between = tkri_max(*between, tkri_row_len(tkri_max(layer->output, layer->units)));
        if (tkri_is_recurrent(layer->kind)) {
            *gates = tkri_max(*gates, tkri_gate_floats(layer, cell->kern->vl));
        }
    }
}

int32_t tkri_state_fits(const tkr_cell *cell, const tkr_state *state) {
    int64_t between, gates;
    if (!tkri_state_alike(cell, state->cell) || cell->kern != state->cell->kern ||
        cell->precision != state->cell->precision) {
        return 0;
    }
    widths(cell, &between, &gates);
    return between <= state->widest && gates <= state->widest_gates;
}

void tkri_state_place(tkr_state *state, tkri_arena *arena) {
    const uint64_t batch = (uint64_t)state->batch;
    widths(state->cell, &state->widest, &state->widest_gates);
    state->q_row = tkri_reduced_row(state->cell, state->widest);
    const uint64_t rows = tkri_mul(batch, (uint64_t)state->widest);
    TKRI_TAKE(arena, state->values, tkri_mul(batch, (uint64_t)state->net->state_width));
    TKRI_TAKE(arena, state->gates, tkri_mul(batch, (uint64_t)state->widest_gates));
    TKRI_TAKE(arena, state->h, rows);
    TKRI_TAKE(arena, state->c, rows);
    TKRI_TAKE(arena, state->m, rows);
    TKRI_TAKE(arena, state->aux, rows);
    TKRI_TAKE(arena, state->x, rows);
    TKRI_TAKE(arena, state->y, rows);
    TKRI_TAKE(arena, state->q, tkri_mul(batch, (uint64_t)state->q_row));
    TKRI_TAKE(arena, state->q_scale, state->cell->precision == TKR_INT8 ? batch : 0);
}

/* One stream of a plain layer: products and pointwise part in one go. */
static int step_fused(const tkr_cell *cell, tkr_state *state, const tkri_layer *layer,
                      tkri_signal in) {
    static const float one = 1.0f;
    const tkri_direction *d = &layer->direction[0];
    const float *values = cell->net->values, *derived = cell->net->derived;
    if (layer->precision || !layer->ops->step || state->batch != 1 || layer->out != layer->units ||
        layer->zoneout > 0.0f || layer->zoneout_cell > 0.0f) {
        return 0;
    }
    tkri_stream s = {
        .x = in.p,
        .x_len = layer->input,
        .input = layer->input,
        .units = layer->units,
        .w_ih = values + d->w_ih,
        .w_hh = values + d->w_hh,
        .bias = derived + d->bias,
        .q_bias = d->q_bias < 0 ? NULL : derived + d->q_bias,
        .h = state->values + d->state_h,
        .h_next = state->h,
        .c = d->state_c < 0 ? NULL : state->values + d->state_c,
        .peep = d->peep < 0 ? NULL : values + d->peep,
        .ld_c = layer->units_ld,
    };
    if (in.ids) { /* one row of w_ih, or none */
        s.x = &one;
        s.x_len = in.ids[0] >= 0;
        s.w_ih += s.x_len * in.ids[0] * layer->ops->gates * cell->kern->vl;
    }
    layer->ops->step(&s);
    return 1;
}

/* Whatever step_fused() does not do. */
static __attribute__((noinline)) void step_pieces(const tkr_cell *cell, tkr_state *state,
                                                  const tkri_layer *layer, tkri_signal in) {
    const tkri_direction *d = &layer->direction[0];
    const int64_t batch = state->batch, h_len = batch * layer->out_ld;
    float *h = tkri_state_rows(state->values, d->state_h, batch);
    float *c = d->state_c < 0 ? NULL : tkri_state_rows(state->values, d->state_c, batch);
    tkri_recur r = {
        .kern = cell->kern,
        .net = cell->net,
        .layer = layer,
        .direction = d,
        .rows = batch,
        .gates = state->gates,
        .h_prev = h,
        .h_in = h,
        .h = state->h,
        .c_prev = c,
        .c = state->c,
        .m = layer->out != layer->units ? state->m : NULL,
        .aux = state->aux,
    };
    tkri_gate_strides(layer, cell->kern->vl, batch, &r.row_stride, &r.tile_stride);
    if (layer->precision) {
        tkri_reduced_recurrent(cell, state, &r, in);
    } else {
        tkri_recur_input(&r, in.p, in.ld, in.ids, 0);
        tkri_recur_forward(&r);
    }
    if (layer->zoneout > 0.0f) {
        tkri_zone(r.h, h, NULL, layer->zoneout, h_len);
    }
    if (layer->zoneout_cell > 0.0f) {
        tkri_zone(r.c, c, NULL, layer->zoneout_cell, batch * layer->units_ld);
    }
    memcpy(h, r.h, (size_t)h_len * sizeof *h);
    if (c) {
        memcpy(c, r.c, (size_t)(batch * layer->units_ld) * sizeof *c);
    }
}

static tkri_signal step_recurrent(const tkr_cell *cell, tkr_state *state, const tkri_layer *layer,
                                  tkri_signal in, float *out) {
    const float *h = tkri_state_rows(state->values, layer->direction[0].state_h, state->batch);
    if (layer->output_before) {
        memcpy(out, h, (size_t)(state->batch * layer->out_ld) * sizeof *out);
        h = out;
    }
    if ((in.p || in.ids) && !step_fused(cell, state, layer, in)) {
        step_pieces(cell, state, layer, in);
    }
    return (tkri_signal){h, layer->out_ld, NULL};
}

static void float_linear(const tkr_cell *cell, const tkr_state *state, const tkri_layer *layer,
                         tkri_signal in, float *out) {
    tkri_product p = tkri_plain_product(cell->kern, layer->units, cell->net->values + layer->weight,
                                        layer->input);
    p.rows = state->batch;
    p.a = in.p;
    p.a_row = in.ld;
    p.c = out;
    p.c_row = tkri_row_len(layer->output);
    if (layer->bias >= 0) {
        p.start = cell->net->values + layer->bias;
        p.from = TKRI_FROM_ROW;
    }
    for (int64_t panel = 0; in.ids && panel < p.panels.n; panel++) {
        const tkri_gemm g = tkri_product_panel(&p, panel);
        cell->kern->gather(&g, in.ids);
    }
    if (!in.ids) {
        tkri_product_run(&p);
    }
}

static tkri_signal step_linear(const tkr_cell *cell, tkr_state *state, const tkri_layer *layer,
                               tkri_signal in, float *out) {
    const int64_t ld = tkri_row_len(layer->output);
    if (layer->precision) {
        tkri_reduced_linear(cell, state, layer, in, out);
    } else {
        float_linear(cell, state, layer, in, out);
    }
    if (layer->activation != TKR_IDENTITY) {
        cell->kern->activate(out, out, state->batch * ld, layer->activation);
    }
    return (tkri_signal){out, ld, NULL};
}

static tkri_signal step_embedding(const tkr_cell *cell, const tkr_state *state,
                                  const tkri_layer *layer, const int32_t *ids, float *out) {
    const int64_t ld = tkri_row_len(layer->output);
    const int64_t table_ld = tkri_tiles(layer->units, cell->kern->vl) * cell->kern->vl;
    const float *table = cell->net->values + layer->weight;
    const size_t row = (size_t)layer->units * sizeof *out;
    for (int64_t b = 0; b < state->batch; b++) {
        if (ids[b] < 0) {
            memset(out + b * ld, 0, row);
        } else {
            memcpy(out + b * ld, table + ids[b] * table_ld, row);
        }
    }
    return (tkri_signal){out, ld, NULL};
}

static tkri_signal step_layer(const tkr_cell *cell, tkr_state *state, int64_t l, tkri_signal in,
                              float *out) {
    const tkri_layer *layer = &cell->net->layers[l];
    if (tkri_is_recurrent(layer->kind)) {
        return step_recurrent(cell, state, layer, in, out);
    }
    if (layer->kind == TKR_DROPOUT || (!in.p && !in.ids)) {
        return in;
    }
    if (layer->kind == TKR_LINEAR) {
        return step_linear(cell, state, layer, in, out);
    }
    return step_embedding(cell, state, layer, in.ids, out);
}

/* libc's copy takes longer to find out how to do it than most rows are long. */
static void copy_row(float *to, const float *from, int64_t n) {
    int64_t i = 0;
    for (; i + 4 <= n; i += 4) {
        memcpy(to + i, from + i, 4 * sizeof *to);
    }
    for (; i < n; i++) {
        to[i] = from[i];
    }
}

void tkri_step(const tkr_cell *cell, tkr_state *state, float *y, const float *x,
               const int32_t *ids) {
    const tkri_net *net = cell->net;
    const uint64_t mode = tkri_fpmode_enter();
    tkri_signal s = {x, net->input, ids};
    for (int64_t l = 0; l < net->n_layers; l++) {
        s = step_layer(cell, state, l, s, l % 2 ? state->y : state->x);
    }
    for (int64_t b = 0; y && b < state->batch; b++) {
        copy_row(y + b * net->output, s.p + b * s.ld, net->output);
    }
    tkri_fpmode_leave(mode);
}
