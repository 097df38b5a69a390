/* SPDX-License-Identifier: MIT
 * The public gradient checker on the library itself, as a user would run it: every kind and option,
 * noise included, every parameter, input and initial state; and planted wrong gradients, which it
 * must reject. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/differences.h"

enum { STEPS = 4, BATCH = 3, MODE = TKR_TRAINING | TKR_INPUT_GRADIENT };

static const int32_t LENGTHS[BATCH] = {3, 4, 2};

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
    differences_check(&t, planted);
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
        assert_true(differences_worst(&t, orc_find(t.net, "weight_hh_l0")) > DIFFERENCES_LIMIT);
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
