/* SPDX-License-Identifier: MIT
 * Streaming: the whole net, one step. */
#ifndef TKRI_SEQ_STEP_H
#define TKRI_SEQ_STEP_H

#include "seq/state.h"

/* What flows from layer to layer: rows at p, or ids, or (at a layer that does not need it) nothing.
 */
typedef struct tkri_signal {
    const float *p;
    int64_t ld;
    const int32_t *ids;
} tkri_signal;

/* Can this cell be stepped with this state: tensors, scratch memory, kernels, precision? */
int32_t tkri_state_fits(const tkr_cell *cell, const tkr_state *state);

/* Measure or place a state's arrays. */
void tkri_state_place(tkr_state *state, tkri_arena *arena);

/* One step of all streams. x or ids is NULL; both: the state stays and y alone is computed, as far
 * as it does not depend on the input. y may be NULL. */
void tkri_step(const tkr_cell *cell, tkr_state *state, float *y, const float *x,
               const int32_t *ids);

#endif
