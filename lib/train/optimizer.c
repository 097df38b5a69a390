/* SPDX-License-Identifier: MIT */
#include "train/optimizer.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "core/fpmode.h"

#define SGD (1u << TKR_SGD)
#define ADAM (1u << TKR_ADAM)
#define ADAMW (1u << TKR_ADAMW)
#define RMS (1u << TKR_RMSPROP)

/* Squares of a gradient of this size are still floats, which the moments must be. */
#define LARGEST_NORM 1e18

/* Of a number that is sure to be a float. */
#define LARGEST 1e38

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
    {TKR_SCHEDULE_STEPS, 0, "schedule_steps", TKRI_INT, 0, 0, 9e15, 0},
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
    TKRI_TAKE(arena, opt->numbers, slices(numbers));
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

/* Numbers `at` .. of the parameters, their gradients and moments. */
typedef struct group {
    float *p, *g, *m, *v;
} group;

static group group_at(const task *k, int64_t at) {
    float *second = k->opt->second;
    return (group){k->opt->cell->net->values + at, k->seq->u.grad.values + at, k->opt->first + at,
                   second ? second + at : NULL};
}

static double update(const task *k, const group *x, int64_t n) {
    const tkri_kern *kern = k->opt->cell->kern;
    const int32_t kind = k->opt->options.kind;
    return (double)(kind == TKR_SGD       ? kern->sgd
                    : kind == TKR_RMSPROP ? kern->rmsprop
                                          : kern->adam)(x->p, x->g, x->m, x->v, n, &k->update);
}

/* Leaves the largest magnitude of what it has made. */
static void update_slice(void *argument, int64_t index) {
    const task *k = argument;
    const group x = group_at(k, index * SLICE);
    const tkri_fpmode mode = tkri_fpmode_enter();
    k->opt->numbers[index] = update(k, &x, slice_len(k->seq->u.net, index));
    tkri_fpmode_leave(mode);
}

static int all_finite(const task *k, const float *x, int64_t n) {
    return isfinite(k->opt->cell->kern->sum_squares(x, n, 0.0f));
}

/* Leaves 1 if the update, made with a copy, gives but finite numbers; else 0. */
static void try_slice(void *argument, int64_t index) {
    enum { COPIED = 256 };
    const task *k = argument;
    const int64_t len = slice_len(k->seq->u.net, index);
    const tkri_fpmode mode = tkri_fpmode_enter();
    int good = 1;
    for (int64_t i = 0; good && i < len; i += COPIED) {
        float copy[4][COPIED];
        const group x = group_at(k, index * SLICE + i);
        const group y = {copy[0], copy[1], copy[2], x.v ? copy[3] : NULL};
        const int64_t n = tkri_min(len - i, COPIED);
        const size_t bytes = (size_t)n * sizeof *x.p;
        memcpy(y.p, x.p, bytes);
        memcpy(y.g, x.g, bytes);
        memcpy(y.m, x.m, bytes);
        if (x.v) {
            memcpy(y.v, x.v, bytes);
        }
        (void)update(k, &y, n);
        good = all_finite(k, y.p, n) && all_finite(k, y.m, n) && (!y.v || all_finite(k, y.v, n));
    }
    k->opt->numbers[index] = good;
    tkri_fpmode_leave(mode);
}

static void square_slice(void *argument, int64_t index) {
    const task *k = argument;
    const tkri_fpmode mode = tkri_fpmode_enter();
    k->opt->numbers[index] = k->opt->cell->kern->sum_squares(
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
        sum += k->opt->numbers[i];
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

/* Can the update make nothing that is not finite? Told from the largest magnitude L of a number so
 * far and from that of a gradient, G: |p| <= L + rate |step|, and so on. */
static int is_safe(const tkr_optimizer *opt, const tkri_update *u, double gradient) {
    const double l = opt->largest, rate = (double)u->rate, decay = (double)u->decay;
    const double g = gradient + (u->decoupled ? 0 : decay * l);
    const int32_t kind = opt->options.kind;
    const double first = l + (kind == TKR_RMSPROP ? g / (double)u->epsilon : g);
    const double step = kind == TKR_SGD       ? first + g
                        : kind == TKR_RMSPROP ? first
                                              : first * (double)u->correct1 / (double)u->epsilon;
    const double most = fmax(fmax(l + g * g, first), l * (1 + rate * decay) + rate * step);
    return opt->known == opt->cell->version && most < LARGEST;
}

/* The largest (or least) of what the slices left. */
static double most_of(const task *k, int least) {
    double most = k->opt->numbers[0];
    for (int64_t i = 1; i < slices(k->seq->u.net->numbers); i++) {
        most = least ? fmin(most, k->opt->numbers[i]) : fmax(most, k->opt->numbers[i]);
    }
    return most;
}

static int32_t check_update(task *k, double gradient) {
    tkr_optimizer *opt = k->opt;
    if (!is_safe(opt, &k->update, gradient)) {
        tkri_team_run(&k->seq->u.team, slices(k->seq->u.net->numbers), try_slice, k);
        REQUIRE(most_of(k, 1) > 0, &opt->detail, TKR_ERR_NUMERIC,
                "a step of rate %g would leave a parameter or a moment that is not finite; nothing "
                "was changed",
                (double)k->update.rate);
    }
    return TKR_OK;
}

int32_t tkri_optimizer_step(tkr_optimizer *opt, tkr_sequence *seq) {
    tkri_options *options = &opt->options;
    REQUIRE(tkri_schedule_is_set(opt), &opt->detail, TKR_ERR_ORDER,
            "TKR_SCHEDULE needs TKR_SCHEDULE_STEPS, which was not set");
    const float limit = (float)tkri_options_real(options, TKR_CLIP_VALUE);
    task k = {.opt = opt, .seq = seq};
    const double norm = gradient_norm(&k, 0.0f);
    const double limited = limit > 0.0f ? gradient_norm(&k, limit) : norm;
    const double scale = clip_factor(opt, limited);
    REQUIRE(isfinite(norm), &opt->detail, TKR_ERR_NUMERIC,
            "a gradient is not finite; nothing was changed. What backward adds to it stays so: "
            "tkr_sequence_zero_gradients() before the next");
    REQUIRE(limited * scale <= LARGEST_NORM, &opt->detail, TKR_ERR_NUMERIC,
            "the gradient's norm %g is too large; nothing was changed. What backward adds to it "
            "stays so: tkr_sequence_zero_gradients() before the next",
            limited);
    k.update = update_of(opt, scale);
    TRY(check_update(&k, limited * scale));
    tkri_team_run(&seq->u.team, slices(seq->u.net->numbers), update_slice, &k);
    opt->largest = most_of(&k, 0);
    tkri_options_set_real(options, TKR_GRADIENT_NORM, norm);
    tkri_options_set_int(options, TKR_STEP_COUNT, tkri_options_int(options, TKR_STEP_COUNT) + 1);
    tkri_cell_refresh(opt->cell);
    opt->known = opt->cell->version;
    return TKR_OK;
}
