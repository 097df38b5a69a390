/* SPDX-License-Identifier: MIT
 * The oracle's losses, optimizers and schedules, and how the tests compare and draw numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

/* The weight of a row [t][b]: 0 past a length. */
static double weight_at(const orc_net *net, const float *weights, int64_t row) {
    if (row / net->batch >= net->lengths[row % net->batch]) {
        return 0;
    }
    return weights ? (double)weights[row] : 1;
}

/* The divisor S. */
static double weight_sum(const orc_net *net, const float *weights, int32_t reduction) {
    double sum = 0;
    for (int64_t row = 0; row < net->steps * net->batch; row++) {
        sum += weight_at(net, weights, row);
    }
    return reduction ? 1 : sum;
}

/* w times -ln p[target], dy = w/S (softmax - onehot). */
static double row_cross_entropy(const double *y, double *dy, int64_t n, int32_t target, double w,
                                double share) {
    double most = -INFINITY, sum = 0;
    for (int64_t j = 0; j < n; j++) {
        most = y[j] > most ? y[j] : most;
    }
    for (int64_t j = 0; j < n; j++) {
        sum += exp(y[j] - most);
    }
    for (int64_t j = 0; j < n; j++) {
        dy[j] = share * (exp(y[j] - most) / sum - (j == target ? 1 : 0));
    }
    return w * (most + log(sum) - y[target]);
}

double orc_loss_ids(orc_net *net, const int32_t *targets, const float *weights, int32_t reduction) {
    int64_t width = orc_output_width(net), rows = net->steps * net->batch;
    double sum = weight_sum(net, weights, reduction), loss = 0;
    memset(net->doutput, 0, (size_t)(rows * width) * sizeof *net->doutput);
    for (int64_t row = 0; row < rows; row++) {
        double w = weight_at(net, weights, row);
        if (w > 0) {
            loss += row_cross_entropy(net->output + row * width, net->doutput + row * width, width,
                                      targets[row], w, w / sum);
        }
    }
    return loss / sum;
}

/* One number's loss, and its derivative in *slope. */
static double value_loss(int32_t kind, double y, double target, double *slope) {
    if (kind == TKR_MSE) {
        *slope = 2 * (y - target);
        return (y - target) * (y - target);
    }
    *slope = 1 / (1 + exp(-y)) - target;
    return (y > 0 ? y : 0) + log1p(exp(-fabs(y))) - target * y;
}

double orc_loss_values(orc_net *net, int32_t kind, const float *targets, const float *weights,
                       int32_t reduction) {
    int64_t width = orc_output_width(net), rows = net->steps * net->batch;
    double divisor = weight_sum(net, weights, reduction) * (double)width, loss = 0;
    memset(net->doutput, 0, (size_t)(rows * width) * sizeof *net->doutput);
    for (int64_t i = 0; i < rows * width; i++) {
        double w = weight_at(net, weights, i / width), slope;
        if (w > 0) {
            loss += w * value_loss(kind, net->output[i], (double)targets[i], &slope);
            net->doutput[i] = w * slope / divisor;
        }
    }
    return loss / divisor;
}

void orc_optimizer_init(orc_optimizer *opt, orc_net *net, int32_t kind, double rate) {
    int64_t numbers = 0;
    for (int64_t i = 0; i < net->n_tensors; i++) {
        numbers += net->tensors[i].rows * net->tensors[i].cols;
    }
    memset(opt, 0, sizeof *opt);
    opt->kind = kind;
    opt->rate = rate;
    opt->beta1 = 0.9;
    opt->beta2 = 0.999;
    opt->epsilon = 1e-8;
    opt->smoothing = 0.99;
    opt->factor = 0.1;
    opt->interval = 1;
    opt->decay = kind == TKR_ADAMW ? 0.01 : 0;
    opt->first = orc_zeros(net, numbers);
    opt->second = orc_zeros(net, numbers);
}

double orc_optimizer_rate(const orc_optimizer *opt) {
    double s = (double)(opt->taken - opt->warmup), steps = (double)opt->interval;
    if (opt->taken < opt->warmup) {
        return opt->rate * (double)(opt->taken + 1) / (double)opt->warmup;
    }
    if (opt->schedule == TKR_SCHEDULE_STEP) {
        return opt->rate * pow(opt->factor, floor(s / steps));
    }
    if (opt->schedule == TKR_SCHEDULE_COSINE) {
        double share = (s < steps ? s : steps) / steps;
        double wave = (1 + cos(3.14159265358979323846 * share)) / 2;
        return opt->rate * (opt->floor + (1 - opt->floor) * wave);
    }
    return opt->rate;
}

/* One parameter's update by its clipped gradient; m, v are its moments. */
static double updated(const orc_optimizer *opt, double p, double g, double *m, double *v,
                      double rate) {
    double step = (double)(opt->taken + 1);
    if (opt->kind == TKR_ADAMW) {
        p -= rate * opt->decay * p;
    } else {
        g += opt->decay * p;
    }
    if (opt->kind == TKR_SGD) {
        *m = opt->momentum * *m + g;
        return p - rate * (opt->nesterov ? g + opt->momentum * *m : *m);
    }
    if (opt->kind == TKR_RMSPROP) {
        *v = opt->smoothing * *v + (1 - opt->smoothing) * g * g;
        *m = opt->momentum * *m + g / (sqrt(*v) + opt->epsilon);
        return p - rate * *m;
    }
    *m = opt->beta1 * *m + (1 - opt->beta1) * g;
    *v = opt->beta2 * *v + (1 - opt->beta2) * g * g;
    double mean = *m / (1 - pow(opt->beta1, step)), power = *v / (1 - pow(opt->beta2, step));
    return p - rate * mean / (sqrt(power) + opt->epsilon);
}

static double gradient_norm(const orc_net *net) {
    double sum = 0;
    for (int64_t i = 0; i < net->n_tensors; i++) {
        const orc_tensor *t = &net->tensors[i];
        for (int64_t j = 0; j < t->rows * t->cols; j++) {
            sum += t->grad[j] * t->grad[j];
        }
    }
    return sqrt(sum);
}

static void clip(const orc_optimizer *opt, orc_net *net) {
    for (int64_t i = 0; opt->clip_value > 0 && i < net->n_tensors; i++) {
        orc_tensor *t = &net->tensors[i];
        for (int64_t j = 0; j < t->rows * t->cols; j++) {
            t->grad[j] = fmin(fmax(t->grad[j], -opt->clip_value), opt->clip_value);
        }
    }
    double norm = gradient_norm(net);
    for (int64_t i = 0; opt->clip_norm > 0 && norm > opt->clip_norm && i < net->n_tensors; i++) {
        orc_tensor *t = &net->tensors[i];
        for (int64_t j = 0; j < t->rows * t->cols; j++) {
            t->grad[j] *= opt->clip_norm / (norm + 1e-6);
        }
    }
}

void orc_optimizer_step(orc_optimizer *opt, orc_net *net) {
    double rate = orc_optimizer_rate(opt);
    int64_t at = 0;
    opt->norm = gradient_norm(net);
    clip(opt, net);
    for (int64_t i = 0; i < net->n_tensors; i++) {
        orc_tensor *t = &net->tensors[i];
        for (int64_t j = 0; j < t->rows * t->cols; j++, at++) {
            t->value[j] =
                updated(opt, t->value[j], t->grad[j], &opt->first[at], &opt->second[at], rate);
        }
    }
    opt->taken++;
    orc_zero_gradients(net);
}

static double distance(double difference, double scale) {
    if (!isfinite(difference) || !isfinite(scale)) {
        return INFINITY;
    }
    return scale > 0 ? sqrt(difference / scale) : sqrt(difference);
}

double orc_distance(const double *a, const double *b, int64_t n) {
    double difference = 0, scale = 0;
    for (int64_t i = 0; i < n; i++) {
        difference += (a[i] - b[i]) * (a[i] - b[i]);
        scale += b[i] * b[i];
    }
    return distance(difference, scale);
}

/* splitmix64 (Steele, Lea & Flood 2014) */
static uint64_t next_word(orc_random *random) {
    uint64_t z = random->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

double orc_uniform(orc_random *random) {
    return (double)(next_word(random) >> 11) * 0x1p-53;
}

int64_t orc_below(orc_random *random, int64_t n) {
    return (int64_t)(next_word(random) % (uint64_t)n);
}

float orc_number(orc_random *random, double scale) {
    double sum = -6;
    for (int i = 0; i < 12; i++) {
        sum += orc_uniform(random);
    }
    return (float)(sum * scale);
}

void orc_fill(orc_random *random, double *values, int64_t n, double scale) {
    for (int64_t i = 0; i < n; i++) {
        values[i] = (double)orc_number(random, scale);
    }
}
