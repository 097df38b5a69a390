/* SPDX-License-Identifier: MIT
 * From counts to a model. */
#ifndef TKRI_NGRAM_ESTIMATE_H
#define TKRI_NGRAM_ESTIMATE_H

#include "ngram/model.h"
#include "ngram/smooth.h"

/* suffix[l][i], l >= 1: the node on level l - 1 of n-gram i of level l without its oldest id. The
 * trie must be closed under it, as counted ones are; else TKR_ERR_FORMAT. */
int32_t tkri_trie_link(const tkri_trie *trie, uint32_t *const *suffix);

/* Kneser & Ney's counts for all levels but the last: how many different ids, or beginnings of a
 * text, precede an n-gram; n-grams that begin with the mark `begin` keep their own count.
 * `scratch` is as long as the longest of these levels. */
void tkri_trie_adjust(const tkri_trie *trie, uint32_t *const *suffix, uint32_t begin,
                      uint64_t *const *adjusted, uint64_t *scratch);

/* Bytes of workspace for a trie with levels of these lengths, whatever the smoothing. */
uint64_t tkri_model_estimate_size(int32_t order, const uint64_t *lens);

/* Estimate a model of 8-byte values. Allocates it, and workspace for the time of the call. */
int32_t tkri_model_estimate(tkri_model *model, const tkri_env *env, const tkri_trie *trie,
                            const tkri_smoothing *smoothing, tkri_detail *detail);

#endif
