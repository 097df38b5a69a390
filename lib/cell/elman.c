/* SPDX-License-Identifier: MIT
 * The Elman cell (Elman 1990), f a TKR_TANH...:
 *
 *     a_t = W_ih x_t + b_ih + W_hh h_{t-1} + b_hh
 *     h_t = f(a_t)
 *
 * Backward, with dh = dL/dh_t: da = dh * f'(a), written through h = f(a), or through a where h does
 * not tell it (GELU): a stays in its field. h_{t-1} is reached by the product with W_hh alone, so
 * nothing flows to it directly. */
#include "kern/activation.h"

#include "kern/kern.h"

/* f is a constant wherever this is inlined. */
INLINE void forward_all(const tkri_point *p, const int32_t f) {
    for (int64_t r = 0; r < p->rows; r++) {
        const float *a = p->gates + r * p->row_stride;
        float *h = p->h + r * p->ld_h;
        for (int64_t j = 0; j < p->tiles; j++) {
            const vf x = v_load(a + j * p->tile_stride);
            const vf y = f == ANY ? TIER(tkri_activation)(x, p->activation) : v_activate(x, f);
            v_store(h + j * VL, v_first(y, p->units - j * VL));
        }
    }
}

static void forward(const tkri_point *p) {
#define FORWARD(f)           \
    case f:                  \
        forward_all(p, (f)); \
        break;
    switch (p->activation) {
        FAST_ACTIVATIONS(FORWARD)
        default:
            forward_all(p, ANY);
    }
}

INLINE void backward_all(const tkri_point *p, const int32_t f) {
    for (int64_t r = 0; r < p->rows; r++) {
        const float *a = p->gates + r * p->row_stride;
        float *da = p->dgates + r * p->row_stride;
        const float *h = p->h + r * p->ld_h;
        float *dh = p->dh + r * p->ld_h;
        for (int64_t j = 0; j < p->tiles; j++) {
            const vf y = v_load(h + j * VL);
            vf to = v_load(dh + j * VL);
            if (f == ANY) {
                to = to * TIER(tkri_slope)(v_load(a + j * p->tile_stride), y, p->activation);
            } else {
                to = v_activate_gradient(to, y, f);
            }
            v_store(da + j * p->tile_stride, to);
            v_store(dh + j * VL, v_zero());
        }
    }
}

static void backward(const tkri_point *p) {
#define BACKWARD(f)           \
    case f:                   \
        backward_all(p, (f)); \
        break;
    switch (p->activation) {
        FAST_ACTIVATIONS(BACKWARD)
        default:
            backward_all(p, ANY);
    }
}

const tkri_cell_ops TIER(tkri_elman) = {
    .gates = 1,
    .fields = 1,
    .q_field = -1,
    .phases = 1,
    .forward = {forward},
    .backward = {backward},
};
