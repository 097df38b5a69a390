/* SPDX-License-Identifier: MIT
 * The loss of examples/amp: its value by hand, its gradient against differences, the error that is
 * reported, and the two rivals on sounds that they can make. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../examples/amp/amp.h"
#include "support/support.h"

enum { STEPS = 7, BATCH = 3, N = STEPS * BATCH, ROWS = N + BATCH };

static void fill(float *x, int64_t n, uint64_t seed) {
    for (int64_t i = 0; i < n; i++) {
        x[i] = (float)(2 * ex_uniform(&seed) - 1);
    }
}

/* Pre-emphasis 0.85: errors 1, 1 - 0.85 and 0 - 0.85 of a target of 0, 2, 0. */
static void test_value(void **state) {
    (void)state;
    const float target[] = {0, 0, 2, 0}, output[] = {0, 1, 3, 0};
    float doutput[3];
    double error = 1 + 0.15 * 0.15 + 0.85 * 0.85, signal = 4 + 1.7 * 1.7 + 3e-5;
    double mean = 2.0 / 3, power = 4.0 / 3 + 1e-5;
    double want = error / signal + mean * mean / power;
    assert_true(fabs(amp_loss(doutput, target, output, 3, 1) - want) < 1e-6);
    const float slopes[] = {
        (float)(2 * (1 - 0.85 * 0.15) / signal + 2 * mean / (3 * power)),
        (float)(2 * (0.15 + 0.85 * 0.85) / signal + 2 * mean / (3 * power)),
        (float)(2 * -0.85 / signal + 2 * mean / (3 * power)),
    };
    assert_near(doutput, slopes, 3, 1e-6);
}

static void test_gradient(void **state) {
    (void)state;
    float target[ROWS], output[ROWS], doutput[N], scratch[N], differences[N];
    fill(target, ROWS, 1);
    fill(output, ROWS, 2);
    amp_loss(doutput, target, output, STEPS, BATCH);
    for (int i = 0; i < N; i++) {
        float kept = output[i + BATCH],
              step = 0x1p-7f; /* the loss is a parabola: no step too wide */
        output[i + BATCH] = kept + step;
        double above = amp_loss(scratch, target, output, STEPS, BATCH);
        output[i + BATCH] = kept - step;
        double below = amp_loss(scratch, target, output, STEPS, BATCH);
        output[i + BATCH] = kept;
        differences[i] = (float)((above - below) / (2 * (double)step));
    }
    assert_near(doutput, differences, N, 1e-4);
}

/* A window of silence, and one that is right, have gradients of numbers. */
static void test_silence(void **state) {
    (void)state;
    const float zeros[ROWS] = {0};
    float doutput[N], output[ROWS];
    assert_true(amp_loss(doutput, zeros, zeros, STEPS, BATCH) == 0);
    assert_near(doutput, zeros, N, 0);
    fill(output, ROWS, 3);
    assert_true(isfinite(amp_loss(doutput, zeros, output, STEPS, BATCH)));
    assert_true(amp_loss(doutput, output, output, STEPS, BATCH) == 0);
}

static void test_error(void **state) {
    (void)state;
    float target[ROWS], half[ROWS];
    fill(target, ROWS, 4);
    for (int i = 0; i < ROWS; i++) {
        half[i] = target[i] / 2;
    }
    amp_error error = amp_error_of(target, half, ROWS);
    assert_true(fabs(error.esr - 0.25) < 1e-12 && fabs(error.plain - 0.25) < 1e-12);
    error = amp_error_of(target, target, ROWS);
    assert_true(error.esr == 0 && error.plain == 0);
}

/* A wire finds its factor, a curve what bends at its knots; only the first part is seen. */
static void test_rivals(void **state) {
    enum { LEN = 4000, SEEN = 3000 };
    static float x[LEN], y[LEN], made[LEN];
    (void)state;
    amp_wave dry = {x, LEN, 48000}, wet = {y, LEN, 48000};
    fill(x, LEN, 5);
    x[0] = 1; /* the outermost knots are at the peak */
    for (int i = 0; i < LEN; i++) {
        y[i] = -0.5f * x[i];
    }
    amp_wire(made, &dry, &wet, SEEN);
    assert_near(made, y, LEN, 1e-6);
    for (int i = 0; i < LEN; i++) {
        y[i] = x[i] < 0 ? 0.25f * x[i] : x[i] > 0.5f ? 0.5f : x[i];
    }
    amp_curve(made, &dry, &wet, SEEN);
    assert_near(made, y, LEN, 2e-2);
    memset(y + SEEN, 0, sizeof(float) * (LEN - SEEN));
    float *again = ex_alloc(LEN, sizeof *again);
    amp_curve(again, &dry, &wet, SEEN);
    assert_near(again, made, LEN, 0);
    free(again);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value),   cmocka_unit_test(test_gradient),
        cmocka_unit_test(test_silence), cmocka_unit_test(test_error),
        cmocka_unit_test(test_rivals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
