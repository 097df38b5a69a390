/* SPDX-License-Identifier: MIT
 * Other people's networks: every file of the folder that TEKRAR_MODELS names, made by models.py, is
 * a network, its parameters under our names, an input and the output of a float64 reference. On
 * every tier, for the whole batch and for each sequence alone, unrolled and streamed. */
#include <stdlib.h>
#include <string.h>

#include "golden/nets.h"
#include "support/tiers.h"

/* Of numbers below 1; else relative. */
#define TOLERANCE 2e-6

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
    t.want = some(golden_values(&file, "output", t.output_steps * batch * t.output),
                  t.output_steps, batch, t.output, first, n);
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

static void check_tier(const tkr_env *env) {
    const int64_t batch = golden_whole(&file, "B", 0);
    tkr_cell *net = nets_build(&file, env);
    if (tkr_cell_init(net, 1) != TKR_OK) {
        fail_msg("%s", tkr_cell_detail(net));
    }
    load_parameters(net);
    for (int64_t first = -1; first < batch; first++) {
        trial t = first < 0 ? trial_make(net, env, 0, batch) : trial_make(net, env, first, 1);
        check_unrolled(&t);
        check_streamed(&t);
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
    golden_all_used(&file);
    tensors_free(&file);
}

int main(void) {
    const char *folder = getenv("TEKRAR_MODELS");
    return golden_run("models", folder && *folder ? folder : "no folder", test_file);
}
