/* SPDX-License-Identifier: MIT
 * Twins: a cell of the library and a net of the oracle, of the same options and the same numbers,
 * run side by side and compared. */
#ifndef TESTS_SUPPORT_TWIN_H
#define TESTS_SUPPORT_TWIN_H

#include "support/oracle.h"
#include "support/support.h"

/* Normwise relative limits of float against double. */
#define TWIN_FORWARD 1e-6
#define TWIN_GRADIENT 5e-6

typedef struct twin {
    tkr_cell *cell;
    orc_net *net;
    tkr_sequence *seq; /* made by twin_shape() */
    orc_random random;
    const tkr_env *env;
    int32_t *ids; /* [T][B], or NULL: net->input */
    bool by_ids;
    char label[160]; /* what a failure prints */
    double least;    /* gradients: errors are relative to their norm, but to no less than this,
                          because a single number may cancel to nearly nothing; 1 unless changed */
} twin;

/* A cell of the library, configured as the specs say and initialised. Fails the test if refused. */
tkr_cell *twin_cell(const orc_spec *specs, int64_t n, const tkr_env *env);

/* The same of one spec, not initialised. */
tkr_cell *twin_part(const orc_spec *spec, const tkr_env *env);

/* Both, with the same drawn parameters. `n` > 1: a chain. `env` may be NULL. */
void twin_open(twin *t, const orc_spec *specs, int64_t n, uint64_t seed, const tkr_env *env);
void twin_close(twin *t);

/* Copy all parameters of the net into the cell. */
void twin_push(twin *t);

/* Room for [steps][batch] in both (an older sequence is destroyed), and drawn inputs, output
 * gradients, final state gradients, and, if `given`, an initial state. */
void twin_shape(twin *t, int64_t steps, int64_t batch, const int32_t *lengths, int32_t mode,
                bool given);

/* All parameters, inputs and initial states become their absolute values. */
void twin_make_positive(twin *t);

/* The gradients of the final state become zero: only outputs count. */
void twin_no_final(twin *t);

/* Run the library's forward or backward on the net's numbers. Everything past a length is NaN. */
void twin_forward_library(twin *t);
void twin_backward_library(twin *t);

/* The library's forward over steps [from, to) of the net's input, whose lengths are cut likewise,
 * in a sequence of the twin's cell; the output of these steps into its place in [T][B][O]. */
void twin_forward_piece(const twin *t, tkr_sequence *seq, int64_t from, int64_t to);
void twin_output_piece(const twin *t, tkr_sequence *seq, float *output, int64_t from, int64_t to);

/* Both engines, forward and backward (k1, k2 as orc_backward()'s), and compare everything: output,
 * final state, gradients of all parameters, of the input and of the initial state. */
void twin_check_forward(twin *t);
void twin_check_gradients(twin *t);
void twin_check(twin *t, int64_t k1, int64_t k2);

/* The parts' h_0.., h_n.., dh_0.. or dh_n.. of the net. */
enum { TWIN_INITIAL, TWIN_FINAL, TWIN_DINITIAL, TWIN_DFINAL };

/* Those of one tensor, the index-th of the state. False: there are not so many. */
typedef struct twin_tensor {
    char name[ORC_NAME + 8];
    double *numbers; /* [n] */
    int64_t n;
} twin_tensor;
bool twin_tensor_at(const twin *t, int64_t index, int which, twin_tensor *tensor);

/* A state of the library that holds those numbers; the caller destroys it. */
tkr_state *twin_state(const twin *t, int which);

/* Compare a state of the library with those numbers. */
void twin_check_state(const twin *t, const tkr_state *state, int which, double tolerance);

/* Does the net have a state at all? */
bool twin_has_state(const twin *t);

/* The net's numbers as new floats, to be freed; rows past a length become NaN. */
float *twin_floats(const double *values, int64_t n);
float *twin_poisoned(const twin *t, const double *values, int64_t width);

/* How many numbers the output has, and its gradient as new floats, to be freed; NaN where nothing
 * is read. Behind LAST both have one step. */
int64_t twin_output_len(const twin *t);
float *twin_output_gradient(const twin *t);

/* The sequence's output, or a parameter's gradient, as new floats, to be freed. */
float *twin_output(const twin *t);
float *twin_gradient(const twin *t, const char *name, int64_t len);

#endif
