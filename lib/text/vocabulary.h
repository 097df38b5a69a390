/* SPDX-License-Identifier: MIT
 * Text to ids and back. A kind is a way to cut text into symbols; words are in words.h. */
#ifndef TKRI_TEXT_VOCABULARY_H
#define TKRI_TEXT_VOCABULARY_H

#include "core/names.h"

enum { TKRI_ASCII = 128 };

/* One block, and the words. Characters are sorted by code point: an id is a place in `code`. */
struct tkr_vocabulary {
    tkri_env env;
    uint64_t bytes; /* of the block */
    int32_t kind, len;
    int32_t ascii[TKRI_ASCII]; /* the id of each ASCII character, or -1; all of it in bytes */
    uint32_t *code;            /* [len]; NULL for bytes, whose ids are themselves, and for words */
    tkri_names words;          /* [len] of words and sentences */
    int32_t end;               /* the id of </s> in sentences; else -1 */
    int32_t takes_reserved;    /* 1: <s>, </s> and <unk> may stand in a text */
};

/* A vocabulary without symbols, and room for n code points. */
int32_t tkri_vocabulary_allocate(tkr_vocabulary **vocabulary, int32_t kind, int32_t n,
                                 const tkri_env *env);

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

/* How many of the bytes of a text that goes on are whole symbols. */
uint64_t tkri_vocabulary_whole(const tkr_vocabulary *vocabulary, const char *text, uint64_t len);

/* The id of one symbol's text, or -1. */
int32_t tkri_vocabulary_find(const tkr_vocabulary *vocabulary, const char *text, uint64_t len);

/* The text of id in [0, len), of which as much as fits goes to text [capacity]; returns its length.
 */
uint64_t tkri_vocabulary_spell(const tkr_vocabulary *vocabulary, int32_t id, char *text,
                               uint64_t capacity);

/* The bytes of id in [0, len): text [4]; returns how many. */
uint64_t tkri_vocabulary_decode(const tkr_vocabulary *vocabulary, int32_t id, char *text);

#endif
