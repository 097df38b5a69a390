/* SPDX-License-Identifier: MIT
 * The weights' gradients: dW += X^T dG over the rows of a window's piece, layer by layer, in rounds
 * of a few blocks of BLOCK rows. First a round's blocks of X are flipped, so that the products read
 * them along their rows; then all panels of dW take them in, while they are in a cache. Every panel
 * sums its rows in one order, chunk after chunk, whoever runs it. */
#include <string.h>

#include "core/fpmode.h"
#include "kern/blas.h"
#include "seq/seq.h"

enum { BLOCK = 160 }; /* rows of dG that stay in the first-level cache while X's columns go by */
enum { ROUND = 4 };   /* blocks of X that stay in the second */
enum { GROUP = 16 };  /* rows of X at a time where dY is flipped; a part of BLOCK */

/* What dG is multiplied with. A round's are in seq->flipped, [block][operand][column][BLOCK]. */
typedef enum operand { INPUT, STATE, INNER, OPERANDS } operand;

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

/* One job on one round's rows [from, to) of a chunk; `block` counts from the round's first. */
typedef struct piece {
    tkr_sequence *seq;
    const tkri_job *job;
    const tkri_chunk *chunk;
    const tkri_layer *layer;
    const tkri_run *run;
    const tkri_direction *direction;
    int64_t from, to, block;
} piece;

/* A layer of so few units that most of a vector of them would be empty: dW^T += dY^T X instead, so
 * that dY is what is flipped. */
static int is_narrow(const tkri_layer *layer, int32_t vl) {
    return layer->kind == TKR_LINEAR && layer->units <= vl / 2;
}

/* Columns of the operands: x, or dy of a narrow layer; h before the step; what a second product
 * reads: r * h of a GRU that resets before, o * tanh c of a projection. */
static int64_t columns_of(const tkri_layer *layer, int32_t vl, operand which) {
    const int recurrent = tkri_is_recurrent(layer->kind);
    if (which == INPUT && is_narrow(layer, vl)) {
        return layer->units;
    }
    if (which == INPUT) {
        return recurrent || layer->kind == TKR_LINEAR ? layer->input : 0;
    }
    if (!recurrent || which == STATE) {
        return recurrent ? layer->out : 0;
    }
    return layer->ops->phases > 1 || layer->out != layer->units ? layer->units : 0;
}

static tkri_view input_of(const piece *p) {
    if (p->job->direction) {
        const int64_t ld = tkri_row_len(p->layer->input);
        return (tkri_view){p->run->x + p->chunk->tape * ld, ld};
    }
    return tkri_layer_input(p->seq, p->job->layer, p->chunk);
}

static int64_t blocks_of(int64_t rows) {
    return (rows + BLOCK - 1) / BLOCK;
}

/* Columns of the operands before `end`. */
static int64_t all_columns(const tkri_layer *layer, int32_t vl, operand end) {
    int64_t columns = 0;
    for (operand which = INPUT; which < end; which++) {
        columns += columns_of(layer, vl, which);
    }
    return columns;
}

/* The most blocks that a round has. */
static int64_t most_blocks(const tkr_sequence *seq, int64_t rows, int64_t batch) {
    return tkri_min(blocks_of(rows) + tkri_chunks_of(seq->net, batch), ROUND);
}

/* A round of the widest layer, and dW^T of a narrow one. */
int64_t tkri_flipped_len(const tkr_sequence *seq, int64_t rows, int64_t batch) {
    const int32_t vl = seq->cell->kern->vl;
    int64_t most = 0, turned = 0;
    for (int64_t l = 0; l < seq->net->n_layers; l++) {
        const tkri_layer *layer = &seq->net->layers[l];
        most = tkri_max(most, all_columns(layer, vl, OPERANDS));
        if (is_narrow(layer, vl)) {
            turned = tkri_max(turned, layer->units * tkri_row_len(layer->input));
        }
    }
    return (int64_t)tkri_add(
        tkri_mul((uint64_t)most, (uint64_t)(most_blocks(seq, rows, batch) * BLOCK)),
        (uint64_t)turned);
}

static float *flipped(const piece *p, int64_t block, operand which) {
    const int32_t vl = p->seq->cell->kern->vl;
    return p->seq->flipped +
           BLOCK * (block * all_columns(p->layer, vl, OPERANDS) + all_columns(p->layer, vl, which));
}

/* dW += X^T dG; g says where dG (b, b_k) and dW (c, c_row) are. */
static void sum_outer(const piece *p, tkri_gemm g, operand which) {
    const int64_t rows = p->to - p->from;
    g.a = flipped(p, p->block, which);
    g.a_row = BLOCK;
    g.a_block = flipped(p, 1, INPUT) - flipped(p, 0, INPUT);
    g.b_block = BLOCK * g.b_k;
    g.from = TKRI_FROM_C;
    g.blocks = rows / BLOCK;
    g.k = BLOCK;
    tkri_bulk_gemm(p->seq->cell->kern, &g);
    g.a += g.blocks * g.a_block;
    g.b += g.blocks * g.b_block;
    g.blocks = 1;
    g.k = rows % BLOCK;
    tkri_bulk_gemm(p->seq->cell->kern, &g);
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
    int32_t width, half;
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
    return (gate_panel){
        .dg = dg,
        .row_stride = row_stride,
        .start = start,
        .width = tkri_panel_width(&panels, p->job->panel),
        .half = tkri_panel_half(&panels, p->job->panel),
    };
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
        .half = panel->half,
    };
}

static void input_weights(const piece *p) {
    const tkri_layer *layer = p->layer;
    const gate_panel panel = gate_panel_of(p, layer->ops->ih_slot);
    const tkri_gemm g = gate_gradient(p, &panel, p->direction->w_ih, layer->input);
    if (p->job->layer == 0 && p->seq->has_ids) {
        const int32_t *ids = p->job->direction ? p->seq->reverse_ids + p->chunk->row0
                                               : tkri_held_ids(p->seq, p->chunk);
        sum_ids(p, &g, ids + p->from, p->to - p->from);
        return;
    }
    sum_outer(p, g, INPUT);
}

/* Rows of the gradient's panel restricted to gates [first, first + n). */
static tkri_gemm some_gates(const piece *p, tkri_gemm g, int32_t first, int32_t n) {
    const int32_t vl = p->seq->cell->kern->vl;
    g.b += first * vl;
    g.c += first * vl;
    g.width = n;
    return g;
}

static void state_weights(const piece *p) {
    const tkri_layer *layer = p->layer;
    const gate_panel panel = gate_panel_of(p, layer->ops->hh_slot);
    const tkri_gemm all = gate_gradient(p, &panel, p->direction->w_hh, layer->out);
    if (layer->ops->phases == 1) {
        sum_outer(p, all, STATE);
    } else { /* the candidate's gate read r * h */
        sum_outer(p, some_gates(p, all, 0, 2), STATE);
        sum_outer(p, some_gates(p, all, 2, 1), INNER);
    }
}

/* Of two biases that are added to the same sums, both have the same gradient. */
static void gate_biases(const piece *p) {
    const tkri_kern *kern = p->seq->cell->kern;
    const int64_t offsets[2] = {p->direction->b_ih, p->direction->b_hh};
    const int32_t slots[2] = {p->layer->ops->ih_slot, p->layer->ops->hh_slot};
    const int both = offsets[0] >= 0 && offsets[1] >= 0 && slots[0] == slots[1];
    for (int i = both; i < 2; i++) {
        if (offsets[i] >= 0) {
            const gate_panel panel = gate_panel_of(p, slots[i]);
            float *to = p->seq->gradients + panel.start * kern->vl;
            kern->column_sum(to + offsets[i], both ? to + offsets[0] : NULL,
                             panel.dg + p->from * panel.row_stride, p->to - p->from,
                             panel.row_stride, panel.width);
        }
    }
}

/* A panel of a plain matrix' gradient: k rows, columns of dY. */
static tkri_gemm plain_gradient(const piece *p, tkri_view dy, int64_t units, int64_t offset,
                                int64_t k) {
    const int32_t vl = p->seq->cell->kern->vl;
    const tkri_panels panels = tkri_panels_of(units, 1, vl);
    const int64_t start = tkri_panel_start(&panels, p->job->panel) * vl;
    const int32_t width = tkri_panel_width(&panels, p->job->panel);
    return (tkri_gemm){
        .m = k,
        .b = dy.p + p->from * dy.ld + start,
        .b_k = dy.ld,
        .c = p->seq->gradients + offset + start * k,
        .c_row = width * vl,
        .width = width,
        .half = tkri_panel_half(&panels, p->job->panel),
    };
}

/* dW^T += dY^T X, with the bits of dW += X^T dY; dw has dW. */
static void narrow_weights(const piece *p, const tkri_gemm *dw) {
    const tkri_layer *layer = p->layer;
    const tkri_kern *kern = p->seq->cell->kern;
    const tkri_panels panels = tkri_panels_of(layer->input, 1, kern->vl);
    const tkri_view x = input_of(p);
    const int64_t ld = tkri_row_len(layer->input);
    float *turned = flipped(
        p, most_blocks(p->seq, p->seq->segment * p->seq->max_batch, p->seq->max_batch), INPUT);
    memset(turned, 0, (size_t)(layer->units * ld) * sizeof *turned);
    tkri_transpose(turned, ld, dw->c, dw->c_row, layer->input, layer->units);
    for (int64_t row = p->from; row < p->to; row += GROUP) {
        const int64_t at = row - p->from;
        for (int64_t panel = 0; panel < panels.n; panel++) {
            const int64_t start = tkri_panel_start(&panels, panel) * kern->vl;
            const tkri_gemm g = {
                .m = layer->units,
                .blocks = 1,
                .k = tkri_min(GROUP, p->to - row),
                .a = flipped(p, p->block + at / BLOCK, INPUT) + at % BLOCK,
                .a_row = BLOCK,
                .b = x.p + row * x.ld + start,
                .b_k = x.ld,
                .c = turned + start,
                .c_row = ld,
                .width = tkri_panel_width(&panels, panel),
                .half = tkri_panel_half(&panels, panel),
                .from = TKRI_FROM_C,
            };
            kern->gemm(&g);
        }
    }
    tkri_transpose(dw->c, dw->c_row, turned, ld, layer->units, layer->input);
}

static void linear_weights(const piece *p) {
    const tkri_layer *layer = p->layer;
    const tkri_kern *kern = p->seq->cell->kern;
    const tkri_view dy = tkri_layer_gradient(p->seq, p->job->layer, p->chunk);
    const tkri_gemm g = plain_gradient(p, dy, layer->units, layer->weight, layer->input);
    const int64_t rows = p->to - p->from;
    if (p->job->layer == 0 && p->seq->has_ids) {
        sum_ids(p, &g, tkri_held_ids(p->seq, p->chunk) + p->from, rows);
    } else if (is_narrow(layer, kern->vl)) {
        narrow_weights(p, &g);
    } else {
        sum_outer(p, g, INPUT);
    }
    if (layer->bias >= 0) {
        const int64_t start = (g.c - p->seq->gradients - layer->weight) / layer->input;
        kern->column_sum(p->seq->gradients + layer->bias + start, NULL, g.b, rows, dy.ld, g.width);
    }
}

static void projection_weights(const piece *p) {
    const tkri_layer *layer = p->layer;
    const tkri_view dp = {p->run->dp + p->chunk->tape * layer->out_ld, layer->out_ld};
    sum_outer(p, plain_gradient(p, dp, layer->out, p->direction->w_hr, layer->units), INNER);
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

/* The jobs of one direction of a layer, and a round of its blocks [first, end) of `blocks`. */
typedef struct pass {
    tkr_sequence *seq;
    const tkri_window *window;
    const tkri_job *jobs;
    int64_t first, end, blocks;
} pass;

/* All of a chunk. */
static piece piece_of(const pass *all, const tkri_job *job, const tkri_chunk *chunk) {
    const tkri_layer *layer = &all->seq->net->layers[job->layer];
    return (piece){
        .seq = all->seq,
        .job = job,
        .chunk = chunk,
        .layer = layer,
        .run = &all->seq->tapes[job->layer].run[job->direction],
        .direction = &layer->direction[job->direction],
        .from = tkri_held_row(chunk, tkri_min(all->window->from, chunk->to)),
        .to = tkri_held_row(chunk, tkri_min(all->window->to, chunk->to)),
    };
}

/* What the round has of a chunk; *before, the blocks of the chunks before it, goes on by its own.
 */
static piece round_of(const pass *all, const tkri_job *job, const tkri_chunk *chunk,
                      int64_t *before) {
    piece p = piece_of(all, job, chunk);
    const int64_t first = tkri_max(all->first - *before, 0), end = all->end - *before;
    p.block = *before + first - all->first;
    *before += blocks_of(p.to - p.from);
    p.to = tkri_min(p.to, p.from + end * BLOCK);
    p.from += first * BLOCK;
    return p;
}

/* h before a row stands in the tape of the step before, at a distance that is the same for all
 * steps with equally many rows before them. */
static void flip_states(const piece *p, float *block, int64_t row, int64_t end) {
    const tkri_chunk *chunk = p->chunk;
    const int64_t ld = p->layer->out_ld;
    const float *h = p->run->h + (chunk->tape + chunk->batch0) * ld;
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
        tkri_transpose(to, BLOCK, h + (row + chunk->batch - before) * ld, ld, n, p->layer->out);
        to += n, row += n;
    }
}

/* Rows [row, end) of an operand, into its block. */
static void flip_rows(const piece *p, operand which, float *block, int64_t row, int64_t end) {
    const tkri_layer *layer = p->layer;
    const int64_t n = end - row, at = p->chunk->tape + row;
    if (which == INPUT && is_narrow(layer, p->seq->cell->kern->vl)) {
        const tkri_view dy = tkri_layer_gradient(p->seq, p->job->layer, p->chunk);
        tkri_transpose(block, BLOCK, dy.p + row * dy.ld, dy.ld, n, layer->units);
    } else if (which == INPUT && (p->job->layer > 0 || !p->seq->has_ids)) {
        const tkri_view x = input_of(p);
        tkri_transpose(block, BLOCK, x.p + row * x.ld, x.ld, n, layer->input);
    } else if (which == STATE && p->run->h_in) {
        const int64_t ld = layer->out_ld;
        tkri_transpose(block, BLOCK, p->run->h_in + at * ld, ld, n, layer->out);
    } else if (which == STATE && p->run->h) {
        flip_states(p, block, row, end);
    } else if (which == INNER && (p->run->aux || p->run->m)) {
        const float *inner = p->run->aux ? p->run->aux : p->run->m;
        const int64_t ld = layer->units_ld;
        tkri_transpose(block, BLOCK, inner + at * ld, ld, n, layer->units);
    }
}

/* One operand of one of the round's blocks. */
static void flip_block(void *argument, int64_t index) {
    const pass *all = argument;
    const operand which = (operand)(index % OPERANDS);
    int64_t before = 0;
    for (int64_t c = 0; c < all->seq->n_chunks; c++) {
        const piece p = round_of(all, all->jobs, &all->seq->chunks[c], &before);
        const int64_t row = p.from + (index / OPERANDS - p.block) * BLOCK;
        if (row >= p.from && row < p.to) {
            flip_rows(&p, which, flipped(&p, index / OPERANDS, which), row,
                      tkri_min(row + BLOCK, p.to));
        }
    }
}

static void run_piece(const piece *p) {
    switch (p->job->what) {
        case TKRI_JOB_GATES:
            input_weights(p);
            state_weights(p);
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
    const tkri_job *job = &all->jobs[index];
    const uint64_t mode = tkri_fpmode_enter();
    int64_t before = 0;
    for (int64_t c = 0; job->what != TKRI_JOB_REST && c < all->seq->n_chunks; c++) {
        const piece p = round_of(all, job, &all->seq->chunks[c], &before);
        if (p.from < p.to) {
            run_piece(&p);
        }
    }
    if (job->what == TKRI_JOB_REST && all->end == all->blocks) {
        rest(all->seq, job, all->window);
    }
    tkri_fpmode_leave(mode);
}

static int64_t count_blocks(const pass *all) {
    int64_t blocks = 0;
    for (int64_t c = 0; c < all->seq->n_chunks; c++) {
        const piece p = piece_of(all, all->jobs, &all->seq->chunks[c]);
        blocks += blocks_of(p.to - p.from);
    }
    return blocks;
}

void tkri_weight_gradients(tkr_sequence *seq, const tkri_window *window) {
    const tkri_job *end = seq->jobs + seq->n_jobs, *next;
    for (const tkri_job *job = seq->jobs; job < end; job = next) {
        pass all = {.seq = seq, .window = window, .jobs = job};
        for (next = job;
             next < end && next->layer == job->layer && next->direction == job->direction;) {
            next++;
        }
        all.blocks = count_blocks(&all);
        do {
            all.end = tkri_min(all.first + ROUND, all.blocks);
            tkri_crew_run(&seq->crew, (all.end - all.first) * OPERANDS, flip_block, &all);
            tkri_crew_run(&seq->crew, next - job, run_job, &all);
            all.first = all.end;
        } while (all.first < all.blocks);
    }
}

/* The packed transposes of one layer. */
static void transpose_layer(void *argument, int64_t l) {
    tkr_sequence *seq = argument;
    const tkri_kern *kern = seq->cell->kern;
    const tkri_layer *layer = &seq->net->layers[l];
    const float *values = seq->net->values;
    const tkri_tape *tape = &seq->tapes[l];
    if (tape->w_t) {
        tkri_packed_transpose(kern, tape->w_t, values + layer->weight, layer->units, 1,
                              layer->input);
    }
    for (int32_t d = 0; tkri_is_recurrent(layer->kind) && d < layer->directions; d++) {
        const tkri_run *run = &tape->run[d];
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

void tkri_transpose_weights(tkr_sequence *seq) {
    tkri_crew_run(&seq->crew, seq->net->n_layers, transpose_layer, seq);
}
