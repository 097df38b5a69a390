/* SPDX-License-Identifier: MIT
 * How much memory counting and estimating can take: the same layouts, with the largest lengths that
 * the levels can have. */
#include "core/check.h"
#include "ngram/ngram.h"

static uint64_t smaller(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

/* No more n-grams of a length than there are places, or ways to fill them. */
static void bound_levels(uint64_t *lens, int32_t order, int64_t symbols, uint64_t places) {
    uint64_t ways = 1;
    for (int l = 0; l < order; l++) {
        ways = tkri_mul(ways, (uint64_t)symbols + 1);
        lens[l] = smaller(ways, places);
    }
}

/* What a merge notes of both tries before it makes their sum. */
static uint64_t plan_size(int32_t order, const uint64_t *a, const uint64_t *b) {
    uint64_t bytes = 0;
    for (int l = 0; l < order; l++) {
        bytes = tkri_add(bytes, tkri_mul(tkri_add(tkri_add(a[l], b[l]), 12), 12));
    }
    return bytes;
}

/* What a counter may hold while a buffer of `chunk` symbols becomes a trie: with more than one
 * chunk, also the trie so far, the one of a long text apart, and their sum. */
static uint64_t counting_size(int32_t order, const uint64_t *lens, const uint64_t *chunk_lens,
                              uint64_t chunk, int many) {
    uint64_t piece = tkri_trie_size(order, chunk_lens);
    uint64_t sorting = tkri_mul(chunk, 2 * sizeof(tkri_gram));
    if (!many) {
        return tkri_add(piece, sorting);
    }
    uint64_t whole = tkri_trie_size(order, lens);
    uint64_t merging = tkri_add(whole, plan_size(order, lens, chunk_lens));
    return tkri_add(tkri_mul(whole, 2), tkri_add(piece, larger(sorting, merging)));
}

static uint64_t estimating_size(int32_t order, int64_t symbols, const uint64_t *lens) {
    tkri_model model;
    tkri_model_shape shape = {.symbols = symbols, .order = order, .value_bytes = 8};
    memcpy(shape.lens, lens, (size_t)order * sizeof *lens);
    shape.lens[0] = (uint64_t)symbols + 1;
    uint64_t bytes = tkri_model_lay_out(&model, &shape, NULL);
    bytes = tkri_add(bytes, tkri_model_estimate_size(order, lens));
    return tkri_add(bytes, tkri_trie_size(order, lens));
}

uint64_t tkri_ngram_size(int32_t order, int64_t symbols, uint64_t n) {
    enum { BLOCKS = 24 }; /* more than are ever held at once */
    uint64_t lens[TKRI_MAX_ORDER] = {0}, chunk_lens[TKRI_MAX_ORDER] = {0};
    uint64_t places = tkri_add(n, (uint64_t)order);
    bound_levels(lens, order, symbols, places);
    uint64_t limit = smaller(larger(lens[order - 1], TKRI_COUNTS_CHUNK), (uint64_t)1 << 30);
    uint64_t chunk = smaller(places, limit);
    bound_levels(chunk_lens, order, symbols, chunk);
    int many = places > TKRI_COUNTS_CHUNK;
    /* What grows holds twice what is needed, beside the half of it that was too small. */
    uint64_t buffers = tkri_mul(tkri_add(chunk, (uint64_t)order), 3 * sizeof(uint32_t));
    uint64_t spans = tkri_mul(tkri_add(chunk / (uint64_t)order, 16), 3 * sizeof(tkri_span));
    uint64_t bytes = larger(counting_size(order, lens, chunk_lens, chunk, many),
                            estimating_size(order, symbols, lens));
    bytes = tkri_add(bytes, tkri_mul(tkri_add(buffers, spans), many ? 2 : 1));
    return tkri_add(bytes, sizeof(tkr_ngram) + BLOCKS * tkri_allocation(0));
}
