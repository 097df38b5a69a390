/* SPDX-License-Identifier: MIT */
#include "text/vocabulary.h"

#include <stddef.h>
#include <string.h>

#include "core/arena.h"
#include "core/utf8.h"
#include "text/words.h"

enum { N_BYTES = 256, WORD_BITS = 64, N_WORDS = TKRI_CODE_POINTS / WORD_BITS };

/* Set a bit for every character of the text. */
static int32_t mark(uint64_t *seen, const char *text, uint64_t len, const tkri_env *env) {
    uint64_t at = 0;
    while (at < len) {
        uint32_t code;
        int n = tkri_utf8_decode(text + at, len - at, &code);
        if (n == 0) {
            return tkri_env_fail(env, TKR_ERR_FORMAT, "the text is not UTF-8 at byte %llu",
                                 (unsigned long long)at);
        }
        seen[code / WORD_BITS] |= UINT64_C(1) << code % WORD_BITS;
        at += (uint64_t)n;
    }
    return TKR_OK;
}

/* The set bits in ascending order into code, unless that is NULL; returns their number. */
static int32_t list(const uint64_t *seen, uint32_t *code) {
    int32_t n = 0;
    for (uint32_t word = 0; word < N_WORDS; word++) {
        uint32_t c = word * WORD_BITS;
        for (uint64_t bits = seen[word]; bits; bits >>= 1, c++) {
            if ((bits & 1) && code) {
                code[n] = c;
            }
            n += (int32_t)(bits & 1);
        }
    }
    return n;
}

/* The distinct characters of a text, sorted, into code (NULL: only counted). The bit set lives in
 * memory of its own, given back before anything else is allocated. */
static int32_t distinct(uint32_t *code, int32_t *n, const char *text, uint64_t len,
                        const tkri_env *env) {
    uint64_t *seen = tkri_allocate(env, N_WORDS * sizeof *seen);
    if (!seen) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory to count characters");
    }
    int32_t status = mark(seen, text, len, env);
    if (status == TKR_OK) {
        *n = list(seen, code);
    }
    tkri_release(env, seen, N_WORDS * sizeof *seen);
    return status;
}

static void number_ascii(tkr_vocabulary *v) {
    for (int32_t c = 0; c < TKRI_ASCII; c++) {
        v->ascii[c] = v->kind == TKR_BYTES ? c : -1;
    }
    for (int32_t id = 0; v->code && id < v->len && v->code[id] < TKRI_ASCII; id++) {
        v->ascii[v->code[id]] = id;
    }
}

int32_t tkri_vocabulary_create(tkr_vocabulary **vocabulary, int32_t kind, const char *text,
                               uint64_t len, const tkri_env *env) {
    int32_t n = 0;
    tkr_vocabulary *v = NULL;
    if (tkri_words_are(kind)) {
        return tkri_words_create(vocabulary, kind, text, len, env);
    }
    if (kind == TKR_CHARACTERS) {
        TRY(distinct(NULL, &n, text, len, env));
    }
    TRY(tkri_vocabulary_allocate(&v, kind, n, env));
    v->len = kind == TKR_BYTES ? N_BYTES : n;
    if (kind == TKR_CHARACTERS) {
        int32_t status = distinct(v->code, &n, text, len, env);
        if (status < 0) {
            tkri_vocabulary_destroy(v);
            return status;
        }
    }
    number_ascii(v);
    *vocabulary = v;
    return TKR_OK;
}

/* The id of a code point, or -1. */
static int32_t id_of(const tkr_vocabulary *v, uint32_t code) {
    if (code < TKRI_ASCII) {
        return v->ascii[code];
    }
    int32_t low = 0, high = v->len;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (v->code[middle] < code) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < v->len && v->code[low] == code ? low : -1;
}

/* The symbol at text[0]: its id, -1 if it has none, and its length in bytes, 0 if it is not text.
 */
static int32_t next_id(const tkr_vocabulary *v, const char *text, uint64_t len, uint64_t *used) {
    if (v->kind == TKR_BYTES) {
        *used = 1;
        return (unsigned char)text[0];
    }
    uint32_t code = 0;
    *used = (uint64_t)tkri_utf8_decode(text, len, &code);
    return *used > 0 ? id_of(v, code) : -1;
}

int32_t tkri_vocabulary_encode(const tkr_vocabulary *vocabulary, tkri_ids *out, const char *text,
                               uint64_t len, int32_t unknown) {
    if (tkri_words_are(vocabulary->kind)) {
        return tkri_words_encode(vocabulary, out, text, len, unknown);
    }
    for (uint64_t at = 0, used; at < len; at += used) {
        int32_t id = next_id(vocabulary, text + at, len - at, &used);
        if (used == 0) {
            return TKR_ERR_FORMAT;
        }
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

uint64_t tkri_vocabulary_decode(const tkr_vocabulary *vocabulary, int32_t id, char *text) {
    if (vocabulary->kind == TKR_BYTES) {
        text[0] = (char)id;
        return 1;
    }
    return (uint64_t)tkri_utf8_encode(text, vocabulary->code[id]);
}

uint64_t tkri_vocabulary_whole(const tkr_vocabulary *vocabulary, const char *text, uint64_t len) {
    if (tkri_words_are(vocabulary->kind)) {
        return tkri_words_whole(text, len);
    }
    /* A character that is cut off begins within the last three bytes. */
    uint64_t cut = len;
    while (vocabulary->kind == TKR_CHARACTERS && cut > 0 && len - cut < TKRI_UTF8_MAX - 1) {
        uint32_t code;
        unsigned char lead = (unsigned char)text[--cut];
        if (lead >= 0xC0 && !tkri_utf8_decode(text + cut, len - cut, &code)) {
            return cut;
        }
    }
    return len;
}

int32_t tkri_vocabulary_find(const tkr_vocabulary *vocabulary, const char *text, uint64_t len) {
    uint64_t used = 0;
    if (tkri_words_are(vocabulary->kind)) {
        return tkri_names_find(&vocabulary->words, text, len);
    }
    int32_t id = len ? next_id(vocabulary, text, len, &used) : -1;
    return used == len ? id : -1;
}

uint64_t tkri_vocabulary_spell(const tkr_vocabulary *vocabulary, int32_t id, char *text,
                               uint64_t capacity) {
    char symbol[TKRI_UTF8_MAX];
    const char *from = symbol;
    uint64_t len;
    if (tkri_words_are(vocabulary->kind)) {
        from = tkri_names_get(&vocabulary->words, id, &len);
    } else {
        len = tkri_vocabulary_decode(vocabulary, id, symbol);
    }
    if (capacity) {
        memcpy(text, from, (size_t)(len < capacity ? len : capacity));
    }
    return len;
}
