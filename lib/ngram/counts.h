/* SPDX-License-Identifier: MIT
 * Counting texts: ids wait in a buffer until there are enough of them to be sorted at once, then
 * become a trie that is merged into the one so far. What was counted never depends on when. */
#ifndef TKRI_NGRAM_COUNTS_H
#define TKRI_NGRAM_COUNTS_H

#include "ngram/trie.h"

/* Symbols that the buffer holds at least before it is sorted. */
#define TKRI_COUNTS_CHUNK ((uint64_t)1 << 21)

/* What precedes the first id of a text, besides an id that is repeated order - 1 times (>= 0). */
enum { TKRI_LEAD_NONE = -1, TKRI_LEAD_BEGIN = -2, TKRI_LEAD_CONTINUE = -3 };

/* One call's ids, and what precedes them. */
typedef struct tkri_piece {
    const int32_t *ids; /* [n] all in [0, V) */
    uint64_t n;
    int32_t first; /* what comes before: a TKRI_LEAD_..., or an id, order - 1 times */
    int32_t end;   /* behind this id a new text begins, with a mark; -1 for none */
} tkri_piece;

/* Symbols of the buffer that are context only: they were counted before, or are padding. */
typedef struct tkri_span {
    uint64_t start;
    uint32_t len;
} tkri_span;

typedef struct tkri_counts {
    const tkri_env *env;
    int64_t symbols; /* V; id V is the mark of a beginning, which is never predicted */
    int32_t order;
    uint32_t *buffer; /* [capacity] id + 1; 0 between texts, and everywhere past len */
    uint64_t len, capacity;
    tkri_span *spans; /* [span_capacity] in order of start */
    uint64_t n_spans, span_capacity;
    uint64_t carried; /* leading symbols of the buffer that are carried context */
    tkri_trie trie;   /* what was counted, without the buffer */
} tkri_counts;

/* An empty counter; allocates nothing. `env` must outlive it. */
void tkri_counts_init(tkri_counts *counts, const tkri_env *env, int32_t order, int64_t symbols);
void tkri_counts_fini(tkri_counts *counts);

/* Count a piece. A failure leaves the counts as they were. */
int32_t tkri_counts_add(tkri_counts *counts, const tkri_piece *piece);

/* Let an empty counter go on where `counts` ends. */
int32_t tkri_counts_follow(tkri_counts *part, const tkri_counts *counts);

/* `counts` becomes the sum of both, goes on where `part` ends, and takes over all that is in it. A
 * failure changes nothing. */
int32_t tkri_counts_join(tkri_counts *counts, tkri_counts *part);

/* How often an n-gram of 1..order ids was counted; the buffer must have been flushed. */
uint64_t tkri_counts_get(const tkri_counts *counts, const int32_t *ids, int64_t n);

/* Add the counts of `from`, which has the same order and V. A failure changes nothing. */
int32_t tkri_counts_merge(tkri_counts *counts, const tkri_counts *from);

/* Bring everything into the trie. A failure changes nothing. */
int32_t tkri_counts_flush(tkri_counts *counts);

#endif
