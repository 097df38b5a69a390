/* SPDX-License-Identifier: MIT
 * Suffix links of a trie, and what is counted along them. */
#include <string.h>

#include "ngram/estimate.h"

/* Find `id` at or after among.from, in steps that double: children are asked for in order. */
static uint32_t gallop(const tkri_level *level, tkri_nodes among, uint32_t id) {
    uint32_t step = 1;
    while (step < among.to - among.from && level->ids[among.from + step] <= id) {
        among.from += step;
        step *= 2;
    }
    if (step < among.to - among.from) {
        among.to = among.from + step;
    }
    return tkri_level_find(level, among, id);
}

/* Link the children of one context to those of its suffix. */
static int link_children(uint32_t *suffix, const tkri_level *level, tkri_nodes children,
                         const tkri_level *below, tkri_nodes among) {
    for (uint32_t i = children.from; i < children.to; i++) {
        suffix[i] = gallop(below, among, level->ids[i]);
        if (suffix[i] == TKRI_NO_NODE) {
            return 0;
        }
        among.from = suffix[i];
    }
    return 1;
}

int32_t tkri_trie_link(const tkri_trie *trie, uint32_t *const *suffix) {
    for (int l = 1; l < trie->order; l++) {
        for (uint64_t i = 0; i < trie->level[l - 1].len; i++) {
            tkri_nodes among =
                l == 1 ? tkri_trie_roots(trie) : tkri_trie_children(trie, l - 2, suffix[l - 1][i]);
            if (!link_children(suffix[l], &trie->level[l],
                               tkri_trie_children(trie, l - 1, (uint32_t)i), &trie->level[l - 1],
                               among)) {
                return TKR_ERR_FORMAT;
            }
        }
    }
    return TKR_OK;
}

/* The n-grams of `level` that begin with `mark` are neighbours: their range. */
static tkri_nodes beginning_with(const tkri_trie *trie, int level, uint32_t mark) {
    tkri_nodes range = {0, 0};
    uint32_t root = tkri_level_find(&trie->level[0], tkri_trie_roots(trie), mark);
    if (root != TKRI_NO_NODE) {
        range = (tkri_nodes){root, root + 1};
        for (int l = 0; l < level; l++) {
            range.from = trie->level[l].begin[range.from];
            range.to = trie->level[l].begin[range.to];
        }
    }
    return range;
}

/* Different predecessors of every n-gram of `level`; a beginning without any is one more. */
static void count_predecessors(uint64_t *count, uint64_t *sum, const tkri_level *level,
                               const tkri_level *longer, const uint32_t *suffix) {
    memset(count, 0, (size_t)level->len * sizeof *count);
    memset(sum, 0, (size_t)level->len * sizeof *sum);
    for (uint64_t i = 0; i < longer->len; i++) {
        count[suffix[i]] += longer->counts[i] > 0;
        sum[suffix[i]] += longer->counts[i];
    }
    for (uint64_t i = 0; i < level->len; i++) {
        count[i] += level->counts[i] > sum[i];
    }
}

void tkri_trie_adjust(const tkri_trie *trie, uint32_t *const *suffix, uint32_t begin,
                      uint64_t *const *adjusted, uint64_t *scratch) {
    for (int l = 0; l + 1 < trie->order; l++) {
        const tkri_level *level = &trie->level[l];
        count_predecessors(adjusted[l], scratch, level, &trie->level[l + 1], suffix[l + 1]);
        tkri_nodes raw = beginning_with(trie, l, begin);
        for (uint32_t i = raw.from; i < raw.to; i++) {
            adjusted[l][i] = level->counts[i];
        }
    }
}
