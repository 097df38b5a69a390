/* SPDX-License-Identifier: MIT
 * N-grams when memory runs out: every allocation of every call fails once, alone and with all that
 * follow; the object must then be as it was, and nothing may be lost. */
#include <math.h>
#include <string.h>

#include "support/heap.h"
#include "support/support.h"

enum { V = 4, TEXT = 300 };

static int32_t text[TEXT];

static void fill_text(void) {
    uint32_t random = 1;
    for (int i = 0; i < TEXT; i++) {
        random = random * 1664525u + 1013904223u;
        text[i] = (int32_t)(random >> 30);
    }
}

/* What a whole life of an n-gram says in the end: every answer about its own text. */
typedef struct answers {
    double logprob[TEXT];
    int64_t contexts, pairs;
} answers;

static void ask(const tkr_ngram *ngram, answers *to) {
    for (int i = 0; i < TEXT; i++) {
        int from = i < 2 ? 0 : i - 2;
        assert_ok(tkr_ngram_logprob(ngram, &to->logprob[i], text + from, i - from, text[i]));
    }
    assert_ok(tkr_ngram_structure(ngram, &to->contexts, &to->pairs));
}

/* Repeat a call that fails until it succeeds: if a failure changes nothing, nor does this. */
#define UNTIL_OK(failures, call)                     \
    do {                                             \
        int32_t status_;                             \
        while ((status_ = (call)) == TKR_ERR_MEMORY) { \
            (failures)++;                            \
            heap_fail(&h, -1, 0);                    \
        }                                            \
        assert_ok(status_);                          \
    } while (0)

/* One life in which allocation number k fails. Returns how many calls failed. */
static int live(int64_t k, int forever, answers *to) {
    heap h;
    tkr_env env;
    char detail[100] = "";
    int failures = 0;
    tkr_ngram *ngram;
    heap_init(&h, &env);
    env.detail = detail;
    env.detail_len = sizeof detail;
    heap_fail(&h, k, forever);
    UNTIL_OK(failures, tkr_ngram_create(&ngram, 3, V, &env));
    UNTIL_OK(failures, tkr_ngram_count(ngram, text, TEXT / 2, -1));
    UNTIL_OK(failures, tkr_ngram_count(ngram, text + TEXT / 2, TEXT - TEXT / 2, 1));
    UNTIL_OK(failures, tkr_ngram_estimate(ngram, TKR_MAXIMUM_LIKELIHOOD));
    ask(ngram, to);
    tkr_ngram_destroy(ngram);
    assert_true(heap_is_clean(&h));
    return failures;
}

static void test_every_allocation_fails(void **unused) {
    (void)unused;
    static answers want, got;
    fill_text();
    assert_int_equal(live(-1, 0, &want), 0);
    for (int forever = 0; forever < 2; forever++) {
        int64_t k = 0;
        while (live(k, forever, &got)) {
            assert_memory_equal(&got, &want, sizeof got);
            k++;
        }
        assert_true(k >= 8); /* handle, buffer, spans, sorting, trie, workspace, model */
    }
}

/* A failed create leaves NULL and a text; a failed call leaves a text in the object. */
static void test_failures_say_so(void **unused) {
    (void)unused;
    heap h;
    tkr_env env;
    char detail[100] = "";
    heap_init(&h, &env);
    env.detail = detail;
    env.detail_len = sizeof detail;
    heap_fail(&h, 0, 1);
    tkr_ngram *ngram = (void *)&env;
    assert_status(tkr_ngram_create(&ngram, 3, V, &env), TKR_ERR_MEMORY);
    assert_null(ngram);
    assert_string_not_equal(detail, "");
    heap_fail(&h, -1, 0);
    assert_ok(tkr_ngram_create(&ngram, 3, V, &env));
    heap_fail(&h, 0, 1);
    assert_status(tkr_ngram_count(ngram, text, TEXT, -1), TKR_ERR_MEMORY);
    assert_string_not_equal(tkr_ngram_detail(ngram), "");
    tkr_ngram_destroy(ngram);
    assert_true(heap_is_clean(&h));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails),
        cmocka_unit_test(test_failures_say_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
