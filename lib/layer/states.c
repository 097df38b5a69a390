/* SPDX-License-Identifier: MIT */
#include "layer/states.h"

#include <string.h>

/* The state before a segment: all sequences' of all slots. */
static float *state_before(const tkri_unroll *u, int64_t segment) {
    const int64_t kept = tkri_trains(u) ? segment - 1 : 0;
    return segment == 0 ? u->tape.initial
                        : u->tape.checkpoints + kept * u->net->state_width * u->plan.max_batch;
}

/* Is sequence i in the segment? In the first are all. */
static int takes_part(const tkri_unroll *u, const tkri_chunk *chunk, int64_t i) {
    return chunk->from == 0 || u->plan.length[chunk->batch0 + i] > chunk->from;
}

/* A sequence's row in the caller's order. */
static float *user_row(const tkri_unroll *u, const tkri_chunk *chunk, float *values, int64_t column,
                       int64_t ld, int64_t i) {
    return tkri_state_rows(values, column, u->plan.max_batch) +
           u->plan.order[chunk->batch0 + i] * ld;
}

void tkri_slot_load(const tkri_unroll *u, const tkri_chunk *chunk, int64_t column, int64_t ld,
                    float *rows) {
    float *before = state_before(u, chunk->segment);
    for (int64_t i = 0; i < chunk->batch && takes_part(u, chunk, i); i++) {
        memcpy(rows + i * ld, user_row(u, chunk, before, column, ld, i), (size_t)ld * sizeof *rows);
    }
}

float *tkri_slot_after(const tkri_unroll *u, const tkri_chunk *chunk, int64_t column, int64_t ld,
                       int64_t i) {
    if (!takes_part(u, chunk, i)) {
        return NULL;
    }
    const int64_t len = u->plan.length[chunk->batch0 + i];
    float *to = len > chunk->to ? state_before(u, chunk->segment + 1) : u->tape.final;
    return user_row(u, chunk, to, column, ld, i);
}

/* At a sequence's last valid step, its final state; of an empty one, its initial state. */
void tkri_slot_store(const tkri_unroll *u, const tkri_chunk *chunk, int64_t column, int64_t ld,
                     const float *kept) {
    for (int64_t i = 0; i < chunk->batch && takes_part(u, chunk, i); i++) {
        const int64_t len = u->plan.length[chunk->batch0 + i], last = tkri_min(len, chunk->to) - 1;
        const int64_t row = len > 0 ? chunk->batch + tkri_held_row(chunk, last) + i : i;
        memcpy(tkri_slot_after(u, chunk, column, ld, i), kept + row * ld,
               (size_t)ld * sizeof *kept);
    }
}

float *tkri_slot_gradient(const tkri_unroll *u, const tkri_chunk *chunk, int64_t column,
                          int64_t ld) {
    return tkri_state_rows(u->grad.rec, column, u->plan.max_batch) + chunk->batch0 * ld;
}

/* A sequence's final state counts in the window that has its last step's loss. */
static int starts_here(int64_t len, const tkri_window *w) {
    return len <= w->to && (len > w->losses_from || w->losses_from == 0);
}

void tkri_slot_gradient_start(const tkri_unroll *u, const tkri_chunk *chunk,
                              const tkri_window *window, int64_t column, int64_t ld) {
    float *rec = tkri_slot_gradient(u, chunk, column, ld);
    for (int64_t i = 0; i < chunk->batch; i++) {
        const int64_t len = u->plan.length[chunk->batch0 + i];
        if (window->to < window->end && len > window->to) {
            continue; /* goes on from the piece before */
        }
        if (starts_here(len, window)) {
            memcpy(rec + i * ld, user_row(u, chunk, u->grad.dfinal, column, ld, i),
                   (size_t)ld * sizeof *rec);
        } else {
            memset(rec + i * ld, 0, (size_t)ld * sizeof *rec);
        }
    }
}

void tkri_slot_gradient_end(const tkri_unroll *u, const tkri_chunk *chunk, int64_t column,
                            int64_t ld) {
    const float *rec = tkri_slot_gradient(u, chunk, column, ld);
    for (int64_t i = 0; i < chunk->batch; i++) {
        u->cell->kern->add(user_row(u, chunk, u->grad.dinitial, column, ld, i), rec + i * ld, ld);
    }
}

int32_t tkri_slots_learn(const tkri_unroll *u, const tkri_window *window) {
    return window->from == 0 && window->losses_from == 0 && !u->tape.started_outside;
}

void tkri_slot_learn(tkri_unroll *u, const tkri_slot *slot) {
    for (int64_t b = 0; slot->learned >= 0 && b < u->plan.batch; b++) {
        const float *d = tkri_state_rows(u->grad.dinitial, slot->column, u->plan.max_batch);
        u->cell->kern->add(u->grad.values + slot->learned, d + b * slot->ld, slot->width);
    }
}
