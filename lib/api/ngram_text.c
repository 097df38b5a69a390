/* SPDX-License-Identifier: MIT
 * N-grams and vocabularies: counting text, keeping the names of ids. */
#include "core/fpmode.h"
#include "ngram/stream.h"
#include "text/vocabulary.h"
#include "text/words.h"

/* A vocabulary, and what stands for what it does not have. */
typedef struct reading {
    const tkr_vocabulary *vocabulary;
    int32_t unknown;
} reading;

static uint64_t cut_symbols(const void *user, const char *text, uint64_t len) {
    const reading *r = user;
    return tkri_vocabulary_whole(r->vocabulary, text, len);
}

static int32_t encode_symbols(const void *user, int32_t *ids, uint64_t *n, const char *text,
                              uint64_t len) {
    const reading *r = user;
    tkri_ids out = {ids, (int64_t)len, 0};
    int32_t status = tkri_vocabulary_encode(r->vocabulary, &out, text, len, r->unknown);
    *n = (uint64_t)out.n;
    return status;
}

static uint64_t cut_bytes(const void *user, const char *text, uint64_t len) {
    (void)user;
    (void)text;
    return len;
}

static int32_t encode_bytes(const void *user, int32_t *ids, uint64_t *n, const char *text,
                            uint64_t len) {
    (void)user;
    for (uint64_t i = 0; i < len; i++) {
        ids[i] = (unsigned char)text[i];
    }
    *n = len;
    return TKR_OK;
}

static int32_t check_count(tkr_ngram *ngram, const tkr_reader *reader, int64_t symbols,
                           const int32_t *ids) {
    tkri_detail *detail = &ngram->detail;
    int64_t have = ngram->counts.symbols;
    REQUIRE(!ngram->sealed && !ngram->model.order, detail, TKR_ERR_ORDER,
            "counting after an estimation or a load");
    REQUIRE(reader && reader->size >= sizeof *reader && reader->read, detail, TKR_ERR_ARGUMENT,
            "no reader");
    REQUIRE(symbols <= have, detail, TKR_ERR_SHAPE,
            "a vocabulary of %lld symbols, an n-gram of %lld", (long long)symbols, (long long)have);
    REQUIRE(ids[0] >= TKR_CONTINUE && ids[0] < have && ids[1] >= -1 && ids[1] < have &&
                ids[2] >= -1 && ids[2] < have,
            detail, TKR_ERR_TOKEN, "pad %d, end %d or unknown %d of %lld symbols", (int)ids[0],
            (int)ids[1], (int)ids[2], (long long)have);
    return TKR_OK;
}

int32_t tkr_ngram_count_from(tkr_ngram *ngram, const tkr_reader *reader,
                             const tkr_vocabulary *vocabulary, int32_t pad, int32_t end,
                             int32_t unknown) {
    UNTRAPPED;
    const int32_t ids[] = {pad, end, unknown};
    const reading r = {vocabulary, unknown};
    const tkri_encoder bytes = {NULL, cut_bytes, encode_bytes, ""};
    const tkri_encoder symbols = {
        &r, cut_symbols, encode_symbols,
        vocabulary && tkri_words_are(vocabulary->kind)
            ? "a word that is reserved (<s>, </s> or <unk>), see TKR_RESERVED"
            : "no UTF-8"};
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_count(ngram, reader, vocabulary ? vocabulary->len : 256, ids));
    return tkri_ngram_count_from(ngram, reader, vocabulary ? &symbols : &bytes, pad, end);
}

/* A copy of the texts of all symbols. */
static int32_t copy_texts(tkri_names *names, const tkr_vocabulary *vocabulary) {
    char symbol[4];
    if (tkri_words_are(vocabulary->kind)) {
        return tkri_names_copy(names, &vocabulary->words, names->env);
    }
    for (int32_t id = 0; id < vocabulary->len; id++) {
        uint64_t len = tkri_vocabulary_decode(vocabulary, id, symbol);
        TRY(tkri_names_add(names, symbol, len));
    }
    return TKR_OK;
}

int32_t tkr_ngram_set_vocabulary(tkr_ngram *ngram, const tkr_vocabulary *vocabulary) {
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    tkri_names names = {.env = &ngram->env};
    if (vocabulary) {
        REQUIRE(vocabulary->len == ngram->counts.symbols, &ngram->detail, TKR_ERR_SHAPE,
                "a vocabulary of %d symbols, an n-gram of %lld", (int)vocabulary->len,
                (long long)ngram->counts.symbols);
        int32_t status = copy_texts(&names, vocabulary);
        if (status < 0) {
            tkri_names_fini(&names);
            return tkri_fail(&ngram->detail, status, "no memory for the vocabulary");
        }
    }
    tkri_names_fini(&ngram->names);
    ngram->names = names;
    ngram->vocabulary = vocabulary ? vocabulary->kind : 0;
    return TKR_OK;
}

int32_t tkr_ngram_get_vocabulary(tkr_vocabulary **vocabulary, const tkr_ngram *ngram,
                                 const tkr_env *env) {
    tkri_env own;
    if (!vocabulary) {
        return TKR_ERR_ARGUMENT;
    }
    *vocabulary = NULL;
    TRY(tkri_env_read(&own, env));
    if (!ngram) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "no n-gram");
    }
    if (!ngram->vocabulary) {
        return tkri_env_fail(&own, TKR_ERR_KEY, "the n-gram has no vocabulary");
    }
    if (tkri_words_are(ngram->vocabulary)) {
        return tkri_words_from(vocabulary, ngram->vocabulary, &ngram->names, &own);
    }
    uint64_t len = tkri_ngram_characters(ngram);
    return tkri_vocabulary_create(vocabulary, ngram->vocabulary, ngram->names.text, len, &own);
}
