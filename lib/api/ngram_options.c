/* SPDX-License-Identifier: MIT
 * Options of n-grams. */
#include "ngram/ngram.h"

static const char noun[] = "an n-gram";

int32_t tkr_ngram_set_int(tkr_ngram *ngram, int32_t key, int64_t value) {
    return ngram ? tkri_options_change_int(&ngram->options, key, value, noun, &ngram->detail)
                 : TKR_ERR_ARGUMENT;
}

int32_t tkr_ngram_set_float(tkr_ngram *ngram, int32_t key, double value) {
    return ngram ? tkri_options_change_real(&ngram->options, key, value, noun, &ngram->detail)
                 : TKR_ERR_ARGUMENT;
}

int32_t tkr_ngram_get_int(const tkr_ngram *ngram, int32_t key, int64_t *value) {
    return ngram && value ? tkri_options_get_int(&ngram->options, key, value) : TKR_ERR_ARGUMENT;
}

int32_t tkr_ngram_get_float(const tkr_ngram *ngram, int32_t key, double *value) {
    return ngram && value ? tkri_options_get_real(&ngram->options, key, value) : TKR_ERR_ARGUMENT;
}

int32_t tkr_ngram_bounds_int(const tkr_ngram *ngram, int32_t key, int64_t *low, int64_t *high) {
    return ngram && low && high ? tkri_options_bounds_int(&ngram->options, key, low, high)
                                : TKR_ERR_ARGUMENT;
}

int32_t tkr_ngram_bounds_float(const tkr_ngram *ngram, int32_t key, double *low, double *high) {
    return ngram && low && high ? tkri_options_bounds_real(&ngram->options, key, low, high)
                                : TKR_ERR_ARGUMENT;
}
