/* SPDX-License-Identifier: MIT
 * What the initialisers draw: ranges, moments, orthogonality, the forget bias, and the same numbers
 * on every tier. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/tiers.h"
#include "support/twin.h"

/* A parameter's numbers, to be freed. */
typedef struct numbers {
    float *values;
    int64_t n;
} numbers;

static numbers read_named(const tkr_cell *cell, const char *name) {
    int64_t tensors, shape[4];
    int32_t rank;
    const char *found;
    assert_ok(tkr_cell_parameters(cell, &tensors, NULL));
    for (int64_t i = 0; i < tensors; i++) {
        assert_ok(tkr_cell_parameter(cell, i, &found, &rank, shape));
        if (strcmp(found, name) == 0) {
            numbers x = {.n = shape[0] * shape[1] * shape[2] * shape[3]};
            x.values = malloc((size_t)x.n * sizeof *x.values);
            assert_ok(tkr_cell_get_parameter(cell, name, x.values, x.n));
            return x;
        }
    }
    fail_msg("no parameter %s", name);
    return (numbers){0};
}

static tkr_cell *make(const orc_spec *spec, int64_t init, double scale, const tkr_env *env) {
    tkr_cell *cell = NULL;
    assert_ok(tkr_cell_create(&cell, spec->kind, spec->input, spec->hidden, env));
    if (init) {
        assert_ok(tkr_cell_set_int(cell, TKR_INIT, init));
    }
    if (scale > 0) {
        assert_ok(tkr_cell_set_float(cell, TKR_INIT_SCALE, scale));
    }
    if (spec->projection) {
        assert_ok(tkr_cell_set_int(cell, TKR_PROJECTION, spec->projection));
    }
    if (spec->peepholes) {
        assert_ok(tkr_cell_set_int(cell, TKR_PEEPHOLES, 1));
    }
    if (spec->learned) {
        assert_ok(tkr_cell_set_int(cell, TKR_LEARNED_STATE, 1));
    }
    assert_ok(tkr_cell_init(cell, 33));
    return cell;
}

/* Within +-bound, with the mean 0 and the variance bound^2 / 3 of a uniform distribution. */
static void check_uniform(const tkr_cell *cell, const char *name, double bound) {
    numbers x = read_named(cell, name);
    double sum = 0, squares = 0, n = (double)x.n;
    for (int64_t i = 0; i < x.n; i++) {
        double v = (double)x.values[i];
        assert_true(fabs(v) <= bound * (1 + 1e-6));
        sum += v / bound;
        squares += v / bound * (v / bound);
    }
    assert_true(fabs(sum / n) <= 5 * sqrt(1 / (3 * n)));
    assert_true(fabs(squares / n - 1.0 / 3) <= 5 * sqrt(4 / (45 * n)));
    free(x.values);
}

static void check_normal(const tkr_cell *cell, const char *name, double deviation) {
    numbers x = read_named(cell, name);
    double sum = 0, squares = 0, fourth = 0, n = (double)x.n;
    for (int64_t i = 0; i < x.n; i++) {
        double v = (double)x.values[i] / deviation;
        sum += v;
        squares += v * v;
        fourth += v * v * v * v;
    }
    assert_true(fabs(sum / n) <= 5 / sqrt(n));
    assert_true(fabs(squares / n - 1) <= 5 * sqrt(2 / n));
    assert_true(fabs(fourth / n - 3) <= 5 * sqrt(96 / n));
    free(x.values);
}

/* All numbers of a parameter are `value`. */
static void check_constant(const tkr_cell *cell, const char *name, float value) {
    numbers x = read_named(cell, name);
    for (int64_t i = 0; i < x.n; i++) {
        assert_true(compare_bits(&x.values[i], &value, 1));
    }
    free(x.values);
}

static const orc_spec LSTM = {
    .kind = TKR_LSTM, .input = 40, .hidden = 50, .peepholes = 1, .learned = 1};
static const orc_spec GRU = {.kind = TKR_GRU, .input = 40, .hidden = 50};
static const orc_spec LINEAR = {.kind = TKR_LINEAR, .input = 60, .hidden = 45};
static const orc_spec TABLE = {.kind = TKR_EMBEDDING, .input = 70, .hidden = 30};

static void test_uniform(void **unused) {
    (void)unused;
    const double bound = 1 / sqrt(50);
    for (int64_t init = 0; init <= TKR_INIT_UNIFORM; init++) {
        tkr_cell *lstm = make(&LSTM, init, 0, NULL), *linear = make(&LINEAR, init, 0, NULL);
        tkr_cell *table = make(&TABLE, init, 0, NULL);
        check_uniform(lstm, "weight_ih_l0", bound), check_uniform(lstm, "weight_hh_l0", bound);
        check_uniform(lstm, "bias_ih_l0", bound), check_uniform(lstm, "bias_hh_l0", bound);
        check_uniform(lstm, "weight_ci_l0", bound), check_uniform(lstm, "weight_co_l0", bound);
        check_constant(lstm, "h_0_l0", 0), check_constant(lstm, "c_0_l0", 0);
        check_uniform(linear, "weight", 1 / sqrt(60)), check_uniform(linear, "bias", 1 / sqrt(60));
        check_normal(table, "weight", 1);
        tkr_cell_destroy(lstm), tkr_cell_destroy(linear), tkr_cell_destroy(table);
    }
    tkr_cell *scaled = make(&GRU, TKR_INIT_UNIFORM, 3, NULL);
    check_uniform(scaled, "weight_hh_l0", 3 * bound);
    tkr_cell_destroy(scaled);
}

static void test_glorot(void **unused) {
    (void)unused;
    tkr_cell *lstm = make(&LSTM, TKR_INIT_GLOROT, 0, NULL);
    tkr_cell *linear = make(&LINEAR, TKR_INIT_GLOROT, 0.5, NULL);
    check_uniform(lstm, "weight_ih_l0", sqrt(6.0 / 90));
    check_uniform(lstm, "weight_hh_l0", sqrt(6.0 / 100));
    check_constant(lstm, "bias_ih_l0", 0), check_constant(lstm, "bias_hh_l0", 0);
    check_constant(lstm, "weight_cf_l0", 0), check_constant(lstm, "h_0_l0", 0);
    check_uniform(linear, "weight", 0.5 * sqrt(6.0 / 105)), check_constant(linear, "bias", 0);
    tkr_cell_destroy(lstm), tkr_cell_destroy(linear);
}

static void test_normal(void **unused) {
    (void)unused;
    tkr_cell *lstm = make(&LSTM, TKR_INIT_NORMAL, 0, NULL);
    tkr_cell *gru = make(&GRU, TKR_INIT_NORMAL, 0.25, NULL);
    check_normal(lstm, "weight_ih_l0", 0.01), check_normal(lstm, "weight_hh_l0", 0.01);
    check_normal(lstm, "bias_ih_l0", 0.01), check_normal(lstm, "h_0_l0", 0.01);
    check_normal(gru, "weight_ih_l0", 0.25), check_normal(gru, "bias_hh_l0", 0.25);
    tkr_cell_destroy(lstm), tkr_cell_destroy(gru);
}

/* The rows of `rows` x `columns` blocks are orthonormal, times `scale`: also the last ones, of
 * which the others have left little. */
static void check_orthonormal(const numbers *x, int64_t rows, int64_t columns, double scale) {
    for (int64_t first = 0; first < x->n; first += rows * columns) {
        for (int64_t i = 0; i < rows * rows; i++) {
            const float *a = x->values + first + i / rows * columns;
            const float *b = x->values + first + i % rows * columns;
            double dot = 0;
            for (int64_t k = 0; k < columns; k++) {
                dot += (double)a[k] * (double)b[k];
            }
            const double error = fabs(dot - (i / rows == i % rows ? scale * scale : 0));
            assert_true(error <= 1e-6 * scale * scale);
        }
    }
}

static void test_orthogonal(void **unused) {
    (void)unused;
    const orc_spec projected = {.kind = TKR_LSTM, .input = 5, .hidden = 24, .projection = 8};
    tkr_cell *gru = make(&GRU, TKR_INIT_ORTHOGONAL, 0, NULL);
    tkr_cell *lstm = make(&projected, TKR_INIT_ORTHOGONAL, 2, NULL);
    numbers square = read_named(gru, "weight_hh_l0"), tall = read_named(lstm, "weight_hh_l0");
    check_orthonormal(&square, 50, 50, 1);
    check_orthonormal(&tall, 8, 8, 2); /* each gate: three sets of eight rows */
    check_uniform(gru, "weight_ih_l0", sqrt(6.0 / 90)), check_constant(gru, "bias_hh_l0", 0);
    free(square.values), free(tall.values);
    tkr_cell_destroy(gru), tkr_cell_destroy(lstm);
    /* More rows than lose their parts at once, and a last group that is not full. */
    const orc_spec large = {.kind = TKR_LSTM, .input = 1, .hidden = 150};
    tkr_cell *wide = make(&large, TKR_INIT_ORTHOGONAL, 1, NULL);
    numbers many = read_named(wide, "weight_hh_l0");
    check_orthonormal(&many, 150, 150, 1);
    free(many.values);
    tkr_cell_destroy(wide);
}

/* Both biases sum to what was asked for in the forget gate's rows, and keep their own elsewhere. */
static void test_forget_bias(void **unused) {
    (void)unused;
    for (int64_t biases = 1; biases <= 2; biases++) {
        tkr_cell *cell;
        assert_ok(tkr_cell_create(&cell, TKR_LSTM, 4, 6, NULL));
        assert_ok(tkr_cell_set_float(cell, TKR_FORGET_BIAS, 1.5));
        assert_ok(tkr_cell_set_int(cell, TKR_BIASES, biases));
        assert_ok(tkr_cell_set_int(cell, TKR_LAYERS, 2));
        assert_ok(tkr_cell_init(cell, 3));
        for (int layer = 0; layer < 2; layer++) {
            char name[32];
            snprintf(name, sizeof name, biases == 1 ? "bias_l%d" : "bias_ih_l%d", layer);
            numbers ih = read_named(cell, name), hh = {calloc(24, sizeof(float)), 24};
            if (biases == 2) {
                free(hh.values);
                snprintf(name, sizeof name, "bias_hh_l%d", layer);
                hh = read_named(cell, name);
            }
            for (int64_t i = 0; i < 24; i++) {
                double sum = (double)ih.values[i] + (double)hh.values[i];
                assert_int_equal(fabs(sum - 1.5) <= 0, i / 6 == 1);
            }
            free(ih.values), free(hh.values);
        }
        tkr_cell_destroy(cell);
    }
}

/* Every tier draws the numbers of the reference; another seed draws others. */
static const orc_spec *const ALL[] = {&LSTM, &GRU, &LINEAR, &TABLE};

static void check_tier(const tkr_env *env) {
    const tkr_env reference = {.size = sizeof reference, .tier = TKR_TIER_REFERENCE};
    for (int64_t i = 0; i < 4 * 4; i++) {
        tkr_cell *a = make(ALL[i / 4], 1 + i % 4, 0, &reference);
        tkr_cell *b = make(ALL[i / 4], 1 + i % 4, 0, env);
        const char *name = i / 4 < 2 ? "weight_hh_l0" : "weight";
        numbers x = read_named(a, name), y = read_named(b, name);
        assert_true(compare_bits(x.values, y.values, x.n));
        assert_ok(tkr_cell_init(b, 34));
        assert_ok(tkr_cell_get_parameter(b, name, y.values, y.n));
        assert_true(memcmp(x.values, y.values, (size_t)x.n * sizeof *x.values) != 0);
        free(x.values), free(y.values);
        tkr_cell_destroy(a), tkr_cell_destroy(b);
    }
}

static void test_tiers(void **unused) {
    (void)unused;
    tiers_each_env(check_tier);
}

/* A convolution's inputs are its taps; scales are 1 and shifts 0 whatever the initialiser. */
static void test_parts(void **unused) {
    (void)unused;
    for (int64_t init = TKR_INIT_UNIFORM; init <= TKR_INIT_GLOROT; init++) {
        tkr_cell *conv;
        assert_ok(tkr_cell_create(&conv, TKR_CONV, 20, 40, NULL));
        assert_ok(tkr_cell_set_int(conv, TKR_KERNEL, 3));
        assert_ok(tkr_cell_set_int(conv, TKR_INIT, init));
        assert_ok(tkr_cell_init(conv, 3));
        if (init == TKR_INIT_UNIFORM) {
            check_uniform(conv, "weight", 1 / sqrt(20 * 3));
            check_uniform(conv, "bias", 1 / sqrt(20 * 3));
        } else {
            check_uniform(conv, "weight", sqrt(6.0 / (20 * 3 + 40 * 3)));
            check_constant(conv, "bias", 0);
        }
        tkr_cell_destroy(conv);
    }
    for (int32_t kind = TKR_AFFINE; kind <= TKR_NORM; kind++) {
        tkr_cell *cell;
        assert_ok(tkr_cell_create(&cell, kind, 6, 6, NULL));
        assert_ok(tkr_cell_init(cell, 3));
        check_constant(cell, "weight", 1), check_constant(cell, "bias", 0);
        tkr_cell_destroy(cell);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts),      cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_glorot),     cmocka_unit_test(test_normal),
        cmocka_unit_test(test_orthogonal), cmocka_unit_test(test_forget_bias),
        cmocka_unit_test(test_tiers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
