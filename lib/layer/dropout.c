/* SPDX-License-Identifier: MIT
 * Dropout (Srivastava 2014; one mask per sequence: Gal & Ghahramani 2016), y = m * x in training,
 * where m is 0 with probability p and else 1 / (1 - p); y = x otherwise. Backward: dx = m * dy. */
#include "layer/dropout.h"

#include "layer/masks.h"

static const tkri_option options[] = {
    {TKR_PER_SEQUENCE, 0, "per_sequence", TKRI_INT, TKRI_FIXED, 0, 1, 0},
    {TKR_RATE, 0, "rate", TKRI_REAL, TKRI_FIXED, 0, TKRI_BELOW_ONE, 0.5},
    {0},
};

enum { MASK = 7 }; /* its number in the layer */

typedef struct dropout {
    float rate;
    int32_t per_sequence;
} dropout;

static const dropout *dropout_of(const tkri_unroll *u, int64_t l) {
    return (const dropout *)u->net->layers[l].own;
}

static int32_t check(const tkr_cell *cell, tkri_detail *detail) {
    REQUIRE(cell->input == cell->hidden, detail, TKR_ERR_ARGUMENT,
            "a dropout's output width is its input width");
    return TKR_OK;
}

static int64_t output(const tkr_cell *cell) {
    return cell->hidden;
}

static int32_t where(const tkri_unroll *u, int64_t l) {
    return tkri_trains(u) && dropout_of(u, l)->rate > 0.0f ? TKRI_OWN_ROWS : TKRI_INPUT_ROWS;
}

/* The mask [rows][y_ld] is what its tape keeps. */
static void place(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                  const tkri_room *room) {
    float *mask = NULL;
    if (where(u, l) == TKRI_OWN_ROWS) {
        TKRI_TAKE(arena, mask, tkri_times(room->rows, tape->y_ld));
    }
    tape->own = mask;
}

static void draw(tkri_unroll *u, int64_t l, const tkri_chunk *chunk) {
    const tkri_layer_tape *tape = &u->tape.layers[l];
    if (tape->own) {
        tkri_mask m = tkri_dropout_mask(u, l, MASK, dropout_of(u, l)->rate);
        m.per_sequence = dropout_of(u, l)->per_sequence;
        tkri_draw_rows(u, chunk, &m, (tkri_view){tape->own, tape->y_ld}, u->net->layers[l].output);
    }
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    const tkri_layer_tape *tape = &u->tape.layers[l];
    const float *masks = tape->own;
    if (!masks) {
        return TKR_OK;
    }
    const tkri_view x = tkri_layer_input(u, l, 0, chunk), y = tkri_layer_output(u, l, chunk);
    const int64_t width = u->net->layers[l].output;
    for (int64_t r = 0; r < chunk->held; r++) {
        const float *mask = masks + (chunk->tape + r) * tape->y_ld;
        for (int64_t j = 0; j < width; j++) {
            y.p[r * y.ld + j] = mask[j] * x.p[r * x.ld + j];
        }
    }
    return TKR_OK;
}

static int32_t backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window) {
    const tkri_layer_tape *tape = &u->tape.layers[l];
    const float *masks = tape->own;
    const tkri_view dx = tkri_input_gradient(u, l, 0, chunk), dy = tkri_layer_gradient(u, l, chunk);
    const int64_t width = u->net->layers[l].output;
    const int adds = tkri_input_gradient_from(u, l, 0) == TKRI_FROM_C;
    int64_t from, to;
    tkri_window_rows(chunk, window, &from, &to);
    for (int64_t r = from; dx.p && r < to; r++) {
        const float *d = dy.p + r * dy.ld;
        const float *mask = masks ? masks + (chunk->tape + r) * tape->y_ld : NULL;
        for (int64_t j = 0; j < width; j++) {
            const float add = mask ? mask[j] * d[j] : d[j];
            dx.p[r * dx.ld + j] = adds ? dx.p[r * dx.ld + j] + add : add;
        }
    }
    return TKR_OK;
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    *out = s->in[0];
    return TKR_OK;
}

static const tkri_layer_ops dropout_ops = {
    .where = where,
    .place = place,
    .draw = draw,
    .forward = forward,
    .backward = backward,
    .step = step,
};

tkri_wire tkri_build_dropout(tkri_builder *b, tkri_wire in, float rate, int32_t per_sequence) {
    const dropout own = {rate, per_sequence};
    const tkri_layer layer = {.ops = &dropout_ops,
                              .output = in.width,
                              .without_input = in.without_input,
                              .is_probability = in.is_probability};
    tkri_wire out = tkri_build_layer(b, &layer, &in, 1, &own, sizeof own);
    out.backwards = in.backwards;
    out.mixed = in.mixed || in.halves >= 0;
    return out;
}

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    return tkri_build_dropout(b, in, tkri_cell_real(part, TKR_RATE),
                              (int32_t)tkri_cell_int(part, TKR_PER_SEQUENCE));
}

const tkri_kind tkri_kind_dropout = {
    .number = TKR_DROPOUT,
    .name = "dropout",
    .takes = TKRI_VALUES,
    .options = options,
    .check = check,
    .output = output,
    .build = build,
};
