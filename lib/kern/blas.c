/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "kern/blas.h"

#include <limits.h>
#include <string.h>

#ifdef TKRI_BLAS_FILE

#include <dlfcn.h>
#include <link.h>

/* cblas_sgemm as every cblas.h has it whose integers are int: lib/meson.build asks it. */
enum { ROW_MAJOR = 101, NOT_TRANSPOSED = 111 };
typedef void sgemm(unsigned order, unsigned a_is, unsigned b_is, int m, int n, int k, float alpha,
                   const float *a, int a_row, const float *b, int b_row, float beta, float *c,
                   int c_row);

enum { WORTHWHILE = 1 << 15 };

static int asks_for_linker(struct dl_phdr_info *object, size_t bytes, void *unused) {
    int found = 0;
    (void)bytes;
    (void)unused;
    for (int i = 0; i < object->dlpi_phnum; i++) {
        found |= object->dlpi_phdr[i].p_type == PT_INTERP;
    }
    return found;
}

static int is_blas(struct dl_phdr_info *object, size_t bytes, void *unused) {
    const char *name = object->dlpi_name;
    const size_t len = strlen(name), file_len = strlen(TKRI_BLAS_FILE);
    (void)bytes;
    (void)unused;
    return len >= file_len && strcmp(name + len - file_len, TKRI_BLAS_FILE) == 0 &&
           (len == file_len || name[len - file_len - 1] == '/');
}

const char *tkr_blas_text(void) {
    return dl_iterate_phdr(is_blas, NULL) ? TKRI_BLAS_FILE : TKRI_BLAS_FILE ", not loaded";
}

/* A program linked statically has no dynamic linker: with glibc, dlopen would bring a second C
 * library in, and crash. What was found is never closed, for a BLAS may have threads that run in
 * its code, and there is no global count of those who need it. */
tkri_blas tkri_blas_load(const tkri_kern *kern) {
    tkri_blas found = NULL;
    if (kern->tier != TKR_TIER_GENERIC || !dl_iterate_phdr(asks_for_linker, NULL)) {
        return NULL;
    }
    void *library = dlopen(TKRI_BLAS_FILE, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "cblas_sgemm") : NULL;
    memcpy(&found, &symbol, sizeof found);
    if (library && !found) {
        dlclose(library);
    }
    return found;
}

static int fits(int64_t n) {
    return n >= 1 && n <= INT_MAX;
}

/* Can CBLAS say this product, and is it worth it? */
static int blas_serves(const tkri_gemm *g, int64_t n) {
    return g->from != TKRI_FROM_ROW && fits(g->m) && fits(g->k) && fits(g->a_row) && fits(g->b_k) &&
           fits(g->c_row) && g->m * n >= WORTHWHILE / g->k;
}

static void multiply(sgemm *cblas_sgemm, const tkri_gemm *g, int64_t n) {
    float keep = g->from == TKRI_FROM_ZERO ? 0.0f : 1.0f;
    for (int64_t block = 0; block < g->blocks; block++, keep = 1.0f) {
        cblas_sgemm(ROW_MAJOR, NOT_TRANSPOSED, NOT_TRANSPOSED, (int)g->m, (int)n, (int)g->k, 1.0f,
                    g->a + block * g->a_block, (int)g->a_row, g->b + block * g->b_block,
                    (int)g->b_k, keep, g->c, (int)g->c_row);
    }
}

int32_t tkri_blas_gemm(tkri_blas blas, const tkri_kern *kern, const tkri_gemm *product) {
    const int64_t n = (int64_t)product->width * kern->vl;
    if (!blas_serves(product, n)) {
        return 0;
    }
    multiply((sgemm *)blas, product, n);
    return 1;
}

#else

const char *tkr_blas_text(void) {
    return "none";
}

tkri_blas tkri_blas_load(const tkri_kern *kern) {
    (void)kern;
    return NULL;
}

int32_t tkri_blas_gemm(tkri_blas blas, const tkri_kern *kern, const tkri_gemm *product) {
    (void)blas;
    (void)kern;
    (void)product;
    return 0;
}

#endif
