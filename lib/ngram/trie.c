/* SPDX-License-Identifier: MIT */
#include "ngram/trie.h"

#include <string.h>

#include "core/arena.h"

/* Measures when the arena has no base, places when it has. */
static void lay_out(tkri_trie *trie, tkri_arena *arena, const uint64_t *lens) {
    for (int l = 0; l < trie->order; l++) {
        tkri_level *level = &trie->level[l];
        level->len = lens[l];
        TKRI_TAKE(arena, level->counts, lens[l]);
        TKRI_TAKE(arena, level->ids, lens[l]);
        if (l + 1 < trie->order) {
            TKRI_TAKE(arena, level->begin, tkri_add(lens[l], 1));
        }
    }
}

uint64_t tkri_trie_size(int32_t order, const uint64_t *lens) {
    tkri_trie measured = {.order = order};
    tkri_arena arena = {0};
    lay_out(&measured, &arena, lens);
    return arena.used;
}

int32_t tkri_trie_create(tkri_trie *trie, const tkri_env *env, int32_t order,
                         const uint64_t *lens) {
    memset(trie, 0, sizeof *trie);
    for (int l = 0; l < order; l++) {
        if (lens[l] >= TKRI_NO_NODE) {
            return TKR_ERR_MEMORY;
        }
    }
    uint64_t bytes = tkri_trie_size(order, lens);
    void *block = tkri_allocate(env, bytes);
    if (!block) {
        return TKR_ERR_MEMORY;
    }
    tkri_arena arena = {.base = block};
    trie->order = order;
    trie->block = block;
    trie->bytes = bytes;
    lay_out(trie, &arena, lens);
    return TKR_OK;
}

void tkri_trie_destroy(tkri_trie *trie, const tkri_env *env) {
    tkri_release(env, trie->block, trie->bytes);
    memset(trie, 0, sizeof *trie);
}

uint32_t tkri_level_find(const tkri_level *level, tkri_nodes among, uint32_t id) {
    uint32_t low = among.from, n = among.to - among.from;
    while (n > 1) {
        uint32_t half = n / 2;
        low = level->ids[low + half] <= id ? low + half : low;
        n -= half;
    }
    return n && level->ids[low] == id ? low : TKRI_NO_NODE;
}

/* How many nodes each level will have: an n-gram is new from where it parts from the one before. */
static void count_nodes(uint64_t *lens, const tkri_gram *grams, uint64_t n) {
    memset(lens, 0, TKRI_MAX_ORDER * sizeof *lens);
    for (uint64_t i = 0; i < n; i++) {
        for (int l = tkri_gram_shared(&grams[i]); l < tkri_gram_len(&grams[i]); l++) {
            lens[l]++;
        }
    }
}

static void fill_nodes(tkri_trie *trie, const tkri_gram *grams, uint64_t n,
                       const tkri_symbols *symbols) {
    uint64_t next[TKRI_MAX_ORDER + 1] = {0};
    for (uint64_t i = 0; i < n; i++) {
        int len = tkri_gram_len(&grams[i]);
        for (int l = tkri_gram_shared(&grams[i]); l < len; l++) {
            tkri_level *level = &trie->level[l];
            level->ids[next[l]] = symbols->at[grams[i].at + (uint32_t)l] - 1;
            if (level->begin) {
                level->begin[next[l]] = (uint32_t)next[l + 1];
            }
            next[l]++;
        }
        for (int l = 0; l < len; l++) {
            trie->level[l].counts[next[l] - 1]++;
        }
    }
    for (int l = 0; l + 1 < trie->order; l++) {
        trie->level[l].begin[next[l]] = (uint32_t)next[l + 1];
    }
}

int32_t tkri_trie_assemble(tkri_trie *trie, const tkri_env *env, const tkri_gram *grams, uint64_t n,
                           const tkri_symbols *symbols) {
    uint64_t lens[TKRI_MAX_ORDER];
    count_nodes(lens, grams, n);
    TRY(tkri_trie_create(trie, env, symbols->order, lens));
    fill_nodes(trie, grams, n, symbols);
    return TKR_OK;
}

int32_t tkri_trie_build(tkri_trie *trie, const tkri_env *env, const tkri_symbols *symbols) {
    uint64_t bytes = tkri_mul(symbols->len, 2 * sizeof(tkri_gram));
    tkri_gram *grams = tkri_allocate(env, bytes);
    if (!grams) {
        return TKR_ERR_MEMORY;
    }
    uint64_t n = tkri_gram_list(grams, symbols);
    tkri_gram *sorted = tkri_gram_sort(grams, grams + symbols->len, n, symbols);
    tkri_gram_mark(sorted, n, symbols);
    int32_t status = tkri_trie_assemble(trie, env, sorted, n, symbols);
    tkri_release(env, grams, bytes);
    return status;
}
