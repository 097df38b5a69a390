/* SPDX-License-Identifier: MIT
 * What this machine can do at most: the denominators of every share that the bench prints. */
#ifndef BENCH_MACHINE_H
#define BENCH_MACHINE_H

enum { MACHINE_SIZES = 16, MACHINE_THREADS = 2, MACHINE_NAME = 96 };

/* Measured by machine_measure(). Threads n = 1, 2 are at index n - 1; rates are per core, with n
 * cores at work at the same time. */
typedef struct machine {
    const char *isa;                              /* of the loops that measured */
    char cpu[MACHINE_NAME];                       /* of machine_cpu() */
    int cores;                                    /* that this process may use */
    double flops[MACHINE_THREADS];                /* fp32, a multiply-add counts 2, per second */
    double size[MACHINE_SIZES];                   /* working sets in bytes, ascending */
    double bytes[MACHINE_THREADS][MACHINE_SIZES]; /* read per second at that working set */
    double activation;                            /* seconds per element of a rational tanh */
} machine;

/* The CPU's name as Linux tells it. */
void machine_cpu(char name[MACHINE_NAME]);

/* Measure; `seconds` is about how long it may take. 0, or -1 without memory or threads. */
int machine_measure(machine *m, double seconds);

/* FLOP/s of one core, and the bytes/s at which it reads a working set of its own, while `threads`
 * cores work. More threads than measured count as the most that were. */
double machine_flops(const machine *m, int threads);
double machine_bandwidth(const machine *m, int threads, double bytes);

#endif
