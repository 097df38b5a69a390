/* SPDX-License-Identifier: MIT
 * The gradient checker: right gradients pass at any scale, planted wrong ones do not, and the point
 * is put back bit for bit whatever happens. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "core/random.h"
#include "support/support.h"

enum { N = 12 };

/* A function under test: how often it was called, and when it refuses. */
typedef struct function {
    int calls, refuse_at;
    int32_t refusal;
    int rounded; /* the loss is computed in float, as by a network */
} function;

/* L = sum over i of sin(x_i) x_{i+1} + x_i^2 / 2, in a ring. */
static double ring(const float *x, int rounded) {
    double sum = 0;
    float rough = 0;
    for (int i = 0; i < N; i++) {
        double a = (double)x[i], b = (double)x[(i + 1) % N];
        sum += sin(a) * b + a * a / 2;
        rough += sinf(x[i]) * x[(i + 1) % N] + x[i] * x[i] / 2;
    }
    return rounded ? (double)rough : sum;
}

static int32_t ring_loss(void *user, const float *x, double *loss) {
    function *f = user;
    if (f->calls++ == f->refuse_at) {
        return f->refusal;
    }
    *loss = ring(x, f->rounded);
    return 0;
}

static void ring_gradient(const float *x, float *gradient) {
    for (int i = 0; i < N; i++) {
        double a = (double)x[i], next = (double)x[(i + 1) % N], before = (double)x[(i + N - 1) % N];
        gradient[i] = (float)(cos(a) * next + sin(before) + a);
    }
}

static void random_point(float *x, uint64_t seed, double scale) {
    tkri_random random = {.seed = compare_seed(seed)};
    for (int i = 0; i < N; i++) {
        x[i] = (float)(scale * tkri_normal(&random));
    }
}

/* In float, a right gradient is far below the bound of 0.01, and in double below that. */
static void test_right_gradients(void **unused) {
    (void)unused;
    static const double scales[] = {0, 1e-20, 0.01, 1, 3};
    for (size_t i = 0; i < sizeof scales / sizeof *scales; i++) {
        for (int rounded = 0; rounded < 2; rounded++) {
            function f = {0, -1, 0, rounded};
            float x[N], before[N], gradient[N];
            double worst = -1;
            random_point(x, 6, scales[i]);
            memcpy(before, x, sizeof x);
            ring_gradient(x, gradient);
            assert_ok(tkr_gradient_check(ring_loss, &f, x, gradient, N, &worst));
            assert_int_equal(f.calls, 4 * N + 1);
            assert_true(worst >= 0 && worst <= (rounded ? 1e-4 : 1e-5));
            assert_memory_equal(x, before, sizeof x);
        }
    }
}

/* One wrong component, by 2 % of the largest or by its sign, is found. */
static void test_planted_errors(void **unused) {
    (void)unused;
    for (int i = 0; i < N; i++) {
        for (int kind = 0; kind < 3; kind++) {
            function f = {0, -1, 0, 1};
            float x[N], gradient[N], largest = 0;
            double worst = -1;
            random_point(x, 7, 1);
            ring_gradient(x, gradient);
            for (int j = 0; j < N; j++) {
                largest = fmaxf(largest, fabsf(gradient[j]));
            }
            gradient[i] += kind == 0 ? 0.02f * largest : kind == 1 ? -2 * gradient[i] : 1;
            double planted = kind == 0 ? 0.02 : 0;
            assert_ok(tkr_gradient_check(ring_loss, &f, x, gradient, N, &worst));
            assert_true(worst > 0.01);
            assert_true(kind != 0 || fabs(worst - planted) < 1e-3);
        }
    }
}

/* x^4 is exact to fourth order at every x, also where x + h rounds unevenly. */
static int32_t quartic(void *user, const float *x, double *loss) {
    (void)user;
    double a = (double)x[0];
    *loss = a * a * a * a;
    return 0;
}

static void test_order(void **unused) {
    (void)unused;
    static const float points[] = {0.7f, 1.0000001f, 1234.567f, 16777215, 1e-3f, 3e8f};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        for (int sign = -1; sign <= 1; sign += 2) {
            float x = (float)sign * points[i], gradient = 4 * x * x * x;
            double worst = -1;
            assert_ok(tkr_gradient_check(quartic, NULL, &x, &gradient, 1, &worst));
            assert_true(worst >= 0 && worst < 1e-6);
        }
    }
}

/* A status stops the check at once, at any call; nothing is left changed. */
static void test_refusal(void **unused) {
    (void)unused;
    for (int k = 0; k < 4 * N + 1; k++) {
        function f = {0, k, k % 2 ? TKR_ERR_NUMERIC : 5, 0};
        float x[N], before[N], gradient[N] = {0};
        double worst = -7;
        random_point(x, 8, 1);
        memcpy(before, x, sizeof x);
        assert_int_equal(tkr_gradient_check(ring_loss, &f, x, gradient, N, &worst), f.refusal);
        assert_int_equal(f.calls, k + 1);
        assert_memory_equal(x, before, sizeof x);
        assert_true(worst == -7);
    }
}

/* NaN and infinity, in the gradient, the loss or the point, count as infinitely wrong. */
static void test_not_finite(void **unused) {
    (void)unused;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    for (int i = 0; i < 3; i++) {
        for (int where = 0; where < 2; where++) {
            function f = {0, -1, 0, 0};
            float x[N], before[N], gradient[N];
            double worst = -1;
            random_point(x, 9, 1);
            ring_gradient(x, gradient);
            (where ? x : gradient)[5] = bad[i];
            memcpy(before, x, sizeof x);
            assert_ok(tkr_gradient_check(ring_loss, &f, x, gradient, N, &worst));
            assert_true(isinf(worst) && worst > 0);
            assert_memory_equal(x, before, sizeof x);
        }
    }
}

static void test_arguments(void **unused) {
    (void)unused;
    function f = {0, -1, 0, 0};
    float x[N] = {0}, gradient[N] = {0};
    double worst = -7;
    assert_status(tkr_gradient_check(NULL, &f, x, gradient, N, &worst), TKR_ERR_ARGUMENT);
    assert_status(tkr_gradient_check(ring_loss, &f, NULL, gradient, N, &worst), TKR_ERR_ARGUMENT);
    assert_status(tkr_gradient_check(ring_loss, &f, x, NULL, N, &worst), TKR_ERR_ARGUMENT);
    assert_status(tkr_gradient_check(ring_loss, &f, x, gradient, 0, &worst), TKR_ERR_ARGUMENT);
    assert_status(tkr_gradient_check(ring_loss, &f, x, gradient, N, NULL), TKR_ERR_ARGUMENT);
    assert_int_equal(f.calls, 0);
    assert_true(worst == -7);
    /* All zero: the scale is 1e-6, not 0 / 0. */
    assert_ok(tkr_gradient_check(ring_loss, &f, x, gradient, N, &worst));
    assert_true(worst >= 0 && worst < 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_gradients), cmocka_unit_test(test_planted_errors),
        cmocka_unit_test(test_order),           cmocka_unit_test(test_refusal),
        cmocka_unit_test(test_not_finite),      cmocka_unit_test(test_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
