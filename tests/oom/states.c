/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

static int32_t size(world *w) {
    uint64_t bytes;
    return tkr_state_size(&bytes, w->net, 5);
}

static int32_t create(world *w) {
    return tkr_state_create(&w->made.state, w->net, 5, w->lent);
}

static int32_t destroy(world *w) {
    tkr_state_destroy(w->other);
    w->other = NULL;
    return TKR_OK;
}

static int32_t reset(world *w) {
    return tkr_state_reset(w->state);
}

static int32_t copy(world *w) {
    return tkr_state_copy(w->state, w->other);
}

static int32_t tensors(world *w) {
    int64_t n;
    return tkr_state_tensors(w->state, &n);
}

static int32_t tensor(world *w) {
    const char *name;
    int64_t shape[3];
    return tkr_state_tensor(w->state, 0, &name, shape);
}

static int32_t get(world *w) {
    return tkr_state_get(w->state, "rnn.c", w->io.values, 2 * WORLD_B * WORLD_H);
}

static int32_t set(world *w) {
    return tkr_state_set(w->state, "rnn.c", w->io.values, 2 * WORLD_B * WORLD_H);
}

static int32_t step(world *w) {
    return tkr_cell_step(w->net, w->state, w->io.values, w->io.input);
}

static int32_t step_ids(world *w) {
    return tkr_cell_step_ids(w->net, w->state, w->io.values, w->io.ids);
}

static int32_t steps(world *w) {
    return tkr_cell_steps(w->net, w->state, NULL, w->io.input, WORLD_T);
}

static int32_t steps_ids(world *w) {
    return tkr_cell_steps_ids(w->net, w->state, NULL, w->io.ids, WORLD_T);
}

static int32_t detail(world *w) {
    return tkr_state_detail(w->state) == NULL;
}

const scenario state_scenarios[] = {
    {"tkr_state_size", size, NULL, 0, NO},
    {"tkr_state_create", create, NULL, 's', YES},
    {"tkr_state_destroy", destroy, NULL, 0, NO},
    {"tkr_state_reset", reset, NULL, 0, NO},
    {"tkr_state_copy", copy, NULL, 0, NO},
    {"tkr_state_tensors", tensors, NULL, 0, NO},
    {"tkr_state_tensor", tensor, NULL, 0, NO},
    {"tkr_state_get", get, NULL, 0, NO},
    {"tkr_state_set", set, NULL, 0, NO},
    {"tkr_cell_step", step, NULL, 0, NO},
    {"tkr_cell_step_ids", step_ids, NULL, 0, NO},
    {"tkr_cell_steps", steps, NULL, 0, NO},
    {"tkr_cell_steps_ids", steps_ids, NULL, 0, NO},
    {"tkr_state_detail", detail, NULL, 0, NO},
    {0},
};
