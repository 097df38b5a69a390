/* SPDX-License-Identifier: MIT
 * Masks of dropout (Srivastava 2014; per sequence: Gal & Ghahramani 2016) and zoneout (Krueger
 * 2016). A mask's element depends on the seed, the number of the forward, the mask's own number and
 * the element's place in the caller's batch: not on chunks or threads. */
#ifndef TKRI_LAYER_MASKS_H
#define TKRI_LAYER_MASKS_H

#include "layer/layer.h"

enum { TKRI_MASKS_PER_LAYER = 8 };

/* Elements are `yes` with probability `rate`, else `no`, drawn from a stream of their own. */
typedef struct tkri_mask {
    uint64_t stream;
    float rate, yes, no;
    int32_t per_sequence; /* the same at every step */
} tkri_mask;

/* Mask `number` of layer l, below TKRI_MASKS_PER_LAYER. */
tkri_mask tkri_dropout_mask(const tkri_unroll *u, int64_t l, int64_t number, float rate);
tkri_mask tkri_zoneout_mask(const tkri_unroll *u, int64_t l, int64_t number, float rate);

/* A row of n elements for every row on the tape, `rows` being the tape's first; for every sequence,
 * `rows` being the first chunk's first. */
void tkri_draw_rows(const tkri_unroll *u, const tkri_chunk *chunk, const tkri_mask *mask,
                    tkri_view rows, int64_t n);
void tkri_draw_sequences(const tkri_unroll *u, const tkri_chunk *chunk, const tkri_mask *mask,
                         tkri_view rows, int64_t n);

#endif
