/* SPDX-License-Identifier: MIT
 * Counter-based random numbers, Philox 4x32-10 (Salmon, Moraes, Dror & Shaw, "Parallel random
 * numbers: as easy as 1, 2, 3", 2011). What is drawn for element (stream, index) depends on the key
 * alone: not on the order of the calls, nor on threads. */
#ifndef TKRI_CORE_RANDOM_H
#define TKRI_CORE_RANDOM_H

#include <stdint.h>

/* The key and a counter that moves by one per number: the state of a sequential generator. */
typedef struct tkri_random {
    uint64_t seed, stream, index;
} tkri_random;

/* Four 32-bit numbers for the key `seed` and the counter (stream, index). */
void tkri_philox(uint32_t out[4], uint64_t seed, uint64_t stream, uint64_t index);

/* Uniform in [0,1), 53 bits; the generator moves on. */
double tkri_uniform(tkri_random *random);

/* Standard normal (Box-Muller, both halves from one counter value, the first used). */
double tkri_normal(tkri_random *random);

/* The next n numbers of either kind, into out [n], several counters at once. */
void tkri_uniforms(tkri_random *random, double *out, int64_t n);
void tkri_normals(tkri_random *random, double *out, int64_t n);

#endif
