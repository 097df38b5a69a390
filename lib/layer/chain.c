/* SPDX-License-Identifier: MIT
 * A chain: each part reads the output of the one before it, at the same step. */
#include "layer/layer.h"

static const tkri_option options[] = {{0}};

static int32_t check(const tkr_cell *cell, tkri_detail *detail) {
    for (int64_t i = 1; i < cell->n_parts; i++) {
        const int64_t before = tkri_cell_output(cell->parts[i - 1]);
        REQUIRE(tkri_cell_takes(cell->parts[i]) & TKRI_VALUES, detail, TKR_ERR_SHAPE,
                "part %d is an embedding, which takes ids", (int)i);
        REQUIRE(cell->parts[i]->input == before, detail, TKR_ERR_SHAPE,
                "part %d takes %lld inputs, part %d has %lld outputs", (int)i,
                (long long)cell->parts[i]->input, (int)i - 1, (long long)before);
    }
    return TKR_OK;
}

static int64_t output(const tkr_cell *cell) {
    return tkri_cell_output(cell->parts[cell->n_parts - 1]);
}

static tkri_wire build(tkri_builder *b, const tkr_cell *cell, tkri_wire in) {
    for (int64_t i = 0; i < cell->n_parts; i++) {
        in = tkri_build_part(b, cell->parts[i], i, in);
    }
    return in;
}

const tkri_kind tkri_kind_chain = {
    .number = TKR_CHAIN,
    .name = "chain",
    .takes = TKRI_VALUES | TKRI_IDS,
    .contains = TKRI_IN_A_ROW,
    .options = options,
    .check = check,
    .output = output,
    .build = build,
};
