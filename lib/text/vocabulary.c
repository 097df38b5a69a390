/* SPDX-License-Identifier: MIT */
#include "text/vocabulary.h"

#include <stddef.h>

#include "core/arena.h"
#include "core/utf8.h"

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
    for (uint32_t c = 0; c < TKRI_CODE_POINTS; c++) {
        if (seen[c / WORD_BITS] >> c % WORD_BITS & 1) {
            if (code) {
                code[n] = c;
            }
            n++;
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

/* Measure or place a vocabulary with room for n code points. */
static tkr_vocabulary *layout(tkri_arena *arena, int32_t n) {
    tkr_vocabulary *vocabulary;
    uint32_t *code;
    TKRI_TAKE(arena, vocabulary, 1);
    TKRI_TAKE(arena, code, n);
    if (vocabulary) {
        vocabulary->code = n > 0 ? code : NULL;
    }
    return vocabulary;
}

static int32_t allocate(tkr_vocabulary **vocabulary, int32_t n, const tkri_env *env) {
    tkri_arena arena = {NULL, 0};
    (void)layout(&arena, n);
    uint64_t bytes = arena.used;
    arena = (tkri_arena){tkri_allocate(env, bytes), 0};
    if (!arena.base) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for a vocabulary of %d", (int)n);
    }
    *vocabulary = layout(&arena, n);
    (*vocabulary)->env = *env;
    (*vocabulary)->env.detail = NULL; /* the caller's buffer is lent for this call only */
    (*vocabulary)->bytes = bytes;
    return TKR_OK;
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
    if (kind == TKR_CHARACTERS) {
        TRY(distinct(NULL, &n, text, len, env));
    }
    TRY(allocate(&v, n, env));
    v->kind = kind;
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

void tkri_vocabulary_destroy(tkr_vocabulary *vocabulary) {
    tkri_env env = vocabulary->env;
    tkri_release(&env, vocabulary, vocabulary->bytes);
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
