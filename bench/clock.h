/* SPDX-License-Identifier: MIT
 * Time, and the statistics of many times. */
#ifndef BENCH_CLOCK_H
#define BENCH_CLOCK_H

#include <stdint.h>

/* A growing list of durations in nanoseconds. Zero-fill it to start. */
typedef struct samples {
    double *ns;
    int64_t n, capacity;
} samples;

double clock_ns(void);          /* CLOCK_MONOTONIC, in nanoseconds */
void clock_sleep_ms(double ms); /* lets the threads that another program left spinning settle */

int samples_add(samples *s, const double *ns, int64_t n); /* 0, or -1 without memory */
void samples_clear(samples *s);
double samples_best(const samples *s);

/* The q-quantile, 0..1; 0.5 is the median. Sorts the list. NaN when it is empty. */
double samples_quantile(samples *s, double q);

#endif
