/* SPDX-License-Identifier: MIT
 * Parts that see several steps of a sequence but have no recurrence: docs/maths.md, "Convolution"
 * and "The last step". */
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

/* A number of a convolution's input: channel i at step t of sequence b. */
typedef struct place {
    int64_t t, b, i;
} place;

/* Where it is among `inputs` [T][B][I], or, before step 0, in the past [B][steps of it][I]. */
static double *input_at(const orc_net *net, const orc_part *part, double *inputs, double *past,
                        place at) {
    int64_t I = part->spec.input;
    return at.t >= 0 ? inputs + (at.t * net->batch + at.b) * I + at.i
                     : past + (at.b * part->past + part->past + at.t) * I + at.i;
}

static double input_value(const orc_net *net, const orc_part *part, place at) {
    return *input_at(net, part, part->in[0], part->h_0, at);
}

/* One product of a convolution: an output of a step, what it is made of, a weight. */
typedef struct tap {
    int64_t output, weight;
    place input;
} tap;

/* The n-th tap of the outputs of step t of sequence b. */
static tap tap_at(const orc_part *part, int64_t t, int64_t b, int64_t n) {
    const orc_spec *s = &part->spec;
    int64_t in = s->input / s->groups, o = n / (in * s->kernel), k = n % s->kernel;
    int64_t group = o / (s->hidden / s->groups);
    return (tap){.output = o,
                 .weight = n,
                 .input = {.t = t - (s->kernel - 1 - k) * s->dilation,
                           .b = b,
                           .i = group * in + n / s->kernel % in}};
}

static int64_t n_taps(const orc_part *part) {
    return part->spec.hidden * part->spec.input / part->spec.groups * part->spec.kernel;
}

/* What number `n` of the final state is: one of the last steps of past and inputs together. */
static place kept_at(const orc_net *net, const orc_part *part, int64_t n) {
    int64_t b = n / part->recur, I = part->spec.input;
    return (place){net->lengths[b] - part->past + n % part->recur / I, b, n % I};
}

void orc_conv_forward(const orc_net *net, orc_part *part) {
    int64_t O = part->out;
    memset(part->output, 0, (size_t)(net->steps * net->batch * O) * sizeof *part->output);
    if (part->past > 0 && !net->given) {
        memset(part->h_0, 0, (size_t)(net->batch * part->recur) * sizeof *part->h_0);
    }
    for (int64_t row = 0; row < orc_rows(net, part); row++) {
        double *y = part->output + row * O;
        for (int64_t n = 0; orc_is_valid(net, part, row) && n < n_taps(part); n++) {
            tap at = tap_at(part, row / net->batch, row % net->batch, n);
            y[at.output] += part->value[0].w_ih[at.weight] * input_value(net, part, at.input);
        }
        for (int64_t o = 0; orc_is_valid(net, part, row) && part->value[0].b_ih && o < O; o++) {
            y[o] += part->value[0].b_ih[o];
        }
    }
    for (int64_t n = 0; n < net->batch * part->recur; n++) {
        part->h_n[n] = input_value(net, part, kept_at(net, part, n));
    }
}

/* A backward pass: where it ends, and where it adds to. */
typedef struct back {
    orc_window window;
    double *dx;
} back;

/* `d` flows to an input, unless that is before the window. */
static void flow(const orc_net *net, orc_part *part, back to, place at, double d) {
    if (at.t >= to.window.from || to.window.from == 0 || part->once) {
        *input_at(net, part, to.dx, part->dh_0, at) += d;
    }
}

void orc_conv_backward(const orc_net *net, orc_part *part, orc_window window, const double *dy,
                       double *dx) {
    const orc_weights *w = &part->value[0], *dw = &part->grad[0];
    back to = {window, dx};
    int64_t O = part->out, first = part->once ? 0 : window.from * net->batch;
    int64_t end = part->once ? net->batch : window.end * net->batch;
    for (int64_t row = first; row < end; row++) {
        for (int64_t n = 0; orc_is_valid(net, part, row) && n < n_taps(part); n++) {
            tap at = tap_at(part, row / net->batch, row % net->batch, n);
            double d = dy[row * O + at.output];
            dw->w_ih[at.weight] += d * input_value(net, part, at.input);
            flow(net, part, to, at.input, d * w->w_ih[at.weight]);
        }
        for (int64_t o = 0; orc_is_valid(net, part, row) && dw->b_ih && o < O; o++) {
            dw->b_ih[o] += dy[row * O + o];
        }
    }
    for (int64_t n = 0; n < net->batch * part->recur; n++) {
        place at = kept_at(net, part, n);
        if (orc_holds_final(net, at.b, window)) {
            flow(net, part, to, at, part->dh_n[n]);
        }
    }
}
