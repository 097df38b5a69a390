/* SPDX-License-Identifier: MIT
 * From the entries of an ARPA file to a model. N-grams that a longer one begins or ends with and
 * that the file lacks become rows without a probability of their own, so that backing off finds its
 * way. */
#include <stdio.h>
#include <string.h>

#include "core/arena.h"
#include "core/utf8.h"
#include "ngram/arpa_entries.h"

static uint64_t stride_of(const tkri_entries *e) {
    return (uint64_t)e->order + 1;
}

static uint64_t symbols_size(const tkri_entries *e, uint64_t capacity) {
    /* One more entry of zeros: an n-gram may be looked at `order` symbols from any place. */
    return tkri_mul(tkri_mul(tkri_add(capacity, 1), stride_of(e)), sizeof *e->symbols);
}

static int32_t grow(tkri_entries *e) {
    enum { FIRST = 256 };
    const tkri_env *env = e->lines.source.env;
    uint64_t capacity = e->capacity ? 2 * e->capacity : FIRST;
    uint32_t *symbols = tkri_allocate(env, symbols_size(e, capacity));
    tkri_values *values = tkri_allocate(env, tkri_mul(capacity, sizeof *values));
    if (!symbols || !values) {
        tkri_release(env, symbols, symbols_size(e, capacity));
        tkri_release(env, values, tkri_mul(capacity, sizeof *values));
        return TKR_ERR_MEMORY;
    }
    if (e->len) {
        memcpy(symbols, e->symbols, (size_t)symbols_size(e, e->len - 1));
        memcpy(values, e->values, (size_t)e->len * sizeof *values);
    }
    if (e->capacity) {
        tkri_release(env, e->symbols, symbols_size(e, e->capacity));
        tkri_release(env, e->values, e->capacity * sizeof *values);
    }
    e->symbols = symbols;
    e->values = values;
    e->capacity = capacity;
    return TKR_OK;
}

int32_t tkri_entries_add(tkri_entries *e, const uint32_t *ids, int n, tkri_values values) {
    if ((e->len + 2) * stride_of(e) > UINT32_MAX) {
        return TKR_ERR_MEMORY; /* places of symbols are numbers of 32 bits */
    }
    if (e->len == e->capacity) {
        TRY(grow(e));
    }
    for (int i = 0; i < n; i++) {
        e->symbols[e->len * stride_of(e) + (uint64_t)i] = ids[i] + 1;
    }
    e->values[e->len++] = values;
    return TKR_OK;
}

void tkri_entries_fini(tkri_entries *e) {
    const tkri_env *env = e->lines.source.env;
    if (e->capacity) {
        tkri_release(env, e->symbols, symbols_size(e, e->capacity));
        tkri_release(env, e->values, e->capacity * sizeof *e->values);
    }
    tkri_names_fini(&e->names);
    tkri_lines_fini(&e->lines);
}

/* What is being built. */
typedef struct build {
    const tkri_entries *entries;
    const tkri_env *env;
    tkri_detail *detail;
    tkri_trie trie; /* its counts are entry numbers + 1, 0 for what the file lacks */
    uint32_t *suffix[TKRI_MAX_ORDER];
    void *links;
    uint64_t links_bytes;
} build;

static int bit_width(uint64_t value) {
    int bits = 0;
    for (; value; value >>= 1) {
        bits++;
    }
    return bits;
}

static tkri_symbols symbols_of(const tkri_entries *e) {
    return (tkri_symbols){e->symbols, e->len * stride_of(e), e->order,
                          bit_width((uint64_t)e->names.len + 1)};
}

static int entry_len(const tkri_entries *e, uint64_t entry) {
    int n = 0;
    while (n < e->order && e->symbols[entry * stride_of(e) + (uint64_t)n]) {
        n++;
    }
    return n;
}

/* List the n-grams that the trie is made of: the entries; with `ends`, all that they end with. */
static uint64_t list(tkri_gram *grams, const tkri_entries *e, int ends) {
    uint64_t n = 0;
    for (uint64_t i = 0; i < e->len; i++) {
        int len = ends ? entry_len(e, i) : 1;
        for (int from = 0; from < len; from++) {
            if (grams) {
                grams[n].at = (uint32_t)(i * stride_of(e) + (uint64_t)from);
            }
            n++;
        }
    }
    return n;
}

/* Instead of counts, nodes learn which entry they come from. Returns an entry that is there twice,
 * or the number of entries. */
static uint64_t note_entries(tkri_trie *trie, const tkri_entries *e, const tkri_gram *grams,
                             uint64_t n) {
    uint64_t next[TKRI_MAX_ORDER] = {0};
    for (int l = 0; l < trie->order; l++) {
        memset(trie->level[l].counts, 0, (size_t)trie->level[l].len * sizeof(uint64_t));
    }
    for (uint64_t i = 0; i < n; i++) {
        int len = tkri_gram_len(&grams[i]);
        for (int l = tkri_gram_shared(&grams[i]); l < len; l++) {
            next[l]++;
        }
        if (grams[i].at % stride_of(e) == 0) {
            uint64_t *entry = &trie->level[len - 1].counts[next[len - 1] - 1];
            if (*entry) {
                return *entry - 1;
            }
            *entry = grams[i].at / stride_of(e) + 1;
        }
    }
    return e->len;
}

/* Name an n-gram by its words, as many as fit. */
static int32_t refuse_twice(const build *b, uint64_t entry) {
    const tkri_entries *e = b->entries;
    char words[64], shown[80];
    int n = entry_len(e, entry), at = 0;
    for (int i = 0; i < n && at < (int)sizeof words; i++) {
        uint64_t len = 3, id = e->symbols[entry * stride_of(e) + (uint64_t)i] - 1;
        const char *word =
            id < (uint64_t)e->names.len ? tkri_names_get(&e->names, (int32_t)id, &len) : "<s>";
        at += snprintf(words + at, sizeof words - (size_t)at, i ? " %.*s" : "%.*s", (int)len, word);
    }
    return tkri_fail(b->detail, TKR_ERR_FORMAT, "the %d-gram '%s' is there twice", n,
                     tkri_utf8_show(shown, sizeof shown, words, strlen(words)));
}

static int32_t assemble(build *b, tkri_gram *grams, tkri_gram *spare, uint64_t n) {
    const tkri_entries *e = b->entries;
    tkri_symbols symbols = symbols_of(e);
    tkri_gram *sorted = tkri_gram_sort(grams, spare, n, &symbols);
    tkri_gram_mark(sorted, n, &symbols);
    int32_t status = tkri_trie_assemble(&b->trie, b->env, sorted, n, &symbols);
    REQUIRE(status == TKR_OK, b->detail, status, "no memory for %llu n-grams",
            (unsigned long long)n);
    uint64_t twice = note_entries(&b->trie, e, sorted, n);
    return twice == e->len ? TKR_OK : refuse_twice(b, twice);
}

static int32_t make_trie(build *b, int ends) {
    uint64_t n = list(NULL, b->entries, ends);
    uint64_t bytes = tkri_mul(n, 2 * sizeof(tkri_gram));
    tkri_gram *grams = tkri_allocate(b->env, bytes);
    REQUIRE(grams, b->detail, TKR_ERR_MEMORY, "no memory to sort %llu n-grams",
            (unsigned long long)n);
    list(grams, b->entries, ends);
    tkri_trie_destroy(&b->trie, b->env);
    int32_t status = assemble(b, grams, grams + n, n);
    tkri_release(b->env, grams, bytes);
    return status;
}

static int32_t link(build *b) {
    tkri_release(b->env, b->links, b->links_bytes);
    tkri_arena arena = {NULL, 0};
    for (int l = 1; l < b->trie.order; l++) {
        TKRI_TAKE(&arena, b->suffix[l], b->trie.level[l].len);
    }
    b->links_bytes = arena.used;
    b->links = tkri_allocate(b->env, arena.used);
    REQUIRE(b->links, b->detail, TKR_ERR_MEMORY, "no memory for links");
    arena = (tkri_arena){b->links, 0};
    for (int l = 1; l < b->trie.order; l++) {
        TKRI_TAKE(&arena, b->suffix[l], b->trie.level[l].len);
    }
    return tkri_trie_link(&b->trie, b->suffix);
}

/* What a row that the file lacks gets by backing off; the level below is written. */
static double backed_off(const build *b, const tkri_model *model, int level, uint32_t context,
                         uint32_t i) {
    double weight = tkri_row_backoff(model, level - 1, context);
    return weight + tkri_row_logprob(model, level - 1, b->suffix[level][i]);
}

static void write_row(const build *b, tkri_model *model, int level, uint32_t context, uint32_t i) {
    uint64_t entry = b->trie.level[level].counts[i];
    tkri_values values = {0, 0};
    if (entry) {
        values = b->entries->values[entry - 1];
    } else {
        values.logprob = backed_off(b, model, level, context, i);
    }
    tkri_model_put_logprob(model, level, i, values.logprob, entry > 0);
    if (level + 1 < model->order) {
        tkri_model_put_backoff(model, level, i, values.backoff);
        tkri_model_put_begin(model, level, i, b->trie.level[level].begin[i]);
    }
    if (level > 0) {
        tkri_model_put_id(model, level, i, b->trie.level[level].ids[i]);
        tkri_model_put_suffix(model, level, i, b->suffix[level][i]);
    }
}

static void write_model(const build *b, tkri_model *model) {
    const tkri_trie *trie = &b->trie;
    for (uint32_t i = 0; i < trie->level[0].len; i++) {
        write_row(b, model, 0, 0, i);
    }
    if (!b->entries->has_begin) {
        tkri_model_put_logprob(model, 0, trie->level[0].len - 1, -INFINITY, 0);
    }
    for (int l = 1; l < trie->order; l++) {
        for (uint32_t h = 0; h < trie->level[l - 1].len; h++) {
            tkri_nodes children = tkri_trie_children(trie, l - 1, h);
            for (uint32_t i = children.from; i < children.to; i++) {
                write_row(b, model, l, h, i);
            }
        }
        tkri_model_put_begin(model, l - 1, trie->level[l - 1].len, trie->level[l].len);
    }
}

static int32_t make_model(build *b, tkr_ngram *ngram) {
    int32_t status;
    TRY(make_trie(b, 0));
    status = link(b);
    if (status == TKR_ERR_FORMAT) {
        TRY(make_trie(b, 1));
        status = link(b);
    }
    TRY(status);
    tkri_model_shape shape = {ngram->counts.symbols, b->trie.order, 8, TKRI_BACKS_OFF, {0}};
    for (int l = 0; l < b->trie.order; l++) {
        shape.lens[l] = b->trie.level[l].len;
    }
    status = tkri_model_create(&ngram->model, &ngram->env, &shape);
    REQUIRE(status == TKR_OK, b->detail, status, "no memory for the model");
    write_model(b, &ngram->model);
    return TKR_OK;
}

static int32_t make_ngram(tkr_ngram **ngram, tkri_entries *e, const tkri_env *env,
                          tkri_detail *detail) {
    build b = {.entries = e, .env = env, .detail = detail, .trie = {.order = e->order}};
    tkr_ngram *made = NULL;
    int32_t status = tkri_ngram_create(&made, e->order, e->names.len, env);
    REQUIRE(status == TKR_OK, detail, status, "no memory for an n-gram");
    status = make_model(&b, made);
    tkri_trie_destroy(&b.trie, env);
    tkri_release(env, b.links, b.links_bytes);
    if (status < 0) {
        tkri_ngram_destroy(made);
        return status;
    }
    made->sealed = 1;
    made->names = e->names;
    made->names.env = &made->env;
    e->names = (tkri_names){.env = env};
    tkri_options_set_int(&made->options, TKR_WARNINGS, e->warnings);
    made->vocabulary = tkri_ngram_guess(made);
    *ngram = made;
    return TKR_OK;
}

int32_t tkri_arpa_read(tkr_ngram **ngram, const tkr_reader *reader, const tkri_env *env,
                       tkri_detail *detail) {
    tkri_entries entries = {
        .lines = {.source = {.name = "text", .env = env, .detail = detail, .reader = reader}},
        .names = {.env = env},
    };
    int32_t status = tkri_entries_read(&entries);
    if (status == TKR_OK) {
        status = make_ngram(ngram, &entries, env, detail);
    }
    tkri_entries_fini(&entries);
    return status;
}
