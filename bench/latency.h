/* SPDX-License-Identifier: MIT
 * The times of single steps of a stream, one clock reading before and one behind each. */
#ifndef BENCH_LATENCY_H
#define BENCH_LATENCY_H

#include "contender.h"

enum { QUANTILES = 3 }; /* the median, 99 % and 99.9 % */

/* In nanoseconds, without what reading the clock takes. Between the steps runs a loop in registers
 * that lasts as long as a step: its tail is what the machine itself does to any code. */
typedef struct latency {
    double step[QUANTILES], loop[QUANTILES];
} latency;

/* Time `n` steps of about `guess` ns. 0, or -1. */
int latency_measure(latency *l, contender *ours, int64_t n, double guess);

/* The 99.9 % over the median. */
double latency_tail(const double quantiles[QUANTILES]);

#endif
