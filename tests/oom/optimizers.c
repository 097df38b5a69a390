/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

static int32_t size(world *w) {
    uint64_t bytes;
    return tkr_optimizer_size(&bytes, TKR_RMSPROP, w->net);
}

static int32_t create(world *w) {
    return tkr_optimizer_create(&w->made.opt, TKR_RMSPROP, w->net, w->lent);
}

static int32_t destroy(world *w) {
    tkr_optimizer_destroy(w->opt);
    w->opt = NULL;
    return TKR_OK;
}

static int32_t set_float(world *w) {
    return tkr_optimizer_set_float(w->opt, TKR_CLIP_NORM, 0.5);
}

static int32_t set_int(world *w) {
    return tkr_optimizer_set_int(w->opt, TKR_WARMUP_STEPS, 3);
}

static int32_t get_float(world *w) {
    double value;
    return tkr_optimizer_get_float(w->opt, TKR_CURRENT_RATE, &value);
}

static int32_t get_int(world *w) {
    int64_t value;
    return tkr_optimizer_get_int(w->opt, TKR_STEP_COUNT, &value);
}

static int32_t bounds_float(world *w) {
    double low, high;
    return tkr_optimizer_bounds_float(w->opt, TKR_BETA1, &low, &high);
}

static int32_t bounds_int(world *w) {
    int64_t low, high;
    return tkr_optimizer_bounds_int(w->opt, TKR_WARMUP_STEPS, &low, &high);
}

static int32_t step(world *w) {
    return tkr_optimizer_step(w->opt, w->seq);
}

static int32_t detail(world *w) {
    return tkr_optimizer_detail(w->opt) == NULL;
}

/* A parabola, for the checker. */
static int32_t parabola(void *user, const float *x, double *loss) {
    (void)user;
    *loss = (double)x[0] * (double)x[0] + 3 * (double)x[1];
    return 0;
}

static int32_t gradient_check(world *w) {
    const float gradient[2] = {2 * w->io.values[0], 3};
    double worst;
    return tkr_gradient_check(parabola, NULL, w->io.values, gradient, 2, &worst);
}

const scenario optimizer_scenarios[] = {
    {"tkr_optimizer_size", size, NULL, 0, NO},
    {"tkr_optimizer_create", create, NULL, 'o', YES},
    {"tkr_optimizer_destroy", destroy, NULL, 0, NO},
    {"tkr_optimizer_set_float", set_float, NULL, 0, NO},
    {"tkr_optimizer_set_int", set_int, NULL, 0, NO},
    {"tkr_optimizer_get_float", get_float, NULL, 0, NO},
    {"tkr_optimizer_get_int", get_int, NULL, 0, NO},
    {"tkr_optimizer_bounds_float", bounds_float, NULL, 0, NO},
    {"tkr_optimizer_bounds_int", bounds_int, NULL, 0, NO},
    {"tkr_optimizer_step", step, NULL, 0, NO},
    {"tkr_optimizer_detail", detail, NULL, 0, NO},
    {"tkr_gradient_check", gradient_check, NULL, 0, NO},
    {0},
};
