/* SPDX-License-Identifier: MIT
 * A branch: parts side by side that all read the branch's input; their outputs concatenated, or
 * added up. A skip is a sum of {net, select}. */
#include "layer/combine.h"

static const tkri_option options[] = {
    {TKR_COMBINE, 0, "combine", TKRI_INT, TKRI_READ_ONLY | TKRI_FIXED, TKR_CONCATENATE, TKR_SUM,
     TKR_CONCATENATE},
    {0},
};
TKRI_OPTIONS_FIT(options);

static int32_t check(const tkr_cell *cell, tkri_detail *detail) {
    const int sums = tkri_cell_int(cell, TKR_COMBINE) == TKR_SUM;
    for (int64_t i = 1; i < cell->n_parts; i++) {
        const tkr_cell *first = cell->parts[0], *part = cell->parts[i];
        REQUIRE(part->input == first->input, detail, TKR_ERR_SHAPE,
                "part %d takes %lld inputs, part 0 takes %lld", (int)i, (long long)part->input,
                (long long)first->input);
        REQUIRE(!sums || tkri_cell_output(part) == tkri_cell_output(first), detail, TKR_ERR_SHAPE,
                "part %d has %lld outputs, part 0 has %lld: there is no sum", (int)i,
                (long long)tkri_cell_output(part), (long long)tkri_cell_output(first));
    }
    return TKR_OK;
}

static int64_t output(const tkr_cell *cell) {
    uint64_t width = 0;
    for (int64_t i = 0; i < cell->n_parts; i++) {
        width = tkri_add(width, (uint64_t)tkri_cell_output(cell->parts[i]));
    }
    return tkri_cell_int(cell, TKR_COMBINE) == TKR_SUM ? tkri_cell_output(cell->parts[0])
                                                       : (int64_t)width;
}

static tkri_wire build(tkri_builder *b, const tkr_cell *cell, tkri_wire in) {
    tkri_wire ends[TKRI_MAX_BRANCHES];
    for (int64_t i = 0; i < cell->n_parts; i++) {
        ends[i] = tkri_build_part(b, cell->parts[i], i, in);
    }
    return tkri_build_combine(b, ends, cell->n_parts, (int32_t)tkri_cell_int(cell, TKR_COMBINE));
}

const tkri_kind tkri_kind_branch = {
    .number = TKR_BRANCH,
    .name = "branch",
    .takes = TKRI_VALUES | TKRI_IDS,
    .contains = TKRI_SIDE_BY_SIDE,
    .options = options,
    .check = check,
    .output = output,
    .build = build,
};
