/* SPDX-License-Identifier: MIT
 * The arithmetic of quantized cells: one step at a time against the equations of docs/quantized.md
 * in double, from the library's own state, on every tier and at odd sizes, with special rows; then
 * every option, as streams of a float32 cell that was given the quantized weights. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/tiers.h"
#include "support/twin.h"

static const int64_t SIZES[] = {1, 3, 15, 16, 17, 33};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES, STEPS = 4, MOST = 4 * 33 };

/* The nearest number with 8 bits of precision, ties to even. */
static double as_bf16(double w) {
    int exponent;
    const double fraction = frexp(w, &exponent);
    return ldexp(rint(ldexp(fraction, 8)), exponent - 8);
}

/* A row of a matrix as it counts after the quantization. */
static void quantize_row(double *row, int64_t k, int32_t precision) {
    double largest = 0;
    for (int64_t i = 0; i < k; i++) {
        largest = fmax(largest, fabs(row[i]));
    }
    const float scale = (float)largest / 127.0f;
    for (int64_t i = 0; i < k; i++) {
        if (precision == TKR_BF16) {
            row[i] = as_bf16(row[i]);
        } else {
            row[i] = largest > 1e-30 ? (double)scale * round(row[i] / largest * 127) : 0;
        }
    }
}

/* A vector as an int8 product sees it. */
static void quantize_vector(double *to, const float *x, int64_t k, int32_t precision) {
    float largest = 0;
    for (int64_t i = 0; i < k; i++) {
        largest = fmaxf(largest, fabsf(x[i]));
    }
    for (int64_t i = 0; i < k; i++) {
        to[i] = (double)x[i];
        if (precision == TKR_INT8) {
            const float number = largest > 1e-30f ? rintf(x[i] * (127.0f / largest)) : 0.0f;
            to[i] = (double)(largest / 127.0f) * (double)number;
        }
    }
}

/* A float32 cell of one layer, the quantized one, and the oracle's numbers of the latter. */
typedef struct pair {
    tkr_cell *cell, *quantized;
    tkr_state *state;
    int32_t kind, precision;
    int64_t input, units, gates, batch;
    double *w_ih, *w_hh, *b_ih, *b_hh;
} pair;

/* Rows that a quantization might trip over. */
static void plant_rows(float *w, int64_t rows, int64_t k) {
    for (int64_t i = 0; i < k; i++) {
        w[i] = 0;
        if (rows > 2) {
            w[k + i] = -0.3f;
            w[2 * k + i] *= 1e30f;
        }
        if (rows > 3) {
            w[3 * k + i] *= 1e-35f;
        }
    }
}

/* Draw a parameter and give it to the cell; the oracle's version of it. */
static double *draw(pair *p, orc_random *random, const char *name, int64_t rows, int64_t k) {
    const int matrix = strncmp(name, "weight", 6) == 0;
    float *values = calloc((size_t)(rows * k), sizeof *values);
    double *wide = calloc((size_t)(rows * k), sizeof *wide);
    for (int64_t i = 0; i < rows * k; i++) {
        values[i] = orc_number(random, matrix ? 1.5 / sqrt((double)k) : 0.4);
    }
    if (matrix) {
        plant_rows(values, rows, k);
    }
    assert_ok(tkr_cell_set_parameter(p->cell, name, values, rows * k));
    for (int64_t i = 0; i < rows * k; i++) {
        wide[i] = (double)values[i];
    }
    for (int64_t row = 0; matrix && row < rows; row++) {
        quantize_row(wide + row * k, k, p->precision);
    }
    free(values);
    return wide;
}

static pair make(int32_t kind, int64_t input, int64_t units, int32_t precision,
                 const tkr_env *env) {
    pair p = {.kind = kind, .precision = precision, .input = input, .units = units};
    orc_random random = {(uint64_t)(kind * 10000 + input * 100 + units)};
    compare_set_seed(random.state);
    p.gates = kind == TKR_LSTM ? 4 : kind == TKR_GRU ? 3 : 1;
    p.batch = 1 + (input + units) % 3;
    assert_ok(tkr_cell_create(&p.cell, kind, input, units, env));
    assert_ok(tkr_cell_init(p.cell, 1));
    if (kind == TKR_LINEAR) {
        p.w_ih = draw(&p, &random, "weight", units, input);
        p.b_ih = draw(&p, &random, "bias", units, 1);
    } else {
        p.w_ih = draw(&p, &random, "weight_ih_l0", p.gates * units, input);
        p.w_hh = draw(&p, &random, "weight_hh_l0", p.gates * units, units);
        p.b_ih = draw(&p, &random, "bias_ih_l0", p.gates * units, 1);
        p.b_hh = draw(&p, &random, "bias_hh_l0", p.gates * units, 1);
    }
    assert_ok(tkr_cell_quantize(&p.quantized, NULL, p.cell, precision, NULL, env));
    assert_ok(tkr_state_create(&p.state, p.quantized, p.batch, env));
    return p;
}

static void unmake(pair *p) {
    free(p->w_ih), free(p->w_hh), free(p->b_ih), free(p->b_hh);
    tkr_state_destroy(p->state);
    tkr_cell_destroy(p->quantized);
    tkr_cell_destroy(p->cell);
}

/* a = b + W x for `rows` rows. */
static void product(double *a, const double *w, const double *b, const double *x, int64_t rows,
                    int64_t k) {
    for (int64_t row = 0; row < rows; row++) {
        a[row] = b[row];
        for (int64_t i = 0; i < k; i++) {
            a[row] += w[row * k + i] * x[i];
        }
    }
}

/* The sums of the terms' sizes, of a linear map. */
static void product_size(double *size, const pair *p, const double *x) {
    for (int64_t row = 0; row < p->units; row++) {
        size[row] = fabs(p->b_ih[row]);
        for (int64_t i = 0; i < p->input; i++) {
            size[row] += fabs(p->w_ih[row * p->input + i] * x[i]);
        }
    }
}

static double logistic(double a) {
    return 1 / (1 + exp(-a));
}

/* h and c of unit j after the step from the gates' sums a (of x) and u (of h). */
static void unit_step(const pair *p, int64_t j, const double *a, const double *u, double *h,
                      double *c) {
    const int64_t n = p->units;
    if (p->kind == TKR_ELMAN) {
        *h = tanh(a[j] + u[j]);
    } else if (p->kind == TKR_LSTM) {
        const double i = logistic(a[j] + u[j]), f = logistic(a[n + j] + u[n + j]);
        *c = f * *c + i * tanh(a[2 * n + j] + u[2 * n + j]);
        *h = logistic(a[3 * n + j] + u[3 * n + j]) * tanh(*c);
    } else {
        const double r = logistic(a[j] + u[j]), z = logistic(a[n + j] + u[n + j]);
        *h = (1 - z) * tanh(a[2 * n + j] + r * u[2 * n + j]) + z * *h;
    }
}

/* One stream's step in double; x is what the product sees. Returns y in h, and in c, if there is
 * none, what the errors of y are relative to. */
static void expect_step(const pair *p, const double *x, const float *h_before, double *h,
                        double *c) {
    double a[MOST], u[MOST], seen[MOST];
    product(a, p->w_ih, p->b_ih, x, p->gates * p->units, p->input);
    if (p->kind == TKR_LINEAR) {
        memcpy(h, a, (size_t)p->units * sizeof *h);
        product_size(c, p, x);
        return;
    }
    quantize_vector(seen, h_before, p->units, p->precision);
    product(u, p->w_hh, p->b_hh, seen, p->gates * p->units, p->units);
    for (int64_t j = 0; j < p->units; j++) {
        unit_step(p, j, a, u, &h[j], &c[j]);
    }
}

/* Roundings of a few numbers about 1, and, where bf16 numbers are multiplied as such, 16 bits of x.
 */
static double tolerance_of(const pair *p) {
    return p->precision == TKR_INT8 ? 2e-6 : 1e-4;
}

static void check_numbers(const pair *p, const float *got, const double *want, const double *size) {
    for (int64_t j = 0; j < p->units; j++) {
        const double error = fabs((double)got[j] - want[j]);
        if (!(error <= tolerance_of(p) * fmax(1, size[j]))) {
            fail_msg("kind %d I %d H %d precision %d tier %d unit %d: %.9g, not %.9g", (int)p->kind,
                     (int)p->input, (int)p->units, (int)p->precision, (int)tkr_cell_tier(p->cell),
                     (int)j, (double)got[j], want[j]);
        }
    }
}

/* One step of all streams from the state as it is. */
static void check_step(const pair *p, orc_random *random, int by_ids) {
    float x[3 * 33], y[3 * 33], h[3 * 33] = {0}, c[3 * 33] = {0}, after[3 * 33];
    int32_t ids[3];
    const int64_t n = p->units, len = p->batch * n;
    for (int64_t i = 0; i < p->batch * p->input; i++) {
        x[i] = orc_number(random, 1);
    }
    for (int64_t b = 0; b < p->batch; b++) {
        ids[b] = (int32_t)orc_below(random, p->input + 1) - 1;
    }
    if (p->kind != TKR_LINEAR) {
        assert_ok(tkr_state_get(p->state, "h", h, len));
    }
    if (p->kind == TKR_LSTM) {
        assert_ok(tkr_state_get(p->state, "c", c, len));
    }
    assert_ok(by_ids ? tkr_cell_step_ids(p->quantized, p->state, y, ids)
                     : tkr_cell_step(p->quantized, p->state, y, x));
    for (int64_t b = 0; b < p->batch; b++) {
        double seen[33] = {0}, want_h[33], want_c[33];
        if (!by_ids) {
            quantize_vector(seen, x + b * p->input, p->input, p->precision);
        } else if (ids[b] >= 0) {
            seen[ids[b]] = 1;
        }
        for (int64_t j = 0; j < n; j++) {
            want_h[j] = (double)h[b * n + j], want_c[j] = (double)c[b * n + j];
        }
        expect_step(p, seen, h + b * n, want_h, want_c);
        check_numbers(p, y + b * n, want_h, want_c);
        if (p->kind == TKR_LSTM) {
            assert_ok(tkr_state_get(p->state, "c", after, len));
            check_numbers(p, after + b * n, want_c, want_c);
        }
    }
}

static void check_sizes(const tkr_env *env) {
    for (int64_t i = 0; i < 4 * N_SIZES * N_SIZES; i++) {
        for (int32_t precision = TKR_BF16; precision <= TKR_INT8; precision++) {
            orc_random random = {(uint64_t)i};
            pair p = make(TKR_ELMAN + (int32_t)(i % 4), SIZES[i / 4 % N_SIZES],
                          SIZES[i / 4 / N_SIZES], precision, env);
            for (int step = 0; step < STEPS; step++) {
                check_step(&p, &random, step % 2);
            }
            unmake(&p);
        }
    }
}

static void test_sizes(void **unused) {
    (void)unused;
    tiers_each_env(check_sizes);
}

/* Is this parameter a matrix that a quantization touches? */
static int is_quantized(const orc_net *net, const char *name) {
    for (int64_t i = 0; i < net->n_parts; i++) {
        const orc_part *part = &net->parts[i];
        const size_t len = strlen(part->name);
        const int before = part->spec.kind == TKR_GRU && part->spec.reset == TKR_RESET_BEFORE;
        const int untouched = part->spec.kind == TKR_EMBEDDING || before;
        if (strncmp(name, part->name, len) == 0 && (len == 0 || name[len] == '.')) {
            const char *own = name + len + (len > 0);
            return !untouched && (!strncmp(own, "weight_ih", 9) || !strncmp(own, "weight_hh", 9) ||
                                  !strncmp(own, "weight_hr", 9) || !strcmp(own, "weight"));
        }
    }
    return 0;
}

/* Give the twin's float32 cell the quantized weights. */
static void quantize_parameters(twin *t, int32_t precision) {
    int found = 0;
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        orc_tensor *tensor = &t->net->tensors[i];
        for (int64_t row = 0; is_quantized(t->net, tensor->name) && row < tensor->rows; row++) {
            quantize_row(tensor->value + row * tensor->cols, tensor->cols, precision);
            found = 1;
        }
    }
    assert_true(found);
    twin_push(t);
}

static float *stream(const twin *t, const tkr_cell *cell, tkr_state *state) {
    const int64_t batch = t->net->batch, in = orc_input_width(t->net);
    const int64_t out = orc_output_width(t->net);
    float *x = twin_floats(t->net->input, t->net->steps * batch * in);
    float *y = malloc((size_t)(t->net->steps * batch * out) * sizeof *y);
    for (int64_t step = 0; step < t->net->steps; step++) {
        float *to = y + step * batch * out;
        assert_ok(t->by_ids ? tkr_cell_step_ids(cell, state, to, t->ids + step * batch)
                            : tkr_cell_step(cell, state, to, x + step * batch * in));
    }
    free(x);
    return y;
}

/* Distance of the quantized stream from one with the same weights in float32, and from the
 * unquantized one, relative to the latter. */
static void check_net(const orc_spec *specs, int64_t n, int64_t batch, int32_t precision,
                      const tkr_env *env) {
    twin t;
    tkr_cell *quantized;
    tkr_state *one, *two;
    twin_open(&t, specs, n, 900 + (uint64_t)batch, env);
    twin_shape(&t, 6, batch, NULL, TKR_INFERENCE, false);
    assert_ok(tkr_cell_quantize(&quantized, NULL, t.cell, precision, NULL, env));
    assert_int_equal(tkr_cell_precision(quantized), precision);
    assert_ok(tkr_state_create(&one, quantized, batch, env));
    assert_ok(tkr_state_create(&two, t.cell, batch, env));
    float *got = stream(&t, quantized, one), *whole = stream(&t, t.cell, two);
    quantize_parameters(&t, precision);
    assert_ok(tkr_state_reset(two));
    float *same = stream(&t, t.cell, two);
    const int64_t len = t.net->steps * batch * orc_output_width(t.net);
    double *wide = malloc((size_t)len * sizeof *wide);
    for (int64_t i = 0; i < len; i++) {
        wide[i] = (double)same[i];
    }
    assert_norm_near(got, wide, len, precision == TKR_INT8 ? 3e-2 : 1e-4);
    for (int64_t i = 0; i < len; i++) {
        wide[i] = (double)whole[i];
    }
    assert_norm_near(got, wide, len, 5e-2);
    assert_false(compare_norm(got, wide, len) == 0);
    free(wide), free(got), free(whole), free(same);
    tkr_state_destroy(one), tkr_state_destroy(two);
    tkr_cell_destroy(quantized);
    twin_close(&t);
}

static void check_options(const tkr_env *env) {
    const orc_spec specs[] = {
        {.kind = TKR_LSTM, .peepholes = 1, .layers = 2, .biases = 1, .learned = 1},
        {.kind = TKR_LSTM, .projection = 3, .layers = 3, .biases = ORC_NO_BIAS},
        {.kind = TKR_LSTM, .projection = 5, .peepholes = 1, .before = 1, .learned = 1},
        {.kind = TKR_LSTM, .layers = 2, .zoneout = 0.25, .zoneout_cell = 0.5, .between = 0.3},
        {.kind = TKR_GRU, .biases = 1, .layers = 2, .zoneout = 0.75},
        {.kind = TKR_GRU, .biases = ORC_NO_BIAS, .before = 1, .learned = 1},
        {.kind = TKR_ELMAN, .before = 1, .layers = 2, .zoneout = 0.1, .learned = 1},
        {.kind = TKR_ELMAN, .activation = TKR_RELU, .recurrent = 0.5},
    };
    for (size_t i = 0; i < 2 * sizeof specs / sizeof *specs; i++) {
        orc_spec spec = specs[i / 2];
        const int64_t batch = 1 + (int64_t)(i / 2 % 2) * 3;
        spec.input = 6;
        spec.hidden = 9 + 5 * batch;
        check_net(&spec, 1, batch, i % 2 ? TKR_INT8 : TKR_BF16, env);
    }
}

static void check_chain(const tkr_env *env) {
    const orc_spec specs[] = {
        {.kind = TKR_EMBEDDING, .input = 12, .hidden = 5},
        {.kind = TKR_DROPOUT, .input = 5, .hidden = 5, .rate = 0.5},
        {.kind = TKR_LSTM, .input = 5, .hidden = 18, .layers = 2},
        {.kind = TKR_LINEAR, .input = 18, .hidden = 7, .activation = TKR_TANH},
        {.kind = TKR_GRU, .input = 7, .hidden = 21, .reset = TKR_RESET_BEFORE},
        {.kind = TKR_GRU, .input = 21, .hidden = 4},
        {.kind = TKR_LINEAR, .input = 4, .hidden = 80, .biases = ORC_NO_BIAS},
    };
    for (int32_t precision = TKR_BF16; precision <= TKR_INT8; precision++) {
        check_net(specs, 7, 1, precision, env);
        check_net(specs, 7, 3, precision, env);
        check_net(specs + 2, 5, 2, precision, env);
    }
}

/* What docs/quantized.md says of the error of one sum: of row w and vector x. */
static double bound_of(const pair *p, const float *w, const float *x) {
    double largest = 0, longest = 0, sum_x = 0, sum_w = 0, both = 0;
    for (int64_t i = 0; i < p->input; i++) {
        const double size = fabs((double)w[i]), length = fabs((double)x[i]);
        largest = size > largest ? size : largest; /* fmax() here is too much for GCC 12 on ARM */
        longest = length > longest ? length : longest;
    }
    for (int64_t i = 0; i < p->input; i++) {
        sum_x += fabs((double)x[i]);
        sum_w += largest * round(fabs((double)w[i]) / largest * 127) / 127;
        both += fabs((double)w[i] * (double)x[i]);
    }
    const double rounding = 0x1p-22 * (double)(p->input + 2) * (both + sum_w * longest + 1);
    return rounding + (p->precision == TKR_INT8 ? largest / 254 * sum_x + longest / 254 * sum_w
                                                : (0x1p-8 + 0x1p-16) * both);
}

/* Linear maps: no sum is further from the unquantized one than the bound, and some are near it. */
static void check_bound(const tkr_env *env) {
    double closest = 0;
    for (int64_t i = 0; i < 60; i++) {
        orc_random random = {(uint64_t)i};
        pair p = make(TKR_LINEAR, 1 + i / 6, 33, i % 2 ? TKR_INT8 : TKR_BF16, env);
        float w[33 * 33], b[33], x[3 * 33], y[3 * 33];
        assert_ok(tkr_cell_get_parameter(p.cell, "weight", w, 33 * p.input));
        assert_ok(tkr_cell_get_parameter(p.cell, "bias", b, 33));
        for (int64_t j = 0; j < p.batch * p.input; j++) {
            x[j] = orc_number(&random, 1);
        }
        assert_ok(tkr_cell_step(p.quantized, p.state, y, x));
        for (int64_t row = 4; row < 33; row++) { /* the first ones are special */
            double want = (double)b[row];
            for (int64_t k = 0; k < p.input; k++) {
                want += (double)w[row * p.input + k] * (double)x[k];
            }
            const double error = fabs((double)y[row] - want);
            const double bound = bound_of(&p, w + row * p.input, x);
            assert_true(error <= bound);
            closest = fmax(closest, error / bound);
        }
        unmake(&p);
    }
    assert_true(closest > 0.5);
}

static void test_bound(void **unused) {
    (void)unused;
    tiers_each_env(check_bound);
}

static void test_options(void **unused) {
    (void)unused;
    tiers_each_env(check_options);
}

static void test_chain(void **unused) {
    (void)unused;
    tiers_each_env(check_chain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_chain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
