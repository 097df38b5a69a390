/* SPDX-License-Identifier: MIT
 * Parts that see several steps of a sequence but have no recurrence: docs/maths.md, "Convolution"
 * and "The last step". */
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

/* The step whose column j LAST gives out. */
static int64_t step_of(const orc_net *net, const orc_part *part, int64_t b, int64_t j) {
    const orc_part *read = part->from[0] >= 0 ? &net->parts[part->from[0]] : NULL;
    return read && read->backwards[j] ? 0 : net->lengths[b] - 1;
}

void orc_last_forward(const orc_net *net, orc_part *part) {
    memset(part->output, 0, (size_t)(net->batch * part->out) * sizeof *part->output);
    for (int64_t i = 0; i < net->batch * part->out; i++) {
        int64_t b = i / part->out, j = i % part->out;
        if (net->lengths[b] > 0) {
            int64_t row = step_of(net, part, b, j) * net->batch + b;
            part->output[i] = part->in[0][row * part->out + j];
        }
    }
}

void orc_last_backward(const orc_net *net, orc_part *part, orc_window window, const double *dy,
                       double *dx) {
    for (int64_t i = 0; i < net->batch * part->out; i++) {
        int64_t b = i / part->out, j = i % part->out;
        if (net->lengths[b] > 0 && orc_holds_final(net, b, window)) {
            dx[(step_of(net, part, b, j) * net->batch + b) * part->out + j] += dy[i];
        }
    }
}

/* Where channel i of step t of a sequence is: among `inputs` [T][B][I], or, before step 0, in the
 * past [B][steps of it][I]. */
static double *input_at(const orc_net *net, const orc_part *part, double *inputs, double *past,
                        int64_t t, int64_t b, int64_t i) {
    int64_t I = part->spec.input;
    return t >= 0 ? inputs + (t * net->batch + b) * I + i
                  : past + (b * part->past + part->past + t) * I + i;
}

/* One product of a convolution: an output of a step, a channel of a step, a weight. */
typedef struct tap {
    int64_t output, channel, step, weight;
} tap;

/* The n-th tap of the outputs of step t. */
static tap tap_at(const orc_part *part, int64_t t, int64_t n) {
    const orc_spec *s = &part->spec;
    int64_t in = s->input / s->groups, o = n / (in * s->kernel), k = n % s->kernel;
    int64_t group = o / (s->hidden / s->groups);
    return (tap){.output = o,
                 .channel = group * in + n / s->kernel % in,
                 .step = t - (s->kernel - 1 - k) * s->dilation,
                 .weight = n};
}

static int64_t n_taps(const orc_part *part) {
    return part->spec.hidden * part->spec.input / part->spec.groups * part->spec.kernel;
}

void orc_conv_forward(const orc_net *net, orc_part *part) {
    int64_t I = part->spec.input, O = part->out;
    memset(part->output, 0, (size_t)(net->steps * net->batch * O) * sizeof *part->output);
    if (part->past > 0 && !net->given) {
        memset(part->h_0, 0, (size_t)(net->batch * part->recur) * sizeof *part->h_0);
    }
    for (int64_t row = 0; row < orc_rows(net, part); row++) {
        int64_t t = row / net->batch, b = row % net->batch;
        for (int64_t n = 0; t < net->lengths[b] && n < n_taps(part); n++) {
            tap at = tap_at(part, t, n);
            part->output[row * O + at.output] +=
                part->value[0].w_ih[at.weight] *
                *input_at(net, part, part->in[0], part->h_0, at.step, b, at.channel);
        }
        for (int64_t o = 0; t < net->lengths[b] && part->value[0].b_ih && o < O; o++) {
            part->output[row * O + o] += part->value[0].b_ih[o];
        }
    }
    for (int64_t i = 0; i < net->batch * part->recur; i++) {
        int64_t b = i / part->recur, step = net->lengths[b] - part->past + i % part->recur / I;
        part->h_n[i] = *input_at(net, part, part->in[0], part->h_0, step, b, i % I);
    }
}

/* `d` flows to channel i of step t, unless that is before the window. */
static void flow(const orc_net *net, orc_part *part, orc_window window, double *dx, int64_t t,
                 int64_t b, int64_t i, double d) {
    if (t >= window.from || window.from == 0 || part->once) {
        *input_at(net, part, dx, part->dh_0, t, b, i) += d;
    }
}

void orc_conv_backward(const orc_net *net, orc_part *part, orc_window window, const double *dy,
                       double *dx) {
    int64_t I = part->spec.input, O = part->out;
    int64_t first = part->once ? 0 : window.from * net->batch;
    int64_t end = part->once ? net->batch : window.end * net->batch;
    for (int64_t row = first; row < end; row++) {
        int64_t t = row / net->batch, b = row % net->batch;
        for (int64_t n = 0; t < net->lengths[b] && n < n_taps(part); n++) {
            tap at = tap_at(part, t, n);
            double d = dy[row * O + at.output];
            part->grad[0].w_ih[at.weight] +=
                d * *input_at(net, part, part->in[0], part->h_0, at.step, b, at.channel);
            flow(net, part, window, dx, at.step, b, at.channel, d * part->value[0].w_ih[at.weight]);
        }
        for (int64_t o = 0; t < net->lengths[b] && part->grad[0].b_ih && o < O; o++) {
            part->grad[0].b_ih[o] += dy[row * O + o];
        }
    }
    for (int64_t i = 0; i < net->batch * part->recur; i++) {
        int64_t b = i / part->recur, step = net->lengths[b] - part->past + i % part->recur / I;
        if (orc_holds_final(net, b, window)) {
            flow(net, part, window, dx, step, b, i % I, part->dh_n[i]);
        }
    }
}
