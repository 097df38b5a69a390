/* SPDX-License-Identifier: MIT
 * A cell of the caller's own: tkr_cell_create_user(). */
#include <math.h>
#include <string.h>

#include "layer/stepwise.h"

static const tkri_option options[] = {
    {TKR_INIT, 0, "init", TKRI_INT, 0, TKR_INIT_UNIFORM, TKR_INIT_NORMAL, TKR_INIT_UNIFORM},
    {TKR_INIT_SCALE, 0, "init_scale", TKRI_REAL, 0, 0, 1e6, (double)NAN},
    {0},
};
TKRI_OPTIONS_FIT(options);

static int64_t output(const tkr_cell *cell) {
    return cell->hidden;
}

/* The caller's functions, and what they are handed. */
typedef struct functions {
    tkri_stepwise step;
    int32_t (*forward)(void *user, const tkr_user_step *step);
    int32_t (*backward)(void *user, const tkr_user_step *step);
    void *user;
} functions;

static int32_t forward(const tkri_stepwise *step, const tkr_user_step *s) {
    const functions *own = (const functions *)step;
    return own->forward(own->user, s);
}

static int32_t backward(const tkri_stepwise *step, const tkr_user_step *s) {
    const functions *own = (const functions *)step;
    return own->backward(own->user, s);
}

/* Of rank 1 as a bias, else as a weight with one row for each output. */
static void list_parameter(tkri_builder *b, tkri_stepwise *own, const tkr_user_tensor *t,
                           int64_t input) {
    uint64_t columns = 1;
    for (int64_t d = 1; d < t->rank; d++) {
        columns = tkri_mul(columns, (uint64_t)t->shape[d]);
    }
    const int64_t k = columns > INT64_MAX ? INT64_MAX : (int64_t)columns;
    tkri_stepwise_parameter(b, own,
                            &(tkri_parameter_spec){
                                .name = t->name,
                                .role = t->rank == 1 ? TKRI_BIAS_LINEAR : TKRI_WEIGHT_LINEAR,
                                .units = t->shape[0],
                                .k = k,
                                .row_major = 2,
                                .rank = (int32_t)t->rank,
                                .shape = t->shape,
                                .fan_in = t->rank == 1 ? input : k,
                            });
}

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    const tkr_user_cell *f = part->user;
    functions own = {
        .step = {.forward = forward, .backward = backward, .output = f->output, .saved = f->saved},
        .forward = f->forward,
        .backward = f->backward,
        .user = f->user,
    };
    for (int64_t i = 0; i < f->n_parameters; i++) {
        list_parameter(b, &own.step, &f->parameters[i], in.width);
    }
    for (int64_t k = 0; k < f->n_states; k++) {
        const int64_t width = f->states[k].shape[0];
        tkri_stepwise_state(b, &own.step,
                            tkri_build_state(b, f->states[k].name, TKRI_OF_USER, width), width);
    }
    if (!b->path[0]) {
        memcpy(own.step.name, f->name, strlen(f->name));
    }
    return tkri_stepwise_build(b, in, &own.step, sizeof own, NULL);
}

const tkri_kind tkri_kind_user = {
    .number = TKR_USER,
    .name = "user",
    .takes = TKRI_VALUES,
    .contains = TKRI_FUNCTIONS,
    .options = options,
    .output = output,
    .build = build,
};
