/* SPDX-License-Identifier: MIT
 * Mixing models, and the unigram cache: arguments checked, then down. */
#include <math.h>
#include <stddef.h>

#include "core/check.h"
#include "ngram/cache.h"
#include "ngram/mix.h"

/* Logarithms of probabilities are anything below +inf. */
static int are_logprobs(const double *values, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (!(values[i] < INFINITY)) {
            return 0;
        }
    }
    return 1;
}

static int32_t check_streams(const double *first, const double *second, int64_t n) {
    if (!first || !second || n < 1) {
        return TKR_ERR_ARGUMENT;
    }
    return are_logprobs(first, n) && are_logprobs(second, n) ? TKR_OK : TKR_ERR_NUMERIC;
}

int32_t tkr_mix_fit(double *weight, const double *first, const double *second, int64_t n) {
    if (!weight) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_streams(first, second, n));
    *weight = tkri_mix_fit(first, second, n);
    return TKR_OK;
}

int32_t tkr_mix_logprobs(double *mixed, const double *first, const double *second, int64_t n,
                         double weight) {
    if (!mixed || !(weight >= 0 && weight <= 1)) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_streams(first, second, n));
    for (int64_t i = 0; i < n; i++) {
        mixed[i] = tkri_mix(first[i], second[i], weight);
    }
    return TKR_OK;
}

static int are_float_logprobs(const float *values, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (!(values[i] < INFINITY)) {
            return 0;
        }
    }
    return 1;
}

int32_t tkr_mix_distribution(float *mixed, const float *first, const float *second, int64_t symbols,
                             double weight) {
    if (!mixed || !first || !second || symbols < 1 || !(weight >= 0 && weight <= 1)) {
        return TKR_ERR_ARGUMENT;
    }
    if (!are_float_logprobs(first, symbols) || !are_float_logprobs(second, symbols)) {
        return TKR_ERR_NUMERIC;
    }
    for (int64_t i = 0; i < symbols; i++) {
        mixed[i] = (float)tkri_mix((double)first[i], (double)second[i], weight);
    }
    return TKR_OK;
}

/* A sum over all logits that is finite: none is NaN or +inf, and not all are -inf. */
static int32_t check_logits(const float *logits, int64_t n) {
    int finite = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(logits[i] < INFINITY)) {
            return TKR_ERR_NUMERIC;
        }
        finite = finite || logits[i] > -INFINITY;
    }
    return finite ? TKR_OK : TKR_ERR_NUMERIC;
}

int32_t tkr_logits_logprobs(double *logprobs, const float *logits, const int32_t *ids, int64_t n,
                            int64_t symbols) {
    if (n < 0 || symbols < 1 || (n && (!logprobs || !logits || !ids))) {
        return TKR_ERR_ARGUMENT;
    }
    for (int64_t i = 0; i < n; i++) {
        TRY(check_logits(logits + i * symbols, symbols));
        if (ids[i] < 0 || ids[i] >= symbols) {
            return TKR_ERR_TOKEN;
        }
    }
    for (int64_t i = 0; i < n; i++) {
        const float *row = logits + i * symbols;
        logprobs[i] = (double)row[ids[i]] - tkri_log_sum(row, symbols);
    }
    return TKR_OK;
}

int32_t tkr_logits_distribution(float *logprobs, const float *logits, int64_t symbols) {
    if (!logprobs || !logits || symbols < 1) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_logits(logits, symbols));
    double sum = tkri_log_sum(logits, symbols);
    for (int64_t i = 0; i < symbols; i++) {
        logprobs[i] = (float)((double)logits[i] - sum);
    }
    return TKR_OK;
}

int32_t tkr_cache_size(uint64_t *bytes, int64_t symbols, int64_t window) {
    if (!bytes || symbols < 1 || symbols >= INT32_MAX || window < 1) {
        return TKR_ERR_ARGUMENT;
    }
    uint64_t needed = tkri_cache_size(symbols, window);
    if (needed > TKRI_SIZE_LIMIT) {
        return TKR_ERR_MEMORY;
    }
    *bytes = needed;
    return TKR_OK;
}

int32_t tkr_cache_create(tkr_cache **cache, int64_t symbols, int64_t window, const tkr_env *env) {
    tkri_env own;
    if (!cache) {
        return TKR_ERR_ARGUMENT;
    }
    *cache = NULL;
    TRY(tkri_env_read(&own, env));
    if (symbols < 1 || symbols >= INT32_MAX || window < 1) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "a cache of %lld of %lld symbols",
                             (long long)window, (long long)symbols);
    }
    return tkri_cache_create(cache, symbols, window, &own);
}

void tkr_cache_destroy(tkr_cache *cache) {
    if (cache) {
        tkri_cache_destroy(cache);
    }
}

int32_t tkr_cache_reset(tkr_cache *cache) {
    if (!cache) {
        return TKR_ERR_ARGUMENT;
    }
    tkri_cache_reset(cache);
    return TKR_OK;
}

int32_t tkr_cache_logprobs(tkr_cache *cache, double *logprobs, const int32_t *ids, int64_t n) {
    if (!cache) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(n >= 0 && (ids || !n), &cache->detail, TKR_ERR_ARGUMENT,
            "no ids, or a negative number of them");
    for (int64_t i = 0; i < n; i++) {
        REQUIRE(ids[i] >= 0 && ids[i] < cache->symbols, &cache->detail, TKR_ERR_TOKEN,
                "id %d at %lld of %lld symbols", (int)ids[i], (long long)i,
                (long long)cache->symbols);
    }
    for (int64_t i = 0; i < n; i++) {
        if (logprobs) {
            logprobs[i] = tkri_cache_logprob(cache, ids[i]);
        }
        tkri_cache_push(cache, ids[i]);
    }
    return TKR_OK;
}

int32_t tkr_cache_distribution(const tkr_cache *cache, float *logprobs) {
    if (!cache || !logprobs) {
        return TKR_ERR_ARGUMENT;
    }
    for (int64_t id = 0; id < cache->symbols; id++) {
        logprobs[id] = (float)tkri_cache_logprob(cache, (int32_t)id);
    }
    return TKR_OK;
}

const char *tkr_cache_detail(const tkr_cache *cache) {
    return cache ? cache->detail.text : "";
}
