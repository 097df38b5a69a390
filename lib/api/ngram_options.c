/* SPDX-License-Identifier: MIT
 * Options of n-grams: one table, asked and written. */
#include <float.h>

#include "ngram/ngram.h"

/* The largest value of an integer option; -1 if there is none of that key. */
static int64_t most_int(int32_t key) {
    if (key == TKR_FALLBACK) {
        return 1;
    }
    return key >= TKR_PRUNE + 2 && key <= TKR_PRUNE + TKRI_MAX_ORDER ? INT64_MAX : -1;
}

int32_t tkr_ngram_bounds_int(const tkr_ngram *ngram, int32_t key, int64_t *low, int64_t *high) {
    if (!ngram || !low || !high) {
        return TKR_ERR_ARGUMENT;
    }
    if (most_int(key) < 0) {
        return TKR_ERR_KEY;
    }
    *low = 0;
    *high = most_int(key);
    return TKR_OK;
}

int32_t tkr_ngram_get_int(const tkr_ngram *ngram, int32_t key, int64_t *value) {
    if (!ngram || !value) {
        return TKR_ERR_ARGUMENT;
    }
    if (most_int(key) < 0 && key != TKR_WARNINGS) {
        return TKR_ERR_KEY;
    }
    *value = key == TKR_WARNINGS   ? ngram->warnings
             : key == TKR_FALLBACK ? ngram->smoothing.fallback
                                   : (int64_t)ngram->smoothing.prune[key - TKR_PRUNE - 1];
    return TKR_OK;
}

int32_t tkr_ngram_set_int(tkr_ngram *ngram, int32_t key, int64_t value) {
    int64_t most = most_int(key);
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(most >= 0, &ngram->detail, TKR_ERR_KEY, "no option has the key %d", (int)key);
    REQUIRE(value >= 0 && value <= most, &ngram->detail, TKR_ERR_ARGUMENT,
            "option %d is %lld, not in 0..%lld", (int)key, (long long)value, (long long)most);
    if (key == TKR_FALLBACK) {
        ngram->smoothing.fallback = (int32_t)value;
    } else {
        ngram->smoothing.prune[key - TKR_PRUNE - 1] = (uint64_t)value;
    }
    return TKR_OK;
}

int32_t tkr_ngram_bounds_float(const tkr_ngram *ngram, int32_t key, double *low, double *high) {
    if (!ngram || !low || !high) {
        return TKR_ERR_ARGUMENT;
    }
    if (key != TKR_ADDEND) {
        return TKR_ERR_KEY;
    }
    *low = DBL_MIN;
    *high = 1e9;
    return TKR_OK;
}

int32_t tkr_ngram_get_float(const tkr_ngram *ngram, int32_t key, double *value) {
    if (!ngram || !value) {
        return TKR_ERR_ARGUMENT;
    }
    if (key != TKR_ADDEND) {
        return TKR_ERR_KEY;
    }
    *value = ngram->smoothing.addend;
    return TKR_OK;
}

int32_t tkr_ngram_set_float(tkr_ngram *ngram, int32_t key, double value) {
    double low, high;
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(tkr_ngram_bounds_float(ngram, key, &low, &high) == TKR_OK, &ngram->detail, TKR_ERR_KEY,
            "no option has the key %d", (int)key);
    REQUIRE(value >= low && value <= high, &ngram->detail, TKR_ERR_ARGUMENT,
            "option %d is %g, not in %g..%g", (int)key, value, low, high);
    ngram->smoothing.addend = value;
    return TKR_OK;
}
