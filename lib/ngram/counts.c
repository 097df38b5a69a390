/* SPDX-License-Identifier: MIT */
#include "ngram/counts.h"

#include <string.h>

#include "core/check.h"

void tkri_counts_init(tkri_counts *counts, const tkri_env *env, int32_t order, int64_t symbols) {
    memset(counts, 0, sizeof *counts);
    counts->env = env;
    counts->order = order;
    counts->symbols = symbols;
    counts->trie.order = order;
}

void tkri_counts_fini(tkri_counts *counts) {
    tkri_release(counts->env, counts->buffer, counts->capacity * sizeof *counts->buffer);
    tkri_release(counts->env, counts->spans, counts->span_capacity * sizeof *counts->spans);
    tkri_trie_destroy(&counts->trie, counts->env);
    tkri_counts_init(counts, counts->env, counts->order, counts->symbols);
}

/* Sort as much at once as the trie is large, so that merging costs a constant share. */
static uint64_t limit(const tkri_counts *counts) {
    uint64_t longest = counts->trie.level[counts->order - 1].len;
    uint64_t most = (uint64_t)1 << 30;
    uint64_t wanted = longest > TKRI_COUNTS_CHUNK ? longest : TKRI_COUNTS_CHUNK;
    return wanted < most ? wanted : most;
}

/* Make room for `extra` more symbols and the zeros after them. */
static int32_t reserve_symbols(tkri_counts *counts, uint64_t extra) {
    uint64_t needed = tkri_add(tkri_add(counts->len, extra), (uint64_t)counts->order);
    if (needed <= counts->capacity) {
        return TKR_OK;
    }
    uint64_t capacity = needed > 2 * counts->capacity ? needed : 2 * counts->capacity;
    uint32_t *buffer = tkri_allocate(counts->env, tkri_mul(capacity, sizeof *buffer));
    if (!buffer) {
        return TKR_ERR_MEMORY;
    }
    if (counts->len) {
        memcpy(buffer, counts->buffer, (size_t)counts->len * sizeof *buffer);
    }
    tkri_release(counts->env, counts->buffer, counts->capacity * sizeof *buffer);
    counts->buffer = buffer;
    counts->capacity = capacity;
    return TKR_OK;
}

/* Make room for one more span. */
static int32_t reserve_span(tkri_counts *counts) {
    if (counts->n_spans < counts->span_capacity) {
        return TKR_OK;
    }
    uint64_t capacity = counts->span_capacity ? 2 * counts->span_capacity : 16;
    tkri_span *spans = tkri_allocate(counts->env, tkri_mul(capacity, sizeof *spans));
    if (!spans) {
        return TKR_ERR_MEMORY;
    }
    if (counts->n_spans) {
        memcpy(spans, counts->spans, (size_t)counts->n_spans * sizeof *spans);
    }
    tkri_release(counts->env, counts->spans, counts->span_capacity * sizeof *spans);
    counts->spans = spans;
    counts->span_capacity = capacity;
    return TKR_OK;
}

static int32_t reserve(tkri_counts *counts, uint64_t n) {
    TRY(reserve_span(counts));
    return reserve_symbols(counts, n);
}

static void push(tkri_counts *counts, int64_t id) {
    counts->buffer[counts->len++] = (uint32_t)(id + 1);
}

static void push_span(tkri_counts *counts, uint64_t len) {
    if (len) {
        counts->spans[counts->n_spans++] = (tkri_span){counts->len, (uint32_t)len};
    }
}

/* Begin a text; the room was reserved. */
static void open_text(tkri_counts *counts, int32_t lead) {
    int context = counts->order - 1;
    if (lead == TKRI_LEAD_CONTINUE) {
        return;
    }
    if (counts->len && counts->buffer[counts->len - 1]) {
        counts->buffer[counts->len++] = 0;
    }
    if (lead >= 0) {
        push_span(counts, (uint64_t)context);
        for (int i = 0; i < context; i++) {
            push(counts, lead);
        }
    } else if (lead == TKRI_LEAD_BEGIN && context) {
        push(counts, counts->symbols);
    }
}

/* Whether the id at `i` of a piece is the first behind a lead. */
static int is_led(const tkri_piece *piece, uint64_t i) {
    return i == 0 || (piece->end >= 0 && piece->ids[i - 1] == piece->end);
}

/* Symbols that the ids from .. to - 1 become, at most. */
static uint64_t symbols_of(const tkri_counts *counts, const tkri_piece *piece, uint64_t from,
                           uint64_t to) {
    uint64_t led = 0;
    for (uint64_t i = from; i < to; i++) {
        led += (uint64_t)is_led(piece, i);
    }
    return to - from + 2 * led + (uint64_t)counts->order;
}

/* The id behind those from `from` on that become about `room` symbols: one at least. */
static uint64_t fitting(const tkri_counts *counts, const tkri_piece *piece, uint64_t from,
                        uint64_t room) {
    uint64_t symbols = (uint64_t)counts->order, to = from;
    do {
        symbols += 1 + 2 * (uint64_t)is_led(piece, to);
        to++;
    } while (to < piece->n && symbols < room);
    return to;
}

/* The room was reserved. */
static void push_ids(tkri_counts *counts, const tkri_piece *piece, uint64_t from, uint64_t to) {
    for (uint64_t i = from; i < to; i++) {
        if (is_led(piece, i)) {
            open_text(counts, i ? TKRI_LEAD_BEGIN : piece->first);
        }
        push(counts, piece->ids[i]);
    }
}

/* Take back one count of every n-gram of `n` symbols and its beginnings. */
static void uncount(tkri_trie *trie, const uint32_t *symbols, uint64_t n) {
    tkri_nodes among = tkri_trie_roots(trie);
    for (int l = 0; l < trie->order && (uint64_t)l < n; l++) {
        uint32_t node = tkri_level_find(&trie->level[l], among, symbols[l] - 1);
        trie->level[l].counts[node]--;
        if (l + 1 < trie->order) {
            among = tkri_trie_children(trie, l, node);
        }
    }
}

/* N-grams that end in context are not events: they keep their nodes and lose their counts. */
static void uncount_context(tkri_trie *trie, const tkri_counts *counts) {
    for (uint64_t s = 0; s < counts->n_spans; s++) {
        const uint32_t *symbols = counts->buffer + counts->spans[s].start;
        for (uint64_t from = 0; from < counts->spans[s].len; from++) {
            uncount(trie, symbols + from, counts->spans[s].len - from);
        }
    }
    uint32_t begin =
        tkri_level_find(&trie->level[0], tkri_trie_roots(trie), (uint32_t)counts->symbols);
    if (begin != TKRI_NO_NODE) {
        trie->level[0].counts[begin] = 0;
    }
}

static int bit_width(uint64_t value) {
    int bits = 0;
    for (; value; value >>= 1) {
        bits++;
    }
    return bits;
}

/* The trie of the buffer alone, in memory of `env`. */
static int32_t build(tkri_trie *trie, const tkri_env *env, const tkri_counts *counts) {
    const tkri_symbols symbols = {counts->buffer, counts->len, counts->order,
                                  bit_width((uint64_t)counts->symbols + 1)};
    TRY(tkri_trie_build(trie, env, &symbols));
    uncount_context(trie, counts);
    return TKR_OK;
}

/* Put `more` into the trie of `counts`; takes it over on success. */
static int32_t absorb(tkri_counts *counts, tkri_trie *more) {
    tkri_trie sum = *more;
    if (!more->block) {
        return TKR_OK;
    }
    if (counts->trie.block) {
        TRY(tkri_trie_merge(&sum, counts->env, &counts->trie, more));
        tkri_trie_destroy(more, counts->env);
    }
    tkri_trie_destroy(&counts->trie, counts->env);
    counts->trie = sum;
    return TKR_OK;
}

/* Empty the buffer but for the end of the last text, which later ids may continue. */
static void keep_context(tkri_counts *counts) {
    uint64_t keep = 0, before = counts->len, most = (uint64_t)counts->order - 1;
    while (keep < most && keep < before && counts->buffer[before - keep - 1]) {
        keep++;
    }
    memmove(counts->buffer, counts->buffer + before - keep, (size_t)keep * sizeof(uint32_t));
    memset(counts->buffer + keep, 0, (size_t)(before - keep) * sizeof(uint32_t));
    counts->len = 0;
    counts->n_spans = 0;
    push_span(counts, keep);
    counts->len = counts->carried = keep;
}

int32_t tkri_counts_flush(tkri_counts *counts) {
    if (counts->len == counts->carried) {
        return TKR_OK;
    }
    tkri_trie more;
    TRY(reserve_span(counts));
    TRY(build(&more, counts->env, counts));
    int32_t status = absorb(counts, &more);
    if (status < 0) {
        tkri_trie_destroy(&more, counts->env);
        return status;
    }
    keep_context(counts);
    return TKR_OK;
}

/* Count a piece of any length. A failure leaves a part of it counted. */
static int32_t feed(tkri_counts *counts, const tkri_piece *piece) {
    uint64_t done = 0;
    while (done < piece->n) {
        uint64_t room = counts->len < limit(counts) ? limit(counts) - counts->len : 1;
        uint64_t to = fitting(counts, piece, done, room);
        TRY(reserve(counts, symbols_of(counts, piece, done, to)));
        push_ids(counts, piece, done, to);
        TRY(tkri_counts_flush(counts));
        done = to;
    }
    return TKR_OK;
}

int32_t tkri_counts_follow(tkri_counts *part, const tkri_counts *counts) {
    uint64_t most = (uint64_t)counts->order - 1;
    uint64_t n = counts->len < most ? counts->len : most;
    if (!n) {
        return TKR_OK;
    }
    TRY(reserve(part, n));
    memcpy(part->buffer, counts->buffer + counts->len - n, (size_t)n * sizeof(uint32_t));
    part->len = n;
    keep_context(part);
    return TKR_OK;
}

int32_t tkri_counts_join(tkri_counts *counts, tkri_counts *part) {
    TRY(tkri_counts_flush(part));
    TRY(tkri_counts_flush(counts));
    TRY(absorb(part, &counts->trie));
    memset(&counts->trie, 0, sizeof counts->trie);
    tkri_counts_fini(counts);
    *counts = *part;
    return TKR_OK;
}

/* A piece that is too long for the buffer is counted apart, so that a failure changes nothing. */
static int32_t add_long(tkri_counts *counts, const tkri_piece *piece) {
    int32_t status;
    tkri_counts part;
    tkri_counts_init(&part, counts->env, counts->order, counts->symbols);
    if (piece->first == TKRI_LEAD_CONTINUE) {
        TRY_OR_FAIL(tkri_counts_follow(&part, counts));
    }
    TRY_OR_FAIL(feed(&part, piece));
    TRY_OR_FAIL(tkri_counts_join(counts, &part));
    return TKR_OK;
fail:
    tkri_counts_fini(&part);
    return status;
}

int32_t tkri_counts_add(tkri_counts *counts, const tkri_piece *piece) {
    if (!piece->n) {
        return TKR_OK;
    }
    const uint64_t more = symbols_of(counts, piece, 0, piece->n);
    if (counts->len + more > limit(counts)) {
        return add_long(counts, piece);
    }
    TRY(reserve(counts, more));
    push_ids(counts, piece, 0, piece->n);
    return TKR_OK;
}

int32_t tkri_counts_merge(tkri_counts *counts, const tkri_counts *from) {
    int32_t status;
    tkri_trie all = {.order = from->order};
    tkri_trie pending = {.order = from->order};
    TRY(tkri_counts_flush(counts));
    if (from->len > from->carried) {
        TRY(build(&pending, counts->env, from));
    }
    TRY_OR_FAIL(tkri_trie_merge(&all, counts->env, &from->trie, &pending));
    TRY_OR_FAIL(absorb(counts, &all));
    tkri_trie_destroy(&pending, counts->env);
    return TKR_OK;
fail:
    tkri_trie_destroy(&all, counts->env);
    tkri_trie_destroy(&pending, counts->env);
    return status;
}

uint64_t tkri_counts_get(const tkri_counts *counts, const int32_t *ids, int64_t n) {
    const tkri_trie *trie = &counts->trie;
    tkri_nodes among = tkri_trie_roots(trie);
    uint32_t node = TKRI_NO_NODE;
    for (int l = 0; l < n; l++) {
        uint32_t id = ids[l] == TKRI_LEAD_BEGIN ? (uint32_t)counts->symbols : (uint32_t)ids[l];
        node = tkri_level_find(&trie->level[l], among, id);
        if (node == TKRI_NO_NODE) {
            return 0;
        }
        among = l + 1 < n ? tkri_trie_children(trie, l, node) : among;
    }
    return trie->level[n - 1].counts[node];
}
