/* SPDX-License-Identifier: MIT */
#include "ngram/ngram.h"

#include <errno.h>
#include <float.h>
#include <string.h>
#include <sys/mman.h>

#include "core/check.h"
#include "core/utf8.h"
#include "ngram/file.h"

#define PRUNE(n) {TKR_PRUNE + (n), 0, "prune_" #n, TKRI_INT, 0, 0, TKRI_UNBOUNDED, 0}

static const tkri_option table[] = {
    {TKR_ADDEND, 0, "addend", TKRI_REAL, 0, DBL_MIN, 1e9, 0.01},
    {TKR_FALLBACK, 0, "fallback", TKRI_INT, 0, 0, 1, 0},
    PRUNE(2),
    PRUNE(3),
    PRUNE(4),
    PRUNE(5),
    PRUNE(6),
    PRUNE(7),
    PRUNE(8),
    PRUNE(9),
    PRUNE(10),
    PRUNE(11),
    PRUNE(12),
    PRUNE(13),
    PRUNE(14),
    PRUNE(15),
    PRUNE(16),
    {TKR_WARNINGS, 0, "warnings", TKRI_INT, TKRI_READ_ONLY, 0, TKRI_WARNINGS, 0},
    {0, 0, "", 0, 0, 0, 0, 0},
};
TKRI_OPTIONS_FIT(table);
_Static_assert(TKRI_MAX_ORDER == 16, "the table prunes up to order 16");

int32_t tkri_ngram_create(tkr_ngram **ngram, int32_t order, int64_t symbols, const tkri_env *env) {
    tkr_ngram *created = tkri_allocate(env, sizeof *created);
    if (!created) {
        return tkri_env_fail(env, TKR_ERR_MEMORY, "no memory for an n-gram");
    }
    created->env = *env;
    created->env.detail = NULL; /* the caller's buffer is lent for this call only */
    created->names.env = &created->env;
    tkri_options_init(&created->options, table, 0);
    tkri_counts_init(&created->counts, &created->env, order, symbols);
    *ngram = created;
    return TKR_OK;
}

void tkri_ngram_destroy(tkr_ngram *ngram) {
    tkri_env env = ngram->env;
    if (ngram->mapped) {
        munmap(ngram->mapped, (size_t)ngram->mapped_bytes);
    }
    tkri_model_destroy(&ngram->model, &env);
    tkri_counts_fini(&ngram->counts);
    tkri_names_fini(&ngram->names);
    tkri_release(&env, ngram, sizeof *ngram);
}

tkri_smoothing tkri_ngram_smoothing(const tkr_ngram *ngram, int32_t kind) {
    tkri_smoothing smoothing = {
        .kind = kind,
        .fallback = (int32_t)tkri_options_int(&ngram->options, TKR_FALLBACK),
        .addend = tkri_options_real(&ngram->options, TKR_ADDEND),
        .symbols = ngram->counts.symbols,
    };
    for (int32_t n = 2; n <= TKRI_MAX_ORDER; n++) {
        smoothing.prune[n - 1] = (uint64_t)tkri_options_int(&ngram->options, TKR_PRUNE + n);
    }
    return smoothing;
}

int tkri_ngram_lacks_unknown(const tkr_ngram *ngram) {
    return (tkri_options_int(&ngram->options, TKR_WARNINGS) & TKR_WARNING_NO_UNKNOWN) != 0;
}

/* How many names came with the file. */
static int64_t given_names(const tkr_ngram *ngram) {
    return ngram->names.len - tkri_ngram_lacks_unknown(ngram);
}

uint64_t tkri_ngram_characters(const tkr_ngram *ngram) {
    int64_t n = given_names(ngram);
    return n > 0 ? ngram->names.ends[n - 1] : 0;
}

/* The bytes 0..255 in order. */
static int are_bytes(const tkri_names *names, int64_t n) {
    for (int32_t i = 0; i < n; i++) {
        uint64_t len;
        const char *text = tkri_names_get(names, i, &len);
        if (len != 1 || (unsigned char)text[0] != i) {
            return 0;
        }
    }
    return n == 256;
}

/* Single characters, each behind the one before. */
static int are_characters(const tkri_names *names, int64_t n) {
    int64_t before = -1;
    for (int32_t i = 0; i < n; i++) {
        uint64_t len;
        uint32_t code;
        const char *text = tkri_names_get(names, i, &len);
        if ((uint64_t)tkri_utf8_decode(text, len, &code) != len || len == 0 || code <= before) {
            return 0;
        }
        before = code;
    }
    return n > 0;
}

int32_t tkri_ngram_guess(const tkr_ngram *ngram) {
    const tkri_names *names = &ngram->names;
    if (are_bytes(names, given_names(ngram))) {
        return TKR_BYTES;
    }
    if (are_characters(names, given_names(ngram))) {
        return TKR_CHARACTERS;
    }
    return tkri_names_find(names, "</s>", 4) < 0 ? TKR_WORDS : TKR_SENTENCES;
}

int tkri_ngram_has_kind(const tkr_ngram *ngram) {
    if (!ngram->vocabulary) {
        return ngram->names.len == 0;
    }
    int words = ngram->vocabulary == TKR_WORDS || ngram->vocabulary == TKR_SENTENCES;
    return ngram->names.len == ngram->counts.symbols &&
           (words || tkri_ngram_guess(ngram) == ngram->vocabulary);
}

static int32_t fill_compact(tkr_ngram *compact, const tkr_ngram *ngram) {
    compact->sealed = 1;
    compact->vocabulary = ngram->vocabulary;
    tkri_options_set_int(&compact->options, TKR_WARNINGS,
                         tkri_options_int(&ngram->options, TKR_WARNINGS));
    TRY(tkri_names_copy(&compact->names, &ngram->names, &compact->env));
    return tkri_model_narrow(&compact->model, &compact->env, &ngram->model);
}

int32_t tkri_ngram_compact(tkr_ngram **compact, const tkr_ngram *ngram, const tkri_env *env) {
    tkr_ngram *made = NULL;
    TRY(tkri_ngram_create(&made, ngram->counts.order, ngram->counts.symbols, env));
    int32_t status = fill_compact(made, ngram);
    if (status < 0) {
        tkri_ngram_destroy(made);
        return tkri_env_fail(env, status, "no memory for a compact model");
    }
    *compact = made;
    return TKR_OK;
}

int32_t tkri_ngram_map(tkr_ngram **ngram, int descriptor, uint64_t bytes, const tkri_env *env,
                       tkri_detail *detail) {
    REQUIRE(bytes && bytes <= TKRI_SIZE_LIMIT, detail, TKR_ERR_FORMAT,
            "the n-gram file is empty, or no regular file");
    void *mapped = mmap(NULL, (size_t)bytes, PROT_READ, MAP_SHARED, descriptor, 0);
    REQUIRE(mapped != MAP_FAILED, detail, TKR_ERR_IO, "cannot map it: error %d", errno);
    tkri_source from = {"n-gram file", env, detail, NULL, mapped, bytes, 0, 0};
    tkr_ngram *read = NULL;
    int32_t status = tkri_ngram_read(&read, &from);
    if (status < 0) {
        munmap(mapped, (size_t)bytes);
        return status;
    }
    if (!read->sealed) {
        tkri_ngram_destroy(read);
        munmap(mapped, (size_t)bytes);
        return tkri_fail(detail, TKR_ERR_UNSUPPORTED, "counts are loaded, not mapped");
    }
    read->mapped = mapped;
    read->mapped_bytes = bytes;
    *ngram = read;
    return TKR_OK;
}
