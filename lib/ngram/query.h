/* SPDX-License-Identifier: MIT
 * Asking a packed model: the probability of the next id after a carried state. */
#ifndef TKRI_NGRAM_QUERY_H
#define TKRI_NGRAM_QUERY_H

#include "ngram/model.h"

/* What is carried from id to id: the longest n-gram of the model that the history ends with. */
typedef struct tkri_place {
    uint32_t row;   /* on level `len` - 1; unused if len is 0 */
    uint16_t len;   /* 0 .. order - 1 */
    uint16_t given; /* ids of history, at most order - 1: len < given after an unseen context */
} tkri_place;

/* Whether a place is one of this model: a row that exists, a length that the order allows. */
static inline int tkri_model_has(const tkri_model *model, const tkri_place *place) {
    return place->len <= place->given && place->given < model->order &&
           (place->len == 0 || place->row < model->level[place->len - 1].len);
}

/* ln p(id | place), and the place moves behind `id`, which must be in [0, V). */
double tkri_model_step(const tkri_model *model, tkri_place *place, uint32_t id);

/* How many ids, 1 .. order, the longest n-gram has that has a probability of its own and that the
 * place's history and `id` end with. */
int32_t tkri_model_match(const tkri_model *model, const tkri_place *place, uint32_t id);

/* Move behind `id`, which may also be the mark of a beginning, V: then nothing before it counts. */
void tkri_model_move(const tkri_model *model, tkri_place *place, uint32_t id);

/* ln p of every id. `logprobs` is [V]. */
void tkri_model_distribution(const tkri_model *model, const tkri_place *place, float *logprobs);

/* N-grams of a level that have a probability of their own; on the first one all ids have. */
int64_t tkri_model_len(const tkri_model *model, int level);

/* Contexts of order - 1 ids that something follows, and n-grams of the full order. */
void tkri_model_structure(const tkri_model *model, int64_t *contexts, int64_t *pairs);

#endif
