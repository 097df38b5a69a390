/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

static int32_t size(world *w) {
    uint64_t bytes;
    return tkr_sequence_size(&bytes, w->net, 9, 4, TKR_TRAINING, w->lent);
}

static int32_t create(world *w) {
    return tkr_sequence_create(&w->made.seq, w->net, 9, 4, TKR_TRAINING | TKR_RETAIN, w->lent);
}

static int32_t create_inference(world *w) {
    return tkr_sequence_create(&w->made.seq, w->net, 9, 4, TKR_INFERENCE, w->lent);
}

static int32_t destroy(world *w) {
    tkr_sequence_destroy(w->decoder);
    w->decoder = NULL;
    return TKR_OK;
}

static int32_t set_int(world *w) {
    return tkr_sequence_set_int(w->seq, TKR_REDUCTION, 1);
}

static int32_t get_int(world *w) {
    int64_t value;
    return tkr_sequence_get_int(w->seq, TKR_REDUCTION, &value);
}

static int32_t set_seed(world *w) {
    return tkr_sequence_set_seed(w->seq, 99);
}

static int32_t forward(world *w) {
    const int32_t lengths[WORLD_B] = {3, 1};
    return tkr_sequence_forward(w->seq, w->io.input, lengths, WORLD_T, WORLD_B);
}

static int32_t forward_ids(world *w) {
    return tkr_sequence_forward_ids(w->seq, w->io.ids, NULL, WORLD_T, WORLD_B);
}

static int32_t output(world *w) {
    return tkr_sequence_output(w->seq, w->io.values, WORLD_T * WORLD_B * WORLD_V);
}

static int32_t loss_ids(world *w) {
    double loss;
    return tkr_sequence_loss_ids(w->seq, &loss, w->io.targets, NULL);
}

static int32_t loss_values(world *w) {
    double loss;
    return tkr_sequence_loss_values(w->seq, &loss, TKR_MSE, w->io.input, NULL);
}

static int32_t forward_and_loss(world *w) {
    int32_t status = forward(w);
    return status ? status : loss_ids(w);
}

static int32_t backward(world *w) {
    return tkr_sequence_backward(w->seq, NULL, NULL);
}

static int32_t backward_own(world *w) {
    return tkr_sequence_backward(w->seq, w->io.input, w->other);
}

static int32_t zero_gradients(world *w) {
    return tkr_sequence_zero_gradients(w->seq);
}

static int32_t gradient(world *w) {
    return tkr_sequence_gradient(w->seq, "out.bias", w->io.values, WORLD_V);
}

static int32_t gradients(world *w) {
    float *values;
    int64_t len;
    return tkr_sequence_gradients(w->seq, &values, &len);
}

static int32_t input_gradient(world *w) {
    return tkr_sequence_input_gradient(w->seq, w->io.values, WORLD_T * WORLD_B * WORLD_V);
}

static int32_t set_state(world *w) {
    return tkr_sequence_set_state(w->seq, w->state);
}

static int32_t get_state(world *w) {
    return tkr_sequence_get_state(w->seq, w->state);
}

static int32_t get_state_gradient(world *w) {
    return tkr_sequence_get_state_gradient(w->seq, w->state);
}

static int32_t link_to(world *w) {
    return tkr_sequence_link(w->decoder, w->seq);
}

static int32_t step_norms(world *w) {
    double norms[2 * WORLD_T];
    return tkr_sequence_step_norms(w->seq, norms, 2 * WORLD_T);
}

static int32_t detail(world *w) {
    return tkr_sequence_detail(w->seq) == NULL;
}

const scenario sequence_scenarios[] = {
    {"tkr_sequence_size", size, NULL, 0, NO},
    {"tkr_sequence_create", create, NULL, 'q', YES},
    {"tkr_sequence_create/inference", create_inference, NULL, 'q', YES},
    {"tkr_sequence_destroy", destroy, NULL, 0, NO},
    {"tkr_sequence_set_int", set_int, NULL, 0, NO},
    {"tkr_sequence_get_int", get_int, NULL, 0, NO},
    {"tkr_sequence_set_seed", set_seed, NULL, 0, NO},
    {"tkr_sequence_forward", forward, NULL, 0, NO},
    {"tkr_sequence_forward_ids", forward_ids, NULL, 0, NO},
    {"tkr_sequence_output", output, NULL, 0, NO},
    {"tkr_sequence_loss_ids", loss_ids, forward, 0, NO},
    {"tkr_sequence_loss_values", loss_values, forward, 0, NO},
    {"tkr_sequence_backward", backward, forward_and_loss, 0, NO},
    {"tkr_sequence_backward/own", backward_own, forward, 0, NO},
    {"tkr_sequence_zero_gradients", zero_gradients, NULL, 0, NO},
    {"tkr_sequence_gradient", gradient, NULL, 0, NO},
    {"tkr_sequence_gradients", gradients, NULL, 0, NO},
    {"tkr_sequence_input_gradient", input_gradient, NULL, 0, NO},
    {"tkr_sequence_set_state", set_state, NULL, 0, NO},
    {"tkr_sequence_get_state", get_state, NULL, 0, NO},
    {"tkr_sequence_get_state_gradient", get_state_gradient, NULL, 0, NO},
    {"tkr_sequence_link", link_to, NULL, 0, NO},
    {"tkr_sequence_step_norms", step_norms, NULL, 0, NO},
    {"tkr_sequence_detail", detail, NULL, 0, NO},
    {0},
};
