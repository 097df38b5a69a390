/* SPDX-License-Identifier: MIT
 * How each smoothing splits the probability of one context between the ids seen after it and the
 * lower order. The definitions are in docs/ngram.md. */
#ifndef TKRI_NGRAM_SMOOTH_H
#define TKRI_NGRAM_SMOOTH_H

#include "ngram/trie.h"

/* Good-Turing estimates replace counts up to this one (Katz 1987). */
enum { TKRI_KATZ_MOST = 5 };

/* What the caller chose. */
typedef struct tkri_smoothing {
    int32_t kind;                   /* a TKR_... smoothing */
    int32_t fallback;               /* 1: an order without usable discounts takes 0.5, 1, 1.5 */
    double addend;                  /* k of add-k */
    uint64_t prune[TKRI_MAX_ORDER]; /* per level: n-grams seen at most so often are dropped */
    int64_t symbols;
} tkri_smoothing;

/* What is taken off a count: [level][count], the last one for all counts above it too. */
typedef struct tkri_discounts {
    double off[TKRI_MAX_ORDER][TKRI_KATZ_MOST + 1];
} tkri_discounts;

/* Discounts of one level from its (adjusted) counts. Fails with TKR_ERR_NUMERIC, and the text in
 * `detail`, when the counts of counts give none and no fallback is allowed. */
int32_t tkri_smooth_discounts(tkri_discounts *discounts, const tkri_smoothing *smoothing, int level,
                              const uint64_t *counts, uint64_t n, tkri_detail *detail);

/* Split a context's mass of 1: share[i] for each of the `n` ids counted after it (0 where the count
 * is 0). Returns what is left for the lower order. */
double tkri_smooth_split(const tkri_smoothing *smoothing, const double *off, const uint64_t *counts,
                         uint64_t n, double *share);

#endif
