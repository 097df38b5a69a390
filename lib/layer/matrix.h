/* SPDX-License-Identifier: MIT
 * Products with packed matrices, panel by panel, perhaps shared out. */
#ifndef TKRI_LAYER_MATRIX_H
#define TKRI_LAYER_MATRIX_H

#include <stddef.h>

#include "core/team.h"
#include "kern/blas.h"
#include "kern/kern.h"

enum { TKRI_GROUPS = 8 }; /* of panels or tiles, which a team shares out */

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
    tkri_blas blas;         /* a gradient's: may do it; NULL: the kernel */
    const tkri_term *terms; /* of tkri_gemm */
    tkri_team *team;        /* shares out the panels; NULL: all here */
} tkri_product;

/* The plain case: A [rows][k] with rows a_row apart, W [k][units] with one gate. */
static inline tkri_product tkri_plain_product(const tkri_kern *kern, int64_t units, const float *w,
                                              int64_t k) {
    return (tkri_product){
        .kern = kern,
        .panels = tkri_panels_of(units, 1, kern->vl),
        .w = w,
        .w_rows = k,
        .blocks = 1,
        .k = k,
        .c_tile = kern->vl,
        .from = TKRI_FROM_ZERO,
    };
}

/* One panel of it. */
static inline tkri_gemm tkri_product_panel(const tkri_product *p, int64_t panel) {
    const int64_t vl = p->kern->vl, start = tkri_panel_start(&p->panels, panel);
    const int32_t width = tkri_panel_width(&p->panels, panel);
    const int64_t b_k = width * vl;
    return (tkri_gemm){
        .m = p->rows,
        .blocks = p->blocks,
        .k = p->k,
        .a = p->a,
        .a_row = p->a_row,
        .a_block = p->a_block,
        .b = p->w + start * vl * p->w_rows + p->first_row * b_k + p->first_gate * vl,
        .b_block = p->block_rows * b_k,
        .b_k = b_k,
        .c = p->c + tkri_panel_tile(&p->panels, panel) * p->c_tile,
        .c_row = p->c_row,
        .start = p->start ? p->start + start * vl : NULL,
        .width = p->gates ? p->gates : width,
        .half = tkri_panel_half(&p->panels, panel),
        .from = p->from,
        .terms = p->terms,
    };
}

void tkri_product_run(const tkri_product *product);

/* The same with one-hot rows in the place of A. */
void tkri_product_gather(const tkri_product *product, const int32_t *ids);

/* W^T of a packed matrix with k rows, packed for products over its columns; numbers in it. */
void tkri_packed_transpose(const tkri_kern *kern, float *out, const float *w, int64_t units,
                           int32_t gates, int64_t k);
int64_t tkri_packed_transpose_len(int32_t vl, int64_t units, int32_t gates, int64_t k);

#endif
