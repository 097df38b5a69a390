/* SPDX-License-Identifier: MIT
 * Columns of the input: y_j = x_{first + j}. Backward: dx_{first + j} = dy_j, 0 elsewhere. */
#include <string.h>

#include "layer/map.h"

static const tkri_option options[] = {
    {TKR_FIRST, 0, "first", TKRI_INT, TKRI_FIXED, 0, INT32_MAX, 0},
    {0},
};
TKRI_OPTIONS_FIT(options);

static int32_t check(const tkr_cell *cell, tkri_detail *detail) {
    REQUIRE(cell->hidden <= cell->input, detail, TKR_ERR_ARGUMENT,
            "%lld columns cannot be selected of %lld", (long long)cell->hidden,
            (long long)cell->input);
    return TKR_OK;
}

static void bounds(const tkr_cell *cell, const tkri_option *option, double *low, double *high) {
    (void)option, (void)low;
    *high = (double)(cell->input - cell->hidden);
}

static int64_t output(const tkr_cell *cell) {
    return cell->hidden;
}

/* What is kept of the layer is its first column. */
static int64_t first_of(const tkri_layer *layer) {
    return *(const int64_t *)layer->own;
}

static void select_rows(const tkr_cell *cell, const tkri_layer *layer, tkri_view y, const float *x,
                        int64_t x_ld, int64_t n) {
    (void)cell;
    for (int64_t r = 0; r < n; r++) {
        memcpy(y.p + r * y.ld, x + r * x_ld + first_of(layer), (size_t)layer->output * sizeof *x);
    }
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    return tkri_map_forward(u, l, chunk, select_rows);
}

static int32_t backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window) {
    const tkri_layer *layer = &u->net->layers[l];
    const tkri_back b = tkri_back_of(u, l, chunk, window);
    for (int64_t r = b.from; b.dx.p && r < b.to; r++) {
        float *dx = b.dx.p + r * b.dx.ld;
        if (!b.adds) {
            memset(dx, 0, (size_t)layer->input * sizeof *dx);
        }
        tkri_put(dx + first_of(layer), b.dy.p + r * b.dy.ld, layer->output, b.adds);
    }
    return TKR_OK;
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    return tkri_map_step(s, out, select_rows);
}

static const tkri_layer_ops select_ops = {
    .forward = forward,
    .backward = backward,
    .wants_out = tkri_map_wants_out,
    .step = step,
};

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    const int64_t first = tkri_cell_int(part, TKR_FIRST);
    const tkri_layer layer = {.ops = &select_ops,
                              .output = part->hidden,
                              .without_input = in.without_input,
                              .is_probability = in.is_probability};
    tkri_wire out = tkri_build_layer(b, &layer, &in, 1, &first, sizeof first);
    out.backwards = tkri_min(tkri_max(in.backwards - first, 0), part->hidden);
    out.mixed = in.mixed || in.halves >= 0;
    return out;
}

const tkri_kind tkri_kind_select = {
    .number = TKR_SELECT,
    .name = "select",
    .takes = TKRI_VALUES,
    .options = options,
    .check = check,
    .bounds = bounds,
    .output = output,
    .build = build,
};
