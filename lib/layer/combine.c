/* SPDX-License-Identifier: MIT
 * Outputs of several layers side by side, or added up; and the two halves of one, the directions of
 * a recurrent layer, as one. Halves a and b:
 *
 *     sum      y = a + b          da = db = dy
 *     mean     y = (a + b) / 2    da = db = dy / 2
 *     product  y = a * b          da = dy * b,  db = dy * a */
#include "layer/combine.h"

#include <string.h>

#include "layer/map.h"

/* What is kept of the layer is how it combines. */
static int32_t how_of(const tkri_layer *layer) {
    return *(const int32_t *)layer->own;
}

static void put_rows(tkri_view y, const float *x, int64_t x_ld, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++) {
        memcpy(y.p + r * y.ld, x + r * x_ld, (size_t)width * sizeof *x);
    }
}

static void add_rows(tkri_view y, const float *x, int64_t x_ld, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t j = 0; j < width; j++) {
            y.p[r * y.ld + j] += x[r * x_ld + j];
        }
    }
}

/* One of a combination's inputs: its columns in the output begin at `at`. */
typedef struct input {
    int64_t number, at, width, rows;
} input;

static void take(int32_t how, const input *i, tkri_view y, tkri_signal x) {
    if (how == TKR_CONCATENATE) {
        put_rows((tkri_view){y.p + i->at, y.ld}, x.p, x.ld, i->rows, i->width);
    } else if (i->number == 0) {
        put_rows(y, x.p, x.ld, i->rows, i->width);
    } else {
        add_rows(y, x.p, x.ld, i->rows, i->width);
    }
}

static int64_t width_of(const tkri_net *net, const tkri_edge *edge) {
    return edge->from < 0 ? net->input : net->layers[edge->from].output;
}

static int32_t combine_forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    const tkri_layer *layer = &u->net->layers[l];
    const tkri_view y = tkri_layer_output(u, l, chunk);
    input in = {.rows = chunk->held};
    for (; in.number < layer->n_reads; in.number++, in.at += in.width) {
        const tkri_view x = tkri_layer_input(u, l, in.number, chunk);
        in.width = width_of(u->net, &layer->reads[in.number]);
        take(how_of(layer), &in, y, (tkri_signal){x.p, x.ld, NULL});
    }
    return TKR_OK;
}

static int32_t combine_backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk,
                                const tkri_window *window) {
    const tkri_layer *layer = &u->net->layers[l];
    const tkri_view dy = tkri_layer_gradient(u, l, chunk);
    int64_t from, to, at = 0;
    tkri_window_rows(chunk, window, &from, &to);
    for (int64_t i = 0; i < layer->n_reads; i++) {
        const tkri_view dx = tkri_input_gradient(u, l, i, chunk);
        const int64_t width = width_of(u->net, &layer->reads[i]);
        const int adds = tkri_input_gradient_from(u, l, i) == TKRI_FROM_C;
        for (int64_t r = from; dx.p && r < to; r++) {
            tkri_put(dx.p + r * dx.ld, dy.p + r * dy.ld + at, width, adds);
        }
        at += how_of(layer) == TKR_CONCATENATE ? width : 0;
    }
    return TKR_OK;
}

static int32_t combine_step(const tkri_step *s, tkri_signal *out) {
    const tkri_layer *layer = s->layer;
    const int64_t ld = tkri_row_len(layer->output);
    input in = {.rows = s->state->rows};
    for (; in.number < layer->n_reads; in.number++, in.at += in.width) {
        in.width = width_of(s->cell->net, &layer->reads[in.number]);
        take(how_of(layer), &in, (tkri_view){s->out, ld}, s->in[in.number]);
    }
    *out = (tkri_signal){s->out, ld, NULL};
    return TKR_OK;
}

static const tkri_layer_ops combine_ops = {
    .forward = combine_forward,
    .backward = combine_backward,
    .wants_out = tkri_map_wants_out,
    .step = combine_step,
};

/* Which columns of a combination come from the last step to the first: LAST wants those that do not
 * first. */
static void find_backwards(tkri_wire *out, const tkri_wire *in, int64_t n, int32_t how) {
    int64_t at = 0;
    int seen = 0;
    out->backwards = how == TKR_CONCATENATE ? 0 : in[0].backwards;
    for (int64_t i = 0; i < n; i++) {
        const int goes_back = in[i].backwards < in[i].width, goes_on = in[i].backwards > 0;
        out->mixed |= in[i].mixed || in[i].halves >= 0 || (seen && goes_on);
        if (how == TKR_CONCATENATE) {
            out->backwards = seen ? out->backwards : at + in[i].backwards;
        } else {
            out->mixed |= in[i].backwards != out->backwards;
        }
        seen |= goes_back && how == TKR_CONCATENATE;
        at += in[i].width;
    }
}

tkri_wire tkri_build_combine(tkri_builder *b, const tkri_wire *in, int64_t n, int32_t how) {
    tkri_layer layer = {.ops = &combine_ops, .without_input = 1, .is_probability = 1};
    for (int64_t i = 0; i < n; i++) {
        layer.output = how == TKR_CONCATENATE ? layer.output + in[i].width : in[i].width;
        layer.without_input &= in[i].without_input;
        layer.is_probability &= in[i].is_probability && (how == TKR_CONCATENATE || n == 1);
        if (in[i].once != in[0].once) {
            tkri_build_fail(b, TKR_ERR_SHAPE, "part %d ends in %s, part 0 in %s", (int)i,
                            in[i].once ? "one step" : "all steps",
                            in[0].once ? "one step" : "all steps");
        }
    }
    tkri_wire out = tkri_build_layer(b, &layer, in, n, &how, sizeof how);
    find_backwards(&out, in, n, how);
    return out;
}

static void merge_rows(const tkr_cell *cell, const tkri_layer *layer, tkri_view y, const float *x,
                       int64_t x_ld, int64_t n) {
    const int32_t how = how_of(layer);
    const int64_t width = layer->output;
    (void)cell;
    for (int64_t r = 0; r < n; r++) {
        const float *a = x + r * x_ld, *b = a + width;
        for (int64_t j = 0; j < width; j++) {
            const float sum = a[j] + b[j];
            y.p[r * y.ld + j] = how == TKR_PRODUCT ? a[j] * b[j]
                                : how == TKR_MEAN  ? 0.5f * sum
                                                   : sum;
        }
    }
}

static int32_t merge_forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    return tkri_map_forward(u, l, chunk, merge_rows);
}

static int32_t merge_backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk,
                              const tkri_window *window) {
    const tkri_layer *layer = &u->net->layers[l];
    const tkri_back b = tkri_back_of(u, l, chunk, window);
    const int64_t n = layer->output;
    const float share = how_of(layer) == TKR_MEAN ? 0.5f : 1.0f;
    for (int64_t r = b.from; b.dx.p && r < b.to; r++) {
        const float *x = b.x.p + r * b.x.ld, *dy = b.dy.p + r * b.dy.ld;
        float *dx = b.dx.p + r * b.dx.ld;
        for (int64_t j = 0; j < 2 * n; j++) {
            const float other = x[j < n ? j + n : j - n];
            const float d = dy[j % n] * (how_of(layer) == TKR_PRODUCT ? other : share);
            dx[j] = b.adds ? dx[j] + d : d;
        }
    }
    return TKR_OK;
}

static int32_t merge_step(const tkri_step *s, tkri_signal *out) {
    return tkri_map_step(s, out, merge_rows);
}

static const tkri_layer_ops merge_ops = {
    .forward = merge_forward,
    .backward = merge_backward,
    .wants_out = tkri_map_wants_out,
    .step = merge_step,
};

tkri_wire tkri_build_merge(tkri_builder *b, tkri_wire in, int32_t how) {
    const tkri_layer layer = {
        .ops = &merge_ops, .output = in.width / 2, .without_input = in.without_input};
    tkri_wire out = tkri_build_layer(b, &layer, &in, 1, &how, sizeof how);
    out.halves = in.layer;
    out.merge = how;
    return out;
}
