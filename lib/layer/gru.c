/* SPDX-License-Identifier: MIT
 * The GRU (Cho 2014), a kind of recurrent layer. */
#include "layer/recurrent.h"

/* The pointwise part in every tier of this build: reset after or before the product with h, each
 * with the usual functions, and with any. */
#define DECLARE(tier, id)                                                     \
    extern const tkri_cell_ops tkri_gru_after_##tier, tkri_gru_before_##tier, \
        tkri_gru_after_any_##tier, tkri_gru_before_any_##tier;
#define LIST(tier, id)                                                       \
    [TKR_TIER_##id] = {{&tkri_gru_after_##tier, &tkri_gru_after_any_##tier}, \
                       {&tkri_gru_before_##tier, &tkri_gru_before_any_##tier}},
TKRI_TIERS(DECLARE)
static const tkri_cell_ops *const tiers[][2][2] = {TKRI_TIERS(LIST)};

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    const int before = tkri_cell_int(part, TKR_RESET) == TKR_RESET_BEFORE;
    const tkri_cell_ops *ops = tiers[b->kern->tier][before][tkri_recurrent_has_any(part)];
    return tkri_build_recurrent(b, in, ops, NULL);
}

const tkri_kind tkri_kind_gru = {
    .number = TKR_GRU,
    .name = "gru",
    .takes = TKRI_VALUES | TKRI_IDS,
    .options = tkri_recurrent_options,
    .check = tkri_recurrent_check,
    .bounds = tkri_recurrent_bounds,
    .output = tkri_recurrent_output,
    .build = build,
};
