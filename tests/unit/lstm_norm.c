/* SPDX-License-Identifier: MIT
 * The layer-normalised LSTM against its equations in double, and its gradients against differences
 * of these in double: in float they would be lost in the curvature of a normalisation. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"
#include "support/tiers.h"

enum { I = 3, H = 5, T = 4, B = 3, LAYERS = 2, N = 8, MOST = 4 * H * H };

static const char *const names[N] = {"weight_ih",     "weight_hh",      "norm_ih_weight",
                                     "norm_ih_bias",  "norm_hh_weight", "norm_hh_bias",
                                     "norm_c_weight", "norm_c_bias"};
static const int32_t lengths[B] = {4, 1, 3};

/* All numbers of a net and of a batch, in double. */
typedef struct world {
    double p[LAYERS][N][MOST], x[T][B][I], slopes[T][B][H];
} world;

static int64_t len_of(int layer, int n) {
    const int64_t lens[N] = {4 * H * (layer ? H : I), 4 * H * H, 4 * H, 4 * H, 4 * H, 4 * H, H, H};
    return lens[n];
}

static double logistic(double x) {
    return 1 / (1 + exp(-x));
}

static void norm(double *y, const double *x, const double *w, const double *b, int n) {
    double mean = 0, variance = 0;
    for (int j = 0; j < n; j++) {
        mean += x[j] / n;
    }
    for (int j = 0; j < n; j++) {
        variance += (x[j] - mean) * (x[j] - mean) / n;
    }
    for (int j = 0; j < n; j++) {
        y[j] = (x[j] - mean) / sqrt(variance + 1e-5) * w[j] + b[j];
    }
}

static void multiply(double *y, const double *w, const double *x, int k) {
    for (int j = 0; j < 4 * H; j++) {
        y[j] = 0;
        for (int i = 0; i < k; i++) {
            y[j] += w[j * k + i] * x[i];
        }
    }
}

/* One step of one layer: h and c move on. */
static void step(const double p[N][MOST], const double *x, int k, double *h, double *c) {
    double of_x[4 * H], of_h[4 * H], ih[4 * H], hh[4 * H], u[H];
    multiply(of_x, p[0], x, k);
    multiply(of_h, p[1], h, H);
    norm(ih, of_x, p[2], p[3], 4 * H);
    norm(hh, of_h, p[4], p[5], 4 * H);
    for (int j = 0; j < H; j++) {
        const double i = logistic(ih[j] + hh[j]), f = logistic(ih[H + j] + hh[H + j]);
        c[j] = f * c[j] + i * tanh(ih[2 * H + j] + hh[2 * H + j]);
    }
    norm(u, c, p[6], p[7], H);
    for (int j = 0; j < H; j++) {
        h[j] = logistic(ih[3 * H + j] + hh[3 * H + j]) * tanh(u[j]);
    }
}

/* Outputs [T][B][H], zero past a length; L = slopes . outputs. */
static double run(const world *w, double y[T][B][H]) {
    double loss = 0;
    memset(y, 0, sizeof(double) * T * B * H);
    for (int b = 0; b < B; b++) {
        double h[LAYERS][H] = {{0}}, c[LAYERS][H] = {{0}};
        for (int t = 0; t < lengths[b]; t++) {
            step(w->p[0], w->x[t][b], I, h[0], c[0]);
            step(w->p[1], h[0], H, h[1], c[1]);
            for (int j = 0; j < H; j++) {
                y[t][b][j] = h[1][j];
                loss += w->slopes[t][b][j] * h[1][j];
            }
        }
    }
    return loss;
}

/* dL/d*at, of *at a number of the world. */
static double slope(world *w, double *at) {
    static double y[T][B][H];
    const double kept = *at, d = 1e-6;
    *at = kept + d;
    const double above = run(w, y);
    *at = kept - d;
    const double below = run(w, y);
    *at = kept;
    return (above - below) / (2 * d);
}

static double drawn(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return (double)(float)((*seed >> 8) * 0x1p-23 - 1);
}

static void name_of(char *text, size_t size, int layer, int n) {
    (void)snprintf(text, size, "%s_l%d", names[n], layer);
}

/* Numbers of every parameter, into the world and into the cell. */
static void fill(world *w, tkr_cell *cell) {
    uint32_t seed = 5;
    for (int q = 0; q < LAYERS * N; q++) {
        float values[MOST];
        char name[40];
        const int64_t len = len_of(q / N, q % N);
        for (int64_t i = 0; i < len; i++) {
            const int is_scale = q % N == 2 || q % N == 4 || q % N == 6;
            w->p[q / N][q % N][i] = is_scale ? 1 + 0.25 * drawn(&seed) : 0.5 * drawn(&seed);
            values[i] = (float)w->p[q / N][q % N][i];
            w->p[q / N][q % N][i] = (double)values[i];
        }
        name_of(name, sizeof name, q / N, q % N);
        assert_ok(tkr_cell_set_parameter(cell, name, values, len));
    }
    for (int i = 0; i < T * B * I; i++) {
        (&w->x[0][0][0])[i] = drawn(&seed);
    }
    for (int i = 0; i < T * B * H; i++) {
        (&w->slopes[0][0][0])[i] = drawn(&seed);
    }
}

static tkr_cell *make(const tkr_env *env) {
    tkr_cell *cell;
    assert_ok(tkr_cell_create(&cell, TKR_LSTM, I, H, env));
    assert_ok(tkr_cell_set_int(cell, TKR_LAYER_NORM, 1));
    assert_ok(tkr_cell_set_int(cell, TKR_LAYERS, LAYERS));
    assert_ok(tkr_cell_init(cell, 1));
    return cell;
}

static void check_near(double got, double want, double scale) {
    if (!(fabs(got - want) <= 3e-5 * (scale + fabs(want)))) {
        print_error("%.9g, not %.9g\n", got, want);
        fail();
    }
}

static void check_gradients(world *w, const tkr_sequence *seq) {
    float d[T * B * I];
    assert_ok(tkr_sequence_input_gradient(seq, d, T * B * I));
    for (int i = 0; i < T * B * I; i++) {
        check_near((double)d[i], slope(w, &w->x[0][0][0] + i), 1);
    }
    for (int q = 0; q < LAYERS * N; q++) {
        float gradient[MOST];
        char name[40];
        name_of(name, sizeof name, q / N, q % N);
        assert_ok(tkr_sequence_gradient(seq, name, gradient, len_of(q / N, q % N)));
        for (int64_t i = 0; i < len_of(q / N, q % N); i++) {
            check_near((double)gradient[i], slope(w, &w->p[q / N][q % N][i]), 1);
        }
    }
}

static void check_tier(const tkr_env *env) {
    static world w;
    static double y[T][B][H];
    float x[T * B * I], slopes[T * B * H], out[T * B * H];
    tkr_cell *cell = make(env);
    tkr_sequence *seq;
    fill(&w, cell);
    for (int i = 0; i < T * B * I; i++) {
        x[i] = (float)(&w.x[0][0][0])[i];
    }
    for (int i = 0; i < T * B * H; i++) {
        slopes[i] = (float)(&w.slopes[0][0][0])[i];
    }
    assert_ok(tkr_sequence_create(&seq, cell, T, B, TKR_TRAINING | TKR_INPUT_GRADIENT, env));
    assert_ok(tkr_sequence_forward(seq, x, lengths, T, B));
    assert_ok(tkr_sequence_output(seq, out, T * B * H));
    (void)run(&w, y);
    for (int i = 0; i < T * B * H; i++) {
        check_near((double)out[i], (&y[0][0][0])[i], 0.1);
    }
    assert_ok(tkr_sequence_backward(seq, slopes, NULL));
    check_gradients(&w, seq);
    tkr_sequence_destroy(seq);
    tkr_cell_destroy(cell);
}

static void test_equations(void **unused) {
    (void)unused;
    tiers_each_env(check_tier);
}

static void check_streams(const tkr_env *env) {
    static world w;
    float x[T * B * I], out[T * B * H], one[B * H];
    tkr_cell *cell = make(env);
    tkr_sequence *seq;
    tkr_state *state;
    fill(&w, cell);
    for (int i = 0; i < T * B * I; i++) {
        x[i] = (float)(&w.x[0][0][0])[i];
    }
    assert_ok(tkr_sequence_create(&seq, cell, T, B, TKR_INFERENCE, env));
    assert_ok(tkr_sequence_forward(seq, x, NULL, T, B));
    assert_ok(tkr_sequence_output(seq, out, T * B * H));
    assert_ok(tkr_state_create(&state, cell, B, env));
    for (int t = 0; t < T; t++) {
        assert_ok(tkr_cell_step(cell, state, one, x + t * B * I));
        assert_true(compare_bits(one, out + t * B * H, B * H));
    }
    tkr_state_destroy(state);
    tkr_sequence_destroy(seq);
    tkr_cell_destroy(cell);
}

static void test_streaming(void **unused) {
    (void)unused;
    tiers_each_env(check_streams);
}

/* What it does not go with is refused by name, whichever is set first. */
static void test_refusals(void **unused) {
    (void)unused;
    static const struct {
        int32_t key, value;
    } rows[] = {{TKR_DIRECTIONS, TKR_BOTH},
                {TKR_PEEPHOLES, 1},
                {TKR_PROJECTION, 2},
                {TKR_LEARNED_STATE, 1},
                {TKR_OUTPUT_BEFORE, 1},
                {TKR_ACTIVATION, TKR_RELU},
                {TKR_GATE_ACTIVATION, TKR_HARD_SIGMOID}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        tkr_cell *cell;
        int64_t value;
        assert_ok(tkr_cell_create(&cell, TKR_LSTM, I, H, NULL));
        assert_ok(tkr_cell_set_int(cell, TKR_LAYER_NORM, 1));
        assert_status(tkr_cell_set_int(cell, rows[i].key, rows[i].value), TKR_ERR_ARGUMENT);
        assert_non_null(strstr(tkr_cell_detail(cell), "layer_norm"));
        assert_ok(tkr_cell_set_int(cell, TKR_LAYER_NORM, 0));
        assert_ok(tkr_cell_set_int(cell, rows[i].key, rows[i].value));
        assert_status(tkr_cell_set_int(cell, TKR_LAYER_NORM, 1), TKR_ERR_ARGUMENT);
        assert_ok(tkr_cell_get_int(cell, TKR_LAYER_NORM, &value));
        assert_int_equal(value, 0);
        tkr_cell_destroy(cell);
    }
}

static void test_noise_is_refused(void **unused) {
    (void)unused;
    static const int32_t keys[] = {TKR_ZONEOUT, TKR_ZONEOUT_CELL, TKR_DROPOUT_RECURRENT};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        tkr_cell *cell;
        assert_ok(tkr_cell_create(&cell, TKR_LSTM, I, H, NULL));
        assert_ok(tkr_cell_set_int(cell, TKR_LAYER_NORM, 1));
        assert_ok(tkr_cell_set_float(cell, keys[i], 0.1));
        assert_status(tkr_cell_init(cell, 1), TKR_ERR_UNSUPPORTED);
        assert_non_null(strstr(tkr_cell_detail(cell), "layer_norm"));
        tkr_cell_destroy(cell);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_equations),
        cmocka_unit_test(test_streaming),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_noise_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
