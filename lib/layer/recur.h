/* SPDX-License-Identifier: MIT
 * One step of one direction of a recurrent layer, forward and backward: the products around the
 * cell's pointwise part. Streaming and unrolling both run this. */
#ifndef TKRI_LAYER_RECUR_H
#define TKRI_LAYER_RECUR_H

#include "layer/matrix.h"
#include "layer/recurrent.h"

/* One step, or the input's part of several: `rows` rows. */
typedef struct tkri_recur {
    const tkri_kern *kern;
    const tkri_net *net;
    const tkri_recurrent *layer;
    const tkri_direction *direction;
    tkri_team *team; /* shares out the units of a step; NULL: all here */
    int64_t rows;
    float *gates, *dgates;
    int64_t row_stride, tile_stride;
    const float *h_prev, *h_in, *c_prev;
    float *h, *c, *m, *aux;
    tkri_term *terms; /* room for the list of units that are not off; or NULL */
    /* backward */
    float *dh, *dh_in, *dc, *dm, *daux;
    const float *w_hh_t, *w_hr_t;
    float *dpeep;
} tkri_recur;

/* gates = x W_ih + bias for `rows` rows: the part of a step that does not depend on time. x is
 * [rows][ld], or ids if not NULL. */
void tkri_recur_input(const tkri_recur *r, const float *x, int64_t ld, const int32_t *ids);

/* gates hold the input's part; writes the activations, c, h (and m, aux). */
void tkri_recur_forward(const tkri_recur *r);

/* Its parts, for whoever makes the products otherwise: the pointwise arguments for `tiles` tiles
 * from `tile` on; start these tiles' q fields from their own bias. */
tkri_point tkri_recur_point(const tkri_recur *r, int64_t tile, int64_t tiles);
void tkri_recur_start_q(const tkri_recur *r, int64_t tile, int64_t tiles);

/* dh, dc hold the gradients of this step's h and c; writes dgates, and leaves in dh, dh_in and dc
 * what flows to h_prev, h_in and c_prev. With a projection dm is a buffer [rows][units_ld]. */
void tkri_recur_backward(const tkri_recur *r);

#endif
