/* SPDX-License-Identifier: MIT
 * One step of one direction of a recurrent layer, forward and backward: the products around the
 * cell's pointwise part. Streaming and unrolling both run this. */
#ifndef TKRI_SEQ_RECUR_H
#define TKRI_SEQ_RECUR_H

#include "cell/cell.h"
#include "core/parallel.h"

/* A product with a packed matrix: C = start + A W, panel by panel. */
typedef struct tkri_product {
    const tkri_kern *kern;
    tkri_panels panels; /* of W's columns */
    const float *w;
    int64_t w_rows;                /* of W in all */
    int64_t first_row, block_rows; /* A's block j meets W's rows first_row + j * block_rows ... */
    int64_t blocks, k;             /* ... and the k - 1 after it */
    int32_t first_gate, gates;     /* only these gates of each panel; gates = 0: all */
    const float *a;
    int64_t a_row, a_block, rows;
    float *c;
    int64_t c_row, c_tile; /* a panel's columns start at c + its first tile * c_tile */
    const float *start;    /* [tile][gates][VL] */
    int32_t from;
    int32_t bulk;           /* CBLAS may do it */
    const tkri_term *terms; /* of tkri_gemm */
    tkri_crew *crew;        /* shares out the panels; NULL: all here */
} tkri_product;

/* The plain case: A [rows][k] with rows a_row apart, W [k][units] with one gate. */
tkri_product tkri_plain_product(const tkri_kern *kern, int64_t units, const float *w, int64_t k);
void tkri_product_run(const tkri_product *product);

/* One panel of it. */
tkri_gemm tkri_product_panel(const tkri_product *product, int64_t panel);

/* x W_ih + bias for `rows` rows of the gates: the part of a step that does not depend on time.
 * x is [rows][ld], or ids if not NULL. */
typedef struct tkri_recur {
    const tkri_kern *kern;
    const tkri_net *net;
    const tkri_layer *layer;
    const tkri_direction *direction;
    tkri_crew *crew; /* shares out the units of a step; NULL: all here */
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

void tkri_recur_input(const tkri_recur *r, const float *x, int64_t ld, const int32_t *ids,
                      int32_t bulk);

/* gates hold the input's part; writes the activations, c, h (and m, aux). */
void tkri_recur_forward(const tkri_recur *r);

/* Its parts, for whoever makes the products otherwise: the pointwise arguments for `tiles` tiles
 * from `tile` on; start these tiles' q slots from their own bias. */
tkri_point tkri_recur_point(const tkri_recur *r, int64_t tile, int64_t tiles);
void tkri_recur_start_q(const tkri_recur *r, int64_t tile, int64_t tiles);

/* dh, dc hold the gradients of this step's h and c; writes dgates, and leaves in dh, dh_in and dc
 * what flows to h_prev, h_in and c_prev. With a projection dm is a buffer [rows][units_ld]. */
void tkri_recur_backward(const tkri_recur *r);

/* W^T of a packed matrix with k rows, packed for products over its columns; panels [from, to) of
 * the result. */
void tkri_packed_transpose(const tkri_kern *kern, float *out, const float *w, int64_t units,
                           int32_t gates, int64_t k);
int64_t tkri_packed_transpose_len(int32_t vl, int64_t units, int32_t gates, int64_t k);

#endif
