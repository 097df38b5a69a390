/* SPDX-License-Identifier: MIT
 * A tier's kernel table. */
#include "kern/table.h"

#include "kern/quantized.h"

extern const tkri_quantized_kern TIER(tkri_quantized);

const tkri_kern TIER(tkri_kern) = {
    .tier = TKRI_TIER_ID,
    .vl = VL,
    .rank = RANK,
    .cpuid = TIER_CPUID,
    .xcr0 = TIER_XCR0,
    .quantized = &TIER(tkri_quantized),
    .gemm = TIER(tkri_gemm),
#if TIER_LIVE
    .live = TIER(tkri_live),
#endif
    .dots = TIER(tkri_dots),
    .gather = TIER(tkri_gather),
    .scatter = TIER(tkri_scatter),
    .add = TIER(tkri_add),
    .draw_mask = TIER(tkri_draw_mask),
    .zone = TIER(tkri_zone),
    .zone_gradient = TIER(tkri_zone_gradient),
    .column_sum = TIER(tkri_column_sum),
    .activate = TIER(tkri_activate),
    .activate_gradient = TIER(tkri_activate_gradient),
    .softmax = TIER(tkri_softmax),
    .softmax_row = TIER(tkri_softmax_row),
    .softmax_gradient = TIER(tkri_softmax_gradient),
    .norm = TIER(tkri_norm),
    .norm_gradient = TIER(tkri_norm_gradient),
    .orthogonalise = TIER(tkri_orthogonalise),
    .sum_squares = TIER(tkri_sum_squares),
    .adam = TIER(tkri_adam),
    .sgd = TIER(tkri_sgd),
    .rmsprop = TIER(tkri_rmsprop),
};
