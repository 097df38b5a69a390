/* SPDX-License-Identifier: MIT
 * How fast a workload could be on this machine at most. The formulas are a model of the least work,
 * told in docs/benchmarks.md; P and bw are what machine.c measured in the same run. */
#ifndef BENCH_ROOFLINE_H
#define BENCH_ROOFLINE_H

#include "machine.h"
#include "workload.h"

/* Floating-point operations of the matrix products of one iteration (one step when streaming). Ids
 * are gathered: their product with W_ih is not counted. */
double workload_flops(const workload *w);
double workload_forward_flops(const workload *w); /* of them, forward's */

/* The least nanoseconds of one iteration (one step when streaming) with `threads` cores. */
double roofline_ns(const workload *w, const machine *m, int threads);

#endif
