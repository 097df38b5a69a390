/* SPDX-License-Identifier: MIT */
#include "ngram/mix.h"

/* One round: the mean share of the first model in what both together explain. */
static double expected_share(const double *first, const double *second, int64_t n, double weight) {
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

double tkri_mix_fit(const double *first, const double *second, int64_t n) {
    enum { MOST_ROUNDS = 1000 };
    const double settled = 1e-9;
    double weight = 0.5;
    for (int round = 0; round < MOST_ROUNDS; round++) {
        double next = expected_share(first, second, n, weight);
        double moved = fabs(next - weight);
        weight = next;
        if (!(moved > settled) || weight <= 0 || weight >= 1) {
            break;
        }
    }
    return weight;
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
