/* SPDX-License-Identifier: MIT */
#include "ours.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tekrar/tekrar.h>

#include "clock.h"
#include "loaded.h"
#include "memory.h"

/* One setup's objects. */
typedef struct ours {
    memory_count memory;
    tkr_env env;
    const workload *w;
    const dataset *d;
    tkr_cell *cell;
    tkr_sequence *seq;
    tkr_optimizer *adam;
    tkr_state *state;
    float *output;         /* [T][B][H] of a layer, [H] of a stream */
    float *input_gradient; /* [T][B][I] of a layer */
    int64_t step;          /* of the stream, cycling through its inputs */
    uint64_t announced, growing, resident_before;
    double error; /* of quantized weights */
    double mark;  /* when the phase at hand began */
    double laps[PHASES];
    char text[160];
} ours;

/* Forward a failing status, as the library's own code does. */
#define TRY(call)                 \
    do {                          \
        int32_t status_ = (call); \
        if (status_ < 0) {        \
            return status_;       \
        }                         \
    } while (0)

static int32_t make_recurrent(ours *o, tkr_cell **cell) {
    const workload *w = o->w;
    TRY(tkr_cell_create(cell, w->kind, w->input, w->hidden, &o->env));
    if (w->layers > 1) {
        TRY(tkr_cell_set_int(*cell, TKR_LAYERS, w->layers));
    }
    return w->kind == TKR_ELMAN ? tkr_cell_set_int(*cell, TKR_ACTIVATION, w->activation) : TKR_OK;
}

/* The recurrent cell and its linear head, chained. */
static int32_t make_chain(ours *o) {
    tkr_cell *parts[2] = {NULL, NULL};
    int32_t status = make_recurrent(o, &parts[0]);
    if (status == TKR_OK) {
        status = tkr_cell_create(&parts[1], TKR_LINEAR, o->w->hidden, o->w->output, &o->env);
    }
    if (status == TKR_OK) {
        status = tkr_cell_set_name(parts[0], "rnn");
    }
    if (status == TKR_OK) {
        status = tkr_cell_set_name(parts[1], "head");
    }
    if (status == TKR_OK) {
        status = tkr_cell_chain(&o->cell, parts, 2, &o->env);
    }
    tkr_cell_destroy(parts[0]);
    tkr_cell_destroy(parts[1]);
    return status;
}

static int32_t make_cell(ours *o) {
    TRY(o->w->output ? make_chain(o) : make_recurrent(o, &o->cell));
    TRY(tkr_cell_init(o->cell, 1));
    for (int i = 0; i < o->d->n_tensors; i++) {
        const tensor *t = &o->d->tensors[i];
        TRY(tkr_cell_set_parameter(o->cell, t->name, t->values, t->len));
    }
    return TKR_OK;
}

/* Put a cell with smaller weights in the cell's place. */
static int32_t quantize_cell(ours *o) {
    const tkr_trial trial = {.size = sizeof trial, .steps = o->w->steps, .input = o->d->input};
    double report[TKR_REPORT_LEN];
    tkr_cell *quantized;
    TRY(tkr_cell_quantize(&quantized, report, o->cell, o->w->precision, &trial, &o->env));
    tkr_cell_destroy(o->cell);
    o->cell = quantized;
    o->error = report[TKR_REPORT_MAX];
    return TKR_OK;
}

/* Of the sequence. */
static int32_t mode_of(const workload *w) {
    return TKR_TRAINING | w->mode | (w->task == TASK_LAYER ? TKR_INPUT_GRADIENT : 0);
}

static int32_t make_objects(ours *o) {
    TRY(make_cell(o));
    if (o->w->precision) {
        TRY(quantize_cell(o));
    }
    if (o->w->task == TASK_STREAM) {
        return tkr_state_create(&o->state, o->cell, 1, &o->env);
    }
    TRY(tkr_sequence_create(&o->seq, o->cell, o->w->steps, o->w->batch, mode_of(o->w), &o->env));
    if (o->w->task == TASK_LAYER) {
        return TKR_OK;
    }
    TRY(tkr_optimizer_create(&o->adam, TKR_ADAM, o->cell, &o->env));
    return tkr_optimizer_set_float(o->adam, TKR_LEARNING_RATE, 0.001);
}

/* What the _size() calls announce for these objects. */
static int32_t announce(ours *o) {
    uint64_t cell = 0, rest = 0, adam = 0, one = 0;
    const workload *w = o->w;
    TRY(tkr_cell_size(&cell, o->cell));
    if (o->state) {
        TRY(tkr_state_size(&rest, o->cell, 1));
    }
    if (o->seq) {
        TRY(tkr_sequence_size(&one, o->cell, 1, w->batch, mode_of(w), &o->env));
        TRY(tkr_sequence_size(&rest, o->cell, w->steps, w->batch, mode_of(w), &o->env));
    }
    if (o->adam) {
        TRY(tkr_optimizer_size(&adam, TKR_ADAM, o->cell));
    }
    o->announced = cell + rest + adam;
    o->growing = rest - one;
    return TKR_OK;
}

/* Training hands nothing to the caller; what is not used must not count as the library's. */
static int make_buffers(ours *o) {
    int64_t n = o->w->task == TASK_STREAM ? 1 : o->w->steps * o->w->batch;
    if (o->w->task == TASK_TRAIN) {
        return 0;
    }
    o->output = calloc((size_t)(n * o->w->hidden), sizeof *o->output);
    o->input_gradient = calloc((size_t)(n * o->w->input), sizeof *o->input_gradient);
    return o->output && o->input_gradient ? 0 : -1;
}

static void ours_finish(contender *c) {
    ours *o = c->self;
    tkr_state_destroy(o->state);
    tkr_optimizer_destroy(o->adam);
    tkr_sequence_destroy(o->seq);
    tkr_cell_destroy(o->cell);
    free(o->output);
    free(o->input_gradient);
    o->state = NULL, o->adam = NULL, o->seq = NULL, o->cell = NULL;
    o->output = o->input_gradient = NULL;
}

static int ours_setup(contender *c, const workload *w, const dataset *d, int threads) {
    ours *o = c->self;
    int32_t status;
    o->w = w, o->d = d, o->step = 0, o->text[0] = 0;
    o->env.threads = threads;
    o->env.detail = o->text;
    o->env.detail_len = sizeof o->text;
    memset(&o->memory, 0, sizeof o->memory);
    o->resident_before = memory_resident();
    status = make_objects(o);
    if (status == TKR_OK) {
        status = announce(o);
    }
    if (status == TKR_OK && make_buffers(o)) {
        status = TKR_ERR_MEMORY;
    }
    if (status != TKR_OK) {
        snprintf(c->detail, sizeof c->detail, "%.40s: %.150s", tkr_status_text(status), o->text);
        ours_finish(c);
        return status == TKR_ERR_UNSUPPORTED ? SETUP_UNSUPPORTED : SETUP_FAILED;
    }
    return SETUP_OK;
}

/* ---- what is timed --------------------------------------------------------------------------- */

/* The time since the last mark belongs to this phase. */
static void lap(ours *o, int phase) {
    double now = clock_ns();
    o->laps[phase] += now - o->mark;
    o->mark = now;
}

static int32_t forward(ours *o) {
    const workload *w = o->w;
    return w->ids ? tkr_sequence_forward_ids(o->seq, o->d->ids, NULL, w->steps, w->batch)
                  : tkr_sequence_forward(o->seq, o->d->input, NULL, w->steps, w->batch);
}

static int32_t train_once(ours *o, double *check) {
    TRY(forward(o));
    lap(o, PHASE_FORWARD);
    TRY(o->w->loss == LOSS_CROSS_ENTROPY
            ? tkr_sequence_loss_ids(o->seq, &check[0], o->d->target_ids, NULL)
            : tkr_sequence_loss_values(o->seq, &check[0], TKR_MSE, o->d->target, NULL));
    lap(o, PHASE_LOSS);
    TRY(tkr_sequence_backward(o->seq, NULL, NULL));
    lap(o, PHASE_BACKWARD);
    TRY(tkr_optimizer_step(o->adam, o->seq));
    lap(o, PHASE_UPDATE);
    return TKR_OK;
}

/* Output and dL/dx are copied out too: the caller of one layer needs both. */
static int32_t layer_once(ours *o) {
    int64_t n = o->w->steps * o->w->batch;
    TRY(tkr_sequence_zero_gradients(o->seq));
    lap(o, PHASE_UPDATE);
    TRY(forward(o));
    lap(o, PHASE_FORWARD);
    TRY(tkr_sequence_output(o->seq, o->output, n * o->w->hidden));
    lap(o, PHASE_COPIES);
    TRY(tkr_sequence_backward(o->seq, o->d->target, NULL));
    lap(o, PHASE_BACKWARD);
    TRY(tkr_sequence_input_gradient(o->seq, o->input_gradient, n * o->w->input));
    lap(o, PHASE_COPIES);
    return TKR_OK;
}

static int32_t stream_once(ours *o) {
    const float *x = o->d->input + o->step * o->w->input;
    o->step = o->step + 1 < o->w->steps ? o->step + 1 : 0;
    return tkr_cell_step(o->cell, o->state, o->output, x);
}

/* ---- running --------------------------------------------------------------------------------- */

static double squares(const float *values, int64_t n) {
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)values[i] * values[i];
    }
    return sum;
}

/* The two squared norms of a layer's backward. */
static int32_t check_layer(ours *o, double *check) {
    int64_t len = workload_gates(o->w) * o->w->hidden * o->w->hidden;
    float *gradient = malloc((size_t)len * sizeof *gradient);
    int32_t status = TKR_ERR_MEMORY;
    if (gradient) {
        status = tkr_sequence_gradient(o->seq, "weight_hh_l0", gradient, len);
        check[0] = squares(o->input_gradient, o->w->steps * o->w->batch * o->w->input);
        check[1] = squares(gradient, len);
        free(gradient);
    }
    return status;
}

/* One iteration, its time and its laps. */
static int32_t time_once(ours *o, double *ns, double *check) {
    double start = clock_ns();
    memset(o->laps, 0, sizeof o->laps);
    o->mark = start;
    TRY(o->adam ? train_once(o, check) : layer_once(o));
    *ns = o->mark - start;
    return TKR_OK;
}

static int32_t run_batches(ours *o, int64_t n, double *ns, double *check) {
    for (int64_t i = 0; i < n; i++) {
        TRY(time_once(o, &ns[i], check));
    }
    return o->adam ? TKR_OK : check_layer(o, check);
}

static int32_t run_stream(ours *o, int64_t n, double *ns, double *check) {
    double start = clock_ns();
    for (int64_t i = 0; i < n; i++) {
        TRY(stream_once(o));
    }
    ns[0] = (clock_ns() - start) / (double)n;
    check[0] = squares(o->output, o->w->hidden);
    return TKR_OK;
}

static int64_t ours_run(contender *c, int64_t n, double *ns, double *check) {
    ours *o = c->self;
    int32_t status = o->state ? run_stream(o, n, ns, check) : run_batches(o, n, ns, check);
    if (status < 0) {
        snprintf(c->detail, sizeof c->detail, "%s: %.120s%.40s", tkr_status_text(status),
                 o->seq ? tkr_sequence_detail(o->seq) : tkr_state_detail(o->state),
                 o->adam ? tkr_optimizer_detail(o->adam) : "");
        return -1;
    }
    return o->state ? 1 : n;
}

int ours_phases(contender *c, int64_t n, samples phases[PHASES]) {
    ours *o = c->self;
    double ns, check[CHECKS];
    for (int64_t i = 0; i < n; i++) {
        if (time_once(o, &ns, check) < 0) {
            return -1;
        }
        for (int k = 0; k < PHASES; k++) {
            if (samples_add(&phases[k], &o->laps[k], 1)) {
                return -1;
            }
        }
    }
    return 0;
}

int ours_step(contender *c) {
    return stream_once(c->self) < 0 ? -1 : 0;
}

ours_memory ours_memory_of(const contender *c) {
    const ours *o = c->self;
    ours_memory m = {o->announced, o->growing, o->memory.peak,
                     memory_resident() - o->resident_before};
    return m;
}

double ours_error_of(const contender *c) {
    const ours *o = c->self;
    return o->error;
}

const char *ours_tier_name(int32_t tier) {
#define NAME(name, id) [TKR_TIER_##id] = #name,
    static const char *const names[OURS_TIERS] = {[TKR_TIER_BEST] = "best", TKRI_TIERS(NAME)};
    return tier >= 0 && tier < OURS_TIERS ? names[tier] : NULL;
}

const char *ours_tier_text(const contender *c) {
    const ours *o = c->self;
    return ours_tier_name(tkr_cell_tier(o->cell));
}

int ours_create(contender *c, int32_t tier) {
    ours *o = calloc(1, sizeof *o);
    memset(c, 0, sizeof *c);
    if (!o) {
        return -1;
    }
    o->env.size = sizeof o->env;
    o->env.allocate = memory_allocate;
    o->env.release = memory_release;
    o->env.memory_user = &o->memory;
    o->env.tier = tier;
    c->name = "tekrar";
    c->self = o;
    c->setup = ours_setup;
    c->run = ours_run;
    c->finish = ours_finish;
    loaded_blas(c->about, sizeof c->about);
    return 0;
}

void ours_destroy(contender *c) {
    free(c->self);
    c->self = NULL;
}
