/* SPDX-License-Identifier: MIT
 * Judging models and counts of unknown origin. */
#include <string.h>

#include "core/arena.h"
#include "ngram/file.h"

/* `begin` of a level's rows runs from 0 to the length of the next level without going back. */
static int begins_rise(const tkri_model *model, int l) {
    const tkri_rows *rows = &model->level[l];
    uint64_t before = 0, first = 1;
    for (uint64_t row = 0; row <= rows->len; row++) {
        uint64_t begin = tkri_load(tkri_row(rows, row) + rows->begin_at, rows->begin_mask);
        if (begin < before || (first && begin)) {
            return 0;
        }
        before = begin;
        first = 0;
    }
    return before == model->level[l + 1].len;
}

/* The ids of each row's children rise, and are ids. */
static int ids_rise(const tkri_model *model, int l) {
    for (uint64_t row = 0; row < model->level[l].len; row++) {
        tkri_nodes children = tkri_row_children(model, l, row);
        int64_t before = -1;
        for (uint32_t i = children.from; i < children.to; i++) {
            int64_t id = tkri_row_id(model, l + 1, i);
            if (id <= before || id >= model->symbols) {
                return 0;
            }
            before = id;
        }
    }
    return 1;
}

/* Every suffix is a row of the level below and ends with the same id. */
static int suffixes_exist(const tkri_model *model, int l) {
    for (uint64_t row = 0; row < model->level[l].len; row++) {
        uint32_t suffix = tkri_row_suffix(model, l, row);
        if (suffix >= model->level[l - 1].len ||
            tkri_row_id(model, l - 1, suffix) != tkri_row_id(model, l, row)) {
            return 0;
        }
    }
    return 1;
}

/* ln p is at most 0 and no NaN by its form unless it is NaN itself; a weight is below +inf. */
static int values_are_numbers(const tkri_model *model, int l) {
    int last = l + 1 == model->order;
    for (uint64_t row = 0; row < model->level[l].len; row++) {
        if (isnan(tkri_row_logprob(model, l, row)) ||
            (!last && !(tkri_row_backoff(model, l, row) < INFINITY))) {
            return 0;
        }
    }
    return 1;
}

int32_t tkri_model_check(const tkri_model *model, tkri_detail *detail) {
    for (int l = 0; l < model->order; l++) {
        int last = l + 1 == model->order;
        REQUIRE((last || begins_rise(model, l)) && (last || ids_rise(model, l)) &&
                    (!l || suffixes_exist(model, l)) && values_are_numbers(model, l),
                detail, TKR_ERR_FORMAT, "the model's n-grams of %d ids are damaged", l + 1);
    }
    return TKR_OK;
}

static int trie_begins_rise(const tkri_trie *trie, int l) {
    const uint32_t *begin = trie->level[l].begin;
    uint64_t len = trie->level[l].len;
    for (uint64_t i = 0; i < len; i++) {
        if (begin[i] > begin[i + 1]) {
            return 0;
        }
    }
    return begin[0] == 0 && begin[len] == trie->level[l + 1].len;
}

static int trie_ids_rise(const tkri_level *level, tkri_nodes among, int64_t symbols) {
    int64_t before = -1;
    for (uint32_t i = among.from; i < among.to; i++) {
        if ((int64_t)level->ids[i] <= before || level->ids[i] >= symbols) {
            return 0;
        }
        before = level->ids[i];
    }
    return 1;
}

/* Sums of counts must not wrap. */
static int counts_fit(const tkri_level *level) {
    uint64_t sum = 0;
    for (uint64_t i = 0; i < level->len; i++) {
        sum = tkri_add(sum, level->counts[i]);
    }
    return sum <= (uint64_t)INT64_MAX;
}

static int trie_is_sorted(const tkri_trie *trie, int64_t symbols) {
    /* The mark of a beginning, id V, may only be the first of an n-gram, and is no event. */
    tkri_nodes roots = tkri_trie_roots(trie);
    if (roots.to && trie->level[0].ids[roots.to - 1] == (uint64_t)symbols) {
        roots.to--;
        if (trie->level[0].counts[roots.to]) {
            return 0;
        }
    }
    if (!trie_ids_rise(&trie->level[0], roots, symbols) || !counts_fit(&trie->level[0])) {
        return 0;
    }
    for (int l = 0; l + 1 < trie->order; l++) {
        if (!trie_begins_rise(trie, l) || !counts_fit(&trie->level[l + 1])) {
            return 0;
        }
        for (uint64_t i = 0; i < trie->level[l].len; i++) {
            if (!trie_ids_rise(&trie->level[l + 1], tkri_trie_children(trie, l, (uint32_t)i),
                               symbols)) {
                return 0;
            }
        }
    }
    return 1;
}

int32_t tkri_trie_check(const tkri_trie *trie, const tkri_env *env, int64_t symbols,
                        tkri_detail *detail) {
    uint32_t *suffix[TKRI_MAX_ORDER] = {NULL};
    tkri_arena measure = {0};
    REQUIRE(trie_is_sorted(trie, symbols), detail, TKR_ERR_FORMAT, "the counts are damaged");
    for (int l = 1; l < trie->order; l++) {
        TKRI_TAKE(&measure, suffix[l], trie->level[l].len);
    }
    tkri_arena arena = {.base = tkri_allocate(env, measure.used)};
    REQUIRE(arena.base, detail, TKR_ERR_MEMORY, "no memory to check %llu bytes of links",
            (unsigned long long)measure.used);
    for (int l = 1; l < trie->order; l++) {
        TKRI_TAKE(&arena, suffix[l], trie->level[l].len);
    }
    int32_t status = tkri_trie_link(trie, suffix);
    tkri_release(env, arena.base, measure.used);
    REQUIRE(status == TKR_OK, detail, status,
            "the counts lack an n-gram that a longer one ends with");
    return TKR_OK;
}
