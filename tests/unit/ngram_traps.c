/* SPDX-License-Identifier: MIT
 * A host that traps floating-point exceptions, or reads their flags: no call on n-grams, mixtures
 * and caches kills it, and it finds its traps and flags as they were. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif
#include <fenv.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/stream.h"
#include "support/support.h"

#if defined(__GLIBC__)
static void set_traps(int on) {
    if (on) {
        (void)feenableexcept(FE_DIVBYZERO | FE_INVALID | FE_OVERFLOW);
    } else {
        (void)fedisableexcept(FE_ALL_EXCEPT);
    }
}

static int traps(void) {
    return fegetexcept();
}
#else
static void set_traps(int on) {
    (void)on;
}

static int traps(void) {
    return 0;
}
#endif

/* Make a call with traps on, or (a second time) without, and one flag up. */
#define CALMLY(want, call)                                  \
    do {                                                    \
        for (int on_ = 1; on_ >= 0; on_--) {                \
            (void)feclearexcept(FE_ALL_EXCEPT);             \
            set_traps(on_);                                 \
            (void)feraiseexcept(FE_UNDERFLOW);              \
            const int before_ = traps();                    \
            const int flags_ = fetestexcept(FE_ALL_EXCEPT); \
            const int32_t status_ = (call);                 \
            const int after_ = fetestexcept(FE_ALL_EXCEPT); \
            const int still_ = traps();                     \
            set_traps(0);                                   \
            assert_status(status_, want);                   \
            assert_int_equal(after_, flags_);               \
            assert_int_equal(still_, before_);              \
        }                                                   \
    } while (0)

enum { V = 64, LEN = 2000 };

static tkr_ngram *counted(void) {
    int32_t ids[LEN];
    tkr_ngram *ngram;
    for (int32_t i = 0; i < LEN; i++) {
        ids[i] = (i * i + i / 3) % (V - 1);
    }
    assert_ok(tkr_ngram_create(&ngram, 4, V, NULL));
    assert_ok(tkr_ngram_count(ngram, ids, LEN, TKR_BEGIN));
    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
    return ngram;
}

static void ask(const tkr_ngram *ngram) {
    const int32_t ids[] = {1, 5, 62, V - 1, 3, 3, 0};
    const int32_t unseen[] = {V - 1, 7, 7};
    float *row = calloc(V, sizeof *row);
    double logprobs[7];
    tkr_ngram_state state;
    tkr_score score = {.size = sizeof score};
    int64_t contexts, pairs;
    assert_non_null(row);
    CALMLY(TKR_OK, tkr_ngram_logprob(ngram, logprobs, unseen, 3, V - 1));
    CALMLY(TKR_OK, tkr_ngram_distribution(ngram, row, ids, 3));
    CALMLY(TKR_OK, tkr_ngram_distribution(ngram, row, unseen, 3));
    CALMLY(TKR_OK, tkr_ngram_start(ngram, &state, ids, 7));
    CALMLY(TKR_OK, tkr_ngram_step(ngram, &state, logprobs, V - 1));
    CALMLY(TKR_OK, tkr_ngram_next(ngram, &state, row));
    CALMLY(TKR_OK, tkr_ngram_logprobs(ngram, &state, logprobs, ids, 7));
    CALMLY(TKR_OK, tkr_ngram_score(ngram, &state, &score, ids, 7, V - 1));
    CALMLY(TKR_OK, tkr_ngram_structure(ngram, &contexts, &pairs));
    free(row);
}

static void write_and_read(tkr_ngram *ngram, int backs_off) {
    stream s;
    tkr_ngram *again = NULL;
    stream_init(&s);
    tkr_writer writer = stream_writer(&s);
    assert_ok(tkr_ngram_save_to(ngram, &writer));
    tkr_reader reader = stream_reader(&s);
    CALMLY(TKR_OK, (reader = stream_reader(&s), tkr_ngram_destroy(again),
                    tkr_ngram_load_from(&again, &reader, NULL)));
    ask(again);
    tkr_ngram_destroy(again);
    again = NULL;
    CALMLY(TKR_OK, (tkr_ngram_destroy(again), tkr_ngram_compact(&again, ngram, NULL)));
    ask(again);
    CALMLY(TKR_OK, (stream_fini(&s), stream_init(&s), writer = stream_writer(&s),
                    tkr_ngram_save_to(again, &writer)));
    CALMLY(backs_off ? TKR_OK : TKR_ERR_UNSUPPORTED,
           (stream_fini(&s), stream_init(&s), writer = stream_writer(&s),
            tkr_ngram_save_arpa_to(again, &writer)));
    tkr_ngram_destroy(again);
    again = NULL;
    if (backs_off) {
        CALMLY(TKR_OK, (reader = stream_reader(&s), tkr_ngram_destroy(again),
                        tkr_ngram_load_arpa_from(&again, &reader, NULL)));
        tkr_ngram_destroy(again);
    }
    stream_fini(&s);
}

static void test_smoothings(void **unused) {
    (void)unused;
    for (int32_t kind = TKR_MAXIMUM_LIKELIHOOD; kind <= TKR_MODIFIED_KNESER_NEY; kind++) {
        tkr_ngram *ngram = counted();
        CALMLY(TKR_OK, tkr_ngram_estimate(ngram, kind));
        ask(ngram);
        write_and_read(ngram, kind > TKR_ADD_K);
        tkr_ngram_destroy(ngram);
    }
    tkr_ngram *ngram = counted();
    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 0)); /* divides by the n-grams seen 0 times */
    CALMLY(TKR_ERR_NUMERIC, tkr_ngram_estimate(ngram, TKR_KATZ));
    CALMLY(TKR_ERR_ARGUMENT, tkr_ngram_set_float(ngram, TKR_ADDEND, (double)NAN));
    CALMLY(TKR_OK, tkr_ngram_set_float(ngram, TKR_ADDEND, 1e-300));
    CALMLY(TKR_OK, tkr_ngram_estimate(ngram, TKR_ADD_K));
    tkr_ngram_destroy(ngram);
}

/* What no model has: NaN in the bytes of a file, numbers beyond the largest in a text. */
static void test_damaged(void **unused) {
    (void)unused;
    static const char text[] =
        "\\data\\\nngram 1=2\n\n\\1-grams:\n-1e999\t<unk>\n-0.5\ta\n\n\\end\\\n";
    tkr_ngram *ngram = counted(), *again;
    stream s;
    stream_init(&s);
    tkr_writer writer = stream_writer(&s);
    assert_ok(tkr_ngram_estimate(ngram, TKR_WITTEN_BELL));
    assert_ok(tkr_ngram_save_to(ngram, &writer));
    for (int quiet = 0; quiet < 2; quiet++) {
        const uint64_t nan = quiet ? UINT64_C(0x7ff8000000000000) : UINT64_C(0x7ff0000000000001);
        for (int i = 0; i < 8; i++) {
            s.bytes[256 + i] = (unsigned char)(nan >> (8 * i));
            s.bytes[256 + 8 + i] = (unsigned char)(nan >> (8 * i));
        }
        tkr_reader reader = stream_reader(&s);
        CALMLY(TKR_ERR_FORMAT,
               (reader = stream_reader(&s), tkr_ngram_load_from(&again, &reader, NULL)));
    }
    stream_fini(&s);
    stream_init(&s);
    stream_put(&s, text, sizeof text - 1);
    tkr_reader reader = stream_reader(&s);
    CALMLY(TKR_ERR_FORMAT,
           (reader = stream_reader(&s), tkr_ngram_load_arpa_from(&again, &reader, NULL)));
    stream_fini(&s);
    tkr_ngram_destroy(ngram);
}

static void test_mixtures(void **unused) {
    (void)unused;
    const double sure[] = {0, -INFINITY, -700, -INFINITY}, never[] = {-INFINITY, 0, -2, -INFINITY};
    const double nans[] = {(double)NAN, (double)NAN, 0, 0};
    const float logits[] = {1e38F, -INFINITY, -1e38F, 0}, nan_logits[] = {NAN, 0, 0, 0};
    const int32_t ids[] = {1, 0, 3};
    double weight, out[4];
    float row[4];
    tkr_score score = {.size = sizeof score};
    tkr_cache *cache;
    CALMLY(TKR_OK, tkr_mix_fit(&weight, sure, never, 4));
    CALMLY(TKR_ERR_NUMERIC, tkr_mix_fit(&weight, nans, never, 4));
    CALMLY(TKR_OK, tkr_mix_logprobs(out, sure, never, 4, 0.5));
    CALMLY(TKR_OK, tkr_mix_logprobs(out, sure, never, 4, 0));
    CALMLY(TKR_ERR_ARGUMENT, tkr_mix_logprobs(out, sure, never, 4, (double)NAN));
    CALMLY(TKR_OK, tkr_mix_distribution(row, logits + 1, logits + 1, 1, 1));
    CALMLY(TKR_ERR_NUMERIC, tkr_mix_distribution(row, nan_logits, logits, 4, 0.5));
    CALMLY(TKR_OK, tkr_logits_logprobs(out, logits, ids, 1, 4));
    CALMLY(TKR_OK, tkr_logits_distribution(row, logits, 4));
    CALMLY(TKR_ERR_NUMERIC, tkr_logits_distribution(row, nan_logits, 4));
    CALMLY(TKR_OK, tkr_score_logprobs(&score, sure, NULL, 4));
    CALMLY(TKR_ERR_NUMERIC, tkr_score_logprobs(&score, nans, NULL, 4));
    assert_ok(tkr_cache_create(&cache, 4, 2, NULL));
    CALMLY(TKR_OK, tkr_cache_logprobs(cache, out, ids, 3));
    CALMLY(TKR_OK, tkr_cache_distribution(cache, row));
    tkr_cache_destroy(cache);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_smoothings),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_mixtures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
