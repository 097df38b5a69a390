/* SPDX-License-Identifier: MIT
 * Where everything of a sequence lies: one function, run once to measure and once to place. */
#include <stddef.h>

#include "seq/seq.h"

enum { LEAST_STEPS = 16, LEAST_ROWS = 64 }; /* of a segment that is not all */

static int training(const tkr_sequence *seq) {
    return (seq->mode & TKR_TRAINING) != 0;
}

int64_t tkri_gate_floats(const tkri_layer *layer, int32_t vl) {
    return layer->ops->slots == 1 ? layer->units_ld
                                  : tkri_tiles(layer->units, vl) * layer->ops->slots * vl;
}

void tkri_gate_strides(const tkri_layer *layer, int32_t vl, int64_t rows, int64_t *row_stride,
                       int64_t *tile_stride) {
    const int64_t slots = layer->ops->slots;
    *row_stride = slots == 1 ? layer->units_ld : slots * vl;
    *tile_stride = slots == 1 ? vl : rows * slots * vl;
}

/* Rows that a layer stands below: does it read the layer below's rows in place? */
static int passes_through(const tkr_sequence *seq, const tkri_layer *layer) {
    return layer->kind == TKR_DROPOUT && !(training(seq) && layer->rate > 0.0f);
}

static int in_place(const tkr_sequence *seq, int64_t l) {
    const tkri_layer *layer = &seq->net->layers[l];
    return tkri_is_recurrent(layer->kind) && layer->directions == 1 && !layer->output_before &&
           (l != seq->top || seq->segment == seq->max_steps);
}

tkri_view tkri_layer_output(const tkr_sequence *seq, int64_t l, const tkri_chunk *chunk) {
    const tkri_layer *layer = &seq->net->layers[l];
    const tkri_tape *tape = &seq->tapes[l];
    if (passes_through(seq, layer)) {
        return tkri_layer_input(seq, l, chunk);
    }
    if (in_place(seq, l)) {
        const int64_t row = chunk->tape + chunk->batch0 + chunk->batch;
        return (tkri_view){tape->run[0].h + row * layer->out_ld, layer->out_ld};
    }
    const int64_t row = l == seq->top ? chunk->row0 + chunk->skip : chunk->tape;
    return (tkri_view){tape->y + row * tape->y_ld, tape->y_ld};
}

tkri_view tkri_output(const tkr_sequence *seq, const tkri_chunk *chunk) {
    tkri_view v = tkri_layer_output(seq, seq->net->n_layers - 1, chunk);
    v.p -= chunk->skip * v.ld;
    return v;
}

tkri_view tkri_layer_input(const tkr_sequence *seq, int64_t l, const tkri_chunk *chunk) {
    if (l > 0) {
        return tkri_layer_output(seq, l - 1, chunk);
    }
    const int64_t row = chunk->row0 + chunk->skip;
    return (tkri_view){seq->x ? seq->x + row * seq->x_ld : NULL, seq->x_ld};
}

tkri_view tkri_layer_gradient(const tkr_sequence *seq, int64_t l, const tkri_chunk *chunk) {
    const tkri_tape *tape = &seq->tapes[l];
    const int64_t row = l == seq->net->n_layers - 1 ? chunk->row0 + chunk->skip : chunk->tape;
    return (tkri_view){tape->dy + row * tape->dy_ld, tape->dy_ld};
}

tkri_lane tkri_lane_of(tkr_sequence *seq, int64_t l, int32_t d, const tkri_chunk *chunk) {
    const tkri_layer *layer = &seq->net->layers[l];
    return (tkri_lane){seq,
                       chunk,
                       layer,
                       &layer->direction[d],
                       &seq->tapes[l].run[d],
                       chunk->tape + chunk->batch0};
}

/* Products of counts, as far as they fit. */
static uint64_t times(int64_t a, int64_t b) {
    return tkri_mul((uint64_t)a, (uint64_t)b);
}

typedef struct shape {
    int64_t rows, batch, vl; /* rows: the tape's */
    int64_t all;             /* rows of all steps */
    float *shared[2];        /* gradients of layers that do not keep theirs */
} shape;

static void place_masks(const tkri_layer *layer, tkri_run *run, tkri_arena *arena, shape s) {
    if (layer->recurrent_rate > 0.0f) {
        TKRI_TAKE(arena, run->h_mask, times(s.batch, layer->out_ld));
        TKRI_TAKE(arena, run->h_in, times(s.rows, layer->out_ld));
    }
    if (layer->zoneout > 0.0f) {
        TKRI_TAKE(arena, run->h_zone, times(s.rows, layer->out_ld));
    }
    if (layer->zoneout_cell > 0.0f) {
        TKRI_TAKE(arena, run->c_zone, times(s.rows, layer->units_ld));
    }
}

/* What the backward pass of a direction needs beside the activations. */
static void place_backward(tkr_sequence *seq, int64_t l, int32_t d, tkri_run *run,
                           tkri_arena *arena, shape s) {
    const tkri_layer *layer = &seq->net->layers[l];
    const int32_t vl = (int32_t)s.vl, gates = layer->ops->gates;
    const int dx = l > 0 || (seq->mode & TKR_INPUT_GRADIENT);
    run->dgates = run->gates;
    if (seq->mode & TKR_RETAIN) {
        TKRI_TAKE(arena, run->dgates, times(s.rows, tkri_gate_floats(layer, vl)));
    }
    TKRI_TAKE(arena, run->w_hh_t, tkri_packed_transpose_len(vl, layer->units, gates, layer->out));
    if (dx) {
        TKRI_TAKE(arena, run->w_ih_t,
                  tkri_packed_transpose_len(vl, layer->units, gates, layer->input));
    }
    if (layer->out != layer->units) {
        TKRI_TAKE(arena, run->dp, times(s.rows, layer->out_ld));
        TKRI_TAKE(arena, run->w_hr_t, tkri_packed_transpose_len(vl, layer->out, 1, layer->units));
    }
    if (layer->direction[d].peep >= 0) {
        TKRI_TAKE(arena, run->dpeep, times(TKRI_MAX_CHUNKS * 3, layer->units_ld));
    }
    if (d == 1) {
        TKRI_TAKE(arena, run->dy, times(s.rows, layer->out_ld));
        if (dx) {
            TKRI_TAKE(arena, run->dx, times(s.rows, tkri_row_len(layer->input)));
        }
    }
    TKRI_TAKE(arena, run->work, times(5 * s.batch, layer->units_ld));
}

static void place_run(tkr_sequence *seq, int64_t l, int32_t d, tkri_run *run, tkri_arena *arena,
                      shape s) {
    const tkri_layer *layer = &seq->net->layers[l];
    const int64_t kept = (int64_t)tkri_add((uint64_t)s.rows, (uint64_t)s.batch);
    TKRI_TAKE(arena, run->gates, times(s.rows, tkri_gate_floats(layer, (int32_t)s.vl)));
    TKRI_TAKE(arena, run->h, times(kept, layer->out_ld));
    if (layer->ops->has_c) {
        TKRI_TAKE(arena, run->c, times(kept, layer->units_ld));
    }
    if (layer->out != layer->units) {
        TKRI_TAKE(arena, run->m, times(s.rows, layer->units_ld));
    }
    if (layer->ops->phases > 1) {
        TKRI_TAKE(arena, run->aux, times(s.rows, layer->units_ld));
    }
    if (d == 1) {
        TKRI_TAKE(arena, run->x, times(s.rows, tkri_row_len(layer->input)));
    }
    if (layer->kind == TKR_ELMAN && layer->activation == TKR_RELU) {
        TKRI_TAKE(arena, run->terms,
                  times(tkri_chunks_of(seq->net, s.batch), tkri_terms_len(layer)));
    }
    if (training(seq)) {
        place_masks(layer, run, arena, s);
        place_backward(seq, l, d, run, arena, s);
    }
}

/* Linear layers and tables keep their gradient until the weights' turn; of the others two buffers
 * take turns. The top's is filled by the loss. */
static int keeps_gradient(const tkri_layer *layer) {
    return layer->kind == TKR_LINEAR || layer->kind == TKR_EMBEDDING;
}

static void place_gradient(tkr_sequence *seq, int64_t l, tkri_tape *tape, tkri_arena *arena,
                           shape s) {
    const tkri_layer *layer = &seq->net->layers[l];
    const int top = l == seq->net->n_layers - 1;
    tape->dy_ld = tkri_row_len(layer->output);
    if (top || keeps_gradient(layer)) {
        TKRI_TAKE(arena, tape->dy, times(top ? s.all : s.rows, tape->dy_ld));
    } else {
        tape->dy = s.shared[l % 2];
    }
    if (layer->kind == TKR_LINEAR && (l > 0 || (seq->mode & TKR_INPUT_GRADIENT))) {
        TKRI_TAKE(arena, tape->w_t,
                  tkri_packed_transpose_len((int32_t)s.vl, layer->units, 1, layer->input));
    }
}

static void place_layer(tkr_sequence *seq, int64_t l, tkri_tape *tape, tkri_arena *arena, shape s) {
    const tkri_layer *layer = &seq->net->layers[l];
    if (tkri_is_recurrent(layer->kind)) {
        for (int32_t d = 0; d < layer->directions; d++) {
            place_run(seq, l, d, &tape->run[d], arena, s);
        }
    }
    tape->y_ld = tkri_row_len(layer->output);
    if (!in_place(seq, l) && !passes_through(seq, layer)) {
        TKRI_TAKE(arena, tape->y, times(l == seq->top ? s.all : s.rows, tape->y_ld));
    }
    if (layer->kind == TKR_DROPOUT && !passes_through(seq, layer)) {
        TKRI_TAKE(arena, tape->mask, times(s.rows, tape->y_ld));
    }
    if (training(seq)) {
        place_gradient(seq, l, tape, arena, s);
    }
}

static void place_rows(tkr_sequence *seq, tkri_arena *arena, shape s) {
    const int64_t n_chunks = tkri_chunks_of(seq->net, s.batch);
    TKRI_TAKE(arena, seq->order, s.batch);
    TKRI_TAKE(arena, seq->length, s.batch);
    TKRI_TAKE(arena, seq->place, s.batch);
    TKRI_TAKE(arena, seq->chunks, n_chunks);
    for (int64_t c = 0; c < n_chunks; c++) {
        int64_t *active, *first;
        TKRI_TAKE(arena, active, seq->max_steps + 1);
        TKRI_TAKE(arena, first, seq->max_steps + 1);
        if (arena->base) {
            seq->chunks[c].active = active;
            seq->chunks[c].first = first;
        }
    }
    TKRI_TAKE(arena, seq->ids, s.all);
    if (seq->net->two_directions) {
        TKRI_TAKE(arena, seq->reverse, s.all);
        TKRI_TAKE(arena, seq->reverse_ids, s.all);
    }
}

static void place_training(tkr_sequence *seq, tkri_arena *arena, shape s) {
    const tkri_net *net = seq->net;
    const uint64_t state = times(s.batch, net->state_width);
    const int64_t top_ld = tkri_row_len(net->output);
    TKRI_TAKE(arena, seq->rec, state);
    TKRI_TAKE(arena, seq->dfinal, state);
    TKRI_TAKE(arena, seq->dinitial, state);
    TKRI_TAKE(arena, seq->gradients, net->numbers);
    TKRI_TAKE(arena, seq->flipped, tkri_flipped_len(seq, s.rows, s.batch));
    if (seq->mode & TKR_INPUT_GRADIENT) {
        TKRI_TAKE(arena, seq->dx, times(s.all, seq->x_ld));
    }
    if (seq->mode & TKR_RETAIN) {
        TKRI_TAKE(arena, seq->loss_dy, times(s.all, top_ld));
    }
    if (seq->mode & TKR_STEP_NORMS) {
        TKRI_TAKE(arena, seq->norms,
                  tkri_mul(times(tkri_chunks_of(seq->net, s.batch), net->n_slots),
                           (uint64_t)seq->max_steps));
    }
    seq->n_jobs = 0;
    tkri_list_jobs(seq, 1);
    TKRI_TAKE(arena, seq->jobs, seq->n_jobs);
}

/* The widest gradient that one of the two shared buffers must hold. */
static int64_t widest(const tkri_net *net, int64_t l) {
    int64_t most = 0;
    for (; l < net->n_layers - 1; l += 2) {
        if (!keeps_gradient(&net->layers[l]) && !tkri_adds_to_steps(net, l + 1)) {
            most = tkri_max(most, tkri_row_len(net->layers[l].output));
        }
    }
    return most;
}

static void number_slots(tkr_sequence *seq) {
    int64_t slot = 0;
    for (int64_t l = 0; l < seq->net->n_layers; l++) {
        const tkri_layer *layer = &seq->net->layers[l];
        for (int32_t d = 0; tkri_is_recurrent(layer->kind) && d < layer->directions; d++) {
            seq->tapes[l].run[d].slot = slot++;
        }
    }
}

/* Tape and borders take least memory at about half the root of the steps. */
static void choose_segment(tkr_sequence *seq) {
    const int whole = seq->net->two_directions || (training(seq) && !(seq->mode & TKR_RECOMPUTE));
    int64_t steps = LEAST_STEPS;
    while (4 * steps * steps < seq->max_steps || steps * seq->max_batch < LEAST_ROWS) {
        steps++;
    }
    seq->segment = whole ? seq->max_steps : tkri_min(steps, seq->max_steps);
    seq->top = seq->net->n_layers - 1;
    while (seq->top >= 0 && passes_through(seq, &seq->net->layers[seq->top])) {
        seq->top--;
    }
}

void tkri_sequence_place(tkr_sequence *seq, tkri_arena *arena) {
    const tkri_net *net = seq->net;
    shape s = {.batch = seq->max_batch, .vl = seq->cell->kern->vl};
    choose_segment(seq);
    s.rows = seq->segment * seq->max_batch;
    s.all = seq->max_steps * seq->max_batch;
    TKRI_TAKE(arena, seq->tapes, net->n_layers);
    seq->x_ld = tkri_row_len(net->input);
    place_rows(seq, arena, s);
    if (net->layers[0].kind != TKR_EMBEDDING) {
        TKRI_TAKE(arena, seq->x, times(s.all, seq->x_ld));
    }
    TKRI_TAKE(arena, seq->row_loss, s.all);
    TKRI_TAKE(arena, seq->given, times(s.batch, net->state_width));
    TKRI_TAKE(arena, seq->initial, times(s.batch, net->state_width));
    TKRI_TAKE(arena, seq->final, times(s.batch, net->state_width));
    const int64_t borders = (seq->max_steps - 1) / seq->segment;
    TKRI_TAKE(arena, seq->borders,
              tkri_mul(times(s.batch, net->state_width),
                       (uint64_t)(training(seq) ? borders : tkri_min(borders, 1))));
    if (training(seq)) {
        place_training(seq, arena, s);
        TKRI_TAKE(arena, s.shared[0], times(s.rows, widest(net, 0)));
        TKRI_TAKE(arena, s.shared[1], times(s.rows, widest(net, 1)));
    }
    for (int64_t l = 0; l < net->n_layers; l++) {
        tkri_tape measured = {0};
        place_layer(seq, l, seq->tapes ? &seq->tapes[l] : &measured, arena, s);
    }
    if (seq->tapes) {
        number_slots(seq);
        if (training(seq) && !seq->loss_dy) {
            seq->loss_dy = seq->tapes[net->n_layers - 1].dy;
        }
    }
}
