/* SPDX-License-Identifier: MIT
 * Cells whose functions are approximations: wrong by no more than the header says, on every tier,
 * and never in a way that lets a state grow. */
#include <math.h>
#include <string.h>

#include "support/compare.h"
#include "support/support.h"
#include "support/tiers.h"

/* What the header says. */
#define TANH_ERROR 2e-5
#define LOGISTIC_ERROR 1e-5

static void set(tkr_cell *cell, const char *name, const float *values, int64_t len) {
    assert_ok(tkr_cell_set_parameter(cell, name, values, len));
}

/* One unit of a GRU that starts at 0, so that h = (1 - logistic(z)) tanh(n): z and n are the gates'
 * sums, of which x is one and the other a number. */
static tkr_cell *one_unit(float of_z, float of_n, float z, float n, const tkr_env *env) {
    tkr_cell *cell, *quick;
    const float zeros[3] = {0}, w[3] = {0, of_z, of_n}, bias[3] = {0, z, n};
    assert_ok(tkr_cell_create(&cell, TKR_GRU, 1, 1, env));
    assert_ok(tkr_cell_init(cell, 1));
    set(cell, "weight_ih_l0", w, 3);
    set(cell, "weight_hh_l0", zeros, 3);
    set(cell, "bias_ih_l0", bias, 3);
    set(cell, "bias_hh_l0", zeros, 3);
    assert_ok(tkr_cell_quantize(&quick, NULL, cell, TKR_APPROXIMATE, NULL, env));
    assert_int_equal(tkr_cell_precision(quick), TKR_APPROXIMATE);
    tkr_cell_destroy(cell);
    return quick;
}

static double first_output(const tkr_cell *cell, tkr_state *state, float x) {
    float y;
    assert_ok(tkr_state_reset(state));
    assert_ok(tkr_cell_step(cell, state, &y, &x));
    return (double)y;
}

/* The largest error of h over x = -40000 .. 40000 times `apart`; h stays within [low, 1]. */
static double worst_of(const tkr_cell *cell, tkr_state *state, double (*exact)(double x),
                       double apart, double low) {
    double worst = 0;
    for (int i = -40000; i <= 40000; i++) {
        const float x = (float)(i * apart);
        const double y = first_output(cell, state, x);
        assert_true(y >= low && y <= 1);
        worst = fmax(worst, fabs(y - exact((double)x)));
    }
    assert_true(isnan(first_output(cell, state, (float)NAN)));
    return worst;
}

static double shut(double x) {
    return 1 / (1 + exp(x));
}

/* tanh: z is so low that 1 - logistic(z) is 1 but for its own error. */
static void check_tanh(const tkr_env *env) {
    tkr_cell *cell = one_unit(0, 1, -40, 0, env);
    tkr_state *state;
    assert_ok(tkr_state_create(&state, cell, 1, NULL));
    const double worst = worst_of(cell, state, tanh, 5e-4, -1);
    assert_true(worst <= TANH_ERROR + LOGISTIC_ERROR);
    const int exact = tkr_cell_tier(cell) <= TKR_TIER_GENERIC;
    assert_true(exact ? worst < 1e-6 : worst > 1e-6); /* it is what is approximated */
    assert_true(fabs(first_output(cell, state, 1e30f) - 1) <= TANH_ERROR + LOGISTIC_ERROR);
    assert_true(fabs(first_output(cell, state, -1e30f) + 1) <= TANH_ERROR + LOGISTIC_ERROR);
    tkr_state_destroy(state);
    tkr_cell_destroy(cell);
}

/* The logistic function: tanh(n) is 1 but for its own error. */
static void check_logistic(const tkr_env *env) {
    tkr_cell *cell = one_unit(1, 0, 0, 40, env);
    tkr_state *state;
    assert_ok(tkr_state_create(&state, cell, 1, NULL));
    assert_true(worst_of(cell, state, shut, 1e-3, 0) <= TANH_ERROR + LOGISTIC_ERROR);
    tkr_state_destroy(state);
    tkr_cell_destroy(cell);
}

static void test_functions(void **unused) {
    (void)unused;
    tiers_each_env(check_tanh);
    tiers_each_env(check_logistic);
}

/* An LSTM's copy with every gate wide open, or drawn. */
static tkr_cell *lstm(float bias, int64_t units, tkr_cell **exact, const tkr_env *env) {
    enum { MOST = 4 * 40 };
    tkr_cell *quick;
    float b[MOST];
    assert_ok(tkr_cell_create(exact, TKR_LSTM, 2, units, env));
    assert_ok(tkr_cell_set_int(*exact, TKR_PEEPHOLES, units % 2));
    assert_ok(tkr_cell_init(*exact, 3));
    for (int64_t i = 0; bias > 0 && i < 4 * units; i++) {
        b[i] = bias;
    }
    if (bias > 0) {
        set(*exact, "bias_ih_l0", b, 4 * units);
    }
    assert_ok(tkr_cell_quantize(&quick, NULL, *exact, TKR_APPROXIMATE, NULL, env));
    return quick;
}

/* A forget gate that is open is no more than 1: what is kept does not grow in many steps. */
static void check_growth(const tkr_env *env) {
    enum { UNITS = 3, STEPS = 1000, BLOCKS = 200 };
    static float x[STEPS * 2];
    tkr_cell *exact, *quick = lstm(50, UNITS, &exact, env);
    tkr_state *state;
    float after[UNITS];
    const float minus[4 * UNITS] = {-50, -50, -50, 50, 50, 50, 0, 0, 0, 50, 50, 50};
    const float large[UNITS] = {1e3f, -1e3f, 5};
    tkr_cell_destroy(quick);
    set(exact, "bias_ih_l0", minus, 4 * UNITS); /* nothing comes in, nothing is forgotten */
    assert_ok(tkr_cell_quantize(&quick, NULL, exact, TKR_APPROXIMATE, NULL, env));
    assert_ok(tkr_state_create(&state, quick, 1, NULL));
    assert_ok(tkr_state_set(state, "c", large, UNITS));
    memset(x, 0, sizeof x);
    for (int i = 0; i < BLOCKS; i++) {
        assert_ok(tkr_cell_steps(quick, state, NULL, x, STEPS));
        assert_ok(tkr_state_get(state, "c", after, UNITS));
        for (int k = 0; k < UNITS; k++) {
            assert_true(fabsf(after[k]) <= fabsf(large[k]) * 1.001f + 1);
        }
    }
    tkr_state_destroy(state);
    tkr_cell_destroy(exact), tkr_cell_destroy(quick);
}

/* One at a time, in blocks, and of many streams: the same bits; and near the exact cell's. */
static void check_blocks(const tkr_env *env) {
    static const int64_t sizes[] = {1, 3, 8, 16, 17, 40};
    enum { STEPS = 37, BATCH = 7, I = 2, MOST = 40 };
    static float x[STEPS * BATCH * I], y[STEPS * BATCH * MOST], by_steps[STEPS * BATCH * MOST],
        alone[STEPS * MOST], one[STEPS * I];
    for (int i = 0; i < STEPS * BATCH * I; i++) {
        x[i] = sinf((float)i * 0.7f) * 2;
    }
    for (int k = 0; k < (int)(sizeof sizes / sizeof *sizes); k++) {
        const int64_t n = sizes[k];
        tkr_cell *exact, *quick = lstm(0, n, &exact, env);
        tkr_state *a, *b, *c;
        double report[TKR_REPORT_LEN];
        const tkr_trial trial = {.size = sizeof trial, .steps = STEPS, .batch = BATCH, .input = x};
        assert_ok(tkr_state_create(&a, quick, BATCH, NULL));
        assert_ok(tkr_state_create(&b, quick, BATCH, NULL));
        assert_ok(tkr_state_create(&c, quick, 1, NULL));
        assert_ok(tkr_cell_steps(quick, a, y, x, STEPS));
        for (int t = 0; t < STEPS; t++) {
            assert_ok(tkr_cell_step(quick, b, by_steps + t * BATCH * n, x + t * BATCH * I));
            memcpy(one + (ptrdiff_t)t * I, x + (t * BATCH + 5) * I, I * sizeof *x);
        }
        assert_true(compare_bits(y, by_steps, STEPS * BATCH * n));
        assert_ok(tkr_cell_steps(quick, c, alone, one, STEPS));
        for (int t = 0; t < STEPS; t++) {
            assert_true(compare_bits(alone + t * n, y + (t * BATCH + 5) * n, n));
        }
        assert_ok(tkr_cell_compare(report, exact, quick, &trial, NULL));
        assert_true(report[TKR_REPORT_MAX] < 1e-4);
        tkr_state_destroy(a), tkr_state_destroy(b), tkr_state_destroy(c);
        tkr_cell_destroy(exact), tkr_cell_destroy(quick);
    }
}

static void test_steps(void **unused) {
    (void)unused;
    tiers_each_env(check_growth);
    tiers_each_env(check_blocks);
}

/* Nothing to approximate is told; what a quantized cell cannot, this cannot either. */
static void test_refusals(void **unused) {
    (void)unused;
    static const struct {
        int32_t kind, key;
        int64_t value;
    } others[] = {
        {TKR_ELMAN, 0, 0},
        {TKR_LINEAR, 0, 0},
        {TKR_GRU, TKR_RESET, TKR_RESET_BEFORE},
        {TKR_LSTM, TKR_PROJECTION, 2},
        {TKR_LSTM, TKR_ACTIVATION, TKR_RELU},
    };
    tkr_cell *cell, *quick, *copy;
    tkr_sequence *seq;
    char detail[160];
    const tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail};
    for (int i = 0; i < (int)(sizeof others / sizeof *others); i++) {
        assert_ok(tkr_cell_create(&cell, others[i].kind, 2, 3, NULL));
        if (others[i].key) {
            assert_ok(tkr_cell_set_int(cell, others[i].key, others[i].value));
        }
        assert_ok(tkr_cell_init(cell, 1));
        assert_status(tkr_cell_quantize(&quick, NULL, cell, TKR_APPROXIMATE, NULL, &env),
                      TKR_ERR_UNSUPPORTED);
        assert_non_null(strstr(detail, "approximated"));
        assert_null(quick);
        tkr_cell_destroy(cell);
    }
    quick = lstm(0, 4, &cell, NULL);
    assert_status(tkr_cell_clone(&copy, quick, NULL), TKR_ERR_UNSUPPORTED);
    assert_status(tkr_cell_quantize(&copy, NULL, quick, TKR_INT8, NULL, NULL), TKR_ERR_UNSUPPORTED);
    assert_status(tkr_sequence_create(&seq, quick, 2, 1, TKR_TRAINING, NULL), TKR_ERR_UNSUPPORTED);
    assert_status(tkr_cell_quantize(&copy, NULL, cell, TKR_APPROXIMATE + 1, NULL, NULL),
                  TKR_ERR_ARGUMENT);
    tkr_cell_destroy(cell), tkr_cell_destroy(quick);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
