/* SPDX-License-Identifier: MIT */
#include "oom/scenario.h"

static const double first[] = {-1, -2, -0.5}, second[] = {-2, -1, -3};

static int32_t score_logprobs(world *w) {
    (void)w;
    tkr_score sum = {.size = sizeof sum};
    return tkr_score_logprobs(&sum, first, NULL, 3);
}

static int32_t fit(world *w) {
    return tkr_mix_fit(w->io.real, first, second, 3);
}

static int32_t mix_logprobs(world *w) {
    return tkr_mix_logprobs(w->io.real, first, second, 3, 0.25);
}

static int32_t mix_distribution(world *w) {
    const float one[2] = {-0.5f, -1}, other[2] = {-1, -0.5f};
    return tkr_mix_distribution(w->io.values, one, other, 2, 0.25);
}

static int32_t logits_logprobs(world *w) {
    return tkr_logits_logprobs(w->io.real, w->io.input, w->io.targets, 3, WORLD_V);
}

static int32_t logits_distribution(world *w) {
    return tkr_logits_distribution(w->io.values, w->io.input, WORLD_V);
}

static int32_t cache_size(world *w) {
    return tkr_cache_size(w->io.u, 300, 50);
}

static int32_t cache_create(world *w) {
    return tkr_cache_create(&w->made.cache, 300, 50, w->lent);
}

static int32_t cache_destroy(world *w) {
    tkr_cache_destroy(w->cache);
    w->cache = NULL;
    return TKR_OK;
}

static int32_t cache_reset(world *w) {
    return tkr_cache_reset(w->cache);
}

static int32_t cache_logprobs(world *w) {
    return tkr_cache_logprobs(w->cache, w->io.real, w->io.ids, WORLD_T * WORLD_B);
}

static int32_t cache_distribution(world *w) {
    return tkr_cache_distribution(w->cache, w->io.values);
}

static int32_t cache_detail(world *w) {
    return tkr_cache_detail(w->cache) == NULL;
}

const scenario mix_scenarios[] = {
    {"tkr_score_logprobs", score_logprobs, NULL, 0, NO},
    {"tkr_mix_fit", fit, NULL, 0, NO},
    {"tkr_mix_logprobs", mix_logprobs, NULL, 0, NO},
    {"tkr_mix_distribution", mix_distribution, NULL, 0, NO},
    {"tkr_logits_logprobs", logits_logprobs, NULL, 0, NO},
    {"tkr_logits_distribution", logits_distribution, NULL, 0, NO},
    {"tkr_cache_size", cache_size, NULL, 0, NO},
    {"tkr_cache_create", cache_create, NULL, 'a', YES},
    {"tkr_cache_destroy", cache_destroy, NULL, 0, NO},
    {"tkr_cache_reset", cache_reset, NULL, 0, NO},
    {"tkr_cache_logprobs", cache_logprobs, NULL, 0, NO},
    {"tkr_cache_distribution", cache_distribution, NULL, 0, NO},
    {"tkr_cache_detail", cache_detail, NULL, 0, NO},
    {0},
};
