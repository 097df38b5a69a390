/* SPDX-License-Identifier: MIT */
#include "ngram/cache.h"

#include <math.h>
#include <string.h>

#include "core/arena.h"

static tkr_cache *lay_out(tkri_arena *arena, int64_t symbols, int64_t window) {
    tkr_cache *cache;
    int64_t *counts;
    int32_t *recent;
    TKRI_TAKE(arena, cache, 1);
    TKRI_TAKE(arena, counts, symbols);
    TKRI_TAKE(arena, recent, window);
    if (cache) {
        cache->counts = counts;
        cache->recent = recent;
    }
    return cache;
}

uint64_t tkri_cache_size(int64_t symbols, int64_t window) {
    tkri_arena arena = {NULL, 0};
    (void)lay_out(&arena, symbols, window);
    return tkri_allocation(arena.used);
}

int32_t tkri_cache_create(tkr_cache **cache, int64_t symbols, int64_t window, const tkri_env *env) {
    tkri_arena arena = {NULL, 0};
    (void)lay_out(&arena, symbols, window);
    uint64_t bytes = arena.used;
    arena = (tkri_arena){tkri_allocate(env, bytes), 0};
    if (!arena.base) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for a cache of %lld ids",
                             (long long)window);
    }
    tkr_cache *made = lay_out(&arena, symbols, window);
    made->env = *env;
    made->env.detail = NULL; /* the caller's buffer is lent for this call only */
    made->bytes = bytes;
    made->symbols = symbols;
    made->window = window;
    *cache = made;
    return TKR_OK;
}

void tkri_cache_destroy(tkr_cache *cache) {
    tkri_env env = cache->env;
    tkri_release(&env, cache, cache->bytes);
}

void tkri_cache_reset(tkr_cache *cache) {
    memset(cache->counts, 0, (size_t)cache->symbols * sizeof *cache->counts);
    cache->len = 0;
    cache->next = 0;
}

double tkri_cache_logprob(const tkr_cache *cache, int32_t id) {
    return cache->len ? log((double)cache->counts[id] / (double)cache->len)
                      : -log((double)cache->symbols);
}

void tkri_cache_push(tkr_cache *cache, int32_t id) {
    if (cache->len == cache->window) {
        cache->counts[cache->recent[cache->next]]--;
    } else {
        cache->len++;
    }
    cache->recent[cache->next] = id;
    cache->counts[id]++;
    cache->next = cache->next + 1 < cache->window ? cache->next + 1 : 0;
}
