/* SPDX-License-Identifier: MIT */
#include "ngram/mix.h"

/* One round of expectation-maximisation: the mean share of the first model in what both together
 * explain is the next weight. */
static double next_weight(const double *first, const double *second, int64_t n, double weight) {
    double odds = (1 - weight) / weight, sum = 0;
    int64_t possible = 0;
    for (int64_t i = 0; i < n; i++) {
        if (first[i] > -INFINITY || second[i] > -INFINITY) {
            sum += 1 / (1 + odds * exp(second[i] - first[i]));
            possible++;
        }
    }
    return possible ? sum / (double)possible : weight;
}

/* The likelihood is concave in the weight, so a round always moves towards its only maximum: that
 * is enclosed by halving, where repeated rounds would creep. */
double tkri_mix_fit(const double *first, const double *second, int64_t n) {
    enum { HALVINGS = 36 };
    double low = 0, high = 1;
    for (int i = 0; i < HALVINGS; i++) {
        double weight = (low + high) / 2;
        double next = next_weight(first, second, n, weight);
        if (next == weight) {
            return weight;
        }
        *(next > weight ? &low : &high) = weight;
    }
    return low == 0 ? 0 : high == 1 ? 1 : (low + high) / 2;
}

double tkri_log_sum(const float *logits, int64_t n) {
    float largest = logits[0];
    double sum = 0;
    for (int64_t i = 1; i < n; i++) {
        largest = logits[i] > largest ? logits[i] : largest;
    }
    for (int64_t i = 0; i < n; i++) {
        sum += exp((double)logits[i] - (double)largest);
    }
    return (double)largest + log(sum);
}
