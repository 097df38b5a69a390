/* SPDX-License-Identifier: MIT
 * N-grams on tinyshakespeare: the structure of maximum likelihood of order 4 (in the founding
 * page's counting (see the README): 4 characters of context), and the table of smoothings. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"

enum { MAX_TEXT = 1 << 21, SKIPPED = 77 };

static unsigned char bytes[MAX_TEXT];
static int32_t ids[MAX_TEXT];
static int64_t len;
static int32_t symbols, id_of[256];

/* Ids are the distinct bytes in order. Returns 0 if the file is not there. */
static int read_text(const char *path) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        return 0;
    }
    len = (int64_t)fread(bytes, 1, MAX_TEXT, file);
    fclose(file);
    int seen[256] = {0};
    for (int64_t i = 0; i < len; i++) {
        seen[bytes[i]] = 1;
    }
    for (int b = 0; b < 256; b++) {
        id_of[b] = seen[b] ? symbols++ : -1;
    }
    for (int64_t i = 0; i < len; i++) {
        ids[i] = id_of[bytes[i]];
    }
    return 1;
}

static void test_structure_of_order_four(void **unused) {
    (void)unused;
    tkr_ngram *ngram;
    int64_t contexts = 0, pairs = 0;
    const int32_t tilde = symbols;
    assert_ok(tkr_ngram_create(&ngram, 5, symbols + 1, NULL));
    assert_ok(tkr_ngram_count(ngram, ids, len, tilde));
    assert_ok(tkr_ngram_estimate(ngram, TKR_MAXIMUM_LIKELIHOOD));
    assert_ok(tkr_ngram_structure(ngram, &contexts, &pairs));
    assert_int_equal(contexts, 50716);
    assert_int_equal(pairs, 141025);

    const int32_t ello[] = {id_of['e'], id_of['l'], id_of['l'], id_of['o']};
    const struct {
        char next;
        int count;
    } want[] = {{'w', 112}, {'r', 7}, {',', 7}, {'u', 5}, {'?', 3}, {' ', 1}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        double logprob = NAN;
        assert_ok(tkr_ngram_logprob(ngram, &logprob, ello, 4, id_of[(unsigned char)want[i].next]));
        assert_true(fabs(exp(logprob) - want[i].count / 137.0) <= 1e-14);
    }
    tkr_ngram_destroy(ngram);
}

/* Nats per character of the last 111,540 characters after training on the first 1,003,854, with one
 * mark of a beginning on both sides; share of characters that maximum likelihood calls impossible.
 */
enum { TRAIN = 1003854, COLUMNS = 6 };

static const int32_t smoothings[COLUMNS] = {
    TKR_ADD_K,      TKR_WITTEN_BELL,         TKR_ABSOLUTE_DISCOUNT,
    TKR_KNESER_NEY, TKR_MODIFIED_KNESER_NEY, TKR_MAXIMUM_LIKELIHOOD};

static const struct {
    int32_t order;
    double nats[COLUMNS - 1], impossible;
} table[] = {
    {2, {2.4875, 2.4858, 2.4871, 2.4844, 2.4835}, 0.0017},
    {3, {2.0658, 2.0492, 2.0599, 2.0449, 2.0381}, 0.0139},
    {4, {1.7960, 1.7738, 1.7981, 1.7290, 1.7190}, 0.0421},
    {5, {1.7705, 1.6688, 1.7091, 1.5790, 1.5612}, 0.1012},
    {6, {2.0066, 1.6981, 1.7497, 1.5581, 1.5226}, 0.2080},
    {7, {2.3659, 1.7792, 1.8226, 1.5649, 1.5165}, 0.3480},
    {8, {2.7684, 1.8758, 1.8916, 1.5741, 1.5192}, 0.4966},
};

static tkr_score score_of(const tkr_ngram *ngram) {
    tkr_score score = {.size = sizeof score};
    tkr_ngram_state state;
    const int32_t begin = TKR_BEGIN;
    assert_ok(tkr_ngram_start(ngram, &state, &begin, 1));
    assert_ok(tkr_ngram_score(ngram, &state, &score, ids + TRAIN, len - TRAIN, -1));
    return score;
}

static void check_cell(int32_t order, int32_t smoothing, double got, double want) {
    if (!(fabs(got - want) <= 0.0005)) {
        fail_msg("order %d, smoothing %d: %.5f, not %.4f", (int)order, (int)smoothing, got, want);
    }
}

static void test_table_of_smoothings(void **unused) {
    (void)unused;
    for (size_t row = 0; row < sizeof table / sizeof *table; row++) {
        tkr_ngram *ngram, *compact;
        int32_t order = table[row].order;
        assert_ok(tkr_ngram_create(&ngram, order, symbols, NULL));
        assert_ok(tkr_ngram_count(ngram, ids, TRAIN, TKR_BEGIN));
        assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
        for (int i = 0; i < COLUMNS - 1; i++) {
            assert_ok(tkr_ngram_estimate(ngram, smoothings[i]));
            check_cell(order, smoothings[i], score_of(ngram).nats_per_symbol, table[row].nats[i]);
        }
        assert_ok(tkr_ngram_compact(&compact, ngram, NULL));
        check_cell(order, smoothings[COLUMNS - 2], score_of(compact).nats_per_symbol,
                   table[row].nats[COLUMNS - 2]);
        tkr_ngram_destroy(compact);
        assert_ok(tkr_ngram_estimate(ngram, TKR_MAXIMUM_LIKELIHOOD));
        double share = (double)score_of(ngram).impossible / (double)(len - TRAIN);
        if (!(fabs(share - table[row].impossible) <= 0.00005 + 1e-9)) {
            fail_msg("order %d: impossible %.6f, not %.4f", (int)order, share,
                     table[row].impossible);
        }
        tkr_ngram_destroy(ngram);
    }
}

/* The compact form of order 5 is small, and a file of it says the same. */
static void test_compact_form(void **unused) {
    (void)unused;
    tkr_ngram *ngram, *compact;
    assert_ok(tkr_ngram_create(&ngram, 5, symbols, NULL));
    assert_ok(tkr_ngram_count(ngram, ids, TRAIN, TKR_BEGIN));
    assert_ok(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1));
    assert_ok(tkr_ngram_estimate(ngram, TKR_MODIFIED_KNESER_NEY));
    assert_ok(tkr_ngram_compact(&compact, ngram, NULL));
    uint64_t size = 0;
    int64_t all = 0;
    for (int32_t n = 1; n <= 5; n++) {
        int64_t ngrams;
        assert_ok(tkr_ngram_len(compact, n, &ngrams, &size));
        all += ngrams;
    }
    printf("%.2f bytes for each of %lld n-grams\n", (double)size / (double)all, (long long)all);
    assert_true(size <= 16 * (uint64_t)all);
    tkr_ngram_destroy(ngram);
    tkr_ngram_destroy(compact);
}

int main(void) {
    if (!read_text("../shared/data/tinyshakespeare/input.txt")) {
        fprintf(stderr, "no ../shared/data: skipped\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure_of_order_four),
        cmocka_unit_test(test_table_of_smoothings),
        cmocka_unit_test(test_compact_form),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
