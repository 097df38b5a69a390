/* SPDX-License-Identifier: MIT
 * Linear interpolation of two models, whatever they are: w p + (1 - w) q, in logarithms. */
#ifndef TKRI_NGRAM_MIX_H
#define TKRI_NGRAM_MIX_H

#include <math.h>
#include <stdint.h>

/* ln(w e^first + (1 - w) e^second) for 0 <= w <= 1. */
static inline double tkri_mix(double first, double second, double weight) {
    double larger = first > second ? first : second;
    if (weight == 0 || weight == 1 || larger == -INFINITY) {
        return weight == 1 ? first : weight == 0 ? second : larger;
    }
    return larger + log(weight * exp(first - larger) + (1 - weight) * exp(second - larger));
}

/* The weight of `first` that makes the mixture likeliest: where expectation-maximisation stands
 * still. Ids that both call impossible say nothing. */
double tkri_mix_fit(const double *first, const double *second, int64_t n);

/* ln(sum exp(logits)) of logits [n], the largest of which is finite. */
double tkri_log_sum(const float *logits, int64_t n);

#endif
