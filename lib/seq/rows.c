/* SPDX-License-Identifier: MIT
 * Which rows a forward pass has: sequences by falling length, cut into chunks; and the state that
 * goes into a segment and comes out of it. */
#include <string.h>

#include "seq/seq.h"

/* Weights of a step that no core's second-level cache keeps: every chunk fetches them again. */
enum { TOO_FAR = 150000 };

static int is_far(const tkri_net *net) {
    int64_t most = 0;
    for (int64_t l = 0; l < net->n_layers; l++) {
        const tkri_layer *layer = &net->layers[l];
        if (tkri_is_recurrent(layer->kind)) {
            most = tkri_max(most, layer->units * layer->out * layer->ops->gates);
        }
    }
    return most > TOO_FAR;
}

/* Two chunks from 16 sequences on, so that two threads share them; then one for each 32. Of nets
 * whose weights are far, one for each 64, and threads share the units of one. */
int64_t tkri_chunks_of(const tkri_net *net, int64_t batch) {
    const int far = is_far(net);
    const int64_t n = far ? (batch + 63) / 64 : (batch + 31) / 32;
    return tkri_min(batch >= 16 && !far ? tkri_max(n, 2) : n, TKRI_MAX_CHUNKS);
}

/* A stable counting sort; chunks[0].first serves as the counters. */
static void sort_by_length(tkr_sequence *seq, const int32_t *lengths) {
    int64_t *start = seq->chunks[0].first;
    memset(start, 0, (size_t)(seq->max_steps + 1) * sizeof *start);
    for (int64_t b = 0; b < seq->batch; b++) {
        start[lengths[b]]++;
    }
    for (int64_t len = seq->max_steps, before = 0; len >= 0; len--) {
        const int64_t n = start[len];
        start[len] = before;
        before += n;
    }
    for (int64_t b = 0; b < seq->batch; b++) {
        const int64_t i = start[lengths[b]]++;
        seq->order[i] = b;
        seq->length[i] = lengths[b];
    }
}

static void order_batch(tkr_sequence *seq, const int32_t *lengths) {
    if (lengths) {
        sort_by_length(seq, lengths);
    } else {
        for (int64_t b = 0; b < seq->batch; b++) {
            seq->order[b] = b;
            seq->length[b] = seq->steps;
        }
    }
    for (int64_t i = 0; i < seq->batch; i++) {
        seq->place[seq->order[i]] = i;
    }
}

static void count_rows(const tkr_sequence *seq, tkri_chunk *chunk) {
    int64_t running = chunk->batch, row = 0;
    const int64_t *length = seq->length + chunk->batch0;
    chunk->steps = length[0];
    for (int64_t t = 0; t <= chunk->steps; t++) {
        while (running > 0 && length[running - 1] <= t) {
            running--;
        }
        chunk->active[t] = running;
        chunk->first[t] = row;
        row += running;
    }
    chunk->rows = row;
}

static void map_reverse(tkr_sequence *seq, const tkri_chunk *chunk) {
    for (int64_t t = 0; t < chunk->steps; t++) {
        for (int64_t i = 0; i < chunk->active[t]; i++) {
            const int64_t last = seq->length[chunk->batch0 + i] - 1;
            seq->reverse[chunk->row0 + chunk->first[t] + i] = chunk->first[last - t] + i;
        }
    }
}

void tkri_rows_plan(tkr_sequence *seq, const int32_t *lengths, int64_t steps, int64_t batch) {
    seq->steps = steps;
    seq->batch = batch;
    order_batch(seq, lengths);
    seq->n_chunks = tkri_chunks_of(seq->net, batch);
    seq->rows = 0;
    for (int64_t c = 0; c < seq->n_chunks; c++) {
        tkri_chunk *chunk = &seq->chunks[c];
        chunk->batch0 = batch * c / seq->n_chunks;
        chunk->batch = batch * (c + 1) / seq->n_chunks - chunk->batch0;
        chunk->row0 = seq->rows;
        chunk->tape = chunk->batch0 * seq->segment;
        count_rows(seq, chunk);
        seq->rows += chunk->rows;
        if (seq->reverse) {
            map_reverse(seq, chunk);
        }
    }
}

/* Rows of h and c for sequence i from, or to, the flat state in the caller's order. */
static void move_state(const tkri_lane *a, int64_t tape_row, float *values, int64_t i,
                       int32_t load) {
    const tkri_layer *layer = a->layer;
    const int64_t b = a->seq->order[a->chunk->batch0 + i], row = a->state_row + tape_row;
    float *h =
        tkri_state_rows(values, a->direction->state_h, a->seq->max_batch) + b * layer->out_ld;
    float *kept = a->run->h + row * layer->out_ld;
    memcpy(load ? kept : h, load ? h : kept, (size_t)layer->out_ld * sizeof *h);
    if (a->direction->state_c >= 0) {
        float *c =
            tkri_state_rows(values, a->direction->state_c, a->seq->max_batch) + b * layer->units_ld;
        kept = a->run->c + row * layer->units_ld;
        memcpy(load ? kept : c, load ? c : kept, (size_t)layer->units_ld * sizeof *c);
    }
}

/* The state before a segment. */
static float *state_before(const tkr_sequence *seq, int64_t segment) {
    const int64_t kept = seq->mode & TKR_TRAINING ? segment - 1 : 0;
    return segment == 0 ? seq->initial
                        : seq->borders + kept * tkri_state_len(seq->net, seq->max_batch);
}

/* Is sequence i in the segment? In the first are all. */
static int takes_part(const tkri_lane *a, int64_t i) {
    return a->chunk->from == 0 || a->seq->length[a->chunk->batch0 + i] > a->chunk->from;
}

void tkri_load_state(const tkri_lane *a) {
    for (int64_t i = 0; i < a->chunk->batch && takes_part(a, i); i++) {
        move_state(a, i, state_before(a->seq, a->chunk->segment), i, 1);
    }
}

/* The state for the next segment; at a sequence's last valid step, its final state; of an empty
 * one, its initial state. */
void tkri_store_state(const tkri_lane *a) {
    const tkri_chunk *chunk = a->chunk;
    for (int64_t i = 0; i < chunk->batch && takes_part(a, i); i++) {
        const int64_t len = a->seq->length[chunk->batch0 + i], last = tkri_min(len, chunk->to) - 1;
        const int64_t row = len > 0 ? chunk->batch + tkri_held_row(chunk, last) + i : i;
        float *to = len > chunk->to ? state_before(a->seq, chunk->segment + 1) : a->seq->final;
        move_state(a, row, to, i, 0);
    }
}
