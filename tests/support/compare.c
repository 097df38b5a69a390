/* SPDX-License-Identifier: MIT */
#include "support/compare.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Atomic uint64_t noted_seed; /* tests may run threads */

void compare_set_seed(uint64_t seed) {
    noted_seed = seed;
}

uint64_t compare_seed(uint64_t standard) {
    const char *asked = getenv("TEKRAR_TEST_SEED");
    noted_seed = asked ? strtoull(asked, NULL, 0) : standard;
    return noted_seed;
}

/* Maps floats to integers so that neighbours differ by one and -0 is +0. */
static int64_t rank_of(float x) {
    int32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits < 0 ? INT64_C(-0x80000000) - bits : bits;
}

int64_t compare_ulps(float a, float b) {
    if (isnan(a) || isnan(b)) {
        return INT64_MAX;
    }
    int64_t distance = rank_of(a) - rank_of(b);
    return distance < 0 ? -distance : distance;
}

static void report(int64_t i, int64_t n, float got, double want, double error, double tolerance) {
    fprintf(stderr,
            "element %" PRId64 " of %" PRId64 ": got %.9g (%a), want %.17g; %" PRId64
            " ULP, error %g, tolerance %g, seed %" PRIu64 "\n",
            i, n, (double)got, (double)got, want, compare_ulps(got, (float)want), error, tolerance,
            noted_seed);
}

/* The error of one element on the scale of the tolerance; infinite if it is not a number. */
static double error_of(float got, double want) {
    if (isinf(want)) {
        return (double)got == want ? 0 : INFINITY;
    }
    if (!isfinite(got) || !isfinite(want)) {
        return INFINITY;
    }
    return fabs((double)got - want) / fmax(1, fabs(want));
}

int compare_near(const float *got, const float *want, int64_t n, double tolerance) {
    int64_t worst = 0;
    double error = -1;
    for (int64_t i = 0; i < n; i++) {
        double e = error_of(got[i], (double)want[i]);
        if (!(e <= error)) {
            error = e;
            worst = i;
        }
    }
    if (n > 0 && !(error <= tolerance)) {
        report(worst, n, got[worst], (double)want[worst], error, tolerance);
        return 0;
    }
    return 1;
}

double compare_norm(const float *got, const double *want, int64_t n) {
    double difference = 0, length = 0, own = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!isfinite(got[i]) || !isfinite(want[i])) {
            return INFINITY;
        }
        double d = (double)got[i] - want[i];
        difference += d * d;
        length += want[i] * want[i];
        own += (double)got[i] * (double)got[i];
    }
    return length > 0 ? sqrt(difference / length) : sqrt(own);
}

int compare_norm_near(const float *got, const double *want, int64_t n, double tolerance) {
    double error = compare_norm(got, want, n);
    if (error <= tolerance) {
        return 1;
    }
    int64_t worst = 0;
    for (int64_t i = 1; i < n; i++) {
        if (!(error_of(got[i], want[i]) <= error_of(got[worst], want[worst]))) {
            worst = i;
        }
    }
    fprintf(stderr, "norm of the difference %g, tolerance %g; worst: ", error, tolerance);
    report(worst, n, got[worst], want[worst], error, tolerance);
    return 0;
}

int compare_bits(const float *got, const float *want, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (memcmp(&got[i], &want[i], sizeof got[i]) != 0) {
            report(i, n, got[i], (double)want[i], fabs((double)got[i] - (double)want[i]), 0);
            return 0;
        }
    }
    return 1;
}
