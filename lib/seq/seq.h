/* SPDX-License-Identifier: MIT
 * Sequences and states, and the walks over layers and chunks. What a layer is and does the walks do
 * not know: they call its table (layer/layer.h). */
#ifndef TKRI_SEQ_SEQ_H
#define TKRI_SEQ_SEQ_H

#include "layer/states.h"

/* How far a sequence is. Its results can be asked for from the phase on that has made them. */
enum {
    TKRI_BLANK,
    TKRI_RAN,       /* forward */
    TKRI_LOSS,      /* and a loss, whose gradient waits */
    TKRI_BACK,      /* backward; the activations are still there */
    TKRI_BACK_LOSS, /* and a loss' gradient too */
    TKRI_USED_UP    /* backward; nothing is left but what it computed */
};

/* Where the next forward starts, unless an encoder is linked. */
enum {
    TKRI_START_CELL,  /* from the cell's initial state */
    TKRI_START_GIVEN, /* from `given` */
    TKRI_START_FINAL  /* with TKR_CARRY from the last final state, else as TKRI_START_CELL */
};

struct tkr_sequence {
    tkri_env env;
    tkri_detail detail;
    uint64_t bytes;
    tkri_options options;
    tkri_unroll u;
    int32_t phase, start;
    int64_t given_batch;
    float *given; /* [state_width * B] */
    double *row_loss;
    uint64_t seed, draws;   /* masks: the seed, and forwards since it was set */
    tkr_sequence *encoder;  /* linked; or NULL */
    uint64_t runs, started; /* forwards so far; that of the encoder this one's forward began at */
    int32_t decoder_left;   /* dfinal is the sum of what linked decoders' backwards left */
};

/* The options of sequences. */
extern const tkri_option tkri_sequence_options[];

static inline int32_t tkri_has_run(const tkr_sequence *seq) {
    return seq->phase != TKRI_BLANK;
}

static inline int32_t tkri_has_loss(const tkr_sequence *seq) {
    return seq->phase == TKRI_LOSS || seq->phase == TKRI_BACK_LOSS;
}

static inline int32_t tkri_has_gone_back(const tkr_sequence *seq) {
    return seq->phase >= TKRI_BACK;
}

/* Steps of the net's output: of LAST's, one. */
static inline int64_t tkri_output_steps(const tkr_sequence *seq) {
    return seq->u.net->once ? 1 : seq->u.plan.steps;
}

/* sequence.c: what it will be, with its size; made; an option set. */
typedef struct tkri_shape {
    int64_t max_steps, max_batch;
    int32_t mode;
} tkri_shape;
int32_t tkri_sequence_plan(tkr_sequence *seq, const tkr_cell *cell, const tkri_shape *shape,
                           const tkri_env *env);
int32_t tkri_sequence_create(tkr_sequence **seq, const tkr_cell *cell, const tkri_shape *shape,
                             const tkri_env *env);
void tkri_sequence_destroy(tkr_sequence *seq);
int32_t tkri_sequence_set_int(tkr_sequence *seq, int32_t key, int64_t value);

/* May the values of all options be these together? Changes nothing. */
int32_t tkri_sequence_check(const tkr_sequence *seq, const tkri_options *options,
                            tkri_detail *detail);

/* layout.c: the one function that measures and places. */
void tkri_sequence_place(tkr_sequence *seq, tkri_arena *arena);

/* plan.c: chunks and rows for these lengths. */
void tkri_rows_plan(tkri_unroll *u, const int32_t *lengths, int64_t steps, int64_t batch);

/* border.c: between the caller's order [steps][batch][..] and rows. The caller's arrays of a net
 * whose output is once have one step. */
void tkri_border_input(tkri_unroll *u, const float *input);
void tkri_border_ids(tkri_unroll *u, const int32_t *ids);
void tkri_border_output(const tkri_unroll *u, float *output);
void tkri_border_loss_gradient(tkri_unroll *u, const float *doutput); /* NULL: zeros */
void tkri_border_input_gradient(const tkri_unroll *u, float *dinput);

/* forward.c, backward.c, gradients.c: the walks. A failure's text goes to `detail`. */
int32_t tkri_forward(tkri_unroll *u, tkri_detail *detail);
int32_t tkri_backward(tkri_unroll *u, const tkri_options *options, tkri_detail *detail);
int32_t tkri_forward_segment(tkri_unroll *u, tkri_chunk *chunk, int64_t segment);
void tkri_parameter_gradients(tkri_unroll *u, const tkri_window *window, int32_t with_once);
int64_t tkri_list_jobs(const tkri_unroll *u, tkri_job *jobs);
int64_t tkri_transposed_len(const tkri_unroll *u);

/* state.c: every stream at the cell's initial state: the learned one, or zero. */
void tkri_state_start(const tkri_net *net, float *values, int64_t batch);

/* Copy every row of `from` (stride from_batch) to `to` (stride to_batch), `batch` rows. */
void tkri_state_move(const tkri_net *net, float *to, int64_t to_batch, const float *from,
                     int64_t from_batch, int64_t batch);

/* The same, added. */
void tkri_state_add(const tkri_net *net, float *to, int64_t to_batch, const float *from,
                    int64_t from_batch, int64_t batch);

/* Do both cells have states of one layout? */
int32_t tkri_state_alike(const tkr_cell *a, const tkr_cell *b);

static inline int64_t tkri_state_len(const tkri_net *net, int64_t batch) {
    return net->state_width * batch;
}

/* A named tensor between [slots][batch][width] and the flat array. */
const tkri_state_tensor *tkri_state_find(const tkri_net *net, const char *name);
void tkri_state_export(const tkri_net *net, const tkri_state_tensor *tensor, const float *values,
                       int64_t batch, float *out);
void tkri_state_import(const tkri_net *net, const tkri_state_tensor *tensor, float *values,
                       int64_t batch, const float *in);

/* step.c: can this cell be stepped with this state: tensors, scratch memory, precision? */
int32_t tkri_state_fits(const tkr_cell *cell, const tkr_state *state);

/* Measure or place a state's arrays. */
void tkri_state_place(tkr_state *state, tkri_arena *arena);

/* Steps of all streams, one after the other: y [steps][B][O], x [steps][B][I], ids [steps][B]. x or
 * ids is NULL; both, with one step: the state stays and y alone is computed, which does not depend
 * on the input. y may be NULL, or x where O <= I. A failure leaves the state as it was. */
int32_t tkri_step_streams(const tkr_cell *cell, tkr_state *state, float *y, const float *x,
                          const int32_t *ids, int64_t steps);

#endif
