/* SPDX-License-Identifier: MIT
 * A recurrent layer forward: step by step over a chunk's rows of a segment. */
#include <string.h>

#include "layer/recur_scan.h"

enum { INPUT_ROWS = 192 };

/* The input's rows in reversed order. */
static void reverse_input(const tkri_scan *a, const float *x, int64_t ld, const int32_t *ids) {
    const tkri_chunk *chunk = a->chunk;
    const int64_t to_ld = tkri_row_len(a->layer->input);
    for (int64_t r = 0; r < chunk->held; r++) {
        const int64_t from = a->u->plan.reverse[chunk->row0 + r];
        if (ids) {
            a->u->tape.reverse_ids[chunk->row0 + r] = ids[from];
        } else {
            memcpy(a->run->x + (chunk->tape + r) * to_ld, x + from * ld,
                   (size_t)a->layer->input * sizeof *x);
        }
    }
}

tkri_recur tkri_recur_at(const tkri_scan *a, int64_t t) {
    const tkri_recurrent *layer = a->layer;
    const tkri_chunk *chunk = a->chunk;
    const int32_t vl = a->u->cell->kern->vl;
    const int64_t row = tkri_held_row(chunk, t), all = chunk->tape + row;
    const int64_t before = t > chunk->from ? chunk->batch + tkri_held_row(chunk, t - 1) : 0;
    const int64_t now = a->state_row + chunk->batch + row;
    tkri_recur r = {
        .kern = a->u->cell->kern,
        .net = a->u->net,
        .layer = layer,
        .direction = a->direction,
        .rows = chunk->active[t],
        .team =
            tkri_lone_team(a->u, chunk->active[t] * layer->units * layer->out * layer->ops->gates),
        .h_prev = a->run->h + (a->state_row + before) * layer->out_ld,
        .h = a->run->h + now * layer->out_ld,
    };
    tkri_gate_strides(layer, vl, chunk->held, &r.row_stride, &r.tile_stride);
    r.gates = a->run->gates + chunk->tape * tkri_gate_floats(layer, vl) + row * r.row_stride;
    r.h_in = a->run->h_in ? a->run->h_in + all * layer->out_ld : r.h_prev;
    r.m = a->run->m ? a->run->m + all * layer->units_ld : NULL;
    r.aux = a->run->aux ? a->run->aux + all * layer->units_ld : NULL;
    if (a->run->terms) {
        r.terms = a->run->terms + chunk->number * tkri_terms_len(layer);
    }
    if (layer->ops->has_c) {
        r.c_prev = a->run->c + (a->state_row + before) * layer->units_ld;
        r.c = a->run->c + now * layer->units_ld;
    }
    return r;
}

/* h_in = mask * h_prev. */
static void drop_state(const tkri_scan *a, const tkri_recur *r, int64_t t) {
    const int64_t ld = a->layer->out_ld;
    const float *mask = a->run->h_mask + a->chunk->batch0 * ld;
    float *h_in = a->run->h_in + (a->chunk->tape + tkri_held_row(a->chunk, t)) * ld;
    for (int64_t i = 0; i < r->rows * ld; i++) {
        h_in[i] = mask[i] * r->h_prev[i];
    }
}

static void zone_state(const tkri_scan *a, int64_t t, const tkri_recur *r) {
    const tkri_recurrent *layer = a->layer;
    const int64_t row = a->chunk->tape + tkri_held_row(a->chunk, t);
    if (layer->zoneout > 0.0f) {
        r->kern->zone(r->h, r->h_prev, a->run->h_zone ? a->run->h_zone + row * layer->out_ld : NULL,
                      layer->zoneout, r->rows * layer->out_ld);
    }
    if (layer->zoneout_cell > 0.0f) {
        r->kern->zone(r->c, r->c_prev,
                      a->run->c_zone ? a->run->c_zone + row * layer->units_ld : NULL,
                      layer->zoneout_cell, r->rows * layer->units_ld);
    }
}

/* The input's part of the steps from t on, at least INPUT_ROWS rows of them: few enough that the
 * steps find them in a cache. Returns the first step without it. */
static int64_t run_input(const tkri_scan *a, int64_t t, tkri_view x, const int32_t *ids) {
    const int64_t row = tkri_held_row(a->chunk, t);
    tkri_recur some = tkri_recur_at(a, t);
    for (some.rows = 0; t < a->chunk->to && some.rows < INPUT_ROWS; t++) {
        some.rows += a->chunk->active[t];
    }
    some.team =
        tkri_lone_team(a->u, some.rows * a->layer->input * a->layer->units * a->layer->ops->gates);
    tkri_recur_input(&some, ids ? NULL : x.p + row * x.ld, x.ld, ids ? ids + row : NULL);
    return t;
}

/* The states before the segment's steps come from a checkpoint, those after them go to the next. */
static void load_states(const tkri_scan *a) {
    const tkri_recurrent *layer = a->layer;
    tkri_slot_load(a->u, a->chunk, a->direction->state_h, layer->out_ld,
                   a->run->h + a->state_row * layer->out_ld);
    if (a->direction->state_c >= 0) {
        tkri_slot_load(a->u, a->chunk, a->direction->state_c, layer->units_ld,
                       a->run->c + a->state_row * layer->units_ld);
    }
}

static void store_states(const tkri_scan *a) {
    const tkri_recurrent *layer = a->layer;
    tkri_slot_store(a->u, a->chunk, a->direction->state_h, layer->out_ld,
                    a->run->h + a->state_row * layer->out_ld);
    if (a->direction->state_c >= 0) {
        tkri_slot_store(a->u, a->chunk, a->direction->state_c, layer->units_ld,
                        a->run->c + a->state_row * layer->units_ld);
    }
}

static void scan(const tkri_scan *a, tkri_view x, const int32_t *ids) {
    int64_t ready = a->chunk->from;
    load_states(a);
    for (int64_t t = a->chunk->from; t < a->chunk->to; t++) {
        if (t == ready) {
            ready = run_input(a, t, x, ids);
        }
        const tkri_recur r = tkri_recur_at(a, t);
        if (a->run->h_in) {
            drop_state(a, &r, t);
        }
        tkri_recur_forward(&r);
        zone_state(a, t, &r);
    }
    store_states(a);
}

/* The hidden states of one direction as the layer's output: side by side with the other's, in
 * reversed order, or each step's state before it. */
static void put_output(const tkri_scan *a, tkri_view y) {
    const tkri_recurrent *layer = a->layer;
    const tkri_chunk *chunk = a->chunk;
    for (int64_t t = chunk->from; t < chunk->to; t++) {
        for (int64_t i = 0; i < chunk->active[t]; i++) {
            const int64_t row = tkri_held_row(chunk, t) + i;
            const int backwards = a->direction->backwards;
            int64_t from = chunk->batch + (backwards ? a->u->plan.reverse[chunk->row0 + row] : row);
            if (layer->output_before) {
                from = t > chunk->from ? chunk->batch + tkri_held_row(chunk, t - 1) + i : i;
            }
            memcpy(y.p + row * y.ld + a->direction->number * layer->out,
                   a->run->h + (a->state_row + from) * layer->out_ld,
                   (size_t)layer->out * sizeof *y.p);
        }
    }
}

int32_t tkri_recurrent_forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    const tkri_view x = tkri_layer_input(u, l, 0, chunk);
    const int32_t *ids = tkri_held_ids(u, l, chunk);
    for (int32_t d = 0; d < layer->directions; d++) {
        const tkri_scan a = tkri_scan_of(u, l, d, chunk);
        if (!a.direction->backwards) {
            scan(&a, x, ids);
        } else {
            const int64_t ld = tkri_row_len(layer->input);
            reverse_input(&a, x.p, x.ld, ids);
            scan(&a, (tkri_view){a.run->x + chunk->tape * ld, ld},
                 ids ? u->tape.reverse_ids + chunk->row0 : NULL);
        }
        if (u->tape.layers[l].y) {
            put_output(&a, tkri_layer_output(u, l, chunk));
        }
    }
    return TKR_OK;
}
