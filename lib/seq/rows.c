/* SPDX-License-Identifier: MIT
 * Which rows a forward pass has: sequences by falling length, cut into chunks. */
#include <string.h>

#include "seq/seq.h"

/* Two chunks from 16 sequences on, so that two threads share them; then one for each 32. */
int64_t tkri_chunks_of(int64_t batch) {
    const int64_t n = (batch + 31) / 32;
    return tkri_min(batch >= 16 ? tkri_max(n, 2) : 1, TKRI_MAX_CHUNKS);
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
    seq->n_chunks = tkri_chunks_of(batch);
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
