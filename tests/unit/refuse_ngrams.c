/* SPDX-License-Identifier: MIT
 * What n-grams, their files, mixtures and caches refuse. */
#include <math.h>
#include <string.h>

#include "unit/refusals.h"

enum { V = WORLD_V };

static void test_create(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_ngram **made = &w->made.ngram;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_create(NULL, 3, V, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_ngram_create(made, 0, V, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_ngram_create(made, 17, V, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_ngram_create(made, 3, 0, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_ngram_create(made, 3, INT32_MAX, env));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_size(NULL, 3, V, 10));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_size(w->io.u, 0, V, 10));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_size(w->io.u, 3, V, -1));
    REFUSES(w, TKR_ERR_MEMORY, NULL, tkr_ngram_size(w->io.u, 16, 1000000, INT64_MAX));
}

static void test_options(void **state) {
    world *w = *state;
    tkr_ngram *g = w->ngram;
    const char *text = tkr_ngram_detail(g);
    int64_t *n = w->io.n;
    double *r = w->io.real;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_set_int(NULL, TKR_FALLBACK, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_set_int(g, TKR_FALLBACK, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_set_int(g, TKR_PRUNE + 2, -1));
    REFUSES(w, TKR_ERR_KEY, text, tkr_ngram_set_int(g, TKR_PRUNE + 1, 1));
    REFUSES(w, TKR_ERR_KEY, text, tkr_ngram_set_int(g, TKR_PRUNE + 17, 1));
    REFUSES(w, TKR_ERR_KEY, text, tkr_ngram_set_int(g, TKR_WARNINGS, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_set_float(NULL, TKR_ADDEND, 1));
    REFUSES(w, TKR_ERR_KEY, text, tkr_ngram_set_float(g, TKR_FALLBACK, 1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_set_float(g, TKR_ADDEND, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_set_float(g, TKR_ADDEND, (double)NAN));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_set_float(g, TKR_ADDEND, (double)INFINITY));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_ngram_get_int(g, TKR_ADDEND, n));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_get_int(g, TKR_FALLBACK, NULL));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_ngram_get_float(g, TKR_FALLBACK, r));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_get_float(NULL, TKR_ADDEND, r));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_ngram_bounds_int(g, TKR_WARNINGS, n, n + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_bounds_int(g, TKR_FALLBACK, n, NULL));
    REFUSES(w, TKR_ERR_KEY, NULL, tkr_ngram_bounds_float(g, TKR_FALLBACK, r, r + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_bounds_float(g, TKR_ADDEND, NULL, r));
}

static void test_count(void **state) {
    world *w = *state;
    tkr_ngram *counts = w->counts;
    const char *text = tkr_ngram_detail(counts), *done = tkr_ngram_detail(w->ngram);
    const int32_t high[2] = {0, V}, low[2] = {0, TKR_BEGIN}, *ids = w->io.ids;
    uint64_t before = world_deep_fingerprint(w);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_count(NULL, ids, 2, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_count(counts, NULL, 2, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_count(counts, ids, -1, 0));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_count(counts, high, 2, 0));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_count(counts, low, 2, 0));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_count(counts, ids, 2, V));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_count(counts, ids, 2, TKR_CONTINUE - 1));
    REFUSES(w, TKR_ERR_ORDER, done, tkr_ngram_count(w->ngram, ids, 2, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_count_sentences(NULL, ids, 2, 0));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_count_sentences(counts, ids, 2, -1));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_count_sentences(counts, high, 2, 0));
    REFUSES(w, TKR_ERR_ORDER, done, tkr_ngram_count_sentences(w->ngram, ids, 2, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_forecast(counts, NULL, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_forecast(counts, w->io.u, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_get_count(counts, NULL, ids, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_get_count(counts, w->io.u, ids, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_get_count(counts, w->io.u, ids, 4));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_get_count(counts, w->io.u, high, 2));
    assert_true(world_deep_fingerprint(w) == before);
}

static int32_t broken(void *user, void *bytes, uint64_t len, uint64_t *got) {
    (void)user, (void)bytes, (void)len;
    *got = 0;
    return 1;
}

static void put(world_file *file, const char *bytes) {
    world_file_empty(file);
    assert_int_equal(file->writer.write(file->writer.user, bytes, strlen(bytes)), 0);
}

/* Nothing is counted unless all is: the good beginning of a bad text neither. */
static void test_count_from(void **state) {
    world *w = *state;
    tkr_ngram *counts = w->counts;
    const char *text = tkr_ngram_detail(counts);
    const tkr_reader bad = {sizeof bad, broken, NULL}, none = {sizeof none, NULL, NULL};
    const tkr_reader *reader = &w->written.reader;
    const tkr_vocabulary *v = w->vocabulary;
    uint64_t before = world_deep_fingerprint(w);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_count_from(NULL, reader, v, 0, -1, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_count_from(counts, NULL, v, 0, -1, -1));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_count_from(counts, &none, v, 0, -1, -1));
    REFUSES(w, TKR_ERR_IO, text, tkr_ngram_count_from(counts, &bad, v, 0, -1, -1));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_ngram_count_from(counts, reader, NULL, 0, -1, -1));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_count_from(counts, reader, v, V, -1, -1));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_count_from(counts, reader, v, 0, V, -1));
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_count_from(counts, reader, v, 0, -1, -2));
    put(&w->written, "abcdabcdz");
    REFUSES(w, TKR_ERR_TOKEN, text, tkr_ngram_count_from(counts, reader, v, 0, -1, -1));
    put(&w->written, "abcdabcd\xFF");
    REFUSES(w, TKR_ERR_FORMAT, text, tkr_ngram_count_from(counts, reader, v, 0, -1, -1));
    put(&w->written, "abcd");
    REFUSES(w, TKR_ERR_ORDER, tkr_ngram_detail(w->ngram),
            tkr_ngram_count_from(w->ngram, reader, v, 0, -1, -1));
    assert_true(world_deep_fingerprint(w) == before);
}

static void test_estimate(void **state) {
    world *w = *state;
    tkr_ngram *counts = w->counts, *empty, *compact;
    const char *text = tkr_ngram_detail(counts);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_estimate(NULL, TKR_MAXIMUM_LIKELIHOOD));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_estimate(counts, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_estimate(counts, TKR_MODIFIED_KNESER_NEY + 1));
    REFUSES(w, TKR_ERR_NUMERIC, tkr_ngram_detail(w->ngram), /* too few counts for discounts */
            tkr_ngram_estimate(w->ngram, TKR_MODIFIED_KNESER_NEY));
    assert_ok(tkr_ngram_create(&empty, 4, V, &w->env));
    REFUSES(w, TKR_ERR_ORDER, tkr_ngram_detail(empty),
            tkr_ngram_estimate(empty, TKR_MAXIMUM_LIKELIHOOD));
    REFUSES(w, TKR_ERR_SHAPE, text, tkr_ngram_merge(counts, empty));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_merge(NULL, counts));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_merge(counts, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_merge(counts, counts));
    REFUSES(w, TKR_ERR_ORDER, tkr_ngram_detail(w->ngram), tkr_ngram_merge(w->ngram, counts));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_compact(NULL, w->ngram, &w->env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_ngram_compact(&w->made.ngram, NULL, &w->env));
    REFUSES_TO_MAKE(w, TKR_ERR_ORDER, tkr_ngram_compact(&w->made.ngram, counts, &w->env));
    assert_ok(tkr_ngram_compact(&compact, w->ngram, &w->env));
    const char *sealed = tkr_ngram_detail(compact);
    REFUSES(w, TKR_ERR_ORDER, sealed, tkr_ngram_count(compact, w->io.ids, 2, 0));
    REFUSES(w, TKR_ERR_ORDER, sealed, tkr_ngram_estimate(compact, TKR_WITTEN_BELL));
    REFUSES(w, TKR_ERR_ORDER, sealed, tkr_ngram_get_count(compact, w->io.u, w->io.ids, 1));
    REFUSES(w, TKR_ERR_ORDER, sealed, tkr_ngram_forecast(compact, w->io.u, 1));
    REFUSES(w, TKR_ERR_ORDER, text, tkr_ngram_merge(counts, compact));
    tkr_ngram_destroy(compact);
    tkr_ngram_destroy(empty);
}

static void test_questions(void **state) {
    world *w = *state;
    const tkr_ngram *g = w->ngram, *counts = w->counts;
    double *p = w->io.real;
    float *all = w->io.values;
    const int32_t *ids = w->io.ids, high[2] = {0, V}, low[2] = {-1, 0};
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_logprob(NULL, p, ids, 2, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_logprob(g, NULL, ids, 2, 0));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_logprob(g, p, NULL, 2, 0));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_ngram_logprob(counts, p, ids, 2, 0));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_ngram_logprob(g, p, high, 2, 0));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_ngram_logprob(g, p, low, 2, 0));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_ngram_logprob(g, p, ids, 2, V));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_ngram_logprob(g, p, ids, 2, TKR_BEGIN));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_distribution(g, NULL, ids, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_distribution(g, all, ids, -1));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_ngram_distribution(counts, all, ids, 2));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_ngram_distribution(g, all, high, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_structure(NULL, w->io.n, w->io.n + 1));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_ngram_structure(counts, w->io.n, w->io.n + 1));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_shape(NULL, &w->io.number, w->io.n, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_len(g, 0, w->io.n, w->io.u));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_len(g, 4, w->io.n, w->io.u));
    REFUSES(w, TKR_ERR_ORDER, NULL, tkr_ngram_len(counts, 1, w->io.n, w->io.u));
}

/* A refused call leaves the carried state where it was. */
#define REFUSES_AT(w, before, state, status, call)                         \
    do {                                                                   \
        REFUSES(w, status, NULL, call);                                    \
        assert_memory_equal(&(before), &(state), sizeof(tkr_ngram_state)); \
    } while (0)

static void test_carried(void **state) {
    world *w = *state;
    const tkr_ngram *g = w->ngram, *counts = w->counts;
    double *p = w->io.real;
    float *all = w->io.values;
    const int32_t *ids = w->io.ids, high[2] = {0, V};
    int32_t len = 7;
    tkr_ngram_state at, foreign = {{UINT64_MAX, UINT64_MAX}};
    tkr_score score = {.size = sizeof score}, old = {.size = 3}, blank = score;
    assert_ok(tkr_ngram_start(g, &at, ids, 2));
    const tkr_ngram_state before = at, other = foreign;
    REFUSES_AT(w, before, at, TKR_ERR_TOKEN, tkr_ngram_start(g, &at, high, 2));
    REFUSES_AT(w, before, at, TKR_ERR_ORDER, tkr_ngram_start(counts, &at, ids, 2));
    REFUSES_AT(w, before, at, TKR_ERR_ARGUMENT, tkr_ngram_start(g, &at, NULL, 2));
    REFUSES_AT(w, before, at, TKR_ERR_TOKEN, tkr_ngram_step(g, &at, p, V));
    REFUSES_AT(w, before, at, TKR_ERR_ARGUMENT, tkr_ngram_step(NULL, &at, p, 0));
    REFUSES_AT(w, other, foreign, TKR_ERR_ARGUMENT, tkr_ngram_step(g, &foreign, p, 0));
    REFUSES_AT(w, before, at, TKR_ERR_ARGUMENT, tkr_ngram_match(g, &at, NULL, 0));
    REFUSES_AT(w, before, at, TKR_ERR_TOKEN, tkr_ngram_match(g, &at, &len, V));
    REFUSES_AT(w, before, at, TKR_ERR_ORDER, tkr_ngram_match(counts, &at, &len, 0));
    REFUSES_AT(w, other, foreign, TKR_ERR_ARGUMENT, tkr_ngram_match(g, &foreign, &len, 0));
    assert_int_equal(len, 7);
    REFUSES_AT(w, other, foreign, TKR_ERR_ARGUMENT, tkr_ngram_next(g, &foreign, all));
    REFUSES_AT(w, before, at, TKR_ERR_ARGUMENT, tkr_ngram_next(g, &at, NULL));
    REFUSES_AT(w, before, at, TKR_ERR_TOKEN, tkr_ngram_logprobs(g, &at, p, high, 2));
    REFUSES_AT(w, before, at, TKR_ERR_ARGUMENT, tkr_ngram_logprobs(g, &at, p, ids, -1));
    REFUSES_AT(w, before, at, TKR_ERR_ORDER, tkr_ngram_logprobs(counts, &at, p, ids, 2));
    REFUSES_AT(w, before, at, TKR_ERR_TOKEN, tkr_ngram_score(g, &at, &score, high, 2, -1));
    REFUSES_AT(w, before, at, TKR_ERR_TOKEN, tkr_ngram_score(g, &at, &score, ids, 2, V));
    REFUSES_AT(w, before, at, TKR_ERR_ARGUMENT, tkr_ngram_score(g, &at, &old, ids, 2, -1));
    REFUSES_AT(w, before, at, TKR_ERR_ARGUMENT, tkr_ngram_score(g, &at, NULL, ids, 2, -1));
    assert_memory_equal(&score, &blank, sizeof score);
}

static void test_files(void **state) {
    world *w = *state;
    tkr_ngram *g = w->ngram;
    const char *text = tkr_ngram_detail(g);
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_save(NULL, w->path));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_save(g, NULL));
    REFUSES(w, TKR_ERR_IO, text, tkr_ngram_save(g, "/nowhere/at/all"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_save_to(g, NULL));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_save_arpa(NULL, w->path));
    REFUSES(w, TKR_ERR_IO, text, tkr_ngram_save_arpa(g, "/nowhere/at/all"));
    REFUSES(w, TKR_ERR_ARGUMENT, text, tkr_ngram_save_arpa_to(g, NULL));
    REFUSES(w, TKR_ERR_ORDER, tkr_ngram_detail(w->counts), tkr_ngram_save_arpa(w->counts, w->path));
    assert_ok(tkr_ngram_estimate(g, TKR_MAXIMUM_LIKELIHOOD));
    REFUSES(w, TKR_ERR_UNSUPPORTED, text, tkr_ngram_save_arpa(g, w->path));
    REFUSES(w, TKR_ERR_UNSUPPORTED, text, tkr_ngram_save_arpa_to(g, &w->written.writer));
}

static void test_loads(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_ngram **made = &w->made.ngram;
    const tkr_reader bad = {sizeof bad, broken, NULL};
    world_file *file = &w->ngram_file;
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_load(NULL, w->ngram_path, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_ngram_load(made, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_IO, tkr_ngram_load(made, "/nowhere/at/all", env));
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT, tkr_ngram_load(made, w->cell_path, env));
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT, tkr_ngram_load(made, w->arpa_path, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_ngram_load_from(made, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_IO, tkr_ngram_load_from(made, &bad, env));
    REFUSES_TO_MAKE(w, TKR_ERR_IO, tkr_ngram_map(made, "/nowhere/at/all", env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_ngram_map(made, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT, tkr_ngram_map(made, w->cell_path, env));
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT, tkr_ngram_load_arpa(made, w->ngram_path, env));
    REFUSES_TO_MAKE(w, TKR_ERR_IO, tkr_ngram_load_arpa(made, "/nowhere/at/all", env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_ngram_load_arpa_from(made, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_IO, tkr_ngram_load_arpa_from(made, &bad, env));
    file->len -= 1;
    world_file_rewind(file);
    REFUSES_TO_MAKE(w, TKR_ERR_FORMAT, tkr_ngram_load_from(made, &file->reader, env));
    file->len += 1;
    for (uint64_t at = 0; at < file->len; at++) { /* the sum over all bytes sees any flipped bit */
        file->bytes[at] ^= 1;
        world_file_rewind(file);
        w->made.any = w;
        int32_t status = tkr_ngram_load_from(made, &file->reader, env);
        assert_true(status == TKR_ERR_FORMAT || status == TKR_ERR_UNSUPPORTED ||
                    status == TKR_ERR_MEMORY);
        assert_null(w->made.any);
        file->bytes[at] ^= 1;
    }
    world_file_rewind(file);
    assert_ok(tkr_ngram_load_from(made, &file->reader, env));
    tkr_ngram_destroy(w->made.ngram);
}

static void test_names(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_vocabulary *bytes, **made = &w->made.vocabulary;
    assert_ok(tkr_vocabulary_create(&bytes, TKR_BYTES, NULL, 0, env));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_set_vocabulary(NULL, w->vocabulary));
    REFUSES(w, TKR_ERR_SHAPE, tkr_ngram_detail(w->ngram),
            tkr_ngram_set_vocabulary(w->ngram, bytes));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_ngram_get_vocabulary(NULL, w->ngram, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_ngram_get_vocabulary(made, NULL, env));
    REFUSES_TO_MAKE(w, TKR_ERR_KEY, tkr_ngram_get_vocabulary(made, w->counts, env));
    tkr_vocabulary_destroy(bytes);
}

static void test_mixes(void **state) {
    world *w = *state;
    double *out = w->io.real;
    float *all = w->io.values;
    const double good[2] = {-1, -2}, nan[2] = {-1, (double)NAN}, high[2] = {-1, (double)INFINITY};
    const float fine[2] = {-1, -2}, wrong[2] = {-1, NAN}, none[2] = {-INFINITY, -INFINITY};
    const int32_t bad_id[1] = {2}, id[1] = {1};
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_mix_fit(NULL, good, good, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_mix_fit(out, good, NULL, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_mix_fit(out, good, good, 0));
    REFUSES(w, TKR_ERR_NUMERIC, NULL, tkr_mix_fit(out, good, nan, 2));
    REFUSES(w, TKR_ERR_NUMERIC, NULL, tkr_mix_fit(out, high, good, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_mix_logprobs(out, good, good, 2, 1.5));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_mix_logprobs(out, good, good, 2, (double)NAN));
    REFUSES(w, TKR_ERR_NUMERIC, NULL, tkr_mix_logprobs(out, nan, good, 2, 0.5));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_mix_distribution(all, fine, fine, 0, 0.5));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_mix_distribution(all, fine, fine, 2, -0.5));
    REFUSES(w, TKR_ERR_NUMERIC, NULL, tkr_mix_distribution(all, fine, wrong, 2, 0.5));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_logits_logprobs(out, fine, NULL, 1, 2));
    REFUSES(w, TKR_ERR_TOKEN, NULL, tkr_logits_logprobs(out, fine, bad_id, 1, 2));
    REFUSES(w, TKR_ERR_NUMERIC, NULL, tkr_logits_logprobs(out, wrong, id, 1, 2));
    REFUSES(w, TKR_ERR_NUMERIC, NULL, tkr_logits_distribution(all, none, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_logits_distribution(NULL, fine, 2));
    tkr_score score = {.size = sizeof score}, blank = score;
    const double positive[2] = {-1, 0.5};
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_score_logprobs(NULL, good, NULL, 2));
    REFUSES(w, TKR_ERR_NUMERIC, NULL, tkr_score_logprobs(&score, nan, NULL, 2));
    REFUSES(w, TKR_ERR_NUMERIC, NULL, tkr_score_logprobs(&score, positive, NULL, 2));
    assert_memory_equal(&score, &blank, sizeof score);
}

static void test_cache(void **state) {
    world *w = *state;
    const tkr_env *env = &w->env;
    tkr_cache **made = &w->made.cache;
    const int32_t high[2] = {0, V};
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cache_size(NULL, V, 4));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cache_size(w->io.u, 0, 4));
    REFUSES(w, TKR_ERR_MEMORY, NULL, tkr_cache_size(w->io.u, V, INT64_MAX));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cache_create(NULL, V, 4, env));
    REFUSES_TO_MAKE(w, TKR_ERR_ARGUMENT, tkr_cache_create(made, V, 0, env));
    REFUSES_TO_MAKE(w, TKR_ERR_MEMORY, tkr_cache_create(made, V, INT64_MAX, env));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cache_reset(NULL));
    REFUSES(w, TKR_ERR_TOKEN, tkr_cache_detail(w->cache),
            tkr_cache_logprobs(w->cache, w->io.real, high, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, tkr_cache_detail(w->cache),
            tkr_cache_logprobs(w->cache, w->io.real, NULL, 2));
    REFUSES(w, TKR_ERR_ARGUMENT, NULL, tkr_cache_distribution(w->cache, NULL));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, refusal_setup, refusal_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_create),   CASE(test_options),   CASE(test_count),   CASE(test_count_from),
        CASE(test_estimate), CASE(test_questions), CASE(test_carried), CASE(test_files),
        CASE(test_loads),    CASE(test_names),     CASE(test_mixes),   CASE(test_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
