/* SPDX-License-Identifier: MIT
 * What is carried from step to step, for B streams: a flat array over one table of offsets, like
 * the parameters. A slot's rows are [B][ld] at its column times B. Here is what a kind of layer
 * needs to carry something. */
#ifndef TKRI_LAYER_STATES_H
#define TKRI_LAYER_STATES_H

#include "layer/layer.h"

struct tkr_state {
    tkri_env env;
    tkri_detail detail;
    const tkr_cell *cell;
    const tkri_net *net;
    uint64_t bytes;
    int64_t batch;
    int64_t group;         /* steps that may go through a layer at once */
    int64_t rows;          /* of those that do: steps * batch */
    float *values;         /* [state_width * B] */
    float *backup;         /* the same, where a step may have to be taken back; or NULL */
    float *scratch;        /* [scratch_len], of one layer's steps at a time */
    const tkr_cell *bound; /* whose layers the steps are; the state's own, but for a moment */
    tkri_step *steps;      /* [n_layers] */
    tkri_signal *signals;  /* [n_layers + 1]: the input's, then each layer's output */
    uint32_t *q;           /* [B][q_row] what a quantized product reads in the place of its rows */
    float *q_scale;        /* int8: [B] */
    uint64_t scratch_len;
    int64_t q_row;
};

/* The rows of a slot: [batch][ld]. */
static inline float *tkri_state_rows(float *values, int64_t column, int64_t batch) {
    return values + column * batch;
}

/* Rows [batch][ld] of the chunk's sequences: their state before the segment at hand. */
void tkri_slot_load(const tkri_unroll *u, const tkri_chunk *chunk, int64_t column, int64_t ld,
                    float *rows);

/* kept [batch + held][ld] begins with that and goes on with the state behind each row: hand on what
 * the next segment starts from, and the final state of sequences that end in this one. */
void tkri_slot_store(const tkri_unroll *u, const tkri_chunk *chunk, int64_t column, int64_t ld,
                     const float *kept);

/* Where sequence i's state behind the segment goes: to the next one, or it is its final state.
 * NULL: it has no part in this segment. */
float *tkri_slot_after(const tkri_unroll *u, const tkri_chunk *chunk, int64_t column, int64_t ld,
                       int64_t i);

/* Backwards: the chunk's rows [batch][ld] of the gradient of a slot, sorted like the chunk. Before
 * a window's piece they are what flows in from behind, and at the sequence's beginning they are
 * what flows out of its initial state. */
float *tkri_slot_gradient(const tkri_unroll *u, const tkri_chunk *chunk, int64_t column,
                          int64_t ld);
void tkri_slot_gradient_start(const tkri_unroll *u, const tkri_chunk *chunk,
                              const tkri_window *window, int64_t column, int64_t ld);
void tkri_slot_gradient_end(const tkri_unroll *u, const tkri_chunk *chunk, int64_t column,
                            int64_t ld);

/* A learned initial state's gradient: the sum over the batch of what flowed out of the initial
 * state, once for each backward pass. */
int32_t tkri_slots_learn(const tkri_unroll *u, const tkri_window *window);
void tkri_slot_learn(tkri_unroll *u, const tkri_slot *slot);

#endif
