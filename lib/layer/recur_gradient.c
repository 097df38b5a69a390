/* SPDX-License-Identifier: MIT
 * The gradients of a recurrent layer's parameters. A job is a panel of gates, with their biases, or
 * a panel of the projection. */
#include "layer/outer.h"
#include "layer/recur_scan.h"

enum { GATES, PROJECTION };   /* jobs */
enum { INPUT, STATE, INNER }; /* operands: x; h before the step; r * h, or o * tanh c */

static int64_t add_jobs(tkri_job *jobs, int64_t n, tkri_job job, int64_t panels) {
    for (job.panel = 0; job.panel < panels; job.panel++) {
        if (jobs) {
            jobs[n + job.panel] = job;
        }
    }
    return n + panels;
}

int64_t tkri_recurrent_jobs(const tkri_unroll *u, int64_t l, tkri_job *jobs) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    const int32_t vl = u->cell->kern->vl;
    int64_t n = 0;
    for (int32_t d = 0; d < layer->directions; d++) {
        n = add_jobs(jobs, n, (tkri_job){l, 0, d, GATES},
                     tkri_panels_of(layer->units, layer->ops->gates, vl).n);
        if (layer->direction[d].w_hr >= 0) {
            n = add_jobs(jobs, n, (tkri_job){l, 0, d, PROJECTION},
                         tkri_panels_of(layer->out, 1, vl).n);
        }
        n = add_jobs(jobs, n, (tkri_job){l, 0, d, TKRI_JOB_REST}, 1);
    }
    return n;
}

int64_t tkri_recurrent_columns(const tkri_layer *layer, int32_t vl, int32_t operand) {
    const tkri_recurrent *own = tkri_recurrent_of(layer);
    (void)vl;
    if (operand == INPUT) {
        return own->input;
    }
    if (operand == STATE) {
        return own->out;
    }
    return own->ops->phases > 1 || own->out != own->units ? own->units : 0;
}

/* The scan whose gradient a piece is a part of. */
static tkri_scan scan_of(const tkri_piece *p) {
    return tkri_scan_of(p->u, p->job->layer, p->job->part, p->chunk);
}

/* A panel of dgates, from its field `field` on, and of a gradient with G gates. */
typedef struct gate_panel {
    const float *dg;
    int64_t row_stride, start; /* the panel's first vector of the weights */
    int32_t width, half;
} gate_panel;

static gate_panel gate_panel_of(const tkri_piece *p, const tkri_scan *a, int32_t field) {
    const int32_t vl = p->u->cell->kern->vl;
    const tkri_cell_ops *ops = a->layer->ops;
    const tkri_panels panels = tkri_panels_of(a->layer->units, ops->gates, vl);
    int64_t row_stride, tile_stride;
    tkri_gate_strides(a->layer, vl, p->chunk->held, &row_stride, &tile_stride);
    const int64_t start = tkri_panel_start(&panels, p->job->panel);
    const float *dg = a->run->dgates + p->chunk->tape * tkri_gate_floats(a->layer, vl) +
                      start / ops->gates * tile_stride + field * vl;
    return (gate_panel){
        .dg = dg,
        .row_stride = row_stride,
        .start = start,
        .width = tkri_panel_width(&panels, p->job->panel),
        .half = tkri_panel_half(&panels, p->job->panel),
    };
}

/* The gradient of weights at `offset` with k rows, in this panel. */
static tkri_gemm gate_gradient(const tkri_piece *p, const gate_panel *panel, int64_t offset,
                               int64_t k) {
    const int32_t vl = p->u->cell->kern->vl;
    return (tkri_gemm){
        .m = k,
        .b = panel->dg + p->from * panel->row_stride,
        .b_k = panel->row_stride,
        .c = p->u->grad.values + offset + panel->start * vl * k,
        .c_row = panel->width * vl,
        .width = panel->width,
        .half = panel->half,
    };
}

static void input_weights(const tkri_piece *p, const tkri_scan *a) {
    const gate_panel panel = gate_panel_of(p, a, a->layer->ops->ih_field);
    const tkri_gemm g = gate_gradient(p, &panel, a->direction->w_ih, a->layer->input);
    const int32_t *ids = tkri_held_ids(p->u, a->l, p->chunk);
    if (!ids) {
        tkri_sum_outer(p, g, INPUT);
        return;
    }
    const int backwards = a->direction->backwards;
    tkri_sum_ids(p, &g, backwards ? p->u->tape.reverse_ids + p->chunk->row0 : ids);
}

/* The gradient's panel restricted to gates [first, first + n). */
static tkri_gemm some_gates(const tkri_piece *p, tkri_gemm g, int32_t first, int32_t n) {
    const int32_t vl = p->u->cell->kern->vl;
    g.b += first * vl;
    g.c += first * vl;
    g.width = n;
    return g;
}

static void state_weights(const tkri_piece *p, const tkri_scan *a) {
    const gate_panel panel = gate_panel_of(p, a, a->layer->ops->hh_field);
    const tkri_gemm all = gate_gradient(p, &panel, a->direction->w_hh, a->layer->out);
    if (a->layer->ops->phases == 1) {
        tkri_sum_outer(p, all, STATE);
    } else { /* the candidate's gate read r * h */
        tkri_sum_outer(p, some_gates(p, all, 0, 2), STATE);
        tkri_sum_outer(p, some_gates(p, all, 2, 1), INNER);
    }
}

/* Of two biases that are added to the same sums, both have the same gradient. */
static void gate_biases(const tkri_piece *p, const tkri_scan *a) {
    const tkri_kern *kern = p->u->cell->kern;
    const int64_t offsets[2] = {a->direction->b_ih, a->direction->b_hh};
    const int32_t fields[2] = {a->layer->ops->ih_field, a->layer->ops->hh_field};
    const int both = offsets[0] >= 0 && offsets[1] >= 0 && fields[0] == fields[1];
    for (int i = both; i < 2; i++) {
        if (offsets[i] >= 0) {
            const gate_panel panel = gate_panel_of(p, a, fields[i]);
            float *to = p->u->grad.values + panel.start * kern->vl;
            kern->column_sum(to + offsets[i], both ? to + offsets[0] : NULL,
                             panel.dg + p->from * panel.row_stride, p->to - p->from,
                             panel.row_stride, panel.width);
        }
    }
}

static void projection_weights(const tkri_piece *p, const tkri_scan *a) {
    const int64_t ld = a->layer->out_ld;
    const tkri_view dp = {a->run->dp + p->chunk->tape * ld, ld};
    tkri_sum_outer(
        p, tkri_plain_gradient(p, dp, a->layer->out, a->direction->w_hr, a->layer->units), INNER);
}

void tkri_recurrent_gradient(const tkri_piece *p) {
    const tkri_scan a = scan_of(p);
    if (p->job->what == PROJECTION) {
        projection_weights(p, &a);
        return;
    }
    input_weights(p, &a);
    state_weights(p, &a);
    gate_biases(p, &a);
}

/* Peepholes were summed chunk by chunk; a learned state's gradient is the sum over the batch. */
void tkri_recurrent_rest(tkri_unroll *u, const tkri_job *job, const tkri_window *w) {
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[job->layer]);
    const tkri_direction *d = &layer->direction[job->part];
    const float *dpeep = tkri_run_of(u, job->layer, job->part)->dpeep;
    const int64_t n = 3 * layer->units_ld;
    for (int64_t c = 0; dpeep && c < u->plan.n_chunks; c++) {
        u->cell->kern->add(u->grad.values + d->peep, dpeep + c * n, n);
    }
    if (tkri_slots_learn(u, w)) {
        tkri_slot_learn(u, &(tkri_slot){d->state_h, layer->out, layer->out_ld, d->h0, 0});
        tkri_slot_learn(u, &(tkri_slot){d->state_c, layer->units, layer->units_ld, d->c0, 0});
    }
}

/* h before a row stands in the tape of the step before, at a distance that is the same for all
 * steps with equally many rows before them. */
static void transpose_states(const tkri_scan *a, float *block, int64_t row, int64_t end) {
    const tkri_chunk *chunk = a->chunk;
    const int64_t ld = a->layer->out_ld;
    const float *h = a->run->h + a->state_row * ld;
    float *to = block;
    int64_t t = chunk->from;
    while (row < end) {
        while (tkri_held_row(chunk, t + 1) <= row) {
            t++;
        }
        const int64_t before = t > chunk->from ? chunk->active[t - 1] : chunk->batch;
        while (tkri_held_row(chunk, t + 1) < end && chunk->active[t] == before) {
            t++;
        }
        const int64_t n = tkri_min(tkri_held_row(chunk, t + 1), end) - row;
        tkri_transpose(to, TKRI_BLOCK, h + (row + chunk->batch - before) * ld, ld, n,
                       a->layer->out);
        to += n, row += n;
    }
}

/* The rows that the input's product read. */
static tkri_view input_of(const tkri_scan *a) {
    if (!a->direction->backwards) {
        return tkri_layer_input(a->u, a->l, 0, a->chunk);
    }
    const int64_t ld = tkri_row_len(a->layer->input);
    return (tkri_view){a->run->x + a->chunk->tape * ld, ld};
}

void tkri_recurrent_transpose(const tkri_piece *p, int32_t operand, float *block, int64_t row,
                              int64_t end) {
    const tkri_scan a = scan_of(p);
    const tkri_recurrent *layer = a.layer;
    const int64_t n = end - row, at = p->chunk->tape + row;
    if (operand == INPUT && !tkri_reads_ids(p->u, a.l)) {
        const tkri_view x = input_of(&a);
        tkri_transpose(block, TKRI_BLOCK, x.p + row * x.ld, x.ld, n, layer->input);
    } else if (operand == STATE && a.run->h_in) {
        const int64_t ld = layer->out_ld;
        tkri_transpose(block, TKRI_BLOCK, a.run->h_in + at * ld, ld, n, layer->out);
    } else if (operand == STATE) {
        transpose_states(&a, block, row, end);
    } else if (operand == INNER && (a.run->aux || a.run->m)) {
        const float *inner = a.run->aux ? a.run->aux : a.run->m;
        const int64_t ld = layer->units_ld;
        tkri_transpose(block, TKRI_BLOCK, inner + at * ld, ld, n, layer->units);
    }
}

void tkri_recurrent_pack(tkri_unroll *u, int64_t l) {
    const tkri_kern *kern = u->cell->kern;
    const float *values = u->net->values;
    const tkri_recurrent *layer = tkri_recurrent_of(&u->net->layers[l]);
    for (int32_t d = 0; d < layer->directions; d++) {
        const tkri_run *run = tkri_run_of(u, l, d);
        const tkri_direction *dir = &layer->direction[d];
        tkri_packed_transpose(kern, run->w_hh_t, values + dir->w_hh, layer->units,
                              layer->ops->gates, layer->out);
        if (run->w_ih_t) {
            tkri_packed_transpose(kern, run->w_ih_t, values + dir->w_ih, layer->units,
                                  layer->ops->gates, layer->input);
        }
        if (run->w_hr_t) {
            tkri_packed_transpose(kern, run->w_hr_t, values + dir->w_hr, layer->out, 1,
                                  layer->units);
        }
    }
}
