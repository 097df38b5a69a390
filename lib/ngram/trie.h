/* SPDX-License-Identifier: MIT
 * Counted n-grams of all orders as one forward trie in flat arrays. Level l holds the n-grams of
 * l + 1 symbols in lexicographic order: a node is an index, its children are neighbours on the next
 * level. */
#ifndef TKRI_NGRAM_TRIE_H
#define TKRI_NGRAM_TRIE_H

#include "core/env.h"
#include "ngram/radix.h"

enum { TKRI_MAX_ORDER = 16 };

#define TKRI_NO_NODE UINT32_MAX

/* The n-grams of one length. */
typedef struct tkri_level {
    uint32_t *ids;    /* [len] last symbol, as an id (symbol - 1) */
    uint64_t *counts; /* [len] how often it was predicted; 0 for what is only a context */
    uint32_t *begin;  /* [len + 1] first child on the next level; NULL on the last level */
    uint64_t len;     /* below TKRI_NO_NODE */
} tkri_level;

/* Zeroed, it is the empty trie. */
typedef struct tkri_trie {
    tkri_level level[TKRI_MAX_ORDER];
    int32_t order;
    void *block;
    uint64_t bytes;
} tkri_trie;

/* A half-open range of nodes of one level. */
typedef struct tkri_nodes {
    uint32_t from, to;
} tkri_nodes;

/* An empty frame for levels of these lengths. Allocates. */
int32_t tkri_trie_create(tkri_trie *trie, const tkri_env *env, int32_t order, const uint64_t *lens);
void tkri_trie_destroy(tkri_trie *trie, const tkri_env *env);

/* Bytes of a trie's block for levels of these lengths. */
uint64_t tkri_trie_size(int32_t order, const uint64_t *lens);

/* Count every n-gram of a buffer. Allocates; takes 32 bytes a symbol for the time of the call. */
int32_t tkri_trie_build(tkri_trie *trie, const tkri_env *env, const tkri_symbols *symbols);

/* The trie of sorted and marked n-grams, with all their beginnings. Allocates. */
int32_t tkri_trie_assemble(tkri_trie *trie, const tkri_env *env, const tkri_gram *grams, uint64_t n,
                           const tkri_symbols *symbols);

/* The sum of two tries of the same order. Allocates. */
int32_t tkri_trie_merge(tkri_trie *sum, const tkri_env *env, const tkri_trie *a,
                        const tkri_trie *b);

/* Find `id` among sorted nodes of a level. Returns TKRI_NO_NODE if it is not there. */
uint32_t tkri_level_find(const tkri_level *level, tkri_nodes among, uint32_t id);

/* Nodes of level + 1 that continue `node` of `level`. */
static inline tkri_nodes tkri_trie_children(const tkri_trie *trie, int level, uint32_t node) {
    const uint32_t *begin = trie->level[level].begin;
    tkri_nodes children = {begin[node], begin[node + 1]};
    return children;
}

/* All nodes of the first level. */
static inline tkri_nodes tkri_trie_roots(const tkri_trie *trie) {
    tkri_nodes roots = {0, (uint32_t)trie->level[0].len};
    return roots;
}

#endif
