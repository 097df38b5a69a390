/* SPDX-License-Identifier: MIT
 * Where everything of a sequence lies: one function, run once to measure and once to place. */
#include "seq/seq.h"

enum { LEAST_STEPS = 16, LEAST_ROWS = 64 }; /* of a checkpoint segment that is not all */

static int has_once(const tkri_net *net) {
    for (int64_t l = 0; l < net->n_layers; l++) {
        if (net->layers[l].once) {
            return 1;
        }
    }
    return 0;
}

static void place_chunk(tkri_chunk *chunk, int64_t steps, tkri_arena *arena) {
    int64_t *active, *first;
    TKRI_TAKE(arena, active, steps + 1);
    TKRI_TAKE(arena, first, steps + 1);
    if (chunk) {
        chunk->active = active;
        chunk->first = first;
    }
}

static void place_plan(tkri_unroll *u, tkri_arena *arena) {
    tkri_plan *plan = &u->plan;
    const int64_t batch = plan->max_batch, n_chunks = tkri_chunks_of(u->net, batch);
    const int once = has_once(u->net);
    TKRI_TAKE(arena, plan->order, batch);
    TKRI_TAKE(arena, plan->length, batch);
    TKRI_TAKE(arena, plan->position, batch);
    TKRI_TAKE(arena, plan->chunks, n_chunks);
    if (once) {
        TKRI_TAKE(arena, plan->once, n_chunks);
    }
    for (int64_t c = 0; c < n_chunks; c++) {
        place_chunk(plan->chunks ? &plan->chunks[c] : NULL, plan->max_steps, arena);
        if (once) {
            place_chunk(plan->once ? &plan->once[c] : NULL, 1, arena);
        }
    }
    if (u->net->backwards) {
        TKRI_TAKE(arena, plan->reverse, tkri_times(plan->max_steps, batch));
    }
}

static void place_tape(tkri_unroll *u, tkri_arena *arena) {
    const tkri_plan *plan = &u->plan;
    tkri_tape *tape = &u->tape;
    const uint64_t rows = tkri_times(plan->max_steps, plan->max_batch);
    const uint64_t state = tkri_times(plan->max_batch, u->net->state_width);
    const int64_t checkpoints = (plan->max_steps - 1) / plan->segment;
    tape->x_ld = tkri_row_len(u->net->input);
    TKRI_TAKE(arena, tape->layers, u->net->n_layers);
    TKRI_TAKE(arena, tape->ids, rows);
    if (u->net->backwards) {
        TKRI_TAKE(arena, tape->reverse_ids, rows);
    }
    if (u->net->takes & TKRI_VALUES) {
        TKRI_TAKE(arena, tape->x, tkri_mul(rows, (uint64_t)tape->x_ld));
    }
    TKRI_TAKE(arena, tape->initial, state);
    TKRI_TAKE(arena, tape->final, state);
    TKRI_TAKE(arena, tape->checkpoints,
              tkri_mul(state, (uint64_t)(tkri_trains(u) ? checkpoints : tkri_min(checkpoints, 1))));
}

static void place_gradients(tkri_unroll *u, tkri_arena *arena) {
    const tkri_plan *plan = &u->plan;
    tkri_gradients *grad = &u->grad;
    const uint64_t rows = tkri_times(plan->max_steps, plan->max_batch);
    const uint64_t state = tkri_times(plan->max_batch, u->net->state_width);
    TKRI_TAKE(arena, grad->rec, state);
    TKRI_TAKE(arena, grad->dfinal, state);
    TKRI_TAKE(arena, grad->dinitial, state);
    TKRI_TAKE(arena, grad->values, u->net->numbers);
    TKRI_TAKE(arena, grad->transposed, tkri_transposed_len(u));
    if (plan->mode & TKR_INPUT_GRADIENT) {
        TKRI_TAKE(arena, grad->dx, tkri_mul(rows, (uint64_t)u->tape.x_ld));
    }
    if (plan->mode & TKR_RETAIN) {
        TKRI_TAKE(arena, grad->loss_dy, tkri_mul(rows, (uint64_t)tkri_row_len(u->net->output)));
    }
    if (plan->mode & TKR_STEP_NORMS) {
        const int64_t chunks = tkri_chunks_of(u->net, plan->max_batch);
        TKRI_TAKE(arena, grad->norms,
                  tkri_mul(tkri_times(chunks, u->net->n_tracks), (uint64_t)plan->max_steps));
    }
    grad->n_jobs = tkri_list_jobs(u, NULL);
    TKRI_TAKE(arena, grad->jobs, grad->n_jobs);
}

/* All layers that share a buffer have rows of one length in it: chunks go through the layers each
 * at its own pace, and must not meet. */
static void place_shared(tkri_unroll *u, tkri_arena *arena) {
    const int64_t rows = u->plan.segment * u->plan.max_batch;
    for (int64_t i = 0; i < u->net->n_buffers; i++) {
        float *buffer;
        TKRI_TAKE(arena, buffer, tkri_times(rows, u->net->buffers[i]));
        for (int64_t l = 0; u->tape.layers && l < u->net->n_layers; l++) {
            if (u->net->layers[l].buffer == i) {
                u->tape.layers[l].dy = buffer;
            }
        }
    }
}

/* A buffer of the layer's own for its output's gradient. */
static void place_gradient(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape,
                           tkri_arena *arena, const tkri_room *room) {
    const int top = l == u->net->n_layers - 1;
    if (u->net->layers[l].buffer < 0 && tkri_gives_steps(u, l) < 0) {
        TKRI_TAKE(arena, tape->dy, tkri_times(top ? room->all : room->rows, tape->dy_ld));
    }
}

static void place_layer(tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena) {
    const tkri_layer *layer = &u->net->layers[l];
    const tkri_plan *plan = &u->plan;
    const int64_t batch = plan->max_batch;
    const tkri_room room = {
        .rows = layer->once ? batch : plan->segment * batch,
        .all = layer->once ? batch : plan->max_steps * batch,
        .batch = batch,
    };
    const int32_t where = layer->ops->where ? layer->ops->where(u, l) : TKRI_OWN_ROWS;
    tape->y_ld = tape->dy_ld = tkri_row_len(layer->output);
    if (layer->buffer >= 0) {
        tape->dy_ld = u->net->buffers[layer->buffer];
    }
    if (!layer->live) {
        return;
    }
    if (layer->ops->place) {
        layer->ops->place(u, l, tape, arena, &room);
    }
    if (where == TKRI_OWN_ROWS) {
        TKRI_TAKE(arena, tape->y, tkri_times(l == u->tape.top ? room.all : room.rows, tape->y_ld));
    }
    if (tkri_trains(u)) {
        place_gradient(u, l, tape, arena, &room);
    }
}

/* Tape and checkpoints take least memory at about half the root of the steps. */
static void choose_segment(tkri_unroll *u) {
    tkri_plan *plan = &u->plan;
    const int recomputes = (plan->mode & TKR_RECOMPUTE) != 0;
    const int whole = u->net->backwards || (tkri_trains(u) && !recomputes);
    int64_t steps = LEAST_STEPS;
    while (4 * steps * steps < plan->max_steps || steps * plan->max_batch < LEAST_ROWS) {
        steps++;
    }
    plan->segment = whole ? plan->max_steps : tkri_min(steps, plan->max_steps);
}

/* The layer whose rows are the net's output. */
static void choose_top(tkri_unroll *u) {
    int64_t top = u->net->n_layers - 1;
    u->tape.top = -1; /* of no layer, so far: nobody is asked for the place of all steps' rows */
    while (top >= 0) {
        const tkri_layer *layer = &u->net->layers[top];
        if (!layer->ops->where || layer->ops->where(u, top) != TKRI_INPUT_ROWS) {
            break;
        }
        top = layer->reads[0].from;
    }
    u->tape.top = top;
}

void tkri_sequence_place(tkr_sequence *seq, tkri_arena *arena) {
    tkri_unroll *u = &seq->u;
    const tkri_net *net = u->net;
    choose_segment(u);
    choose_top(u);
    place_plan(u, arena);
    place_tape(u, arena);
    TKRI_TAKE(arena, seq->row_loss, tkri_times(u->plan.max_steps, u->plan.max_batch));
    TKRI_TAKE(arena, seq->given, tkri_times(u->plan.max_batch, net->state_width));
    if (tkri_trains(u)) {
        place_gradients(u, arena);
        place_shared(u, arena);
    }
    for (int64_t l = 0; l < net->n_layers; l++) {
        tkri_layer_tape measured = {0};
        place_layer(u, l, u->tape.layers ? &u->tape.layers[l] : &measured, arena);
    }
    if (u->tape.layers && tkri_trains(u) && !u->grad.loss_dy) {
        u->grad.loss_dy = u->tape.layers[net->n_layers - 1].dy;
    }
}
