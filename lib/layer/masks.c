/* SPDX-License-Identifier: MIT */
#include "layer/masks.h"

/* One stream of random numbers per mask and forward. */
static uint64_t stream_of(const tkri_unroll *u, int64_t l, int64_t number) {
    const int64_t per_forward = u->net->n_layers * TKRI_MASKS_PER_LAYER;
    return u->tape.mask_draws * (uint64_t)per_forward +
           (uint64_t)(l * TKRI_MASKS_PER_LAYER + number);
}

tkri_mask tkri_dropout_mask(const tkri_unroll *u, int64_t l, int64_t number, float rate) {
    return (tkri_mask){stream_of(u, l, number), rate, 0.0f, 1.0f / (1.0f - rate), 0};
}

tkri_mask tkri_zoneout_mask(const tkri_unroll *u, int64_t l, int64_t number, float rate) {
    return (tkri_mask){stream_of(u, l, number), rate, 1.0f, 0.0f, 0};
}

/* `position` in the caller's batch. Rows are whole lines, as the index of a draw must be. */
static void draw_row(const tkri_unroll *u, const tkri_mask *m, tkri_view to, int64_t n,
                     int64_t position) {
    const tkri_draw draw = {.seed = u->tape.mask_seed,
                            .stream = m->stream,
                            .index = (uint64_t)(position * to.ld),
                            .rate = m->rate,
                            .yes = m->yes,
                            .no = m->no};
    u->cell->kern->draw_mask(to.p, &draw, n);
}

void tkri_draw_rows(const tkri_unroll *u, const tkri_chunk *chunk, const tkri_mask *mask,
                    tkri_view rows, int64_t n) {
    for (int64_t t = chunk->from; t < chunk->to; t++) {
        for (int64_t i = 0; i < chunk->active[t]; i++) {
            const int64_t position = tkri_user_row(u, chunk, mask->per_sequence ? 0 : t, i);
            const int64_t row = chunk->tape + tkri_held_row(chunk, t) + i;
            draw_row(u, mask, (tkri_view){rows.p + row * rows.ld, rows.ld}, n, position);
        }
    }
}

void tkri_draw_sequences(const tkri_unroll *u, const tkri_chunk *chunk, const tkri_mask *mask,
                         tkri_view rows, int64_t n) {
    for (int64_t i = chunk->batch0; i < chunk->batch0 + chunk->batch; i++) {
        draw_row(u, mask, (tkri_view){rows.p + i * rows.ld, rows.ld}, n, u->plan.order[i]);
    }
}
