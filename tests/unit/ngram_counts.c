/* SPDX-License-Identifier: MIT
 * Counting: however a text comes, in one piece, in many, in sentences, through a reader, counted in
 * parts that are merged, the counts are the same, to the byte of their file. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/heap.h"
#include "support/stream.h"
#include "support/support.h"

enum { V = 5 };

static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static int32_t *random_text(int64_t n, int symbols, uint64_t seed) {
    int32_t *text = malloc((size_t)n * sizeof *text);
    assert_non_null(text);
    for (int64_t i = 0; i < n; i++) {
        text[i] = (int32_t)(next_random(&seed) % (uint64_t)symbols);
    }
    return text;
}

static tkr_ngram *empty(int32_t order, int64_t symbols) {
    tkr_ngram *ngram;
    assert_ok(tkr_ngram_create(&ngram, order, symbols, NULL));
    return ngram;
}

/* Fail unless both have the same counts, n-gram for n-gram. */
static void expect_same(tkr_ngram *a, tkr_ngram *b) {
    stream bytes[2];
    tkr_ngram *ngrams[] = {a, b};
    for (int i = 0; i < 2; i++) {
        stream_init(&bytes[i]);
        tkr_writer writer = stream_writer(&bytes[i]);
        assert_ok(tkr_ngram_save_to(ngrams[i], &writer));
    }
    assert_int_equal(bytes[0].len, bytes[1].len);
    assert_memory_equal(bytes[0].bytes, bytes[1].bytes, bytes[0].len);
    stream_fini(&bytes[0]);
    stream_fini(&bytes[1]);
}

static uint64_t count_of(tkr_ngram *ngram, const int32_t *gram, int64_t n) {
    uint64_t count = 77777;
    assert_ok(tkr_ngram_get_count(ngram, &count, gram, n));
    return count;
}

static void test_counts_by_hand(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1, 0, 1, 2}, begin[] = {TKR_BEGIN, 0, 1};
    tkr_ngram *ngram = empty(3, 3);
    assert_ok(tkr_ngram_count(ngram, text, 5, TKR_BEGIN));
    assert_int_equal(count_of(ngram, text, 1), 2);     /* a */
    assert_int_equal(count_of(ngram, text, 2), 2);     /* ab */
    assert_int_equal(count_of(ngram, text, 3), 1);     /* aba */
    assert_int_equal(count_of(ngram, text + 1, 3), 1); /* bab */
    assert_int_equal(count_of(ngram, text + 3, 2), 1); /* bc */
    assert_int_equal(count_of(ngram, text + 4, 1), 1); /* c */
    assert_int_equal(count_of(ngram, begin, 1), 0);    /* the mark is no event */
    assert_int_equal(count_of(ngram, begin, 2), 1);
    assert_int_equal(count_of(ngram, begin, 3), 1);
    const int32_t never[] = {2, 2};
    assert_int_equal(count_of(ngram, never, 2), 0);
    tkr_ngram_destroy(ngram);

    /* Padding is context too, as often as the order has it, and no event. */
    ngram = empty(3, 3);
    assert_ok(tkr_ngram_count(ngram, text, 5, 2));
    const int32_t pads[] = {2, 2, 0};
    assert_int_equal(count_of(ngram, pads, 1), 1); /* the c at the end alone */
    assert_int_equal(count_of(ngram, pads, 2), 0);
    assert_int_equal(count_of(ngram, pads, 3), 1);
    assert_int_equal(count_of(ngram, pads + 1, 2), 1);
    tkr_ngram_destroy(ngram);
}

/* Two texts are not one: nothing is counted across their border. */
static void test_texts_are_apart(void **unused) {
    (void)unused;
    const int32_t first[] = {0, 1}, second[] = {2, 3}, across[] = {1, 2};
    tkr_ngram *ngram = empty(2, 4);
    assert_ok(tkr_ngram_count(ngram, first, 2, TKR_NOTHING));
    assert_ok(tkr_ngram_count(ngram, second, 2, TKR_NOTHING));
    assert_int_equal(count_of(ngram, across, 2), 0);
    assert_int_equal(count_of(ngram, first, 2), 1);
    assert_int_equal(count_of(ngram, second, 2), 1);
    assert_ok(tkr_ngram_count(ngram, across, 1, TKR_CONTINUE)); /* 3, then 1 */
    const int32_t continued[] = {3, 1};
    assert_int_equal(count_of(ngram, continued, 2), 1);
    tkr_ngram_destroy(ngram);
}

/* Any cut, with and without what was counted being sorted in between. */
static void test_pieces(void **unused) {
    (void)unused;
    enum { LEN = 60 };
    int32_t *text = random_text(LEN, V, compare_seed(50));
    const int32_t pads[] = {TKR_NOTHING, TKR_BEGIN, 3};
    for (int32_t order = 1; order <= 6; order++) {
        for (int p = 0; p < 3; p++) {
            tkr_ngram *whole = empty(order, V);
            assert_ok(tkr_ngram_count(whole, text, LEN, pads[p]));
            for (int cut = 0; cut <= LEN; cut++) {
                tkr_ngram *pieces = empty(order, V);
                int rest = cut ? TKR_CONTINUE : pads[p];
                assert_ok(tkr_ngram_count(pieces, text, cut, pads[p]));
                if (cut % 2) {
                    (void)count_of(pieces, text, 1); /* sorts */
                }
                assert_ok(tkr_ngram_count(pieces, text + cut, LEN - cut, rest));
                expect_same(whole, pieces);
                tkr_ngram_destroy(pieces);
            }
            tkr_ngram_destroy(whole);
        }
    }
    free(text);
}

static void test_one_id_at_a_time(void **unused) {
    (void)unused;
    enum { LEN = 200 };
    int32_t *text = random_text(LEN, V, compare_seed(51));
    tkr_ngram *whole = empty(4, V), *pieces = empty(4, V);
    assert_ok(tkr_ngram_count(whole, text, LEN, TKR_BEGIN));
    for (int i = 0; i < LEN; i++) {
        assert_ok(tkr_ngram_count(pieces, text + i, 1, i ? TKR_CONTINUE : TKR_BEGIN));
        (void)count_of(pieces, text, 1);
    }
    expect_same(whole, pieces);
    tkr_ngram_destroy(whole);
    tkr_ngram_destroy(pieces);
    free(text);
}

static void test_sentences(void **unused) {
    (void)unused;
    enum { LEN = 500, END = 0 };
    int32_t *text = random_text(LEN, V, compare_seed(52));
    tkr_ngram *at_once = empty(4, V), *one_by_one = empty(4, V);
    assert_ok(tkr_ngram_count_sentences(at_once, text, LEN, END));
    for (int from = 0, to; from < LEN; from = to) {
        for (to = from; to < LEN && text[to] != END; to++) {
        }
        to += to < LEN;
        assert_ok(tkr_ngram_count(one_by_one, text + from, to - from, TKR_BEGIN));
    }
    expect_same(at_once, one_by_one);
    const int32_t across[] = {END, 1};
    assert_int_equal(count_of(at_once, across, 2), 0);
    tkr_ngram_destroy(at_once);
    tkr_ngram_destroy(one_by_one);
    free(text);
}

/* Parts that are counted apart, each after the end of the one before, add up to the whole. */
static void test_merge(void **unused) {
    (void)unused;
    enum { PARTS = 4, LEN = 300 };
    tkr_ngram *whole = empty(5, V), *sum = empty(5, V);
    for (int i = 0; i < PARTS; i++) {
        int32_t *text = random_text(LEN, V, compare_seed(53) + (uint64_t)i);
        tkr_ngram *part = empty(5, V);
        assert_ok(tkr_ngram_count(whole, text, LEN, TKR_BEGIN));
        assert_ok(tkr_ngram_count(part, text, LEN, TKR_BEGIN));
        if (i % 2) {
            (void)count_of(part, text, 1); /* some parts are sorted, some are not */
        }
        assert_ok(tkr_ngram_merge(sum, part));
        tkr_ngram_destroy(part);
        free(text);
    }
    expect_same(whole, sum);
    tkr_ngram *nothing = empty(5, V);
    assert_ok(tkr_ngram_merge(sum, nothing));
    expect_same(whole, sum);
    assert_ok(tkr_ngram_merge(nothing, sum));
    expect_same(whole, nothing);
    tkr_ngram_destroy(nothing);
    tkr_ngram_destroy(whole);
    tkr_ngram_destroy(sum);
}

/* What was never seen after a symbol may be so unlikely that all the others have probability 1 in
 * double precision: then nothing is left to back off with, and no probability is infinite. */
static void test_counts_beyond_precision(void **unused) {
    (void)unused;
    const int32_t many[] = {0, 0}, once = 1, context = 0;
    for (int smoothing = TKR_ADD_K; smoothing <= TKR_MODIFIED_KNESER_NEY; smoothing++) {
        tkr_ngram *ngram;
        assert_ok(tkr_ngram_create(&ngram, 2, 2, NULL));
        assert_ok(tkr_ngram_count(ngram, many, 2, TKR_NOTHING));
        for (int doubled = 0; doubled < 60; doubled++) {
            tkr_ngram *copy;
            assert_ok(tkr_ngram_create(&copy, 2, 2, NULL));
            assert_ok(tkr_ngram_merge(copy, ngram));
            assert_ok(tkr_ngram_merge(ngram, copy));
            tkr_ngram_destroy(copy);
        }
        assert_ok(tkr_ngram_count(ngram, &once, 1, TKR_NOTHING));
        assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
        assert_ok(tkr_ngram_estimate(ngram, smoothing));
        double logprob = NAN, sum = 0;
        for (int32_t id = 0; id < 2; id++) {
            assert_ok(tkr_ngram_logprob(ngram, &logprob, &context, 1, id));
            sum += exp(logprob);
        }
        assert_true(fabs(sum - 1) <= 1e-12);
        tkr_ngram_destroy(ngram);
    }
}

/* More than the buffer holds, in one call; the same in calls that each fit. */
static void test_long_texts(void **unused) {
    (void)unused;
    enum { LEN = 2500000, PIECE = 400000 };
    int32_t *text = random_text(LEN, 4, compare_seed(54));
    const int32_t pads[] = {TKR_NOTHING, 1, TKR_BEGIN};
    for (int p = 0; p < 3; p++) {
        tkr_ngram *long_one = empty(6, 4), *pieces = empty(6, 4);
        assert_ok(tkr_ngram_count(long_one, text, 10, TKR_NOTHING));
        assert_ok(tkr_ngram_count(long_one, text, LEN, pads[p]));
        assert_ok(tkr_ngram_count(long_one, text, LEN, TKR_CONTINUE));
        assert_ok(tkr_ngram_count(pieces, text, 10, TKR_NOTHING));
        for (int twice = 0; twice < 2; twice++) {
            for (int64_t at = 0; at < LEN; at += PIECE) {
                int64_t n = LEN - at < PIECE ? LEN - at : PIECE;
                assert_ok(
                    tkr_ngram_count(pieces, text + at, n, at || twice ? TKR_CONTINUE : pads[p]));
            }
        }
        expect_same(long_one, pieces);
        const int32_t id = 2;
        uint64_t expected = 0;
        for (int64_t i = 0; i < LEN; i++) {
            expected += text[i] != id ? 0 : i < 10 ? 3 : 2;
        }
        assert_int_equal(count_of(long_one, &id, 1), expected);
        tkr_ngram_destroy(long_one);
        tkr_ngram_destroy(pieces);
    }
    tkr_ngram *at_once = empty(4, 4), *pieces = empty(4, 4);
    assert_ok(tkr_ngram_count_sentences(at_once, text, LEN, 3));
    int64_t half = LEN / 2;
    while (text[half - 1] != 3) {
        half++;
    }
    assert_ok(tkr_ngram_count_sentences(pieces, text, half, 3));
    assert_ok(tkr_ngram_count_sentences(pieces, text + half, LEN - half, 3));
    expect_same(at_once, pieces);
    tkr_ngram_destroy(at_once);
    tkr_ngram_destroy(pieces);
    free(text);
}

static const char poem[] =
    "gr\xC3\xBC\xC3\x9F dich\ngr\xC3\xBC\xC3\x9F Gott \xE2\x82\xAC\n\nund "
    "ein sehr langes Wort\n";
enum { POEM = sizeof poem - 1 };

/* Through a reader that brings a little at a time: what is cut is put together again. */
static void test_readers(void **unused) {
    (void)unused;
    const int32_t kinds[] = {TKR_BYTES, TKR_CHARACTERS, TKR_WORDS, TKR_SENTENCES};
    for (int k = 0; k < 4; k++) {
        tkr_vocabulary *vocabulary;
        int32_t ids[POEM], end = -1;
        int64_t n;
        assert_ok(tkr_vocabulary_create(&vocabulary, kinds[k], poem, POEM, NULL));
        assert_ok(tkr_vocabulary_encode(vocabulary, ids, POEM, &n, poem, POEM, -1));
        int64_t symbols = tkr_vocabulary_len(vocabulary);
        if (kinds[k] != TKR_WORDS) {
            const char *text = kinds[k] == TKR_SENTENCES ? "</s>" : "\n";
            assert_ok(tkr_vocabulary_find(vocabulary, &end, text, strlen(text)));
        }
        for (int sentences = 0; sentences < 1 + (end >= 0); sentences++) {
            tkr_ngram *want = empty(3, symbols);
            assert_ok(sentences ? tkr_ngram_count_sentences(want, ids, n, end)
                                : tkr_ngram_count(want, ids, n, TKR_NOTHING));
            for (uint64_t piece = 1; piece < 12; piece++) {
                stream s;
                stream_init(&s);
                stream_put(&s, poem, POEM);
                s.piece = piece;
                tkr_reader reader = stream_reader(&s);
                tkr_ngram *got = empty(3, symbols);
                assert_ok(tkr_ngram_count_from(
                    got, &reader, kinds[k] == TKR_BYTES ? NULL : vocabulary,
                    sentences ? TKR_BEGIN : TKR_NOTHING, sentences ? end : -1, -1));
                expect_same(want, got);
                tkr_ngram_destroy(got);
                stream_fini(&s);
            }
            tkr_ngram_destroy(want);
        }
        tkr_vocabulary_destroy(vocabulary);
    }
}

/* A reader that fails, text that is none, words that are unknown: nothing is counted. */
static void test_readers_refuse(void **unused) {
    (void)unused;
    tkr_vocabulary *characters, *words;
    tkr_ngram *ngram = empty(3, 40), *same = empty(3, 40);
    const int32_t some[] = {1, 2, 3};
    assert_ok(tkr_vocabulary_create(&characters, TKR_CHARACTERS, poem, POEM, NULL));
    assert_ok(tkr_vocabulary_create(&words, TKR_WORDS, poem, POEM, NULL));
    assert_ok(tkr_ngram_count(ngram, some, 3, TKR_BEGIN));
    assert_ok(tkr_ngram_count(same, some, 3, TKR_BEGIN));
    stream s;
    stream_init(&s);
    stream_put(&s, poem, POEM);
    s.piece = 7;
    for (s.fail_at = 0; s.fail_at < 5; s.fail_at++) {
        s.calls = 0;
        tkr_reader reader = stream_reader(&s);
        assert_status(tkr_ngram_count_from(ngram, &reader, characters, TKR_CONTINUE, -1, -1),
                      TKR_ERR_IO);
        expect_same(ngram, same);
    }
    s.fail_at = -1;
    s.liar = 1;
    tkr_reader reader = stream_reader(&s);
    assert_status(tkr_ngram_count_from(ngram, &reader, characters, TKR_BEGIN, -1, -1), TKR_ERR_IO);
    s.liar = 0;
    stream_put(&s, "\xC3", 1);
    reader = stream_reader(&s);
    assert_status(tkr_ngram_count_from(ngram, &reader, characters, TKR_BEGIN, -1, -1),
                  TKR_ERR_FORMAT);
    reader = stream_reader(&s);
    assert_status(tkr_ngram_count_from(ngram, &reader, words, TKR_BEGIN, -1, -1), TKR_ERR_TOKEN);
    reader = stream_reader(&s);
    assert_status(tkr_ngram_count_from(ngram, &reader, NULL, TKR_BEGIN, -1, -1), TKR_ERR_SHAPE);
    assert_status(tkr_ngram_count_from(ngram, NULL, words, TKR_BEGIN, -1, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_count_from(ngram, &reader, words, 40, -1, -1), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_count_from(ngram, &reader, words, -1, 40, -1), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_count_from(ngram, &reader, words, -1, -1, 40), TKR_ERR_TOKEN);
    expect_same(ngram, same);
    reader = stream_reader(&s);
    stream_put(&s, " </s> ", 6);
    reader = stream_reader(&s);
    assert_status(tkr_ngram_count_from(ngram, &reader, words, TKR_BEGIN, -1, 0), TKR_ERR_FORMAT);
    assert_non_null(strstr(tkr_ngram_detail(ngram), "TKR_RESERVED"));
    expect_same(ngram, same);
    assert_ok(tkr_vocabulary_set_int(words, TKR_RESERVED, 1));
    reader = stream_reader(&s);
    assert_ok(tkr_ngram_count_from(ngram, &reader, words, TKR_BEGIN, -1, 0));
    tkr_ngram_destroy(ngram);
    tkr_ngram_destroy(same);
    tkr_vocabulary_destroy(characters);
    tkr_vocabulary_destroy(words);
    stream_fini(&s);
}

/* The peak of counting `n` ids in pieces and of one estimation; with `forecast`, what is told of it
 * behind a tenth. */
static uint64_t peak_of(const int32_t *ids, int64_t n, int64_t piece, int32_t order,
                        int64_t symbols, uint64_t *forecast) {
    heap h;
    tkr_env env;
    tkr_ngram *ngram;
    heap_init(&h, &env);
    assert_ok(tkr_ngram_create(&ngram, order, symbols, &env));
    for (int64_t at = 0; at < n; at += piece) {
        const int64_t len = n - at < piece ? n - at : piece;
        if (forecast && at >= n / 10) {
            assert_ok(tkr_ngram_forecast(ngram, forecast, n + order));
            forecast = NULL;
        }
        assert_ok(tkr_ngram_count(ngram, ids + at, len, at ? TKR_CONTINUE : TKR_BEGIN));
    }
    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
    assert_ok(tkr_ngram_estimate(ngram, TKR_MODIFIED_KNESER_NEY));
    tkr_ngram_destroy(ngram);
    assert_true(heap_is_clean(&h));
    return h.peak;
}

/* Where no n-gram comes twice the bound is near. */
static void test_memory_of_different_ngrams(void **unused) {
    (void)unused;
    enum { MOST = 2600000 };
    int32_t *ids = malloc(MOST * sizeof *ids);
    assert_non_null(ids);
    for (int32_t i = 0; i < MOST; i++) {
        ids[i] = i;
    }
    static const int64_t cases[][3] = {{500, 3, 500},       {100000, 1, 100000}, {100000, 2, 700},
                                       {100000, 5, 100000}, {30000, 16, 999},    {MOST, 1, 300000},
                                       {MOST, 2, MOST},     {MOST, 3, 300000}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        const int64_t n = cases[c][0];
        const int32_t order = (int32_t)cases[c][1];
        uint64_t announced = 0, forecast = 0;
        assert_ok(tkr_ngram_size(&announced, order, n, n + order));
        const uint64_t peak =
            peak_of(ids, n, cases[c][2], order, n, cases[c][2] < n ? &forecast : NULL);
        if (peak > announced || (double)announced > 1.5 * (double)peak) {
            fail_msg("case %d: announced %.0f, peak %.0f", (int)c, (double)announced, (double)peak);
        }
        if (forecast) {
            assert_true(forecast <= announced && (double)forecast > 0.99 * (double)announced);
        }
    }
    free(ids);
}

/* A sample tells what the whole takes: words of a text come as Zipf says, p(id) ~ 1 / (id + 1). */
static void test_forecast(void **unused) {
    (void)unused;
    enum { LEN = 1200000, WORDS = 20000 };
    int32_t *ids = malloc(LEN * sizeof *ids);
    uint64_t random = compare_seed(12), announced = 0, forecast = 0;
    assert_non_null(ids);
    for (int32_t i = 0; i < LEN; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const double u = (double)(random >> 11) / 9007199254740992.0;
        const double id = exp(u * log(WORDS + 1)) - 1;
        ids[i] = id < WORDS ? (int32_t)id : WORDS - 1;
    }
    for (int32_t order = 1; order <= 3; order++) {
        const uint64_t peak = peak_of(ids, LEN, 60000, order, WORDS, &forecast);
        assert_ok(tkr_ngram_size(&announced, order, WORDS, LEN + order));
        print_message("order %d: peak %.1f MB, forecast %.1f, bound %.1f\n", (int)order,
                      (double)peak / 1e6, (double)forecast / 1e6, (double)announced / 1e6);
        if (forecast < peak || (double)forecast > 2 * (double)peak || forecast > announced) {
            fail_msg("order %d: forecast %.0f, peak %.0f", (int)order, (double)forecast,
                     (double)peak);
        }
    }
    free(ids);
    tkr_ngram *ngram = empty(3, 4);
    const int32_t some[] = {1, 2};
    uint64_t bytes = 7, small = 7;
    assert_status(tkr_ngram_forecast(NULL, &bytes, 1), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_forecast(ngram, NULL, 1), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_forecast(ngram, &bytes, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_forecast(ngram, &bytes, 1), TKR_ERR_ORDER);
    assert_int_equal(bytes, 7);
    assert_ok(tkr_ngram_count(ngram, some, 2, TKR_BEGIN));
    assert_ok(tkr_ngram_forecast(ngram, &small, 0)); /* never less than what is there */
    assert_ok(tkr_ngram_forecast(ngram, &bytes, INT64_MAX / 1024));
    assert_true(small < bytes);
    tkr_ngram_destroy(ngram);
}

/* What tkr_ngram_size() announces is enough, and not absurd. */
static void test_memory_is_announced(void **unused) {
    (void)unused;
    const struct {
        int64_t n;
        int32_t order, symbols, smoothing;
    } cases[] = {{1, 1, 1, 1},          {100, 3, 4, 7},      {5000, 5, 60, 7},  {200000, 8, 30, 1},
                 {200000, 2, 50000, 3}, {1500000, 6, 20, 6}, {300000, 2, 2, 3}, {2600000, 3, 2, 7}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        heap h;
        tkr_env env;
        uint64_t announced = 0;
        tkr_ngram *ngram;
        int32_t *text = random_text(cases[c].n, cases[c].symbols, compare_seed(55));
        heap_init(&h, &env);
        assert_ok(tkr_ngram_size(&announced, cases[c].order, cases[c].symbols,
                                 cases[c].n + 3 * cases[c].order));
        assert_ok(tkr_ngram_create(&ngram, cases[c].order, cases[c].symbols, &env));
        for (int part = 0; part < 3 && cases[c].symbols != 2; part++) {
            int64_t from = cases[c].n * part / 3, to = cases[c].n * (part + 1) / 3;
            assert_ok(tkr_ngram_count(ngram, text + from, to - from, part ? 0 : TKR_BEGIN));
        }
        if (cases[c].symbols == 2) { /* every second id ends a sentence */
            int64_t sentences = 0;
            for (int64_t i = 0; i < cases[c].n; i++) {
                sentences += text[i] == 0;
            }
            assert_ok(tkr_ngram_size(&announced, cases[c].order, 2,
                                     cases[c].n + (sentences + 1) * cases[c].order));
            assert_ok(tkr_ngram_count_sentences(ngram, text, cases[c].n, 0));
        }
        assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
        assert_ok(tkr_ngram_estimate(ngram, cases[c].smoothing));
        if (h.peak > announced || announced > 200 * h.peak) {
            fail_msg("case %d: announced %llu, peak %llu", (int)c, (unsigned long long)announced,
                     (unsigned long long)h.peak);
        }
        tkr_ngram_destroy(ngram);
        assert_true(heap_is_clean(&h));
        free(text);
    }
    uint64_t bytes = 7;
    assert_status(tkr_ngram_size(NULL, 3, 4, 5), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_size(&bytes, 0, 4, 5), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_size(&bytes, 3, 4, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_size(&bytes, 16, 1 << 30, INT64_MAX), TKR_ERR_MEMORY);
    assert_true(bytes == 7);
}

static void test_refusals(void **unused) {
    (void)unused;
    tkr_ngram *ngram = empty(3, V), *other = empty(2, V), *more = empty(3, V + 1);
    const int32_t text[] = {0, 1, V, TKR_BEGIN};
    uint64_t count = 7;
    assert_status(tkr_ngram_count(ngram, text, 2, -4), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_count(ngram, text + 3, 1, -1), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_count_sentences(ngram, text, 3, 0), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_count_sentences(ngram, text, 2, V), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_count_sentences(ngram, text, 2, -1), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_merge(ngram, other), TKR_ERR_SHAPE);
    assert_status(tkr_ngram_merge(ngram, more), TKR_ERR_SHAPE);
    assert_status(tkr_ngram_merge(ngram, ngram), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_merge(ngram, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_get_count(ngram, &count, text, 0), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_get_count(ngram, &count, text, 4), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_get_count(ngram, &count, text, 3), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_get_count(ngram, NULL, text, 1), TKR_ERR_ARGUMENT);
    assert_true(count == 7);
    assert_int_equal(count_of(ngram, text, 2), 0);
    assert_ok(tkr_ngram_count(ngram, text, 2, TKR_CONTINUE)); /* of nothing */
    assert_int_equal(count_of(ngram, text, 2), 1);
    assert_ok(tkr_ngram_estimate(ngram, TKR_WITTEN_BELL));
    assert_status(tkr_ngram_count(ngram, text, 2, -1), TKR_ERR_ORDER);
    assert_status(tkr_ngram_count_sentences(ngram, text, 2, 0), TKR_ERR_ORDER);
    assert_int_equal(count_of(ngram, text, 2), 1);
    tkr_ngram_destroy(ngram);
    tkr_ngram_destroy(other);
    tkr_ngram_destroy(more);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts_by_hand),
        cmocka_unit_test(test_texts_are_apart),
        cmocka_unit_test(test_pieces),
        cmocka_unit_test(test_one_id_at_a_time),
        cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_counts_beyond_precision),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_readers),
        cmocka_unit_test(test_readers_refuse),
        cmocka_unit_test(test_memory_is_announced),
        cmocka_unit_test(test_memory_of_different_ngrams),
        cmocka_unit_test(test_forecast),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
