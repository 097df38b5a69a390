/* SPDX-License-Identifier: MIT
 * N-grams on tinyshakespeare: the structure of maximum likelihood of order 4 (in the founding
 * page's counting: 4 characters of context), and the table of smoothings. */
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

int main(void) {
    if (!read_text("../shared/data/tinyshakespeare/input.txt")) {
        fprintf(stderr, "no ../shared/data: skipped\n");
        return SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure_of_order_four),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
