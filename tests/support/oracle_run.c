/* SPDX-License-Identifier: MIT
 * The oracle over time, layers, directions and parts: docs/maths.md, "Over time, layers and
 * directions" and "Truncated back-propagation through time". */
#include <stdlib.h>
#include <string.h>

#include "oracle.h"

static void copy(double *to, const double *from, int64_t n) {
    memcpy(to, from, (size_t)n * sizeof *to);
}

static void add_into(double *to, const double *from, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        to[i] += from[i];
    }
}

static void clear(double *values, int64_t n) {
    memset(values, 0, (size_t)n * sizeof *values);
}

static int64_t layer_width(const orc_part *part, int64_t layer) {
    return layer ? part->out : part->spec.input;
}

static bool reverse_slot(const orc_part *part, int64_t slot) {
    return slot % part->spec.directions == 1;
}

/* Is what the slot gives out at step t the hidden state from before that step? */
static bool outputs_before(const orc_part *part, int64_t slot) {
    return part->spec.before && slot / part->spec.directions == part->spec.layers - 1;
}

/* The initial state of one slot and sequence: the caller's, the learned one, or zero. */
static void initial_state(const orc_net *net, orc_part *part, int64_t slot, int64_t b) {
    const orc_weights *w = &part->value[slot];
    int64_t row = slot * net->batch + b, R = part->recur, h = part->spec.hidden;
    if (net->given) {
        return;
    }
    clear(part->h_0 + row * R, R);
    if (w->h_0) {
        copy(part->h_0 + row * R, w->h_0, R);
    }
    if (part->c_0) {
        clear(part->c_0 + row * h, h);
    }
    if (w->c_0) {
        copy(part->c_0 + row * h, w->c_0, h);
    }
}

/* One sequence of one slot, all its steps; `out` [T][B][D R] receives its half of the output. */
static void slot_forward(orc_net *net, orc_part *part, int64_t slot, int64_t b, double *out) {
    int64_t layer = slot / part->spec.directions, width = layer_width(part, layer);
    int64_t n = net->lengths[b], R = part->recur, h = part->spec.hidden;
    int64_t half = (slot % part->spec.directions) * R, row = slot * net->batch + b;
    copy(part->h_n + row * R, part->h_0 + row * R, R);
    if (part->c_n) {
        copy(part->c_n + row * h, part->c_0 + row * h, h);
    }
    for (int64_t turn = 0; turn < n; turn++) {
        int64_t t = reverse_slot(part, slot) ? n - 1 - turn : turn;
        orc_record *r = orc_record_at(net, part, slot, t, b);
        orc_where at = {slot, t, b, net->batch, net->steps, width};
        copy(r->h_prev, part->h_n + row * R, R);
        if (r->c_prev) {
            copy(r->c_prev, part->c_n + row * h, h);
        }
        orc_cell_forward(part, at, part->in[layer] + (t * net->batch + b) * width, r);
        copy(part->h_n + row * R, r->h, R);
        if (r->c) {
            copy(part->c_n + row * h, r->c, h);
        }
        copy(out + (t * net->batch + b) * part->out + half,
             outputs_before(part, slot) ? r->h_prev : r->h, R);
    }
}

static void recurrent_forward(orc_net *net, orc_part *part) {
    int64_t size = net->steps * net->batch * part->out;
    for (int64_t layer = 0; layer < part->spec.layers; layer++) {
        bool last = layer == part->spec.layers - 1;
        double *out = last ? part->output : part->in[layer + 1];
        clear(out, size);
        for (int64_t d = 0; d < part->spec.directions; d++) {
            for (int64_t b = 0; b < net->batch; b++) {
                initial_state(net, part, layer * part->spec.directions + d, b);
                slot_forward(net, part, layer * part->spec.directions + d, b, out);
            }
        }
        for (int64_t i = 0; !last && part->noise.between && i < size; i++) {
            out[i] *= part->noise.between[layer * size + i];
        }
    }
}

/* y = f(W x + b), y = E' x, or y = mask * x for one step of one sequence. */
static void flat_row_forward(const orc_part *part, int64_t row, double *y) {
    const double *x = part->in[0] + row * part->spec.input, *w = part->value[0].w_ih;
    int64_t I = part->spec.input, O = part->spec.hidden;
    for (int64_t o = 0; o < O; o++) {
        double a = part->value[0].b_ih ? part->value[0].b_ih[o] : 0;
        if (part->spec.kind == TKR_DROPOUT) {
            y[o] = x[o] * (part->noise.dropout ? part->noise.dropout[row * I + o] : 1);
            continue;
        }
        for (int64_t i = 0; i < I; i++) {
            a += x[i] * (part->spec.kind == TKR_LINEAR ? w[o * I + i] : w[i * O + o]);
        }
        y[o] = part->spec.kind == TKR_LINEAR ? orc_activate(part->spec.activation, a) : a;
    }
}

static void flat_row_backward(const orc_part *part, int64_t row, const double *dy, double *dx) {
    const double *x = part->in[0] + row * part->spec.input, *w = part->value[0].w_ih;
    const double *y = part->output + row * part->out;
    double *dw = part->grad[0].w_ih, *db = part->grad[0].b_ih;
    int64_t I = part->spec.input, O = part->spec.hidden;
    for (int64_t o = 0; o < O; o++) {
        if (part->spec.kind == TKR_DROPOUT) {
            dx[o] += dy[o] * (part->noise.dropout ? part->noise.dropout[row * I + o] : 1);
            continue;
        }
        bool linear = part->spec.kind == TKR_LINEAR;
        double da = dy[o] * (linear ? orc_activate_slope(part->spec.activation, y[o]) : 1);
        for (int64_t i = 0; i < I; i++) {
            int64_t at = linear ? o * I + i : i * O + o;
            dw[at] += da * x[i];
            dx[i] += da * w[at];
        }
        if (db) {
            db[o] += da;
        }
    }
}

static void part_forward(orc_net *net, orc_part *part) {
    if (part->spec.kind <= TKR_GRU) {
        recurrent_forward(net, part);
        return;
    }
    clear(part->output, net->steps * net->batch * part->out);
    for (int64_t row = 0; row < net->steps * net->batch; row++) {
        if (row / net->batch < net->lengths[row % net->batch]) {
            flat_row_forward(part, row, part->output + row * part->out);
        }
    }
}

void orc_forward(orc_net *net) {
    const double *from = net->input;
    for (int64_t i = 0; i < net->n_parts; i++) {
        orc_part *part = &net->parts[i];
        copy(part->in[0], from, net->steps * net->batch * part->spec.input);
        part_forward(net, part);
        from = part->output;
    }
}

/* One sequence of one slot, backward over a window; dh, dc hold what comes from later steps. */
static void slot_steps_backward(orc_net *net, orc_part *part, int64_t slot, int64_t b,
                                orc_window window, const double *dy, double *dx, double *dh,
                                double *dc) {
    int64_t layer = slot / part->spec.directions, width = layer_width(part, layer);
    int64_t n = net->lengths[b], R = part->recur, half = (slot % part->spec.directions) * R;
    int64_t last = n < window.end ? n : window.end;
    for (int64_t turn = last - 1; turn >= window.from; turn--) {
        int64_t t = reverse_slot(part, slot) ? n - 1 - turn : turn;
        orc_record *r = orc_record_at(net, part, slot, t, b);
        orc_where at = {slot, t, b, net->batch, net->steps, width};
        const double *dy_t = dy + (t * net->batch + b) * part->out + half;
        bool before = outputs_before(part, slot);
        if (!before) {
            add_into(dh, dy_t, R);
        }
        if (t >= window.start) {
            copy(r->dh, dh, R);
        }
        orc_cell_backward(part, at, part->in[layer] + (t * net->batch + b) * width,
                          dx + (t * net->batch + b) * width, r, dh, dc);
        if (before) {
            add_into(dh, dy_t, R);
        }
    }
}

/* Does the gradient of the final state of sequence b belong to this window? */
static bool holds_final(const orc_net *net, int64_t b, orc_window window) {
    int64_t last = net->lengths[b] > 0 ? net->lengths[b] - 1 : 0;
    return last >= window.start && last < window.end;
}

static void slot_backward(orc_net *net, orc_part *part, int64_t slot, int64_t b, orc_window window,
                          const double *dy, double *dx) {
    int64_t R = part->recur, h = part->spec.hidden, row = slot * net->batch + b;
    double *dh = calloc((size_t)(R + h), sizeof *dh), *dc = part->dc_n ? dh + R : NULL;
    if (holds_final(net, b, window)) {
        copy(dh, part->dh_n + row * R, R);
        if (dc) {
            copy(dc, part->dc_n + row * h, h);
        }
    }
    slot_steps_backward(net, part, slot, b, window, dy, dx, dh, dc);
    if (window.from == 0) {
        add_into(part->dh_0 + row * R, dh, R);
        if (part->grad[slot].h_0 && !net->given) {
            add_into(part->grad[slot].h_0, dh, R);
        }
    }
    if (window.from == 0 && dc) {
        add_into(part->dc_0 + row * h, dc, h);
        if (part->grad[slot].c_0 && !net->given) {
            add_into(part->grad[slot].c_0, dc, h);
        }
    }
    free(dh);
}

/* From dy [T][B][O] of the part to dx [T][B][I], added. */
static void recurrent_backward(orc_net *net, orc_part *part, orc_window window, const double *dy,
                               double *dx) {
    int64_t rows = net->steps * net->batch, size = rows * part->out;
    double *above = calloc((size_t)size, sizeof *above);
    copy(above, dy, size);
    for (int64_t layer = part->spec.layers - 1; layer >= 0; layer--) {
        double *below = calloc((size_t)(rows * layer_width(part, layer)), sizeof *below);
        for (int64_t d = 0; d < part->spec.directions; d++) {
            for (int64_t b = 0; b < net->batch; b++) {
                slot_backward(net, part, layer * part->spec.directions + d, b, window, above,
                              below);
            }
        }
        for (int64_t i = 0; layer > 0 && part->noise.between && i < size; i++) {
            below[i] *= part->noise.between[(layer - 1) * size + i];
        }
        free(above);
        above = below;
    }
    add_into(dx, above, rows * part->spec.input);
    free(above);
}

static void part_backward(orc_net *net, orc_part *part, orc_window window, const double *dy,
                          double *dx) {
    if (part->spec.kind <= TKR_GRU) {
        recurrent_backward(net, part, window, dy, dx);
        return;
    }
    for (int64_t row = 0; row < net->steps * net->batch; row++) {
        if (row / net->batch < net->lengths[row % net->batch]) {
            flat_row_backward(part, row, dy + row * part->out, dx + row * part->spec.input);
        }
    }
}

/* The losses of one window, back through all parts. */
static void window_backward(orc_net *net, orc_window window) {
    int64_t rows = net->steps * net->batch, width = orc_output_width(net);
    double *dy = calloc((size_t)(rows * width), sizeof *dy);
    int64_t first = window.start * net->batch * width;
    copy(dy + first, net->doutput + first, (window.end - window.start) * net->batch * width);
    for (int64_t i = net->n_parts - 1; i >= 0; i--) {
        orc_part *part = &net->parts[i];
        double *dx = calloc((size_t)(rows * part->spec.input), sizeof *dx);
        part_backward(net, part, window, dy, dx);
        free(dy);
        dy = dx;
    }
    add_into(net->dinput, dy, rows * orc_input_width(net));
    free(dy);
}

static void clear_part(const orc_net *net, orc_part *part) {
    if (part->spec.kind > TKR_GRU) {
        return;
    }
    clear(part->dh_0, part->slots * net->batch * part->recur);
    if (part->dc_0) {
        clear(part->dc_0, part->slots * net->batch * part->spec.hidden);
    }
    for (int64_t i = 0; i < part->slots * net->steps * net->batch; i++) {
        clear(part->records[i].dh, part->recur);
    }
}

void orc_backward(orc_net *net, int64_t k1, int64_t k2) {
    int64_t T = net->steps;
    clear(net->dinput, T * net->batch * orc_input_width(net));
    for (int64_t i = 0; i < net->n_parts; i++) {
        clear_part(net, &net->parts[i]);
    }
    k1 = k1 && k1 < T ? k1 : T;
    k2 = k2 ? k2 : k1;
    for (int64_t start = 0; start < T; start += k1) {
        int64_t from = start + k1 > k2 ? start + k1 - k2 : 0;
        int64_t end = start + k1 < T ? start + k1 : T;
        window_backward(net, (orc_window){from, start, end});
    }
}
