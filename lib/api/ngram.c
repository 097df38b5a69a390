/* SPDX-License-Identifier: MIT
 * N-grams: making, counting, estimating. */
#include "core/check.h"
#include "core/fpmode.h"
#include "ngram/ngram.h"

/* Why an order or a number of symbols is refused, or TKR_OK. */
static int32_t check_shape(const tkri_env *env, int32_t order, int64_t symbols) {
    if (order < 1 || order > TKRI_MAX_ORDER || symbols < 1 || symbols >= INT32_MAX) {
        return tkri_env_fail(env, TKR_ERR_ARGUMENT, "order %d of 1..%d, %lld symbols of 1..%d",
                             (int)order, TKRI_MAX_ORDER, (long long)symbols, INT32_MAX - 1);
    }
    return TKR_OK;
}

int32_t tkr_ngram_size(uint64_t *bytes, int32_t order, int64_t symbols, int64_t n) {
    UNTRAPPED;
    const tkri_env silent = {.detail = NULL};
    if (!bytes || n < 0) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_shape(&silent, order, symbols));
    uint64_t needed = tkri_ngram_size(order, symbols, (uint64_t)n);
    if (needed > TKRI_SIZE_LIMIT) {
        return TKR_ERR_MEMORY;
    }
    *bytes = needed;
    return TKR_OK;
}

int32_t tkr_ngram_create(tkr_ngram **ngram, int32_t order, int64_t symbols, const tkr_env *env) {
    UNTRAPPED;
    tkri_env own;
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    *ngram = NULL;
    TRY(tkri_env_read(&own, env));
    TRY(check_shape(&own, order, symbols));
    return tkri_ngram_create(ngram, order, symbols, &own);
}

void tkr_ngram_destroy(tkr_ngram *ngram) {
    if (ngram) {
        tkri_ngram_destroy(ngram);
    }
}

/* Refuse ids outside [0, V); a mark of a beginning is let through if `marks` is set. */
static int32_t check_ids(tkr_ngram *ngram, const int32_t *ids, int64_t n, int marks) {
    tkri_detail *detail = &ngram->detail;
    REQUIRE(n >= 0 && (ids || !n), detail, TKR_ERR_ARGUMENT,
            "no ids, or a negative number of them");
    for (int64_t i = 0; i < n; i++) {
        int good = ids[i] >= 0 ? ids[i] < ngram->counts.symbols : marks && ids[i] == TKR_BEGIN;
        REQUIRE(good, detail, TKR_ERR_TOKEN, "id %d at %lld of %lld symbols", (int)ids[i],
                (long long)i, (long long)ngram->counts.symbols);
    }
    return TKR_OK;
}

static int32_t check_open(tkr_ngram *ngram) {
    REQUIRE(!ngram->sealed, &ngram->detail, TKR_ERR_ORDER,
            "a compact or loaded model has no counts");
    REQUIRE(!ngram->model.order, &ngram->detail, TKR_ERR_ORDER,
            "counting after tkr_ngram_estimate()");
    return TKR_OK;
}

static int32_t count_piece(tkr_ngram *ngram, const tkri_piece *piece) {
    int32_t status = tkri_counts_add(&ngram->counts, piece);
    REQUIRE(status == TKR_OK, &ngram->detail, status, "no memory to count %llu ids",
            (unsigned long long)piece->n);
    return TKR_OK;
}

int32_t tkr_ngram_count(tkr_ngram *ngram, const int32_t *ids, int64_t n, int32_t pad) {
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_open(ngram));
    TRY(check_ids(ngram, ids, n, 0));
    REQUIRE(pad >= TKR_CONTINUE && pad < ngram->counts.symbols, &ngram->detail, TKR_ERR_TOKEN,
            "pad %d of %lld symbols", (int)pad, (long long)ngram->counts.symbols);
    const tkri_piece piece = {ids, (uint64_t)n, pad, -1};
    return count_piece(ngram, &piece);
}

int32_t tkr_ngram_count_sentences(tkr_ngram *ngram, const int32_t *ids, int64_t n, int32_t end) {
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_open(ngram));
    TRY(check_ids(ngram, ids, n, 0));
    TRY(check_ids(ngram, &end, 1, 0));
    const tkri_piece piece = {ids, (uint64_t)n, TKR_BEGIN, end};
    return count_piece(ngram, &piece);
}

int32_t tkr_ngram_merge(tkr_ngram *ngram, const tkr_ngram *from) {
    if (!ngram || !from || ngram == from) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(check_open(ngram));
    REQUIRE(!from->sealed, &ngram->detail, TKR_ERR_ORDER, "the other n-gram has no counts");
    REQUIRE(
        from->counts.order == ngram->counts.order && from->counts.symbols == ngram->counts.symbols,
        &ngram->detail, TKR_ERR_SHAPE, "order %d and %lld symbols into order %d and %lld",
        (int)from->counts.order, (long long)from->counts.symbols, (int)ngram->counts.order,
        (long long)ngram->counts.symbols);
    int32_t status = tkri_counts_merge(&ngram->counts, &from->counts);
    REQUIRE(status == TKR_OK, &ngram->detail, status, "no memory to merge counts");
    return TKR_OK;
}

static int32_t flush(tkr_ngram *ngram) {
    REQUIRE(!ngram->sealed, &ngram->detail, TKR_ERR_ORDER,
            "a compact or loaded model has no counts");
    int32_t status = tkri_counts_flush(&ngram->counts);
    REQUIRE(status == TKR_OK, &ngram->detail, status, "no memory to sort what was counted");
    return TKR_OK;
}

int32_t tkr_ngram_get_count(tkr_ngram *ngram, uint64_t *count, const int32_t *ids, int64_t n) {
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(count && n >= 1 && n <= ngram->counts.order, &ngram->detail, TKR_ERR_ARGUMENT,
            "%lld ids, order %d", (long long)n, (int)ngram->counts.order);
    TRY(check_ids(ngram, ids, n, 1));
    TRY(flush(ngram));
    *count = tkri_counts_get(&ngram->counts, ids, n);
    return TKR_OK;
}

int32_t tkr_ngram_forecast(tkr_ngram *ngram, uint64_t *bytes, int64_t n) {
    UNTRAPPED;
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(bytes && n >= 0, &ngram->detail, TKR_ERR_ARGUMENT,
            "no place for the bytes, or %lld ids", (long long)n);
    TRY(flush(ngram));
    REQUIRE(ngram->counts.trie.block, &ngram->detail, TKR_ERR_ORDER, "nothing was counted");
    uint64_t needed = tkri_ngram_forecast(ngram, (uint64_t)n);
    REQUIRE(needed <= TKRI_SIZE_LIMIT, &ngram->detail, TKR_ERR_MEMORY,
            "more than an address can tell");
    *bytes = needed;
    return TKR_OK;
}

int32_t tkr_ngram_estimate(tkr_ngram *ngram, int32_t smoothing) {
    UNTRAPPED;
    tkri_model model;
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    REQUIRE(smoothing >= TKR_MAXIMUM_LIKELIHOOD && smoothing <= TKR_MODIFIED_KNESER_NEY,
            &ngram->detail, TKR_ERR_ARGUMENT, "no smoothing has the number %d", (int)smoothing);
    TRY(flush(ngram));
    REQUIRE(ngram->counts.trie.block, &ngram->detail, TKR_ERR_ORDER, "nothing was counted");
    const tkri_smoothing chosen = tkri_ngram_smoothing(ngram, smoothing);
    TRY(tkri_model_estimate(&model, &ngram->env, &ngram->counts.trie, &chosen, &ngram->detail));
    tkri_model_destroy(&ngram->model, &ngram->env);
    ngram->model = model;
    return TKR_OK;
}

const char *tkr_ngram_detail(const tkr_ngram *ngram) {
    return ngram ? ngram->detail.text : "";
}
