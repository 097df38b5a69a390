/* SPDX-License-Identifier: MIT
 * Comparing floats so that NaN never passes: finite first, then `!(error <= tolerance)` fails. */
#ifndef TESTS_SUPPORT_COMPARE_H
#define TESTS_SUPPORT_COMPARE_H

#include <stdint.h>

/* What a failed comparison prints beside the values; a test sets it before it draws numbers. */
void compare_set_seed(uint64_t seed);

/* The seed of random tests: TEKRAR_TEST_SEED of the environment, or `standard`; it is noted as by
 * compare_set_seed(). */
uint64_t compare_seed(uint64_t standard);

/* How many floats lie between a and b; INT64_MAX if either is NaN. */
int64_t compare_ulps(float a, float b);

/* Every |got - want| <= tolerance * max(1, |want|) and finite, shapes [n]. Returns 1, or 0 after
 * printing the worst element. An infinite `want` is matched by the same infinity alone. */
int compare_near(const float *got, const float *want, int64_t n, double tolerance);

/* |got - want|_2 / |want|_2, or |got|_2 when `want` is all zero; infinite as soon as one number
 * is not finite. */
double compare_norm(const float *got, const double *want, int64_t n);

/* compare_norm() <= tolerance. Returns 1, or 0 after printing the worst element. */
int compare_norm_near(const float *got, const double *want, int64_t n, double tolerance);

/* All bits equal. Returns 1, or 0 after printing the first difference. */
int compare_bits(const float *got, const float *want, int64_t n);

#endif
