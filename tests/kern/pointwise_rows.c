/* SPDX-License-Identifier: MIT
 * Rows of layer normalisation and of softmax, forward and backward: every tier against double, and
 * the oracle's gradients against central differences. */
#include <math.h>
#include <string.h>

#include "support/oracle.h"
#include "support/support.h"
#include "support/tiers.h"

enum { MOST = 80, LONG = 4096 };

static const double EPSILON = 1e-5;

static int64_t rounded(const tkri_kern *kern, int64_t n) {
    return (n + kern->vl - 1) / kern->vl * kern->vl;
}

/* n numbers of this size around a mean; behind them NaN. */
static guard drawn(const tkri_kern *kern, orc_random *random, int64_t n, int64_t shift, double size,
                   double mean) {
    guard g = guard_make(rounded(kern, n), shift);
    for (int64_t i = 0; i < n; i++) {
        g.data[i] = (float)(mean + (double)orc_number(random, size));
    }
    return g;
}

static void check_near(const char *what, const guard *got, const double *want, int64_t n,
                       double tolerance) {
    for (int64_t i = 0; i < got->n; i++) {
        const double right = i < n ? want[i] : 0, wrong = fabs((double)got->data[i] - right);
        if (!(wrong <= (i < n ? tolerance * fmax(1, fabs(right)) : 0))) {
            fail_msg("%s of %d: element %d is %.9g, not %.9g", what, (int)n, (int)i,
                     (double)got->data[i], right);
        }
    }
}

/* ---- the oracle ------------------------------------------------------------------------------ */

/* A row in double; scale and shift may be NULL. */
typedef struct row {
    int64_t n;
    double x[LONG], y[LONG], dy[LONG], dx[LONG], u[LONG], scale[LONG], shift[LONG];
    double mean, s;
} row;

static void row_norm(row *r) {
    double variance = 0;
    r->mean = 0;
    for (int64_t i = 0; i < r->n; i++) {
        r->mean += r->x[i] / (double)r->n;
    }
    for (int64_t i = 0; i < r->n; i++) {
        variance += (r->x[i] - r->mean) * (r->x[i] - r->mean) / (double)r->n;
    }
    r->s = 1 / sqrt(variance + EPSILON);
    for (int64_t i = 0; i < r->n; i++) {
        r->u[i] = (r->x[i] - r->mean) * r->s;
        r->y[i] = r->u[i] * r->scale[i] + r->shift[i];
    }
}

static void row_norm_gradient(row *r) {
    double g = 0, gu = 0;
    for (int64_t i = 0; i < r->n; i++) {
        g += r->dy[i] * r->scale[i] / (double)r->n;
        gu += r->dy[i] * r->scale[i] * r->u[i] / (double)r->n;
    }
    for (int64_t i = 0; i < r->n; i++) {
        r->dx[i] = r->s * (r->dy[i] * r->scale[i] - g - r->u[i] * gu);
    }
}

static void row_softmax(row *r) {
    double top = -INFINITY, sum = 0;
    for (int64_t i = 0; i < r->n; i++) {
        top = r->x[i] > top ? r->x[i] : top;
    }
    for (int64_t i = 0; i < r->n; i++) {
        sum += exp(r->x[i] - top);
    }
    for (int64_t i = 0; i < r->n; i++) {
        r->y[i] = exp(r->x[i] - top) / sum;
    }
}

static void row_softmax_gradient(row *r) {
    double sum = 0;
    for (int64_t i = 0; i < r->n; i++) {
        sum += r->dy[i] * r->y[i];
    }
    for (int64_t i = 0; i < r->n; i++) {
        r->dx[i] = r->y[i] * (r->dy[i] - sum);
    }
}

static double row_loss(row *r, void (*forward)(row *r), int64_t at, double by) {
    const double kept = r->x[at];
    double loss = 0;
    r->x[at] = kept + by;
    forward(r);
    r->x[at] = kept;
    for (int64_t i = 0; i < r->n; i++) {
        loss += r->y[i] * r->dy[i];
    }
    return loss;
}

/* dx of the oracle is what central differences of sum dy y are. */
static void check_oracle(void (*forward)(row *r), void (*backward)(row *r)) {
    static row r;
    orc_random random = {61};
    r.n = 7;
    orc_fill(&random, r.x, r.n, 1), orc_fill(&random, r.dy, r.n, 1);
    orc_fill(&random, r.scale, r.n, 1), orc_fill(&random, r.shift, r.n, 1);
    for (int64_t i = 0; i < r.n; i++) {
        const double step = 1e-5, up = row_loss(&r, forward, i, step);
        const double want = (up - row_loss(&r, forward, i, -step)) / (2 * step);
        forward(&r), backward(&r);
        assert_true(fabs(r.dx[i] - want) <= 1e-8);
    }
}

static void test_oracle(void **unused) {
    (void)unused;
    check_oracle(row_norm, row_norm_gradient);
    check_oracle(row_softmax, row_softmax_gradient);
}

/* ---- the kernels ----------------------------------------------------------------------------- */

/* A row of floats and its oracle. */
typedef struct arrays {
    guard x, y, dy, dx, scale, shift, dscale, dshift;
    tkri_norm norm;
    row r;
} arrays;

static void make(arrays *a, const tkri_kern *kern, int64_t n, double size, double mean, int plain) {
    orc_random random = {62 + (uint64_t)n};
    a->x = drawn(kern, &random, n, 0, size, mean), a->dy = drawn(kern, &random, n, n % 2, 1, 0);
    a->y = guard_make(a->x.n, n % 3), a->dx = guard_make(a->x.n, 1);
    a->scale = drawn(kern, &random, n, 2, 1, 1), a->shift = drawn(kern, &random, n, 0, 1, 0);
    a->dscale = drawn(kern, &random, n, 1, 1, 0), a->dshift = drawn(kern, &random, n, 3, 1, 0);
    a->norm = (tkri_norm){.n = n, .epsilon = (float)EPSILON};
    if (!plain) {
        a->norm.scale = a->scale.data, a->norm.shift = a->shift.data;
        a->norm.dscale = a->dscale.data, a->norm.dshift = a->dshift.data;
    }
    a->r.n = n;
    for (int64_t i = 0; i < n; i++) {
        a->r.x[i] = (double)a->x.data[i], a->r.dy[i] = (double)a->dy.data[i];
        a->r.scale[i] = plain ? 1 : (double)a->scale.data[i];
        a->r.shift[i] = plain ? 0 : (double)a->shift.data[i];
    }
}

static void destroy(arrays *a) {
    guard *all[] = {&a->x, &a->y, &a->dy, &a->dx, &a->scale, &a->shift, &a->dscale, &a->dshift};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        guard_free(all[i]);
    }
}

/* The parameters' gradients are added to, and NaN behind them stays. */
static void check_parameters(const arrays *a, const float *dscale, const float *dshift,
                             double tolerance) {
    for (int64_t i = 0; i < a->dscale.n; i++) {
        const int real = i < a->norm.n;
        const double want = real ? (double)dscale[i] + a->r.dy[i] * a->r.u[i] : 0;
        const double shift = real ? (double)dshift[i] + a->r.dy[i] : 0;
        if (real) {
            assert_true(fabs((double)a->dscale.data[i] - want) <= tolerance);
            assert_true(fabs((double)a->dshift.data[i] - shift) <= tolerance);
        } else {
            assert_true(isnan(a->dscale.data[i]) && isnan(a->dshift.data[i]));
        }
    }
}

static void check_norm_row(const tkri_kern *kern, int64_t n, double size, double mean, int plain,
                           double tolerance) {
    static arrays a;
    static float dscale[LONG], dshift[LONG];
    float stat[2];
    make(&a, kern, n, size, mean, plain);
    memcpy(dscale, a.dscale.data, (size_t)n * sizeof *dscale);
    memcpy(dshift, a.dshift.data, (size_t)n * sizeof *dshift);
    row_norm(&a.r), row_norm_gradient(&a.r);
    kern->norm(a.y.data, a.x.data, stat, &a.norm);
    check_near("norm", &a.y, a.r.y, n, tolerance);
    assert_true(fabs((double)stat[0] - a.r.mean) <= 0x1p-23 * fabs(a.r.mean) + 1e-7 * size);
    assert_true(fabs((double)stat[1] - a.r.s) <= 1e-6 * a.r.s);
    kern->norm_gradient(a.dx.data, a.dy.data, a.x.data, stat, &a.norm);
    for (int64_t i = 0; i < n; i++) { /* in units of what dx is made of */
        a.r.dx[i] /= a.r.s, a.dx.data[i] /= (float)a.r.s;
    }
    check_near("norm's dx", &a.dx, a.r.dx, n, 4 * tolerance);
    if (!plain) {
        check_parameters(&a, dscale, dshift, 8 * tolerance);
    }
    kern->norm_gradient(a.dy.data, a.dy.data, a.x.data, stat, &a.norm);
    kern->norm(a.x.data, a.x.data, stat, &a.norm);
    assert_true(compare_bits(a.x.data, a.y.data, a.y.n));
    for (int64_t i = 0; i < n; i++) {
        a.dy.data[i] /= (float)a.r.s;
    }
    assert_true(compare_bits(a.dy.data, a.dx.data, a.dx.n));
    destroy(&a);
}

/* All tails; small, large and far numbers, with and without parameters. */
static void check_norm(const tkri_kern *kern) {
    for (int64_t n = 1; n < MOST; n++) {
        for (int plain = 0; plain < 2; plain++) {
            check_norm_row(kern, n, 1, 0, plain, 2e-6);
            check_norm_row(kern, n, 1, -1000, plain, 2e-6);
            check_norm_row(kern, n, 1e-3, 0, plain, 2e-6);
            check_norm_row(kern, n, 1e6, 1e6, plain, 2e-6);
        }
    }
    check_norm_row(kern, LONG - 1, 1, 1000, 1, 1e-6);
    check_norm_row(kern, LONG, 30, 30000, 0, 2e-6);
}

/* A constant row has no deviation: shift alone, and what flows back is finite. */
static void check_norm_constant(const tkri_kern *kern) {
    enum { N = 37 };
    static arrays a;
    float stat[2];
    make(&a, kern, N, 0, 0.1, 0);
    kern->norm(a.y.data, a.x.data, stat, &a.norm);
    check_near("norm of a constant row", &a.y, a.r.shift, N, 1e-5);
    kern->norm_gradient(a.dx.data, a.dy.data, a.x.data, stat, &a.norm);
    for (int64_t i = 0; i < N; i++) {
        assert_true(isfinite(a.dx.data[i]));
    }
    destroy(&a);
}

/* As soon as one number is not finite, none of the row's results is; the padding is zero still. */
static void check_spoilt(const guard *y, int64_t n) {
    for (int64_t i = 0; i < y->n; i++) {
        assert_true(i < n ? !isfinite(y->data[i]) : y->data[i] >= 0 && y->data[i] <= 0);
    }
}

static void check_norm_nan(const tkri_kern *kern) {
    enum { N = 37 };
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    for (int64_t at = 0; at < 3 * N; at++) {
        static arrays a;
        float stat[2];
        make(&a, kern, N, 1, 0, 0);
        const float good = a.x.data[at / 3];
        a.x.data[at / 3] = wrong[at % 3];
        kern->norm(a.y.data, a.x.data, stat, &a.norm);
        check_spoilt(&a.y, N);
        a.x.data[at / 3] = good;
        kern->norm(a.y.data, a.x.data, stat, &a.norm);
        a.dy.data[at / 3] = wrong[at % 3];
        kern->norm_gradient(a.dx.data, a.dy.data, a.x.data, stat, &a.norm);
        check_spoilt(&a.dx, N);
        destroy(&a);
    }
}

/* A small share is as exact as a large one, but for the logits' own rounding: they grow with it. */
static void check_softmax_of(const tkri_kern *kern, int64_t n, double size) {
    static arrays a;
    make(&a, kern, n, size, 0, 1);
    row_softmax(&a.r);
    kern->softmax_row(a.y.data, a.x.data, n);
    check_near("softmax", &a.y, a.r.y, n, 1e-6);
    for (int64_t i = 0; i < n; i++) {
        const double share = a.r.y[i], got = (double)a.y.data[i];
        assert_true(share < 0x1p-120 || fabs(got - share) <= 1e-6 * share * fmax(1, -log(share)));
        a.r.y[i] = got;
    }
    row_softmax_gradient(&a.r);
    for (int64_t i = n; i < a.y.n; i++) {
        a.y.data[i] = NAN;
    }
    kern->softmax_gradient(a.dx.data, a.dy.data, a.y.data, n);
    check_near("softmax' dx", &a.dx, a.r.dx, n, 2e-6);
    kern->softmax_gradient(a.dy.data, a.dy.data, a.y.data, n);
    assert_true(compare_bits(a.dy.data, a.dx.data, a.dx.n));
    kern->softmax_row(a.x.data, a.x.data, n);
    assert_true(compare_bits(a.x.data, a.y.data, n));
    destroy(&a);
}

static void check_softmax(const tkri_kern *kern) {
    const double sizes[] = {0, 1, 30, 1e4};
    for (int64_t n = 1; n < MOST; n++) {
        for (int k = 0; k < 4; k++) {
            check_softmax_of(kern, n, sizes[k]);
        }
    }
    check_softmax_of(kern, LONG, 1);
}

/* Minus infinity has no share, unless there is nothing else. */
static void check_softmax_nan(const tkri_kern *kern) {
    enum { N = 37 };
    static arrays a;
    for (int64_t at = 0; at < N; at++) {
        make(&a, kern, N, 0, 0, 1);
        a.x.data[at] = NAN;
        kern->softmax_row(a.y.data, a.x.data, N);
        check_spoilt(&a.y, N);
        a.x.data[at] = INFINITY;
        kern->softmax_row(a.y.data, a.x.data, N);
        check_spoilt(&a.y, N);
        a.x.data[at] = -INFINITY;
        a.r.x[at] = -INFINITY;
        row_softmax(&a.r);
        kern->softmax_row(a.y.data, a.x.data, N);
        check_near("softmax", &a.y, a.r.y, N, 1e-6);
        assert_true(fabs((double)a.y.data[at]) <= 0);
        destroy(&a);
    }
    make(&a, kern, N, 0, -INFINITY, 1);
    kern->softmax_row(a.y.data, a.x.data, N);
    check_spoilt(&a.y, N);
    destroy(&a);
}

#define TEST(name)                           \
    static void test_##name(void **unused) { \
        (void)unused;                        \
        tiers_each(check_##name);            \
    }
TEST(norm)
TEST(norm_constant)
TEST(norm_nan)
TEST(softmax)
TEST(softmax_nan)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_oracle),        cmocka_unit_test(test_norm),
        cmocka_unit_test(test_norm_constant), cmocka_unit_test(test_norm_nan),
        cmocka_unit_test(test_softmax),       cmocka_unit_test(test_softmax_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
