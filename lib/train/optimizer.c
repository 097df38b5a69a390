/* SPDX-License-Identifier: MIT */
#include "train/optimizer.h"

#include <math.h>
#include <stddef.h>

#include "core/fpmode.h"

#define SGD (1 << TKR_SGD)
#define ADAM ((1 << TKR_ADAM) | (1 << TKR_ADAMW))
#define RMS (1 << TKR_RMSPROP)
#define ALL (SGD | ADAM | RMS)
#define BELOW_ONE 0.99999994 /* the largest float below 1 */

/* Squares of a gradient of this size are still floats, which the moments must be. */
#define LARGEST_NORM 1e18

const tkri_opt_option tkri_opt_options[] = {
    {TKR_LEARNING_RATE, ALL, "learning_rate", 0, 1e6, 0},
    {TKR_BETA1, ADAM, "beta1", 0, BELOW_ONE, 0},
    {TKR_BETA2, ADAM, "beta2", 0, BELOW_ONE, 0},
    {TKR_EPSILON, ADAM | RMS, "epsilon", 1e-30, 1, 0},
    {TKR_WEIGHT_DECAY, ALL, "weight_decay", 0, 1e6, 0},
    {TKR_MOMENTUM, SGD | RMS, "momentum", 0, BELOW_ONE, 0},
    {TKR_SMOOTHING, RMS, "smoothing", 0, BELOW_ONE, 0},
    {TKR_CLIP_NORM, ALL, "clip_norm", 0, 1e30, 0},
    {TKR_CLIP_VALUE, ALL, "clip_value", 0, 1e30, 0},
    {TKR_SCHEDULE_FACTOR, ALL, "schedule_factor", 1e-12, 1, 0},
    {TKR_SCHEDULE_FLOOR, ALL, "schedule_floor", 0, 1, 0},
    {TKR_GRADIENT_NORM, ALL, "gradient_norm", 0, 0, 1},
    {TKR_CURRENT_RATE, ALL, "current_rate", 0, 0, 1},
    {TKR_NESTEROV, SGD, "nesterov", 0, 1, 0},
    {TKR_SCHEDULE, ALL, "schedule", TKR_SCHEDULE_CONSTANT, TKR_SCHEDULE_COSINE, 0},
    {TKR_SCHEDULE_STEPS, ALL, "schedule_steps", 1, 9e15, 0},
    {TKR_WARMUP_STEPS, ALL, "warmup_steps", 0, 9e15, 0},
    {TKR_STEP_COUNT, ALL, "step_count", 0, 9e15, 1},
    {0, 0, NULL, 0, 0, 0},
};

const tkri_opt_option *tkri_opt_option_find(int32_t kind, int32_t key) {
    for (const tkri_opt_option *o = tkri_opt_options; o->key; o++) {
        if (o->key == key && (o->kinds >> kind & 1)) {
            return o;
        }
    }
    return NULL;
}

void tkri_opt_defaults(tkr_optimizer *opt) {
    double *f = opt->floats;
    f[TKR_LEARNING_RATE - TKRI_OPT_FLOAT_BASE] = opt->kind == TKR_SGD ? 0.01 : 0.001;
    f[TKR_BETA1 - TKRI_OPT_FLOAT_BASE] = 0.9;
    f[TKR_BETA2 - TKRI_OPT_FLOAT_BASE] = 0.999;
    f[TKR_EPSILON - TKRI_OPT_FLOAT_BASE] = 1e-8;
    f[TKR_WEIGHT_DECAY - TKRI_OPT_FLOAT_BASE] = opt->kind == TKR_ADAMW ? 0.01 : 0;
    f[TKR_SMOOTHING - TKRI_OPT_FLOAT_BASE] = 0.99;
    f[TKR_SCHEDULE_FACTOR - TKRI_OPT_FLOAT_BASE] = 0.1;
    opt->ints[TKR_SCHEDULE_STEPS - TKRI_OPT_INT_BASE] = 1;
}

/* What a task of the crew works on: a slice of the flat arrays. */
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
    const int64_t at = index * SLICE, n = slice_len(k->seq->net, index);
    float *second = k->opt->second ? k->opt->second + at : NULL;
    const uint64_t mode = tkri_fpmode_enter();
    (k->opt->kind == TKR_SGD       ? kern->sgd
     : k->opt->kind == TKR_RMSPROP ? kern->rmsprop
                                   : kern->adam)(k->opt->cell->net->values + at,
                                                 k->seq->gradients + at, k->opt->first + at, second,
                                                 n, &k->update);
    tkri_fpmode_leave(mode);
}

static void square_slice(void *argument, int64_t index) {
    const task *k = argument;
    const uint64_t mode = tkri_fpmode_enter();
    k->opt->squares[index] = k->opt->cell->kern->sum_squares(
        k->seq->gradients + index * SLICE, slice_len(k->seq->net, index), k->update.limit);
    tkri_fpmode_leave(mode);
}

/* The global norm after clipping to +-limit (0: none), slices summed in order. */
static double gradient_norm(task *k, float limit) {
    const int64_t n = slices(k->seq->net->numbers);
    double sum = 0;
    k->update.limit = limit;
    tkri_crew_run(&k->seq->crew, n, square_slice, k);
    for (int64_t i = 0; i < n; i++) {
        sum += k->opt->squares[i];
    }
    return sqrt(sum);
}

/* The factor that clips a norm, in PyTorch's form. */
static double clip_factor(const tkr_optimizer *opt, double norm) {
    const double most = tkri_opt_real(opt, TKR_CLIP_NORM);
    return most > 0 && norm > most ? most / (norm + 1e-6) : 1;
}

static tkri_update update_of(const tkr_optimizer *opt, double scale) {
    const int64_t step = tkri_opt_int(opt, TKR_STEP_COUNT) + 1;
    const double b1 = (double)(float)tkri_opt_real(opt, TKR_BETA1);
    const double b2 = (double)(float)tkri_opt_real(opt, TKR_BETA2);
    const double keep = opt->kind == TKR_RMSPROP ? tkri_opt_real(opt, TKR_SMOOTHING) : b2;
    return (tkri_update){
        .rate = (float)tkri_schedule_rate(opt, step - 1),
        .scale = (float)scale,
        .limit = (float)tkri_opt_real(opt, TKR_CLIP_VALUE),
        .beta1 = (float)b1,
        .beta2 = (float)keep,
        .epsilon = (float)tkri_opt_real(opt, TKR_EPSILON),
        .decay = (float)tkri_opt_real(opt, TKR_WEIGHT_DECAY),
        .momentum = (float)tkri_opt_real(opt, TKR_MOMENTUM),
        .correct1 = (float)(1 / (1 - pow(b1, (double)step))),
        .correct2 = (float)(1 / sqrt(1 - pow(b2, (double)step))),
        .nesterov = (int32_t)tkri_opt_int(opt, TKR_NESTEROV),
        .decoupled = opt->kind == TKR_ADAMW,
    };
}

int32_t tkri_optimizer_step(tkr_optimizer *opt, tkr_sequence *seq) {
    const float limit = (float)tkri_opt_real(opt, TKR_CLIP_VALUE);
    task k = {.opt = opt, .seq = seq};
    const double norm = gradient_norm(&k, 0.0f);
    const double limited = limit > 0.0f ? gradient_norm(&k, limit) : norm;
    const double scale = clip_factor(opt, limited);
    REQUIRE(isfinite(norm), &opt->detail, TKR_ERR_NUMERIC,
            "a gradient is not finite; the parameters were not changed");
    REQUIRE(limited * scale <= LARGEST_NORM, &opt->detail, TKR_ERR_NUMERIC,
            "the gradient's norm %g is too large; the parameters were not changed", limited);
    k.update = update_of(opt, scale);
    tkri_crew_run(&seq->crew, slices(seq->net->numbers), update_slice, &k);
    opt->floats[TKR_GRADIENT_NORM - TKRI_OPT_FLOAT_BASE] = norm;
    opt->ints[TKR_STEP_COUNT - TKRI_OPT_INT_BASE]++;
    tkri_cell_refresh(opt->cell);
    return TKR_OK;
}
