/* SPDX-License-Identifier: MIT
 * The one seam to CBLAS, which is not linked but loaded: only by a process that has work for it. A
 * BLAS is a guest with demands (OpenBLAS: worker threads, 60 KB of every thread's stack if it is
 * there when the program starts). */
#ifndef TKRI_KERN_BLAS_H
#define TKRI_KERN_BLAS_H

#include "kern/kern.h"

/* The cblas_sgemm of a loaded BLAS; NULL: none, the tier's own kernel does all. */
typedef void (*tkri_blas)(void);

/* The BLAS for this tier's gradients, loaded if it is not in the process yet; NULL where this tier
 * or this build has none, or where it cannot be loaded. There is nothing to give back: a BLAS that
 * has been loaded stays. Takes the dynamic linker's lock, memory and system calls. */
tkri_blas tkri_blas_load(const tkri_kern *kern);

/* Does a product and returns 1, or leaves it and returns 0: it is too small to be worth it, or
 * CBLAS cannot say it. */
int32_t tkri_blas_gemm(tkri_blas blas, const tkri_kern *kern, const tkri_gemm *product);

/* A bulk product (over all steps, or all rows) of a gradient: by the BLAS if there is one and the
 * product is worth it, else by the tier's own kernel. The rule: CBLAS serves the generic tier,
 * whose 128-bit vectors a tuned BLAS may beat, from 2^15 multiply-adds on; the tiers with wide
 * vectors stream their packed panels faster than any BLAS that has to pack them first
 * (docs/architecture.md), and the reference tier stays the definition. */
static inline void tkri_bulk_gemm(const tkri_kern *kern, tkri_blas blas, const tkri_gemm *product) {
    if (!blas || !tkri_blas_gemm(blas, kern, product)) {
        kern->gemm(product);
    }
}

#endif
