/* SPDX-License-Identifier: MIT */
#include "text/words.h"

#include <string.h>

/* White space as ASCII has it: other bytes, whatever their code, are words. */
static int is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* One word of a text, or a line feed. */
typedef struct token {
    const char *text;
    uint64_t len;
    int feed; /* 1: a line feed */
} token;

/* The token at or behind *at, which moves behind it. Returns 0 at the end. */
static int next_token(token *to, const char *text, uint64_t len, uint64_t *at) {
    while (*at < len && is_space(text[*at]) && text[*at] != '\n') {
        ++*at;
    }
    uint64_t from = *at;
    if (from == len) {
        return 0;
    }
    while (*at < len && !is_space(text[*at])) {
        ++*at;
    }
    *to = (token){text + from, *at - from, *at == from};
    *at += *at == from;
    return 1;
}

static int is(const token *word, const char *text) {
    return word->len == strlen(text) && memcmp(word->text, text, (size_t)word->len) == 0;
}

/* Marks, which a text about them, or one that a tool prepared, may have as words. */
static int is_reserved(const token *word) {
    return !word->feed && word->text[0] == '<' &&
           (is(word, "<s>") || is(word, "</s>") || is(word, "<unk>"));
}

static int32_t add_words(tkri_names *words, const char *text, uint64_t len) {
    token word;
    for (uint64_t at = 0; next_token(&word, text, len, &at);) {
        if (!word.feed && !is(&word, "<s>") && tkri_names_find(words, word.text, word.len) < 0) {
            TRY(tkri_names_add(words, word.text, word.len));
        }
    }
    return TKR_OK;
}

static int32_t fill(tkr_vocabulary *v, const char *text, uint64_t len) {
    TRY(tkri_names_add(&v->words, "<unk>", 5));
    if (v->kind == TKR_SENTENCES) {
        TRY(tkri_names_add(&v->words, "</s>", 4));
    }
    return add_words(&v->words, text, len);
}

/* Hand out a vocabulary whose words are there, or destroy it. */
static int32_t finish(tkr_vocabulary **vocabulary, tkr_vocabulary *v, int32_t status) {
    if (status < 0) {
        status = tkri_env_fail(&v->env, status, "no memory for the words");
        tkri_vocabulary_destroy(v);
        return status;
    }
    v->len = (int32_t)v->words.len;
    v->end = v->kind == TKR_SENTENCES ? tkri_names_find(&v->words, "</s>", 4) : -1;
    *vocabulary = v;
    return TKR_OK;
}

int32_t tkri_words_create(tkr_vocabulary **vocabulary, int32_t kind, const char *text, uint64_t len,
                          const tkri_env *env) {
    tkr_vocabulary *v;
    TRY(tkri_vocabulary_allocate(&v, kind, 0, env));
    return finish(vocabulary, v, fill(v, text, len));
}

int32_t tkri_words_from(tkr_vocabulary **vocabulary, int32_t kind, const tkri_names *names,
                        const tkri_env *env) {
    tkr_vocabulary *v;
    TRY(tkri_vocabulary_allocate(&v, kind, 0, env));
    return finish(vocabulary, v, tkri_names_copy(&v->words, names, &v->env));
}

int32_t tkri_words_encode(const tkr_vocabulary *v, tkri_ids *out, const char *text, uint64_t len,
                          int32_t unknown) {
    token word;
    for (uint64_t at = 0; next_token(&word, text, len, &at);) {
        if (word.feed && v->end < 0) {
            continue;
        }
        if (!v->takes_reserved && is_reserved(&word)) {
            return TKR_ERR_FORMAT;
        }
        int32_t id = word.feed ? v->end : tkri_names_find(&v->words, word.text, word.len);
        id = id < 0 ? unknown : id;
        if (id < 0) {
            return TKR_ERR_TOKEN;
        }
        if (out->n < out->capacity) {
            out->ids[out->n] = id;
        }
        out->n++;
    }
    return TKR_OK;
}

uint64_t tkri_words_whole(const char *text, uint64_t len) {
    while (len && !is_space(text[len - 1])) {
        len--;
    }
    return len;
}
