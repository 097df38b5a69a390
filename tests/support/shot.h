/* SPDX-License-Identifier: MIT
 * All that a forward and a backward left in a sequence, to be compared with another run's. */
#ifndef TESTS_SUPPORT_SHOT_H
#define TESTS_SUPPORT_SHOT_H

#include "support/twin.h"

typedef struct shot {
    float *output, *gradients, *dinput, *state, *dstate;
    int64_t n_output, n_gradients, n_dinput, n_state;
} shot;

/* What the library's sequence holds now; `dinput` only if it was asked for. */
shot shot_take(const twin *t, bool dinput);
void shot_free(shot *s);

/* Fail the test unless all bits are equal, or unless |a - b| / |b| is within `tolerance`. */
void shot_same(const shot *a, const shot *b);
void shot_near(const shot *a, const shot *b, double tolerance);

/* Gradients `a` and `b` [n] are equal in all bits, or, where this build and tier may call a BLAS,
 * within 1e-6: its order of summation may depend on how many rows there are. */
void shot_same_gradient(const tkr_cell *cell, const float *a, const float *b, int64_t n);

/* All tensors of a state one after the other, as new floats; *n receives how many. */
float *shot_state(const tkr_state *state, int64_t *n);

#endif
