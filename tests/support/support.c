/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "support/support.h"

#include <fenv.h>

static _Thread_local int trapping;

/* From here on a floating-point exception ends the process, where the machine can do that. */
void trap(void) {
    trapping = 1;
    feclearexcept(FE_ALL_EXCEPT);
#ifdef __GLIBC__
    feenableexcept(FE_ALL_EXCEPT);
#endif
}

/* No traps any more; fails if flags were left by one call (there are calls in calls). */
static void untrap(const char *call, const char *file, int line) {
    const int flags = fetestexcept(FE_ALL_EXCEPT);
#ifdef __GLIBC__
    fedisableexcept(FE_ALL_EXCEPT);
#endif
    const int trapped = trapping;
    trapping = 0;
    if (trapped && flags) {
        print_error("%s left floating-point exceptions 0x%x\n", call, (unsigned)flags);
        _fail(file, line);
    }
}

void expect_status(int32_t status, int32_t expected, const char *call, const char *file, int line) {
    untrap(call, file, line);
    if (status != expected) {
        print_error("%s is %d (%s), not %d (%s)\n", call, status, tkr_status_text(status), expected,
                    tkr_status_text(expected));
        _fail(file, line);
    }
}

void expect_near(const float *got, const float *want, int64_t n, double tolerance, const char *file,
                 int line) {
    if (!compare_near(got, want, n, tolerance)) {
        _fail(file, line);
    }
}

void expect_norm_near(const float *got, const double *want, int64_t n, double tolerance,
                      const char *file, int line) {
    if (!compare_norm_near(got, want, n, tolerance)) {
        _fail(file, line);
    }
}
