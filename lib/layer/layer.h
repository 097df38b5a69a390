/* SPDX-License-Identifier: MIT
 * A kind of layer is a table of functions. This is the contract between the kinds, one file each
 * beside this one, and the walks of lib/seq, which know no kind: a walk goes over layers and chunks
 * and calls the table.
 *
 * Rows. A batch is sorted by falling length and cut into chunks of sequences. In a chunk, the rows
 * of step t are the sequences that are still running: row first[t] + i for i < active[t]. So a
 * layer's activations are [rows][width] without padding, products over all steps are one matrix
 * product, and a step's previous hidden states are the first rows of the step before. A direction
 * that goes backwards is the same forward pass over the rows of each sequence in reversed order.
 *
 * Once. Behind LAST a layer has one row for each sequence. It sees the same things with a chunk of
 * one step, whose rows are the sequences that are not empty.
 *
 * Checkpoint segments. The tape, which is what the backward pass needs of every row, holds as many
 * steps as a segment has: all of them, unless activations are computed again (Chen & others 2016,
 * Gruslys & others 2016) or never asked for. Forward goes through the segments one by one and
 * leaves a checkpoint, the state, between any two; backward takes them last to first, each run
 * again from its checkpoint. Rows of inputs, of outputs and of the outputs' gradients are there for
 * all steps.
 *
 * Chunks are what threads share out; their number depends on the net and the batch alone. */
#ifndef TKRI_LAYER_LAYER_H
#define TKRI_LAYER_LAYER_H

#include <stddef.h>

#include "cell/cell.h"
#include "core/team.h"
#include "kern/blas.h"

enum { TKRI_MAX_CHUNKS = 64 };

typedef struct tkri_chunk {
    int64_t number;        /* among the chunks */
    int64_t batch0, batch; /* its sequences: positions in `order` */
    int64_t row0, rows;    /* its rows among all */
    int64_t steps;         /* the longest length */
    int64_t *active;       /* [T + 1]: rows of step t */
    int64_t *first;        /* [T + 1]: the first of them, in the chunk */
    int64_t segment;       /* on the tape; its steps are [from, to) */
    int64_t from, to;
    int64_t skip, held; /* its rows in the chunk: [skip, skip + held) */
    int64_t tape;       /* the tape's row that has the first of them */
    int32_t status;     /* of the pass over it */
    tkri_detail detail;
} tkri_chunk;

/* Which rows there are. */
typedef struct tkri_plan {
    int32_t mode; /* of the sequence, TKR_TRAINING... */
    int64_t max_steps, max_batch;
    int64_t segment; /* steps of one */
    int64_t steps, batch, rows, n_chunks;
    int64_t *order, *length; /* [B]: caller's index and length of the i-th longest */
    int64_t *position;       /* [B]: the inverse of order */
    int32_t in_order;        /* the rows are the caller's: [steps][batch], in one chunk */
    tkri_chunk *chunks;
    tkri_chunk *once; /* [n_chunks] the same sequences in one step */
    int64_t *reverse; /* [rows]: row of the same sequence, counted from its end; or NULL */
} tkri_plan;

/* What a layer leaves on the tape. */
typedef struct tkri_layer_tape {
    float *y; /* [rows][y_ld] output; NULL: it is elsewhere */
    int64_t y_ld;
    float *dy; /* [rows][dy_ld] gradient of the output; NULL: nobody wants it all at once */
    int64_t dy_ld;
    void *own; /* the rest is its kind's */
} tkri_layer_tape;

/* What a forward pass leaves. */
typedef struct tkri_tape {
    float *x; /* [rows][x_ld] input; NULL where the net takes ids alone */
    int64_t x_ld;
    int32_t *ids; /* [rows] */
    int32_t *reverse_ids;
    int32_t has_ids;         /* of the last forward: the input was ids */
    tkri_layer_tape *layers; /* [n_layers] */
    int64_t top;             /* the layer whose rows are the net's output; -1: the input is */
    uint64_t mask_seed, mask_draws;
    uint64_t version;        /* of the cell, when it ran */
    int32_t started_outside; /* it did not start from the cell's initial state */
    float *initial, *final;  /* [state_width * B], in the caller's order */
    float *checkpoints;      /* the same before every segment but the first */
} tkri_tape;

/* One piece of the parameters' gradients: a panel of a layer's columns, or a layer's remainder. */
typedef struct tkri_job {
    int64_t layer, panel;
    int32_t part; /* of the layer, a direction or a group: jobs of one part share operands */
    int32_t what; /* its kind's number for it; TKRI_JOB_REST: the remainder */
} tkri_job;

enum { TKRI_JOB_REST = -1 };

/* What backward passes need and leave. */
typedef struct tkri_gradients {
    float *dx;                /* [rows][x_ld] */
    float *loss_dy;           /* [rows][ld]: what the loss leaves; the top's dy unless retained */
    float *dfinal, *dinitial; /* [state_width * B], in the caller's order */
    float *rec;               /* the same, sorted like the chunks */
    float *values;            /* [numbers] */
    float *transposed;        /* operands of the parameters' gradients: seq/gradients.c */
    double *norms;            /* [chunk][track][T] */
    tkri_job *jobs;
    int64_t n_jobs;
    int64_t truncate;        /* windows overlap or add up: k1, or 0 */
    uint64_t packed_version; /* of the cell: of the packed transposes */
    tkri_blas blas;          /* for the bulk products of gradients, or NULL */
} tkri_gradients;

/* A cell unrolled over time: all that a layer sees of a sequence. */
typedef struct tkri_unroll {
    const tkr_cell *cell;
    const tkri_net *net;
    tkri_team team;
    tkri_plan plan;
    tkri_tape tape;
    tkri_gradients grad;
} tkri_unroll;

/* A [held][ld] view of a chunk's rows. */
typedef struct tkri_view {
    float *p;
    int64_t ld;
} tkri_view;

/* Steps [from, to) go back, in one segment: the whole or a piece of a truncation window that ends
 * at `end`. Losses before `losses_from` are left out. */
typedef struct tkri_window {
    int64_t from, to, losses_from, end;
} tkri_window;

/* What is placed for a layer. */
typedef struct tkri_room {
    int64_t rows;  /* the tape's; of a layer once, sequences */
    int64_t all;   /* rows of all steps, as far as the layer is the top */
    int64_t batch; /* sequences */
} tkri_room;

/* One job on one round's rows [from, to) of a chunk; `block` counts from the round's first. */
typedef struct tkri_piece {
    tkri_unroll *u;
    const tkri_job *job;
    const tkri_chunk *chunk;
    const tkri_layer *layer;
    int64_t from, to, block;
} tkri_piece;

/* What flows between layers in streamed steps: rows at p, or ids, or (to a layer that does not need
 * it) nothing. */
typedef struct tkri_signal {
    const float *p;
    int64_t ld;
    const int32_t *ids;
} tkri_signal;

/* From a row on. */
static inline tkri_signal tkri_signal_at(tkri_signal s, int64_t row) {
    return (tkri_signal){s.p ? s.p + row * s.ld : NULL, s.ld, s.ids ? s.ids + row : NULL};
}

/* Streamed steps of one layer: a group of them, state->rows rows. */
typedef struct tkri_step {
    const tkr_cell *cell;
    struct tkr_state *state;
    const tkri_layer *layer;
    const tkri_signal *in; /* [n_reads] */
    float *out;            /* [B + group * B][row_len(output)], if the table wants it */
    void *own;             /* what its kind keeps from step to step, so as not to find it anew */
    int32_t (*run)(const struct tkri_step *step, tkri_signal *out); /* the steps */
} tkri_step;

/* Where a layer's output is. */
enum {
    TKRI_OWN_ROWS,   /* in its tape's y */
    TKRI_INPUT_ROWS, /* it is its input */
    TKRI_INSIDE_ROWS /* in what its kind keeps: ops->rows() */
};

/* Operands of a parameter's gradient, dW += A^T dG: what A can be. */
enum { TKRI_OPERANDS = 3 };

/* The table. Functions may be NULL where a kind has nothing to do. `l` is the layer's number in the
 * net, `chunk` of the layer's own rows. What has a status puts its text in chunk->detail. */
struct tkri_layer_ops {
    /* In a sequence: where its output is, and, if inside, the view of it. NULL: in y. */
    int32_t (*where)(const tkri_unroll *u, int64_t l);
    tkri_view (*rows)(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk);

    /* Measure or place what it keeps; `u` knows cell, net, mode and sizes. */
    void (*place)(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                  const tkri_room *room);

    /* The masks of the segment at hand, in training. */
    void (*draw)(tkri_unroll *u, int64_t l, const tkri_chunk *chunk);

    /* The segment at hand; and the window at hand of it backwards: dx from dy. */
    int32_t (*forward)(tkri_unroll *u, int64_t l, tkri_chunk *chunk);
    int32_t (*backward)(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window);

    /* Once for each backward pass over a window's piece, before any chunk. */
    void (*begin)(tkri_unroll *u, int64_t l);

    /* Rows [n] of dh, ld apart, += the input's gradient of as many of its own rows, from `row` of
     * the tape on (gives_steps). */
    void (*add_rows)(tkri_unroll *u, int64_t l, const tkri_chunk *chunk, int64_t row, int64_t n,
                     tkri_view dh);

    /* Parameters' gradients: list the jobs (jobs NULL: count), the columns of an operand of part
     * `part`, rows [row, end) of it transposed into a block, one job, the remainder. */
    int64_t (*jobs)(const tkri_unroll *u, int64_t l, tkri_job *jobs);
    int64_t (*columns)(const tkri_layer *layer, int32_t vl, int32_t operand);
    void (*transpose)(const tkri_piece *p, int32_t operand, float *block, int64_t row, int64_t end);
    void (*gradient)(const tkri_piece *p);
    void (*rest)(tkri_unroll *u, const tkri_job *job, const tkri_window *window);

    /* Floats of scratch memory that gradient() wants beside the operands. */
    int64_t (*room)(const tkri_layer *layer, int32_t vl);

    /* Pack the transposes that backward() multiplies with. */
    void (*pack)(tkri_unroll *u, int64_t l);

    /* Streaming: floats of scratch memory for a group of `steps` of B streams; whether step() wants
     * `out`; the steps of the group at hand, with the bits of one at a time. keep() measures or
     * places step->own, which no option of the layer may shape; bind() fills it in, whenever the
     * step is to be of another cell, and may set step->run, which is step(). */
    uint64_t (*scratch)(const tkr_cell *cell, const tkri_layer *layer, int64_t batch,
                        int64_t steps);
    int32_t (*wants_out)(const tkri_layer *layer);
    void (*keep)(tkri_step *step, tkri_arena *arena);
    void (*bind)(tkri_step *step);
    int32_t (*step)(const tkri_step *step, tkri_signal *out);
};

/* kinds.c: the table of kinds. NULL if there is none. */
const tkri_kind *tkri_kind_of(int32_t number);
const tkri_kind *tkri_kind_named(const char *name, uint64_t len);

static inline int32_t tkri_trains(const tkri_unroll *u) {
    return (u->plan.mode & TKR_TRAINING) != 0;
}

/* views.c: rows of the segment on the tape: of a layer's output, of what it reads, of its output's
 * gradient; of the net's output, all rows of a chunk. */
tkri_view tkri_layer_output(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk);
tkri_view tkri_layer_input(const tkri_unroll *u, int64_t l, int64_t read, const tkri_chunk *chunk);
tkri_view tkri_layer_gradient(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk);
tkri_view tkri_output(const tkri_unroll *u, const tkri_chunk *chunk);

/* Where the gradient of what layer l reads goes; p NULL: nobody wants it, or not all at once. And
 * where a product that makes it starts: TKRI_FROM_ZERO, or TKRI_FROM_C where it adds. */
tkri_view tkri_input_gradient(const tkri_unroll *u, int64_t l, int64_t read,
                              const tkri_chunk *chunk);
int32_t tkri_input_gradient_from(const tkri_unroll *u, int64_t l, int64_t read);
int32_t tkri_wants_input_gradient(const tkri_unroll *u, int64_t l, int64_t read);

/* Does anybody else's product make the gradient of this layer's output step by step? Who; or -1. */
int64_t tkri_gives_steps(const tkri_unroll *u, int64_t l);

/* Is layer l given ids? */
int32_t tkri_reads_ids(const tkri_unroll *u, int64_t l);

/* The chunk of layer l's rows that has the sequences of this one; those of the net's output. */
tkri_chunk *tkri_chunk_of(const tkri_unroll *u, int64_t l, int64_t number);
tkri_chunk *tkri_output_chunk(const tkri_unroll *u, int64_t number);

/* The window's rows on the tape. */
void tkri_window_rows(const tkri_chunk *chunk, const tkri_window *w, int64_t *from, int64_t *to);

/* The caller's row (t * batch + b) of a chunk's row i of step t. */
static inline int64_t tkri_user_row(const tkri_unroll *u, const tkri_chunk *chunk, int64_t t,
                                    int64_t i) {
    return t * u->plan.batch + u->plan.order[chunk->batch0 + i];
}

/* The first row of step t among those of the segment on the tape. */
static inline int64_t tkri_held_row(const tkri_chunk *chunk, int64_t t) {
    return chunk->first[t] - chunk->skip;
}

/* The segment's ids; NULL: layer l is given values. */
static inline const int32_t *tkri_held_ids(const tkri_unroll *u, int64_t l,
                                           const tkri_chunk *chunk) {
    return tkri_reads_ids(u, l) ? u->tape.ids + chunk->row0 + chunk->skip : NULL;
}

/* Where there is one chunk, threads share its units: who shares out `work` multiply-adds, or NULL
 * if it is too little to be worth a meeting. */
static inline tkri_team *tkri_lone_team(tkri_unroll *u, int64_t work) {
    return u->plan.n_chunks == 1 && u->team.threads > 1 && work >= 1 << 17 ? &u->team : NULL;
}

/* Chunks for a batch of this net. */
int64_t tkri_chunks_of(const tkri_net *net, int64_t batch);

/* Products of counts, as far as they fit. */
static inline uint64_t tkri_times(int64_t a, int64_t b) {
    return tkri_mul((uint64_t)a, (uint64_t)b);
}

#endif
