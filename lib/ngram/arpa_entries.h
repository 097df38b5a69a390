/* SPDX-License-Identifier: MIT
 * The n-grams of an ARPA file as they were read, before they are a model. */
#ifndef TKRI_NGRAM_ARPA_ENTRIES_H
#define TKRI_NGRAM_ARPA_ENTRIES_H

#include "core/names.h"
#include "ngram/arpa.h"
#include "ngram/lines.h"

/* Natural logarithms of an entry. */
typedef struct tkri_values {
    double logprob, backoff;
} tkri_values;

/* Zeroed but for `lines` and `names.env`. Entry i has its symbols (id + 1) at i * (order + 1), with
 * zeros behind them. The first V + 1 entries are the ids in order and the mark of a beginning. */
typedef struct tkri_entries {
    tkri_lines lines;
    tkri_names names;
    int32_t order;
    int has_begin;
    int32_t warnings; /* TKR_WARNING_... */
    tkri_values begin;
    uint64_t promised[TKRI_MAX_ORDER];
    uint32_t *symbols;   /* [capacity][order + 1] */
    tkri_values *values; /* [capacity] */
    uint64_t len, capacity;
} tkri_entries;

/* Read a whole file into entries. */
int32_t tkri_entries_read(tkri_entries *entries);

int32_t tkri_entries_add(tkri_entries *entries, const uint32_t *ids, int n, tkri_values values);
void tkri_entries_fini(tkri_entries *entries);

#endif
