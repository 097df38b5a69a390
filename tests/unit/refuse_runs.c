/* SPDX-License-Identifier: MIT
 * What states, sequences, optimizers and checkpoints refuse. */
#include <math.h>
#include <string.h>

#include "unit/refusals.h"

enum { T = WORLD_T, B = WORLD_B, V = WORLD_V, H = WORLD_H, ALL = T * B * V };

static void test_states(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_state *s = w->state, **made = &w->made.state;
    const char *text = tkr_state_detail(s);
    float *v = w->io.values;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_state_size(NULL, w->net, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_state_size(w->io.u, NULL, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_state_size(w->io.u, w->net, 0));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_state_size(w->io.u, w->part[0], 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_state_create(NULL, w->net, 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_state_create(made, NULL, 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_state_create(made, w->net, -3, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ORDER, tkr_state_create(made, w->part[0], 1, env));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_state_reset(NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_state_copy(NULL, s));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_state_tensors(NULL, w->io.n));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_state_tensor(s, 2, &w->io.name, w->io.n));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_state_tensor(s, -1, &w->io.name, w->io.n));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_state_get(s, "h", v, 2 * B * H));
    REFUSES(w, TKR_ERR_SHAPE, NULL, tkr_state_get(s, "rnn.h", v, 2 * B * H + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_state_get(s, NULL, v, 2 * B * H));
    REFUSES(w, TKR_ERR_KEY, text, tkr_state_set(s, "rnn.x", v, 2 * B * H));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_state_set(s, "rnn.h", v, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_state_set(s, "rnn.h", NULL, 2 * B * H));
    assert_ok(tkr_state_create(&w->made.state, w->net, B + 1, env));
    tkr_state *wide = w->made.state;
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_state_copy(s, wide));
    REFUSES(w, TKR_ERR_SHAPE, tkr_state_detail(wide), tkr_sequence_get_state(w->seq, wide));
    tkr_state_destroy(wide);
}

static void test_state_files(void **state) {
    world *w = *state;
    tkr_state *s = w->state;
    const char *text = tkr_state_detail(s);
    world_file *file = &w->cell_file;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_state_save(NULL, w->path));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_state_save(s, NULL));
    REFUSES(w, TKR_ERR_IO, text, tkr_state_save(s, "/nowhere/at/all"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_state_save_to(s, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_state_load(NULL, w->state_path));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_state_load(s, NULL));
    REFUSES(w, TKR_ERR_IO, text, tkr_state_load(s, "/nowhere/at/all"));
    REFUSES(w, TKR_ERR_MISMATCH, text, tkr_state_load(s, w->cell_path));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_state_load_from(s, NULL));
    REFUSES(w, TKR_ERR_MISMATCH, text, tkr_state_load_from(s, &file->reader));
    world_file_rewind(file);
    file->len -= 4;
    REFUSES(w, TKR_ERR_FORMAT, text, tkr_state_load_from(s, &file->reader));
    file->len += 4;
}

static void test_step(void **state) {
    world *w = *state;
    tkr_state *s = w->state;
    const char *text = tkr_state_detail(s);
    float *y = w->io.values;
    const int32_t high[B] = {0, V}, low[B] = {-2, 0};
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_step(w->net, NULL, y, w->io.input));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_cell_step(w->part[0], s, y, w->io.input));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_step(w->net, s, y, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_step_ids(w->net, s, y, NULL));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_cell_step_ids(w->net, s, y, high));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_cell_step_ids(w->net, s, y, low));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_cell_step_ids(w->part[1], s, y, w->io.ids));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_steps(w->net, NULL, y, w->io.input, 1));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_cell_steps(w->part[0], s, y, w->io.input, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_steps(w->net, s, y, NULL, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_steps(w->net, s, y, w->io.input, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cell_steps_ids(w->net, NULL, y, w->io.ids, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_steps_ids(w->net, s, y, NULL, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_steps_ids(w->net, s, y, w->io.ids, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_steps(w->net, s, y, w->io.input, INT64_MAX));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_cell_steps_ids(w->net, s, y, w->io.ids, INT64_MAX));
    int32_t second[2 * B] = {0};
    second[2 * B - 1] = V;
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_cell_steps_ids(w->net, s, y, second, 2));
}

static void test_two_directions(void **state) {
    world *w = *state;
    tkr_state *s;
    assert_ok(tkr_cell_set_int(w->part[0], TKR_DIRECTIONS, 2));
    assert_ok(tkr_cell_init(w->part[0], 1));
    assert_ok(tkr_state_create(&s, w->part[0], B, &w->env));
    REFUSES(w, TKR_ERR_UNSUPPORTED, tkr_state_detail(s),
            tkr_cell_step(w->part[0], s, w->io.values, w->io.input));
    tkr_state_destroy(s);
}

static void test_create(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_sequence **made = &w->made.seq;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_size(NULL, w->net, T, B, 1, env));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_size(w->io.u, NULL, T, B, 1, env));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_create(NULL, w->net, T, B, 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_sequence_create(made, NULL, T, B, 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_sequence_create(made, w->net, 0, B, 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_sequence_create(made, w->net, T, -1, 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_sequence_create(made, w->net, T, B, 33, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_sequence_create(made, w->net, T, B, TKR_RETAIN, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ORDER, tkr_sequence_create(made, w->part[0], T, B, 1, env));
    REFUSES_TO_MAKE(w, TKR_ERR_MEMORY,
                    tkr_sequence_create(made, w->net, INT32_MAX, INT32_MAX, 1, env));
}

static void test_sequence_options(void **state) {
    world *w = *state;
    tkr_sequence *seq = w->seq;
    const char *text = tkr_sequence_detail(seq);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_set_int(NULL, TKR_CARRY, 1));
    REFUSES(w, TKR_ERR_KEY, text, tkr_sequence_set_int(seq, TKR_LAYERS, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_set_int(seq, TKR_CARRY, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_set_int(seq, TKR_REDUCTION, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_set_int(seq, TKR_TRUNCATE_EVERY, -1));
    assert_ok(tkr_sequence_set_int(seq, TKR_TRUNCATE_EVERY, 1));
    REFUSES(w, TKR_ERR_UNSUPPORTED, text, tkr_sequence_set_int(seq, TKR_TRUNCATE_STEPS, 2));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_sequence_get_int(seq, 0, w->io.n));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_get_int(seq, TKR_CARRY, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_set_seed(NULL, 1));
}

static void test_forward(void **state) {
    world *w = *state;
    tkr_sequence *seq = w->seq;
    const char *text = tkr_sequence_detail(seq);
    const float *x = w->io.input;
    const int32_t longer[B] = {T + 1, 1}, negative[B] = {1, -1};
    const int32_t high[T * B] = {0, 0, V}, low[T * B] = {0, -2};
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_forward(NULL, x, NULL, T, B));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_forward(seq, NULL, NULL, T, B));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_sequence_forward(seq, x, NULL, T + 1, B));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_sequence_forward(seq, x, NULL, 0, B));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_sequence_forward(seq, x, NULL, T, B + 1));
    REFUSES(w, TKR_ERR_SHAPE, tkr_sequence_detail(w->decoder),
            tkr_sequence_forward(w->decoder, x, NULL, T, 0));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_sequence_forward(seq, x, longer, T, B));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_sequence_forward(seq, x, negative, T, B));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_sequence_forward(seq, x, NULL, T, B - 1)); /* carried */
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_forward_ids(seq, NULL, NULL, T, B));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_sequence_forward_ids(seq, high, NULL, T, B));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_sequence_forward_ids(seq, low, NULL, T, B));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_sequence_forward_ids(seq, w->io.ids, NULL, -1, B));
}

static void test_losses(void **state) {
    world *w = *state;
    tkr_sequence *seq = w->seq;
    const char *text = tkr_sequence_detail(seq);
    double *loss = w->io.real;
    const int32_t *targets = w->io.targets, high[T * B] = {0, V}, low[T * B] = {-1};
    const float *y = w->io.input, zero[T * B] = {0}, nan[T * B] = {1, NAN};
    const float negative[T * B] = {1, -1}, infinite[T * B] = {1, INFINITY}, two[ALL] = {2};
    const float bad_target[ALL] = {NAN};
    REFUSES(w, TKR_ERR_ORDER, text, tkr_sequence_loss_ids(seq, loss, targets, NULL));
    assert_ok(tkr_sequence_forward(seq, w->io.input, NULL, T, B));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_loss_ids(NULL, loss, targets, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_loss_ids(seq, NULL, targets, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_loss_ids(seq, loss, NULL, NULL));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_sequence_loss_ids(seq, loss, high, NULL));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_sequence_loss_ids(seq, loss, low, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_loss_ids(seq, loss, targets, zero));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_loss_ids(seq, loss, targets, nan));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_loss_ids(seq, loss, targets, negative));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_loss_ids(seq, loss, targets, infinite));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_loss_values(seq, loss, 3, y, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_loss_values(seq, loss, TKR_MSE, NULL, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_sequence_loss_values(seq, loss, TKR_MSE, y, zero));
    REFUSES(w, TKR_ERR_NUMERIC, text,
            tkr_sequence_loss_values(seq, loss, TKR_MSE, bad_target, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text,
            tkr_sequence_loss_values(seq, loss, TKR_BINARY_CROSS_ENTROPY, two, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, text,
            tkr_sequence_loss_values(seq, loss, TKR_BINARY_CROSS_ENTROPY, bad_target, NULL));
    REFUSES(w, TKR_ERR_ORDER, text, tkr_sequence_backward(seq, NULL, NULL)); /* none was taken */
}

/* Softmax at the end, also where the last step of it is taken: only squares are a loss then. */
static void test_losses_of_probabilities(void **state) {
    world *w = *state;
    for (int last = 0; last < 2; last++) {
        tkr_cell *parts[3], *net;
        tkr_sequence *seq;
        double *loss = w->io.real;
        assert_ok(tkr_cell_create(&parts[0], TKR_LINEAR, V, V, NULL));
        assert_ok(tkr_cell_create(&parts[1], TKR_ACTIVATE, V, V, NULL));
        assert_ok(tkr_cell_set_int(parts[1], TKR_ACTIVATION, TKR_SOFTMAX));
        assert_ok(tkr_cell_create(&parts[2], TKR_LAST, V, V, NULL));
        assert_ok(tkr_cell_chain(&net, parts, 2 + last, NULL));
        assert_ok(tkr_cell_init(net, 1));
        assert_ok(tkr_sequence_create(&seq, net, T, B, TKR_TRAINING, NULL));
        assert_ok(tkr_sequence_forward(seq, w->io.input, NULL, T, B));
        const char *text = tkr_sequence_detail(seq);
        REFUSES(w, TKR_ERR_UNSUPPORTED, text,
                tkr_sequence_loss_ids(seq, loss, w->io.targets, NULL));
        REFUSES(w, TKR_ERR_UNSUPPORTED, text,
                tkr_sequence_loss_values(seq, loss, TKR_BINARY_CROSS_ENTROPY, w->io.input, NULL));
        assert_ok(tkr_sequence_loss_values(seq, loss, TKR_MSE, w->io.input, NULL));
        const tkr_trial trial = {.size = sizeof trial,
                                 .steps = T,
                                 .batch = B,
                                 .input = w->io.input,
                                 .target_ids = w->io.targets};
        REFUSES(w, TKR_ERR_UNSUPPORTED, NULL, tkr_cell_compare(loss, net, net, &trial, NULL));
        tkr_sequence_destroy(seq);
        tkr_cell_destroy(net);
        if (!last) {
            tkr_cell_destroy(parts[2]);
        }
    }
}

static void test_backward(void **state) {
    world *w = *state;
    tkr_sequence *seq = w->seq, *fresh = w->decoder;
    const char *text = tkr_sequence_detail(seq), *fresh_text = tkr_sequence_detail(fresh);
    tkr_state *wide;
    assert_ok(tkr_state_create(&wide, w->net, B + 1, &w->env));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_backward(NULL, NULL, NULL));
    REFUSES(w, TKR_ERR_ORDER, text, tkr_sequence_backward(seq, NULL, NULL)); /* used up */
    REFUSES(w, TKR_ERR_ORDER, fresh_text, tkr_sequence_backward(fresh, NULL, NULL));
    assert_ok(tkr_sequence_forward(seq, w->io.input, NULL, T, B));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_sequence_backward(seq, w->io.input, wide));
    tkr_state_destroy(wide);
    float bias[V];
    assert_ok(tkr_cell_get_parameter(w->net, "out.bias", bias, V));
    assert_ok(tkr_cell_set_parameter(w->net, "out.bias", bias, V));
    REFUSES(w, TKR_ERR_ORDER, text, tkr_sequence_backward(seq, w->io.input, NULL));
    assert_non_null(strstr(text, "the parameters changed since the forward"));
}

/* A loss or a backward too many is told apart from one too early. */
static void test_used_up(void **state) {
    world *w = *state;
    double loss;
    const char *text = tkr_sequence_detail(w->seq);
    for (int kind = 0; kind < 3; kind++) {
        assert_ok(tkr_sequence_forward(w->seq, w->io.input, NULL, T, B));
        assert_ok(tkr_sequence_backward(w->seq, w->io.input, NULL));
        const int32_t status =
            kind == 0   ? tkr_sequence_loss_ids(w->seq, &loss, w->io.targets, NULL)
            : kind == 1 ? tkr_sequence_loss_values(w->seq, &loss, TKR_MSE, w->io.input, NULL)
                        : tkr_sequence_backward(w->seq, w->io.input, NULL);
        assert_int_equal(status, TKR_ERR_ORDER);
        assert_non_null(strstr(text, "used up"));
    }
}

static void test_inference(void **state) {
    world *w = *state;
    tkr_sequence *seq;
    float *values;
    assert_ok(tkr_sequence_create(&seq, w->net, T, B, TKR_INFERENCE, &w->env));
    const char *text = tkr_sequence_detail(seq);
    assert_ok(tkr_sequence_forward(seq, w->io.input, NULL, T, B));
    REFUSES(w, TKR_ERR_UNSUPPORTED, text, tkr_sequence_backward(seq, w->io.input, NULL));
    REFUSES(w, TKR_ERR_UNSUPPORTED, text, tkr_sequence_zero_gradients(seq));
    REFUSES(w, TKR_ERR_UNSUPPORTED, text, tkr_sequence_gradients(seq, &values, w->io.n));
    REFUSES(w, TKR_ERR_UNSUPPORTED, NULL, tkr_sequence_gradient(seq, "out.bias", w->io.values, V));
    REFUSES(w, TKR_ERR_UNSUPPORTED, NULL, tkr_sequence_input_gradient(seq, w->io.values, ALL));
    REFUSES(w, TKR_ERR_UNSUPPORTED, NULL, tkr_sequence_step_norms(seq, w->io.real, 2 * T));
    REFUSES(w, TKR_ERR_UNSUPPORTED, tkr_optimizer_detail(w->opt), tkr_optimizer_step(w->opt, seq));
    tkr_sequence_destroy(seq);
}

static void test_results(void **state) {
    world *w = *state;
    tkr_sequence *seq = w->seq, *fresh = w->decoder;
    float *v = w->io.values, *values;
    double *norms = w->io.real;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_output(NULL, v, ALL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_output(seq, NULL, ALL));
    REFUSES(w, TKR_ERR_SHAPE, NULL, tkr_sequence_output(seq, v, ALL + 1));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_sequence_output(fresh, v, ALL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_zero_gradients(NULL));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_sequence_gradient(seq, "bias", v, V));
    REFUSES(w, TKR_ERR_SHAPE, NULL, tkr_sequence_gradient(seq, "out.bias", v, V + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_gradient(seq, NULL, v, V));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_gradients(NULL, &values, w->io.n));
    REFUSES(w, TKR_ERR_SHAPE, NULL, tkr_sequence_input_gradient(seq, v, ALL - 1));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_sequence_input_gradient(fresh, v, ALL));
    REFUSES(w, TKR_ERR_SHAPE, NULL, tkr_sequence_step_norms(seq, norms, 2 * T + 1));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_sequence_step_norms(fresh, norms, 2 * T));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_set_state(NULL, w->state));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_get_state(seq, NULL));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_sequence_get_state(fresh, w->state));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_sequence_get_state_gradient(fresh, w->state));
}

static void test_link(void **state) {
    world *w = *state;
    tkr_sequence *other;
    assert_ok(tkr_cell_init(w->part[1], 1));
    assert_ok(tkr_sequence_create(&other, w->part[1], T, B, TKR_TRAINING, &w->env));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_sequence_link(NULL, w->seq));
    REFUSES(w, TKR_ERR_ARGUMENT, tkr_sequence_detail(w->seq), tkr_sequence_link(w->seq, w->seq));
    REFUSES(w, TKR_ERR_SHAPE, tkr_sequence_detail(w->decoder),
            tkr_sequence_link(w->decoder, other));
    assert_ok(tkr_sequence_link(w->seq, w->decoder));
    REFUSES(w, TKR_ERR_ORDER, tkr_sequence_detail(w->seq), /* the encoder was not run */
            tkr_sequence_forward(w->seq, w->io.input, NULL, T, B));
    assert_ok(tkr_sequence_link(w->seq, NULL));
    tkr_sequence_destroy(other);
}

static void test_optimizer_create(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_optimizer **made = &w->made.opt;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_optimizer_size(NULL, TKR_ADAM, w->net));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_optimizer_size(w->io.u, 0, w->net));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_optimizer_size(w->io.u, TKR_ADAM, w->part[0]));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_optimizer_create(NULL, TKR_ADAM, w->net, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_optimizer_create(made, 0, w->net, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_optimizer_create(made, 5, w->net, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_optimizer_create(made, TKR_ADAM, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ORDER, tkr_optimizer_create(made, TKR_ADAM, w->part[0], env));
}

static void test_optimizer_options(void **state) {
    world *w = *state;
    tkr_optimizer *opt = w->opt;
    const char *text = tkr_optimizer_detail(opt);
    double *r = w->io.real, nan = (double)NAN;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_optimizer_set_float(NULL, TKR_LEARNING_RATE, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_optimizer_set_float(opt, TKR_LEARNING_RATE, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_optimizer_set_float(opt, TKR_LEARNING_RATE, nan));
    REFUSES(w, TKR_ERR_ARGUMENT, text,
            tkr_optimizer_set_float(opt, TKR_LEARNING_RATE, (double)INFINITY));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_optimizer_set_float(opt, TKR_BETA1, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_optimizer_set_float(opt, TKR_EPSILON, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_optimizer_set_float(opt, TKR_CLIP_NORM, -0.1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_optimizer_set_float(opt, TKR_SCHEDULE_FACTOR, 0));
    REFUSES(w, TKR_ERR_KEY, text, tkr_optimizer_set_float(opt, TKR_MOMENTUM, 0.5));
    REFUSES(w, TKR_ERR_KEY, text, tkr_optimizer_set_float(opt, TKR_CURRENT_RATE, 0.5));
    REFUSES(w, TKR_ERR_KEY, text, tkr_optimizer_set_float(opt, TKR_NESTEROV, 1));
    REFUSES(w, TKR_ERR_KEY, text, tkr_optimizer_set_int(opt, TKR_STEP_COUNT, 5));
    REFUSES(w, TKR_ERR_KEY, text, tkr_optimizer_set_int(opt, TKR_NESTEROV, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_optimizer_set_int(opt, TKR_SCHEDULE, 3));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_optimizer_set_int(opt, TKR_SCHEDULE_STEPS, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_optimizer_set_int(opt, TKR_WARMUP_STEPS, -1));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_optimizer_get_float(opt, TKR_MOMENTUM, r));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_optimizer_get_float(opt, TKR_BETA1, NULL));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_optimizer_get_int(opt, TKR_BETA1, w->io.n));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_optimizer_get_int(NULL, TKR_STEP_COUNT, w->io.n));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_optimizer_bounds_float(opt, TKR_MOMENTUM, r, r + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_optimizer_bounds_float(opt, TKR_BETA1, r, NULL));
    REFUSES(w, TKR_ERR_KEY, NULL,
            tkr_optimizer_bounds_int(opt, TKR_NESTEROV, w->io.n, w->io.n + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_optimizer_bounds_int(opt, TKR_SCHEDULE, NULL, w->io.n));
}

/* A step that meets a number that is none says so and changes nothing. */
static void test_optimizer_step(void **state) {
    world *w = *state;
    const char *text = tkr_optimizer_detail(w->opt);
    const float wrong[] = {NAN, INFINITY, -INFINITY};
    float *gradients;
    int64_t len;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_optimizer_step(NULL, w->seq));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_optimizer_step(w->opt, NULL));
    assert_ok(tkr_sequence_gradients(w->seq, &gradients, &len));
    for (int i = 0; i < 3; i++) {
        for (int64_t at = 0; at < len; at += len - 1) {
            float before = gradients[at];
            gradients[at] = wrong[i];
            REFUSES(w, TKR_ERR_NUMERIC, text, tkr_optimizer_step(w->opt, w->seq));
            gradients[at] = before;
        }
    }
    assert_ok(tkr_optimizer_step(w->opt, w->seq));
}

static void test_checkpoints(void **state) {
    world *w = *state;
    const char *text = tkr_optimizer_detail(w->opt);
    tkr_optimizer *opt = w->opt, *other;
    uint64_t *u = w->io.u;
    world_file *file = &w->cell_file;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_checkpoint_save(NULL, w->seq, NULL, NULL, w->path));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_checkpoint_save(opt, w->seq, NULL, NULL, NULL));
    REFUSES(w, TKR_ERR_IO, text, tkr_checkpoint_save(opt, NULL, NULL, NULL, "/nowhere/at/all"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_checkpoint_save_to(opt, NULL, NULL, NULL, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_checkpoint_load(NULL, NULL, NULL, u, w->run_path));
    REFUSES(w, TKR_ERR_IO, text, tkr_checkpoint_load(opt, NULL, NULL, u, "/nowhere/at/all"));
    REFUSES(w, TKR_ERR_MISMATCH, text, tkr_checkpoint_load(opt, NULL, NULL, u, w->cell_path));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_checkpoint_load_from(opt, NULL, NULL, u, NULL));
    REFUSES(w, TKR_ERR_MISMATCH, text, tkr_checkpoint_load_from(opt, NULL, NULL, u, &file->reader));
    /* Of another kind; and one that was saved without what is asked for. */
    assert_ok(tkr_optimizer_create(&other, TKR_SGD, w->net, &w->env));
    REFUSES(w, TKR_ERR_MISMATCH, tkr_optimizer_detail(other),
            tkr_checkpoint_load(other, NULL, NULL, u, w->run_path));
    tkr_optimizer_destroy(other);
    assert_ok(tkr_checkpoint_save(opt, NULL, NULL, NULL, w->path));
    REFUSES(w, TKR_ERR_MISMATCH, text, tkr_checkpoint_load(opt, w->seq, NULL, NULL, w->path));
    REFUSES(w, TKR_ERR_MISMATCH, text, tkr_checkpoint_load(opt, NULL, w->state, NULL, w->path));
    REFUSES(w, TKR_ERR_MISMATCH, text, tkr_checkpoint_load(opt, NULL, NULL, u, w->path));
    assert_ok(tkr_checkpoint_load(opt, NULL, NULL, NULL, w->path));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, refusal_setup, refusal_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_states),
        CASE(test_state_files),
        CASE(test_step),
        CASE(test_two_directions),
        CASE(test_create),
        CASE(test_sequence_options),
        CASE(test_forward),
        CASE(test_losses),
        CASE(test_losses_of_probabilities),
        CASE(test_backward),
        CASE(test_used_up),
        CASE(test_inference),
        CASE(test_results),
        CASE(test_link),
        CASE(test_optimizer_create),
        CASE(test_optimizer_options),
        CASE(test_optimizer_step),
        CASE(test_checkpoints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
