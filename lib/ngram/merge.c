/* SPDX-License-Identifier: MIT
 * The sum of two tries. Level by level, the children of every merged node are zipped together; what
 * came from where is noted first, so that the sum can be allocated to the byte. */
#include <string.h>

#include "core/arena.h"
#include "ngram/trie.h"

/* Where a node of the sum comes from; TKRI_NO_NODE for "not from there". */
typedef struct origin {
    uint32_t a, b;
} origin;

/* The plan of one level of the sum. */
typedef struct plan {
    origin *origins; /* [len] */
    uint32_t *begin; /* [len + 1] */
    uint64_t len;
} plan;

/* Zip two sorted lists of nodes. Returns how many nodes came out. */
static uint64_t zip(origin *out, const tkri_level *a, tkri_nodes in_a, const tkri_level *b,
                    tkri_nodes in_b) {
    uint64_t n = 0;
    while (in_a.from < in_a.to || in_b.from < in_b.to) {
        int take_a =
            in_b.from == in_b.to || (in_a.from < in_a.to && a->ids[in_a.from] <= b->ids[in_b.from]);
        int take_b =
            in_a.from == in_a.to || (in_b.from < in_b.to && b->ids[in_b.from] <= a->ids[in_a.from]);
        out[n].a = take_a ? in_a.from++ : TKRI_NO_NODE;
        out[n].b = take_b ? in_b.from++ : TKRI_NO_NODE;
        n++;
    }
    return n;
}

static tkri_nodes children_of(const tkri_trie *trie, int level, uint32_t node) {
    tkri_nodes none = {0, 0};
    return node == TKRI_NO_NODE ? none : tkri_trie_children(trie, level, node);
}

static void plan_levels(plan *plans, const tkri_trie *a, const tkri_trie *b) {
    plans[0].len =
        zip(plans[0].origins, &a->level[0], tkri_trie_roots(a), &b->level[0], tkri_trie_roots(b));
    for (int l = 0; l + 1 < a->order; l++) {
        const plan *parent = &plans[l];
        plan *child = &plans[l + 1];
        child->len = 0;
        for (uint64_t i = 0; i < parent->len; i++) {
            parent->begin[i] = (uint32_t)child->len;
            child->len += zip(child->origins + child->len, &a->level[l + 1],
                              children_of(a, l, parent->origins[i].a), &b->level[l + 1],
                              children_of(b, l, parent->origins[i].b));
        }
        parent->begin[parent->len] = (uint32_t)child->len;
    }
}

static void lay_out_plans(plan *plans, tkri_arena *arena, const tkri_trie *a, const tkri_trie *b) {
    for (int l = 0; l < a->order; l++) {
        uint64_t most = a->level[l].len + b->level[l].len;
        TKRI_TAKE(arena, plans[l].origins, most);
        TKRI_TAKE(arena, plans[l].begin, most + 1);
    }
}

static void fill_level(tkri_level *to, const plan *from, const tkri_level *a, const tkri_level *b) {
    for (uint64_t i = 0; i < from->len; i++) {
        origin o = from->origins[i];
        to->ids[i] = o.a == TKRI_NO_NODE ? b->ids[o.b] : a->ids[o.a];
        to->counts[i] =
            (o.a == TKRI_NO_NODE ? 0 : a->counts[o.a]) + (o.b == TKRI_NO_NODE ? 0 : b->counts[o.b]);
    }
    if (to->begin) {
        memcpy(to->begin, from->begin, (size_t)(from->len + 1) * sizeof *to->begin);
    }
}

/* The plans hold 32-bit node numbers, so even a sum without a common n-gram has to fit in them. */
static int too_many(const tkri_trie *a, const tkri_trie *b) {
    for (int l = 0; l < a->order; l++) {
        if (a->level[l].len + b->level[l].len >= TKRI_NO_NODE) {
            return 1;
        }
    }
    return 0;
}

int32_t tkri_trie_merge(tkri_trie *sum, const tkri_env *env, const tkri_trie *a,
                        const tkri_trie *b) {
    plan plans[TKRI_MAX_ORDER];
    uint64_t lens[TKRI_MAX_ORDER];
    tkri_arena measure = {0};
    memset(sum, 0, sizeof *sum);
    if (too_many(a, b)) {
        return TKR_ERR_MEMORY;
    }
    lay_out_plans(plans, &measure, a, b);
    tkri_arena arena = {.base = tkri_allocate(env, measure.used)};
    if (!arena.base) {
        return TKR_ERR_MEMORY;
    }
    lay_out_plans(plans, &arena, a, b);
    plan_levels(plans, a, b);
    for (int l = 0; l < a->order; l++) {
        lens[l] = plans[l].len;
    }
    int32_t status = tkri_trie_create(sum, env, a->order, lens);
    for (int l = 0; status == TKR_OK && l < a->order; l++) {
        fill_level(&sum->level[l], &plans[l], &a->level[l], &b->level[l]);
    }
    tkri_release(env, arena.base, measure.used);
    return status;
}
