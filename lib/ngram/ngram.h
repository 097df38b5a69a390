/* SPDX-License-Identifier: MIT
 * What the public handle holds. */
#ifndef TKRI_NGRAM_NGRAM_H
#define TKRI_NGRAM_NGRAM_H

#include "ngram/counts.h"
#include "ngram/estimate.h"
#include "ngram/query.h"

struct tkr_ngram {
    tkri_env env;
    tkri_detail detail;
    tkri_counts counts;
    tkri_smoothing smoothing;
    tkri_model model; /* order 0 before tkr_ngram_estimate() */
};

#endif
