/* SPDX-License-Identifier: MIT
 * Which rows a forward pass has: sequences by falling length, cut into chunks. */
#include <string.h>

#include "seq/seq.h"

/* A stable counting sort; chunks[0].first serves as the counters. */
static void sort_by_length(tkri_plan *plan, const int32_t *lengths) {
    int64_t *start = plan->chunks[0].first;
    memset(start, 0, (size_t)(plan->steps + 1) * sizeof *start);
    for (int64_t b = 0; b < plan->batch; b++) {
        start[lengths[b]]++;
    }
    for (int64_t len = plan->steps, before = 0; len >= 0; len--) {
        const int64_t n = start[len];
        start[len] = before;
        before += n;
    }
    for (int64_t b = 0; b < plan->batch; b++) {
        const int64_t i = start[lengths[b]]++;
        plan->order[i] = b;
        plan->length[i] = lengths[b];
    }
}

static void order_batch(tkri_plan *plan, const int32_t *lengths) {
    if (lengths) {
        sort_by_length(plan, lengths);
    } else {
        for (int64_t b = 0; b < plan->batch; b++) {
            plan->order[b] = b;
            plan->length[b] = plan->steps;
        }
    }
    plan->in_order = 1;
    for (int64_t i = 0; i < plan->batch; i++) {
        plan->position[plan->order[i]] = i;
        plan->in_order &= plan->order[i] == i;
    }
}

static void count_rows(const tkri_plan *plan, tkri_chunk *chunk) {
    int64_t running = chunk->batch, row = 0;
    const int64_t *length = plan->length + chunk->batch0;
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

static void map_reverse(const tkri_plan *plan, const tkri_chunk *chunk) {
    for (int64_t t = 0; t < chunk->steps; t++) {
        for (int64_t i = 0; i < chunk->active[t]; i++) {
            const int64_t last = plan->length[chunk->batch0 + i] - 1;
            plan->reverse[chunk->row0 + chunk->first[t] + i] = chunk->first[last - t] + i;
        }
    }
}

/* The chunk's sequences in one step, as far as they have any. */
static void count_once(const tkri_chunk *chunk, tkri_chunk *once) {
    once->number = chunk->number;
    once->batch0 = once->row0 = once->tape = chunk->batch0;
    once->batch = chunk->batch;
    once->steps = once->to = 1;
    once->from = once->skip = once->segment = 0;
    once->active[0] = once->first[1] = once->rows = once->held =
        chunk->steps > 0 ? chunk->active[0] : 0;
    once->active[1] = once->first[0] = 0;
}

void tkri_rows_plan(tkri_unroll *u, const int32_t *lengths, int64_t steps, int64_t batch) {
    tkri_plan *plan = &u->plan;
    plan->steps = steps;
    plan->batch = batch;
    order_batch(plan, lengths);
    plan->n_chunks = tkri_chunks_of(u->net, batch);
    plan->rows = 0;
    for (int64_t c = 0; c < plan->n_chunks; c++) {
        tkri_chunk *chunk = &plan->chunks[c];
        chunk->number = c;
        chunk->batch0 = batch * c / plan->n_chunks;
        chunk->batch = batch * (c + 1) / plan->n_chunks - chunk->batch0;
        chunk->row0 = plan->rows;
        chunk->tape = chunk->batch0 * plan->segment;
        count_rows(plan, chunk);
        plan->rows += chunk->rows;
        if (plan->reverse) {
            map_reverse(plan, chunk);
        }
        if (plan->once) {
            count_once(chunk, &plan->once[c]);
        }
    }
}
