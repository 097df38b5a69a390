/* SPDX-License-Identifier: MIT */
#include "ngram/query.h"

/* Binary search without a branch in its loop; TKRI_NO_NODE if `id` is not there. */
static uint32_t find(const tkri_rows *rows, tkri_nodes among, uint32_t id) {
    const unsigned char *ids = rows->ids;
    uint64_t width = (uint64_t)rows->id_bytes;
    uint32_t low = among.from, n = among.to - among.from;
    while (n > 1) {
        uint32_t half = n / 2;
        uint32_t middle = low + half;
        low = (uint32_t)tkri_load(ids + middle * width, rows->id_mask) <= id ? middle : low;
        n -= half;
    }
    return n && (uint32_t)tkri_load(ids + low * width, rows->id_mask) == id ? low : TKRI_NO_NODE;
}

#if defined(__GNUC__)
#define PREFETCH(address) __builtin_prefetch(address)
#else
#define PREFETCH(address) ((void)(address))
#endif

/* Call for what the next step will read: what follows the n-gram, and its suffix. */
static void foresee(const tkri_model *model, int len, uint32_t row) {
    const tkri_rows *next = &model->level[len];
    uint64_t first = tkri_row_children(model, len - 1, row).from;
    PREFETCH(next->ids + first * (uint64_t)next->id_bytes);
    PREFETCH(tkri_row(next, first));
    if (len > 1) {
        PREFETCH(tkri_row(&model->level[len - 2], tkri_row_suffix(model, len - 1, row)));
    }
}

/* Behind the n-gram `row` of `len` ids. */
static void settle(const tkri_model *model, tkri_place *place, int len, uint32_t row) {
    int most = model->order - 1;
    if (len > most) {
        row = len > 1 ? tkri_row_suffix(model, len - 1, row) : 0;
        len = most;
    }
    place->row = row;
    place->len = (uint16_t)len;
    place->given = (uint16_t)(place->given < most ? place->given + 1 : most);
    if (len > 0) {
        foresee(model, len, row);
    }
}

/* What an unseen context gets where the rule is not to back off; else NaN. */
static double unseen_context(const tkri_model *model, const tkri_place *place) {
    if (model->missing == TKRI_BACKS_OFF || place->len == place->given) {
        return NAN;
    }
    return model->missing == TKRI_NEVER ? -INFINITY : model->uniform;
}

double tkri_model_step(const tkri_model *model, tkri_place *place, uint32_t id) {
    double answer = unseen_context(model, place);
    double sum = 0;
    uint32_t at = place->row;
    for (int len = place->len; len > 0; len--) {
        uint32_t row = find(&model->level[len], tkri_row_children(model, len - 1, at), id);
        if (row != TKRI_NO_NODE) {
            settle(model, place, len + 1, row);
            return isnan(answer) ? sum + tkri_row_logprob(model, len, row) : answer;
        }
        sum += tkri_row_backoff(model, len - 1, at);
        if (model->missing == TKRI_TO_UNIFORM && isnan(answer)) {
            answer = sum + model->uniform;
        }
        at = len > 1 ? tkri_row_suffix(model, len - 1, at) : 0;
    }
    settle(model, place, 1, id);
    return isnan(answer) ? sum + tkri_row_logprob(model, 0, id) : answer;
}

int32_t tkri_model_match(const tkri_model *model, const tkri_place *place, uint32_t id) {
    uint32_t at = place->row;
    for (int len = place->len; len > 0; len--) {
        uint32_t row = find(&model->level[len], tkri_row_children(model, len - 1, at), id);
        if (row != TKRI_NO_NODE && tkri_row_seen(model, len, row)) {
            return len + 1;
        }
        at = len > 1 ? tkri_row_suffix(model, len - 1, at) : 0;
    }
    return 1;
}

void tkri_model_move(const tkri_model *model, tkri_place *place, uint32_t id) {
    if (id == (uint64_t)model->symbols) {
        *place = (tkri_place){0, 0, 0};
    }
    (void)tkri_model_step(model, place, id);
}

static void fill(float *logprobs, int64_t n, double value) {
    for (int64_t i = 0; i < n; i++) {
        logprobs[i] = (float)value;
    }
}

/* Where nothing backs off: the children of the place's context, and one value for all other ids. */
static void fill_alone(const tkri_model *model, const tkri_place *place, float *logprobs) {
    double unseen = unseen_context(model, place);
    if (!isnan(unseen) || place->len == 0) {
        fill(logprobs, model->symbols, unseen);
        return;
    }
    int level = place->len - 1;
    fill(logprobs, model->symbols, tkri_row_backoff(model, level, place->row) + model->uniform);
    tkri_nodes children = tkri_row_children(model, level, place->row);
    for (uint32_t row = children.from; row < children.to; row++) {
        logprobs[tkri_row_id(model, level + 1, row)] =
            (float)tkri_row_logprob(model, level + 1, row);
    }
}

/* The contexts of a place from the longest to the empty one: their rows, and ln of the weight with
 * which their own probabilities enter. */
static void chain(const tkri_model *model, const tkri_place *place, double *weight,
                  uint32_t *rows) {
    rows[place->len] = place->row;
    weight[place->len] = 0;
    for (int len = place->len; len > 0; len--) {
        weight[len - 1] = weight[len] + tkri_row_backoff(model, len - 1, rows[len]);
        rows[len - 1] = len > 1 ? tkri_row_suffix(model, len - 1, rows[len]) : 0;
    }
}

void tkri_model_distribution(const tkri_model *model, const tkri_place *place, float *logprobs) {
    double weight[TKRI_MAX_ORDER];
    uint32_t rows[TKRI_MAX_ORDER];
    if (model->missing != TKRI_BACKS_OFF && place->given > 0) {
        fill_alone(model, place, logprobs);
        return;
    }
    chain(model, place, weight, rows);
    for (int64_t id = 0; id < model->symbols; id++) {
        logprobs[id] = (float)(weight[0] + tkri_row_logprob(model, 0, (uint64_t)id));
    }
    for (int len = 1; len <= place->len; len++) {
        tkri_nodes children = tkri_row_children(model, len - 1, rows[len]);
        for (uint32_t row = children.from; row < children.to; row++) {
            logprobs[tkri_row_id(model, len, row)] =
                (float)(weight[len] + tkri_row_logprob(model, len, row));
        }
    }
}

int64_t tkri_model_len(const tkri_model *model, int level) {
    int64_t n = 0;
    if (level == 0) {
        return model->symbols;
    }
    for (uint64_t row = 0; row < model->level[level].len; row++) {
        n += tkri_row_seen(model, level, row);
    }
    return n;
}

void tkri_model_structure(const tkri_model *model, int64_t *contexts, int64_t *pairs) {
    int last = model->order - 1;
    *pairs = 0;
    for (uint64_t row = 0; row < model->level[last].len; row++) {
        *pairs += tkri_row_seen(model, last, row) &&
                  (last > 0 || tkri_row_logprob(model, 0, row) > -INFINITY);
    }
    *contexts = last == 0 ? *pairs > 0 : 0;
    for (uint64_t row = 0; last > 0 && row < model->level[last - 1].len; row++) {
        tkri_nodes children = tkri_row_children(model, last - 1, row);
        *contexts += children.to > children.from;
    }
}
