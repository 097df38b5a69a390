/* SPDX-License-Identifier: MIT
 * Layer normalisation (Ba, Kiros & Hinton 2016) of each step's row by itself. With the mean m and
 * the variance v over the row's n numbers, s = 1 / sqrt(v + epsilon) and z = (x - m) s:
 *
 *     y = w * z + b
 *
 * Backward, g = w * dy:
 *
 *     dw += dy * z      db += dy      dx = s (g - mean(g) - z mean(g * z)) */
#include <string.h>

#include "layer/map.h"

static const tkri_option options[] = {
    {TKR_BIASES, 0, "biases", TKRI_INT, TKRI_FIXED, 0, 1, 1},
    {TKR_NORM_EPSILON, 0, "norm_epsilon", TKRI_REAL, TKRI_FIXED, 1e-12, 1, 1e-5},
    {0},
};
TKRI_OPTIONS_FIT(options);

/* The bias stands behind the weight, `ld` from it; -1: none. */
typedef struct norm {
    int64_t weight, bias, ld;
    float epsilon;
} norm;

static const norm *norm_of(const tkri_layer *layer) {
    return (const norm *)layer->own;
}

static int32_t check(const tkr_cell *cell, tkri_detail *detail) {
    REQUIRE(cell->input == cell->hidden, detail, TKR_ERR_ARGUMENT,
            "the output width of a normalisation is its input width");
    return TKR_OK;
}

static int64_t output(const tkr_cell *cell) {
    return cell->hidden;
}

/* The row's copy is padded, as the kernel wants it. stat [2]: m, s. */
static void norm_row(const tkr_cell *cell, const tkri_layer *layer, float *y, const float *x,
                     float *stat) {
    const norm *own = norm_of(layer);
    const float *values = cell->net->values;
    const int64_t n = layer->output, vl = cell->kern->vl;
    memcpy(y, x, (size_t)n * sizeof *y);
    memset(y + n, 0, (size_t)(tkri_tiles(n, cell->kern->vl) * vl - n) * sizeof *y);
    cell->kern->norm(y, y, stat,
                     &(tkri_norm){.n = n,
                                  .epsilon = own->epsilon,
                                  .scale = values + own->weight,
                                  .shift = own->bias < 0 ? NULL : values + own->bias});
}

static void norm_rows(const tkr_cell *cell, const tkri_layer *layer, tkri_view y, const float *x,
                      int64_t x_ld, int64_t n) {
    float stat[2];
    for (int64_t r = 0; r < n; r++) {
        norm_row(cell, layer, y.p + r * y.ld, x + r * x_ld, stat);
    }
}

/* The tape: the chunks' sums, dw, db and a row to make dx in, one behind the other; m and s of each
 * row. */
typedef struct norm_tape {
    float *sums; /* [chunk][3][ld] */
    float *stat; /* [rows][2] */
} norm_tape;

static void place(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                  const tkri_room *room) {
    norm_tape *own, measured;
    TKRI_TAKE(arena, own, 1);
    tape->own = own;
    if (tkri_trains(u)) {
        norm_tape *to = own ? own : &measured;
        TKRI_TAKE(arena, to->sums,
                  tkri_times(TKRI_MAX_CHUNKS * 3, norm_of(&u->net->layers[l])->ld));
        TKRI_TAKE(arena, to->stat, tkri_times(room->rows, 2));
    }
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    const norm_tape *tape = u->tape.layers[l].own;
    const tkri_view x = tkri_layer_input(u, l, 0, chunk), y = tkri_layer_output(u, l, chunk);
    if (!tape->stat) {
        return tkri_map_forward(u, l, chunk, norm_rows);
    }
    for (int64_t r = 0; r < chunk->held; r++) {
        norm_row(u->cell, &u->net->layers[l], y.p + r * y.ld, x.p + r * x.ld,
                 tape->stat + 2 * (chunk->tape + r));
    }
    return TKR_OK;
}

static void begin(tkri_unroll *u, int64_t l) {
    const norm_tape *tape = u->tape.layers[l].own;
    tkri_sums_clear(&(tkri_sums){tape->sums}, 3 * norm_of(&u->net->layers[l])->ld);
}

static int32_t backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window) {
    const tkri_layer *layer = &u->net->layers[l];
    const norm *own = norm_of(layer);
    const norm_tape *tape = u->tape.layers[l].own;
    const tkri_back b = tkri_back_of(u, l, chunk, window);
    float *dw = tape->sums + chunk->number * 3 * own->ld, *row = dw + 2 * own->ld;
    const tkri_norm with = {.n = layer->output,
                            .epsilon = own->epsilon,
                            .scale = u->net->values + own->weight,
                            .dscale = dw,
                            .dshift = dw + own->ld};
    for (int64_t r = b.from; r < b.to; r++) {
        u->cell->kern->norm_gradient(row, b.dy.p + r * b.dy.ld, b.x.p + r * b.x.ld,
                                     tape->stat + 2 * (chunk->tape + r), &with);
        if (b.dx.p) {
            tkri_put(b.dx.p + r * b.dx.ld, row, layer->output, b.adds);
        }
    }
    return TKR_OK;
}

static int64_t jobs(const tkri_unroll *u, int64_t l, tkri_job *list) {
    (void)u;
    return tkri_sums_job(l, list);
}

static void rest(tkri_unroll *u, const tkri_job *job, const tkri_window *window) {
    const norm *own = norm_of(&u->net->layers[job->layer]);
    const norm_tape *tape = u->tape.layers[job->layer].own;
    const int64_t parts = own->bias < 0 ? 1 : 2;
    (void)window;
    for (int64_t c = 0; c < u->plan.n_chunks; c++) {
        u->cell->kern->add(u->grad.values + own->weight, tape->sums + c * 3 * own->ld,
                           parts * own->ld);
    }
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    return tkri_map_step(s, out, norm_rows);
}

static const tkri_layer_ops norm_ops = {
    .place = place,
    .forward = forward,
    .backward = backward,
    .begin = begin,
    .jobs = jobs,
    .rest = rest,
    .wants_out = tkri_map_wants_out,
    .step = step,
};

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    norm own = {.bias = -1, .epsilon = tkri_cell_real(part, TKR_NORM_EPSILON)};
    tkri_parameter_spec spec = {
        .name = "weight", .role = TKRI_ONES, .units = in.width, .k = 1, .rank = 1};
    own.ld = (int64_t)tkri_round_up((uint64_t)in.width, TKRI_MAX_VL);
    own.weight = tkri_build_parameter(b, &spec);
    if (tkri_cell_int(part, TKR_BIASES)) {
        spec.name = "bias";
        spec.role = TKRI_ZEROS;
        own.bias = tkri_build_parameter(b, &spec);
    }
    const tkri_layer layer = {
        .ops = &norm_ops, .output = in.width, .without_input = in.without_input};
    return tkri_build_layer(b, &layer, &in, 1, &own, sizeof own);
}

const tkri_kind tkri_kind_norm = {
    .number = TKR_NORM,
    .name = "norm",
    .takes = TKRI_VALUES,
    .options = options,
    .check = check,
    .output = output,
    .build = build,
};
