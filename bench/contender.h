/* SPDX-License-Identifier: MIT
 * Whoever computes a workload: the library itself in this process, a peer in a process of its own.
 * Every contender times itself, so that what lies between two runs is in nobody's figure. */
#ifndef BENCH_CONTENDER_H
#define BENCH_CONTENDER_H

#include "workload.h"

/* What two contenders must agree on: training: the last loss; a layer: |dL/dx|^2 and
 * |dL/dW_hh|^2; streaming: |y|^2 of the last step. */
enum { CHECKS = 2 };

/* Results of contender.setup. */
enum { SETUP_OK = 0, SETUP_UNSUPPORTED = 1, SETUP_FAILED = -1 };

typedef struct contender contender;
struct contender {
    const char *name; /* as in the table and in the JSON */
    char about[160];  /* version and BLAS, known after the first setup */
    char detail[200]; /* what went wrong */
    void *self;
    /* Make ready for a workload, parameters as in `d`, which stays alive until finish. */
    int (*setup)(contender *c, const workload *w, const dataset *d, int threads);
    /* Train or run the layer `n` times into ns [n]; or stream `n` steps and put the mean time of a
     * step into ns[0]. Returns how many ns were filled, or -1. Leaves its checks. */
    int64_t (*run)(contender *c, int64_t n, double *ns, double *check);
    /* Release what setup made. */
    void (*finish)(contender *c);
};

#endif
