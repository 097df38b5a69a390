/* SPDX-License-Identifier: MIT
 * Parts and options beside the plain recurrent cells, against the oracle: outputs, final states,
 * gradients of parameters, inputs and initial states, on every tier; in truncation windows too. */
#include <stdio.h>
#include <stdlib.h>

#include "support/nets.h"
#include "support/tiers.h"
#include "support/twin.h"

enum { STEPS = 6, BATCH = 5, MODE = TKR_TRAINING | TKR_INPUT_GRADIENT };

static const int32_t LENGTHS[BATCH] = {4, 6, 0, 1, 6};

static void open_net(twin *t, const nets_net *net, const tkr_env *env) {
    twin_open(t, net->specs, net->n, 900 + (uint64_t)(net - NETS_OF_PARTS), env);
    snprintf(t->label, sizeof t->label, "%s, tier %d", net->label, (int)tkr_cell_tier(t->cell));
}

static void check_nets(const tkr_env *env) {
    for (int64_t i = 0; i < N_NETS_OF_PARTS; i++) {
        for (int k = 0; k < 4; k++) {
            twin t;
            open_net(&t, &NETS_OF_PARTS[i], env);
            twin_shape(&t, STEPS, BATCH, k % 2 ? LENGTHS : NULL, MODE, k / 2);
            twin_check(&t, 0, 0);
            twin_close(&t);
        }
    }
}

static void test_nets(void **unused) {
    (void)unused;
    tiers_each_env(check_nets);
}

/* So many sequences that there are chunks of them. */
static void test_batch(void **unused) {
    (void)unused;
    enum { WIDE = 70 };
    int32_t lengths[WIDE];
    for (int32_t b = 0; b < WIDE; b++) {
        lengths[b] = b * 5 % (STEPS + 1);
    }
    for (int64_t i = 0; i < N_NETS_OF_PARTS; i++) {
        twin t;
        open_net(&t, &NETS_OF_PARTS[i], NULL);
        twin_shape(&t, STEPS, WIDE, lengths, MODE, i % 2);
        twin_check(&t, 0, 0);
        twin_close(&t);
    }
}

/* Windows that touch and windows that overlap. */
static void check_windows(const tkr_env *env) {
    static const int64_t windows[][2] = {{1, 1}, {2, 2}, {4, 4}, {5, 5}, {1, 3}, {2, 5}, {3, 20}};
    for (int64_t i = 0; i < N_NETS_OF_PARTS; i++) {
        for (size_t k = 0; k < sizeof windows / sizeof *windows; k++) {
            int32_t retain = windows[k][1] > windows[k][0] ? TKR_RETAIN : 0;
            twin t;
            if (NETS_OF_PARTS[i].flags & NETS_BACKWARDS) {
                continue;
            }
            open_net(&t, &NETS_OF_PARTS[i], env);
            snprintf(t.label, sizeof t.label, "%s, windows %d, %d", NETS_OF_PARTS[i].label,
                     (int)windows[k][0], (int)windows[k][1]);
            twin_shape(&t, STEPS, BATCH, k % 2 ? LENGTHS : NULL, MODE | retain, k % 3 != 0);
            twin_check(&t, windows[k][0], windows[k][1]);
            twin_close(&t);
        }
    }
}

static void test_windows(void **unused) {
    (void)unused;
    tiers_each_env(check_windows);
}

/* Every function that a gated cell can have, at both places. */
static void test_functions(void **unused) {
    (void)unused;
    static const int32_t functions[] = {TKR_TANH,      TKR_RELU, TKR_IDENTITY,  TKR_SOFTSIGN,
                                        TKR_HARD_TANH, TKR_ELU,  TKR_LEAKY_RELU};
    static const int32_t gates[] = {TKR_LOGISTIC, TKR_HARD_SIGMOID, TKR_HARD_SIGMOID_6};
    for (int i = 0; i < 63; i++) {
        twin t;
        const orc_spec spec = {.kind = i % 3 ? TKR_GRU : TKR_LSTM,
                               .reset = i % 3 == 2,
                               .input = 4,
                               .hidden = 17,
                               .peepholes = i % 6 == 0,
                               .activation = functions[i / 3 % 7],
                               .gate_activation = gates[i / 21]};
        twin_open(&t, &spec, 1, 960 + (uint64_t)i, NULL);
        snprintf(t.label, sizeof t.label, "kind %d with %d, %d", (int)spec.kind,
                 (int)spec.activation, (int)spec.gate_activation);
        twin_shape(&t, STEPS, BATCH, LENGTHS, MODE, i % 2);
        twin_check(&t, 0, 0);
        twin_close(&t);
    }
}

/* Every function of Elman and linear cells; all numbers positive, because there the root is. */
static void test_plain_functions(void **unused) {
    (void)unused;
    for (int64_t f = TKR_TANH; f <= TKR_SQRT; f++) {
        for (int k = 0; k < 4; k++) {
            twin t;
            const orc_spec spec = {
                .kind = k % 2 ? TKR_ELMAN : TKR_LINEAR, .input = 4, .hidden = 18, .activation = f};
            twin_open(&t, &spec, 1, 930 + (uint64_t)f, NULL);
            snprintf(t.label, sizeof t.label, "kind %d with %d", (int)spec.kind, (int)f);
            twin_shape(&t, STEPS, BATCH, LENGTHS, MODE, true);
            if (f == TKR_SQRT || k / 2) {
                twin_make_positive(&t);
            }
            twin_check(&t, 0, 0);
            twin_close(&t);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nets),
        cmocka_unit_test(test_batch),
        cmocka_unit_test(test_windows),
        cmocka_unit_test(test_functions),
        cmocka_unit_test(test_plain_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
