/* SPDX-License-Identifier: MIT
 * Losses and their gradients against the oracle: weights, lengths, both reductions, extreme
 * logits; what is refused, and what a refusal leaves alone. The five topologies are made of them.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/tiers.h"
#include "support/twin.h"

enum { STEPS = 4, BATCH = 18, MODE = TKR_TRAINING | TKR_INPUT_GRADIENT, MOST = 40 };

enum { IDS, MSE = TKR_MSE, BINARY = TKR_BINARY_CROSS_ENTROPY };

/* A linear net in front of a loss, and the loss' arguments. */
typedef struct trial {
    twin t;
    int32_t lengths[BATCH], ids[STEPS * BATCH];
    float targets[STEPS * BATCH * MOST], weights[STEPS * BATCH];
    int kind;
    int32_t reduction;
    bool weighted;
} trial;

static bool valid(const trial *r, int64_t row) {
    return row / BATCH < r->lengths[row % BATCH];
}

/* Half of the weights are 0 or odd. What must not be looked at is out of range or NaN. */
static void draw(trial *r, int64_t width) {
    for (int64_t row = 0; row < STEPS * BATCH; row++) {
        r->weights[row] = row % 5 == 1 ? 0 : (float)orc_uniform(&r->t.random) + 0.1F;
        bool looked_at = valid(r, row) && !(r->weighted && row % 5 == 1);
        r->weights[row] = valid(r, row) ? r->weights[row] : NAN;
        r->ids[row] = looked_at ? (int32_t)orc_below(&r->t.random, width) : INT32_MAX;
        for (int64_t j = 0; j < width; j++) {
            double target =
                r->kind == BINARY ? orc_uniform(&r->t.random) : (double)orc_number(&r->t.random, 1);
            r->targets[row * width + j] = looked_at ? (float)target : NAN;
        }
    }
}

static void trial_open(trial *r, int64_t width, const tkr_env *env) {
    const orc_spec specs[] = {{.kind = TKR_ELMAN, .input = 3, .hidden = 5},
                              {.kind = TKR_LINEAR, .input = 5, .hidden = width}};
    for (int32_t b = 0; b < BATCH; b++) {
        r->lengths[b] = (b * 3 + 1) % (STEPS + 1);
    }
    twin_open(&r->t, specs, 2, 900 + (uint64_t)width, env);
    snprintf(r->t.label, sizeof r->t.label, "loss %d, width %d, reduction %d, weighted %d", r->kind,
             (int)width, (int)r->reduction, r->weighted);
    twin_shape(&r->t, STEPS, BATCH, r->lengths, MODE, false);
    twin_no_final(&r->t);
    assert_ok(tkr_sequence_set_int(r->t.seq, TKR_REDUCTION, r->reduction));
    draw(r, width);
}

static int32_t library_loss(trial *r, double *loss) {
    const float *weights = r->weighted ? r->weights : NULL;
    if (r->kind == IDS) {
        return tkr_sequence_loss_ids(r->t.seq, loss, r->ids, weights);
    }
    return tkr_sequence_loss_values(r->t.seq, loss, r->kind, r->targets, weights);
}

static double oracle_loss(trial *r) {
    const float *weights = r->weighted ? r->weights : NULL;
    if (r->kind == IDS) {
        return orc_loss_ids(r->t.net, r->ids, weights, r->reduction);
    }
    return orc_loss_values(r->t.net, r->kind, r->targets, weights, r->reduction);
}

static void check_trial(trial *r) {
    double loss, want;
    orc_forward(r->t.net);
    twin_forward_library(&r->t);
    want = oracle_loss(r);
    assert_ok(library_loss(r, &loss));
    if (!(fabs(loss - want) <= 2e-6 * fabs(want))) {
        fail_msg("%s: %.9g, not %.9g", r->t.label, loss, want);
    }
    orc_backward(r->t.net, 0, 0);
    assert_ok(tkr_sequence_backward(r->t.seq, NULL, NULL));
    twin_check_gradients(&r->t);
}

static void check_all(const tkr_env *env) {
    static const int64_t widths[] = {1, 3, 4, 5, 8, 15, 16, 17, 33};
    for (int k = 0; k < 3 * 2 * 2 * 9; k++) {
        trial r = {.kind = k % 3, .reduction = k / 3 % 2, .weighted = k / 6 % 2};
        trial_open(&r, widths[k / 12], env);
        check_trial(&r);
        twin_close(&r.t);
    }
}

static void test_all(void **unused) {
    (void)unused;
    tiers_each_env(check_all);
}

/* Logits of thousands: no overflow, the loss is their distance; equal ones: ln n. */
static void check_extremes(const tkr_env *env) {
    const orc_spec spec = {.kind = TKR_LINEAR, .input = 3, .hidden = 3};
    const float x[6] = {5000, -3000, 100, 700, 700, 700};
    const int32_t targets[2] = {1, 2};
    const float halves[6] = {0.5F, 0.5F, 0.5F, 0, 1, 1};
    twin t;
    double loss;
    float identity[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, zeros[3] = {0};
    twin_open(&t, &spec, 1, 1, env);
    twin_shape(&t, 1, 2, NULL, TKR_TRAINING, false);
    assert_ok(tkr_cell_set_parameter(t.cell, "weight", identity, 9));
    assert_ok(tkr_cell_set_parameter(t.cell, "bias", zeros, 3));
    assert_ok(tkr_sequence_forward(t.seq, x, NULL, 1, 2));
    assert_ok(tkr_sequence_loss_ids(t.seq, &loss, targets, NULL));
    assert_true(fabs(loss - (8000 + log(3)) / 2) <= 1e-3);
    assert_ok(tkr_sequence_loss_values(t.seq, &loss, TKR_BINARY_CROSS_ENTROPY, halves, NULL));
    assert_true(fabs(loss - (2500 + 1500 + 50 + 700) / 6.0) <= 1e-3);
    twin_close(&t);
}

static void test_extremes(void **unused) {
    (void)unused;
    tiers_each_env(check_extremes);
}

/* Weights that are denormal floats count as what they are. With the mean, a power of two for all of
 * them changes nothing; the sum takes it over. */
static void check_tiny(const tkr_env *env) {
    enum { N = 2 * 2 * 3 };
    const orc_spec spec = {.kind = TKR_LINEAR, .input = 2, .hidden = 3};
    static const float x[8] = {1, 2, -1, 0.5F, 3, 1, 0, -2}, usual[4] = {1, 0.5F, 0.25F, 0};
    static const float values[N] = {1, 0, 1, 0, 0, 1, 1, 1, 0, 0, 0, 1};
    static const int32_t ids[4] = {0, 1, 2, 0};
    float tiny[4], *gradient[2], of_usual[64];
    int64_t n;
    for (int i = 0; i < 4; i++) {
        tiny[i] = ldexpf(usual[i], -140);
    }
    twin t;
    twin_open(&t, &spec, 1, 5, env);
    twin_shape(&t, 2, 2, NULL, TKR_TRAINING, false);
    for (int kind = 0; kind < 3 * 2; kind++) {
        double loss[2];
        assert_ok(tkr_sequence_set_int(t.seq, TKR_REDUCTION, kind / 3));
        for (int k = 0; k < 2; k++) {
            const float *w = k ? tiny : usual;
            assert_ok(tkr_sequence_forward(t.seq, x, NULL, 2, 2));
            assert_ok(kind % 3 == 0
                          ? tkr_sequence_loss_ids(t.seq, &loss[k], ids, w)
                          : tkr_sequence_loss_values(
                                t.seq, &loss[k], kind % 3 == 1 ? TKR_MSE : TKR_BINARY_CROSS_ENTROPY,
                                values, w));
            assert_ok(tkr_sequence_zero_gradients(t.seq));
            assert_ok(tkr_sequence_backward(t.seq, NULL, NULL));
            assert_ok(tkr_sequence_gradients(t.seq, &gradient[k], &n));
            assert_true(n <= 64);
            if (k == 0) {
                memcpy(of_usual, gradient[0], (size_t)n * sizeof *of_usual);
            }
        }
        assert_true(loss[0] > 0.01);
        const double want = kind < 3 ? loss[0] : ldexp(loss[0], -140);
        assert_true(loss[1] >= want && loss[1] <= want);
        assert_true(kind >= 3 || compare_bits(gradient[1], of_usual, n));
    }
    twin_close(&t);
}

static void test_tiny(void **unused) {
    (void)unused;
    tiers_each_env(check_tiny);
}

/* A refused loss leaves *loss and the loss computed before as they are. */
static void check_refused(trial *r, int32_t status, const char *word) {
    double untouched = -7;
    assert_status(library_loss(r, &untouched), status);
    assert_true(untouched >= -7 && untouched <= -7);
    if (!strstr(tkr_sequence_detail(r->t.seq), word)) {
        fail_msg("'%s' does not speak of '%s'", tkr_sequence_detail(r->t.seq), word);
    }
}

static void test_refused(void **unused) {
    (void)unused;
    trial r = {.kind = IDS, .weighted = true};
    double loss;
    const float bad_weights[] = {NAN, INFINITY, -INFINITY, -1};
    trial_open(&r, 4, NULL);
    check_refused(&r, TKR_ERR_ORDER, "forward");
    orc_forward(r.t.net);
    twin_forward_library(&r.t);
    oracle_loss(&r);
    assert_ok(library_loss(&r, &loss));
    for (int k = 0; k < 4; k++) {
        float kept = r.weights[0];
        r.weights[0] = bad_weights[k];
        check_refused(&r, TKR_ERR_ARGUMENT, "weight");
        r.weights[0] = kept;
    }
    for (int k = 0; k < 2; k++) {
        int32_t kept = r.ids[0];
        r.ids[0] = k ? 4 : -1;
        check_refused(&r, TKR_ERR_TOKEN, "target");
        r.ids[0] = kept;
    }
    float *weights = malloc(sizeof r.weights);
    memcpy(weights, r.weights, sizeof r.weights);
    memset(r.weights, 0, sizeof r.weights);
    check_refused(&r, TKR_ERR_ARGUMENT, "weights");
    memcpy(r.weights, weights, sizeof r.weights);
    free(weights);
    r.kind = BINARY;
    for (int k = 0; k < 3; k++) {
        r.targets[2] = k == 0 ? -0.1F : k == 1 ? 1.1F : NAN;
        check_refused(&r, TKR_ERR_ARGUMENT, "target");
    }
    r.kind = 9;
    check_refused(&r, TKR_ERR_ARGUMENT, "loss");
    /* the first loss is still the one that goes back */
    orc_backward(r.t.net, 0, 0);
    assert_ok(tkr_sequence_backward(r.t.seq, NULL, NULL));
    twin_check_gradients(&r.t);
    twin_close(&r.t);
}

/* Outputs or targets that are no numbers are TKR_ERR_NUMERIC, and then there is no loss. */
static void test_not_finite(void **unused) {
    (void)unused;
    for (int kind = IDS; kind <= BINARY; kind++) {
        trial r = {.kind = kind};
        const float bad[] = {NAN, INFINITY};
        trial_open(&r, 4, NULL);
        for (int k = 0; k < 2; k++) {
            double kept = r.t.net->input[0];
            float bias[4] = {0, bad[k], 0, 0};
            assert_ok(tkr_cell_set_parameter(r.t.cell, "1.bias", bias, 4));
            twin_forward_library(&r.t);
            check_refused(&r, TKR_ERR_NUMERIC, "finite");
            assert_status(tkr_sequence_backward(r.t.seq, NULL, NULL), TKR_ERR_ORDER);
            r.t.net->input[0] = kept;
        }
        twin_close(&r.t);
    }
}

/* An own gradient replaces the loss': going back again without one is refused, instead of taking
 * that gradient once more in the name of the loss, until a loss is computed again. */
static void test_own_gradient(void **unused) {
    (void)unused;
    trial r = {.kind = MSE};
    double loss;
    trial_open(&r, 3, NULL);
    tkr_sequence_destroy(r.t.seq);
    assert_ok(tkr_sequence_create(&r.t.seq, r.t.cell, STEPS, BATCH, MODE | TKR_RETAIN, NULL));
    orc_forward(r.t.net);
    twin_forward_library(&r.t);
    assert_ok(library_loss(&r, &loss));
    twin_backward_library(&r.t);
    assert_ok(tkr_sequence_zero_gradients(r.t.seq));
    assert_status(tkr_sequence_backward(r.t.seq, NULL, NULL), TKR_ERR_ORDER);
    assert_ok(library_loss(&r, &loss));
    assert_ok(tkr_sequence_backward(r.t.seq, NULL, NULL));
    oracle_loss(&r);
    orc_backward(r.t.net, 0, 0);
    twin_check_gradients(&r.t);
    twin_close(&r.t);
}

/* Many to one: a weight at each last valid step alone; the loss is of those steps. */
static void test_many_to_one(void **unused) {
    (void)unused;
    trial r = {.kind = IDS, .weighted = true};
    trial_open(&r, 3, NULL);
    for (int64_t row = 0; row < STEPS * BATCH; row++) {
        r.weights[row] = row / BATCH == r.lengths[row % BATCH] - 1 ? 1 : 0;
        r.ids[row] = r.weights[row] > 0 ? (int32_t)(row % 3) : -1;
    }
    check_trial(&r);
    twin_close(&r.t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all),         cmocka_unit_test(test_tiny),
        cmocka_unit_test(test_extremes),    cmocka_unit_test(test_refused),
        cmocka_unit_test(test_not_finite),  cmocka_unit_test(test_own_gradient),
        cmocka_unit_test(test_many_to_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
