/* SPDX-License-Identifier: MIT */
#include "train/optimizer.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

#include "core/fpmode.h"

#define SGD (1u << TKR_SGD)
#define ADAM (1u << TKR_ADAM)
#define ADAMW (1u << TKR_ADAMW)
#define RMS (1u << TKR_RMSPROP)

/* Squares of a gradient of this size are still floats, which the moments must be. */
#define LARGEST_NORM 1e18

const tkri_option tkri_optimizer_options[] = {
    {TKR_LEARNING_RATE, SGD, "learning_rate", TKRI_REAL, 0, 0, 1e6, 0.01},
    {TKR_LEARNING_RATE, ADAM | ADAMW | RMS, "learning_rate", TKRI_REAL, 0, 0, 1e6, 0.001},
    {TKR_BETA1, ADAM | ADAMW, "beta1", TKRI_REAL, 0, 0, TKRI_BELOW_ONE, 0.9},
    {TKR_BETA2, ADAM | ADAMW, "beta2", TKRI_REAL, 0, 0, TKRI_BELOW_ONE, 0.999},
    {TKR_EPSILON, ADAM | ADAMW | RMS, "epsilon", TKRI_REAL, 0, 1e-30, 1, 1e-8},
    {TKR_WEIGHT_DECAY, ADAMW, "weight_decay", TKRI_REAL, 0, 0, 1e6, 0.01},
    {TKR_WEIGHT_DECAY, SGD | ADAM | RMS, "weight_decay", TKRI_REAL, 0, 0, 1e6, 0},
    {TKR_MOMENTUM, SGD | RMS, "momentum", TKRI_REAL, 0, 0, TKRI_BELOW_ONE, 0},
    {TKR_SMOOTHING, RMS, "smoothing", TKRI_REAL, 0, 0, TKRI_BELOW_ONE, 0.99},
    {TKR_CLIP_NORM, 0, "clip_norm", TKRI_REAL, 0, 0, 1e30, 0},
    {TKR_CLIP_VALUE, 0, "clip_value", TKRI_REAL, 0, 0, 1e30, 0},
    {TKR_SCHEDULE_FACTOR, 0, "schedule_factor", TKRI_REAL, 0, 1e-12, 1, 0.1},
    {TKR_SCHEDULE_FLOOR, 0, "schedule_floor", TKRI_REAL, 0, 0, 1, 0},
    {TKR_GRADIENT_NORM, 0, "gradient_norm", TKRI_REAL, TKRI_READ_ONLY, 0, DBL_MAX, 0},
    {TKR_CURRENT_RATE, 0, "current_rate", TKRI_REAL, TKRI_READ_ONLY | TKRI_UNKEPT, 0, 1e6, 0},
    {TKR_NESTEROV, SGD, "nesterov", TKRI_INT, 0, 0, 1, 0},
    {TKR_SCHEDULE, 0, "schedule", TKRI_INT, 0, TKR_SCHEDULE_CONSTANT, TKR_SCHEDULE_COSINE,
     TKR_SCHEDULE_CONSTANT},
    {TKR_SCHEDULE_STEPS, 0, "schedule_steps", TKRI_INT, 0, 1, 9e15, 1},
    {TKR_WARMUP_STEPS, 0, "warmup_steps", TKRI_INT, 0, 0, 9e15, 0},
    {TKR_STEP_COUNT, 0, "step_count", TKRI_INT, TKRI_READ_ONLY, 0, 9e15, 0},
    {0, 0, "", 0, 0, 0, 0, 0},
};
TKRI_OPTIONS_FIT(tkri_optimizer_options);

/* What a task of the team works on: a slice of the flat arrays. */
enum { SLICE = 1 << 16 };

static int64_t slices(int64_t numbers) {
    return (numbers + SLICE - 1) / SLICE;
}

void tkri_optimizer_place(tkr_optimizer *opt, tkri_arena *arena, int32_t kind, int64_t numbers) {
    TKRI_TAKE(arena, opt->first, numbers);
    TKRI_TAKE(arena, opt->squares, slices(numbers));
    if (kind != TKR_SGD) {
        TKRI_TAKE(arena, opt->second, numbers);
    }
}

typedef struct task {
    tkr_optimizer *opt;
    tkr_sequence *seq;
    tkri_update update;
} task;

static int64_t slice_len(const tkri_net *net, int64_t index) {
    return tkri_min(SLICE, net->numbers - index * SLICE);
}

static void update_slice(void *argument, int64_t index) {
    const task *k = argument;
    const tkri_kern *kern = k->opt->cell->kern;
    const int64_t at = index * SLICE, n = slice_len(k->seq->u.net, index);
    float *second = k->opt->second ? k->opt->second + at : NULL;
    const int32_t kind = k->opt->options.kind;
    const uint64_t mode = tkri_fpmode_enter();
    (kind == TKR_SGD       ? kern->sgd
     : kind == TKR_RMSPROP ? kern->rmsprop
                           : kern->adam)(k->opt->cell->net->values + at, k->seq->u.grad.values + at,
                                         k->opt->first + at, second, n, &k->update);
    tkri_fpmode_leave(mode);
}

static void square_slice(void *argument, int64_t index) {
    const task *k = argument;
    const uint64_t mode = tkri_fpmode_enter();
    k->opt->squares[index] = k->opt->cell->kern->sum_squares(
        k->seq->u.grad.values + index * SLICE, slice_len(k->seq->u.net, index), k->update.limit);
    tkri_fpmode_leave(mode);
}

/* The global norm after clipping to +-limit (0: none), slices summed in order. */
static double gradient_norm(task *k, float limit) {
    const int64_t n = slices(k->seq->u.net->numbers);
    double sum = 0;
    k->update.limit = limit;
    tkri_team_run(&k->seq->u.team, n, square_slice, k);
    for (int64_t i = 0; i < n; i++) {
        sum += k->opt->squares[i];
    }
    return sqrt(sum);
}

/* The factor that clips a norm, in PyTorch's form. */
static double clip_factor(const tkr_optimizer *opt, double norm) {
    const double most = tkri_options_real(&opt->options, TKR_CLIP_NORM);
    return most > 0 && norm > most ? most / (norm + 1e-6) : 1;
}

static tkri_update update_of(const tkr_optimizer *opt, double scale) {
    const tkri_options *o = &opt->options;
    const int64_t step = tkri_options_int(o, TKR_STEP_COUNT) + 1;
    const double b1 = (double)(float)tkri_options_real(o, TKR_BETA1);
    const double b2 = (double)(float)tkri_options_real(o, TKR_BETA2);
    const double keep = o->kind == TKR_RMSPROP ? tkri_options_real(o, TKR_SMOOTHING) : b2;
    return (tkri_update){
        .rate = (float)tkri_schedule_rate(opt, step - 1),
        .scale = (float)scale,
        .limit = (float)tkri_options_real(o, TKR_CLIP_VALUE),
        .beta1 = (float)b1,
        .beta2 = (float)keep,
        .epsilon = (float)tkri_options_real(o, TKR_EPSILON),
        .decay = (float)tkri_options_real(o, TKR_WEIGHT_DECAY),
        .momentum = (float)tkri_options_real(o, TKR_MOMENTUM),
        .correct1 = (float)(1 / (1 - pow(b1, (double)step))),
        .correct2 = (float)(1 / sqrt(1 - pow(b2, (double)step))),
        .nesterov = (int32_t)tkri_options_int(o, TKR_NESTEROV),
        .decoupled = o->kind == TKR_ADAMW,
    };
}

int32_t tkri_optimizer_step(tkr_optimizer *opt, tkr_sequence *seq) {
    tkri_options *options = &opt->options;
    const float limit = (float)tkri_options_real(options, TKR_CLIP_VALUE);
    task k = {.opt = opt, .seq = seq};
    const double norm = gradient_norm(&k, 0.0f);
    const double limited = limit > 0.0f ? gradient_norm(&k, limit) : norm;
    const double scale = clip_factor(opt, limited);
    REQUIRE(isfinite(norm), &opt->detail, TKR_ERR_NUMERIC,
            "a gradient is not finite; the parameters were not changed");
    REQUIRE(limited * scale <= LARGEST_NORM, &opt->detail, TKR_ERR_NUMERIC,
            "the gradient's norm %g is too large; the parameters were not changed", limited);
    k.update = update_of(opt, scale);
    tkri_team_run(&seq->u.team, slices(seq->u.net->numbers), update_slice, &k);
    tkri_options_set_real(options, TKR_GRADIENT_NORM, norm);
    tkri_options_set_int(options, TKR_STEP_COUNT, tkri_options_int(options, TKR_STEP_COUNT) + 1);
    tkri_cell_refresh(opt->cell);
    return TKR_OK;
}
