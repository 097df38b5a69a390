/* SPDX-License-Identifier: MIT
 * Counting a text that comes out of a reader. */
#ifndef TKRI_NGRAM_STREAM_H
#define TKRI_NGRAM_STREAM_H

#include "ngram/ngram.h"

/* What turns text into ids: a vocabulary, seen from here. */
typedef struct tkri_encoder {
    const void *vocabulary;
    /* How many of the bytes of a text that goes on are whole symbols. */
    uint64_t (*whole)(const void *vocabulary, const char *text, uint64_t len);
    /* The ids of whole symbols into ids [len]; *n is how many there are, at most len. */
    int32_t (*encode)(const void *vocabulary, int32_t *ids, uint64_t *n, const char *text,
                      uint64_t len);
    const char *malformed; /* what TKR_ERR_FORMAT of it means */
} tkri_encoder;

/* Count everything that `reader` has: `first` precedes it, behind `end` (-1: nowhere) a new text
 * begins. A failure changes nothing. */
int32_t tkri_ngram_count_from(tkr_ngram *ngram, const tkr_reader *reader,
                              const tkri_encoder *encoder, int32_t first, int32_t end);

#endif
