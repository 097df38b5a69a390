/* SPDX-License-Identifier: MIT
 * The oracle's own gradients against central differences in double, for every cell, option,
 * parameter, input and initial state, and its truncation against cut sequences. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/nets.h"
#include "support/oracle.h"
#include "support/support.h"

enum { STEPS = 4, BATCH = 3 };

static const double TOLERANCE = 2e-9;

static const int32_t SOME_LENGTHS[BATCH] = {2, 0, 4};

/* A loss that reaches everything: random weights on the outputs and on the final states. */
typedef struct probe {
    orc_net *net;
    const char *label;
    double step, tolerance; /* of the differences */
    double *g_output, **g_h, **g_c;
} probe;

static int64_t state_len(const orc_net *net, const orc_part *part, bool cell) {
    return part->slots * net->batch * (cell ? part->spec.hidden : part->recur);
}

static double dot(const double *a, const double *b, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

static double probe_loss(probe *p) {
    orc_net *net = p->net;
    orc_forward(net);
    double loss =
        dot(net->output, p->g_output, orc_output_steps(net) * net->batch * orc_output_width(net));
    for (int64_t i = 0; i < net->n_parts; i++) {
        orc_part *part = &net->parts[i];
        if (orc_has_state(part)) {
            loss += dot(part->h_n, part->dh_n, state_len(net, part, false));
        }
        if (part->spec.kind == TKR_LSTM) {
            loss += dot(part->c_n, part->dc_n, state_len(net, part, true));
        }
    }
    return loss;
}

/* Compare `gradient` with fourth-order central differences of the probe's loss in `x`; both [n]. */
static void check_gradient(probe *p, const char *what, double *x, const double *gradient,
                           int64_t n) {
    double *numeric = calloc((size_t)(n ? n : 1), sizeof *numeric);
    for (int64_t i = 0; i < n; i++) {
        const double kept = x[i], d = p->step, factor[4] = {1, -8, 8, -1};
        for (int64_t k = 0; k < 4; k++) {
            x[i] = kept + d * (double)(k < 2 ? k - 2 : k - 1);
            numeric[i] += factor[k] * probe_loss(p) / (12 * d);
        }
        x[i] = kept;
    }
    double error = orc_distance(gradient, numeric, n) * fmin(1, sqrt(dot(numeric, numeric, n)));
    if (!(error <= p->tolerance)) {
        fail_msg("%s %s: |analytic - numeric| = %g, |numeric| = %g", p->label, what, error,
                 sqrt(dot(numeric, numeric, n)));
    }
    free(numeric);
}

static void draw_net(orc_net *net, orc_random *random, bool given) {
    for (int64_t i = 0; i < net->n_tensors; i++) {
        const orc_tensor *t = &net->tensors[i];
        double scale = fmin(0.6, 1.2 / sqrt((double)t->cols));
        orc_fill(random, t->value, t->rows * t->cols, scale);
    }
    int64_t rows = net->steps * net->batch;
    orc_fill(random, net->input, rows * orc_input_width(net), 1);
    orc_fill(random, net->doutput, rows * orc_output_width(net), 1);
    for (int64_t i = 0; i < net->n_parts; i++) {
        orc_part *part = &net->parts[i];
        if (orc_has_state(part)) {
            orc_fill(random, part->dh_n, state_len(net, part, false), 1);
            orc_fill(random, part->h_0, given ? state_len(net, part, false) : 0, 0.5);
        }
        if (part->spec.kind == TKR_LSTM) {
            orc_fill(random, part->dc_n, state_len(net, part, true), 1);
            orc_fill(random, part->c_0, given ? state_len(net, part, true) : 0, 0.5);
        }
    }
    net->given = given;
}

static double *mask(orc_net *net, orc_random *random, int64_t n, double rate, double one) {
    double *values = orc_zeros(net, n);
    for (int64_t i = 0; i < n; i++) {
        values[i] = orc_uniform(random) < rate ? 1 - one : one;
    }
    return values;
}

/* Masks of zeros and factors for every option of noise that a part has. */
static void draw_noise(orc_net *net, orc_random *random) {
    for (int64_t i = 0; i < net->n_parts; i++) {
        orc_part *part = &net->parts[i];
        const orc_spec *s = &part->spec;
        int64_t rows = net->steps * net->batch;
        if (s->between > 0) {
            part->noise.between = mask(net, random, s->layers * rows * part->out, 0.3, 1.25);
        }
        if (s->recurrent > 0) {
            part->noise.recurrent =
                mask(net, random, part->slots * net->batch * part->recur, 0.3, 1.5);
        }
        if (s->zoneout > 0) {
            part->noise.zoneout = mask(net, random, part->slots * rows * part->recur, 0.7, 1);
        }
        if (s->zoneout_cell > 0) {
            part->noise.zoneout_c = mask(net, random, part->slots * rows * s->hidden, 0.7, 1);
        }
        if (s->kind == TKR_DROPOUT) {
            part->noise.dropout = mask(net, random, rows * s->input, 0.3, 1.25);
        }
    }
}

static void check_all_gradients(probe *p) {
    orc_net *net = p->net;
    for (int64_t i = 0; i < net->n_tensors; i++) {
        orc_tensor *t = &net->tensors[i];
        check_gradient(p, t->name, t->value, t->grad, t->rows * t->cols);
    }
    check_gradient(p, "input", net->input, net->dinput,
                   net->steps * net->batch * orc_input_width(net));
    for (int64_t i = 0; net->given && i < net->n_parts; i++) {
        orc_part *part = &net->parts[i];
        if (orc_has_state(part)) {
            check_gradient(p, "h_0", part->h_0, part->dh_0, state_len(net, part, false));
        }
        if (part->spec.kind == TKR_LSTM) {
            check_gradient(p, "c_0", part->c_0, part->dc_0, state_len(net, part, true));
        }
    }
}

/* Where there are kinks, steps are so small that the seed keeps what is drawn away from them. */
static void check_net(const nets_net *of, const int32_t *lengths, bool given) {
    const bool kinks = of->flags & NETS_KINKS;
    orc_random random = {20};
    orc_net *net = orc_create(of->specs, of->n, of->n > 1);
    orc_shape(net, STEPS, BATCH, lengths);
    draw_net(net, &random, given);
    draw_noise(net, &random);
    probe p = {.net = net,
               .label = of->label,
               .step = kinks ? 1e-5 : 3e-4,
               .tolerance = kinks ? 1e-8 : TOLERANCE,
               .g_output = net->doutput};
    orc_forward(net);
    orc_backward(net, 0, 0);
    check_all_gradients(&p);
    orc_destroy(net);
}

/* All lengths, ragged lengths; a given and the own initial state. */
static void check_everywhere(const nets_net *net) {
    check_net(net, NULL, true);
    check_net(net, SOME_LENGTHS, true);
    check_net(net, SOME_LENGTHS, false);
}

static void check_one(orc_spec spec) {
    spec.input = 3;
    spec.hidden = 5;
    check_everywhere(&(nets_net){"alone", 1, &spec, 0});
}

static void test_elman(void **unused) {
    (void)unused;
    for (int64_t f = TKR_TANH; f <= TKR_IDENTITY; f++) {
        check_one((orc_spec){.kind = TKR_ELMAN, .activation = f});
    }
    check_one((orc_spec){.kind = TKR_ELMAN, .learned = 1, .before = 1, .biases = 1});
    check_one((orc_spec){.kind = TKR_ELMAN, .layers = 3, .directions = 2, .biases = ORC_NO_BIAS});
}

static void test_lstm(void **unused) {
    (void)unused;
    check_one((orc_spec){.kind = TKR_LSTM});
    check_one((orc_spec){.kind = TKR_LSTM, .peepholes = 1, .biases = 1, .learned = 1});
    check_one((orc_spec){.kind = TKR_LSTM, .projection = 2, .layers = 2, .directions = 2});
    check_one((orc_spec){.kind = TKR_LSTM, .projection = 4, .peepholes = 1, .before = 1});
}

static void test_gru(void **unused) {
    (void)unused;
    for (int64_t reset = TKR_RESET_AFTER; reset <= TKR_RESET_BEFORE; reset++) {
        check_one((orc_spec){.kind = TKR_GRU, .reset = reset});
        check_one((orc_spec){.kind = TKR_GRU, .reset = reset, .biases = 1, .learned = 1});
        check_one((orc_spec){.kind = TKR_GRU, .reset = reset, .layers = 2, .directions = 2});
        check_one((orc_spec){.kind = TKR_GRU, .reset = reset, .layers = 2, .before = 1});
    }
}

static void test_noise(void **unused) {
    (void)unused;
    for (int32_t kind = TKR_ELMAN; kind <= TKR_GRU; kind++) {
        for (int64_t option = 0; option < 2; option++) {
            check_one((orc_spec){.kind = kind,
                                 .reset = kind == TKR_GRU ? option : 0,
                                 .peepholes = kind == TKR_LSTM ? option : 0,
                                 .layers = 2,
                                 .directions = 2,
                                 .between = 0.2,
                                 .recurrent = 0.3,
                                 .zoneout = 0.3,
                                 .zoneout_cell = kind == TKR_LSTM ? 0.3 : 0});
        }
    }
}

static void test_chain(void **unused) {
    (void)unused;
    for (int64_t f = TKR_TANH; f <= TKR_IDENTITY; f++) {
        const orc_spec specs[] = {
            {.kind = TKR_EMBEDDING, .input = 4, .hidden = 3},
            {.kind = TKR_DROPOUT, .input = 3, .hidden = 3, .rate = 0.2},
            {.kind = TKR_GRU, .input = 3, .hidden = 5, .learned = 1},
            {.kind = TKR_LINEAR, .input = 5, .hidden = 6, .activation = f},
            {.kind = TKR_LSTM, .input = 6, .hidden = 2, .name = "top"},
            {.kind = TKR_LINEAR, .input = 2, .hidden = 4, .biases = ORC_NO_BIAS},
        };
        check_everywhere(&(nets_net){"chain", 6, specs, 0});
    }
}

static void test_parts(void **unused) {
    (void)unused;
    for (int64_t i = 0; i < N_NETS_OF_PARTS; i++) {
        check_net(&NETS_OF_PARTS[i], SOME_LENGTHS, i % 3 > 0);
    }
}

/* Truncation by its definition: the window's losses on a sequence that starts at `from` with the
 * state of the whole forward as a constant. */
static void add_cut_window(orc_net *whole, orc_net *cut, orc_window window) {
    int64_t length = window.end - window.from, width = orc_output_width(whole);
    int64_t first = window.from * whole->batch;
    orc_part *from = &whole->parts[0];
    orc_shape(cut, length, whole->batch, NULL);
    orc_part *to = &cut->parts[0];
    cut->given = true;
    memcpy(cut->input, whole->input + first * from->spec.input,
           (size_t)(length * whole->batch * from->spec.input) * sizeof(double));
    for (int64_t slot = 0; slot < from->slots; slot++) {
        for (int64_t b = 0; b < whole->batch; b++) {
            const orc_record *r = orc_record_at(whole, from, slot, window.from, b);
            int64_t row = slot * whole->batch + b;
            memcpy(to->h_0 + row * from->recur, r->h_prev, (size_t)from->recur * sizeof(double));
            memcpy(to->c_0 + row * from->spec.hidden, r->c_prev,
                   (size_t)from->spec.hidden * sizeof(double));
        }
    }
    int64_t skip = (window.start - window.from) * whole->batch * width;
    memcpy(cut->doutput + skip, whole->doutput + first * width + skip,
           (size_t)((window.end - window.start) * whole->batch * width) * sizeof(double));
    orc_forward(cut);
    orc_backward(cut, 0, 0);
}

static void check_truncation(int64_t k1, int64_t k2, int64_t before) {
    enum { T = 11 };
    orc_random random = {21};
    orc_spec spec = {.kind = TKR_LSTM, .input = 3, .hidden = 4, .layers = 2, .before = before};
    orc_net *whole = orc_create(&spec, 1, false), *cut = orc_create(&spec, 1, false);
    orc_shape(whole, T, BATCH, NULL);
    draw_net(whole, &random, true);
    memset(whole->parts[0].dh_n, 0, (size_t)(2 * BATCH * 4) * sizeof(double));
    memset(whole->parts[0].dc_n, 0, (size_t)(2 * BATCH * 4) * sizeof(double));
    for (int64_t i = 0; i < whole->n_tensors; i++) {
        memcpy(cut->tensors[i].value, whole->tensors[i].value,
               (size_t)(whole->tensors[i].rows * whole->tensors[i].cols) * sizeof(double));
    }
    orc_forward(whole);
    orc_backward(whole, k1, k2);
    for (int64_t start = 0; start < T; start += k1) {
        int64_t end = start + k1 < T ? start + k1 : T;
        int64_t from = start + k1 - k2 > 0 ? start + k1 - k2 : 0;
        add_cut_window(whole, cut, (orc_window){from, start, end});
    }
    for (int64_t i = 0; i < whole->n_tensors; i++) {
        const orc_tensor *t = &whole->tensors[i];
        double error = orc_distance(t->grad, cut->tensors[i].grad, t->rows * t->cols);
        assert_true(error <= 1e-12);
    }
    orc_destroy(whole);
    orc_destroy(cut);
}

static void test_truncation(void **unused) {
    (void)unused;
    check_truncation(3, 3, 0);
    check_truncation(3, 5, 0);
    check_truncation(2, 7, 1);
    check_truncation(1, 4, 0);
    check_truncation(4, 4, 1);
}

/* The losses' slopes against central differences of the losses. */
typedef double (*loss_function)(orc_net *net);
static const int32_t TARGETS[STEPS * BATCH] = {0, 3, 1, 2, 2, 0, 3, 1, 1, 0, 2, 3};
static const float WEIGHTS[STEPS * BATCH] = {1, 0.5F, 2, 0, 1, 1, 3, 1, 0.25F, 1, 0, 1};
static float values[STEPS * BATCH * 4];

static double cross_entropy(orc_net *net) {
    return orc_loss_ids(net, TARGETS, WEIGHTS, 0);
}
static double squares(orc_net *net) {
    return orc_loss_values(net, TKR_MSE, values, WEIGHTS, 0);
}
static double squares_sum(orc_net *net) {
    return orc_loss_values(net, TKR_MSE, values, WEIGHTS, 1);
}
static double binary(orc_net *net) {
    return orc_loss_values(net, TKR_BINARY_CROSS_ENTROPY, values, NULL, 0);
}

static void check_loss(loss_function loss, const int32_t *lengths) {
    enum { N = STEPS * BATCH * 4 };
    orc_random random = {22};
    orc_spec spec = {.kind = TKR_LINEAR, .input = 2, .hidden = 4};
    orc_net *net = orc_create(&spec, 1, false);
    double slopes[N], numeric[N];
    orc_shape(net, STEPS, BATCH, lengths);
    orc_fill(&random, net->output, N, 2);
    loss(net);
    memcpy(slopes, net->doutput, sizeof slopes);
    for (int64_t i = 0; i < N; i++) {
        double kept = net->output[i], d = 1e-5;
        net->output[i] = kept + d;
        double more = loss(net);
        net->output[i] = kept - d;
        numeric[i] = (more - loss(net)) / (2 * d);
        net->output[i] = kept;
    }
    assert_true(orc_distance(slopes, numeric, N) <= TOLERANCE);
    orc_destroy(net);
}

static void test_losses(void **unused) {
    (void)unused;
    const loss_function losses[] = {cross_entropy, squares, squares_sum, binary};
    orc_random random = {23};
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        values[i] = (float)orc_uniform(&random);
    }
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        check_loss(losses[i], NULL);
        check_loss(losses[i], SOME_LENGTHS);
    }
}

/* The comparison itself: NaN, infinity and a planted difference are far away. */
static void test_distance(void **unused) {
    (void)unused;
    const double a[3] = {1, 2, 3}, hole[3] = {1, NAN, 3}, far[3] = {1, INFINITY, 3};
    const double b[3] = {1, 2, 3}, c[3] = {1, 2, 3.5};
    assert_true(orc_distance(a, b, 3) <= 0);
    assert_true(orc_distance(a, c, 3) > 0.1);
    assert_false(orc_distance(hole, b, 3) <= 1e30);
    assert_false(orc_distance(far, b, 3) <= 1e30);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_elman),      cmocka_unit_test(test_lstm),
        cmocka_unit_test(test_gru),        cmocka_unit_test(test_noise),
        cmocka_unit_test(test_chain),      cmocka_unit_test(test_parts),
        cmocka_unit_test(test_truncation), cmocka_unit_test(test_losses),
        cmocka_unit_test(test_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
