/* SPDX-License-Identifier: MIT
 * Sorting the n-grams that start at every position of a buffer of symbols. Several symbols are
 * packed into one 64-bit key, so that a megabyte of characters is sorted by a handful of passes. */
#ifndef TKRI_NGRAM_RADIX_H
#define TKRI_NGRAM_RADIX_H

#include <stdint.h>

/* Symbols are 1.. ; 0 ends an n-gram. At least `order` zeros must follow the `len` symbols. */
typedef struct tkri_symbols {
    const uint32_t *at; /* [len + order] */
    uint64_t len;       /* below 2^32 */
    int32_t order;      /* the longest n-gram, 1..16 */
    int32_t bits;       /* of the largest symbol, 1..31 */
} tkri_symbols;

/* The n-gram that starts at symbol `at`; `key` is scratch while sorting. Once marked, its low byte
 * is the number of leading symbols shared with the gram before, the next byte its own length. */
typedef struct tkri_gram {
    uint64_t key;
    uint32_t at;
} tkri_gram;

/* List the start of every n-gram, in order of position. Returns their number, at most len. */
uint64_t tkri_gram_list(tkri_gram *grams, const tkri_symbols *symbols);

/* Sort lexicographically, a shorter n-gram before its continuations. Returns `grams` or `spare`,
 * whichever holds the result. Both are [n]. */
tkri_gram *tkri_gram_sort(tkri_gram *grams, tkri_gram *spare, uint64_t n,
                          const tkri_symbols *symbols);

/* Turn the keys of sorted n-grams into marks. */
void tkri_gram_mark(tkri_gram *grams, uint64_t n, const tkri_symbols *symbols);

static inline int tkri_gram_shared(const tkri_gram *gram) {
    return (int)(gram->key & 0xff);
}

static inline int tkri_gram_len(const tkri_gram *gram) {
    return (int)(gram->key >> 8);
}

#endif
