/* SPDX-License-Identifier: MIT
 * The forward pass: for every chunk of the batch, segment by segment of its steps, layer by layer
 * over the steps of one. */
#include <string.h>

#include "core/fpmode.h"
#include "seq/seq.h"

enum { INPUT_ROWS = 192 };

/* The input's rows in reversed order. */
static void reverse_input(const tkri_lane *a, const float *x, int64_t ld, const int32_t *ids) {
    const tkri_chunk *chunk = a->chunk;
    const int64_t to_ld = tkri_row_len(a->layer->input);
    for (int64_t r = 0; r < chunk->held; r++) {
        const int64_t from = a->seq->reverse[chunk->row0 + r];
        if (ids) {
            a->seq->reverse_ids[chunk->row0 + r] = ids[from];
        } else {
            memcpy(a->run->x + (chunk->tape + r) * to_ld, x + from * ld,
                   (size_t)a->layer->input * sizeof *x);
        }
    }
}

/* The arguments of step t of this lane. */
tkri_recur tkri_recur_at(const tkri_lane *a, int64_t t) {
    const tkri_layer *layer = a->layer;
    const tkri_chunk *chunk = a->chunk;
    const int32_t vl = a->seq->cell->kern->vl;
    const int64_t row = tkri_held_row(chunk, t), all = chunk->tape + row;
    const int64_t before = t > chunk->from ? chunk->batch + tkri_held_row(chunk, t - 1) : 0;
    const int64_t now = a->state_row + chunk->batch + row;
    tkri_recur r = {
        .kern = a->seq->cell->kern,
        .net = a->seq->net,
        .layer = layer,
        .direction = a->direction,
        .rows = chunk->active[t],
        .crew = tkri_lone_crew(a->seq,
                               chunk->active[t] * layer->units * layer->out * layer->ops->gates),
        .h_prev = a->run->h + (a->state_row + before) * layer->out_ld,
        .h = a->run->h + now * layer->out_ld,
    };
    tkri_gate_strides(layer, vl, chunk->held, &r.row_stride, &r.tile_stride);
    r.gates = a->run->gates + chunk->tape * tkri_gate_floats(layer, vl) + row * r.row_stride;
    r.h_in = a->run->h_in ? a->run->h_in + all * layer->out_ld : r.h_prev;
    r.m = a->run->m ? a->run->m + all * layer->units_ld : NULL;
    r.aux = a->run->aux ? a->run->aux + all * layer->units_ld : NULL;
    if (a->run->terms) {
        r.terms = a->run->terms + (chunk - a->seq->chunks) * tkri_terms_len(layer);
    }
    if (layer->ops->has_c) {
        r.c_prev = a->run->c + (a->state_row + before) * layer->units_ld;
        r.c = a->run->c + now * layer->units_ld;
    }
    return r;
}

/* h_in = mask * h_prev. */
static void drop_state(const tkri_lane *a, const tkri_recur *r) {
    const int64_t ld = a->layer->out_ld;
    const float *mask = a->run->h_mask + a->chunk->batch0 * ld;
    float *h_in = (float *)(uintptr_t)r->h_in;
    for (int64_t i = 0; i < r->rows * ld; i++) {
        h_in[i] = mask[i] * r->h_prev[i];
    }
}

void tkri_zone(float *x, const float *before, const float *mask, float rate, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        x[i] += (mask ? mask[i] : rate) * (before[i] - x[i]);
    }
}

static void zone_state(const tkri_lane *a, int64_t t, const tkri_recur *r) {
    const tkri_layer *layer = a->layer;
    const int64_t row = a->chunk->tape + tkri_held_row(a->chunk, t);
    if (layer->zoneout > 0.0f) {
        tkri_zone(r->h, r->h_prev, a->run->h_zone ? a->run->h_zone + row * layer->out_ld : NULL,
                  layer->zoneout, r->rows * layer->out_ld);
    }
    if (layer->zoneout_cell > 0.0f) {
        tkri_zone(r->c, r->c_prev, a->run->c_zone ? a->run->c_zone + row * layer->units_ld : NULL,
                  layer->zoneout_cell, r->rows * layer->units_ld);
    }
}

/* The input's part of the steps from t on, at least INPUT_ROWS rows of them: few enough that the
 * steps find them in a cache. Returns the first step without it. */
static int64_t run_input(const tkri_lane *a, int64_t t, tkri_view x, const int32_t *ids) {
    const int64_t row = tkri_held_row(a->chunk, t);
    tkri_recur some = tkri_recur_at(a, t);
    for (some.rows = 0; t < a->chunk->to && some.rows < INPUT_ROWS; t++) {
        some.rows += a->chunk->active[t];
    }
    some.crew = tkri_lone_crew(
        a->seq, some.rows * a->layer->input * a->layer->units * a->layer->ops->gates);
    tkri_recur_input(&some, ids ? NULL : x.p + row * x.ld, x.ld, ids ? ids + row : NULL, 1);
    return t;
}

static void run_lane(const tkri_lane *a, tkri_view x, const int32_t *ids) {
    int64_t ready = a->chunk->from;
    tkri_load_state(a);
    for (int64_t t = a->chunk->from; t < a->chunk->to; t++) {
        if (t == ready) {
            ready = run_input(a, t, x, ids);
        }
        const tkri_recur r = tkri_recur_at(a, t);
        if (a->run->h_in) {
            drop_state(a, &r);
        }
        tkri_recur_forward(&r);
        zone_state(a, t, &r);
    }
    tkri_store_state(a);
}

/* The hidden states of one direction as the layer's output: side by side with the other's, in
 * reversed order, or each step's state before it. */
static void put_output(const tkri_lane *a, int32_t d, tkri_view y) {
    const tkri_layer *layer = a->layer;
    const tkri_chunk *chunk = a->chunk;
    for (int64_t t = chunk->from; t < chunk->to; t++) {
        for (int64_t i = 0; i < chunk->active[t]; i++) {
            const int64_t row = tkri_held_row(chunk, t) + i;
            int64_t from = chunk->batch + (d ? a->seq->reverse[chunk->row0 + row] : row);
            if (layer->output_before) {
                from = t > chunk->from ? chunk->batch + tkri_held_row(chunk, t - 1) + i : i;
            }
            memcpy(y.p + row * y.ld + d * layer->out,
                   a->run->h + (a->state_row + from) * layer->out_ld,
                   (size_t)layer->out * sizeof *y.p);
        }
    }
}

static void forward_recurrent(tkr_sequence *seq, int64_t l, const tkri_chunk *chunk) {
    const tkri_layer *layer = &seq->net->layers[l];
    const tkri_view x = tkri_layer_input(seq, l, chunk);
    const int32_t *ids = l == 0 ? tkri_held_ids(seq, chunk) : NULL;
    for (int32_t d = 0; d < layer->directions; d++) {
        const tkri_lane a = tkri_lane_of(seq, l, d, chunk);
        if (d == 0) {
            run_lane(&a, x, ids);
        } else {
            const int64_t ld = tkri_row_len(layer->input);
            reverse_input(&a, x.p, x.ld, ids);
            run_lane(&a, (tkri_view){a.run->x + chunk->tape * ld, ld},
                     ids ? seq->reverse_ids + chunk->row0 : NULL);
        }
        if (seq->tapes[l].y) {
            put_output(&a, d, tkri_layer_output(seq, l, chunk));
        }
    }
}

static void forward_linear(tkr_sequence *seq, int64_t l, const tkri_chunk *chunk) {
    const tkri_layer *layer = &seq->net->layers[l];
    const tkri_view x = tkri_layer_input(seq, l, chunk), y = tkri_layer_output(seq, l, chunk);
    const tkri_kern *kern = seq->cell->kern;
    tkri_product p =
        tkri_plain_product(kern, layer->units, seq->net->values + layer->weight, layer->input);
    p.a = x.p;
    p.a_row = x.ld;
    p.rows = chunk->held;
    p.c = y.p;
    p.c_row = y.ld;
    p.bulk = 1;
    p.crew = tkri_lone_crew(seq, p.rows * layer->input * layer->units);
    if (layer->bias >= 0) {
        p.start = seq->net->values + layer->bias;
        p.from = TKRI_FROM_ROW;
    }
    if (l == 0 && seq->has_ids) {
        for (int64_t panel = 0; panel < p.panels.n; panel++) {
            const tkri_gemm g = tkri_product_panel(&p, panel);
            kern->gather(&g, tkri_held_ids(seq, chunk));
        }
    } else {
        tkri_product_run(&p);
    }
    if (layer->activation != TKR_IDENTITY) {
        kern->activate(y.p, y.p, chunk->held * y.ld, layer->activation);
    }
}

static void forward_embedding(tkr_sequence *seq, int64_t l, const tkri_chunk *chunk) {
    const tkri_layer *layer = &seq->net->layers[l];
    const tkri_view y = tkri_layer_output(seq, l, chunk);
    const int64_t table_ld = tkri_tiles(layer->units, seq->cell->kern->vl) * seq->cell->kern->vl;
    const float *table = seq->net->values + layer->weight;
    const int32_t *ids = tkri_held_ids(seq, chunk);
    for (int64_t r = 0; r < chunk->held; r++) {
        if (ids[r] < 0) {
            memset(y.p + r * y.ld, 0, (size_t)layer->units * sizeof *y.p);
        } else {
            memcpy(y.p + r * y.ld, table + ids[r] * table_ld, (size_t)layer->units * sizeof *y.p);
        }
    }
}

static void forward_dropout(tkr_sequence *seq, int64_t l, const tkri_chunk *chunk) {
    const tkri_tape *tape = &seq->tapes[l];
    if (!tape->mask) {
        return;
    }
    const tkri_view x = tkri_layer_input(seq, l, chunk), y = tkri_layer_output(seq, l, chunk);
    const int64_t width = seq->net->layers[l].output;
    for (int64_t r = 0; r < chunk->held; r++) {
        const float *mask = tape->mask + (chunk->tape + r) * tape->y_ld;
        for (int64_t j = 0; j < width; j++) {
            y.p[r * y.ld + j] = mask[j] * x.p[r * x.ld + j];
        }
    }
}

void tkri_forward_segment(tkr_sequence *seq, tkri_chunk *chunk, int64_t segment) {
    chunk->segment = segment;
    chunk->from = tkri_min(segment * seq->segment, chunk->steps);
    chunk->to = tkri_min(chunk->from + seq->segment, chunk->steps);
    chunk->skip = chunk->first[chunk->from];
    chunk->held = chunk->first[chunk->to] - chunk->skip;
    if (seq->mode & TKR_TRAINING) {
        tkri_draw_masks(seq, chunk);
    }
    for (int64_t l = 0; l < seq->net->n_layers; l++) {
        switch (seq->net->layers[l].kind) {
            case TKR_LINEAR:
                forward_linear(seq, l, chunk);
                break;
            case TKR_EMBEDDING:
                forward_embedding(seq, l, chunk);
                break;
            case TKR_DROPOUT:
                forward_dropout(seq, l, chunk);
                break;
            default:
                forward_recurrent(seq, l, chunk);
        }
    }
}

static void forward_chunk(void *argument, int64_t index) {
    tkr_sequence *seq = argument;
    tkri_chunk *chunk = &seq->chunks[index];
    const uint64_t mode = tkri_fpmode_enter();
    for (int64_t s = 0; s == 0 || s * seq->segment < chunk->steps; s++) {
        tkri_forward_segment(seq, chunk, s);
    }
    tkri_fpmode_leave(mode);
}

void tkri_forward(tkr_sequence *seq) {
    seq->mask_seed = seq->seed;
    seq->mask_draws = seq->draws++;
    seq->ran_version = seq->cell->version;
    tkri_crew_run(&seq->crew, seq->n_chunks, forward_chunk, seq);
}
