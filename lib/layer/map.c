/* SPDX-License-Identifier: MIT */
#include "layer/map.h"

#include <string.h>

int32_t tkri_map_forward(tkri_unroll *u, int64_t l, const tkri_chunk *chunk, tkri_map *map) {
    const tkri_view x = tkri_layer_input(u, l, 0, chunk);
    map(u->cell, &u->net->layers[l], tkri_layer_output(u, l, chunk), x.p, x.ld, chunk->held);
    return TKR_OK;
}

int32_t tkri_map_step(const tkri_step *step, tkri_signal *out, tkri_map *map) {
    const int64_t ld = tkri_row_len(step->layer->output);
    map(step->cell, step->layer, (tkri_view){step->out, ld}, step->in[0].p, step->in[0].ld,
        step->state->rows);
    *out = (tkri_signal){step->out, ld, NULL};
    return TKR_OK;
}

int32_t tkri_map_wants_out(const tkri_layer *layer) {
    (void)layer;
    return 1;
}

tkri_back tkri_back_of(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk,
                       const tkri_window *window) {
    tkri_back b = {
        .x = tkri_layer_input(u, l, 0, chunk),
        .y = tkri_layer_output(u, l, chunk),
        .dy = tkri_layer_gradient(u, l, chunk),
        .dx = tkri_input_gradient(u, l, 0, chunk),
        .adds = tkri_input_gradient_from(u, l, 0) == TKRI_FROM_C,
    };
    tkri_window_rows(chunk, window, &b.from, &b.to);
    return b;
}

void tkri_sums_place(tkri_sums *sums, int64_t len, tkri_arena *arena) {
    TKRI_TAKE(arena, sums->rows, tkri_times(TKRI_MAX_CHUNKS, len));
}

void tkri_sums_clear(const tkri_sums *sums, int64_t len) {
    memset(sums->rows, 0, (size_t)(TKRI_MAX_CHUNKS * len) * sizeof *sums->rows);
}

void tkri_sums_add(tkri_unroll *u, const tkri_sums *sums, int64_t len, int64_t offset) {
    for (int64_t c = 0; c < u->plan.n_chunks; c++) {
        u->cell->kern->add(u->grad.values + offset, sums->rows + c * len, len);
    }
}

int64_t tkri_sums_job(int64_t l, tkri_job *jobs) {
    if (jobs) {
        jobs[0] = (tkri_job){l, 0, 0, TKRI_JOB_REST};
    }
    return 1;
}
