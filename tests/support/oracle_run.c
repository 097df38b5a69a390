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
    return layer ? part->inner : part->spec.input;
}

static bool reverse_slot(const orc_part *part, int64_t slot) {
    return part->spec.directions == TKR_REVERSE || slot % part->ways == 1;
}

/* Is what the slot gives out at step t the hidden state from before that step? */
static bool outputs_before(const orc_part *part, int64_t slot) {
    return part->spec.before && slot / part->ways == part->spec.layers - 1;
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
    int64_t layer = slot / part->ways, width = layer_width(part, layer);
    int64_t n = net->lengths[b], R = part->recur, h = part->spec.hidden;
    int64_t half = (slot % part->ways) * R, row = slot * net->batch + b;
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

/* What a layer hands to the next from its raw output, its directions merged or not. */
static void layer_combine(const orc_part *part, int64_t rows, const double *raw, double *out) {
    for (int64_t row = 0; row < rows; row++) {
        orc_combine(part->inner < part->out ? part->spec.combine : TKR_CONCATENATE,
                    raw + row * part->out, out + row * part->inner, part->out / part->inner,
                    part->inner);
    }
}

static void recurrent_forward(orc_net *net, orc_part *part) {
    int64_t rows = net->steps * net->batch;
    for (int64_t layer = 0; layer < part->spec.layers; layer++) {
        double *raw = part->raw[layer];
        clear(raw, rows * part->out);
        for (int64_t d = 0; d < part->ways; d++) {
            for (int64_t b = 0; b < net->batch; b++) {
                initial_state(net, part, layer * part->ways + d, b);
                slot_forward(net, part, layer * part->ways + d, b, raw);
            }
        }
        if (layer == part->spec.layers - 1) {
            break;
        }
        double *next = part->in[layer + 1];
        layer_combine(part, rows, raw, next);
        for (int64_t i = 0; part->noise.between && i < rows * part->inner; i++) {
            next[i] *= part->noise.between[layer * rows * part->inner + i];
        }
    }
}

static void part_forward(orc_net *net, orc_part *part) {
    if (part->spec.kind <= TKR_GRU) {
        recurrent_forward(net, part);
    } else if (part->spec.kind == TKR_LAST) {
        orc_last_forward(net, part);
    } else if (part->spec.kind == TKR_CONV && !part->spec.channels) {
        orc_conv_forward(net, part);
    } else {
        clear(part->output, net->steps * net->batch * part->out);
        for (int64_t row = 0; row < orc_rows(net, part); row++) {
            if (orc_is_valid(net, part, row)) {
                orc_row_forward(part, row, part->output + row * part->out);
            }
        }
    }
}

/* What a part reads, side by side. LAST alone reads more steps than it has. */
static void gather(const orc_net *net, orc_part *part) {
    int64_t rows = net->steps * net->batch, at = 0;
    for (int64_t i = 0; i < part->n_from; i++) {
        const orc_part *read = part->from[i] >= 0 ? &net->parts[part->from[i]] : NULL;
        const double *x = read ? read->output : net->input;
        int64_t width = read ? read->out : part->spec.input;
        for (int64_t row = 0; row < rows; row++) {
            copy(part->in[0] + row * part->spec.input + at, x + row * width, width);
        }
        at += width;
    }
}

void orc_forward(orc_net *net) {
    for (int64_t i = 0; i < net->n_parts; i++) {
        gather(net, &net->parts[i]);
        part_forward(net, &net->parts[i]);
    }
}

/* One sequence of one slot, backward over a window; dh, dc hold what comes from later steps. */
static void slot_steps_backward(orc_net *net, orc_part *part, int64_t slot, int64_t b,
                                orc_window window, const double *dy, double *dx, double *dh,
                                double *dc) {
    int64_t layer = slot / part->ways, width = layer_width(part, layer);
    int64_t n = net->lengths[b], R = part->recur, half = (slot % part->ways) * R;
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

bool orc_holds_final(const orc_net *net, int64_t b, orc_window window) {
    int64_t last = net->lengths[b] > 0 ? net->lengths[b] - 1 : 0;
    return last >= window.start && last < window.end;
}

static void slot_backward(orc_net *net, orc_part *part, int64_t slot, int64_t b, orc_window window,
                          const double *dy, double *dx) {
    int64_t R = part->recur, h = part->spec.hidden, row = slot * net->batch + b;
    double *dh = calloc((size_t)(R + h), sizeof *dh), *dc = part->dc_n ? dh + R : NULL;
    if (orc_holds_final(net, b, window)) {
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

/* From the gradient of what a layer hands to the next, new, to that of its raw output. */
static double *layer_combine_backward(const orc_part *part, int64_t rows, int64_t layer,
                                      const double *below) {
    double *above = calloc((size_t)(rows * part->out), sizeof *above);
    for (int64_t row = 0; row < rows; row++) {
        orc_combine_backward(part->inner < part->out ? part->spec.combine : TKR_CONCATENATE,
                             part->raw[layer] + row * part->out, below + row * part->inner,
                             above + row * part->out, part->out / part->inner, part->inner);
    }
    return above;
}

/* From dy [T][B][O] of the part to dx [T][B][I], added. */
static void recurrent_backward(orc_net *net, orc_part *part, orc_window window, const double *dy,
                               double *dx) {
    int64_t rows = net->steps * net->batch, inner = rows * part->inner;
    double *above = calloc((size_t)(rows * part->out), sizeof *above);
    copy(above, dy, rows * part->out);
    for (int64_t layer = part->spec.layers - 1; layer >= 0; layer--) {
        double *below = calloc((size_t)(rows * layer_width(part, layer)), sizeof *below);
        for (int64_t d = 0; d < part->ways; d++) {
            for (int64_t b = 0; b < net->batch; b++) {
                slot_backward(net, part, layer * part->ways + d, b, window, above, below);
            }
        }
        free(above);
        if (layer == 0) {
            add_into(dx, below, rows * part->spec.input);
            free(below);
            return;
        }
        for (int64_t i = 0; part->noise.between && i < inner; i++) {
            below[i] *= part->noise.between[(layer - 1) * inner + i];
        }
        above = layer_combine_backward(part, rows, layer - 1, below);
        free(below);
    }
}

static void part_backward(orc_net *net, orc_part *part, orc_window window, double *dx) {
    const double *dy = part->doutput;
    if (part->spec.kind <= TKR_GRU) {
        recurrent_backward(net, part, window, dy, dx);
    } else if (part->spec.kind == TKR_LAST) {
        orc_last_backward(net, part, window, dy, dx);
    } else if (part->spec.kind == TKR_CONV && !part->spec.channels) {
        orc_conv_backward(net, part, window, dy, dx);
    } else {
        for (int64_t row = 0; row < orc_rows(net, part); row++) {
            if (orc_is_valid(net, part, row)) {
                orc_row_backward(part, row, dy + row * part->out, dx + row * part->spec.input);
            }
        }
    }
}

/* The gradient dx of what a part reads goes to whom it reads. */
static void scatter(orc_net *net, const orc_part *part, const double *dx) {
    int64_t rows = net->steps * net->batch, at = 0;
    for (int64_t i = 0; i < part->n_from; i++) {
        const orc_part *read = part->from[i] >= 0 ? &net->parts[part->from[i]] : NULL;
        double *to = read ? read->doutput : net->dinput;
        int64_t width = read ? read->out : part->spec.input;
        for (int64_t row = 0; row < rows; row++) {
            add_into(to + row * width, dx + row * part->spec.input + at, width);
        }
        at += width;
    }
}

/* The losses of one window on the last part: at its steps, or, behind LAST, of the sequences that
 * end in it. */
static void take_losses(orc_net *net, orc_window window) {
    orc_part *top = &net->parts[net->n_parts - 1];
    for (int64_t row = 0; row < orc_rows(net, top); row++) {
        int64_t t = row / net->batch;
        if (top->once ? orc_holds_final(net, row, window) : t >= window.start && t < window.end) {
            copy(top->doutput + row * top->out, net->doutput + row * top->out, top->out);
        }
    }
}

/* Back through all parts. */
static void window_backward(orc_net *net, orc_window window) {
    int64_t rows = net->steps * net->batch;
    for (int64_t i = 0; i < net->n_parts; i++) {
        clear(net->parts[i].doutput, rows * net->parts[i].out);
    }
    take_losses(net, window);
    for (int64_t i = net->n_parts - 1; i >= 0; i--) {
        orc_part *part = &net->parts[i];
        double *dx = calloc((size_t)(rows * part->spec.input), sizeof *dx);
        part_backward(net, part, window, dx);
        scatter(net, part, dx);
        free(dx);
    }
}

static void clear_part(const orc_net *net, orc_part *part) {
    if (!orc_has_state(part)) {
        return;
    }
    clear(part->dh_0, part->slots * net->batch * part->recur);
    if (part->dc_0) {
        clear(part->dc_0, part->slots * net->batch * part->spec.hidden);
    }
    for (int64_t i = 0; part->records && i < part->slots * net->steps * net->batch; i++) {
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
