/* SPDX-License-Identifier: MIT
 * A cell unrolled over time.
 *
 * Rows. A batch is sorted by falling length and cut into chunks of sequences. In a chunk, the rows
 * of step t are the sequences that are still running: row first[t] + i for i < active[t]. So a
 * layer's activations are [rows][width] without padding, products over all steps are one matrix
 * product, and a step's previous hidden states are the first rows of the step before. A reverse
 * direction is the same forward pass over the rows of each sequence in reversed order.
 *
 * Segments. The tape, which is what the backward pass needs of every row, holds as many steps as a
 * segment has: all of them, unless activations are computed again (Chen & others 2016, Gruslys &
 * others 2016) or never asked for. Forward goes through the segments one by one and leaves the
 * state at their borders; backward takes them last to first, each run again from its border. Rows
 * of inputs, of outputs and of the outputs' gradients are there for all steps.
 *
 * Chunks are what threads share out; their number depends on the net and the batch alone. */
#ifndef TKRI_SEQ_SEQ_H
#define TKRI_SEQ_SEQ_H

#include <stddef.h>

#include "cell/cell.h"
#include "core/parallel.h"
#include "seq/recur.h"
#include "seq/state.h"

enum { TKRI_MAX_CHUNKS = 64 };

typedef struct tkri_chunk {
    int64_t batch0, batch; /* its sequences: positions in `order` */
    int64_t row0, rows;    /* its rows among all */
    int64_t steps;         /* the longest length */
    int64_t *active;       /* [T + 1]: rows of step t */
    int64_t *first;        /* [T + 1]: the first of them, in the chunk */
    int64_t segment;       /* on the tape; its steps are [from, to) */
    int64_t from, to;
    int64_t skip, held; /* its rows in the chunk: [skip, skip + held) */
    int64_t tape;       /* the tape's row that has the first of them */
} tkri_chunk;

/* What one direction of a recurrent layer keeps of a segment; [rows] are the tape's. h and c of a
 * chunk start with the rows of the state before. Pointers that a layer does not need are NULL. */
typedef struct tkri_run {
    float *gates;                    /* [chunk][tile][row][slot][VL], then their gradients */
    float *dgates;                   /* = gates, unless they are retained */
    float *h, *c;                    /* [chunk][B + rows][out_ld], [units_ld] */
    float *m;                        /* [rows][units_ld]: o * tanh c before the projection */
    float *dp;                       /* [rows][out_ld]: dL/dh for the projection's gradient */
    float *aux;                      /* [rows][units_ld]: r * h */
    float *h_in;                     /* [rows][out_ld]: h_prev under a recurrent dropout mask */
    tkri_term *terms;                /* [chunk][row of a product]: see recur.h */
    float *h_mask;                   /* [B][out_ld]: that mask */
    float *h_zone, *c_zone;          /* [rows][ld]: zoneout masks */
    float *x;                        /* [rows][ld]: the input in reversed order */
    float *dx;                       /* [rows][ld]: its gradient */
    float *dy;                       /* [rows][ld]: the output's gradient in reversed order */
    float *w_hh_t, *w_ih_t, *w_hr_t; /* packed transposes */
    float *dpeep;                    /* [chunk][3][units_ld] */
    float *work;                     /* [B][..]: buffers of the backward step, see backward.c */
    int64_t slot;                    /* number of this direction among all */
} tkri_run;

/* What a layer keeps: y of the net's output and dy of the top layer for all steps. */
typedef struct tkri_tape {
    float *y; /* [rows][y_ld] output; NULL: it is run[0].h, or the layer below's */
    int64_t y_ld;
    float *mask; /* [rows][y_ld] dropout */
    float *dy;   /* [rows][dy_ld] gradient of the output */
    int64_t dy_ld;
    float *w_t; /* linear: packed transpose */
    tkri_run run[2];
} tkri_tape;

/* A [held][ld] view of a chunk's activations. */
typedef struct tkri_view {
    float *p;
    int64_t ld;
} tkri_view;

/* One piece of the weight gradients: a panel of a layer's columns, or a layer's remainder. */
typedef struct tkri_job {
    int64_t layer, panel;
    int32_t direction, what; /* a TKRI_JOB_... */
} tkri_job;

enum { TKRI_JOB_GATES, TKRI_JOB_PROJECTION, TKRI_JOB_LINEAR, TKRI_JOB_EMBEDDING, TKRI_JOB_REST };

/* Steps [from, to) go back, in one segment: the whole or a piece of a truncation window that ends
 * at `end`. Losses before `losses_from` are left out. */
typedef struct tkri_window {
    int64_t from, to, losses_from, end;
} tkri_window;

struct tkr_sequence {
    tkri_env env;
    tkri_detail detail;
    tkri_crew crew;
    const tkr_cell *cell;
    const tkri_net *net;
    uint64_t bytes;
    int32_t mode;
    int64_t max_steps, max_batch;
    int64_t segment; /* steps of one */
    int64_t top;     /* the layer whose output is the net's; -1: the input is */
    int64_t carry, truncate_every, truncate_steps, reduction;
    uint64_t seed, draws;           /* masks: the seed, and forwards since it was set */
    uint64_t mask_seed, mask_draws; /* of the last forward */
    tkr_sequence *encoder;          /* linked; or NULL */

    /* the rows of the last forward */
    int64_t steps, batch, rows, n_chunks;
    int64_t *order, *length; /* [B]: caller's index and length of the i-th longest */
    int64_t *place;          /* [B]: the inverse of order */
    tkri_chunk *chunks;
    int64_t
        *reverse; /* [rows]: row of the same sequence, counted from its end; NULL if not needed */

    float *x; /* [rows][x_ld] input */
    int64_t x_ld;
    int32_t *ids; /* [rows] */
    int32_t *reverse_ids;
    float *dx; /* [rows][x_ld] */
    tkri_tape *tapes;
    float *loss_dy; /* [rows][ld]: what the loss leaves; the last tape's dy unless retained */
    double *row_loss;
    float *given, *initial, *final; /* [state_width * B], in the caller's order */
    float *borders;                 /* the same before every segment but the first */
    float *dfinal, *dinitial, *rec; /* rec is sorted like the chunks */
    float *gradients, *flipped;     /* flipped: see gradients.c */
    double *norms;                  /* [chunk][slot][T] */
    tkri_job *jobs;
    int64_t n_jobs;
    uint64_t packed_version; /* of the cell: of the transposes, */
    uint64_t ran_version;    /* of the last forward */
    int32_t has_ids, ran, has_loss, has_backward, used_up;
    int32_t has_initial; /* `given` holds the next forward's start, for initial_batch sequences */
    int32_t restart;     /* the next forward does not carry on from the last */
    int32_t started_outside; /* the last forward did not start from the cell's initial state */
    int32_t decoder_left;    /* dfinal is what the linked decoder's backward left */
    int64_t initial_batch;
};

/* A chunk of one direction of a recurrent layer. */
typedef struct tkri_lane {
    tkr_sequence *seq;
    const tkri_chunk *chunk;
    const tkri_layer *layer;
    const tkri_direction *direction;
    const tkri_run *run;
    int64_t state_row; /* of the chunk's first state before in h and c */
} tkri_lane;

/* forward.c: the arguments of step t of a lane; a segment onto the tape. */
tkri_recur tkri_recur_at(const tkri_lane *a, int64_t t);
void tkri_forward_segment(tkr_sequence *seq, tkri_chunk *chunk, int64_t segment);

/* layout.c: the one function that measures and places; views of the segment on the tape, and of
 * all rows of a chunk's output. */
void tkri_sequence_place(tkr_sequence *seq, tkri_arena *arena);
tkri_view tkri_layer_output(const tkr_sequence *seq, int64_t layer, const tkri_chunk *chunk);
tkri_view tkri_layer_input(const tkr_sequence *seq, int64_t layer, const tkri_chunk *chunk);
tkri_view tkri_layer_gradient(const tkr_sequence *seq, int64_t layer, const tkri_chunk *chunk);
tkri_view tkri_output(const tkr_sequence *seq, const tkri_chunk *chunk);
tkri_lane tkri_lane_of(tkr_sequence *seq, int64_t layer, int32_t direction,
                       const tkri_chunk *chunk);
int64_t tkri_gate_floats(const tkri_layer *layer, int32_t vl); /* of one row */
void tkri_gate_strides(const tkri_layer *layer, int32_t vl, int64_t rows, int64_t *row_stride,
                       int64_t *tile_stride);

/* rows.c: chunks and rows for these lengths; the state that a lane's segment starts from, and what
 * comes out of it: the state for the next segment, or a sequence's final one. */
void tkri_rows_plan(tkr_sequence *seq, const int32_t *lengths, int64_t steps, int64_t batch);
int64_t tkri_chunks_of(const tkri_net *net, int64_t batch);
void tkri_load_state(const tkri_lane *a);
void tkri_store_state(const tkri_lane *a);
/* The caller's row (t * batch + b) of a chunk's row i of step t. */
static inline int64_t tkri_user_row(const tkr_sequence *seq, const tkri_chunk *chunk, int64_t t,
                                    int64_t i) {
    return t * seq->batch + seq->order[chunk->batch0 + i];
}
/* The first row of step t among those of the segment on the tape. */
static inline int64_t tkri_held_row(const tkri_chunk *chunk, int64_t t) {
    return chunk->first[t] - chunk->skip;
}
/* The segment's ids; NULL: the input has values. */
static inline const int32_t *tkri_held_ids(const tkr_sequence *seq, const tkri_chunk *chunk) {
    return seq->has_ids ? seq->ids + chunk->row0 + chunk->skip : NULL;
}

/* Room for a list of terms. */
static inline int64_t tkri_terms_len(const tkri_layer *layer) {
    return tkri_row_len(layer->units + 1);
}

/* Where there is one chunk, threads share its units: who shares out `work` multiply-adds, or NULL
 * if it is too little to be worth a meeting. */
static inline tkri_crew *tkri_lone_crew(tkr_sequence *seq, int64_t work) {
    return seq->n_chunks == 1 && seq->crew.threads > 1 && work >= 1 << 17 ? &seq->crew : NULL;
}

/* Is layer l a linear one that gives its input's gradient step by step to the recurrent layer
 * below, which has it in a cache, and so keeps no buffer for it? */
static inline int tkri_adds_to_steps(const tkri_net *net, int64_t l) {
    return l > 0 && l < net->n_layers && net->layers[l].kind == TKR_LINEAR &&
           tkri_is_recurrent(net->layers[l - 1].kind) && net->layers[l - 1].directions == 1;
}

/* forward.c, backward.c, gradients.c: the passes. */
void tkri_forward(tkr_sequence *seq);
void tkri_backward(tkr_sequence *seq);
void tkri_transpose_weights(tkr_sequence *seq);
void tkri_weight_gradients(tkr_sequence *seq, const tkri_window *window);
void tkri_list_jobs(tkr_sequence *seq, int32_t count_only);
int64_t tkri_flipped_len(const tkr_sequence *seq, int64_t rows, int64_t batch);

/* forward.c: x = kept ? before : x, or with mask NULL the expectation of that. */
void tkri_zone(float *x, const float *before, const float *mask, float rate, int64_t n);

/* masks.c: dropout and zoneout. */
void tkri_draw_masks(tkr_sequence *seq, const tkri_chunk *chunk);

#endif
