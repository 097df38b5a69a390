/* SPDX-License-Identifier: MIT */
#include "kern/blas.h"

#include <limits.h>
#include <string.h>

#ifdef TKRI_HAVE_CBLAS

#include <cblas.h>

const char *tkr_blas_text(void) {
    return "cblas";
}

enum { WORTHWHILE = 1 << 15 };

static int fits(int64_t n) {
    return n >= 1 && n <= INT_MAX;
}

/* Can CBLAS say this product, and is it worth it? */
static int blas_serves(const tkri_kern *kern, const tkri_gemm *g) {
    const int64_t n = (int64_t)g->width * kern->vl;
    return kern->tier == TKR_TIER_GENERIC && fits(g->m) && fits(g->k) && fits(g->a_row) &&
           fits(g->b_k) && fits(g->c_row) && g->m * n >= WORTHWHILE / g->k;
}

static void put_start(const tkri_gemm *g, int64_t n) {
    for (int64_t i = 0; g->from == TKRI_FROM_ROW && i < g->m; i++) {
        memcpy(g->c + i * g->c_row, g->start, (size_t)n * sizeof *g->c);
    }
}

static void blas_gemm(const tkri_gemm *g, int64_t n) {
    float keep = g->from == TKRI_FROM_ZERO ? 0.0f : 1.0f;
    put_start(g, n);
    for (int64_t block = 0; block < g->blocks; block++, keep = 1.0f) {
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)g->m, (int)n, (int)g->k, 1.0f,
                    g->a + block * g->a_block, (int)g->a_row, g->b + block * g->b_block,
                    (int)g->b_k, keep, g->c, (int)g->c_row);
    }
}

void tkri_bulk_gemm(const tkri_kern *kern, const tkri_gemm *product) {
    if (blas_serves(kern, product)) {
        blas_gemm(product, (int64_t)product->width * kern->vl);
    } else {
        kern->gemm(product);
    }
}

#else

const char *tkr_blas_text(void) {
    return "none";
}

void tkri_bulk_gemm(const tkri_kern *kern, const tkri_gemm *product) {
    kern->gemm(product);
}

#endif
