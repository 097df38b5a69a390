/* SPDX-License-Identifier: MIT
 * N-grams: counting and maximum likelihood against counts by hand and against counting slowly. */
#include <math.h>
#include <string.h>

#include "support/heap.h"
#include "support/stream.h"
#include "support/support.h"

enum { A, B, R, C, D, PAD, V }; /* the letters of abracadabra, and what precedes it */

static const int32_t abra[] = {A, B, R, A, C, A, D, A, B, R, A};
enum { ABRA = sizeof abra / sizeof *abra };

static tkr_ngram *estimated(int32_t order, int64_t symbols, const int32_t *ids, int64_t n,
                            int32_t pad) {
    tkr_ngram *ngram;
    assert_ok(tkr_ngram_create(&ngram, order, symbols, NULL));
    assert_ok(tkr_ngram_count(ngram, ids, n, pad));
    assert_ok(tkr_ngram_estimate(ngram, TKR_MAXIMUM_LIKELIHOOD));
    return ngram;
}

/* Fails unless p(id | context) is `p`, to the last bits. */
static void expect_p(const tkr_ngram *ngram, const int32_t *context, int64_t n, int32_t id,
                     double p) {
    double logprob = NAN;
    assert_ok(tkr_ngram_logprob(ngram, &logprob, context, n, id));
    if (!(fabs(exp(logprob) - p) <= 1e-14)) {
        fail_msg("p(%d | %d ids) is %.17g, not %.17g", id, (int)n, exp(logprob), p);
    }
}

static void test_abracadabra(void **unused) {
    (void)unused;
    tkr_ngram *ngram = estimated(3, V, abra, ABRA, PAD);
    const int32_t ab[] = {A, B}, ra[] = {R, A}, begin[] = {PAD, PAD}, start[] = {PAD, A};
    const int32_t da[] = {D, A}, never[] = {B, A};
    expect_p(ngram, ab, 2, R, 1);
    expect_p(ngram, ab, 2, A, 0);
    expect_p(ngram, ra, 2, C, 1);
    expect_p(ngram, da, 2, B, 1);
    expect_p(ngram, begin, 2, A, 1);
    expect_p(ngram, start, 2, B, 1);
    for (int32_t id = 0; id < V; id++) {
        expect_p(ngram, never, 2, id, 0);
    }
    int64_t contexts = 0, pairs = 0;
    assert_ok(tkr_ngram_structure(ngram, &contexts, &pairs));
    assert_int_equal(contexts,
                     9); /* ~~ ~a ab br ra ac ca ad da; the last ra has no follower more */
    assert_int_equal(pairs, 9);
    tkr_ngram_destroy(ngram);
}

static void test_shares_of_one_context(void **unused) {
    (void)unused;
    tkr_ngram *ngram = estimated(2, V, abra, ABRA, -1);
    const int32_t a = A, r = R;
    expect_p(ngram, &a, 1, B, 2.0 / 4);
    expect_p(ngram, &a, 1, C, 1.0 / 4);
    expect_p(ngram, &a, 1, D, 1.0 / 4);
    expect_p(ngram, &a, 1, A, 0);
    expect_p(ngram, &r, 1, A, 1);
    /* With less context than the order has, the lower order answers. */
    expect_p(ngram, NULL, 0, A, 5.0 / 11);
    expect_p(ngram, NULL, 0, PAD, 0);
    tkr_ngram_destroy(ngram);
}

static void test_only_the_last_ids_count(void **unused) {
    (void)unused;
    tkr_ngram *ngram = estimated(2, V, abra, ABRA, -1);
    const int32_t context[] = {D, D, D, A};
    expect_p(ngram, context, 4, B, 0.5);
    tkr_ngram_destroy(ngram);
}

/* What comes before a mark of a beginning does not count, also not as a context that was not seen.
 */
static void test_a_mark_begins_anew(void **unused) {
    (void)unused;
    tkr_ngram *ngram = estimated(4, V, abra, ABRA, TKR_BEGIN);
    const int32_t context[] = {D, D, TKR_BEGIN, A}, unseen[] = {TKR_BEGIN, B}, *plain = context + 2;
    for (int n = 1; n <= 2; n++) {
        expect_p(ngram, context, 2 + n, n == 1 ? A : B, 1);
        expect_p(ngram, plain, n, n == 1 ? A : B, 1);
        expect_p(ngram, plain, n, C, 0);
    }
    expect_p(ngram, unseen, 2, R, 0);
    tkr_ngram_destroy(ngram);
}

/* Fails unless the n-gram that p(id | context) comes from has `want` ids. */
static void expect_match(const tkr_ngram *ngram, const int32_t *context, int64_t n, int32_t id,
                         int32_t want) {
    tkr_ngram_state state;
    int32_t len = 0;
    assert_ok(tkr_ngram_start(ngram, &state, context, n));
    const tkr_ngram_state before = state;
    assert_ok(tkr_ngram_match(ngram, &state, &len, id));
    assert_int_equal(len, want);
    assert_memory_equal(&state, &before, sizeof state);
}

static void test_length_of_a_match(void **unused) {
    (void)unused;
    tkr_ngram *ngram, *compact;
    const int32_t dabr[] = {D, A, B, R}, ab[] = {A, B}, unseen[] = {C, D};
    assert_ok(tkr_ngram_create(&ngram, 3, V, NULL));
    assert_ok(tkr_ngram_count(ngram, abra, ABRA, TKR_BEGIN));
    assert_ok(tkr_ngram_estimate(ngram, TKR_WITTEN_BELL));
    assert_ok(tkr_ngram_compact(&compact, ngram, NULL));
    const tkr_ngram *forms[] = {ngram, compact};
    for (int i = 0; i < 2; i++) {
        expect_match(forms[i], NULL, 0, A, 1);
        expect_match(forms[i], dabr, 4, A, 3); /* the full order, however long the context is */
        expect_match(forms[i], dabr, 2, C, 2); /* a c, but not d a c */
        expect_match(forms[i], ab, 2, R, 3);
        expect_match(forms[i], ab, 2, B, 1);
        expect_match(forms[i], unseen, 2, A, 2);
        expect_match(forms[i], ab, 2, PAD, 1); /* never seen: the probability of 1-grams is left */
    }
    tkr_ngram_destroy(ngram);
    tkr_ngram_destroy(compact);
}

/* What stands in a model only because a longer n-gram begins with it has no probability. */
static void test_match_of_a_missing_middle(void **unused) {
    (void)unused;
    static const char arpa[] =
        "\\data\\\nngram 1=3\nngram 2=1\nngram 3=1\n\n\\1-grams:\n-1 <unk>\n-0.7 a -0.2\n-0.9 b "
        "-0.3\n"
        "\\2-grams:\n-0.4 b a\n\\3-grams:\n-0.05 a b a\n\\end\\\n";
    stream s;
    stream_init(&s);
    stream_put(&s, arpa, sizeof arpa - 1);
    tkr_reader reader = stream_reader(&s);
    tkr_ngram *ngram;
    assert_ok(tkr_ngram_load_arpa_from(&ngram, &reader, NULL));
    const int32_t ab[] = {1, 2};
    expect_match(ngram, ab, 1, 2, 1);
    expect_match(ngram, ab, 2, 1, 3);
    expect_match(ngram, ab + 1, 1, 1, 2);
    tkr_ngram_destroy(ngram);
    stream_fini(&s);
}

static void test_end_of_text_has_no_follower(void **unused) {
    (void)unused;
    const int32_t text[] = {0, 1};
    tkr_ngram *ngram = estimated(2, 2, text, 2, -1);
    const int32_t last = 1;
    expect_p(ngram, &last, 1, 0, 0);
    expect_p(ngram, &last, 1, 1, 0);
    tkr_ngram_destroy(ngram);
}

/* How often `gram` [n] ends at an id of `text` when `pad` fills what lies before it. */
static int64_t slow_count(const int32_t *text, int64_t len, int32_t pad, const int32_t *gram,
                          int64_t n) {
    int64_t count = 0;
    for (int64_t end = 0; end < len; end++) {
        int same = 1;
        for (int64_t i = 0; i < n && same; i++) {
            int64_t at = end - n + 1 + i;
            same = at >= 0 ? text[at] == gram[i] : pad >= 0 && gram[i] == pad;
        }
        count += same;
    }
    return count;
}

/* Every id after the context that precedes position `at`, against slow counting. */
static void check_position(const tkr_ngram *ngram, int32_t order, int32_t symbols,
                           const int32_t *text, int64_t len, int64_t at) {
    int32_t gram[16];
    float all[16];
    for (int i = 0; i < order - 1; i++) {
        int64_t from = at - order + 1 + i;
        gram[i] = from >= 0 ? text[from] : 0;
    }
    int64_t total = 0, count[16];
    for (int32_t id = 0; id < symbols; id++) {
        gram[order - 1] = id;
        count[id] = slow_count(text, len, 0, gram, order);
        total += count[id];
    }
    assert_ok(tkr_ngram_distribution(ngram, all, gram, order - 1));
    for (int32_t id = 0; id < symbols; id++) {
        double p = (double)count[id] / (double)total;
        expect_p(ngram, gram, order - 1, id, p);
        assert_true(count[id] ? fabs(exp((double)all[id]) - p) <= 1e-6 : all[id] == -INFINITY);
    }
}

/* Small alphabets, so that contexts repeat. */
static uint64_t next_random(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *state >> 33;
}

static void test_against_slow_counting(void **unused) {
    (void)unused;
    uint64_t random = compare_seed(20);
    for (int32_t order = 1; order <= 16; order++) {
        int32_t symbols = 1 + (int32_t)(next_random(&random) % 4);
        int32_t text[120];
        int64_t len = 1 + (int64_t)(next_random(&random) % 120);
        for (int64_t i = 0; i < len; i++) {
            text[i] = (int32_t)(next_random(&random) % (uint64_t)symbols);
        }
        tkr_ngram *ngram = estimated(order, symbols, text, len, 0);
        for (int64_t at = 0; at < len; at++) {
            check_position(ngram, order, symbols, text, len, at);
        }
        tkr_ngram_destroy(ngram);
    }
}

/* Ids so large that only a few of them fit into one sorting key. */
static void test_large_ids(void **unused) {
    (void)unused;
    enum { LARGE = 3000000 };
    uint64_t random = compare_seed(21);
    static const int32_t id_of[] = {0, 1, LARGE / 2, LARGE - 2, LARGE - 1};
    int32_t text[400], small[400];
    for (int i = 0; i < 400; i++) {
        small[i] = (int32_t)(next_random(&random) % 5);
        text[i] = id_of[small[i]];
    }
    tkr_ngram *large = estimated(7, LARGE, text, 400, -1), *same = estimated(7, 5, small, 400, -1);
    int64_t contexts[2], pairs[2];
    assert_ok(tkr_ngram_structure(large, &contexts[0], &pairs[0]));
    assert_ok(tkr_ngram_structure(same, &contexts[1], &pairs[1]));
    assert_int_equal(contexts[0], contexts[1]);
    assert_int_equal(pairs[0], pairs[1]);
    for (int i = 6; i < 400; i++) {
        double got = 1, want = 2;
        assert_ok(tkr_ngram_logprob(large, &got, text + i - 6, 6, text[i]));
        assert_ok(tkr_ngram_logprob(same, &want, small + i - 6, 6, small[i]));
        assert_true(got == want);
    }
    tkr_ngram_destroy(large);
    tkr_ngram_destroy(same);
}

static void test_refusals(void **unused) {
    (void)unused;
    tkr_ngram *ngram = (void *)&ngram;
    assert_status(tkr_ngram_create(NULL, 2, 2, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_create(&ngram, 0, 2, NULL), TKR_ERR_ARGUMENT);
    assert_null(ngram);
    assert_status(tkr_ngram_create(&ngram, 17, 2, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_create(&ngram, 2, 0, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_create(&ngram, 2, INT64_C(1) << 31, NULL), TKR_ERR_ARGUMENT);
    tkr_ngram_destroy(NULL);

    assert_ok(tkr_ngram_create(&ngram, 2, V, NULL));
    double logprob = 7;
    float all[V] = {7};
    int64_t contexts = 7, pairs = 7;
    const int32_t bad[] = {A, V};
    assert_string_equal(tkr_ngram_detail(ngram), "");
    assert_status(tkr_ngram_estimate(ngram, TKR_MAXIMUM_LIKELIHOOD), TKR_ERR_ORDER);
    assert_status(tkr_ngram_count(ngram, bad, 2, -1), TKR_ERR_TOKEN);
    assert_string_equal(tkr_ngram_detail(ngram), "id 6 at 1 of 6 symbols");
    assert_status(tkr_ngram_count(ngram, abra, ABRA, V), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_count(ngram, NULL, 1, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_count(ngram, abra, -1, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_logprob(ngram, &logprob, abra, 1, A), TKR_ERR_ORDER);
    assert_status(tkr_ngram_distribution(ngram, all, abra, 1), TKR_ERR_ORDER);
    assert_status(tkr_ngram_structure(ngram, &contexts, &pairs), TKR_ERR_ORDER);
    /* None of the refused calls counted anything. */
    assert_status(tkr_ngram_estimate(ngram, TKR_MAXIMUM_LIKELIHOOD), TKR_ERR_ORDER);
    assert_ok(tkr_ngram_count(ngram, NULL, 0, -1));
    assert_ok(tkr_ngram_count(ngram, abra, ABRA, -1));
    assert_status(tkr_ngram_estimate(ngram, 0), TKR_ERR_ARGUMENT);
    assert_ok(tkr_ngram_estimate(ngram, TKR_MAXIMUM_LIKELIHOOD));
    assert_status(tkr_ngram_count(ngram, abra, ABRA, -1), TKR_ERR_ORDER);
    assert_status(tkr_ngram_logprob(ngram, &logprob, bad, 2, A), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_logprob(ngram, &logprob, abra, 1, V), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_logprob(ngram, &logprob, abra, 1, -1), TKR_ERR_TOKEN);
    assert_status(tkr_ngram_logprob(ngram, NULL, abra, 1, A), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_logprob(ngram, &logprob, NULL, 1, A), TKR_ERR_ARGUMENT);
    assert_status(tkr_ngram_distribution(ngram, all, bad, 2), TKR_ERR_TOKEN);
    assert_true(logprob == 7 && all[0] == 7 && contexts == 7 && pairs == 7);
    tkr_ngram_destroy(ngram);
}

/* Each order has a threshold of its own, without a bound and exact. */
static void test_thresholds(void **unused) {
    (void)unused;
    tkr_ngram *ngram;
    int64_t low, high, value;
    assert_ok(tkr_ngram_create(&ngram, 3, V, NULL));
    for (int32_t n = 2; n <= 16; n++) {
        assert_ok(tkr_ngram_bounds_int(ngram, TKR_PRUNE + n, &low, &high));
        assert_true(low == 0 && high == INT64_MAX);
        assert_ok(tkr_ngram_set_int(ngram, TKR_PRUNE + n, INT64_MAX - n));
    }
    for (int32_t n = 2; n <= 16; n++) {
        assert_ok(tkr_ngram_get_int(ngram, TKR_PRUNE + n, &value));
        assert_true(value == INT64_MAX - n);
    }
    assert_ok(tkr_ngram_get_int(ngram, TKR_FALLBACK, &value));
    assert_int_equal(value, 0);
    tkr_ngram_destroy(ngram);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_abracadabra),
        cmocka_unit_test(test_shares_of_one_context),
        cmocka_unit_test(test_only_the_last_ids_count),
        cmocka_unit_test(test_a_mark_begins_anew),
        cmocka_unit_test(test_length_of_a_match),
        cmocka_unit_test(test_match_of_a_missing_middle),
        cmocka_unit_test(test_end_of_text_has_no_follower),
        cmocka_unit_test(test_against_slow_counting),
        cmocka_unit_test(test_large_ids),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
