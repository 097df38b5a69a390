/* SPDX-License-Identifier: MIT
 * Which BLAS the dynamic linker gave this process. */
#ifndef BENCH_LOADED_H
#define BENCH_LOADED_H

#include <stddef.h>

/* The library's own word (tkr_blas_text) and, where the system tells, the file behind it:
 * "cblas (libopenblasp-r0.3.21.so)". */
void loaded_blas(char *text, size_t len);

#endif
