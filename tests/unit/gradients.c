/* SPDX-License-Identifier: MIT
 * The public gradient checker on the library itself, as a user would run it: every kind and option,
 * noise included, every parameter, input and initial state; and planted wrong gradients, which it
 * must reject. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/twin.h"

enum { STEPS = 4, BATCH = 3, MODE = TKR_TRAINING | TKR_INPUT_GRADIENT };

/* What the checker's documentation calls correct. */
static const double LIMIT = 0.01;

static const int32_t LENGTHS[BATCH] = {3, 4, 2};

/* Where the checked numbers go before the loss is computed: a parameter, the input, or a tensor
 * of the initial state. */
typedef struct point {
    twin *t;
    const char *name; /* a parameter; NULL: the input or the state */
    const char *tensor;
    int64_t n;
} point;

static void put(const point *p, const float *x) {
    twin *t = p->t;
    if (p->name) {
        assert_ok(tkr_cell_set_parameter(t->cell, p->name, x, p->n));
        return;
    }
    double *to = t->net->input;
    if (p->tensor) {
        to = p->tensor[0] == 'c' ? t->net->parts[0].c_0 : t->net->parts[0].h_0;
    }
    for (int64_t i = 0; i < p->n; i++) {
        to[i] = (double)x[i];
    }
}

/* sum output * doutput, and of nets of one part + sum final state * dstate, of the library's
 * numbers. */
static double loss_of(twin *t) {
    const int64_t n = STEPS * BATCH * orc_output_width(t->net);
    double loss = 0;
    float *output = twin_output(t);
    for (int64_t i = 0; i < n; i++) {
        loss += (double)output[i] * t->net->doutput[i];
    }
    free(output);
    if (t->net->n_parts == 1 && twin_has_state(t)) {
        orc_part *part = &t->net->parts[0];
        tkr_state *state = twin_state(t, TWIN_FINAL);
        assert_ok(tkr_sequence_get_state(t->seq, state));
        for (int cell = 0; cell < (part->c_0 ? 2 : 1); cell++) {
            int64_t len = part->slots * BATCH * (cell ? part->spec.hidden : part->recur);
            float *last = malloc((size_t)len * sizeof *last);
            assert_ok(tkr_state_get(state, cell ? "c" : "h", last, len));
            for (int64_t i = 0; i < len; i++) {
                loss += (double)last[i] * (cell ? part->dc_n : part->dh_n)[i];
            }
            free(last);
        }
        tkr_state_destroy(state);
    }
    return loss;
}

/* The same masks at every call: the seed is set again. */
static void forward(twin *t) {
    assert_ok(tkr_sequence_set_seed(t->seq, 12));
    twin_forward_library(t);
}

static int32_t evaluate(void *user, const float *x, double *loss) {
    const point *p = user;
    put(p, x);
    forward(p->t);
    *loss = loss_of(p->t);
    return TKR_OK;
}

static double check(const point *p, const float *at, const float *gradient) {
    double worst;
    float *x = malloc((size_t)p->n * sizeof *x);
    memcpy(x, at, (size_t)p->n * sizeof *x);
    assert_ok(tkr_gradient_check(evaluate, (void *)(uintptr_t)p, x, gradient, p->n, &worst));
    assert_true(compare_bits(x, at, p->n));
    put(p, at);
    free(x);
    return worst;
}

/* Wrong in one way after the other: each must be seen. Which ways fit depends on the gradient. */
static void check_planted(const point *p, const float *at, const float *right) {
    float *wrong = malloc((size_t)p->n * sizeof *wrong);
    int64_t top = 0;
    for (int64_t i = 0; i < p->n; i++) {
        top = fabsf(right[i]) > fabsf(right[top]) ? i : top;
    }
    for (int way = 0; way < 5; way++) {
        memcpy(wrong, right, (size_t)p->n * sizeof *wrong);
        for (int64_t i = 0; i < p->n; i++) {
            wrong[i] = way == 0 ? 1.03F * right[i] : way == 1 ? 0 : right[i];
        }
        wrong[top] = way == 2 ? -right[top] : way == 3 ? NAN : wrong[top];
        if (way == 4) {
            wrong[(top + 1) % p->n] = right[top];
            wrong[top] = right[(top + 1) % p->n] + (p->n == 1 ? right[top] : 0);
        }
        if (!(check(p, at, wrong) > LIMIT)) {
            fail_msg("%s: planted error %d in %s was not seen", p->t->label, way,
                     p->name ? p->name : "input or state");
        }
    }
    free(wrong);
}

static void check_point(const point *p, const double *values, const float *gradient, int planted) {
    float *at = twin_floats(values, p->n);
    double worst = check(p, at, gradient);
    if (!(worst < LIMIT)) {
        fail_msg("%s: %s is off by %g", p->t->label, p->name ? p->name : "input or state", worst);
    }
    if (planted) {
        check_planted(p, at, gradient);
    }
    free(at);
}

static void check_parameters(twin *t, int planted) {
    float **gradients = calloc((size_t)t->net->n_tensors, sizeof *gradients);
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        gradients[i] = twin_gradient(t, p->name, p->rows * p->cols);
    }
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        const bool unused = t->net->given && (strstr(p->name, "h_0") || strstr(p->name, "c_0"));
        const point at = {t, p->name, NULL, p->rows * p->cols};
        check_point(&at, p->value, gradients[i], planted && !unused);
        free(gradients[i]);
    }
    free(gradients);
}

static void check_input(twin *t, const float *gradient, int64_t n, int planted) {
    const point at = {t, NULL, NULL, n};
    check_point(&at, t->net->input, gradient, planted);
}

/* Only of nets of one part. */
static void check_initial(twin *t, const tkr_state *dstate, int planted) {
    const orc_part *part = &t->net->parts[0];
    for (int cell = 0; cell < (part->c_0 ? 2 : 1); cell++) {
        const char *name = cell ? "c" : "h";
        const int64_t n = part->slots * BATCH * (cell ? part->spec.hidden : part->recur);
        const point at = {t, NULL, name, n};
        float *gradient = malloc((size_t)n * sizeof *gradient);
        assert_ok(tkr_state_get(dstate, name, gradient, n));
        check_point(&at, cell ? part->c_0 : part->h_0, gradient, planted);
        free(gradient);
    }
}

/* Keep a rectifier's units away from the kink, where there is no derivative: half of them far on,
 * half far off. */
static void settle_units(twin *t) {
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        for (int64_t j = 0; j < p->rows * p->cols; j++) {
            p->value[j] = p->rank == 2 ? 0.125 * p->value[j] : j % 2 ? 1.5 : -1;
        }
    }
    twin_push(t);
}

static void check_net(const orc_spec *specs, int64_t n_parts, bool given, int planted,
                      const char *label) {
    twin t;
    twin_open(&t, specs, n_parts, 700, NULL);
    snprintf(t.label, sizeof t.label, "%s", label);
    if (specs[0].activation == TKR_RELU) {
        settle_units(&t);
    }
    twin_shape(&t, STEPS, BATCH, LENGTHS, MODE, given);
    const int64_t n = STEPS * BATCH * orc_input_width(t.net);
    float *dinput = malloc((size_t)n * sizeof *dinput);
    tkr_state *dstate = twin_has_state(&t) ? twin_state(&t, TWIN_INITIAL) : NULL;
    if (n_parts > 1) {
        twin_no_final(&t);
    }
    forward(&t);
    twin_backward_library(&t);
    if (!t.by_ids) {
        assert_ok(tkr_sequence_input_gradient(t.seq, dinput, n));
    }
    if (dstate) {
        assert_ok(tkr_sequence_get_state_gradient(t.seq, dstate));
    }
    check_parameters(&t, planted);
    if (!t.by_ids) {
        check_input(&t, dinput, n, planted);
    }
    if (dstate && given && n_parts == 1) {
        check_initial(&t, dstate, planted);
    }
    tkr_state_destroy(dstate);
    free(dinput);
    twin_close(&t);
}

static void check_spec(orc_spec spec, const char *label) {
    spec.input = 4;
    spec.hidden = 6;
    check_net(&spec, 1, true, 0, label);
    check_net(&spec, 1, false, 0, label);
}

static void test_kinds(void **unused) {
    (void)unused;
    for (int64_t f = TKR_TANH; f <= TKR_IDENTITY; f++) {
        check_spec((orc_spec){.kind = TKR_ELMAN, .activation = f, .learned = 1}, "Elman");
        check_spec((orc_spec){.kind = TKR_LINEAR, .activation = f}, "linear");
    }
    check_spec((orc_spec){.kind = TKR_LSTM, .peepholes = 1, .learned = 1}, "LSTM, peepholes");
    check_spec((orc_spec){.kind = TKR_LSTM, .projection = 3, .layers = 2}, "LSTM, projection");
    check_spec((orc_spec){.kind = TKR_LSTM, .directions = 2, .layers = 2, .biases = 1},
               "LSTM, two");
    check_spec((orc_spec){.kind = TKR_GRU, .learned = 1, .before = 1}, "GRU, output before");
    check_spec((orc_spec){.kind = TKR_GRU, .directions = 2}, "GRU, two directions");
    check_spec((orc_spec){.kind = TKR_GRU, .reset = TKR_RESET_BEFORE, .layers = 2}, "GRU, before");
}

/* Dropout and zoneout with drawn masks, one kind of noise at a time and all together. */
static void test_noise(void **unused) {
    (void)unused;
    for (int32_t kind = TKR_ELMAN; kind <= TKR_GRU; kind++) {
        for (int noise = 1; noise < 16; noise++) {
            char label[64];
            orc_spec spec = {.kind = kind, .layers = 2, .directions = 1 + noise % 2, .learned = 1};
            spec.between = noise & 1 ? 0.3 : 0;
            spec.recurrent = noise & 2 ? 0.4 : 0;
            spec.zoneout = noise & 4 ? 0.3 : 0;
            spec.zoneout_cell = noise & 8 && kind == TKR_LSTM ? 0.3 : 0;
            spec.projection = kind == TKR_LSTM && noise % 3 == 0 ? 4 : 0;
            spec.peepholes = kind == TKR_LSTM && noise % 3 == 1;
            spec.reset = kind == TKR_GRU && noise & 8 ? TKR_RESET_BEFORE : TKR_RESET_AFTER;
            snprintf(label, sizeof label, "kind %d with noise %d", (int)kind, noise);
            check_spec(spec, label);
        }
    }
}

static void test_chains(void **unused) {
    (void)unused;
    const orc_spec words[] = {{.kind = TKR_EMBEDDING, .input = 6, .hidden = 4},
                              {.kind = TKR_DROPOUT, .input = 4, .hidden = 4, .rate = 0.3},
                              {.kind = TKR_LSTM, .input = 4, .hidden = 5},
                              {.kind = TKR_LINEAR, .input = 5, .hidden = 6}};
    const orc_spec noisy[] = {{.kind = TKR_DROPOUT, .input = 3, .hidden = 3, .per_sequence = 1},
                              {.kind = TKR_GRU, .input = 3, .hidden = 5, .zoneout = 0.2},
                              {.kind = TKR_DROPOUT, .input = 5, .hidden = 5, .rate = 0.2}};
    check_net(words, 4, false, 0, "words");
    check_net(noisy, 3, false, 0, "noisy");
}

/* Wrong gradients of every parameter of every kind. */
static void test_planted(void **unused) {
    (void)unused;
    for (int32_t kind = TKR_ELMAN; kind <= TKR_LINEAR; kind++) {
        const orc_spec spec = {.kind = kind,
                               .input = 4,
                               .hidden = 6,
                               .peepholes = kind == TKR_LSTM,
                               .learned = kind <= TKR_GRU};
        check_net(&spec, 1, true, 1, "planted, given state");
        check_net(&spec, 1, false, 1, "planted, learned state");
    }
}

/* A gradient that stops short in time is a wrong one. */
static void test_planted_truncation(void **unused) {
    (void)unused;
    for (int32_t kind = TKR_ELMAN; kind <= TKR_GRU; kind++) {
        const orc_spec spec = {.kind = kind, .input = 4, .hidden = 6};
        twin t;
        twin_open(&t, &spec, 1, 701, NULL);
        twin_shape(&t, STEPS, BATCH, NULL, MODE, true);
        assert_ok(tkr_sequence_set_int(t.seq, TKR_TRUNCATE_EVERY, 3));
        forward(&t);
        twin_backward_library(&t);
        const orc_tensor *w = orc_find(t.net, "weight_hh_l0");
        const point at = {&t, w->name, NULL, w->rows * w->cols};
        float *x = twin_floats(w->value, at.n), *gradient = twin_gradient(&t, w->name, at.n);
        assert_true(check(&at, x, gradient) > LIMIT);
        free(x), free(gradient);
        twin_close(&t);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_chains),
        cmocka_unit_test(test_planted),
        cmocka_unit_test(test_planted_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
