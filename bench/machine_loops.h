/* SPDX-License-Identifier: MIT
 * The loops that machine.c times: one body per measure, compiled once per instruction set. */
#ifndef BENCH_MACHINE_LOOPS_H
#define BENCH_MACHINE_LOOPS_H

#include <stdint.h>

/* One instruction set's loops. */
typedef struct machine_loops {
    const char *isa;
    int lanes; /* floats per vector */
    /* rounds * MACHINE_CHAINS independent vector multiply-adds; *sink keeps them alive. */
    void (*fma)(int64_t rounds, float *sink);
    /* Reads `bytes` (a multiple of 1024, 64-byte aligned) `passes` times; returns a digest. */
    int64_t (*read)(const void *data, int64_t bytes, int64_t passes);
    /* tanh of x [n] into y, n a multiple of 64: rational of degree 7 over 6, one division. */
    void (*activation)(float *y, const float *x, int64_t n);
} machine_loops;

enum { MACHINE_CHAINS = 12 };

/* The best set that this CPU and its system can run. */
const machine_loops *machine_loops_select(void);

#endif
