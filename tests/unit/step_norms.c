/* SPDX-License-Identifier: MIT
 * |dL/dh_t| of every layer, direction and step against the oracle. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/tiers.h"
#include "support/twin.h"

enum { STEPS = 7, BATCH = 18, MODE = TKR_TRAINING | TKR_INPUT_GRADIENT | TKR_STEP_NORMS };

static int32_t lengths[BATCH];

/* The norms of all slots of all parts after a backward of both. */
static void check_norms(const twin *t) {
    int64_t slots = 0, at = 0;
    for (int64_t i = 0; i < t->net->n_parts; i++) {
        const orc_part *part = &t->net->parts[i];
        slots += part->spec.kind <= TKR_GRU ? part->slots : 0;
    }
    double *norms = malloc((size_t)(slots * STEPS) * sizeof *norms);
    assert_status(tkr_sequence_step_norms(t->seq, norms, slots * STEPS - 1), TKR_ERR_SHAPE);
    assert_ok(tkr_sequence_step_norms(t->seq, norms, slots * STEPS));
    for (int64_t i = 0; i < t->net->n_parts; i++) {
        const orc_part *part = &t->net->parts[i];
        for (int64_t k = 0; part->spec.kind <= TKR_GRU && k < part->slots * STEPS; k++, at++) {
            double want = orc_step_norm(t->net, part, k / STEPS, k % STEPS);
            if (!(fabs(norms[at] - want) <= 5e-6 * fmax(1, want))) {
                fail_msg("%s: slot %d, step %d: %g, not %g", t->label, (int)(at / STEPS),
                         (int)(at % STEPS), norms[at], want);
            }
        }
    }
    free(norms);
}

static void check_net(const orc_spec *specs, int64_t n, int64_t k1, int64_t k2, bool ragged,
                      const tkr_env *env) {
    twin t;
    twin_open(&t, specs, n, 950, env);
    snprintf(t.label, sizeof t.label, "kind %d, directions %d, k1 %d, ragged %d",
             (int)specs[0].kind, (int)specs[0].directions, (int)k1, ragged);
    twin_shape(&t, STEPS, BATCH, ragged ? lengths : NULL, k2 > k1 ? MODE | TKR_RETAIN : MODE, true);
    twin_check(&t, k1, k2);
    check_norms(&t);
    twin_close(&t);
}

static void check_kinds(const tkr_env *env) {
    for (int32_t kind = TKR_ELMAN; kind <= TKR_GRU; kind++) {
        for (int ragged = 0; ragged < 2; ragged++) {
            orc_spec spec = {.kind = kind, .input = 3, .hidden = 9, .layers = 2};
            check_net(&spec, 1, 0, 0, ragged, env);
            check_net(&spec, 1, 3, 3, ragged, env);
            check_net(&spec, 1, 2, 5, ragged, env);
            spec.before = 1;
            check_net(&spec, 1, 0, 0, ragged, env);
            spec.before = 0;
            spec.directions = 2;
            check_net(&spec, 1, 0, 0, ragged, env);
        }
    }
}

static void test_kinds(void **unused) {
    (void)unused;
    tiers_each_env(check_kinds);
}

static void test_chain(void **unused) {
    (void)unused;
    const orc_spec specs[] = {{.kind = TKR_LSTM, .input = 3, .hidden = 5, .projection = 2},
                              {.kind = TKR_LINEAR, .input = 2, .hidden = 4},
                              {.kind = TKR_GRU, .input = 4, .hidden = 7, .directions = 2},
                              {.kind = TKR_LINEAR, .input = 14, .hidden = 2}};
    check_net(specs, 4, 0, 0, true, NULL);
}

/* Without the mode, and before a backward, there are none. */
static void test_refused(void **unused) {
    (void)unused;
    const orc_spec spec = {.kind = TKR_GRU, .input = 3, .hidden = 4};
    double norms[STEPS];
    twin t;
    twin_open(&t, &spec, 1, 951, NULL);
    twin_shape(&t, STEPS, 2, NULL, MODE, false);
    twin_forward_library(&t);
    assert_status(tkr_sequence_step_norms(t.seq, norms, STEPS), TKR_ERR_ORDER);
    twin_shape(&t, STEPS, 2, NULL, TKR_TRAINING, false);
    twin_forward_library(&t);
    twin_backward_library(&t);
    assert_status(tkr_sequence_step_norms(t.seq, norms, STEPS), TKR_ERR_UNSUPPORTED);
    twin_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_refused),
    };
    for (int32_t b = 0; b < BATCH; b++) {
        lengths[b] = (b * 5 + 2) % (STEPS + 1);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
