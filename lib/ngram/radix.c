/* SPDX-License-Identifier: MIT */
#include "ngram/radix.h"

#include <string.h>

enum { DIGIT_BITS = 8, DIGITS = 1 << DIGIT_BITS };

uint64_t tkri_gram_list(tkri_gram *grams, const tkri_symbols *symbols) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < symbols->len; i++) {
        if (symbols->at[i]) {
            grams[n++].at = (uint32_t)i;
        }
    }
    return n;
}

/* How many symbols one key holds. */
static int per_key(const tkri_symbols *symbols) {
    int fit = 64 / symbols->bits;
    return fit < symbols->order ? fit : symbols->order;
}

/* The symbols first .. first + n - 1 of the n-gram at `at`, the first one highest; 0 past its end.
 */
static uint64_t pack(const tkri_symbols *symbols, uint32_t at, int first, int n) {
    const uint32_t *symbol = symbols->at + at;
    for (int i = 0; i < first; i++) {
        if (!symbol[i]) {
            return 0;
        }
    }
    uint64_t key = 0;
    int i = first;
    for (; i < first + n && symbol[i]; i++) {
        key = (key << symbols->bits) | symbol[i];
    }
    int missing = (first + n - i) * symbols->bits;
    return missing < 64 ? key << missing : 0;
}

static void fill_keys(tkri_gram *grams, uint64_t n, const tkri_symbols *symbols, int first,
                      int count) {
    for (uint64_t i = 0; i < n; i++) {
        grams[i].key = pack(symbols, grams[i].at, first, count);
    }
}

/* One stable pass over one digit. Returns 0 if all have the same digit: nothing was moved. */
static int scatter(tkri_gram *to, const tkri_gram *from, uint64_t n, int shift) {
    uint32_t place[DIGITS] = {0};
    for (uint64_t i = 0; i < n; i++) {
        place[(from[i].key >> shift) & (DIGITS - 1)]++;
    }
    if (place[(from[0].key >> shift) & (DIGITS - 1)] == n) {
        return 0;
    }
    uint32_t sum = 0;
    for (int d = 0; d < DIGITS; d++) {
        uint32_t count = place[d];
        place[d] = sum;
        sum += count;
    }
    for (uint64_t i = 0; i < n; i++) {
        to[place[(from[i].key >> shift) & (DIGITS - 1)]++] = from[i];
    }
    return 1;
}

tkri_gram *tkri_gram_sort(tkri_gram *grams, tkri_gram *spare, uint64_t n,
                          const tkri_symbols *symbols) {
    int width = per_key(symbols);
    int last = (symbols->order - 1) / width * width;
    for (int first = last; first >= 0 && n; first -= width) {
        int count = symbols->order - first < width ? symbols->order - first : width;
        fill_keys(grams, n, symbols, first, count);
        for (int shift = 0; shift < count * symbols->bits; shift += DIGIT_BITS) {
            if (scatter(spare, grams, n, shift)) {
                tkri_gram *sorted = spare;
                spare = grams;
                grams = sorted;
            }
        }
    }
    return grams;
}

static int gram_len(const uint32_t *symbol, int order) {
    int n = 0;
    while (n < order && symbol[n]) {
        n++;
    }
    return n;
}

void tkri_gram_mark(tkri_gram *grams, uint64_t n, const tkri_symbols *symbols) {
    const uint32_t *before = NULL;
    int before_len = 0;
    for (uint64_t i = 0; i < n; i++) {
        const uint32_t *symbol = symbols->at + grams[i].at;
        int shared = 0;
        while (shared < before_len && symbol[shared] == before[shared]) {
            shared++;
        }
        int len = shared + gram_len(symbol + shared, symbols->order - shared);
        grams[i].key = (uint64_t)shared | (uint64_t)len << 8;
        before = symbol;
        before_len = len;
    }
}
