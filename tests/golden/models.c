/* SPDX-License-Identifier: MIT
 * Other people's networks: every file of the folder that TEKRAR_MODELS names, made by models.py, is
 * a network, its parameters under our names, an input and the output of a float64 reference. On
 * every tier, for the whole batch and for each sequence alone, unrolled and streamed. And it can be
 * trained: along a direction in each parameter and in the input the loss changes as the gradient
 * says. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "golden/nets.h"
#include "support/tiers.h"

/* Of numbers below 1; else relative. */
#define TOLERANCE 2e-6

/* Of a slope: what the kinks of relu leave, and what rounding does. */
#define SLOPE 0.02
#define NOISE 2e-6

static tensors_file file;

/* One network on some sequences of the file: all, or one of them. */
typedef struct trial {
    const tkr_cell *net;
    const tkr_env *env;
    int64_t steps, batch, input, output, output_steps;
    int32_t *lengths;    /* [batch] */
    float *x, *want, *y; /* [steps][batch][input], [output_steps][batch][output] twice */
} trial;

/* Sequences first .. first + n - 1 of values [steps][of][width]. */
static float *some(const double *values, int64_t steps, int64_t of, int64_t width, int64_t first,
                   int64_t n) {
    float *out = malloc((size_t)(steps * n * width) * sizeof *out);
    for (int64_t t = 0; t < steps; t++) {
        for (int64_t j = 0; j < n * width; j++) {
            out[t * n * width + j] = (float)values[(t * of + first) * width + j];
        }
    }
    return out;
}

static trial trial_make(const tkr_cell *net, const tkr_env *env, int64_t first, int64_t n) {
    const int64_t batch = golden_whole(&file, "B", 0);
    const tensors_entry *lengths = tensors_find(&file, "lengths");
    trial t = {.net = net,
               .env = env,
               .steps = golden_whole(&file, "T", 0),
               .batch = n,
               .output_steps = tensors_find(&file, "output")->shape[0]};
    assert_ok(tkr_cell_shape(net, NULL, &t.input, &t.output));
    assert_int_equal(t.output, golden_whole(&file, "O", 0));
    t.x = some(golden_values(&file, "input", t.steps * batch * t.input), t.steps, batch, t.input,
               first, n);
    t.want = some(golden_values(&file, "output", t.output_steps * batch * t.output), t.output_steps,
                  batch, t.output, first, n);
    t.y = malloc((size_t)(t.steps * n * t.output) * sizeof *t.y);
    t.lengths = malloc((size_t)n * sizeof *t.lengths);
    for (int64_t i = 0; i < n; i++) {
        t.lengths[i] = (int32_t)(lengths ? lengths->values[first + i] : (double)t.steps);
    }
    return t;
}

static void trial_free(trial *t) {
    free(t->lengths);
    free(t->x);
    free(t->want);
    free(t->y);
}

static void check_unrolled(const trial *t) {
    const int64_t len = t->output_steps * t->batch * t->output;
    tkr_sequence *seq;
    assert_ok(tkr_sequence_create(&seq, t->net, t->steps, t->batch, TKR_INFERENCE, t->env));
    assert_ok(tkr_sequence_forward(seq, t->x, t->lengths, t->steps, t->batch));
    assert_ok(tkr_sequence_output(seq, t->y, len));
    assert_near(t->y, t->want, len, TOLERANCE);
    tkr_sequence_destroy(seq);
}

/* A network with one output has it at the last valid step. */
static void check_step(const trial *t, int64_t step) {
    for (int64_t i = 0; i < t->batch; i++) {
        const int once = t->output_steps == 1;
        const int64_t row = once ? i : step * t->batch + i;
        if (once ? step == t->lengths[i] - 1 : step < t->lengths[i]) {
            assert_near(t->y + i * t->output, t->want + row * t->output, t->output, TOLERANCE);
        }
    }
}

static void check_streamed(const trial *t) {
    const int two_directions = golden_whole(&file, "directions", 1) == 2;
    tkr_state *state;
    assert_ok(tkr_state_create(&state, t->net, t->batch, t->env));
    for (int64_t step = 0; step < (two_directions ? 1 : t->steps); step++) {
        const float *x = t->x + step * t->batch * t->input;
        assert_status(tkr_cell_step(t->net, state, t->y, x),
                      two_directions ? TKR_ERR_UNSUPPORTED : TKR_OK);
        if (!two_directions) {
            check_step(t, step);
        }
    }
    tkr_state_destroy(state);
}

/* The file has every parameter of the cell, in the same shape. */
static void load_parameters(tkr_cell *net) {
    int64_t n;
    assert_ok(tkr_cell_parameters(net, &n, NULL));
    for (int64_t i = 0; i < n; i++) {
        const char *name;
        int32_t rank;
        int64_t shape[4];
        assert_ok(tkr_cell_parameter(net, i, &name, &rank, shape));
        const tensors_entry *entry = tensors_find(&file, name);
        if (!entry || entry->rank != rank ||
            memcmp(entry->shape, shape, (size_t)rank * sizeof *shape) != 0) {
            fail_msg("the file has no %s of the cell's shape", name);
        }
        float *values = some(entry->values, 1, 1, entry->len, 0, 1);
        assert_ok(tkr_cell_set_parameter(net, name, values, entry->len));
        free(values);
    }
}

/* ------------------------------------------------------------------------------------------------
 * Slopes: L = sum of weights * outputs, along a line through one tensor
 * --------------------------------------------------------------------------------------------- */

typedef struct line {
    const trial *trial;
    tkr_cell *net;
    tkr_sequence *seq;
    const char *name;               /* of a parameter; NULL: the input */
    int64_t len;                    /* of the tensor */
    float *at, *along, *here, *dat; /* [len] a point, a direction, a point on the line, dL/dat */
    float *weights;                 /* dL/doutput */
} line;

static int64_t output_len(const trial *t) {
    return t->output_steps * t->batch * t->output;
}

static int32_t loss_at(void *user, const float *x, double *loss) {
    const line *l = user;
    const trial *t = l->trial;
    for (int64_t i = 0; i < l->len; i++) {
        l->here[i] = l->at[i] + *x * l->along[i];
    }
    if (l->name) {
        assert_ok(tkr_cell_set_parameter(l->net, l->name, l->here, l->len));
    }
    assert_ok(
        tkr_sequence_forward(l->seq, l->name ? t->x : l->here, t->lengths, t->steps, t->batch));
    assert_ok(tkr_sequence_output(l->seq, t->y, output_len(t)));
    *loss = 0;
    for (int64_t i = 0; i < output_len(t); i++) {
        *loss += (double)l->weights[i] * (double)t->y[i];
    }
    return TKR_OK;
}

/* Mostly up the gradient, so that the slope does not cancel, and aside, where it should be flat. */
static void choose_direction(line *l) {
    double norm = 1e-30;
    for (int64_t i = 0; i < l->len; i++) {
        norm += (double)l->dat[i] * (double)l->dat[i];
    }
    for (int64_t i = 0; i < l->len; i++) {
        const double aside = (double)(i * 7 % 11 - 5) / sqrt(10.0 * (double)l->len);
        l->along[i] = (float)(0.1 * ((double)l->dat[i] / sqrt(norm) + aside));
    }
}

static void check_line(line *l) {
    float slope, x = 0;
    double sum = 0, worst;
    choose_direction(l);
    for (int64_t i = 0; i < l->len; i++) {
        sum += (double)l->dat[i] * (double)l->along[i];
    }
    slope = (float)sum;
    assert_ok(tkr_gradient_check(loss_at, l, &x, &slope, 1, &worst));
    if (!(worst * fabs(sum) <= SLOPE * fabs(sum) + NOISE)) {
        fail_msg("along %s the slope is not %g: off by %g", l->name ? l->name : "the input",
                 (double)slope, worst);
    }
    if (l->name) {
        assert_ok(tkr_cell_set_parameter(l->net, l->name, l->at, l->len));
    }
}

/* At what the file has; all arrays [len] are made. */
static void line_through(line *l, const char *name, int64_t len) {
    l->name = name;
    l->len = len;
    float **arrays[] = {&l->at, &l->along, &l->here, &l->dat};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        *arrays[i] = malloc((size_t)len * sizeof(float));
    }
    if (name) {
        assert_ok(tkr_cell_get_parameter(l->net, name, l->at, len));
        assert_ok(tkr_sequence_gradient(l->seq, name, l->dat, len));
    } else {
        memcpy(l->at, l->trial->x, (size_t)len * sizeof *l->at);
        assert_ok(tkr_sequence_input_gradient(l->seq, l->dat, len));
    }
    check_line(l);
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        free(*arrays[i]);
    }
}

static void backward(const line *l) {
    const trial *t = l->trial;
    assert_ok(tkr_sequence_forward(l->seq, t->x, t->lengths, t->steps, t->batch));
    assert_ok(tkr_sequence_zero_gradients(l->seq));
    assert_ok(tkr_sequence_backward(l->seq, l->weights, NULL));
}

static void check_slopes(tkr_cell *net, const trial *t) {
    line l = {.trial = t, .net = net, .weights = malloc((size_t)output_len(t) * sizeof(float))};
    int64_t n;
    for (int64_t i = 0; i < output_len(t); i++) {
        l.weights[i] = 0.1f * (float)(i * 5 % 7 - 2);
    }
    assert_ok(tkr_sequence_create(&l.seq, net, t->steps, t->batch,
                                  TKR_TRAINING | TKR_INPUT_GRADIENT, t->env));
    assert_ok(tkr_cell_parameters(net, &n, NULL));
    for (int64_t i = -1; i < n; i++) {
        const char *name = NULL;
        int32_t rank;
        int64_t shape[4] = {t->steps, t->batch, t->input, 1};
        if (i >= 0) {
            assert_ok(tkr_cell_parameter(net, i, &name, &rank, shape));
        }
        backward(&l);
        line_through(&l, name, shape[0] * shape[1] * shape[2] * shape[3]);
    }
    tkr_sequence_destroy(l.seq);
    free(l.weights);
}

static tkr_cell *load(const tkr_env *env) {
    tkr_cell *net = nets_build(&file, env);
    if (tkr_cell_init(net, 1) != TKR_OK) {
        fail_msg("%s", tkr_cell_detail(net));
    }
    load_parameters(net);
    return net;
}

static void check_tier(const tkr_env *env) {
    const int64_t batch = golden_whole(&file, "B", 0);
    tkr_cell *net = load(env);
    for (int64_t first = -1; first < batch; first++) {
        trial t = first < 0 ? trial_make(net, env, 0, batch) : trial_make(net, env, first, 1);
        check_unrolled(&t);
        check_streamed(&t);
        trial_free(&t);
    }
    tkr_cell_destroy(net);
}

/* On the best tier; of the largest network it would take too long. */
static void check_training(void) {
    const tkr_env env = {.size = sizeof env};
    tkr_cell *net = load(&env);
    int64_t numbers;
    assert_ok(tkr_cell_parameters(net, NULL, &numbers));
    if (numbers <= 1000000) {
        trial t = trial_make(net, &env, 0, golden_whole(&file, "B", 0));
        check_slopes(net, &t);
        trial_free(&t);
    }
    tkr_cell_destroy(net);
}

static void test_file(void **state) {
    char why[TENSORS_TEXT];
    if (!tensors_read(&file, *state, why)) {
        fail_msg("%s: %s", (const char *)*state, why);
    }
    tiers_each_env(check_tier);
    check_training();
    golden_all_used(&file);
    tensors_free(&file);
}

int main(void) {
    const char *folder = getenv("TEKRAR_MODELS");
    return golden_run("models", folder && *folder ? folder : "no folder", test_file);
}
