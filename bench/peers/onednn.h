/* SPDX-License-Identifier: MIT
 * oneDNN as a peer of the bench: its recurrent primitives, and around them what it does not have,
 * a linear head with its loss, and Adam. */
#ifndef BENCH_PEERS_ONEDNN_H
#define BENCH_PEERS_ONEDNN_H

#include <stdint.h>
#include <oneapi/dnnl/dnnl.h>

/* A setup line of the protocol (bench/peer.h). */
typedef struct job_shape {
    char task[8], kind[8], activation[8], loss[16], path[128];
    int ids, threads;
    int64_t steps, batch, input, hidden, layers, output;
} job_shape;

/* The dataset's words, taken one array after the other. */
typedef struct words {
    float *all;
    int64_t at, n;
} words;

/* The engine and the stream of the process. */
typedef struct device {
    dnnl_engine_t engine;
    dnnl_stream_t stream;
} device;

/* Memory with its description. */
typedef struct buffer {
    dnnl_memory_t memory; /* NULL: none */
    dnnl_memory_desc_t md;
    float *data;
    int64_t len; /* floats, padding included */
    int owned;   /* data is freed with it */
} buffer;

/* What a recurrent primitive is given and gives; arrays below are indexed by it. */
enum { SRC, SRC_ITER, SRC_ITER_C, WX, WH, BIAS, DST, DST_ITER, DST_ITER_C, ROLES };

enum { ARGS_MAX = 2 * ROLES + 1 };

/* A primitive with what it is executed on. */
typedef struct call {
    dnnl_primitive_t primitive;
    dnnl_exec_arg_t args[ARGS_MAX];
    int n_args;
} call;

/* One recurrent layer. For training: zero initial state, forward and backward over all steps. For
 * streaming (streaming = 1): one step, two forward calls that hand their states to each other. */
typedef struct layer {
    const device *dev;
    int kind; /* gates: 1 rnn, 3 gru, 4 lstm */
    int relu, streaming;
    int64_t steps, batch, input, hidden;
    int present[ROLES];
    buffer value[ROLES];    /* as forward wants them; these are the parameters */
    buffer backward[ROLES]; /* WX and WH as backward wants them, if otherwise */
    buffer diff[ROLES];     /* as backward leaves them */
    buffer workspace;
    call forward[2], back;
    call to_backward[2]; /* WX, WH, if they must be reordered */
} layer;

/* Memory on `data`, or on a block of its own with data = NULL. */
dnnl_status_t buffer_create(buffer *b, const device *dev, const dnnl_memory_desc_t *md,
                            float *data);
void buffer_destroy(buffer *b);

/* Copy between two layouts, once. */
dnnl_status_t buffer_reorder(const device *dev, const buffer *from, const buffer *to);

/* Make a layer from l->dev .. l->hidden; parameters from `w`. `src` [T][B][I] and `diff_dst`
 * [T][B][H] are the caller's (diff_dst NULL when streaming: no backward). */
dnnl_status_t layer_create(layer *l, words *w, float *src, float *diff_dst);
void layer_destroy(layer *l);

dnnl_status_t layer_forward(layer *l);
dnnl_status_t layer_backward(layer *l); /* clears the weight gradients first */

/* |dL/dW_hh|^2. */
dnnl_status_t layer_norm_wh(const layer *l, double *norm);

/* A linear head on hidden states h [n][H] of the caller, its loss, and where dL/dh goes. */
typedef struct head {
    int64_t n, hidden, output;
    const float *h;
    float *dh, *weight, *bias, *dweight, *dbias, *logits;
    const float *target;       /* squared error, or NULL */
    const int32_t *target_ids; /* cross-entropy, or NULL */
} head;

/* Logits, the mean loss, and all gradients of the head. */
dnnl_status_t head_run(head *h, double *loss);

/* Adam's moments of one array of parameters. `rate` is 2 for the sum of two biases that PyTorch and
 * the library keep apart: each of them makes the same step. */
typedef struct moments {
    float *parameter, *gradient, *first, *second;
    float rate;
    int64_t n;
} moments;

void adam_step(const moments *m, int64_t step, float rate);

float *words_take(words *w, int64_t n); /* NULL past the end */
double sum_of_squares(const float *values, int64_t n);

#endif
