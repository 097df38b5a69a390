/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

static const int32_t ids[] = {3, 3, 1, 0, 2, 2, 1, 3, 0, 0, 1, 2, 3, 1, 1, 0, 3, 2, 0, 2};
enum { N_IDS = sizeof ids / sizeof *ids };

static int32_t size(world *w) {
    return tkr_ngram_size(w->io.u, 5, 200, 1000);
}

static int32_t create(world *w) {
    return tkr_ngram_create(&w->made.ngram, 5, 200, w->lent);
}

static int32_t destroy(world *w) {
    tkr_ngram_destroy(w->ngram);
    w->ngram = NULL;
    return TKR_OK;
}

static int32_t set_int(world *w) {
    return tkr_ngram_set_int(w->ngram, TKR_PRUNE + 2, 1);
}

static int32_t set_float(world *w) {
    return tkr_ngram_set_float(w->ngram, TKR_ADDEND, 0.5);
}

static int32_t get_int(world *w) {
    return tkr_ngram_get_int(w->ngram, TKR_FALLBACK, w->io.n);
}

static int32_t get_float(world *w) {
    return tkr_ngram_get_float(w->ngram, TKR_ADDEND, w->io.real);
}

static int32_t bounds_int(world *w) {
    return tkr_ngram_bounds_int(w->ngram, TKR_FALLBACK, w->io.n, w->io.n + 1);
}

static int32_t bounds_float(world *w) {
    return tkr_ngram_bounds_float(w->ngram, TKR_ADDEND, w->io.real, w->io.real + 1);
}

static int32_t count(world *w) {
    return tkr_ngram_count(w->counts, ids, N_IDS, TKR_NOTHING);
}

static int32_t go_on(world *w) {
    return tkr_ngram_count(w->counts, ids, N_IDS, TKR_CONTINUE);
}

/* Long enough that every table has to grow, more than once. */
static int32_t count_many(world *w) {
    static int32_t many[40000];
    uint32_t x = 1;
    for (int i = 0; i < 40000; i++) {
        x = x * 1664525u + 1013904223u;
        many[i] = (int32_t)(x >> 30);
    }
    return tkr_ngram_count(w->counts, many, 40000, 0);
}

static int32_t count_sentences(world *w) {
    return tkr_ngram_count_sentences(w->counts, ids, N_IDS, 3);
}

/* Text for a reader, in the vocabulary's letters. */
static int32_t write_text(world *w) {
    world_file_empty(&w->written);
    for (int i = 0; i < 600; i++) {
        char letter = (char)('a' + (i * i + i / 7) % WORLD_V);
        if (w->written.writer.write(w->written.writer.user, &letter, 1)) {
            return TKR_ERR_IO;
        }
    }
    return TKR_OK;
}

static int32_t count_from(world *w) {
    world_file_rewind(&w->written);
    return tkr_ngram_count_from(w->counts, &w->written.reader, w->vocabulary, TKR_BEGIN, -1, -1);
}

static int32_t merge(world *w) {
    return tkr_ngram_merge(w->counts, w->ngram);
}

static int32_t forecast(world *w) {
    return tkr_ngram_forecast(w->counts, w->io.u, 1000);
}

static int32_t get_count(world *w) {
    return tkr_ngram_get_count(w->counts, w->io.u, ids, 2);
}

static int32_t estimate(world *w) {
    return tkr_ngram_estimate(w->counts, TKR_MAXIMUM_LIKELIHOOD);
}

static int32_t estimate_again(world *w) {
    return tkr_ngram_estimate(w->ngram, TKR_ADD_K);
}

static int32_t allow_fallback(world *w) {
    return tkr_ngram_set_int(w->ngram, TKR_FALLBACK, 1);
}

static int32_t estimate_kneser_ney(world *w) {
    return tkr_ngram_estimate(w->ngram, TKR_MODIFIED_KNESER_NEY);
}

static int32_t logprob(world *w) {
    return tkr_ngram_logprob(w->ngram, w->io.real, ids, 2, 1);
}

static int32_t distribution(world *w) {
    return tkr_ngram_distribution(w->ngram, w->io.values, ids, 2);
}

static int32_t start(world *w) {
    tkr_ngram_state state;
    return tkr_ngram_start(w->ngram, &state, ids, 2);
}

/* A state of all zeros stands behind nothing. */
static int32_t step(world *w) {
    tkr_ngram_state state = {{0, 0}};
    return tkr_ngram_step(w->ngram, &state, w->io.real, 1);
}

static int32_t match(world *w) {
    const tkr_ngram_state state = {{0, 0}};
    return tkr_ngram_match(w->ngram, &state, &w->io.ids[0], 1);
}

static int32_t next(world *w) {
    const tkr_ngram_state state = {{0, 0}};
    return tkr_ngram_next(w->ngram, &state, w->io.values);
}

static int32_t logprobs(world *w) {
    tkr_ngram_state state = {{0, 0}};
    return tkr_ngram_logprobs(w->ngram, &state, w->io.real, ids, 8);
}

static int32_t score(world *w) {
    tkr_ngram_state state = {{0, 0}};
    tkr_score sum = {.size = sizeof sum};
    return tkr_ngram_score(w->ngram, &state, &sum, ids, N_IDS, -1);
}

static int32_t compact(world *w) {
    return tkr_ngram_compact(&w->made.ngram, w->ngram, w->lent);
}

static int32_t set_vocabulary(world *w) {
    return tkr_ngram_set_vocabulary(w->counts, w->vocabulary);
}

static int32_t remove_vocabulary(world *w) {
    return tkr_ngram_set_vocabulary(w->ngram, NULL);
}

static int32_t get_vocabulary(world *w) {
    return tkr_ngram_get_vocabulary(&w->made.vocabulary, w->ngram, w->lent);
}

static int32_t shape(world *w) {
    int32_t order, precision;
    return tkr_ngram_shape(w->ngram, &order, w->io.n, &precision);
}

static int32_t len(world *w) {
    return tkr_ngram_len(w->ngram, 2, w->io.n, w->io.u);
}

static int32_t structure(world *w) {
    return tkr_ngram_structure(w->ngram, w->io.n, w->io.n + 1);
}

static int32_t detail(world *w) {
    return tkr_ngram_detail(w->ngram) == NULL;
}

const scenario ngram_scenarios[] = {
    {"tkr_ngram_size", size, NULL, 0, NO},
    {"tkr_ngram_create", create, NULL, 'n', YES},
    {"tkr_ngram_destroy", destroy, NULL, 0, NO},
    {"tkr_ngram_set_int", set_int, NULL, 0, NO},
    {"tkr_ngram_set_float", set_float, NULL, 0, NO},
    {"tkr_ngram_get_int", get_int, NULL, 0, NO},
    {"tkr_ngram_get_float", get_float, NULL, 0, NO},
    {"tkr_ngram_bounds_int", bounds_int, NULL, 0, NO},
    {"tkr_ngram_bounds_float", bounds_float, NULL, 0, NO},
    {"tkr_ngram_count", count, NULL, 0, MAYBE},
    {"tkr_ngram_count/continue", go_on, NULL, 0, MAYBE},
    {"tkr_ngram_count/many", count_many, NULL, 0, YES},
    {"tkr_ngram_count_sentences", count_sentences, NULL, 0, MAYBE},
    {"tkr_ngram_count_from", count_from, write_text, 0, YES},
    {"tkr_ngram_merge", merge, NULL, 0, YES},
    {"tkr_ngram_get_count", get_count, NULL, 0, YES},
    {"tkr_ngram_forecast", forecast, NULL, 0, YES},
    {"tkr_ngram_estimate", estimate, NULL, 0, YES},
    {"tkr_ngram_estimate/again", estimate_again, NULL, 0, YES},
    {"tkr_ngram_estimate/kneser_ney", estimate_kneser_ney, allow_fallback, 0, YES},
    {"tkr_ngram_logprob", logprob, NULL, 0, NO},
    {"tkr_ngram_distribution", distribution, NULL, 0, NO},
    {"tkr_ngram_start", start, NULL, 0, NO},
    {"tkr_ngram_step", step, NULL, 0, NO},
    {"tkr_ngram_match", match, NULL, 0, NO},
    {"tkr_ngram_next", next, NULL, 0, NO},
    {"tkr_ngram_logprobs", logprobs, NULL, 0, NO},
    {"tkr_ngram_score", score, NULL, 0, NO},
    {"tkr_ngram_compact", compact, NULL, 'n', YES},
    {"tkr_ngram_set_vocabulary", set_vocabulary, NULL, 0, YES},
    {"tkr_ngram_set_vocabulary/remove", remove_vocabulary, NULL, 0, NO},
    {"tkr_ngram_get_vocabulary", get_vocabulary, NULL, 'v', YES},
    {"tkr_ngram_shape", shape, NULL, 0, NO},
    {"tkr_ngram_len", len, NULL, 0, NO},
    {"tkr_ngram_structure", structure, NULL, 0, NO},
    {"tkr_ngram_detail", detail, NULL, 0, NO},
    {0},
};
