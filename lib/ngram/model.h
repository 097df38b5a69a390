/* SPDX-License-Identifier: MIT
 * An estimated model in its packed, immutable form: what is queried, saved and memory-mapped.
 *
 * Level l holds the n-grams of l + 1 ids as rows, in lexicographic order. Numbers have just the
 * bytes that they need, little-endian and unaligned, so the form is the same on every machine. The
 * first level has a row for every id (and for the mark of a beginning, id V); the others have their
 * ids in an array apart, which a search walks alone. The children of a row lie between its `begin`
 * and the next row's; its `suffix` is the row on the level below without the oldest id.
 *
 *     row = value ln p, value ln of the back-off weight, begin, suffix   (last level: ln p, suffix)
 *
 * ln p has its sign bit set, also for 0, unless the n-gram was never seen: then the row stands only
 * because a longer n-gram begins or ends with it, and the value is -ln p of what backing off
 * gives. */
#ifndef TKRI_NGRAM_MODEL_H
#define TKRI_NGRAM_MODEL_H

#include <math.h>
#include <string.h>

#include "ngram/trie.h"

/* How a row that is missing is answered. */
enum {
    TKRI_BACKS_OFF = 0,  /* back-off weight times the lower order */
    TKRI_TO_UNIFORM = 1, /* back-off weight times 1 / V */
    TKRI_NEVER = 2       /* probability 0; so is everything after a context that was not seen */
};

/* The n-grams of one length. */
typedef struct tkri_rows {
    const unsigned char *ids;  /* [len][id_bytes]; NULL on the first level */
    const unsigned char *rows; /* [len + 1][stride], [len][stride] on the last level */
    uint64_t len;
    uint64_t id_mask, begin_mask, suffix_mask;
    int32_t id_bytes, stride, begin_at, suffix_at; /* offsets in a row */
} tkri_rows;

typedef struct tkri_model {
    tkri_rows level[TKRI_MAX_ORDER];
    int64_t symbols;
    double uniform; /* ln(1 / V) */
    int32_t order;
    int32_t value_bytes; /* 8 double, 4 float */
    int32_t missing;     /* TKRI_BACKS_OFF .. */
    const unsigned char *block;
    uint64_t bytes;
    void *owned; /* the same block, if it is ours to release */
} tkri_model;

/* What decides the layout of a model. */
typedef struct tkri_model_shape {
    int64_t symbols;
    int32_t order, value_bytes, missing;
    uint64_t lens[TKRI_MAX_ORDER]; /* lens[0] = V + 1 */
} tkri_model_shape;

/* Compute all offsets for a block at `block` (NULL: measure). Returns its bytes, or UINT64_MAX. */
uint64_t tkri_model_lay_out(tkri_model *model, const tkri_model_shape *shape,
                            const unsigned char *block);

/* A model of zeros. Allocates. */
int32_t tkri_model_create(tkri_model *model, const tkri_env *env, const tkri_model_shape *shape);
void tkri_model_destroy(tkri_model *model, const tkri_env *env);

/* The same model with values of 4 bytes. Allocates. */
int32_t tkri_model_narrow(tkri_model *model, const tkri_env *env, const tkri_model *from);

/* Writing a model that was just created. */
void tkri_model_put_id(tkri_model *model, int level, uint64_t row, uint32_t id);
void tkri_model_put_begin(tkri_model *model, int level, uint64_t row, uint64_t begin);
void tkri_model_put_suffix(tkri_model *model, int level, uint64_t row, uint64_t suffix);
void tkri_model_put_logprob(tkri_model *model, int level, uint64_t row, double logprob, int seen);
void tkri_model_put_backoff(tkri_model *model, int level, uint64_t row, double log_weight);

/* Up to 8 bytes, of which those under the mask count. 8 bytes are always readable. */
static inline uint64_t tkri_load(const unsigned char *at, uint64_t mask) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t value;
    memcpy(&value, at, sizeof value);
#else
    uint64_t value = 0;
    for (int i = 0; i < 8; i++) {
        value |= (uint64_t)at[i] << (8 * i);
    }
#endif
    return value & mask;
}

static inline double tkri_load_value(const unsigned char *at, int32_t value_bytes) {
    uint64_t bits = tkri_load(at, value_bytes == 8 ? UINT64_MAX : UINT32_MAX);
    if (value_bytes == 8) {
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    uint32_t half = (uint32_t)bits;
    float value;
    memcpy(&value, &half, sizeof value);
    return value;
}

static inline const unsigned char *tkri_row(const tkri_rows *rows, uint64_t row) {
    return rows->rows + row * (uint64_t)rows->stride;
}

static inline double tkri_row_logprob(const tkri_model *model, int level, uint64_t row) {
    return -fabs(tkri_load_value(tkri_row(&model->level[level], row), model->value_bytes));
}

static inline int tkri_row_seen(const tkri_model *model, int level, uint64_t row) {
    return signbit(tkri_load_value(tkri_row(&model->level[level], row), model->value_bytes)) != 0;
}

/* Not on the last level. */
static inline double tkri_row_backoff(const tkri_model *model, int level, uint64_t row) {
    return tkri_load_value(tkri_row(&model->level[level], row) + model->value_bytes,
                           model->value_bytes);
}

/* Not on the first level. */
static inline uint32_t tkri_row_suffix(const tkri_model *model, int level, uint64_t row) {
    const tkri_rows *rows = &model->level[level];
    return (uint32_t)tkri_load(tkri_row(rows, row) + rows->suffix_at, rows->suffix_mask);
}

/* Not on the last level. */
static inline tkri_nodes tkri_row_children(const tkri_model *model, int level, uint64_t row) {
    const tkri_rows *rows = &model->level[level];
    const unsigned char *at = tkri_row(rows, row) + rows->begin_at;
    tkri_nodes children = {(uint32_t)tkri_load(at, rows->begin_mask),
                           (uint32_t)tkri_load(at + rows->stride, rows->begin_mask)};
    return children;
}

/* The last id of a row's n-gram. */
static inline uint32_t tkri_row_id(const tkri_model *model, int level, uint64_t row) {
    const tkri_rows *rows = &model->level[level];
    if (!rows->ids) {
        return (uint32_t)row;
    }
    return (uint32_t)tkri_load(rows->ids + row * (uint64_t)rows->id_bytes, rows->id_mask);
}

#endif
