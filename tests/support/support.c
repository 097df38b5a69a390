/* SPDX-License-Identifier: MIT */
#include "support/support.h"

void expect_status(int32_t status, int32_t expected, const char *call, const char *file, int line) {
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
