/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

static const int32_t ids[] = {3, 3, 1, 0, 2, 2, 1, 3, 0, 0, 1, 2, 3, 1, 1, 0, 3, 2, 0, 2};
enum { N_IDS = sizeof ids / sizeof *ids };

static int32_t create(world *w) {
    return tkr_ngram_create(&w->made.ngram, 5, 200, w->lent);
}

static int32_t destroy(world *w) {
    tkr_ngram_destroy(w->ngram);
    w->ngram = NULL;
    return TKR_OK;
}

static int32_t count(world *w) {
    return tkr_ngram_count(w->counts, ids, N_IDS, -1);
}

/* Long enough that every table has to grow, more than once. */
static int32_t count_many(world *w) {
    static int32_t many[4000];
    uint32_t x = 1;
    for (int i = 0; i < 4000; i++) {
        x = x * 1664525u + 1013904223u;
        many[i] = (int32_t)(x >> 30);
    }
    return tkr_ngram_count(w->counts, many, 4000, 0);
}

static int32_t estimate(world *w) {
    return tkr_ngram_estimate(w->counts, TKR_MAXIMUM_LIKELIHOOD);
}

static int32_t logprob(world *w) {
    double value;
    return tkr_ngram_logprob(w->ngram, &value, ids, 2, 1);
}

static int32_t distribution(world *w) {
    return tkr_ngram_distribution(w->ngram, w->io.values, ids, 2);
}

static int32_t structure(world *w) {
    int64_t contexts, pairs;
    return tkr_ngram_structure(w->ngram, &contexts, &pairs);
}

static int32_t detail(world *w) {
    return tkr_ngram_detail(w->ngram) == NULL;
}

const scenario ngram_scenarios[] = {
    {"tkr_ngram_create", create, NULL, 'n', YES},
    {"tkr_ngram_destroy", destroy, NULL, 0, NO},
    {"tkr_ngram_count", count, NULL, 0, MAYBE},
    {"tkr_ngram_count/many", count_many, NULL, 0, MAYBE},
    {"tkr_ngram_estimate", estimate, NULL, 0, MAYBE},
    {"tkr_ngram_logprob", logprob, NULL, 0, NO},
    {"tkr_ngram_distribution", distribution, NULL, 0, NO},
    {"tkr_ngram_structure", structure, NULL, 0, NO},
    {"tkr_ngram_detail", detail, NULL, 0, NO},
    {0},
};
