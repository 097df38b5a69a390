/* SPDX-License-Identifier: MIT
 * What the public handle holds. */
#ifndef TKRI_NGRAM_NGRAM_H
#define TKRI_NGRAM_NGRAM_H

#include "core/names.h"
#include "core/options.h"
#include "ngram/counts.h"
#include "ngram/estimate.h"
#include "ngram/query.h"

/* All of TKR_WARNINGS. */
enum { TKRI_WARNINGS = 2 * TKR_WARNING_SPACES - 1 };

struct tkr_ngram {
    tkri_env env;
    tkri_detail detail;
    tkri_counts counts;
    tkri_options options; /* of one kind */
    tkri_model model;     /* order 0 before tkr_ngram_estimate() */
    tkri_names names;     /* the texts of the ids, if a vocabulary was given */
    void *mapped;         /* the file that the model lies in; NULL for none */
    uint64_t mapped_bytes;
    int32_t vocabulary; /* kind of the vocabulary that was given; 0 for none */
    int32_t sealed;     /* 1: made from a model, there are no counts */
};

/* A handle without counts or model; `env` is the caller's, read. */
int32_t tkri_ngram_create(tkr_ngram **ngram, int32_t order, int64_t symbols, const tkri_env *env);

void tkri_ngram_destroy(tkr_ngram *ngram);

/* What its options say to an estimation by that kind of smoothing. */
tkri_smoothing tkri_ngram_smoothing(const tkr_ngram *ngram, int32_t kind);

/* A name stands for an <unk> that the ARPA reader added. */
int tkri_ngram_lacks_unknown(const tkr_ngram *ngram);

/* Which kind of vocabulary the names of an ARPA file are. */
int32_t tkri_ngram_guess(const tkr_ngram *ngram);

/* Whether the names are of the kind that the n-gram says. */
int tkri_ngram_has_kind(const tkr_ngram *ngram);

/* Bytes of the names that are characters or bytes: all but a <unk> that the reader added. */
uint64_t tkri_ngram_characters(const tkr_ngram *ngram);

/* A sealed copy of the model with values of 4 bytes, and of the vocabulary. */
int32_t tkri_ngram_compact(tkr_ngram **compact, const tkr_ngram *ngram, const tkri_env *env);

/* Map an open file of a model, of so many bytes. */
int32_t tkri_ngram_map(tkr_ngram **ngram, int descriptor, uint64_t bytes, const tkri_env *env,
                       tkri_detail *detail);

/* An upper bound of what counting n symbols and one estimation hold at once. */
uint64_t tkri_ngram_size(int32_t order, int64_t symbols, uint64_t n);

/* The same for n symbols of which those that were counted are a sample; they are in the trie. */
uint64_t tkri_ngram_forecast(const tkr_ngram *sample, uint64_t n);

#endif
