/* SPDX-License-Identifier: MIT
 * Scale and shift, y = w * x + b, [I] each: a folded batch normalisation, a gain. Backward:
 *
 *     dw += dy * x      db += dy      dx = w * dy */
#include <string.h>

#include "layer/map.h"

static const tkri_option options[] = {
    {TKR_BIASES, 0, "biases", TKRI_INT, TKRI_FIXED, 0, 1, 1},
    {0},
};
TKRI_OPTIONS_FIT(options);

/* The bias stands behind the weight, `ld` from it. */
typedef struct affine {
    int64_t weight, ld;
    int32_t biased;
} affine;

static const affine *affine_of(const tkri_layer *layer) {
    return (const affine *)layer->own;
}

static int32_t check(const tkr_cell *cell, tkri_detail *detail) {
    REQUIRE(cell->input == cell->hidden, detail, TKR_ERR_ARGUMENT,
            "the output width of scale and shift is the input width");
    return TKR_OK;
}

static int64_t output(const tkr_cell *cell) {
    return cell->hidden;
}

static void affine_rows(const tkr_cell *cell, const tkri_layer *layer, tkri_view y, const float *x,
                        int64_t x_ld, int64_t n) {
    const affine *own = affine_of(layer);
    const float *w = cell->net->values + own->weight, *b = w + own->ld;
    for (int64_t r = 0; r < n; r++) {
        for (int64_t j = 0; j < layer->output; j++) {
            const float scaled = w[j] * x[r * x_ld + j];
            y.p[r * y.ld + j] = own->biased ? scaled + b[j] : scaled;
        }
    }
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    return tkri_map_forward(u, l, chunk, affine_rows);
}

/* The tape keeps the chunks' sums, dw and db one behind the other. */
static void place(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                  const tkri_room *room) {
    tkri_sums sums = {NULL};
    (void)room;
    if (tkri_trains(u)) {
        tkri_sums_place(&sums, 2 * affine_of(&u->net->layers[l])->ld, arena);
    }
    tape->own = sums.rows;
}

static void begin(tkri_unroll *u, int64_t l) {
    tkri_sums_clear(&(tkri_sums){u->tape.layers[l].own}, 2 * affine_of(&u->net->layers[l])->ld);
}

static int32_t backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window) {
    const tkri_layer *layer = &u->net->layers[l];
    const affine *own = affine_of(layer);
    const float *w = u->net->values + own->weight;
    const tkri_back b = tkri_back_of(u, l, chunk, window);
    float *dw = (float *)u->tape.layers[l].own + chunk->number * 2 * own->ld, *db = dw + own->ld;
    for (int64_t r = b.from; r < b.to; r++) {
        const float *x = b.x.p + r * b.x.ld, *dy = b.dy.p + r * b.dy.ld;
        for (int64_t j = 0; j < layer->output; j++) {
            dw[j] += dy[j] * x[j];
            db[j] += dy[j];
        }
        float *dx = b.dx.p ? b.dx.p + r * b.dx.ld : NULL;
        for (int64_t j = 0; dx && j < layer->output; j++) {
            dx[j] = b.adds ? dx[j] + w[j] * dy[j] : w[j] * dy[j];
        }
    }
    return TKR_OK;
}

static int64_t jobs(const tkri_unroll *u, int64_t l, tkri_job *list) {
    (void)u;
    return tkri_sums_job(l, list);
}

static void rest(tkri_unroll *u, const tkri_job *job, const tkri_window *window) {
    const affine *own = affine_of(&u->net->layers[job->layer]);
    const float *sums = u->tape.layers[job->layer].own;
    const int64_t parts = own->biased ? 2 : 1;
    (void)window;
    for (int64_t c = 0; c < u->plan.n_chunks; c++) {
        u->cell->kern->add(u->grad.values + own->weight, sums + c * 2 * own->ld, parts * own->ld);
    }
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    return tkri_map_step(s, out, affine_rows);
}

static const tkri_layer_ops affine_ops = {
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
    affine own = {.biased = (int32_t)tkri_cell_int(part, TKR_BIASES)};
    tkri_parameter_spec spec = {
        .name = "weight", .role = TKRI_ONES, .units = in.width, .k = 1, .rank = 1};
    own.ld = (int64_t)tkri_round_up((uint64_t)in.width, TKRI_MAX_VL);
    own.weight = tkri_build_parameter(b, &spec);
    if (own.biased) {
        spec.name = "bias";
        spec.role = TKRI_ZEROS;
        (void)tkri_build_parameter(b, &spec);
    }
    const tkri_layer layer = {
        .ops = &affine_ops, .output = in.width, .without_input = in.without_input};
    tkri_wire out = tkri_build_layer(b, &layer, &in, 1, &own, sizeof own);
    out.backwards = in.backwards;
    out.mixed = in.mixed || in.halves >= 0;
    return out;
}

const tkri_kind tkri_kind_affine = {
    .number = TKR_AFFINE,
    .name = "affine",
    .takes = TKRI_VALUES,
    .options = options,
    .check = check,
    .output = output,
    .build = build,
};
