/* SPDX-License-Identifier: MIT
 * One row: every contender computes the same workload, in turns within one run, so that whatever
 * else the machine does meanwhile hits all of them. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include "clock.h"
#include "contender.h"

enum { CONTENDERS_MAX = 4 };

/* What all contenders of a row compute. */
typedef struct assignment {
    const workload *w;
    const dataset *d;
    int threads;
} assignment;

/* How long to measure. */
typedef struct effort {
    double row_seconds; /* about, for all contenders together */
    double turn_ms;     /* of one contender before the next one's turn */
    int rounds_min, rounds_max;
    int phases; /* 1: and afterwards ours once more, phase by phase */
} effort;

/* What one contender made of a row. Times are per iteration, or per step when streaming. */
typedef struct outcome {
    int status; /* a SETUP_..., or SETUP_FAILED when it failed later */
    samples times;
    double guess; /* of the next time */
    double best, median;
    double first[CHECKS], later[CHECKS]; /* its checks at the first iteration and after some */
    int differs;                         /* 1: its checks are not the first contender's */
} outcome;

/* Measure contenders[0..n); outcomes [n] are filled, and the contenders stay set up until
 * measure_finish(): the caller may ask them more. Returns 0, or -1 if none could run. */
int measure_row(contender *contenders, int n, const assignment *t, const effort *e,
                outcome *outcomes);
void measure_finish(contender *contenders, int n, outcome *outcomes);

#endif
