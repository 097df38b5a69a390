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

/* `times` the lengths, but no more than there are places. */
static void several(uint64_t *most, const uint64_t *lens, int32_t order, int times,
                    uint64_t places) {
    for (int l = 0; l < order; l++) {
        most[l] = smaller(tkri_mul(lens[l], (uint64_t)times), places);
    }
}

/* What a merge notes of both tries before it makes their sum. */
static uint64_t plan_size(int32_t order, const uint64_t *lens) {
    uint64_t bytes = 0;
    for (int l = 0; l < order; l++) {
        bytes = tkri_add(bytes, tkri_mul(tkri_add(lens[l], 12), 12));
    }
    return bytes;
}

/* Tries of different parts of the text: the n-gram's, a reader's, a long piece's, a buffer's. A
 * buffer is sorted beside them, or two of them are merged. */
static uint64_t counting_size(int32_t order, const uint64_t *lens, uint64_t places,
                              uint64_t buffer) {
    enum { PARTS = 4 };
    uint64_t parts[TKRI_MAX_ORDER], both[TKRI_MAX_ORDER];
    several(parts, lens, order, PARTS, places);
    several(both, lens, order, 2, places);
    uint64_t sorting = tkri_mul(buffer, 2 * sizeof(tkri_gram));
    uint64_t merging = tkri_add(tkri_trie_size(order, lens), plan_size(order, both));
    return tkri_add(tkri_trie_size(order, parts), larger(sorting, merging));
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

/* The most symbols that one buffer holds: it is sorted when it has as many as the trie n-grams. */
static uint64_t buffer_len(int32_t order, const uint64_t *lens, uint64_t places) {
    uint64_t limit = larger(smaller(lens[order - 1], places / 2 + 1), TKRI_COUNTS_CHUNK);
    return smaller(places, smaller(limit, (uint64_t)1 << 30) + (uint64_t)order + 3);
}

/* The peak where the levels have these lengths in the end, and there are so many places in all. */
static uint64_t peak_size(int32_t order, int64_t symbols, const uint64_t *lens, uint64_t places) {
    enum {
        BLOCKS = 24,
        SMALL = 3 * 1024
    }; /* more than are ever held at once; what small ones take */
    uint64_t buffer = buffer_len(order, lens, places);
    uint64_t bytes =
        larger(counting_size(order, lens, places, buffer), estimating_size(order, symbols, lens));
    /* What grows holds twice what is needed. A padded text is a span, and order + 1 symbols. */
    uint64_t spans = order > 1 ? buffer / ((uint64_t)order + 1) : 0;
    bytes = tkri_add(bytes, 2 * (buffer * sizeof(uint32_t) + spans * sizeof(tkri_span)));
    return tkri_add(bytes, sizeof(tkr_ngram) + SMALL + BLOCKS * tkri_allocation(0));
}

uint64_t tkri_ngram_size(int32_t order, int64_t symbols, uint64_t n) {
    uint64_t lens[TKRI_MAX_ORDER] = {0};
    uint64_t places = tkri_add(n, (uint64_t)order);
    bound_levels(lens, order, symbols, places);
    return peak_size(order, symbols, lens, places);
}

/* How many n-grams of a length a text has that is `longer` times the sample. At the sample's end
 * new ones come as often as those seen once are among all (Good 1953), and later no oftener. */
static double extrapolate(const tkri_level *sample, double longer) {
    double once = 0;
    for (uint64_t i = 0; i < sample->len; i++) {
        once += sample->counts[i] <= 1;
    }
    return (double)sample->len + once * (longer - 1);
}

uint64_t tkri_ngram_forecast(const tkr_ngram *sample, uint64_t n) {
    const tkri_trie *trie = &sample->counts.trie;
    const int64_t symbols = sample->counts.symbols;
    uint64_t lens[TKRI_MAX_ORDER] = {0}, counted = 0;
    for (uint64_t i = 0; i < trie->level[0].len; i++) {
        counted += trie->level[0].counts[i];
    }
    n = larger(n, counted);
    uint64_t places = tkri_add(n, (uint64_t)trie->order);
    bound_levels(lens, trie->order, symbols, places);
    for (int l = 0; l < trie->order; l++) {
        double len = extrapolate(&trie->level[l], (double)n / (double)larger(counted, 1));
        lens[l] = len < (double)lens[l] ? (uint64_t)len + 1 : lens[l];
    }
    return peak_size(trie->order, symbols, lens, places);
}
