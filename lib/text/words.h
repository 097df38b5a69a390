/* SPDX-License-Identifier: MIT
 * Vocabularies of words: what stands between white space. */
#ifndef TKRI_TEXT_WORDS_H
#define TKRI_TEXT_WORDS_H

#include "text/vocabulary.h"

/* Whether a kind of vocabulary has words. */
static inline int tkri_words_are(int32_t kind) {
    return kind == TKR_WORDS || kind == TKR_SENTENCES;
}

/* <unk>, in sentences </s>, then the different words of a text in the order of the text. */
int32_t tkri_words_create(tkr_vocabulary **vocabulary, int32_t kind, const char *text, uint64_t len,
                          const tkri_env *env);

/* A vocabulary of these words, in their order. */
int32_t tkri_words_from(tkr_vocabulary **vocabulary, int32_t kind, const tkri_names *names,
                        const tkri_env *env);

/* As tkri_vocabulary_encode(). */
int32_t tkri_words_encode(const tkr_vocabulary *vocabulary, tkri_ids *out, const char *text,
                          uint64_t len, int32_t unknown);

/* The bytes of a text up to the last white space, with it. */
uint64_t tkri_words_whole(const char *text, uint64_t len);

#endif
