/* SPDX-License-Identifier: MIT
 * The Elman cell (Elman 1990), f a TKR_TANH...:
 *
 *     a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh
 *     h_t = f(a_t)
 *
 * Backward, with dh = dL/dh_t: da = dh * f'(a), written through h = f(a). h_{t-1} is reached by the
 * product with W_hh alone, so nothing flows to it directly. */
#include "kern/vec.h"

#include "kern/kern.h"

static void forward(const tkri_point *p) {
    for (int64_t r = 0; r < p->rows; r++) {
        const float *a = p->gates + r * p->row_stride;
        float *h = p->h + r * p->ld_h;
        for (int64_t j = 0; j < p->tiles; j++) {
            vf y = v_activate(v_load(a + j * p->tile_stride), p->activation);
            v_store(h + j * VL, v_first(y, p->units - j * VL));
        }
    }
}

static void backward(const tkri_point *p) {
    for (int64_t r = 0; r < p->rows; r++) {
        float *da = p->dgates + r * p->row_stride;
        const float *h = p->h + r * p->ld_h;
        float *dh = p->dh + r * p->ld_h;
        for (int64_t j = 0; j < p->tiles; j++) {
            vf y = v_load(h + j * VL);
            v_store(da + j * p->tile_stride,
                    v_activate_gradient(v_load(dh + j * VL), y, p->activation));
            v_store(dh + j * VL, v_zero());
        }
    }
}

const tkri_cell_ops TIER(tkri_elman) = {
    .gates = 1,
    .slots = 1,
    .q_slot = -1,
    .phases = 1,
    .forward = {forward},
    .backward = {backward},
};
