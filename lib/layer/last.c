/* SPDX-License-Identifier: MIT
 * Many to one: the output at each sequence's last valid step, and of columns that come from the
 * last step to the first, at its first step, where they end. What stands behind sees one step. In a
 * streamed step it passes its input on.
 *
 * Backward the gradient goes to those steps alone, in the window that has them. */
#include <string.h>

#include "layer/combine.h"
#include "layer/states.h"

static const tkri_option options[] = {{0}};

/* What is kept of the layer is the first column that goes backwards. */
static int64_t backwards_of(const tkri_layer *layer) {
    return *(const int64_t *)layer->own;
}

static int32_t check(const tkr_cell *cell, tkri_detail *detail) {
    REQUIRE(cell->input == cell->hidden, detail, TKR_ERR_ARGUMENT,
            "the output width of LAST is its input width");
    return TKR_OK;
}

static int64_t output(const tkr_cell *cell) {
    return cell->hidden;
}

/* The row of the segment that sequence i's columns are taken from: its last step's, its first's;
 * -1: not in this segment. */
static int64_t last_row(const tkri_unroll *u, const tkri_chunk *chunk, int64_t i, int64_t from) {
    const int64_t last = u->plan.length[chunk->batch0 + i] - 1;
    return last >= from && last < chunk->to ? tkri_held_row(chunk, last) + i : -1;
}

static int64_t first_row(const tkri_unroll *u, const tkri_chunk *chunk, int64_t i) {
    return chunk->from == 0 && u->plan.length[chunk->batch0 + i] > 0 ? i : -1;
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    const tkri_layer *layer = &u->net->layers[l];
    const int64_t edge = backwards_of(layer), rest = layer->output - edge;
    const tkri_view x = tkri_layer_input(u, l, 0, chunk);
    const tkri_view y = tkri_layer_output(u, l, tkri_chunk_of(u, l, chunk->number));
    for (int64_t i = 0; i < chunk->batch; i++) {
        const int64_t last = last_row(u, chunk, i, chunk->from), first = first_row(u, chunk, i);
        if (last >= 0) {
            memcpy(y.p + i * y.ld, x.p + last * x.ld, (size_t)edge * sizeof *y.p);
        }
        if (first >= 0) {
            memcpy(y.p + i * y.ld + edge, x.p + first * x.ld + edge, (size_t)rest * sizeof *y.p);
        }
    }
    return TKR_OK;
}

static void add(float *to, const float *from, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        to[j] += from[j];
    }
}

static int32_t backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window) {
    const tkri_layer *layer = &u->net->layers[l];
    const int64_t edge = backwards_of(layer), losses = tkri_max(window->from, window->losses_from);
    const tkri_view dx = tkri_input_gradient(u, l, 0, chunk);
    const tkri_view dy = tkri_layer_gradient(u, l, tkri_chunk_of(u, l, chunk->number));
    int64_t from, to;
    tkri_window_rows(chunk, window, &from, &to);
    for (int64_t r = from; dx.p && r < to; r++) {
        if (tkri_input_gradient_from(u, l, 0) == TKRI_FROM_ZERO) {
            memset(dx.p + r * dx.ld, 0, (size_t)layer->input * sizeof *dx.p);
        }
    }
    for (int64_t i = 0; dx.p && i < chunk->batch; i++) {
        const int64_t last = last_row(u, chunk, i, losses);
        const int64_t first = window->from == 0 ? first_row(u, chunk, i) : -1;
        if (last >= from && last < to) {
            add(dx.p + last * dx.ld, dy.p + i * dy.ld, edge);
        }
        if (first >= 0) {
            add(dx.p + first * dx.ld + edge, dy.p + i * dy.ld + edge, layer->output - edge);
        }
    }
    return TKR_OK;
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    *out = s->in[0];
    return TKR_OK;
}

static const tkri_layer_ops last_ops = {
    .forward = forward,
    .backward = backward,
    .step = step,
};

static tkri_wire build_last(tkri_builder *b, tkri_wire in) {
    const tkri_layer layer = {
        .ops = &last_ops,
        .output = in.width,
        .once = 1,
        .without_input = in.without_input,
        .is_probability = in.is_probability,
        .keeps_gradient = 1, /* for the windows to come */
    };
    return tkri_build_layer(b, &layer, &in, 1, &in.backwards, sizeof in.backwards);
}

/* Merged directions are taken apart: each one's last output is merged. */
static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    (void)part;
    if (in.once) {
        return in;
    }
    if (in.mixed) {
        tkri_build_fail(b, TKR_ERR_UNSUPPORTED,
                        "of steps that end at different ends there is no last one");
    }
    if (in.halves < 0) {
        return build_last(b, in);
    }
    const tkri_wire halves = {.layer = in.halves,
                              .width = 2 * in.width,
                              .without_input = in.without_input,
                              .backwards = in.width,
                              .halves = -1};
    return tkri_build_merge(b, build_last(b, halves), in.merge);
}

const tkri_kind tkri_kind_last = {
    .number = TKR_LAST,
    .name = "last",
    .takes = TKRI_VALUES,
    .options = options,
    .check = check,
    .output = output,
    .build = build,
};
