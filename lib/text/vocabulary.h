/* SPDX-License-Identifier: MIT
 * Text to ids and back. A kind is a way to cut text into symbols; a vocabulary of words, when there
 * is one, adds its kind here. */
#ifndef TKRI_TEXT_VOCABULARY_H
#define TKRI_TEXT_VOCABULARY_H

#include "core/env.h"

enum { TKRI_ASCII = 128 };

/* One block. Symbols are sorted by code point, so an id is a place in `code`. */
struct tkr_vocabulary {
    tkri_env env;
    uint64_t bytes; /* of the block */
    int32_t kind, len;
    int32_t ascii[TKRI_ASCII]; /* the id of each ASCII character, or -1; all of it in bytes */
    uint32_t *code;            /* [len]; NULL for bytes, whose ids are themselves */
};

/* Make the vocabulary of a text, which is checked here; text goes to env->detail on failure. */
int32_t tkri_vocabulary_create(tkr_vocabulary **vocabulary, int32_t kind, const char *text,
                               uint64_t len, const tkri_env *env);
void tkri_vocabulary_destroy(tkr_vocabulary *vocabulary);

/* Where ids go: as many as fit; `n` is their whole number. */
typedef struct tkri_ids {
    int32_t *ids;
    int64_t capacity, n;
} tkri_ids;

/* Append the ids of a text. `unknown` stands for characters that have none; -1 refuses them. */
int32_t tkri_vocabulary_encode(const tkr_vocabulary *vocabulary, tkri_ids *out, const char *text,
                               uint64_t len, int32_t unknown);

/* The bytes of id in [0, len): text [4]; returns how many. */
uint64_t tkri_vocabulary_decode(const tkr_vocabulary *vocabulary, int32_t id, char *text);

#endif
