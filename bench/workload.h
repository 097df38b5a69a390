/* SPDX-License-Identifier: MIT
 * The named workloads, and the numbers that every contender computes them with: the same weights,
 * inputs and targets, so that their results can be compared before their times are.
 *
 *   W1 page char    Elman tanh on ids, softmax at each step, cross-entropy, Adam
 *   W2 page series  Elman relu, one linear output at each step, squared error, Adam
 *   W3 char LM      two LSTM layers on ids, softmax, cross-entropy, Adam
 *   W4 layer        one layer, forward and backward with dL/dx, dL/doutput given, no optimizer
 *   W5 streaming    one step per call, batch 1, carried state; also with quantized weights
 *   W6 long         one LSTM layer over many steps, trained as W3; once more with activations that
 *                   are computed again in place of kept
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdint.h>
#include <stdio.h>

/* What is done with the cell. */
enum { TASK_TRAIN = 1, TASK_LAYER = 2, TASK_STREAM = 3 };

/* The loss of TASK_TRAIN. */
enum { LOSS_CROSS_ENTROPY = 1, LOSS_SQUARED = 2 };

/* One line of the table. Cell kinds and activations are the public header's constants. */
typedef struct workload {
    const char *name;
    int32_t task, kind, activation, loss;
    int32_t ids; /* 1: the input is ids in place of one-hot vectors */
    int64_t steps, batch, input, hidden, layers;
    int64_t output;    /* O of the linear head; 0: no head */
    int32_t precision; /* of a stream's weights: TKR_FLOAT32, TKR_BF16 or TKR_INT8 */
    int32_t mode;      /* further modes of the sequence: TKR_RECOMPUTE; peers have none */
} workload;

enum { TENSORS_MAX = 16, NAME_MAX_LEN = 32 };

/* A parameter by the library's name, in PyTorch's layout. */
typedef struct tensor {
    char name[NAME_MAX_LEN];
    float *values;
    int64_t len;
} tensor;

/* All numbers of a workload: 4-byte words in one block, in the order of the members. */
typedef struct dataset {
    tensor tensors[TENSORS_MAX];
    int n_tensors;
    float *input;        /* [T][B][I], or NULL with ids */
    int32_t *ids;        /* [T][B] */
    float *target;       /* [T][B][O] of squared error; [T][B][H] = dL/doutput of TASK_LAYER */
    int32_t *target_ids; /* [T][B] of cross-entropy */
    void *words;
    int64_t n_words;
} dataset;

/* The table: `*n` workloads. */
const workload *workload_table(int *n);

int64_t workload_gates(const workload *w);      /* G: 4 LSTM, 3 GRU, 1 Elman */
int64_t workload_parameters(const workload *w); /* numbers in all tensors */
const char *workload_kind(const workload *w);   /* "lstm", "gru", "rnn" */

/* Draw the numbers: the same ones at every call. 0, or -1 without memory. */
int dataset_create(dataset *d, const workload *w);
void dataset_destroy(dataset *d);

/* Write the block to a file for contenders in other processes. 0 or -1. */
int dataset_write(const dataset *d, FILE *file);

#endif
