/* SPDX-License-Identifier: MIT
 * Running a check on every kernel tier of this machine, and arrays that notice being overrun. */
#ifndef TESTS_SUPPORT_TIERS_H
#define TESTS_SUPPORT_TIERS_H

#include <stdint.h>

#include "kern/kern.h"

/* Above every TKR_TIER_ number: the tests run what they find below. */
enum { TIERS_MOST = 32 };

/* Run the check with every tier's table, or with an env that asks for it. Fails the test if the
 * machine has fewer than two tiers. TEKRAR_TEST_TIER=n: on that tier alone. */
void tiers_each(void (*check)(const tkri_kern *kern));
void tiers_each_env(void (*check)(const tkr_env *env));

/* `n` floats between canaries, `shift` floats past a multiple of 64 bytes. */
typedef struct guard {
    float *block, *data;
    int64_t n, shift;
} guard;

/* Make one; the floats are drawn by nobody: they are NaN. */
guard guard_make(int64_t n, int64_t shift);

/* Fails the test if something wrote outside; frees. */
void guard_free(guard *g);

#endif
