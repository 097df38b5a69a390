/* SPDX-License-Identifier: MIT */
#include "ngram/estimate.h"

#include "core/arena.h"

/* Everything that an estimation works with, in one block. */
typedef struct work {
    const tkri_trie *trie;
    const tkri_smoothing *smoothing;
    const uint64_t *counts[TKRI_MAX_ORDER]; /* what is smoothed: raw or adjusted */
    uint64_t *adjusted[TKRI_MAX_ORDER];     /* NULL where the raw counts are used */
    uint32_t *suffix[TKRI_MAX_ORDER];
    uint32_t *row[TKRI_MAX_ORDER]; /* row of a node in the model; TKRI_NO_NODE for a pruned one */
    uint64_t kept[TKRI_MAX_ORDER]; /* rows of each level */
    double *below, *own;           /* p of the nodes of the level below, and of this one */
    uint64_t *scratch;             /* shares the place of `own` */
    tkri_discounts discounts;
} work;

static int uses_adjusted(const tkri_smoothing *smoothing) {
    return smoothing->kind == TKR_KNESER_NEY || smoothing->kind == TKR_MODIFIED_KNESER_NEY;
}

/* Without a prior for the lower order, what is dropped must be dropped before it is divided by. */
static int drops_first(const tkri_smoothing *smoothing) {
    return smoothing->kind == TKR_MAXIMUM_LIKELIHOOD || smoothing->kind == TKR_ADD_K;
}

static int prunes(const tkri_smoothing *smoothing, int level) {
    return smoothing->prune[level] > 0;
}

static uint64_t longest_level(const tkri_trie *trie) {
    uint64_t longest = 0;
    for (int l = 0; l < trie->order; l++) {
        longest = trie->level[l].len > longest ? trie->level[l].len : longest;
    }
    return longest;
}

static void lay_out(work *w, tkri_arena *arena) {
    const tkri_trie *trie = w->trie;
    for (int l = 0; l < trie->order; l++) {
        uint64_t len = trie->level[l].len;
        TKRI_TAKE(arena, w->row[l], len);
        if (l > 0) {
            TKRI_TAKE(arena, w->suffix[l], len);
        }
        int own = (uses_adjusted(w->smoothing) && l + 1 < trie->order) ||
                  (drops_first(w->smoothing) && prunes(w->smoothing, l));
        if (own) {
            TKRI_TAKE(arena, w->adjusted[l], len);
        }
    }
    TKRI_TAKE(arena, w->below, longest_level(trie));
    TKRI_TAKE(arena, w->own, longest_level(trie));
    w->scratch = (void *)w->own;
}

/* An n-gram seen too seldom stays only if a longer one that stays begins or ends with it. */
static void mark_kept(work *w) {
    const tkri_trie *trie = w->trie;
    for (int l = 0; l < trie->order; l++) {
        for (uint64_t i = 0; i < trie->level[l].len; i++) {
            int keep = l == 0 || trie->level[l].counts[i] > w->smoothing->prune[l] ||
                       !prunes(w->smoothing, l);
            w->row[l][i] = keep ? 0 : TKRI_NO_NODE;
        }
    }
    for (int l = trie->order - 1; l > 0; l--) {
        for (uint64_t h = 0; h < trie->level[l - 1].len; h++) {
            tkri_nodes children = tkri_trie_children(trie, l - 1, (uint32_t)h);
            for (uint32_t i = children.from; i < children.to; i++) {
                if (w->row[l][i] != TKRI_NO_NODE) {
                    w->row[l - 1][h] = 0;
                    w->row[l - 1][w->suffix[l][i]] = 0;
                }
            }
        }
    }
}

/* Number the rows; on the first level they are the ids. */
static void number_rows(work *w) {
    const tkri_trie *trie = w->trie;
    for (uint64_t i = 0; i < trie->level[0].len; i++) {
        w->row[0][i] = trie->level[0].ids[i];
    }
    w->kept[0] = (uint64_t)w->smoothing->symbols + 1;
    for (int l = 1; l < trie->order; l++) {
        w->kept[l] = 0;
        for (uint64_t i = 0; i < trie->level[l].len; i++) {
            if (w->row[l][i] != TKRI_NO_NODE) {
                w->row[l][i] = (uint32_t)w->kept[l]++;
            }
        }
    }
}

/* Choose what is smoothed on each level. */
static void choose_counts(work *w) {
    const tkri_trie *trie = w->trie;
    if (uses_adjusted(w->smoothing)) {
        tkri_trie_adjust(trie, w->suffix, (uint32_t)w->smoothing->symbols, w->adjusted, w->scratch);
    }
    for (int l = 0; l < trie->order; l++) {
        const uint64_t *raw = trie->level[l].counts;
        w->counts[l] = w->adjusted[l] ? w->adjusted[l] : raw;
        if (w->adjusted[l] && drops_first(w->smoothing)) {
            for (uint64_t i = 0; i < trie->level[l].len; i++) {
                w->adjusted[l][i] = w->row[l][i] == TKRI_NO_NODE ? 0 : raw[i];
            }
        }
    }
}

/* The lower order's probability of child i of a context. */
static double lower(const work *w, int level, uint32_t i) {
    int uniform = level == 0 || w->smoothing->kind == TKR_ADD_K;
    return uniform ? 1 / (double)w->smoothing->symbols : w->below[w->suffix[level][i]];
}

/* The back-off weight of a context, when what was seen does not mix with the lower order: the mass
 * left is divided among the ids that were not seen. */
static double katz_weight(const work *w, int level, tkri_nodes children, double left) {
    const uint64_t *counts = w->counts[level];
    double uncovered = 1, total = 0;
    int64_t seen = 0;
    for (uint32_t i = children.from; i < children.to; i++) {
        if (counts[i] && w->row[level][i] != TKRI_NO_NODE) {
            uncovered -= lower(w, level, i);
            total += (double)counts[i];
            seen++;
        }
    }
    double scale = 1;
    if (seen == w->smoothing->symbols || !(uncovered > 0)) {
        scale = 1 / (1 - left);
        left = 0;
    } else if (total > 0 && !(left > 0)) {
        scale = total / (total + 1);
        left = 1 / (total + 1);
    }
    for (uint32_t i = children.from; i < children.to && scale != 1; i++) {
        w->own[i] *= scale;
    }
    return left > 0 ? left / uncovered : 0;
}

/* p of every child of a context into `own`; returns the context's back-off weight. */
static double smooth_context(const work *w, int level, tkri_nodes children) {
    const uint64_t *counts = w->counts[level] + children.from;
    int katz = w->smoothing->kind == TKR_KATZ;
    double left = tkri_smooth_split(w->smoothing, w->discounts.off[level], counts,
                                    children.to - children.from, w->own + children.from);
    for (uint32_t i = children.from; i < children.to; i++) {
        if (w->row[level][i] == TKRI_NO_NODE) {
            left += w->own[i];
            w->own[i] = 0;
        }
    }
    double weight = katz ? katz_weight(w, level, children, left) : left;
    for (uint32_t i = children.from; i < children.to; i++) {
        int seen = w->counts[level][i] && w->row[level][i] != TKRI_NO_NODE;
        if (!katz || !seen) {
            w->own[i] += weight * lower(w, level, i);
        }
    }
    return weight;
}

static void write_children(const work *w, tkri_model *model, int level, tkri_nodes children) {
    for (uint32_t i = children.from; i < children.to; i++) {
        uint32_t row = w->row[level][i];
        if (row == TKRI_NO_NODE) {
            continue;
        }
        int seen = level == 0 || w->trie->level[level].counts[i] > 0;
        tkri_model_put_logprob(model, level, row, log(w->own[i]), seen);
        if (level > 0) {
            tkri_model_put_id(model, level, row, w->trie->level[level].ids[i]);
            tkri_model_put_suffix(model, level, row, w->row[level - 1][w->suffix[level][i]]);
        }
    }
}

static void swap_levels(work *w) {
    double *above = w->below;
    w->below = w->own;
    w->own = above;
}

/* The dense first level: ids that were never counted get their share of the uniform. */
static void estimate_first(work *w, tkri_model *model) {
    tkri_nodes roots = tkri_trie_roots(w->trie);
    double unseen = log(smooth_context(w, 0, roots) / (double)w->smoothing->symbols);
    double weight = w->smoothing->kind == TKR_MAXIMUM_LIKELIHOOD ? -INFINITY : 0;
    for (uint64_t id = 0; id < w->kept[0]; id++) {
        tkri_model_put_logprob(model, 0, id, unseen, 1);
        if (w->trie->order > 1) {
            tkri_model_put_backoff(model, 0, id, weight);
        }
    }
    write_children(w, model, 0, roots);
    tkri_model_put_logprob(model, 0, w->kept[0] - 1, -INFINITY, 0);
    swap_levels(w);
}

/* Level `l`, context by context; each context's row learns where its children begin. */
static void estimate_level(work *w, tkri_model *model, int l) {
    uint64_t filled = 0, begin = 0;
    for (uint64_t h = 0; h < w->trie->level[l - 1].len; h++) {
        tkri_nodes children = tkri_trie_children(w->trie, l - 1, (uint32_t)h);
        double weight = smooth_context(w, l, children);
        uint32_t row = w->row[l - 1][h];
        if (row == TKRI_NO_NODE) {
            continue;
        }
        while (filled <= row) {
            tkri_model_put_begin(model, l - 1, filled++, begin);
        }
        for (uint32_t i = children.from; i < children.to; i++) {
            begin += w->row[l][i] != TKRI_NO_NODE;
        }
        tkri_model_put_backoff(model, l - 1, row, log(weight));
        write_children(w, model, l, children);
    }
    while (filled <= w->kept[l - 1]) {
        tkri_model_put_begin(model, l - 1, filled++, begin);
    }
    swap_levels(w);
}

static int32_t missing_rule(const tkri_smoothing *smoothing) {
    switch (smoothing->kind) {
        case TKR_MAXIMUM_LIKELIHOOD:
            return TKRI_NEVER;
        case TKR_ADD_K:
            return TKRI_TO_UNIFORM;
        default:
            return TKRI_BACKS_OFF;
    }
}

static int32_t create_model(tkri_model *model, const tkri_env *env, const work *w) {
    tkri_model_shape shape = {.symbols = w->smoothing->symbols,
                              .order = w->trie->order,
                              .value_bytes = 8,
                              .missing = missing_rule(w->smoothing)};
    memcpy(shape.lens, w->kept, sizeof shape.lens);
    return tkri_model_create(model, env, &shape);
}

static int32_t estimate(work *w, tkri_model *model, const tkri_env *env, tkri_detail *detail) {
    TRY(tkri_trie_link(w->trie, w->suffix));
    mark_kept(w);
    number_rows(w);
    choose_counts(w);
    for (int l = 0; l < w->trie->order; l++) {
        TRY(tkri_smooth_discounts(&w->discounts, w->smoothing, l, w->counts[l],
                                  w->trie->level[l].len, detail));
    }
    TRY(create_model(model, env, w));
    estimate_first(w, model);
    for (int l = 1; l < w->trie->order; l++) {
        estimate_level(w, model, l);
    }
    return TKR_OK;
}

uint64_t tkri_model_estimate_size(int32_t order, const uint64_t *lens) {
    tkri_trie trie = {.order = order};
    tkri_smoothing most = {.kind = TKR_MAXIMUM_LIKELIHOOD};
    work w = {.trie = &trie, .smoothing = &most};
    tkri_arena measure = {0};
    for (int l = 0; l < order; l++) {
        trie.level[l].len = lens[l];
        most.prune[l] = 1; /* so that every level has counts of its own */
    }
    lay_out(&w, &measure);
    return measure.used;
}

int32_t tkri_model_estimate(tkri_model *model, const tkri_env *env, const tkri_trie *trie,
                            const tkri_smoothing *smoothing, tkri_detail *detail) {
    work w = {.trie = trie, .smoothing = smoothing};
    tkri_arena measure = {0};
    memset(model, 0, sizeof *model);
    lay_out(&w, &measure);
    tkri_arena arena = {.base = tkri_allocate(env, measure.used)};
    REQUIRE(arena.base, detail, TKR_ERR_MEMORY, "no memory for %.0f MB of workspace",
            (double)measure.used / 1e6);
    lay_out(&w, &arena);
    int32_t status = estimate(&w, model, env, detail);
    tkri_release(env, arena.base, measure.used);
    return status;
}
