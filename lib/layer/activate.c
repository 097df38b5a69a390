/* SPDX-License-Identifier: MIT
 * A function of each number of a row, of pairs of them, or of all.
 *
 *     f            y_j = f(x_j)                          dx_j = dy_j f'(x_j)
 *     softmax      y = softmax(x)                        dx = y * (dy - sum_j dy_j y_j)
 *     magnitude    y_j = sqrt(x_j^2 + x_{j + O}^2)       dx_j = dy_j x_j / y_j, 0 where y_j is 0 */
#include "layer/activate.h"

#include <math.h>
#include <string.h>

#include "layer/map.h"

static const tkri_option options[] = {
    {TKR_ACTIVATION, 0, "activation", TKRI_INT, TKRI_FIXED, TKR_TANH, TKR_MAGNITUDE, TKR_TANH},
    {0},
};
TKRI_OPTIONS_FIT(options);

/* What is kept of the layer is its function. */
static int32_t function_of(const tkri_layer *layer) {
    return *(const int32_t *)layer->own;
}

static int32_t check(const tkr_cell *cell, tkri_detail *detail) {
    const int pairs = tkri_cell_int(cell, TKR_ACTIVATION) == TKR_MAGNITUDE;
    REQUIRE(cell->input == cell->hidden, detail, TKR_ERR_ARGUMENT,
            "an activation is created with its input width as output width");
    REQUIRE(!pairs || cell->input % 2 == 0, detail, TKR_ERR_ARGUMENT,
            "%lld inputs are no pairs to have a magnitude", (long long)cell->input);
    return TKR_OK;
}

static int64_t output(const tkr_cell *cell) {
    const int pairs = tkri_cell_int(cell, TKR_ACTIVATION) == TKR_MAGNITUDE;
    return pairs ? cell->input / 2 : cell->input;
}

static void magnitude(float *y, const float *x, int64_t n) {
    for (int64_t j = 0; j < n; j++) {
        y[j] = sqrtf(x[j] * x[j] + x[j + n] * x[j + n]);
    }
}

static void magnitude_gradient(float *dx, const float *dy, const float *x, const float *y,
                               int64_t n) {
    for (int64_t j = 0; j < 2 * n; j++) {
        const float of = y[j % n];
        dx[j] = of > 0.0f || isnan(of) ? dy[j % n] * (x[j] / of) : 0.0f;
    }
}

/* The row's copy is padded, as the kernels want it. */
static void activate_row(const tkri_kern *kern, int32_t function, float *y, const float *x,
                         int64_t n) {
    const int64_t whole = tkri_tiles(n, kern->vl) * kern->vl;
    memcpy(y, x, (size_t)n * sizeof *y);
    memset(y + n, 0, (size_t)(whole - n) * sizeof *y);
    if (function == TKR_SOFTMAX) {
        kern->softmax_row(y, y, n);
    } else {
        kern->activate(y, y, whole, function);
    }
}

static void activate_rows(const tkr_cell *cell, const tkri_layer *layer, tkri_view y,
                          const float *x, int64_t x_ld, int64_t n) {
    const int32_t function = function_of(layer);
    for (int64_t r = 0; r < n; r++) {
        if (function == TKR_MAGNITUDE) {
            magnitude(y.p + r * y.ld, x + r * x_ld, layer->output);
        } else {
            activate_row(cell->kern, function, y.p + r * y.ld, x + r * x_ld, layer->output);
        }
    }
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    return tkri_map_forward(u, l, chunk, activate_rows);
}

/* The tape keeps a row for each chunk, to make a gradient in that is then added. */
static void place(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                  const tkri_room *room) {
    tkri_sums rows = {NULL};
    (void)room;
    if (tkri_trains(u)) {
        tkri_sums_place(&rows, tkri_row_len(u->net->layers[l].input), arena);
    }
    tape->own = rows.rows;
}

static void row_gradient(const tkri_kern *kern, const tkri_layer *layer, float *d,
                         const tkri_back *b, int64_t r) {
    const int64_t n = layer->output;
    const float *x = b->x.p + r * b->x.ld, *y = b->y.p + r * b->y.ld, *dy = b->dy.p + r * b->dy.ld;
    if (function_of(layer) == TKR_MAGNITUDE) {
        magnitude_gradient(d, dy, x, y, n);
        return;
    }
    const int64_t whole = tkri_tiles(n, kern->vl) * kern->vl;
    memcpy(d, dy, (size_t)n * sizeof *d);
    memset(d + n, 0, (size_t)(whole - n) * sizeof *d);
    if (function_of(layer) == TKR_SOFTMAX) {
        kern->softmax_gradient(d, d, y, n);
    } else {
        kern->activate_gradient(d, x, y, whole, function_of(layer));
    }
}

static int32_t backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window) {
    const tkri_layer *layer = &u->net->layers[l];
    const tkri_back b = tkri_back_of(u, l, chunk, window);
    float *row = (float *)u->tape.layers[l].own + chunk->number * tkri_row_len(layer->input);
    for (int64_t r = b.from; b.dx.p && r < b.to; r++) {
        row_gradient(u->cell->kern, layer, row, &b, r);
        tkri_put(b.dx.p + r * b.dx.ld, row, layer->input, b.adds);
    }
    return TKR_OK;
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    return tkri_map_step(s, out, activate_rows);
}

static const tkri_layer_ops activate_ops = {
    .place = place,
    .forward = forward,
    .backward = backward,
    .wants_out = tkri_map_wants_out,
    .step = step,
};

tkri_wire tkri_build_activate(tkri_builder *b, tkri_wire in, int32_t function) {
    const int whole_row = function == TKR_SOFTMAX || function == TKR_MAGNITUDE;
    const tkri_layer layer = {
        .ops = &activate_ops,
        .output = function == TKR_MAGNITUDE ? in.width / 2 : in.width,
        .without_input = in.without_input,
        .is_probability = function == TKR_SOFTMAX,
    };
    tkri_wire out = tkri_build_layer(b, &layer, &in, 1, &function, sizeof function);
    if (!whole_row) {
        out.backwards = in.backwards;
        out.mixed = in.mixed || in.halves >= 0;
    }
    return out;
}

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    return tkri_build_activate(b, in, (int32_t)tkri_cell_int(part, TKR_ACTIVATION));
}

const tkri_kind tkri_kind_activate = {
    .number = TKR_ACTIVATE,
    .name = "activate",
    .takes = TKRI_VALUES,
    .options = options,
    .check = check,
    .output = output,
    .build = build,
};
