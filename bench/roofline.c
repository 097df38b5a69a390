/* SPDX-License-Identifier: MIT */
#include "roofline.h"

#include <math.h>

#include <tekrar/tekrar.h>

/* Sizes of one layer, as real numbers. */
typedef struct layer {
    double steps, batch, input, hidden, gates;
    int ids;            /* the input product is a gather */
    int input_gradient; /* dL/dx is wanted */
    int activations;    /* transcendental functions per unit and step */
    int saved;          /* numbers kept per unit and step from forward to backward */
} layer;

static layer layer_of(const workload *w, int64_t index) {
    layer l = {.steps = (double)w->steps,
               .batch = (double)w->batch,
               .input = (double)(index ? w->hidden : w->input),
               .hidden = (double)w->hidden,
               .gates = (double)workload_gates(w)};
    l.ids = index == 0 && w->ids;
    l.input_gradient = index > 0 || w->task == TASK_LAYER;
    if (w->kind == TKR_LSTM) {
        l.activations = 5, l.saved = 6; /* i f g o, c, h; tanh(c) is computed again */
    } else if (w->kind == TKR_GRU) {
        l.activations = 3, l.saved = 5; /* r z n, U_n h + b_hn, h */
    } else {
        l.activations = w->activation == TKR_RELU ? 0 : 1, l.saved = 1;
    }
    return l;
}

/* 2 T B H GH: the products with W_hh of one pass over time. */
static double recurrent_flops(const layer *l) {
    return 2 * l->steps * l->batch * l->hidden * l->gates * l->hidden;
}

/* 2 T B I GH: the products with W_ih. */
static double input_flops(const layer *l) {
    return l->ids ? 0 : 2 * l->steps * l->batch * l->input * l->gates * l->hidden;
}

/* Bulk products: forward input, dW_ih, dW_hh, and dX where it is wanted. */
static double bulk_flops(const layer *l) {
    return input_flops(l) * (l->input_gradient ? 3 : 2) + recurrent_flops(l);
}

static double head_flops(const workload *w) {
    return 2 * (double)(w->steps * w->batch) * (double)w->hidden * (double)w->output;
}

double workload_flops(const workload *w) {
    double flops = 3 * head_flops(w);
    if (w->task == TASK_STREAM) {
        return 2 * (double)(workload_gates(w) * w->hidden) * (double)(w->input + w->hidden);
    }
    for (int64_t k = 0; k < w->layers; k++) {
        layer l = layer_of(w, k);
        flops += 2 * recurrent_flops(&l) + bulk_flops(&l);
    }
    return flops;
}

double workload_forward_flops(const workload *w) {
    double flops = head_flops(w);
    for (int64_t k = 0; k < w->layers; k++) {
        layer l = layer_of(w, k);
        flops += recurrent_flops(&l) + input_flops(&l);
    }
    return flops;
}

/* Seconds to move `bytes` of a working set that each core holds its share of. */
static double move(const machine *m, int n, double bytes, double working_set) {
    return bytes / (n * machine_bandwidth(m, n, working_set / n));
}

/* Forward and backward of a layer over all its steps, in seconds. */
static double layer_seconds(const layer *l, const machine *m, int n) {
    double peak = n * machine_flops(m, n), weights = 4 * l->gates * l->hidden * l->hidden;
    double units = l->steps * l->batch * l->hidden, saved = 4 * units * l->saved;
    double pass = fmax(recurrent_flops(l) / peak, move(m, n, l->steps * weights, weights));
    return 2 * pass + bulk_flops(l) / peak + units * l->activations * m->activation / n +
           move(m, n, 3 * saved, saved);
}

/* Linear head, softmax (one exponential per output, as an activation), and Adam. */
static double train_seconds(const workload *w, const machine *m, int n) {
    double parameters = (double)workload_parameters(w);
    double seconds = 3 * head_flops(w) / (n * machine_flops(m, n));
    if (w->loss == LOSS_CROSS_ENTROPY) {
        seconds += (double)(w->steps * w->batch * w->output) * m->activation / n;
    }
    return seconds + move(m, n, 28 * parameters, 16 * parameters);
}

/* One step at batch 1: the weights are read once, half of the activations hide behind that. */
static double stream_seconds(const workload *w, const machine *m, int n) {
    const double call = 40e-9;
    layer l = layer_of(w, 0);
    double bytes = w->precision == TKR_INT8 ? 1 : w->precision == TKR_BF16 ? 2 : 4;
    double weights = bytes * l.gates * l.hidden * (l.input + l.hidden);
    return move(m, n, weights, weights) + call + 0.5 * l.activations * l.hidden * m->activation;
}

double roofline_ns(const workload *w, const machine *m, int threads) {
    double seconds = 0;
    if (w->task == TASK_STREAM) {
        return 1e9 * stream_seconds(w, m, threads);
    }
    for (int64_t k = 0; k < w->layers; k++) {
        layer l = layer_of(w, k);
        seconds += layer_seconds(&l, m, threads);
    }
    return 1e9 * (seconds + (w->task == TASK_TRAIN ? train_seconds(w, m, threads) : 0));
}
