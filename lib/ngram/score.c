/* SPDX-License-Identifier: MIT */
#include "ngram/score.h"

/* nats / n, infinite if something was impossible. */
static double mean(double nats, int64_t n, int64_t impossible) {
    return impossible ? INFINITY : nats / (double)n;
}

void tkri_score_write(tkr_score *to, tkr_score *sum) {
    const double bit = 0.69314718055994530942; /* ln 2 */
    uint64_t size = to->size;
    sum->nats_per_symbol = mean(sum->nats, sum->symbols, sum->impossible);
    sum->bits_per_symbol = sum->nats_per_symbol / bit;
    sum->perplexity = exp(sum->nats_per_symbol);
    sum->known_nats_per_symbol = mean(sum->nats - sum->unknown_nats, sum->symbols - sum->unknown,
                                      sum->impossible - sum->impossible_unknown);
    sum->known_bits_per_symbol = sum->known_nats_per_symbol / bit;
    sum->known_perplexity = exp(sum->known_nats_per_symbol);
    memcpy(to, sum, size < sizeof *sum ? (size_t)size : sizeof *sum);
}
