/* SPDX-License-Identifier: MIT
 * What every CMocka test includes: CMocka itself with the headers that it wants first, the public
 * header, and our comparisons. CMocka's own float assertions are not to be used: they pass NaN. */
#ifndef TESTS_SUPPORT_SUPPORT_H
#define TESTS_SUPPORT_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <tekrar/tekrar.h>

#include "support/compare.h"

/* Fails the test with the status' text when `call` is not TKR_OK. */
#define assert_ok(call) assert_status((call), TKR_OK)

/* Fails the test, naming both, when `call` returns another status than `expected`. Floating-point
 * exceptions trap around the call, as some hosts have it: what the library computes must not. */
#define assert_status(call, expected) \
    expect_status((trap(), (call)), (expected), #call, __FILE__, __LINE__)

/* Fails the test, with the worst element's report, when `got` is not near `want`. */
#define assert_near(got, want, n, tolerance) \
    expect_near((got), (want), (n), (tolerance), __FILE__, __LINE__)

/* Fails the test when |got - want| / |want|, 2-norms, is not within `tolerance`. */
#define assert_norm_near(got, want, n, tolerance) \
    expect_norm_near((got), (want), (n), (tolerance), __FILE__, __LINE__)

void trap(void);
void expect_status(int32_t status, int32_t expected, const char *call, const char *file, int line);
void expect_near(const float *got, const float *want, int64_t n, double tolerance, const char *file,
                 int line);
void expect_norm_near(const float *got, const double *want, int64_t n, double tolerance,
                      const char *file, int line);

#endif
