/* SPDX-License-Identifier: MIT
 * Back-propagation through time (Werbos 1990) in a recurrent layer: step by step backwards over a
 * window's piece, then dx for all its rows at once. */
#include <string.h>

#include "layer/recur_scan.h"

/* Buffers of one step, [B][units_ld] each, in run->work. */
enum { WORK_H_IN, WORK_M, WORK_AUX, WORK_ZONE_H, WORK_ZONE_C };

static float *work_of(const tkri_scan *a, int64_t which) {
    return a->run->work + (which * a->u->plan.max_batch + a->chunk->batch0) * a->layer->units_ld;
}

/* dy is the gradient of the output of step t, or of the layer's above that gives it. */
static void add_output_gradient(const tkri_scan *a, float *dh, tkri_view dy, int64_t t) {
    const tkri_kern *kern = a->u->cell->kern;
    const int64_t ld = a->layer->out_ld, row = tkri_held_row(a->chunk, t), n = a->chunk->active[t];
    const int64_t above = tkri_gives_steps(a->u, a->l);
    if (above >= 0) {
        a->u->net->layers[above].ops->add_rows(a->u, above, a->chunk, row, n, (tkri_view){dh, ld});
        return;
    }
    if (dy.ld == ld && a->layer->out == ld) {
        kern->add(dh, dy.p + row * ld, n * ld);
        return;
    }
    for (int64_t i = 0; i < n; i++) {
        kern->add(dh + i * ld, dy.p + (row + i) * dy.ld, a->layer->out);
    }
}

/* The rows of one step of a direction that goes backwards are of different times where lengths
 * differ. */
static void record_norm(const tkri_scan *a, const float *dh, int64_t t) {
    const tkri_plan *plan = &a->u->plan;
    const tkri_net *net = a->u->net;
    const tkri_kern *kern = a->u->cell->kern;
    const int64_t ld = a->layer->out_ld;
    const int64_t track = net->layers[a->l].track + a->direction->number;
    double *norms = a->u->grad.norms + (a->chunk->number * net->n_tracks + track) * plan->max_steps;
    if (!a->direction->backwards) {
        norms[t] = kern->sum_squares(dh, a->chunk->active[t] * ld, 0.0f);
        return;
    }
    for (int64_t i = 0; i < a->chunk->active[t]; i++) {
        const int64_t when = plan->length[a->chunk->batch0 + i] - 1 - t;
        norms[when] += kern->sum_squares(dh + i * ld, ld, 0.0f);
    }
}

static void add_product(float *d, const float *mask, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        d[i] += mask[i] * x[i];
    }
}

/* What the cell's own backward step needs around it where masks are in play. */
static void before_step(const tkri_scan *a, int64_t t, tkri_recur *r) {
    const tkri_run *run = a->run;
    const int64_t row = a->chunk->tape + tkri_held_row(a->chunk, t);
    const int64_t h_len = r->rows * a->layer->out_ld, c_len = r->rows * a->layer->units_ld;
    if (run->h_zone) {
        r->kern->zone_gradient(r->dh, work_of(a, WORK_ZONE_H), run->h_zone + row * a->layer->out_ld,
                               h_len);
    }
    if (run->c_zone) {
        r->kern->zone_gradient(r->dc, work_of(a, WORK_ZONE_C),
                               run->c_zone + row * a->layer->units_ld, c_len);
    }
    if (run->dp) {
        memcpy(run->dp + row * a->layer->out_ld, r->dh, (size_t)h_len * sizeof *r->dh);
    }
    if (run->h_mask) {
        r->dh_in = work_of(a, WORK_H_IN);
        memset(r->dh_in, 0, (size_t)h_len * sizeof *r->dh_in);
    }
}

static void after_step(const tkri_scan *a, tkri_recur *r) {
    const tkri_run *run = a->run;
    const tkri_kern *kern = a->u->cell->kern;
    const int64_t ld = a->layer->out_ld;
    if (run->h_mask) {
        add_product(r->dh, run->h_mask + a->chunk->batch0 * ld, r->dh_in, r->rows * ld);
    }
    if (run->h_zone) {
        kern->add(r->dh, work_of(a, WORK_ZONE_H), r->rows * ld);
    }
    if (run->c_zone) {
        kern->add(r->dc, work_of(a, WORK_ZONE_C), r->rows * a->layer->units_ld);
    }
}

static tkri_recur backward_at(const tkri_scan *a, int64_t t) {
    const tkri_recurrent *layer = a->layer;
    const tkri_direction *d = a->direction;
    tkri_recur r = tkri_recur_at(a, t);
    r.dgates = a->run->dgates + (r.gates - a->run->gates);
    r.dh = r.dh_in = tkri_slot_gradient(a->u, a->chunk, d->state_h, layer->out_ld);
    r.dc = d->state_c < 0 ? NULL : tkri_slot_gradient(a->u, a->chunk, d->state_c, layer->units_ld);
    r.dm = work_of(a, WORK_M);
    r.daux = work_of(a, WORK_AUX);
    r.w_hh_t = a->run->w_hh_t;
    r.w_hr_t = a->run->w_hr_t;
    r.dpeep = a->run->dpeep ? a->run->dpeep + a->chunk->number * 3 * layer->units_ld : NULL;
    return r;
}

static void step_back(const tkri_scan *a, tkri_view dy, int64_t t) {
    tkri_recur r = backward_at(a, t);
    if (!a->layer->output_before) {
        add_output_gradient(a, r.dh, dy, t);
    }
    if (a->u->grad.norms) {
        record_norm(a, r.dh, t);
    }
    before_step(a, t, &r);
    tkri_recur_backward(&r);
    after_step(a, &r);
    if (a->layer->output_before) {
        add_output_gradient(a, r.dh, dy, t);
    }
}

static void scan_back(const tkri_scan *a, const tkri_window *w, tkri_view dy) {
    const tkri_recurrent *layer = a->layer;
    const tkri_direction *d = a->direction;
    tkri_slot_gradient_start(a->u, a->chunk, w, d->state_h, layer->out_ld);
    if (d->state_c >= 0) {
        tkri_slot_gradient_start(a->u, a->chunk, w, d->state_c, layer->units_ld);
    }
    for (int64_t t = tkri_min(w->to, a->chunk->to) - 1; t >= w->from; t--) {
        step_back(a, dy, t);
    }
    if (w->from == 0) {
        tkri_slot_gradient_end(a->u, a->chunk, d->state_h, layer->out_ld);
        if (d->state_c >= 0) {
            tkri_slot_gradient_end(a->u, a->chunk, d->state_c, layer->units_ld);
        }
    }
}

/* dx = dgates W_ih for the window's rows of a scan; of the first layer, windows add up. */
static void input_gradient(const tkri_scan *a, const tkri_window *w, tkri_view dx, int32_t start) {
    const tkri_recurrent *layer = a->layer;
    const tkri_kern *kern = a->u->cell->kern;
    const int64_t vl = kern->vl, tiles = tkri_tiles(layer->units, kern->vl);
    const int64_t gates = layer->ops->gates;
    int64_t from, to, row_stride, tile_stride;
    tkri_window_rows(a->chunk, w, &from, &to);
    tkri_gate_strides(layer, kern->vl, a->chunk->held, &row_stride, &tile_stride);
    tkri_product p = tkri_plain_product(kern, layer->input, a->run->w_ih_t, tiles * gates * vl);
    p.blas = a->u->grad.blas;
    p.from = start;
    p.rows = to - from;
    p.team = tkri_lone_team(a->u, p.rows * layer->input * layer->units * gates);
    p.a = a->run->dgates + a->chunk->tape * tkri_gate_floats(layer, kern->vl) + from * row_stride +
          layer->ops->ih_field * vl;
    p.a_row = row_stride;
    if (layer->ops->fields > 1) {
        p.blocks = tiles;
        p.block_rows = p.k = gates * vl;
        p.a_block = tile_stride;
    }
    if (layer->ops->fields == 1) {
        p.k = layer->units;
    }
    p.c = dx.p + from * dx.ld;
    p.c_row = dx.ld;
    tkri_product_run(&p);
}

/* The output's gradient of a direction that goes backwards, in its own order. */
static tkri_view reverse_gradient(const tkri_scan *a, tkri_view dy) {
    const tkri_chunk *chunk = a->chunk;
    const int64_t ld = a->layer->out_ld, first = a->direction->number * a->layer->out;
    tkri_view own = {a->run->dy + chunk->tape * ld, ld};
    for (int64_t r = 0; r < chunk->held; r++) {
        memcpy(own.p + r * ld, dy.p + a->u->plan.reverse[chunk->row0 + r] * dy.ld + first,
               (size_t)a->layer->out * sizeof *own.p);
    }
    return own;
}

static void put_reversed(const tkri_scan *a, tkri_view dx, const float *own, int64_t ld,
                         int32_t start) {
    const tkri_chunk *chunk = a->chunk;
    const size_t row = (size_t)a->layer->input * sizeof *own;
    for (int64_t r = 0; r < chunk->held; r++) {
        float *to = dx.p + a->u->plan.reverse[chunk->row0 + r] * dx.ld;
        if (start == TKRI_FROM_ZERO) {
            memcpy(to, own + r * ld, row);
        } else {
            a->u->cell->kern->add(to, own + r * ld, a->layer->input);
        }
    }
}

/* A direction that goes backwards makes dx in its own order first. */
static void direction_gradient(const tkri_scan *a, const tkri_window *w, tkri_view dx,
                               int32_t start) {
    if (!a->direction->backwards) {
        input_gradient(a, w, dx, start);
        return;
    }
    const int64_t ld = tkri_row_len(a->layer->input);
    const tkri_view own = {a->run->dx + a->chunk->tape * ld, ld};
    input_gradient(a, w, own, TKRI_FROM_ZERO);
    put_reversed(a, dx, own.p, ld, start);
}

int32_t tkri_recurrent_backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk,
                                const tkri_window *window) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    const tkri_view dx = tkri_input_gradient(u, l, 0, chunk);
    const tkri_view dy =
        tkri_gives_steps(u, l) >= 0 ? (tkri_view){NULL, 0} : tkri_layer_gradient(u, l, chunk);
    int32_t start = tkri_input_gradient_from(u, l, 0);
    for (int32_t d = 0; d < layer->directions; d++) {
        const tkri_scan a = tkri_scan_of(u, l, d, chunk);
        scan_back(&a, window, a.direction->backwards ? reverse_gradient(&a, dy) : dy);
        if (dx.p) {
            direction_gradient(&a, window, dx, start);
            start = TKRI_FROM_C;
        }
    }
    return TKR_OK;
}

void tkri_recurrent_begin(tkri_unroll *u, int64_t l) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    for (int32_t d = 0; d < layer->directions; d++) {
        float *dpeep = tkri_run_of(u, l, d)->dpeep;
        if (dpeep) {
            const int64_t n = TKRI_MAX_CHUNKS * 3 * layer->units_ld;
            memset(dpeep, 0, (size_t)n * sizeof *dpeep);
        }
    }
}
