/* SPDX-License-Identifier: MIT
 * N-grams as bytes: 256 bytes of header, the model's block as it lies in memory (or the counts,
 * level by level), then the vocabulary's texts. Everything is little-endian, every part a multiple
 * of 8 bytes, and the sum in the header covers all of it. docs/ngram.md tells each field. */
#ifndef TKRI_NGRAM_FILE_H
#define TKRI_NGRAM_FILE_H

#include "core/check.h"
#include "core/source.h"
#include "ngram/ngram.h"

enum { TKRI_FILE_HEADER = 256, TKRI_FILE_MODEL = 1, TKRI_FILE_COUNTS = 2 };

/* The header's fields. */
typedef struct tkri_file_header {
    uint32_t kind; /* TKRI_FILE_MODEL or TKRI_FILE_COUNTS */
    int32_t order, value_bytes, missing, vocabulary, warnings;
    int64_t symbols;
    uint64_t block, names; /* bytes of the two parts that follow */
    uint64_t sum;          /* over everything, with 0 in its own place */
    uint64_t lens[TKRI_MAX_ORDER];
} tkri_file_header;

/* Write an n-gram: its model, or without one its counts. */
int32_t tkri_ngram_write(const tkr_ngram *ngram, const tkr_writer *writer, tkri_detail *detail);

/* Make an n-gram from untrusted bytes. From memory, its model stays there. */
int32_t tkri_ngram_read(tkr_ngram **ngram, tkri_source *from);

void tkri_file_encode(unsigned char *bytes, const tkri_file_header *header);
int32_t tkri_file_decode(tkri_file_header *header, const unsigned char *bytes, tkri_detail *detail);

/* Bytes of the counts of levels of these lengths. */
uint64_t tkri_file_counts_size(int32_t order, const uint64_t *lens);

/* Every index of a model in range, every list of ids sorted, every value a number: then no question
 * can lead out of it. */
int32_t tkri_model_check(const tkri_model *model, tkri_detail *detail);

/* The same for counts; their suffixes must be there too. Allocates for the time of the call. */
int32_t tkri_trie_check(const tkri_trie *trie, const tkri_env *env, int64_t symbols,
                        tkri_detail *detail);

static inline uint64_t tkri_file_padded(uint64_t bytes) {
    return tkri_round_up(bytes, 8);
}

#endif
