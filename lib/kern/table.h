/* SPDX-License-Identifier: MIT
 * The kernels of one tier, which its table lists; kern.h has their contracts. */
#ifndef TKRI_KERN_TABLE_H
#define TKRI_KERN_TABLE_H

#include "kern/kern.h"
#include "kern/vec.h"

/* product.c */
void TIER(tkri_gemm)(const tkri_gemm *product);
int64_t TIER(tkri_live)(tkri_term *terms, const float *a, int64_t a_row, int64_t rows, int64_t k);
void TIER(tkri_dots)(const tkri_gemm *product);
void TIER(tkri_gather)(const tkri_gemm *product, const int32_t *ids);
void TIER(tkri_scatter)(const tkri_gemm *product, const int32_t *ids);

/* pointwise.c */
void TIER(tkri_add)(float *y, const float *x, int64_t n);
void TIER(tkri_column_sum)(float *c, float *also, const float *x, int64_t rows, int64_t ld,
                           int32_t width);
void TIER(tkri_activate)(float *y, const float *x, int64_t n, int32_t activation);
void TIER(tkri_activate_gradient)(float *dy, const float *x, const float *y, int64_t n,
                                  int32_t activation);
double TIER(tkri_softmax)(float *dx, const float *x, int64_t n, int64_t target, float scale);
void TIER(tkri_softmax_row)(float *y, const float *x, int64_t n);
void TIER(tkri_softmax_gradient)(float *dx, const float *dy, const float *y, int64_t n);
void TIER(tkri_norm)(float *y, const float *x, float *stat, const tkri_norm *norm);
void TIER(tkri_norm_gradient)(float *dx, const float *dy, const float *x, const float *stat,
                              const tkri_norm *norm);

/* masks.c */
void TIER(tkri_draw_mask)(float *out, const tkri_draw *draw, int64_t n);
void TIER(tkri_zone)(float *x, const float *before, const float *mask, float rate, int64_t n);
void TIER(tkri_zone_gradient)(float *d, float *kept, const float *mask, int64_t n);

/* orthogonal.c */
void TIER(tkri_orthogonalise)(const tkri_projection *projection);

/* updates.c */
double TIER(tkri_sum_squares)(const float *x, int64_t n, float limit);
float TIER(tkri_adam)(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u);
float TIER(tkri_sgd)(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u);
float TIER(tkri_rmsprop)(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u);

#endif
