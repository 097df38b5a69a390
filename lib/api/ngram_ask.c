/* SPDX-License-Identifier: MIT
 * N-grams: probabilities, carried states, scores. */
#include "core/fpmode.h"
#include "ngram/ngram.h"
#include "ngram/score.h"

static int is_id(const tkri_model *model, int32_t id) {
    return id >= 0 && id < model->symbols;
}

static int are_ids(const tkri_model *model, const int32_t *ids, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (!is_id(model, ids[i])) {
            return 0;
        }
    }
    return 1;
}

/* Go behind a context, of which only the last order - 1 ids are looked at. */
static int32_t find_place(const tkr_ngram *ngram, tkri_place *place, const int32_t *context,
                          int64_t n) {
    if (!ngram || n < 0 || (!context && n)) {
        return TKR_ERR_ARGUMENT;
    }
    const tkri_model *model = &ngram->model;
    if (!model->order) {
        return TKR_ERR_ORDER;
    }
    tkri_place found = {0, 0, 0};
    for (int64_t i = n < model->order ? 0 : n - (model->order - 1); i < n; i++) {
        if (!is_id(model, context[i]) && context[i] != TKR_BEGIN) {
            return TKR_ERR_TOKEN;
        }
        tkri_model_move(model, &found,
                        context[i] < 0 ? (uint32_t)model->symbols : (uint32_t)context[i]);
    }
    *place = found;
    return TKR_OK;
}

int32_t tkr_ngram_logprob(const tkr_ngram *ngram, double *logprob, const int32_t *context,
                          int64_t n, int32_t id) {
    UNTRAPPED;
    tkri_place place;
    if (!logprob) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(find_place(ngram, &place, context, n));
    if (!is_id(&ngram->model, id)) {
        return TKR_ERR_TOKEN;
    }
    *logprob = tkri_model_step(&ngram->model, &place, (uint32_t)id);
    return TKR_OK;
}

int32_t tkr_ngram_distribution(const tkr_ngram *ngram, float *logprobs, const int32_t *context,
                               int64_t n) {
    UNTRAPPED;
    tkri_place place;
    if (!logprobs) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(find_place(ngram, &place, context, n));
    tkri_model_distribution(&ngram->model, &place, logprobs);
    return TKR_OK;
}

/* A state is a place in 64 bits: row, len << 32, given << 48. The second word is kept for later. */
static void write_state(tkr_ngram_state *state, const tkri_place *place) {
    state->place[0] =
        (uint64_t)place->row | (uint64_t)place->len << 32 | (uint64_t)place->given << 48;
    state->place[1] = 0;
}

static int32_t read_state(const tkr_ngram *ngram, const tkr_ngram_state *state, tkri_place *place) {
    if (!ngram || !state) {
        return TKR_ERR_ARGUMENT;
    }
    if (!ngram->model.order) {
        return TKR_ERR_ORDER;
    }
    uint64_t word = state->place[0];
    *place = (tkri_place){(uint32_t)word, (uint16_t)(word >> 32), (uint16_t)(word >> 48)};
    return tkri_model_has(&ngram->model, place) ? TKR_OK : TKR_ERR_ARGUMENT;
}

int32_t tkr_ngram_start(const tkr_ngram *ngram, tkr_ngram_state *state, const int32_t *context,
                        int64_t n) {
    UNTRAPPED;
    tkri_place place;
    if (!state) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(find_place(ngram, &place, context, n));
    write_state(state, &place);
    return TKR_OK;
}

int32_t tkr_ngram_step(const tkr_ngram *ngram, tkr_ngram_state *state, double *logprob,
                       int32_t id) {
    UNTRAPPED;
    tkri_place place;
    TRY(read_state(ngram, state, &place));
    if (!is_id(&ngram->model, id)) {
        return TKR_ERR_TOKEN;
    }
    double answer = tkri_model_step(&ngram->model, &place, (uint32_t)id);
    if (logprob) {
        *logprob = answer;
    }
    write_state(state, &place);
    return TKR_OK;
}

int32_t tkr_ngram_match(const tkr_ngram *ngram, const tkr_ngram_state *state, int32_t *len,
                        int32_t id) {
    UNTRAPPED;
    tkri_place place;
    if (!len) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(read_state(ngram, state, &place));
    if (!is_id(&ngram->model, id)) {
        return TKR_ERR_TOKEN;
    }
    *len = tkri_model_match(&ngram->model, &place, (uint32_t)id);
    return TKR_OK;
}

int32_t tkr_ngram_next(const tkr_ngram *ngram, const tkr_ngram_state *state, float *logprobs) {
    UNTRAPPED;
    tkri_place place;
    if (!logprobs) {
        return TKR_ERR_ARGUMENT;
    }
    TRY(read_state(ngram, state, &place));
    tkri_model_distribution(&ngram->model, &place, logprobs);
    return TKR_OK;
}

int32_t tkr_ngram_logprobs(const tkr_ngram *ngram, tkr_ngram_state *state, double *logprobs,
                           const int32_t *ids, int64_t n) {
    UNTRAPPED;
    tkri_place place;
    TRY(read_state(ngram, state, &place));
    if (n < 0 || (n && (!logprobs || !ids))) {
        return TKR_ERR_ARGUMENT;
    }
    if (!are_ids(&ngram->model, ids, n)) {
        return TKR_ERR_TOKEN;
    }
    for (int64_t i = 0; i < n; i++) {
        logprobs[i] = tkri_model_step(&ngram->model, &place, (uint32_t)ids[i]);
    }
    write_state(state, &place);
    return TKR_OK;
}

int32_t tkr_ngram_score(const tkr_ngram *ngram, tkr_ngram_state *state, tkr_score *score,
                        const int32_t *ids, int64_t n, int32_t unknown) {
    UNTRAPPED;
    tkri_place place;
    tkr_score sum;
    TRY(read_state(ngram, state, &place));
    TRY(tkri_score_read(&sum, score));
    if (n < 0 || (n && !ids)) {
        return TKR_ERR_ARGUMENT;
    }
    if (!are_ids(&ngram->model, ids, n) || (unknown != -1 && !is_id(&ngram->model, unknown))) {
        return TKR_ERR_TOKEN;
    }
    for (int64_t i = 0; i < n; i++) {
        tkri_score_add(&sum, tkri_model_step(&ngram->model, &place, (uint32_t)ids[i]),
                       ids[i] == unknown);
    }
    write_state(state, &place);
    tkri_score_write(score, &sum);
    return TKR_OK;
}

int32_t tkr_score_logprobs(tkr_score *score, const double *logprobs, const uint8_t *unknown,
                           int64_t n) {
    UNTRAPPED;
    tkr_score sum;
    TRY(tkri_score_read(&sum, score));
    if (n < 0 || (n && !logprobs)) {
        return TKR_ERR_ARGUMENT;
    }
    for (int64_t i = 0; i < n; i++) {
        if (!(logprobs[i] <= 0)) {
            return TKR_ERR_NUMERIC;
        }
        tkri_score_add(&sum, logprobs[i], unknown && unknown[i]);
    }
    tkri_score_write(score, &sum);
    return TKR_OK;
}

int32_t tkr_ngram_shape(const tkr_ngram *ngram, int32_t *order, int64_t *symbols,
                        int32_t *precision) {
    if (!ngram) {
        return TKR_ERR_ARGUMENT;
    }
    if (order) {
        *order = ngram->counts.order;
    }
    if (symbols) {
        *symbols = ngram->counts.symbols;
    }
    if (precision) {
        *precision = ngram->model.value_bytes;
    }
    return TKR_OK;
}

int32_t tkr_ngram_len(const tkr_ngram *ngram, int32_t n, int64_t *ngrams, uint64_t *bytes) {
    if (!ngram || n < 1 || n > ngram->counts.order) {
        return TKR_ERR_ARGUMENT;
    }
    if (!ngram->model.order) {
        return TKR_ERR_ORDER;
    }
    if (ngrams) {
        *ngrams = tkri_model_len(&ngram->model, n - 1);
    }
    if (bytes) {
        *bytes = ngram->model.bytes;
    }
    return TKR_OK;
}

int32_t tkr_ngram_structure(const tkr_ngram *ngram, int64_t *contexts, int64_t *pairs) {
    UNTRAPPED;
    if (!ngram || !contexts || !pairs) {
        return TKR_ERR_ARGUMENT;
    }
    if (!ngram->model.order) {
        return TKR_ERR_ORDER;
    }
    tkri_model_structure(&ngram->model, contexts, pairs);
    return TKR_OK;
}
