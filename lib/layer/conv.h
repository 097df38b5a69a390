/* SPDX-License-Identifier: MIT
 * What both convolutions have in common: rows of taps, and what they are multiplied with. */
#ifndef TKRI_LAYER_CONV_H
#define TKRI_LAYER_CONV_H

#include "layer/map.h"

/* Channels of input and output, of one of `groups`. The weight is [O][I][K] in PyTorch's order, O
 * of all groups. A row of taps has I K numbers for each group, channel by channel. */
typedef struct tkri_conv {
    int64_t in, out, groups, kernel, dilation;
    int64_t weight, bias;          /* packed [I K][O] of one group, else [O][I K]; bias -1: none */
    int64_t taps_ld;               /* rows of taps of all groups */
    int64_t column, past, past_ld; /* over time: the slot, steps in it, its row */
    int64_t stride, left, right;   /* inside a vector */
    int64_t positions, made;       /* of the input, of the output */
    int32_t reflects;
} tkri_conv;

static inline const tkri_conv *tkri_conv_of(const tkri_layer *layer) {
    return (const tkri_conv *)layer->own;
}

/* Taps of one group. */
static inline int64_t tkri_conv_taps(const tkri_conv *c) {
    return c->in * c->kernel;
}

/* conv_taps.c: y [n][y.ld] = taps [n] W + b. */
void tkri_conv_apply(const tkr_cell *cell, const tkri_conv *c, tkri_view y, const float *taps,
                     int64_t n, tkri_team *team);

/* dtaps [n] = dy [n][dy.ld] W^T; w_t is the packed transpose of one group's weight. */
void tkri_conv_unapply(const tkr_cell *cell, const tkri_conv *c, float *dtaps, tkri_view dy,
                       int64_t n, const float *w_t);

/* Floats of one chunk's sums of dW and db, and of the room beside them; add n rows to them; add the
 * sums of all chunks, `apart` from each other, to the gradients. */
int64_t tkri_conv_sums_len(const tkr_cell *cell, const tkri_conv *c);
void tkri_conv_sum(const tkr_cell *cell, const tkri_conv *c, float *sums, tkri_view dy,
                   const float *taps, int64_t n);
void tkri_conv_add_sums(tkri_unroll *u, const tkri_conv *c, const float *sums);

/* The packed transpose that tkri_conv_unapply() wants; 0 long for groups. */
int64_t tkri_conv_transpose_len(const tkr_cell *cell, const tkri_conv *c);
void tkri_conv_pack(const tkr_cell *cell, const tkri_conv *c, float *w_t);

/* The tables of the two. */
extern const tkri_layer_ops tkri_conv_time_ops, tkri_conv_vector_ops;

#endif
