/* SPDX-License-Identifier: MIT
 * The LSTM (Hochreiter and Schmidhuber 1997; Gers 2000), a kind of recurrent layer. */
#include "layer/lstm_norm.h"

/* The pointwise part in every tier of this build: with the usual functions, and with any. */
#define DECLARE(tier, id) extern const tkri_cell_ops tkri_lstm_##tier, tkri_lstm_any_##tier;
#define LIST(tier, id) [TKR_TIER_##id] = {&tkri_lstm_##tier, &tkri_lstm_any_##tier},
TKRI_TIERS(DECLARE)
static const tkri_cell_ops *const tiers[][2] = {TKRI_TIERS(LIST)};

/* What the layer-normalised LSTM has not. */
static int is_plain(const tkr_cell *cell) {
    return tkri_cell_int(cell, TKR_DIRECTIONS) == TKR_FORWARD &&
           !tkri_cell_int(cell, TKR_PEEPHOLES) && !tkri_cell_int(cell, TKR_PROJECTION) &&
           !tkri_cell_int(cell, TKR_LEARNED_STATE) && !tkri_cell_int(cell, TKR_OUTPUT_BEFORE) &&
           !tkri_recurrent_has_any(cell);
}

static int32_t check(const tkr_cell *cell, tkri_detail *detail) {
    REQUIRE(!tkri_cell_int(cell, TKR_LAYER_NORM) || is_plain(cell), detail, TKR_ERR_ARGUMENT,
            "layer_norm goes with one direction, forward, tanh and logistic, and without "
            "peepholes, projection, learned_state and output_before");
    return tkri_recurrent_check(cell, detail);
}

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    const tkri_cell_ops *ops = tiers[b->kern->tier][tkri_recurrent_has_any(part)];
    if (!tkri_cell_int(part, TKR_LAYER_NORM)) {
        return tkri_build_recurrent(b, in, ops, NULL);
    }
    if (tkri_cell_real(part, TKR_ZONEOUT) > 0.0f || tkri_cell_real(part, TKR_ZONEOUT_CELL) > 0.0f ||
        tkri_cell_real(part, TKR_DROPOUT_RECURRENT) > 0.0f) {
        tkri_build_fail(b, TKR_ERR_UNSUPPORTED, "layer_norm goes without zoneout and dropout on h");
    }
    return tkri_build_recurrent(b, in, ops, tkri_build_lstm_norm);
}

const tkri_kind tkri_kind_lstm = {
    .number = TKR_LSTM,
    .name = "lstm",
    .takes = TKRI_VALUES | TKRI_IDS,
    .options = tkri_recurrent_options,
    .check = check,
    .bounds = tkri_recurrent_bounds,
    .output = tkri_recurrent_output,
    .build = build,
};
