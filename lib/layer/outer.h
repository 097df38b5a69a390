/* SPDX-License-Identifier: MIT
 * What the gradients of matrices have in common: dW += A^T dG over a round's rows, A's columns
 * having been transposed before (seq/gradients.c says when). */
#ifndef TKRI_LAYER_OUTER_H
#define TKRI_LAYER_OUTER_H

#include "layer/layer.h"

enum {
    TKRI_BLOCK = 160
}; /* rows of dG that stay in the first-level cache while A's columns go by */
enum { TKRI_ROUND = 4 }; /* blocks of A that stay in the second */

/* Columns of the operands before `end`: TKRI_OPERANDS for all. */
int64_t tkri_operand_columns(const tkri_layer *layer, int32_t vl, int32_t end);

/* The most blocks that a round has, of `rows` rows in the chunks of `batch` sequences. */
int64_t tkri_most_blocks(const tkri_net *net, int64_t rows, int64_t batch);

/* An operand's block of the round: [column][TKRI_BLOCK]; and the scratch memory of gradient(). */
float *tkri_operand_block(const tkri_piece *p, int64_t block, int32_t operand);
float *tkri_gradient_room(const tkri_piece *p);

/* dW += A^T dG of the piece; g says where dG (b, b_k) and dW (c, c_row) are. */
void tkri_sum_outer(const tkri_piece *p, tkri_gemm g, int32_t operand);

/* dW[ids] += dG of the piece's rows. */
void tkri_sum_ids(const tkri_piece *p, const tkri_gemm *g, const int32_t *ids);

/* A panel of a plain matrix' gradient: k rows, columns of dY [rows][units]. */
tkri_gemm tkri_plain_gradient(const tkri_piece *p, tkri_view dy, int64_t units, int64_t offset,
                              int64_t k);

#endif
