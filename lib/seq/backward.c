/* SPDX-License-Identifier: MIT
 * Back-propagation through time (Werbos 1990): for every chunk, layer by layer downwards and step
 * by step backwards; then the weights' gradients. Truncated (Williams & Peng 1990), the same for
 * each window of steps; a window that lies in several segments goes piece by piece, last first. */
#include <math.h>
#include <string.h>

#include "core/fpmode.h"
#include "seq/seq.h"

/* One pass over a window or a piece of it, as the crew sees it. */
typedef struct pass {
    tkr_sequence *seq;
    tkri_window window;
} pass;

/* Buffers of one step, [B][units_ld] each, in run->work. */
enum { WORK_H_IN, WORK_M, WORK_AUX, WORK_ZONE_H, WORK_ZONE_C };

static float *work_of(const tkri_lane *a, int64_t which) {
    return a->run->work + (which * a->seq->max_batch + a->chunk->batch0) * a->layer->units_ld;
}

/* This chunk's rows of a slot in the flat array `rec`, whose rows are sorted like the chunks. */
static float *rec_rows(const tkri_lane *a, int64_t column, int64_t ld) {
    return tkri_state_rows(a->seq->rec, column, a->seq->max_batch) + a->chunk->batch0 * ld;
}

static float *user_row(const tkri_lane *a, float *flat, int64_t column, int64_t ld, int64_t i) {
    return tkri_state_rows(flat, column, a->seq->max_batch) +
           a->seq->order[a->chunk->batch0 + i] * ld;
}

/* A sequence's final state counts in the window that has its last step's loss. */
static int starts_here(const tkri_lane *a, const tkri_window *w, int64_t i) {
    const int64_t len = a->seq->length[a->chunk->batch0 + i];
    return len <= w->to && (len > w->losses_from || w->losses_from == 0);
}

static void start_slot(const tkri_lane *a, const tkri_window *w, int64_t column, int64_t ld) {
    float *rec = rec_rows(a, column, ld);
    for (int64_t i = 0; i < a->chunk->batch; i++) {
        if (w->to < w->end && a->seq->length[a->chunk->batch0 + i] > w->to) {
            continue; /* goes on from the piece before */
        }
        if (starts_here(a, w, i)) {
            memcpy(rec + i * ld, user_row(a, a->seq->dfinal, column, ld, i),
                   (size_t)ld * sizeof *rec);
        } else {
            memset(rec + i * ld, 0, (size_t)ld * sizeof *rec);
        }
    }
}

static void end_slot(const tkri_lane *a, int64_t column, int64_t ld) {
    const float *rec = rec_rows(a, column, ld);
    for (int64_t i = 0; i < a->chunk->batch; i++) {
        a->seq->cell->kern->add(user_row(a, a->seq->dinitial, column, ld, i), rec + i * ld, ld);
    }
}

/* dy W of a linear layer, for its rows from `dy` on. */
static tkri_product linear_gradient(tkr_sequence *seq, int64_t l, const float *dy, int64_t rows) {
    const tkri_layer *layer = &seq->net->layers[l];
    const tkri_kern *kern = seq->cell->kern;
    tkri_product p = tkri_plain_product(kern, layer->input, seq->tapes[l].w_t,
                                        tkri_tiles(layer->units, kern->vl) * kern->vl);
    p.bulk = 1;
    p.k = layer->units; /* what stands behind is zero */
    p.rows = rows;
    p.crew = tkri_lone_crew(seq, rows * layer->input * layer->units);
    p.a = dy;
    p.a_row = seq->tapes[l].dy_ld;
    return p;
}

/* dy is the gradient of the output of step t, or of the linear layer's that gives it. */
static void add_output_gradient(const tkri_lane *a, float *dh, tkri_view dy, int64_t t) {
    const tkri_kern *kern = a->seq->cell->kern;
    const int64_t ld = a->layer->out_ld, row = tkri_held_row(a->chunk, t), n = a->chunk->active[t];
    const int64_t above = a->layer - a->seq->net->layers + 1;
    if (tkri_adds_to_steps(a->seq->net, above)) {
        tkri_product p = linear_gradient(a->seq, above, dy.p + row * dy.ld, n);
        p.from = TKRI_FROM_C;
        p.c = dh;
        p.c_row = ld;
        tkri_product_run(&p);
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

/* A reverse direction's rows of one step are of different times where lengths differ. */
static void record_norm(const tkri_lane *a, const float *dh, int64_t t) {
    const tkr_sequence *seq = a->seq;
    const tkri_kern *kern = seq->cell->kern;
    const int64_t ld = a->layer->out_ld, chunk = a->chunk - seq->chunks;
    double *norms = seq->norms + (chunk * seq->net->n_slots + a->run->slot) * seq->max_steps;
    if (a->direction == a->layer->direction) {
        norms[t] = kern->sum_squares(dh, a->chunk->active[t] * ld, 0.0f);
        return;
    }
    for (int64_t i = 0; i < a->chunk->active[t]; i++) {
        const int64_t when = seq->length[a->chunk->batch0 + i] - 1 - t;
        norms[when] += kern->sum_squares(dh + i * ld, ld, 0.0f);
    }
}

/* kept = mask * d, d = (1 - mask) * d. */
static void split_zone(float *d, float *kept, const float *mask, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        kept[i] = mask[i] * d[i];
        d[i] -= kept[i];
    }
}

static void add_product(float *d, const float *mask, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        d[i] += mask[i] * x[i];
    }
}

/* What the cell's own backward step needs around it where masks are in play. */
static void before_step(const tkri_lane *a, int64_t t, tkri_recur *r) {
    const tkri_run *run = a->run;
    const int64_t row = a->chunk->tape + tkri_held_row(a->chunk, t);
    const int64_t h_len = r->rows * a->layer->out_ld, c_len = r->rows * a->layer->units_ld;
    if (run->h_zone) {
        split_zone(r->dh, work_of(a, WORK_ZONE_H), run->h_zone + row * a->layer->out_ld, h_len);
    }
    if (run->c_zone) {
        split_zone(r->dc, work_of(a, WORK_ZONE_C), run->c_zone + row * a->layer->units_ld, c_len);
    }
    if (run->dp) {
        memcpy(run->dp + row * a->layer->out_ld, r->dh, (size_t)h_len * sizeof *r->dh);
    }
    if (run->h_mask) {
        r->dh_in = work_of(a, WORK_H_IN);
        memset(r->dh_in, 0, (size_t)h_len * sizeof *r->dh_in);
    }
}

static void after_step(const tkri_lane *a, tkri_recur *r) {
    const tkri_run *run = a->run;
    const tkri_kern *kern = a->seq->cell->kern;
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

static tkri_recur backward_at(const tkri_lane *a, int64_t t) {
    const tkri_layer *layer = a->layer;
    const int64_t chunk = a->chunk - a->seq->chunks;
    tkri_recur r = tkri_recur_at(a, t);
    r.dgates = a->run->dgates + (r.gates - a->run->gates);
    r.dh = r.dh_in = rec_rows(a, a->direction->state_h, layer->out_ld);
    r.dc = layer->ops->has_c ? rec_rows(a, a->direction->state_c, layer->units_ld) : NULL;
    r.dm = work_of(a, WORK_M);
    r.daux = work_of(a, WORK_AUX);
    r.w_hh_t = a->run->w_hh_t;
    r.w_hr_t = a->run->w_hr_t;
    r.dpeep = a->run->dpeep ? a->run->dpeep + chunk * 3 * layer->units_ld : NULL;
    return r;
}

static void backward_lane(const tkri_lane *a, const tkri_window *w, tkri_view dy) {
    const tkri_layer *layer = a->layer;
    const tkri_direction *d = a->direction;
    start_slot(a, w, d->state_h, layer->out_ld);
    if (d->state_c >= 0) {
        start_slot(a, w, d->state_c, layer->units_ld);
    }
    for (int64_t t = tkri_min(w->to, a->chunk->to) - 1; t >= w->from; t--) {
        tkri_recur r = backward_at(a, t);
        if (!layer->output_before) {
            add_output_gradient(a, r.dh, dy, t);
        }
        if (a->seq->norms) {
            record_norm(a, r.dh, t);
        }
        before_step(a, t, &r);
        tkri_recur_backward(&r);
        after_step(a, &r);
        if (layer->output_before) {
            add_output_gradient(a, r.dh, dy, t);
        }
    }
    if (w->from == 0) {
        end_slot(a, d->state_h, layer->out_ld);
        if (d->state_c >= 0) {
            end_slot(a, d->state_c, layer->units_ld);
        }
    }
}

/* Where the gradient of layer l's input goes; p NULL: nobody wants it, or not all at once. */
static tkri_view input_gradient(const tkr_sequence *seq, int64_t l, const tkri_chunk *chunk) {
    if (tkri_adds_to_steps(seq->net, l) || (l == 0 && (!seq->dx || seq->has_ids))) {
        return (tkri_view){NULL, 0};
    }
    if (l > 0) {
        return tkri_layer_gradient(seq, l - 1, chunk);
    }
    return (tkri_view){seq->dx + (chunk->row0 + chunk->skip) * seq->x_ld, seq->x_ld};
}

/* Where a product that gives a layer's dx starts: overlapping windows add into the input's. */
static int32_t dx_start(const tkr_sequence *seq, const tkri_layer *layer) {
    return layer == seq->net->layers && seq->truncate_every ? TKRI_FROM_C : TKRI_FROM_ZERO;
}

/* The rows on the tape that are in the window. */
static void window_rows(const tkri_chunk *chunk, const tkri_window *w, int64_t *from, int64_t *to) {
    *from = tkri_held_row(chunk, tkri_min(w->from, chunk->to));
    *to = tkri_held_row(chunk, tkri_min(w->to, chunk->to));
}

/* dx = dgates W_ih for the window's rows of a lane; of the first layer, windows add up. */
static void lane_input_gradient(const tkri_lane *a, const tkri_window *w, tkri_view dx) {
    const tkri_layer *layer = a->layer;
    const tkri_kern *kern = a->seq->cell->kern;
    const int64_t vl = kern->vl, tiles = tkri_tiles(layer->units, kern->vl);
    const int64_t gates = layer->ops->gates;
    int64_t from, to, row_stride, tile_stride;
    window_rows(a->chunk, w, &from, &to);
    tkri_gate_strides(layer, kern->vl, a->chunk->held, &row_stride, &tile_stride);
    tkri_product p = tkri_plain_product(kern, layer->input, a->run->w_ih_t, tiles * gates * vl);
    p.bulk = 1;
    p.from = dx_start(a->seq, a->layer);
    p.rows = to - from;
    p.crew = tkri_lone_crew(a->seq, p.rows * layer->input * layer->units * gates);
    p.a = a->run->dgates + a->chunk->tape * tkri_gate_floats(layer, kern->vl) + from * row_stride +
          layer->ops->ih_slot * vl;
    p.a_row = row_stride;
    if (layer->ops->slots > 1) {
        p.blocks = tiles;
        p.block_rows = p.k = gates * vl;
        p.a_block = tile_stride;
    }
    if (layer->ops->slots == 1) {
        p.k = layer->units;
    }
    p.c = dx.p + from * dx.ld;
    p.c_row = dx.ld;
    tkri_product_run(&p);
}

/* The second direction's output gradient, in its own order. */
static tkri_view reverse_gradient(const tkri_lane *a, tkri_view dy) {
    const tkri_chunk *chunk = a->chunk;
    const int64_t ld = a->layer->out_ld;
    tkri_view own = {a->run->dy + chunk->tape * ld, ld};
    for (int64_t r = 0; r < chunk->held; r++) {
        memcpy(own.p + r * ld, dy.p + a->seq->reverse[chunk->row0 + r] * dy.ld + a->layer->out,
               (size_t)a->layer->out * sizeof *own.p);
    }
    return own;
}

static void add_reversed(const tkri_lane *a, tkri_view dx, const float *own, int64_t ld) {
    const tkri_chunk *chunk = a->chunk;
    for (int64_t r = 0; r < chunk->held; r++) {
        a->seq->cell->kern->add(dx.p + a->seq->reverse[chunk->row0 + r] * dx.ld, own + r * ld,
                                a->layer->input);
    }
}

static void backward_recurrent(const pass *p, int64_t l, const tkri_chunk *chunk) {
    tkr_sequence *seq = p->seq;
    const tkri_layer *layer = &seq->net->layers[l];
    const tkri_view dx = input_gradient(seq, l, chunk);
    const tkri_view dy =
        tkri_layer_gradient(seq, tkri_adds_to_steps(seq->net, l + 1) ? l + 1 : l, chunk);
    for (int32_t d = 0; d < layer->directions; d++) {
        const tkri_lane a = tkri_lane_of(seq, l, d, chunk);
        backward_lane(&a, &p->window, d ? reverse_gradient(&a, dy) : dy);
        if (dx.p && d == 0) {
            lane_input_gradient(&a, &p->window, dx);
        } else if (dx.p) {
            const int64_t ld = tkri_row_len(layer->input);
            const tkri_view own = {a.run->dx + chunk->tape * ld, ld};
            lane_input_gradient(&a, &p->window, own);
            add_reversed(&a, dx, own.p, ld);
        }
    }
}

static void backward_linear(const pass *p, int64_t l, const tkri_chunk *chunk) {
    tkr_sequence *seq = p->seq;
    const tkri_layer *layer = &seq->net->layers[l];
    const tkri_tape *tape = &seq->tapes[l];
    const tkri_kern *kern = seq->cell->kern;
    const tkri_view dx = input_gradient(seq, l, chunk), y = tkri_layer_output(seq, l, chunk);
    int64_t from, to;
    window_rows(chunk, &p->window, &from, &to);
    float *dy = tkri_layer_gradient(seq, l, chunk).p + from * tape->dy_ld;
    if (layer->activation != TKR_IDENTITY) {
        kern->activate_gradient(dy, NULL, y.p + from * y.ld, (to - from) * y.ld,
                                layer->activation);
    }
    if (!dx.p) {
        return;
    }
    tkri_product product = linear_gradient(seq, l, dy, to - from);
    product.from = dx_start(seq, layer);
    product.c = dx.p + from * dx.ld;
    product.c_row = dx.ld;
    tkri_product_run(&product);
}

static void backward_dropout(const pass *p, int64_t l, const tkri_chunk *chunk) {
    const tkr_sequence *seq = p->seq;
    const tkri_tape *tape = &seq->tapes[l];
    const tkri_view dx = input_gradient(seq, l, chunk), dy = tkri_layer_gradient(seq, l, chunk);
    const int64_t width = seq->net->layers[l].output;
    const int adds = dx_start(seq, &seq->net->layers[l]) == TKRI_FROM_C;
    int64_t from, to;
    window_rows(chunk, &p->window, &from, &to);
    for (int64_t r = from; dx.p && r < to; r++) {
        const float *d = dy.p + r * dy.ld;
        const float *mask = tape->mask ? tape->mask + (chunk->tape + r) * tape->y_ld : NULL;
        for (int64_t j = 0; j < width; j++) {
            const float add = mask ? mask[j] * d[j] : d[j];
            dx.p[r * dx.ld + j] = adds ? dx.p[r * dx.ld + j] + add : add;
        }
    }
}

/* The loss' gradient for the window, where the loss keeps its own copy. */
static void take_loss_gradient(const pass *p, const tkri_chunk *chunk) {
    const tkr_sequence *seq = p->seq;
    const tkri_tape *top = &seq->tapes[seq->net->n_layers - 1];
    const int64_t first_loss = tkri_max(p->window.losses_from, p->window.from);
    const tkri_window skipped = {p->window.from, tkri_min(first_loss, p->window.to), 0, 0};
    int64_t from, to, losses;
    if (top->dy == seq->loss_dy) {
        return;
    }
    window_rows(chunk, &p->window, &from, &to);
    window_rows(chunk, &skipped, &from, &losses);
    const int64_t ld = top->dy_ld, row = (chunk->row0 + chunk->skip) * ld;
    memset(top->dy + row + from * ld, 0, (size_t)((losses - from) * ld) * sizeof *top->dy);
    memcpy(top->dy + row + losses * ld, seq->loss_dy + row + losses * ld,
           (size_t)((to - losses) * ld) * sizeof *top->dy);
}

static void backward_chunk(void *argument, int64_t index) {
    const pass *p = argument;
    tkri_chunk *chunk = &p->seq->chunks[index];
    const int64_t segment = p->window.from / p->seq->segment;
    const uint64_t mode = tkri_fpmode_enter();
    if (segment != chunk->segment && p->window.from < chunk->steps) {
        tkri_forward_segment(p->seq, chunk, segment);
    }
    take_loss_gradient(p, chunk);
    for (int64_t l = p->seq->net->n_layers - 1; l >= 0; l--) {
        switch (p->seq->net->layers[l].kind) {
            case TKR_LINEAR:
                backward_linear(p, l, chunk);
                break;
            case TKR_EMBEDDING:
                break;
            case TKR_DROPOUT:
                backward_dropout(p, l, chunk);
                break;
            default:
                backward_recurrent(p, l, chunk);
        }
    }
    tkri_fpmode_leave(mode);
}

static void backward_piece(tkr_sequence *seq, tkri_window window) {
    pass p = {seq, window};
    for (int64_t l = 0; l < seq->net->n_layers; l++) {
        for (int32_t d = 0; d < 2; d++) {
            float *dpeep = seq->tapes[l].run[d].dpeep;
            if (dpeep) {
                const int64_t n = TKRI_MAX_CHUNKS * 3 * seq->net->layers[l].units_ld;
                memset(dpeep, 0, (size_t)n * sizeof *dpeep);
            }
        }
    }
    tkri_crew_run(&seq->crew, seq->n_chunks, backward_chunk, &p);
    tkri_weight_gradients(seq, &window);
}

void tkri_backward(tkr_sequence *seq) {
    const int64_t every = seq->truncate_every ? seq->truncate_every : seq->steps;
    const int64_t back = seq->truncate_steps ? tkri_max(seq->truncate_steps, every) : every;
    if (seq->packed_version != seq->cell->version) {
        tkri_transpose_weights(seq);
        seq->packed_version = seq->cell->version;
    }
    memset(seq->dinitial, 0,
           (size_t)tkri_state_len(seq->net, seq->max_batch) * sizeof *seq->dinitial);
    if (seq->dx && seq->truncate_every) {
        memset(seq->dx, 0, (size_t)(seq->rows * seq->x_ld) * sizeof *seq->dx);
    }
    if (seq->norms) {
        const int64_t n =
            tkri_chunks_of(seq->net, seq->max_batch) * seq->net->n_slots * seq->max_steps;
        memset(seq->norms, 0, (size_t)n * sizeof *seq->norms);
    }
    const int64_t windows = (seq->steps + every - 1) / every;
    for (int64_t i = windows - 1; i >= 0; i--) {
        const int64_t losses = i * every, end = tkri_min(losses + every, seq->steps);
        const int64_t begin = tkri_max(losses + every - back, 0);
        for (int64_t from, to = end; to > begin; to = from) {
            from = tkri_max((to - 1) / seq->segment * seq->segment, begin);
            backward_piece(seq, (tkri_window){from, to, losses, end});
        }
    }
}
