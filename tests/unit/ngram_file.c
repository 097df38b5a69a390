/* SPDX-License-Identifier: MIT
 * N-grams as files: what is saved comes back, copied, loaded or mapped; carried states go on in all
 * of them; and no damaged byte is taken for a model. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ngram/file.h"
#include "ngram/sink.h"
#include "support/heap.h"
#include "support/stream.h"
#include "support/support.h"

enum { V = 5, LEN = 400, HEADER = 256 };

static const char path[] = "test_ngram_file.tmp";
static int32_t text[LEN];

static int fill_text(void **unused) {
    (void)unused;
    uint32_t random = 12345;
    for (int i = 0; i < LEN; i++) {
        random = random * 1664525u + 1013904223u;
        text[i] = (int32_t)((random >> 28) % (V - 1)); /* id V - 1 never occurs */
    }
    return 0;
}

static tkr_ngram *counted(int32_t order) {
    tkr_ngram *ngram;
    assert_ok(tkr_ngram_create(&ngram, order, V, NULL));
    assert_ok(tkr_ngram_count(ngram, text, LEN, TKR_BEGIN));
    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
    return ngram;
}

static tkr_ngram *estimated(int32_t order, int32_t smoothing) {
    tkr_ngram *ngram = counted(order);
    assert_ok(tkr_ngram_estimate(ngram, smoothing));
    return ngram;
}

/* Both give every id of a text the same probability, carried on from `begin`. */
static void expect_same_answers(const tkr_ngram *a, const tkr_ngram *b, double tolerance) {
    tkr_ngram_state states[2];
    double got[LEN], want[LEN];
    float all[2][V];
    const int32_t begin = TKR_BEGIN;
    assert_ok(tkr_ngram_start(a, &states[0], &begin, 1));
    assert_ok(tkr_ngram_start(b, &states[1], &begin, 1));
    assert_ok(tkr_ngram_logprobs(a, &states[0], want, text, LEN));
    assert_ok(tkr_ngram_logprobs(b, &states[1], got, text, LEN));
    for (int i = 0; i < LEN; i++) {
        assert_true(got[i] == want[i] || fabs(got[i] - want[i]) <= tolerance);
    }
    assert_memory_equal(&states[0], &states[1], sizeof states[0]);
    assert_ok(tkr_ngram_next(a, &states[0], all[0]));
    assert_ok(tkr_ngram_next(b, &states[0], all[1]));
    assert_near(all[1], all[0], V, tolerance);
}

static stream saved(tkr_ngram *ngram) {
    stream s;
    stream_init(&s);
    tkr_writer writer = stream_writer(&s);
    assert_ok(tkr_ngram_save_to(ngram, &writer));
    return s;
}

static int32_t load(tkr_ngram **ngram, stream *s, const tkr_env *env) {
    tkr_reader reader = stream_reader(s);
    return tkr_ngram_load_from(ngram, &reader, env);
}

static void test_models_come_back(void **unused) {
    (void)unused;
    for (int smoothing = TKR_MAXIMUM_LIKELIHOOD; smoothing <= TKR_MODIFIED_KNESER_NEY;
         smoothing++) {
        for (int32_t order = 1; order <= 5; order += 2) {
            tkr_ngram *ngram = estimated(order, smoothing), *loaded, *compact;
            stream s = saved(ngram);
            assert_ok(load(&loaded, &s, NULL));
            expect_same_answers(ngram, loaded, 0);
            tkr_ngram_destroy(loaded);
            s.piece = 3;
            assert_ok(load(&loaded, &s, NULL));
            expect_same_answers(ngram, loaded, 0);
            stream again = saved(loaded);
            assert_int_equal(again.len, s.len);
            assert_memory_equal(again.bytes, s.bytes, s.len);
            assert_ok(tkr_ngram_compact(&compact, ngram, NULL));
            expect_same_answers(ngram, compact, 1e-5);
            tkr_ngram_destroy(compact);
            tkr_ngram_destroy(loaded);
            tkr_ngram_destroy(ngram);
            stream_fini(&again);
            stream_fini(&s);
        }
    }
}

static void test_files_and_maps(void **unused) {
    (void)unused;
    tkr_ngram *ngram = estimated(4, TKR_MODIFIED_KNESER_NEY), *compact, *loaded, *mapped;
    assert_ok(tkr_ngram_compact(&compact, ngram, NULL));
    assert_ok(tkr_ngram_save(compact, path));
    assert_ok(tkr_ngram_load(&loaded, path, NULL));
    assert_ok(tkr_ngram_map(&mapped, path, NULL));
    expect_same_answers(compact, loaded, 0);
    expect_same_answers(compact, mapped, 0);
    /* A save renames: who has the old file mapped keeps it. */
    assert_ok(tkr_ngram_save(ngram, path));
    expect_same_answers(compact, mapped, 0);
    tkr_ngram *second;
    assert_ok(tkr_ngram_compact(&second, mapped, NULL));
    expect_same_answers(compact, second, 0);
    assert_ok(tkr_ngram_save(mapped, path));
    int32_t order = 0, precision = 0;
    int64_t symbols = 0, full = 0, few = 0;
    assert_ok(tkr_ngram_shape(mapped, &order, &symbols, &precision));
    assert_true(order == 4 && symbols == V && precision == 4);
    assert_ok(tkr_ngram_shape(ngram, NULL, NULL, &precision));
    assert_int_equal(precision, 8);
    assert_ok(tkr_ngram_len(mapped, 3, &few, NULL));
    assert_ok(tkr_ngram_len(ngram, 3, &full, NULL));
    assert_int_equal(few, full);
    tkr_ngram *all[] = {ngram, compact, loaded, mapped, second};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        tkr_ngram_destroy(all[i]);
    }
    assert_int_equal(unlink(path), 0);
}

/* A handle without counts says so; one without a model too. */
static void test_what_is_missing(void **unused) {
    (void)unused;
    tkr_ngram *ngram = counted(3), *other = counted(3), *compact = (void *)text,
              *loaded = (void *)text;
    uint64_t count;
    int64_t n;
    assert_status(tkr_ngram_compact(&compact, ngram, NULL), TKR_ERR_ORDER);
    assert_null(compact);
    assert_status(tkr_ngram_len(ngram, 1, &n, NULL), TKR_ERR_ORDER);
    assert_ok(tkr_ngram_save(ngram, path));
    char detail[100] = "";
    tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail};
    assert_status(tkr_ngram_map(&loaded, path, &env), TKR_ERR_UNSUPPORTED);
    assert_null(loaded);
    assert_string_equal(detail, "'test_ngram_file.tmp': counts are loaded, not mapped");
    assert_int_equal(unlink(path), 0);
    assert_status(tkr_ngram_map(&loaded, path, &env), TKR_ERR_IO);
    assert_status(tkr_ngram_load(&loaded, path, &env), TKR_ERR_IO);
    assert_status(tkr_ngram_load(&loaded, NULL, &env), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_load_from(&loaded, NULL, &env), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_save(ngram, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_save_to(ngram, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_save(ngram, "no/such/folder/file"), TKR_ERR_IO);
    assert_ok(tkr_ngram_estimate(ngram, TKR_WITTEN_BELL));
    assert_ok(tkr_ngram_compact(&compact, ngram, NULL));
    assert_status(tkr_ngram_count(compact, text, 1, -1), TKR_ERR_ORDER);
    assert_status(tkr_ngram_count_sentences(compact, text, 1, 0), TKR_ERR_ORDER);
    assert_status(tkr_ngram_get_count(compact, &count, text, 1), TKR_ERR_ORDER);
    assert_status(tkr_ngram_estimate(compact, TKR_WITTEN_BELL), TKR_ERR_ORDER);
    assert_status(tkr_ngram_merge(compact, other), TKR_ERR_ORDER);
    assert_status(tkr_ngram_merge(other, compact), TKR_ERR_ORDER);
    tkr_ngram_destroy(ngram);
    tkr_ngram_destroy(other);
    tkr_ngram_destroy(compact);
}

/* Counts of parts, saved by different processes, are loaded and merged. */
static void test_counts_come_back(void **unused) {
    (void)unused;
    tkr_ngram *ngram = counted(4), *loaded, *nothing;
    stream s = saved(ngram);
    assert_ok(load(&loaded, &s, NULL));
    assert_ok(tkr_ngram_merge(loaded, ngram));
    assert_ok(tkr_ngram_count(ngram, text, LEN, TKR_BEGIN));
    stream twice[] = {saved(ngram), saved(loaded)};
    assert_int_equal(twice[0].len, twice[1].len);
    assert_memory_equal(twice[0].bytes, twice[1].bytes, twice[0].len);
    assert_ok(tkr_ngram_set_int(loaded, TKR_FALLBACK, 1));
    assert_ok(tkr_ngram_estimate(ngram, TKR_MODIFIED_KNESER_NEY));
    assert_ok(tkr_ngram_estimate(loaded, TKR_MODIFIED_KNESER_NEY));
    expect_same_answers(ngram, loaded, 0);
    tkr_ngram_destroy(ngram);
    tkr_ngram_destroy(loaded);
    assert_ok(tkr_ngram_create(&nothing, 3, V, NULL));
    stream empty = saved(nothing);
    assert_ok(load(&loaded, &empty, NULL));
    assert_status(tkr_ngram_estimate(loaded, TKR_WITTEN_BELL), TKR_ERR_ORDER);
    tkr_ngram_destroy(nothing);
    tkr_ngram_destroy(loaded);
    stream_fini(&s);
    stream_fini(&empty);
    stream_fini(&twice[0]);
    stream_fini(&twice[1]);
}

/* The vocabulary goes with the model, its copy and its file. */
static void test_vocabularies_come_back(void **unused) {
    (void)unused;
    static const char words[] = "the cat sat\n";
    const int32_t kinds[] = {TKR_BYTES, TKR_CHARACTERS, TKR_WORDS, TKR_SENTENCES};
    for (int k = 0; k < 4; k++) {
        tkr_vocabulary *given, *kept;
        tkr_ngram *ngram, *compact, *loaded;
        assert_ok(tkr_vocabulary_create(&given, kinds[k], words, sizeof words - 1, NULL));
        assert_ok(tkr_ngram_create(&ngram, 2, tkr_vocabulary_len(given), NULL));
        assert_status(tkr_ngram_get_vocabulary(&kept, ngram, NULL), TKR_ERR_KEY);
        assert_ok(tkr_ngram_set_vocabulary(ngram, given));
        assert_ok(tkr_ngram_count(ngram, text, 1, TKR_NOTHING));
        assert_ok(tkr_ngram_estimate(ngram, TKR_WITTEN_BELL));
        assert_ok(tkr_ngram_compact(&compact, ngram, NULL));
        stream s = saved(compact);
        assert_ok(load(&loaded, &s, NULL));
        assert_ok(tkr_ngram_get_vocabulary(&kept, loaded, NULL));
        int32_t want[sizeof words], got[sizeof words];
        int64_t n_want, n_got;
        assert_ok(tkr_vocabulary_encode(given, want, sizeof words, &n_want, words, 12, -1));
        assert_ok(tkr_vocabulary_encode(kept, got, sizeof words, &n_got, words, 12, -1));
        assert_int_equal(tkr_vocabulary_len(kept), tkr_vocabulary_len(given));
        assert_int_equal(n_got, n_want);
        assert_memory_equal(got, want, (size_t)n_got * sizeof *got);
        assert_ok(tkr_ngram_set_vocabulary(loaded, NULL));
        tkr_vocabulary_destroy(kept);
        assert_status(tkr_ngram_get_vocabulary(&kept, loaded, NULL), TKR_ERR_KEY);
        tkr_vocabulary *other;
        assert_ok(tkr_vocabulary_create(&other, TKR_WORDS, "a", 1, NULL));
        assert_status(tkr_ngram_set_vocabulary(ngram, other), TKR_ERR_SHAPE);
        tkr_vocabulary_destroy(other);
        tkr_vocabulary_destroy(given);
        tkr_ngram_destroy(ngram);
        tkr_ngram_destroy(compact);
        tkr_ngram_destroy(loaded);
        stream_fini(&s);
    }
}

/* A file with everything in it: a model, or counts, with words. */
static stream sample(int model) {
    tkr_ngram *ngram = counted(3);
    tkr_vocabulary *vocabulary;
    assert_ok(tkr_vocabulary_create(&vocabulary, TKR_SENTENCES, "a bc def", 8, NULL));
    assert_ok(tkr_ngram_set_vocabulary(ngram, vocabulary));
    if (model) {
        assert_ok(tkr_ngram_estimate(ngram, TKR_MODIFIED_KNESER_NEY));
    }
    stream s = saved(ngram);
    tkr_vocabulary_destroy(vocabulary);
    tkr_ngram_destroy(ngram);
    return s;
}

static void test_every_truncation(void **unused) {
    (void)unused;
    for (int model = 0; model < 2; model++) {
        stream s = sample(model);
        uint64_t whole = s.len;
        for (s.len = 0; s.len < whole; s.len++) {
            heap h;
            tkr_env env;
            tkr_ngram *ngram = (void *)&h;
            heap_init(&h, &env);
            assert_status(load(&ngram, &s, &env), TKR_ERR_FORMAT);
            assert_null(ngram);
            assert_true(heap_is_clean(&h));
        }
        stream_put(&s, "", 1);
        tkr_ngram *ngram;
        assert_status(load(&ngram, &s, NULL), TKR_ERR_FORMAT); /* and one byte too many */
        stream_fini(&s);
    }
}

static void test_every_flipped_bit(void **unused) {
    (void)unused;
    for (int model = 0; model < 2; model++) {
        stream s = sample(model);
        for (uint64_t bit = 0; bit < 8 * s.len; bit++) {
            tkr_ngram *ngram = NULL;
            s.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
            int32_t status = load(&ngram, &s, NULL);
            s.bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
            if (status != TKR_ERR_FORMAT && status != TKR_ERR_UNSUPPORTED) {
                fail_msg("bit %llu of byte %llu: status %d", (unsigned long long)bit % 8,
                         (unsigned long long)bit / 8, (int)status);
            }
            assert_null(ngram);
        }
        stream_fini(&s);
    }
}

/* Put the right sum into a file that was tampered with. */
static void correct_sum(stream *s) {
    memset(s->bytes + 56, 0, 8);
    uint64_t sum = tkri_sink_sum(0, s->bytes, s->len);
    for (int i = 0; i < 8; i++) {
        s->bytes[56 + i] = (unsigned char)(sum >> (8 * i));
    }
}

/* Whoever makes the sum fit may make a bad model, but none that leads a question astray. */
static void test_tampering(void **unused) {
    (void)unused;
    uint64_t random = compare_seed(60);
    int taken = 0;
    for (int model = 0; model < 2; model++) {
        stream s = sample(model);
        unsigned char *good = malloc((size_t)s.len);
        assert_non_null(good);
        memcpy(good, s.bytes, (size_t)s.len);
        for (int trial = 0; trial < 20000; trial++) {
            random = random * UINT64_C(6364136223846793005) + 1;
            uint64_t at = HEADER + (random >> 20) % (s.len - HEADER);
            at = trial % 5 ? at : (random >> 20) % HEADER;
            tkr_ngram *ngram = NULL;
            memcpy(s.bytes, good, (size_t)s.len);
            s.bytes[at] = (unsigned char)(random >> 56);
            correct_sum(&s);
            if (load(&ngram, &s, NULL) == TKR_OK) {
                double logprob[LEN];
                float all[V];
                tkr_ngram_state state;
                int32_t precision = 0;
                taken++;
                assert_ok(tkr_ngram_shape(ngram, NULL, NULL, &precision));
                if (!precision) {
                    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
                    int32_t status = tkr_ngram_estimate(ngram, TKR_MODIFIED_KNESER_NEY);
                    assert_true(status == TKR_OK || status == TKR_ERR_NUMERIC);
                }
                if (tkr_ngram_start(ngram, &state, text, 3) == TKR_OK) {
                    assert_ok(tkr_ngram_logprobs(ngram, &state, logprob, text, LEN));
                    assert_ok(tkr_ngram_next(ngram, &state, all));
                }
            }
            tkr_ngram_destroy(ngram);
        }
        free(good);
        stream_fini(&s);
    }
    assert_true(taken > 100); /* the trials did get behind the sum */
}

/* Counts of nothing have no level, and none that is all zeros: that would be saved otherwise. */
static void test_counts_of_nothing(void **unused) {
    (void)unused;
    enum { CLAIMED = 10 };
    static const unsigned char zeros[512];
    tkr_ngram *ngram;
    tkri_file_header header;
    unsigned char head[TKRI_FILE_HEADER];
    stream s;
    tkr_writer writer = stream_writer(&s);
    stream_init(&s);
    assert_ok(tkr_ngram_create(&ngram, 2, V, NULL));
    assert_ok(tkr_ngram_save_to(ngram, &writer));
    tkr_ngram_destroy(ngram);
    assert_ok(load(&ngram, &s, NULL));
    tkr_ngram_destroy(ngram);
    assert_ok(tkri_file_decode(&header, s.bytes, NULL));
    header.lens[1] = CLAIMED;
    header.block = tkri_file_counts_size(2, header.lens);
    tkri_file_encode(head, &header);
    stream_fini(&s);
    stream_init(&s);
    stream_put(&s, head, sizeof head);
    stream_put(&s, zeros, header.block);
    correct_sum(&s);
    assert_status(load(&ngram, &s, NULL), TKR_ERR_FORMAT);
    assert_null(ngram);
    stream_fini(&s);
}

/* What the header claims is not allocated before it is there. */
static void test_claims_are_not_believed(void **unused) {
    (void)unused;
    stream s = sample(1);
    heap h;
    tkr_env env;
    tkr_ngram *ngram;
    tkri_file_header header;
    tkri_model_shape shape = {V, 3, 8, TKRI_BACKS_OFF, {V + 1, 3000000000u, 4000000000u}};
    tkri_model model;
    heap_init(&h, &env);
    assert_ok(tkri_file_decode(&header, s.bytes, NULL));
    memcpy(header.lens, shape.lens, sizeof shape.lens);
    header.block = tkri_model_lay_out(&model, &shape, NULL);
    tkri_file_encode(s.bytes, &header);
    assert_status(load(&ngram, &s, &env), TKR_ERR_FORMAT);
    assert_true(h.peak < 4 << 20);
    assert_true(heap_is_clean(&h));
    stream_fini(&s);
}

static void test_states(void **unused) {
    (void)unused;
    tkr_ngram *ngram = estimated(4, TKR_MODIFIED_KNESER_NEY), *small = estimated(2, TKR_KATZ);
    tkr_ngram_state state, copy, wrong;
    double whole[LEN], logprob = 7, tail[LEN];
    const int32_t begin = TKR_BEGIN, bad = V;
    assert_ok(tkr_ngram_start(ngram, &state, &begin, 1));
    assert_ok(tkr_ngram_logprobs(ngram, &state, whole, text, LEN));
    assert_ok(tkr_ngram_start(ngram, &state, &begin, 1));
    for (int i = 0; i < LEN; i++) {
        double alone;
        int32_t context[4] = {TKR_BEGIN, 0, 0, 0};
        int n = i < 3 ? i : 3;
        memcpy(context + (i < 3), text + i - n, (size_t)n * sizeof *text);
        assert_ok(tkr_ngram_logprob(ngram, &alone, context, n + (i < 3), text[i]));
        copy = state; /* a state is plain memory: asked twice it answers the same */
        assert_ok(tkr_ngram_step(ngram, &copy, &logprob, text[i]));
        assert_true(logprob == whole[i] && alone == whole[i]);
        assert_ok(tkr_ngram_step(ngram, &state, NULL, text[i]));
        assert_memory_equal(&copy, &state, sizeof copy);
    }
    assert_ok(tkr_ngram_start(ngram, &state, text, 0));
    assert_ok(tkr_ngram_start(ngram, &copy, NULL, 0));
    assert_memory_equal(&copy, &state, sizeof copy);

    logprob = 7;
    copy = state;
    assert_status(tkr_ngram_step(ngram, &state, &logprob, bad), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_step(ngram, &state, &logprob, TKR_BEGIN), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_step(ngram, NULL, &logprob, 0), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_start(ngram, NULL, NULL, 0), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_start(ngram, &state, &bad, 1), TKR_ERR_TOKEN);
    tail[0] = 7;
    const int32_t then_bad[] = {0, 1, V};
    assert_status(tkr_ngram_logprobs(ngram, &state, tail, then_bad, 3), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_logprobs(ngram, &state, NULL, text, 3), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_next(ngram, &state, NULL), TKR_ERR_ARGUMENT);
    assert_true(logprob == 7 && tail[0] == 7);
    assert_memory_equal(&copy, &state, sizeof copy);
    /* No bytes of a state can lead out of the model. */
    for (uint64_t word = 0; word < 64; word++) {
        wrong = (tkr_ngram_state){{UINT64_C(1) << word, 0}};
        float all[V];
        int32_t status = tkr_ngram_next(ngram, &wrong, all);
        assert_true(status == TKR_OK || status == TKR_ERR_ARGUMENT);
        assert_true(status == tkr_ngram_step(ngram, &wrong, NULL, 0));
        wrong = (tkr_ngram_state){{~(UINT64_C(1) << word), 0}};
        assert_status(tkr_ngram_next(ngram, &wrong, all), TKR_ERR_ARGUMENT);
    }
    assert_ok(tkr_ngram_start(ngram, &state, text, 3));
    assert_status(tkr_ngram_step(small, &state, NULL, 0), TKR_ERR_ARGUMENT);
    tkr_ngram_destroy(ngram);
    tkr_ngram_destroy(small);
}

static void test_scores(void **unused) {
    (void)unused;
    tkr_ngram *ngram = estimated(3, TKR_WITTEN_BELL);
    tkr_ngram_state state;
    double logprobs[LEN], sum = 0, known = 0;
    uint8_t unknown[LEN];
    int n_known = 0;
    tkr_score score = {.size = sizeof score}, same = {.size = sizeof same};
    assert_ok(tkr_ngram_start(ngram, &state, NULL, 0));
    assert_ok(tkr_ngram_logprobs(ngram, &state, logprobs, text, LEN));
    for (int i = 0; i < LEN; i++) {
        unknown[i] = text[i] == 2;
        sum -= logprobs[i];
        known -= unknown[i] ? 0 : logprobs[i];
        n_known += !unknown[i];
    }
    assert_ok(tkr_ngram_start(ngram, &state, NULL, 0));
    assert_ok(tkr_ngram_score(ngram, &state, &score, text, LEN / 2, 2)); /* adds up over calls */
    assert_ok(tkr_ngram_score(ngram, &state, &score, text + LEN / 2, LEN - LEN / 2, 2));
    assert_ok(tkr_score_logprobs(&same, logprobs, unknown, LEN));
    assert_memory_equal(&score, &same, sizeof score);
    assert_true(score.symbols == LEN && score.unknown == LEN - n_known && score.impossible == 0);
    assert_true(fabs(score.nats - sum) <= 1e-9 &&
                fabs(score.nats - score.unknown_nats - known) <= 1e-9);
    assert_true(fabs(score.nats_per_symbol - sum / LEN) <= 1e-12);
    assert_true(fabs(score.bits_per_symbol - sum / LEN / log(2)) <= 1e-12);
    assert_true(fabs(score.perplexity - exp(sum / LEN)) <= 1e-10);
    assert_true(fabs(score.known_nats_per_symbol - known / n_known) <= 1e-12);
    assert_true(fabs(score.known_bits_per_symbol - known / n_known / log(2)) <= 1e-12);
    assert_true(fabs(score.known_perplexity - exp(known / n_known)) <= 1e-10);

    const double never[] = {-INFINITY, -1};
    const uint8_t first[] = {1, 0};
    tkr_score mixed = {.size = sizeof mixed};
    assert_ok(tkr_score_logprobs(&mixed, never, first, 2));
    assert_true(mixed.impossible == 1 && mixed.impossible_unknown == 1 && mixed.nats == 1);
    assert_true(mixed.perplexity == INFINITY && mixed.known_nats_per_symbol == 1);

    const double bad[] = {-1, NAN}, above[] = {0.5};
    tkr_score before = mixed;
    assert_status(tkr_score_logprobs(&mixed, bad, NULL, 2), TKR_ERR_NUMERIC);
    assert_status(tkr_score_logprobs(&mixed, above, NULL, 1), TKR_ERR_NUMERIC);
    assert_status(tkr_score_logprobs(&mixed, NULL, NULL, 1), TKR_ERR_ARGUMENT);
    assert_status(tkr_score_logprobs(NULL, never, NULL, 1), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_score(ngram, &state, &mixed, text, LEN, V), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_score(ngram, &state, NULL, text, LEN, -1), TKR_ERR_ARGUMENT);
    assert_memory_equal(&mixed, &before, sizeof mixed);
    /* An older, shorter struct is filled as far as it goes. */
    struct {
        tkr_score score;
        unsigned char behind;
    } old = {.score = {.size = 5 * sizeof(uint64_t)}, .behind = 9};
    assert_ok(tkr_score_logprobs(&old.score, never, NULL, 2));
    assert_true(old.score.impossible == 1 && old.score.nats == 0 && old.behind == 9);
    tkr_ngram_destroy(ngram);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_come_back),
        cmocka_unit_test(test_files_and_maps),
        cmocka_unit_test(test_what_is_missing),
        cmocka_unit_test(test_counts_come_back),
        cmocka_unit_test(test_vocabularies_come_back),
        cmocka_unit_test(test_every_truncation),
        cmocka_unit_test(test_every_flipped_bit),
        cmocka_unit_test(test_tampering),
        cmocka_unit_test(test_counts_of_nothing),
        cmocka_unit_test(test_claims_are_not_believed),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_scores),
    };
    return cmocka_run_group_tests(tests, fill_text, NULL);
}
