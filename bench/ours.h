/* SPDX-License-Identifier: MIT
 * The library as a contender, through its public interface alone. */
#ifndef BENCH_OURS_H
#define BENCH_OURS_H

#include "clock.h"
#include "contender.h"

/* Memory of the workload that is set up, in bytes. */
typedef struct ours_memory {
    uint64_t announced; /* sum of the _size() calls */
    uint64_t growing;   /* of it what the sequence's steps behind the first add */
    uint64_t counted;   /* peak of what the allocator was asked for */
    uint64_t resident;  /* growth of the resident set since before the setup */
} ours_memory;

/* A contender on a kernel tier (TKR_TIER_...). 0, or -1 without memory. */
int ours_create(contender *c, int32_t tier);
void ours_destroy(contender *c);

ours_memory ours_memory_of(const contender *c);

/* The largest error of the outputs that quantized weights make on the dataset's input. */
double ours_error_of(const contender *c);

/* The name of a TKR_TIER_ number below OURS_TIERS, NULL if the build does not have it. */
enum { OURS_TIERS = 32 };
const char *ours_tier_name(int32_t tier);

/* The tier that the cell of the current setup uses: "avx512" ... */
const char *ours_tier_text(const contender *c);

/* What an iteration's time goes into. */
enum {
    PHASE_FORWARD,
    PHASE_LOSS,
    PHASE_BACKWARD, /* and the weights' gradients */
    PHASE_UPDATE,   /* the optimizer's step; of a layer alone, its gradients set to zero */
    PHASE_COPIES,   /* of a layer: its output and dL/dx to the caller */
    PHASES
};

/* Time the phases of `n` iterations, in nanoseconds. 0, or -1. */
int ours_phases(contender *c, int64_t n, samples phases[PHASES]);

/* One step of the stream. 0, or -1. */
int ours_step(contender *c);

#endif
