/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

static const double first[] = {-1, -2, -3}, second[] = {-3, -2, -1};
static const int32_t ids[] = {0, 2, 1};

static int32_t score_logprobs(world *w) {
    tkr_score sum = {.size = sizeof sum};
    (void)w;
    return tkr_score_logprobs(&sum, first, NULL, 3);
}

static int32_t fit(world *w) {
    return tkr_mix_fit(w->io.real, first, second, 3);
}

static int32_t logprobs(world *w) {
    return tkr_mix_logprobs(w->io.real, first, second, 3, 0.5);
}

static int32_t distribution(world *w) {
    return tkr_mix_distribution(w->io.values, w->io.input, w->io.input, 3, 0.5);
}

static int32_t logits_logprobs(world *w) {
    return tkr_logits_logprobs(w->io.real, w->io.input, ids, 3, 3);
}

static int32_t logits_distribution(world *w) {
    return tkr_logits_distribution(w->io.values, w->io.input, 3);
}

static int32_t size(world *w) {
    return tkr_cache_size(w->io.u, 100, 10);
}

static int32_t create(world *w) {
    return tkr_cache_create(&w->made.cache, 100, 10, w->lent);
}

static int32_t destroy(world *w) {
    tkr_cache_destroy(w->cache);
    w->cache = NULL;
    return TKR_OK;
}

static int32_t reset(world *w) {
    return tkr_cache_reset(w->cache);
}

static int32_t cache_logprobs(world *w) {
    return tkr_cache_logprobs(w->cache, w->io.real, ids, 3);
}

static int32_t cache_distribution(world *w) {
    return tkr_cache_distribution(w->cache, w->io.values);
}

static int32_t detail(world *w) {
    return tkr_cache_detail(w->cache) == NULL;
}

const scenario mix_scenarios[] = {
    {"tkr_score_logprobs", score_logprobs, NULL, 0, NO},
    {"tkr_mix_fit", fit, NULL, 0, NO},
    {"tkr_mix_logprobs", logprobs, NULL, 0, NO},
    {"tkr_mix_distribution", distribution, NULL, 0, NO},
    {"tkr_logits_logprobs", logits_logprobs, NULL, 0, NO},
    {"tkr_logits_distribution", logits_distribution, NULL, 0, NO},
    {"tkr_cache_size", size, NULL, 0, NO},
    {"tkr_cache_create", create, NULL, 'k', YES},
    {"tkr_cache_destroy", destroy, NULL, 0, NO},
    {"tkr_cache_reset", reset, NULL, 0, NO},
    {"tkr_cache_logprobs", cache_logprobs, NULL, 0, NO},
    {"tkr_cache_distribution", cache_distribution, NULL, 0, NO},
    {"tkr_cache_detail", detail, NULL, 0, NO},
    {0},
};
