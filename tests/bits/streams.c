/* SPDX-License-Identifier: MIT
 * The runs of a net that goes step by step. */
#include "bits.h"

/* QUANTIZE is what this header calls the function; bits.py looks it up. */
#ifndef QUANTIZE
#define QUANTIZE tkr_cell_quantize
#endif

static int32_t step(bits *b, const tkr_cell *cell, tkr_state *state, int64_t t) {
    if (b->ids_on) {
        MUST(tkr_cell_step_ids(cell, state, bits_pool.out, bits_pool.ids + t * b->batch));
    } else {
        MUST(tkr_cell_step(cell, state, bits_pool.out, bits_pool.x + t * b->batch * b->input));
    }
    bits_add(b, bits_pool.out, (uint64_t)(b->batch * b->output) * sizeof *bits_pool.out);
    return TKR_OK;
}

static int32_t walk(bits *b, const tkr_cell *cell, tkr_state *state) {
    for (int64_t t = 0; t < b->steps; t++) {
        MUST(step(b, cell, state, t));
    }
    return bits_add_state(b, state);
}

/* The cell, then a clone of it, go on from the same snapshot. */
int32_t bits_stream(bits *b) {
    tkr_state *state = NULL, *snapshot = NULL, *other = NULL;
    tkr_cell *copy = NULL;
    MUST(tkr_state_create(&state, b->cell, b->batch, &b->env));
    MUST(tkr_state_create(&snapshot, b->cell, b->batch, &b->env));
    MUST(walk(b, b->cell, state));
    MUST(tkr_state_copy(snapshot, state));
    MUST(walk(b, b->cell, state));
    MUST(tkr_cell_clone(&copy, b->cell, &b->env));
    MUST(tkr_state_create(&other, copy, b->batch, &b->env));
    MUST(tkr_state_copy(other, snapshot));
    MUST(walk(b, copy, other));
    MUST(tkr_state_reset(state));
    MUST(walk(b, b->cell, state));
    tkr_state_destroy(other);
    tkr_state_destroy(snapshot);
    tkr_state_destroy(state);
    tkr_cell_destroy(copy);
    return TKR_OK;
}

static int32_t quantized(bits *b, int32_t precision) {
    tkr_cell *smaller = NULL;
    tkr_state *state = NULL;
    MUST(QUANTIZE(&smaller, NULL, b->cell, precision, NULL, &b->env));
    MUST(tkr_state_create(&state, smaller, b->batch, &b->env));
    MUST(walk(b, smaller, state));
    MUST(walk(b, smaller, state));
    tkr_state_destroy(state);
    tkr_cell_destroy(smaller);
    return TKR_OK;
}

int32_t bits_bf16(bits *b) {
    return quantized(b, TKR_BF16);
}

int32_t bits_int8(bits *b) {
    return quantized(b, TKR_INT8);
}
