/* SPDX-License-Identifier: MIT
 * The public gradient checker on nets of every part and option beside the plain recurrent cells:
 * every parameter, input and initial state; and planted wrong gradients of the parts' own. */
#include <math.h>
#include <stdio.h>

#include "support/differences.h"
#include "support/nets.h"

enum { STEPS = 4, BATCH = 3, MODE = TKR_TRAINING | TKR_INPUT_GRADIENT };

static const int32_t LENGTHS[BATCH] = {3, 4, 2};

/* Units of a cell stay where its functions have no kink: small weights, and biases that are not. */
static void settle_units(twin *t) {
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        for (int64_t j = 0; j < p->rows * p->cols; j++) {
            p->value[j] = p->rank > 1 ? 0.05 * p->value[j] : j % 2 ? 0.3 : -0.3;
        }
    }
    twin_push(t);
}

/* Inputs of a function stay away from its kinks, by more than the checker's steps. */
static void settle_inputs(twin *t) {
    static const double kinks[] = {-3, -2.5, -1, 0, 1, 2.5, 3};
    for (int64_t i = 0; i < STEPS * BATCH * orc_input_width(t->net); i++) {
        double *x = &t->net->input[i];
        for (size_t k = 0; k < sizeof kinks / sizeof *kinks; k++) {
            if (fabs(*x - kinks[k]) < 0.2) {
                *x = kinks[k] + 0.2;
            }
        }
    }
}

static void check_net(const nets_net *net, bool given, int planted) {
    twin t;
    twin_open(&t, net->specs, net->n, 750, NULL);
    snprintf(t.label, sizeof t.label, "%s", net->label);
    twin_shape(&t, STEPS, BATCH, LENGTHS, MODE, given);
    if (net->flags & NETS_KINKS && net->specs[0].kind == TKR_ACTIVATE) {
        settle_inputs(&t);
    } else if (net->flags & NETS_KINKS) {
        settle_units(&t);
    }
    differences_check(&t, planted);
    twin_close(&t);
}

static void test_nets(void **unused) {
    (void)unused;
    for (int64_t i = 0; i < N_NETS_OF_PARTS; i++) {
        check_net(&NETS_OF_PARTS[i], i % 2, 0);
    }
}

static void test_planted(void **unused) {
    (void)unused;
    const orc_spec specs[] = {
        {.kind = TKR_AFFINE, .input = 4, .hidden = 4},
        {.kind = TKR_NORM, .input = 5, .hidden = 5},
        {.kind = TKR_CONV, .input = 3, .hidden = 4, .kernel = 2, .dilation = 2},
        {.kind = TKR_CONV, .input = 8, .hidden = 3, .channels = 2, .kernel = 2},
        {.kind = TKR_GRU, .input = 4, .hidden = 5, .directions = TKR_REVERSE},
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        check_net(&(nets_net){"planted", 1, &specs[i], 0}, true, 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nets),
        cmocka_unit_test(test_planted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
