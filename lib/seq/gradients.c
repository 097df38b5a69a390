/* SPDX-License-Identifier: MIT
 * The weights' gradients: dW += X^T dG over the rows of a window's piece, a panel of columns at a
 * time. Every panel sums its rows in one order, whoever runs it. */
#include <string.h>

#include "core/fpmode.h"
#include "kern/blas.h"
#include "seq/seq.h"

enum { BLOCK_ROWS = 256 }; /* rows of dG that stay in cache while X's columns go by */

static void add_job(tkr_sequence *seq, int32_t count_only, int64_t l, int32_t d, int32_t what,
                    int64_t panels) {
    for (int64_t p = 0; p < panels; p++) {
        if (!count_only) {
            seq->jobs[seq->n_jobs] = (tkri_job){l, p, d, what};
        }
        seq->n_jobs++;
    }
}

void tkri_list_jobs(tkr_sequence *seq, int32_t count_only) {
    const int32_t vl = seq->cell->kern->vl;
    seq->n_jobs = 0;
    for (int64_t l = 0; l < seq->net->n_layers; l++) {
        const tkri_layer *layer = &seq->net->layers[l];
        if (layer->kind == TKR_LINEAR) {
            add_job(seq, count_only, l, 0, TKRI_JOB_LINEAR, tkri_panels_of(layer->units, 1, vl).n);
        } else if (layer->kind == TKR_EMBEDDING) {
            add_job(seq, count_only, l, 0, TKRI_JOB_EMBEDDING, tkri_tiles(layer->units, vl));
        }
        for (int32_t d = 0; tkri_is_recurrent(layer->kind) && d < layer->directions; d++) {
            add_job(seq, count_only, l, d, TKRI_JOB_GATES,
                    tkri_panels_of(layer->units, layer->ops->gates, vl).n);
            if (layer->direction[d].w_hr >= 0) {
                add_job(seq, count_only, l, d, TKRI_JOB_PROJECTION,
                        tkri_panels_of(layer->out, 1, vl).n);
            }
            add_job(seq, count_only, l, d, TKRI_JOB_REST, 1);
        }
    }
}

/* One job on one chunk: rows [from, to). */
typedef struct piece {
    tkr_sequence *seq;
    const tkri_job *job;
    const tkri_chunk *chunk;
    const tkri_layer *layer;
    const tkri_run *run;
    const tkri_direction *direction;
    int64_t from, to;
} piece;

/* dW += X^T dG for `rows` rows; g says where X (a, a_k), dG (b, b_k) and dW (c, c_row) are. */
static void sum_outer(const piece *p, tkri_gemm g, int64_t rows) {
    g.blocks = 1;
    g.a_row = 1;
    g.from = TKRI_FROM_C;
    for (int64_t row = 0; row < rows; row += BLOCK_ROWS) {
        g.k = tkri_min(BLOCK_ROWS, rows - row);
        tkri_bulk_gemm(p->seq->cell->kern, &g);
        g.a += g.k * g.a_k;
        g.b += g.k * g.b_k;
    }
}

/* dW[ids] += dG. */
static void sum_ids(const piece *p, const tkri_gemm *g, const int32_t *ids, int64_t rows) {
    const tkri_gemm scatter = {
        .m = rows,
        .b_k = g->c_row,
        .c = (float *)(uintptr_t)g->b,
        .c_row = g->b_k,
        .width = g->width,
    };
    p->seq->cell->kern->scatter(&scatter, ids, g->c);
}

/* A panel of dgates, from its slot `slot` on, and of a gradient with G gates. */
typedef struct gate_panel {
    const float *dg;
    int64_t row_stride, start; /* the panel's first vector of the weights */
    int32_t width;
} gate_panel;

static gate_panel gate_panel_of(const piece *p, int32_t slot) {
    const int32_t vl = p->seq->cell->kern->vl;
    const tkri_cell_ops *ops = p->layer->ops;
    const tkri_panels panels = tkri_panels_of(p->layer->units, ops->gates, vl);
    int64_t row_stride, tile_stride;
    tkri_gate_strides(p->layer, vl, p->chunk->held, &row_stride, &tile_stride);
    const int64_t start = tkri_panel_start(&panels, p->job->panel);
    const float *dg = p->run->dgates + p->chunk->tape * tkri_gate_floats(p->layer, vl) +
                      start / ops->gates * tile_stride + slot * vl;
    return (gate_panel){dg, row_stride, start, tkri_panel_width(&panels, p->job->panel)};
}

/* The gradient of weights at `offset` with k rows, in this panel. */
static tkri_gemm gate_gradient(const piece *p, const gate_panel *panel, int64_t offset, int64_t k) {
    const int32_t vl = p->seq->cell->kern->vl;
    return (tkri_gemm){
        .m = k,
        .b = panel->dg + p->from * panel->row_stride,
        .b_k = panel->row_stride,
        .c = p->seq->gradients + offset + panel->start * vl * k,
        .c_row = panel->width * vl,
        .width = panel->width,
    };
}

static void input_weights(const piece *p) {
    const tkri_layer *layer = p->layer;
    const gate_panel panel = gate_panel_of(p, layer->ops->ih_slot);
    tkri_gemm g = gate_gradient(p, &panel, p->direction->w_ih, layer->input);
    const int64_t rows = p->to - p->from;
    if (p->job->layer == 0 && p->seq->has_ids) {
        const int32_t *ids = p->job->direction ? p->seq->reverse_ids + p->chunk->row0
                                               : tkri_held_ids(p->seq, p->chunk);
        sum_ids(p, &g, ids + p->from, rows);
        return;
    }
    tkri_view x = tkri_layer_input(p->seq, p->job->layer, p->chunk);
    if (p->job->direction) {
        x.ld = tkri_row_len(layer->input);
        x.p = p->run->x + p->chunk->tape * x.ld;
    }
    g.a = x.p + p->from * x.ld;
    g.a_k = x.ld;
    sum_outer(p, g, rows);
}

/* Rows of the gradient's panel restricted to gates [first, first + n). */
static tkri_gemm some_gates(const piece *p, tkri_gemm g, int32_t first, int32_t n) {
    const int32_t vl = p->seq->cell->kern->vl;
    g.b += first * vl;
    g.c += first * vl;
    g.width = n;
    return g;
}

/* h_in of a row stands in the tape of the step before, at a distance that is the same for all steps
 * with equally many rows before them. */
static void state_weights_in_tape(const piece *p, tkri_gemm g, const tkri_window *w) {
    const tkri_chunk *chunk = p->chunk;
    const int64_t ld = p->layer->out_ld, end = tkri_min(w->to, chunk->to);
    const float *h = p->run->h + (chunk->tape + chunk->batch0) * ld;
    const float *dg = g.b;
    for (int64_t t = tkri_min(w->from, end), next; t < end; t = next) {
        const int64_t before = t > chunk->from ? chunk->active[t - 1] : chunk->batch;
        for (next = t + 1; next < end && chunk->active[next - 1] == before;) {
            next++;
        }
        const int64_t row = tkri_held_row(chunk, t);
        g.a = h + (row + chunk->batch - before) * ld;
        g.b = dg + (row - p->from) * g.b_k;
        sum_outer(p, g, chunk->first[next] - chunk->first[t]);
    }
}

static void state_weights(const piece *p, const tkri_window *w) {
    const tkri_layer *layer = p->layer;
    const gate_panel panel = gate_panel_of(p, layer->ops->hh_slot);
    tkri_gemm all = gate_gradient(p, &panel, p->direction->w_hh, layer->out);
    const int64_t row = p->chunk->tape + p->from, rows = p->to - p->from;
    tkri_gemm g = layer->ops->phases > 1 ? some_gates(p, all, 0, 2) : all;
    g.a_k = layer->out_ld;
    if (p->run->h_in) {
        g.a = p->run->h_in + row * layer->out_ld;
        sum_outer(p, g, rows);
    } else {
        state_weights_in_tape(p, g, w);
    }
    if (layer->ops->phases > 1) { /* the candidate's gate read r * h */
        g = some_gates(p, all, 2, 1);
        g.a = p->run->aux + row * layer->units_ld;
        g.a_k = layer->units_ld;
        sum_outer(p, g, rows);
    }
}

static void gate_biases(const piece *p) {
    const tkri_kern *kern = p->seq->cell->kern;
    const int64_t offsets[2] = {p->direction->b_ih, p->direction->b_hh};
    const int32_t slots[2] = {p->layer->ops->ih_slot, p->layer->ops->hh_slot};
    for (int i = 0; i < 2; i++) {
        if (offsets[i] >= 0) {
            const gate_panel panel = gate_panel_of(p, slots[i]);
            kern->column_sum(p->seq->gradients + offsets[i] + panel.start * kern->vl,
                             panel.dg + p->from * panel.row_stride, p->to - p->from,
                             panel.row_stride, panel.width);
        }
    }
}

/* A panel of a plain matrix' gradient: rows of X times columns of dY. */
static void plain_weights(const piece *p, tkri_view x, tkri_view dy, int64_t offset, int64_t k) {
    const tkri_kern *kern = p->seq->cell->kern;
    const int64_t units = p->job->what == TKRI_JOB_LINEAR ? p->layer->units : p->layer->out;
    const tkri_panels panels = tkri_panels_of(units, 1, kern->vl);
    const int64_t start = tkri_panel_start(&panels, p->job->panel) * kern->vl;
    const int32_t width = tkri_panel_width(&panels, p->job->panel);
    const float *dg = dy.p + p->from * dy.ld + start;
    tkri_gemm g = {
        .m = k,
        .a = x.p ? x.p + p->from * x.ld : NULL,
        .a_k = x.ld,
        .b = dg,
        .b_k = dy.ld,
        .c = p->seq->gradients + offset + start * k,
        .c_row = width * kern->vl,
        .width = width,
    };
    if (p->job->what == TKRI_JOB_LINEAR && p->job->layer == 0 && p->seq->has_ids) {
        sum_ids(p, &g, tkri_held_ids(p->seq, p->chunk) + p->from, p->to - p->from);
    } else {
        sum_outer(p, g, p->to - p->from);
    }
    if (p->job->what == TKRI_JOB_LINEAR && p->layer->bias >= 0) {
        kern->column_sum(p->seq->gradients + p->layer->bias + start, dg, p->to - p->from, dy.ld,
                         width);
    }
}

static void linear_weights(const piece *p) {
    const tkri_view x = tkri_layer_input(p->seq, p->job->layer, p->chunk);
    const tkri_view dy = tkri_layer_gradient(p->seq, p->job->layer, p->chunk);
    plain_weights(p, x, dy, p->layer->weight, p->layer->input);
}

static void projection_weights(const piece *p) {
    const tkri_layer *layer = p->layer;
    const tkri_view m = {p->run->m + p->chunk->tape * layer->units_ld, layer->units_ld};
    const tkri_view dp = {p->run->dp + p->chunk->tape * layer->out_ld, layer->out_ld};
    plain_weights(p, m, dp, p->direction->w_hr, layer->units);
}

static void embedding_rows(const piece *p) {
    const int64_t vl = p->seq->cell->kern->vl;
    const tkri_view dy = tkri_layer_gradient(p->seq, p->job->layer, p->chunk);
    const tkri_gemm g = {
        .b = dy.p + p->from * dy.ld + p->job->panel * vl,
        .b_k = dy.ld,
        .c = p->seq->gradients + p->layer->weight + p->job->panel * vl,
        .c_row = tkri_tiles(p->layer->units, (int32_t)vl) * vl,
        .width = 1,
    };
    sum_ids(p, &g, tkri_held_ids(p->seq, p->chunk) + p->from, p->to - p->from);
}

/* Peepholes were summed chunk by chunk; a learned state's gradient is the sum over the batch. */
static void rest(tkr_sequence *seq, const tkri_job *job, const tkri_window *w) {
    const tkri_layer *layer = &seq->net->layers[job->layer];
    const tkri_direction *d = &layer->direction[job->direction];
    const tkri_kern *kern = seq->cell->kern;
    const float *dpeep = seq->tapes[job->layer].run[job->direction].dpeep;
    for (int64_t c = 0; dpeep && c < seq->n_chunks; c++) {
        kern->add(seq->gradients + d->peep, dpeep + c * 3 * layer->units_ld, 3 * layer->units_ld);
    }
    if (w->from > 0 || w->losses_from > 0 || !layer->learned || seq->started_outside) {
        return;
    }
    for (int64_t b = 0; b < seq->batch; b++) {
        const float *dh = tkri_state_rows(seq->dinitial, d->state_h, seq->max_batch);
        kern->add(seq->gradients + d->h0, dh + b * layer->out_ld, layer->out);
        if (d->c0 >= 0) {
            const float *dc = tkri_state_rows(seq->dinitial, d->state_c, seq->max_batch);
            kern->add(seq->gradients + d->c0, dc + b * layer->units_ld, layer->units);
        }
    }
}

typedef struct pass {
    tkr_sequence *seq;
    const tkri_window *window;
} pass;

static void run_piece(const piece *p, const tkri_window *w) {
    switch (p->job->what) {
        case TKRI_JOB_GATES:
            input_weights(p);
            state_weights(p, w);
            gate_biases(p);
            break;
        case TKRI_JOB_PROJECTION:
            projection_weights(p);
            break;
        case TKRI_JOB_LINEAR:
            linear_weights(p);
            break;
        default:
            embedding_rows(p);
    }
}

static void run_job(void *argument, int64_t index) {
    const pass *all = argument;
    tkr_sequence *seq = all->seq;
    const tkri_job *job = &seq->jobs[index];
    const tkri_layer *layer = &seq->net->layers[job->layer];
    const uint64_t mode = tkri_fpmode_enter();
    for (int64_t c = 0; job->what != TKRI_JOB_REST && c < seq->n_chunks; c++) {
        const tkri_chunk *chunk = &seq->chunks[c];
        const piece p = {
            .seq = seq,
            .job = job,
            .chunk = chunk,
            .layer = layer,
            .run = &seq->tapes[job->layer].run[job->direction],
            .direction = &layer->direction[job->direction],
            .from = tkri_held_row(chunk, tkri_min(all->window->from, chunk->to)),
            .to = tkri_held_row(chunk, tkri_min(all->window->to, chunk->to)),
        };
        run_piece(&p, all->window);
    }
    if (job->what == TKRI_JOB_REST) {
        rest(seq, job, all->window);
    }
    tkri_fpmode_leave(mode);
}

void tkri_weight_gradients(tkr_sequence *seq, const tkri_window *window) {
    pass all = {seq, window};
    tkri_crew_run(&seq->crew, seq->n_jobs, run_job, &all);
}

/* The packed transposes of one layer. */
static void transpose_layer(void *argument, int64_t l) {
    tkr_sequence *seq = argument;
    const tkri_kern *kern = seq->cell->kern;
    const tkri_layer *layer = &seq->net->layers[l];
    const float *values = seq->net->values;
    const tkri_tape *tape = &seq->tapes[l];
    if (tape->w_t) {
        tkri_transpose(kern, tape->w_t, values + layer->weight, layer->units, 1, layer->input);
    }
    for (int32_t d = 0; tkri_is_recurrent(layer->kind) && d < layer->directions; d++) {
        const tkri_run *run = &tape->run[d];
        const tkri_direction *dir = &layer->direction[d];
        tkri_transpose(kern, run->w_hh_t, values + dir->w_hh, layer->units, layer->ops->gates,
                       layer->out);
        if (run->w_ih_t) {
            tkri_transpose(kern, run->w_ih_t, values + dir->w_ih, layer->units, layer->ops->gates,
                           layer->input);
        }
        if (run->w_hr_t) {
            tkri_transpose(kern, run->w_hr_t, values + dir->w_hr, layer->out, 1, layer->units);
        }
    }
}

void tkri_transpose_weights(tkr_sequence *seq) {
    tkri_crew_run(&seq->crew, seq->net->n_layers, transpose_layer, seq);
}
