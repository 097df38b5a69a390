/* SPDX-License-Identifier: MIT
 * The simple recurrent network (Elman 1990), a kind of recurrent layer. */
#include "layer/recurrent.h"

/* The pointwise part in every tier of this build. */
#define DECLARE(tier, id) extern const tkri_cell_ops tkri_elman_##tier;
#define LIST(tier, id) [TKR_TIER_##id] = &tkri_elman_##tier,
TKRI_TIERS(DECLARE)
static const tkri_cell_ops *const tiers[] = {TKRI_TIERS(LIST)};

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    (void)part;
    return tkri_build_recurrent(b, in, tiers[b->kern->tier], NULL);
}

const tkri_kind tkri_kind_elman = {
    .number = TKR_ELMAN,
    .name = "elman",
    .takes = TKRI_VALUES | TKRI_IDS,
    .options = tkri_recurrent_options,
    .check = tkri_recurrent_check,
    .bounds = tkri_recurrent_bounds,
    .output = tkri_recurrent_output,
    .build = build,
};
