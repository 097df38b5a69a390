/* SPDX-License-Identifier: MIT */
#include "ngram/ngram.h"

int32_t tkr_ngram_create(tkr_ngram **ngram, int32_t order, int64_t symbols, const tkr_env *env) {
    tkri_env own;
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    *ngram = NULL;
    TRY(tkri_env_read(&own, env));
    if (order < 1 || order > TKRI_MAX_ORDER || symbols < 1 || symbols >= INT32_MAX) {
        return tkri_env_fail(&own, TKR_ERR_ARGUMENT, "order %d of 1..%d, %lld symbols of 1..%d",
                             (int)order, TKRI_MAX_ORDER, (long long)symbols, INT32_MAX - 1);
    }
    tkr_ngram *created = tkri_allocate(&own, sizeof *created);
    if (!created) {
        return tkri_env_fail(&own, TKR_ERR_MEMORY, "no memory for an n-gram counter");
    }
    created->env = own;
    created->env.detail = NULL;
    created->smoothing.symbols = symbols;
    tkri_counts_init(&created->counts, &created->env, order, symbols);
    *ngram = created;
    return TKR_OK;
}

void tkr_ngram_destroy(tkr_ngram *ngram) {
    if (ngram) {
        tkri_env env = ngram->env;
        tkri_model_destroy(&ngram->model, &env);
        tkri_counts_fini(&ngram->counts);
        tkri_release(&env, ngram, sizeof *ngram);
    }
}

/* The first id that is outside [0, V), or n. */
static int64_t first_bad(const int32_t *ids, int64_t n, int64_t symbols) {
    int64_t i = 0;
    while (i < n && ids[i] >= 0 && ids[i] < symbols) {
        i++;
    }
    return i;
}

int32_t tkr_ngram_count(tkr_ngram *ngram, const int32_t *ids, int64_t n, int32_t pad) {
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    tkri_detail *detail = &ngram->detail;
    int64_t symbols = ngram->counts.symbols;
    REQUIRE(n >= 0 && (ids || !n), detail, TKR_ERR_ARGUMENT, "no ids, or a negative number of them");
    REQUIRE(!ngram->model.order, detail, TKR_ERR_ORDER, "counting after tkr_ngram_estimate()");
    REQUIRE(pad >= -1 && pad < symbols, detail, TKR_ERR_TOKEN, "pad %d of %lld symbols", (int)pad,
            (long long)symbols);
    int64_t bad = first_bad(ids, n, symbols);
    REQUIRE(bad == n, detail, TKR_ERR_TOKEN, "id %d at %lld of %lld symbols", (int)ids[bad],
            (long long)bad, (long long)symbols);
    int32_t status = tkri_counts_add(&ngram->counts, ids, (uint64_t)n, pad);
    REQUIRE(status == TKR_OK, detail, status, "no memory to count %lld ids", (long long)n);
    return TKR_OK;
}

int32_t tkr_ngram_estimate(tkr_ngram *ngram, int32_t smoothing) {
    tkri_model model;
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    tkri_detail *detail = &ngram->detail;
    REQUIRE(smoothing >= TKR_MAXIMUM_LIKELIHOOD &&
                smoothing <= TKR_MODIFIED_KNESER_NEY,
            detail, TKR_ERR_ARGUMENT, "no smoothing %d",
            (int)smoothing);
    tkri_model_destroy(&ngram->model,&ngram->env);
    int32_t status = tkri_counts_flush(&ngram->counts);
    REQUIRE(status == TKR_OK, detail, status, "no memory to sort what was counted");
    REQUIRE(ngram->counts.trie.block, detail, TKR_ERR_ORDER, "nothing was counted");
    ngram->smoothing.kind = smoothing;
    TRY(tkri_model_estimate(&model, &ngram->env, &ngram->counts.trie, &ngram->smoothing, detail));
    ngram->model = model;
    return TKR_OK;
}

/* Go behind a context. */
static int32_t find_place(const tkr_ngram *ngram, tkri_place *place, const int32_t *context,
                          int64_t n) {
    if (!ngram || n < 0 || (!context && n)) {
        return TKR_ERR_ARGUMENT;
    }
    const tkri_model *model = &ngram->model;
    if (!model->order) {
        return TKR_ERR_ORDER;
    }
    int64_t from = n < model->order ? 0 : n - (model->order - 1);
    if (first_bad(context + from, n - from, model->symbols) < n - from) {
        return TKR_ERR_TOKEN;
    }
    *place = (tkri_place){0, 0, 0};
    for (int64_t i = from; i < n; i++) {
        tkri_model_move(model, place, (uint32_t)context[i]);
    }
    return TKR_OK;
}

int32_t tkr_ngram_logprob(const tkr_ngram *ngram, double *logprob, const int32_t *context, int64_t n,
                          int32_t id) {
    tkri_place place;
    if (!logprob) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(find_place(ngram, &place, context, n));
    if (id < 0 || id >= ngram->model.symbols) {
        return TKR_ERR_TOKEN;
    }
    *logprob = tkri_model_step(&ngram->model, &place, (uint32_t)id);
    return TKR_OK;
}

int32_t tkr_ngram_distribution(const tkr_ngram *ngram, float *logprobs, const int32_t *context,
                               int64_t n) {
    tkri_place place;
    if (!logprobs) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(find_place(ngram, &place, context, n));
    tkri_model_distribution(&ngram->model, &place, logprobs);
    return TKR_OK;
}

int32_t tkr_ngram_structure(const tkr_ngram *ngram, int64_t *contexts, int64_t *pairs) {
    if (!ngram || !contexts || !pairs) {
        return TKR_ERR_ARGUMENT;
    }
    if (!ngram->model.order) {
        return TKR_ERR_ORDER;
    }
    tkri_model_structure(&ngram->model, contexts, pairs);
    return TKR_OK;
}

const char *tkr_ngram_detail(const tkr_ngram *ngram) {
    return ngram ? ngram->detail.text : "";
}
