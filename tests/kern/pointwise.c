/* SPDX-License-Identifier: MIT
 * add, column_sum, the activations and their gradients, softmax: every tier against double. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/oracle.h"
#include "support/support.h"
#include "support/tiers.h"

enum { MOST = 80 };

static int64_t rounded(const tkri_kern *kern, int64_t n) {
    return (n + kern->vl - 1) / kern->vl * kern->vl;
}

/* y[0..n) += x[0..n), whatever x holds behind them; y's padding stays. */
static void check_add(const tkri_kern *kern) {
    orc_random random = {31};
    for (int64_t n = 1; n < MOST; n++) {
        guard x = guard_make(rounded(kern, n), n % 3), y = guard_make(rounded(kern, n), n % 2);
        float want[MOST + TKRI_MAX_VL];
        for (int64_t i = 0; i < x.n; i++) {
            x.data[i] = i < n ? orc_number(&random, 1) : NAN;
            y.data[i] = orc_number(&random, 1);
            want[i] = i < n ? x.data[i] + y.data[i] : y.data[i];
        }
        kern->add(y.data, x.data, n);
        assert_true(compare_bits(y.data, want, y.n));
        guard_free(&x), guard_free(&y);
    }
}

/* Rows are added one after the other: the bits are those of the sums in float. */
static void check_column_sum(const tkri_kern *kern) {
    orc_random random = {32};
    for (int32_t width = 1; width <= TKRI_PANEL; width++) {
        for (int64_t rows = 0; rows < 9; rows++) {
            const int64_t n = (int64_t)width * kern->vl, ld = n + kern->vl;
            guard x = guard_make(rows * ld, 1), c = guard_make(n, 0), also = guard_make(n, 0);
            float want[TKRI_PANEL * TKRI_MAX_VL], want_also[TKRI_PANEL * TKRI_MAX_VL];
            for (int64_t i = 0; i < x.n; i++) {
                x.data[i] = orc_number(&random, 1);
            }
            for (int64_t j = 0; j < n; j++) {
                float sum = 0.0f;
                for (int64_t row = 0; row < rows; row++) {
                    sum += x.data[row * ld + j];
                }
                c.data[j] = orc_number(&random, 1);
                also.data[j] = orc_number(&random, 1);
                want[j] = c.data[j] + sum;
                want_also[j] = also.data[j] + sum;
            }
            kern->column_sum(c.data, rows % 2 ? also.data : NULL, x.data, rows, ld, width);
            assert_true(compare_bits(c.data, want, n));
            assert_int_equal(compare_bits(also.data, want_also, n), rows == 0 || rows % 2);
            guard_free(&x), guard_free(&c), guard_free(&also);
        }
    }
}

/* f(x) in double, also where the oracle's own form is no number. */
static double exact(int32_t activation, double x) {
    if (isinf(x) && activation == TKR_SOFTSIGN) {
        return copysign(1, x);
    }
    if (isinf(x) && activation == TKR_GELU) {
        return x > 0 ? x : 0;
    }
    return activation == TKR_LOGISTIC && x < 0 ? exp(x) / (1 + exp(x))
                                               : orc_activate(activation, x);
}

/* The contract: 4 ULP, of GELU 8; a hard sigmoid's are ULP of the 0.5 that it starts from. */
static double allowed(int32_t activation, double want) {
    const int hard = activation == TKR_HARD_SIGMOID || activation == TKR_HARD_SIGMOID_6;
    const double size = hard ? fmax(0.5, want) : fabs(want);
    return (activation == TKR_GELU ? 8 : 4) * 0x1p-23 * size;
}

/* VL floats from `bits` upwards, through f. */
static void check_accuracy_at(const tkri_kern *kern, int32_t activation, uint32_t bits) {
    float x[TKRI_MAX_VL], y[TKRI_MAX_VL];
    for (int32_t i = 0; i < kern->vl; i++) {
        uint32_t word = bits + (uint32_t)i * 0x01000193u;
        memcpy(&x[i], &word, sizeof word);
    }
    kern->activate(y, x, kern->vl, activation);
    for (int32_t i = 0; i < kern->vl; i++) {
        const double want = exact(activation, (double)x[i]), got = (double)y[i];
        int right = fabs(got - want) <= allowed(activation, want);
        if (isnan(x[i]) || isnan(want)) {
            right = isnan(y[i]);
        } else if (isinf(want)) {
            right = isinf(y[i]) && (got > 0) == (want > 0);
        } else if (fabs(want) < 0x1p-126) {
            right = fabs(got) <= 0x1p-125;
        }
        if (!right) {
            fail_msg("tier %d, activation %d: f(%.9g) is %.9g, not %.9g", (int)kern->tier,
                     (int)activation, (double)x[i], got, want);
        }
    }
}

/* Floats of all exponents and both signs, infinities and NaNs among them. */
static void check_accuracy(const tkri_kern *kern) {
    const float corners[] = {0.0F, -0.0F, 0.625F, 88,       89,        -87, -88,     -89,
                             9,    -9,    1e-30F, INFINITY, -INFINITY, NAN, 3.4e38F, 1e-45F};
    for (int32_t f = TKR_TANH; f <= TKR_SQRT; f++) {
        for (uint32_t i = 0; i < 500000; i++) {
            check_accuracy_at(kern, f, i * 8589u);
        }
        for (size_t i = 0; i < sizeof corners / sizeof *corners; i++) {
            uint32_t bits;
            memcpy(&bits, &corners[i], sizeof bits);
            check_accuracy_at(kern, f, bits);
        }
    }
}

/* f'(x), from the float y, or from x. */
static double slope(int32_t activation, float x, float y) {
    return activation == TKR_GELU ? orc_gelu_slope((double)x)
                                  : orc_activate_slope(activation, (double)y);
}

/* At every multiple of VL; from the output alone where that tells it. */
static void check_gradient(const tkri_kern *kern) {
    orc_random random = {33};
    for (int32_t f = TKR_TANH; f <= TKR_SQRT; f++) {
        for (int64_t n = kern->vl; n <= 3 * kern->vl; n += kern->vl) {
            guard x = guard_make(n, 0), y = guard_make(n, 1), dy = guard_make(n, 0);
            double want[3 * TKRI_MAX_VL];
            for (int64_t i = 0; i < n; i++) {
                x.data[i] = orc_number(&random, 1) * (f == TKR_GELU ? 3.0F : 1.0F);
                x.data[i] = f == TKR_SQRT ? fabsf(x.data[i]) : x.data[i];
                dy.data[i] = orc_number(&random, 1);
            }
            kern->activate(y.data, x.data, n, f);
            for (int64_t i = 0; i < n; i++) {
                want[i] = (double)dy.data[i] * slope(f, x.data[i], y.data[i]);
            }
            kern->activate_gradient(dy.data, f == TKR_GELU ? x.data : NULL,
                                    f == TKR_GELU ? NULL : y.data, n, f);
            assert_norm_near(dy.data, want, n, 1e-6);
            guard_free(&x), guard_free(&y), guard_free(&dy);
        }
    }
}

/* The slope of one activation at `at`, from the kernel. */
static double slope_at(const tkri_kern *kern, int32_t f, double at) {
    float x[TKRI_MAX_VL], y[TKRI_MAX_VL], dy[TKRI_MAX_VL];
    for (int32_t i = 0; i < kern->vl; i++) {
        x[i] = (float)at, dy[i] = 1;
    }
    kern->activate(y, x, kern->vl, f);
    kern->activate_gradient(dy, x, y, kern->vl, f);
    return (double)dy[kern->vl - 1];
}

/* Against central differences of f in double, wherever no kink is near: those are at multiples of
 * a half, but for 0.2 and 1/6 of the hard sigmoids, which are at 2.5 and 3. */
static void check_differences(const tkri_kern *kern) {
    const double step = 1e-5;
    for (int32_t f = TKR_TANH; f <= TKR_SQRT; f++) {
        for (double at = f == TKR_SQRT ? 0.0625 : -5.9375; at < 6; at += 0.125) {
            const double want = (exact(f, at + step) - exact(f, at - step)) / (2 * step);
            const double got = slope_at(kern, f, at);
            if (!(fabs(got - want) <= 2e-6)) {
                fail_msg("tier %d, activation %d: f'(%g) is %.9g, not %.9g", (int)kern->tier,
                         (int)f, at, got, want);
            }
        }
    }
}

/* The slope at a kink is the one that docs/maths.md has. */
static void check_kinks(const tkri_kern *kern) {
    static const struct {
        int32_t f;
        double x, slope;
    } cases[] = {
        {TKR_RELU, 0, 0},
        {TKR_HARD_SIGMOID, -2.5, 0},
        {TKR_HARD_SIGMOID, 2.5, 0},
        {TKR_HARD_SIGMOID_6, -3, 0},
        {TKR_HARD_SIGMOID_6, 3, 0},
        {TKR_HARD_TANH, -1, 0},
        {TKR_HARD_TANH, 1, 0},
        {TKR_LEAKY_RELU, 0, 0.01},
        {TKR_SQRT, 0, 0},
        {TKR_ELU, 0, 1},
        {TKR_HARD_TANH, INFINITY, 0},
        {TKR_SOFTSIGN, INFINITY, 0},
        {TKR_GELU, INFINITY, 1},
        {TKR_GELU, -INFINITY, 0},
        {TKR_SOFTPLUS, -INFINITY, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const double got = slope_at(kern, cases[i].f, cases[i].x);
        if (!(fabs(got - cases[i].slope) <= 1e-8)) {
            fail_msg("tier %d, activation %d: f'(%g) is %.9g, not %g", (int)kern->tier,
                     (int)cases[i].f, cases[i].x, got, cases[i].slope);
        }
    }
}

/* The loss and the gradient of n logits, in double. */
static double softmax(double *dx, const float *x, int64_t n, int64_t target, double scale) {
    double top = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        /* fmax() here is too much for GCC 12 on ARM. */
        top = (double)x[i] > top ? (double)x[i] : top;
    }
    for (int64_t i = 0; i < n; i++) {
        sum += exp((double)x[i] - top);
    }
    for (int64_t i = 0; i < n; i++) {
        dx[i] = scale * (exp((double)x[i] - top) / sum - (i == target ? 1 : 0));
    }
    return log(sum) + top - (double)x[target];
}

static void check_softmax_row(const tkri_kern *kern, guard *x, guard *dx, int64_t n,
                              int64_t target) {
    double want[MOST], scale = 0.125;
    float logits[MOST + TKRI_MAX_VL];
    memcpy(logits, x->data, (size_t)n * sizeof *logits);
    double loss = softmax(want, x->data, n, target, scale);
    double got = kern->softmax(dx->data, x->data, n, target, (float)scale);
    assert_true(fabs(got - loss) <= 2e-6 * fmax(1, fabs(loss)));
    assert_true(fabs(kern->softmax(NULL, logits, n, target, 1) - got) <= 0);
    for (int64_t i = 0; i < n; i++) {
        assert_true(fabs((double)dx->data[i] - want[i]) <= 1e-6 * scale);
    }
    for (int64_t i = n; i < dx->n; i++) {
        assert_true(dx->data[i] >= 0 && dx->data[i] <= 0);
    }
}

/* All tails, targets at both ends, in place and not, small, large and equal logits. */
static void check_softmax(const tkri_kern *kern) {
    const double sizes[] = {0, 1, 30, 1e4};
    orc_random random = {34};
    for (int64_t n = 1; n < MOST; n++) {
        for (int k = 0; k < 8; k++) {
            guard x = guard_make(rounded(kern, n), 0), dx = guard_make(rounded(kern, n), n % 3);
            for (int64_t i = 0; i < n; i++) {
                x.data[i] = orc_number(&random, sizes[k / 2]);
            }
            check_softmax_row(kern, &x, k % 2 ? &x : &dx, n, k % 2 ? n - 1 : n / 3);
            guard_free(&x), guard_free(&dx);
        }
    }
}

/* Of the logits 0 and -x the second one's share is exp(-x) / (1 + exp(-x)), and a small share is as
 * exact as a large one. */
static void check_softmax_small(const tkri_kern *kern) {
    for (int i = 0; i < 87 * 16; i++) {
        float logits[TKRI_MAX_VL] = {0, (float)-i / 16}, dx[TKRI_MAX_VL];
        const double power = exp((double)logits[1]);
        kern->softmax(dx, logits, 2, 0, 1);
        assert_true(compare_ulps(dx[1], (float)(power / (1 + power))) <= 6);
    }
}

/* NaN anywhere, plus infinity, or nothing but minus infinity, gives a loss that is no number;
 * minus infinity at some other symbol is probability zero; at the target, infinite loss. */
static void check_softmax_nan(const tkri_kern *kern) {
    enum { N = 37 };
    for (int64_t at = 0; at < N; at++) {
        float x[48] = {0}, dx[48];
        x[at] = NAN;
        assert_true(!isfinite(kern->softmax(dx, x, N, 5, 1)));
        x[at] = INFINITY;
        assert_true(!isfinite(kern->softmax(dx, x, N, 5, 1)));
        x[at] = -INFINITY;
        double loss = kern->softmax(dx, x, N, 5, 1), rest = log(N - 1);
        assert_true(at == 5 ? isinf(loss) && loss > 0 : fabs(loss - rest) <= 1e-6);
        assert_true(at == 5 || fabs((double)dx[at]) <= 0);
    }
    float none[48], dx[48];
    for (int i = 0; i < N; i++) {
        none[i] = -INFINITY;
    }
    assert_true(!isfinite(kern->softmax(dx, none, N, 5, 1)));
}

#define TEST(name)                           \
    static void test_##name(void **unused) { \
        (void)unused;                        \
        tiers_each(check_##name);            \
    }
TEST(add)
TEST(column_sum)
TEST(accuracy)
TEST(gradient)
TEST(differences)
TEST(kinks)
TEST(softmax)
TEST(softmax_small)
TEST(softmax_nan)

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),         cmocka_unit_test(test_column_sum),
        cmocka_unit_test(test_accuracy),    cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_differences), cmocka_unit_test(test_kinks),
        cmocka_unit_test(test_softmax),     cmocka_unit_test(test_softmax_small),
        cmocka_unit_test(test_softmax_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
