/* SPDX-License-Identifier: MIT
 * Losses. With w the weight of a step of a sequence and S the sum of all weights (or 1: the sum):
 *
 *     cross-entropy   L = 1/S     sum w (ln sum_j e^{y_j} - y_target)
 *                     dL/dy = w/S (softmax(y) - 1[target])
 *     squared error   L = 1/(S O) sum w sum_o (y_o - t_o)^2
 *                     dL/dy = 2 w/(S O) (y - t)
 *     binary          L = 1/(S O) sum w sum_o (softplus(y_o) - t_o y_o)
 *                     dL/dy = w/(S O) (s(y) - t)
 *
 * Terms are summed in double, in the caller's order. */
#include "train/loss.h"

#include <math.h>
#include <string.h>

#include "core/fpmode.h"

typedef struct task {
    tkr_sequence *seq;
    const int32_t *ids;
    const float *values, *weights;
    int32_t kind;
    double scale; /* of a weight, in the gradient and in the loss */
} task;

double tkri_loss_row(int32_t kind, const float *y, const float *target, int64_t n, float *dy,
                     double w) {
    double sum = 0;
    for (int64_t j = 0; j < n; j++) {
        const double a = (double)y[j], t = (double)target[j];
        double slope;
        if (kind == TKR_MSE) {
            sum += (a - t) * (a - t);
            slope = 2 * (a - t);
        } else {
            const double e = exp(-fabs(a));
            sum += (a > 0 ? a : 0) + log1p(e) - t * a;
            slope = (a > 0 ? 1 : e) / (1 + e) - t;
        }
        if (dy) {
            dy[j] = (float)(w * slope / (double)n);
        }
    }
    return sum / (double)n;
}

static double one_row(const task *k, float *dy, const float *y, int64_t user, double w) {
    const int64_t n = k->seq->u.net->output;
    if (k->ids) {
        return k->seq->u.cell->kern->softmax(dy, y, n, k->ids[user], (float)w);
    }
    return tkri_loss_row(k->kind, y, k->values + user * n, n, dy, w);
}

static void loss_chunk(void *argument, int64_t index) {
    const task *k = argument;
    tkr_sequence *seq = k->seq;
    const tkri_chunk *chunk = tkri_output_chunk(&seq->u, index);
    const tkri_view y = tkri_output(&seq->u, chunk);
    const int64_t ld = tkri_row_len(seq->u.net->output);
    float *loss_dy = seq->u.grad.loss_dy;
    const uint64_t mode = tkri_fpmode_enter();
    for (int64_t t = 0; t < chunk->steps; t++) {
        for (int64_t i = 0; i < chunk->active[t]; i++) {
            const int64_t row = chunk->first[t] + i, user = tkri_user_row(&seq->u, chunk, t, i);
            const double w = k->weights ? (double)k->weights[user] : 1;
            float *dy = loss_dy ? loss_dy + (chunk->row0 + row) * ld : NULL;
            seq->row_loss[user] = 0;
            if (w > 0) {
                seq->row_loss[user] = w * one_row(k, dy, y.p + row * y.ld, user, w * k->scale);
            } else if (dy) {
                memset(dy, 0, (size_t)ld * sizeof *dy);
            }
        }
    }
    tkri_fpmode_leave(mode);
}

/* Is this step of this sequence in the batch? */
static int valid(const tkr_sequence *seq, int64_t t, int64_t b) {
    return t < seq->u.plan.length[seq->u.plan.position[b]];
}

static int32_t check_target(tkr_sequence *seq, const task *k, int64_t t, int64_t b) {
    const int64_t n = seq->u.net->output, user = t * seq->u.plan.batch + b;
    if (k->ids) {
        REQUIRE(k->ids[user] >= 0 && k->ids[user] < n, &seq->detail, TKR_ERR_TOKEN,
                "target %d at step %lld of sequence %lld is not in 0..%lld", (int)k->ids[user],
                (long long)t, (long long)b, (long long)n - 1);
        return TKR_OK;
    }
    for (int64_t j = 0; k->kind == TKR_BINARY_CROSS_ENTROPY && j < n; j++) {
        const float target = k->values[user * n + j];
        REQUIRE(target >= 0.0f && target <= 1.0f, &seq->detail, TKR_ERR_ARGUMENT,
                "binary target %g at step %lld of sequence %lld is not in 0..1", (double)target,
                (long long)t, (long long)b);
    }
    return TKR_OK;
}

/* Check weights and targets; the sum of the weights. */
static int32_t check(const task *k, double *sum) {
    tkr_sequence *seq = k->seq;
    *sum = 0;
    for (int64_t t = 0; t < tkri_output_steps(seq); t++) {
        for (int64_t b = 0; b < seq->u.plan.batch; b++) {
            if (!valid(seq, t, b)) {
                continue;
            }
            const float w = k->weights ? k->weights[t * seq->u.plan.batch + b] : 1.0f;
            REQUIRE(w >= 0.0f && w <= 3e38f, &seq->detail, TKR_ERR_ARGUMENT,
                    "weight %g at step %lld of sequence %lld is not finite and >= 0", (double)w,
                    (long long)t, (long long)b);
            if (w > 0.0f) {
                TRY(check_target(seq, k, t, b));
            }
            *sum += (double)w;
        }
    }
    REQUIRE(*sum > 0, &seq->detail, TKR_ERR_ARGUMENT, "the loss weights sum to 0");
    return TKR_OK;
}

static double total(const tkr_sequence *seq) {
    double sum = 0;
    for (int64_t t = 0; t < tkri_output_steps(seq); t++) {
        for (int64_t b = 0; b < seq->u.plan.batch; b++) {
            sum += valid(seq, t, b) ? seq->row_loss[t * seq->u.plan.batch + b] : 0;
        }
    }
    return sum;
}

int32_t tkri_loss_fits(const tkri_net *net, int32_t logits, tkri_detail *detail) {
    const tkri_layer *top = &net->layers[net->n_layers - 1];
    REQUIRE(!logits || !top->is_probability, detail, TKR_ERR_UNSUPPORTED,
            "the loss takes logits, but what part '%s' gives comes from a softmax",
            top->part->name[0] ? top->part->name : top->part->kind->name);
    return TKR_OK;
}

int32_t tkri_loss(tkr_sequence *seq, double *loss, const int32_t *ids, const float *values,
                  int32_t kind, const float *weights) {
    task k = {seq, ids, values, weights, kind, 1};
    double weight_sum;
    TRY(tkri_loss_fits(seq->u.net, ids || kind == TKR_BINARY_CROSS_ENTROPY, &seq->detail));
    TRY(check(&k, &weight_sum));
    if (!tkri_options_int(&seq->options, TKR_REDUCTION)) {
        k.scale = 1 / weight_sum;
    }
    tkri_team_run(&seq->u.team, seq->u.plan.n_chunks, loss_chunk, &k);
    const double sum = total(seq) * k.scale;
    const int back = tkri_has_gone_back(seq);
    seq->phase = back ? TKRI_BACK : TKRI_RAN;
    REQUIRE(isfinite(sum), &seq->detail, TKR_ERR_NUMERIC, "the loss is not finite");
    seq->phase = back ? TKRI_BACK_LOSS : TKRI_LOSS;
    *loss = sum;
    return TKR_OK;
}
