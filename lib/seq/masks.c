/* SPDX-License-Identifier: MIT
 * Dropout (Srivastava 2014; per sequence: Gal & Ghahramani 2016) and zoneout (Krueger 2016) masks.
 * A mask's element depends on the seed, the number of the forward, the mask's own number and the
 * element's place in the caller's batch: not on chunks or threads. */
#include "core/random.h"
#include "seq/seq.h"

enum { MASKS_PER_LAYER = 8 };

/* One stream of random numbers per mask and forward. */
static uint64_t stream_of(const tkr_sequence *seq, int64_t layer, int64_t mask) {
    const int64_t per_forward = seq->net->n_layers * MASKS_PER_LAYER;
    return seq->mask_draws * (uint64_t)per_forward + (uint64_t)(layer * MASKS_PER_LAYER + mask);
}

/* A mask's rows [..][ld] of n elements: `yes` with probability `rate`, else `no`. */
typedef struct mask {
    float *rows;
    int64_t ld, n;
    uint64_t stream;
    float rate, yes, no;
    int32_t per_sequence; /* the same at every step */
} mask;

static void draw_row(const mask *m, uint64_t seed, int64_t row, int64_t place) {
    const float rate = m->rate, yes = m->yes, no = m->no;
    float *to = m->rows + row * m->ld;
    tkri_uniform_fill(to, seed, m->stream, (uint64_t)(place * m->ld), m->n);
    for (int64_t j = 0; j < m->n; j++) {
        to[j] = to[j] < rate ? yes : no;
    }
}

/* A mask for every row on the tape. */
static void draw_rows(const tkr_sequence *seq, const tkri_chunk *chunk, const mask *m) {
    for (int64_t t = chunk->from; t < chunk->to; t++) {
        for (int64_t i = 0; i < chunk->active[t]; i++) {
            const int64_t place = tkri_user_row(seq, chunk, m->per_sequence ? 0 : t, i);
            draw_row(m, seq->mask_seed, chunk->tape + tkri_held_row(chunk, t) + i, place);
        }
    }
}

static mask dropout(float *rows, int64_t ld, int64_t n, uint64_t stream, float rate) {
    return (mask){rows, ld, n, stream, rate, 0.0f, 1.0f / (1.0f - rate), 0};
}

static mask zoneout(float *rows, int64_t ld, int64_t n, uint64_t stream, float rate) {
    return (mask){rows, ld, n, stream, rate, 1.0f, 0.0f, 0};
}

static void draw_run(const tkr_sequence *seq, int64_t l, int32_t d, const tkri_chunk *chunk) {
    const tkri_layer *layer = &seq->net->layers[l];
    const tkri_run *run = &seq->tapes[l].run[d];
    if (run->h_mask) {
        const mask m = dropout(run->h_mask, layer->out_ld, layer->out, stream_of(seq, l, 3 * d),
                               layer->recurrent_rate);
        for (int64_t i = 0; i < chunk->batch; i++) {
            draw_row(&m, seq->mask_seed, chunk->batch0 + i, seq->order[chunk->batch0 + i]);
        }
    }
    if (run->h_zone) {
        const mask m = zoneout(run->h_zone, layer->out_ld, layer->out, stream_of(seq, l, 3 * d + 1),
                               layer->zoneout);
        draw_rows(seq, chunk, &m);
    }
    if (run->c_zone) {
        const mask m = zoneout(run->c_zone, layer->units_ld, layer->units,
                               stream_of(seq, l, 3 * d + 2), layer->zoneout_cell);
        draw_rows(seq, chunk, &m);
    }
}

void tkri_draw_masks(tkr_sequence *seq, const tkri_chunk *chunk) {
    for (int64_t l = 0; l < seq->net->n_layers; l++) {
        const tkri_layer *layer = &seq->net->layers[l];
        const tkri_tape *tape = &seq->tapes[l];
        for (int32_t d = 0; tkri_is_recurrent(layer->kind) && d < layer->directions; d++) {
            draw_run(seq, l, d, chunk);
        }
        if (tape->mask) {
            mask m =
                dropout(tape->mask, tape->y_ld, layer->output, stream_of(seq, l, 7), layer->rate);
            m.per_sequence = layer->per_sequence;
            draw_rows(seq, chunk, &m);
        }
    }
}
