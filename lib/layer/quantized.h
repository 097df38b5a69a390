/* SPDX-License-Identifier: MIT
 * Streaming with quantized weights: the products of a step in another precision, around the same
 * pointwise parts. */
#ifndef TKRI_LAYER_QUANTIZED_H
#define TKRI_LAYER_QUANTIZED_H

#include "layer/recur.h"
#include "layer/states.h"

/* Packs of scratch memory for a row of up to n floats. */
int64_t tkri_quantized_row(const tkr_cell *cell, int64_t n);

/* A whole step of a recurrent layer. `r` is the step's, as for tkri_recur_forward(). */
void tkri_quantized_recurrent(const tkr_cell *cell, tkr_state *state, const tkri_recur *r,
                              tkri_signal in);

/* out [B][row] = x W + b of a linear layer. */
typedef struct tkri_quantized_plain {
    int64_t units, input, weight, bias; /* bias -1: none */
} tkri_quantized_plain;
void tkri_quantized_linear(const tkr_cell *cell, tkr_state *state,
                           const tkri_quantized_plain *layer, tkri_signal in, float *out);

#endif
