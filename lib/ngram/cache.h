/* SPDX-License-Identifier: MIT
 * The unigram cache: what was said lately will be said again (Kuhn & De Mori 1990). */
#ifndef TKRI_NGRAM_CACHE_H
#define TKRI_NGRAM_CACHE_H

#include "core/env.h"

/* One block. */
struct tkr_cache {
    tkri_env env;
    tkri_detail detail;
    uint64_t bytes;  /* of the block */
    int64_t symbols; /* V */
    int64_t window, len, next;
    int32_t *recent; /* [window] the last ids; the oldest is at `next` once it is full */
    int64_t *counts; /* [V] how often each is among them */
};

uint64_t tkri_cache_size(int64_t symbols, int64_t window);
int32_t tkri_cache_create(tkr_cache **cache, int64_t symbols, int64_t window, const tkri_env *env);
void tkri_cache_destroy(tkr_cache *cache);
void tkri_cache_reset(tkr_cache *cache);

/* ln of the id's share among the last ids; ln(1 / V) while there are none. */
double tkri_cache_logprob(const tkr_cache *cache, int32_t id);

/* The id was said: it comes in, the oldest goes. */
void tkri_cache_push(tkr_cache *cache, int32_t id);

#endif
