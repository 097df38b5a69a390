/* SPDX-License-Identifier: MIT
 * ngram's parts: the texts as ids; the table of all orders and smoothings. */
#ifndef EXAMPLES_NGRAM_H
#define EXAMPLES_NGRAM_H

#include "common.h"

typedef struct ngram_options {
    const char *train, *valid, *arpa_in, *arpa_out, *binary, *prime;
    int64_t order, smoothing, words, characters, bytes, sentences, reserved, table, page, fallback;
    int64_t sample, seed, prune, query;
    double temperature, addend;
} ngram_options;

/** Texts, and the vocabulary that makes ids of them. */
typedef struct ngram_texts {
    char *train_text, *valid_text;
    size_t train_bytes, valid_bytes;
    tkr_vocabulary *vocabulary;
    int64_t symbols;
    int32_t *train, *valid; /* NULL where there is no text */
    int64_t train_len, valid_len;
    int32_t unknown, end; /* ids of <unk>, which every model of words has, and of what ends a
                             sentence; -1 for none */
} ngram_texts;

/** Names of the smoothings as the command line and the table have them: mle, addk, wb, ... */
extern const char *const ngram_smoothings[];

/** Read the files, make a vocabulary of them or take `given`, and turn them into ids. Without
 *  --valid the last tenth of --train is held out. */
void ngram_read(ngram_texts *texts, const ngram_options *set, tkr_vocabulary *given);

/** A text as ids [*n]; the program ends if there are none, or a symbol has none. */
int32_t *ngram_ids(const ngram_texts *texts, const char *name, const char *text, size_t len,
                   int64_t *n);

/** Read an ARPA file, also one that gzip compressed; say to `remarks` what is unusual about it. */
tkr_ngram *ngram_load_arpa(const char *path, FILE *remarks);

void ngram_free(ngram_texts *texts);

/** A counter of this order that has counted the training text. */
tkr_ngram *ngram_count(const ngram_texts *texts, const ngram_options *set, int64_t order);

/** Estimate; the name of the smoothing is 1 + its place in ngram_smoothings. */
void ngram_estimate(tkr_ngram *ngram, const ngram_options *set, int32_t smoothing);

/** Score the held-out text. */
tkr_score ngram_score(const tkr_ngram *ngram, const ngram_texts *texts);

/** Ask for each word of the held-out text, and print the answers as KenLM's query does. */
void ngram_query(const tkr_ngram *ngram, const ngram_texts *texts);

/** Print a line for every order and smoothing, tabs between its columns. */
void ngram_table(const ngram_texts *texts, const ngram_options *set);

#endif
