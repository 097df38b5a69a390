/* SPDX-License-Identifier: MIT
 * The one seam to CBLAS. */
#ifndef TKRI_KERN_BLAS_H
#define TKRI_KERN_BLAS_H

#include "kern/kern.h"

/* A bulk product (over all steps, or all rows): by CBLAS where this build has one and it is the
 * faster, else by the tier's own kernel. The rule: CBLAS serves the generic tier, whose 128-bit
 * vectors a tuned BLAS beats, from 2^15 multiply-adds on; the tiers with wide vectors stream their
 * packed panels faster than any BLAS that has to pack them first (docs/architecture.md), and the
 * reference tier stays the definition. */
void tkri_bulk_gemm(const tkri_kern *kern, const tkri_gemm *product);

#endif
