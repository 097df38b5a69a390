/* SPDX-License-Identifier: MIT
 * What layers that map each row by itself have in common. */
#ifndef TKRI_LAYER_MAP_H
#define TKRI_LAYER_MAP_H

#include "layer/states.h"

/* Rows of `n`: y from x, which may not be padded. The streamed step calls it too. */
typedef void tkri_map(const tkr_cell *cell, const tkri_layer *layer, tkri_view y, const float *x,
                      int64_t x_ld, int64_t n);

int32_t tkri_map_forward(tkri_unroll *u, int64_t l, const tkri_chunk *chunk, tkri_map *map);
int32_t tkri_map_step(const tkri_step *step, tkri_signal *out, tkri_map *map);
int32_t tkri_map_wants_out(const tkri_layer *layer);

/* What a backward pass over the window's rows of one reading goes by. */
typedef struct tkri_back {
    tkri_view x, y, dy, dx; /* of row 0; dx.p NULL: nobody wants it */
    int64_t from, to;
    int32_t adds; /* to what is in dx */
} tkri_back;

tkri_back tkri_back_of(const tkri_unroll *u, int64_t l, const tkri_chunk *chunk,
                       const tkri_window *window);

/* dx (+)= d, n numbers of a row. */
static inline void tkri_put(float *dx, const float *d, int64_t n, int32_t adds) {
    for (int64_t j = 0; j < n; j++) {
        dx[j] = adds ? dx[j] + d[j] : d[j];
    }
}

/* Sums that chunks make one by one, for the gradient of `len` parameters from `offset` on. */
typedef struct tkri_sums {
    float *rows; /* [chunk][len] */
} tkri_sums;

void tkri_sums_place(tkri_sums *sums, int64_t len, tkri_arena *arena);
void tkri_sums_clear(const tkri_sums *sums, int64_t len);
void tkri_sums_add(tkri_unroll *u, const tkri_sums *sums, int64_t len, int64_t offset);
int64_t tkri_sums_job(int64_t l, tkri_job *jobs);

#endif
