/* SPDX-License-Identifier: MIT
 * Mixing two models, and the unigram cache. */
#include <math.h>
#include <string.h>

#include "support/heap.h"
#include "support/support.h"

enum { N = 2000 };

static double uniform(uint64_t *state) {
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return ((double)(*state >> 11) + 1) / 9007199254740994.0;
}

static double loss(const double *first, const double *second, double weight) {
    double mixed[N], sum = 0;
    assert_ok(tkr_mix_logprobs(mixed, first, second, N, weight));
    for (int i = 0; i < N; i++) {
        sum -= mixed[i];
    }
    return sum;
}

/* No other weight is likelier than the one that is found. */
static void test_the_weight_is_the_best(void **unused) {
    (void)unused;
    uint64_t random = compare_seed(80);
    for (int trial = 0; trial < 20; trial++) {
        double first[N], second[N], weight = -1;
        for (int i = 0; i < N; i++) {
            first[i] = log(uniform(&random)) / (1 + 0.1 * (trial % 4));
            second[i] = log(uniform(&random)) / (1 + 0.1 * (trial % 3));
        }
        assert_ok(tkr_mix_fit(&weight, first, second, N));
        assert_true(weight > 0 && weight < 1);
        double best = loss(first, second, weight);
        for (double w = 0; w <= 1; w += 1.0 / 64) {
            assert_true(best <= loss(first, second, w) + 1e-6);
        }
        assert_true(best <= loss(first, second, fmin(weight + 1e-4, 1)) + 1e-9);
        assert_true(best <= loss(first, second, fmax(weight - 1e-4, 0)) + 1e-9);
        double other = -1;
        assert_ok(tkr_mix_fit(&other, second, first, N));
        assert_true(fabs(weight + other - 1) <= 1e-5);
    }
}

/* Two observations, by hand: p = (.8, .1), q = (.2, .6): d/dw = .6/(.2+.6w) - .5/(.6-.5w) = 0. */
static void test_a_weight_by_hand(void **unused) {
    (void)unused;
    const double first[] = {log(0.8), log(0.1)}, second[] = {log(0.2), log(0.6)};
    double weight = -1;
    assert_ok(tkr_mix_fit(&weight, first, second, 2));
    assert_true(fabs(weight - (0.6 * 0.6 - 0.5 * 0.2) / (2 * 0.5 * 0.6)) <= 1e-6);
}

static void test_extremes(void **unused) {
    (void)unused;
    const double good[] = {-1, -2, -3}, bad[] = {-4, -5, -INFINITY};
    const double never[] = {-INFINITY, -INFINITY, -INFINITY}, half[] = {-1, -INFINITY, -2};
    double weight = -1, mixed[3];
    assert_ok(tkr_mix_fit(&weight, good, bad, 3));
    assert_true(weight > 0.999);
    assert_ok(tkr_mix_fit(&weight, bad, good, 3));
    assert_true(weight < 0.001);
    assert_ok(tkr_mix_fit(&weight, good, good, 3));
    assert_true(weight == 0.5);
    assert_ok(tkr_mix_fit(&weight, never, good, 3));
    assert_true(weight == 0);
    assert_ok(tkr_mix_fit(&weight, never, never, 3));
    assert_true(weight == 0.5);
    assert_ok(tkr_mix_logprobs(mixed, half, never, 3, 0.25));
    assert_true(fabs(mixed[0] - (log(0.25) - 1)) <= 1e-15 && mixed[1] == -INFINITY);
    assert_ok(tkr_mix_logprobs(mixed, half, good, 3, 1));
    assert_memory_equal(mixed, half, sizeof half);
    assert_ok(tkr_mix_logprobs(mixed, half, good, 3, 0));
    assert_memory_equal(mixed, good, sizeof good);
    assert_ok(tkr_mix_logprobs(mixed, mixed, bad, 3, 0.5)); /* in place */
    assert_true(fabs(mixed[0] - log((exp(-1) + exp(-4)) / 2)) <= 1e-15);
}

static void test_refusals(void **unused) {
    (void)unused;
    const double good[] = {-1, -2}, nan[] = {-1, NAN}, inf[] = {INFINITY, -1};
    const float values[] = {0, 1}, bad[] = {0, NAN}, none[] = {-INFINITY, -INFINITY};
    const int32_t ids[] = {1, 2};
    double weight = 7, mixed[2] = {7, 7};
    float out[2] = {7, 7};
    assert_status(tkr_mix_fit(&weight, good, nan, 2), TKR_ERR_NUMERIC);
    assert_status(tkr_mix_fit(&weight, inf, good, 2), TKR_ERR_NUMERIC);
    assert_status(tkr_mix_fit(&weight, good, good, 0), TKR_ERR_ARGUMENT);
    assert_status(tkr_mix_fit(NULL, good, good, 2), TKR_ERR_ARGUMENT);
    assert_status(tkr_mix_fit(&weight, NULL, good, 2), TKR_ERR_ARGUMENT);
    assert_status(tkr_mix_logprobs(mixed, good, nan, 2, 0.5), TKR_ERR_NUMERIC);
    assert_status(tkr_mix_logprobs(mixed, good, good, 2, 1.5), TKR_ERR_ARGUMENT);
    assert_status(tkr_mix_logprobs(mixed, good, good, 2, NAN), TKR_ERR_ARGUMENT);
    assert_status(tkr_mix_logprobs(NULL, good, good, 2, 0.5), TKR_ERR_ARGUMENT);
    assert_status(tkr_mix_distribution(out, values, bad, 2, 0.5), TKR_ERR_NUMERIC);
    assert_status(tkr_mix_distribution(out, values, values, 0, 0.5), TKR_ERR_ARGUMENT);
    assert_status(tkr_mix_distribution(out, values, values, 2, -0.5), TKR_ERR_ARGUMENT);
    assert_status(tkr_mix_distribution(NULL, values, values, 2, 0.5), TKR_ERR_ARGUMENT);
    assert_status(tkr_logits_logprobs(mixed, values, ids, 1, 1), TKR_ERR_TOKEN);
    assert_status(tkr_logits_logprobs(mixed, bad, ids, 1, 2), TKR_ERR_NUMERIC);
    assert_status(tkr_logits_logprobs(mixed, none, ids, 1, 2), TKR_ERR_NUMERIC);
    assert_status(tkr_logits_logprobs(mixed, values, NULL, 1, 2), TKR_ERR_ARGUMENT);
    assert_status(tkr_logits_distribution(out, bad, 2), TKR_ERR_NUMERIC);
    assert_status(tkr_logits_distribution(out, values, 0), TKR_ERR_ARGUMENT);
    assert_status(tkr_logits_distribution(NULL, values, 2), TKR_ERR_ARGUMENT);
    assert_true(weight == 7 && mixed[0] == 7 && mixed[1] == 7 && out[0] == 7 && out[1] == 7);
}

/* Distributions stay distributions, and say what the streams say. */
static void test_distributions(void **unused) {
    (void)unused;
    const float logits[] = {1, -2, 0.5f, 30, -INFINITY}, other[] = {0, 0, 0, 0, 0};
    float first[5], second[5], mixed[5];
    double stream[2], logprob, again;
    const int32_t ids[] = {3, 1};
    const float rows[] = {1, -2, 0.5f, 30, -INFINITY, 0, 0, 0, 0, 0};
    assert_ok(tkr_logits_distribution(first, logits, 5));
    assert_ok(tkr_logits_distribution(second, other, 5));
    assert_ok(tkr_logits_logprobs(stream, rows, ids, 2, 5));
    assert_true(fabs(stream[0] - (double)first[3]) <= 1e-6 && fabs(stream[1] + log(5)) <= 1e-12);
    assert_true(first[4] == -INFINITY);
    assert_ok(tkr_mix_distribution(mixed, first, second, 5, 0.25));
    double sum = 0;
    for (int i = 0; i < 5; i++) {
        sum += exp((double)mixed[i]);
    }
    assert_true(fabs(sum - 1) <= 1e-6);
    logprob = (double)first[0];
    again = (double)second[0];
    assert_ok(tkr_mix_logprobs(&logprob, &logprob, &again, 1, 0.25));
    assert_true(fabs(logprob - (double)mixed[0]) <= 1e-6);
}

static void test_cache_by_hand(void **unused) {
    (void)unused;
    const int32_t ids[] = {0, 0, 1, 0, 2, 2, 2};
    /* window 3, V = 4: before each id, its share among the last three */
    const double want[] = {1.0 / 4, 1, 0, 2.0 / 3, 0, 1.0 / 3, 2.0 / 3};
    tkr_cache *cache;
    double logprobs[7];
    float all[4];
    assert_ok(tkr_cache_create(&cache, 4, 3, NULL));
    for (int round = 0; round < 2; round++) {
        assert_ok(tkr_cache_logprobs(cache, logprobs, ids, 7));
        for (int i = 0; i < 7; i++) {
            assert_true(want[i] > 0 ? fabs(exp(logprobs[i]) - want[i]) <= 1e-15
                                    : logprobs[i] == -INFINITY);
        }
        assert_ok(tkr_cache_distribution(cache, all)); /* 2 2 2 */
        assert_true(all[2] == 0 && all[0] == -INFINITY);
        assert_ok(tkr_cache_reset(cache));
        assert_ok(tkr_cache_distribution(cache, all));
        assert_true(fabs(exp((double)all[3]) - 0.25) <= 1e-7);
    }
    assert_ok(tkr_cache_logprobs(cache, NULL, ids, 2)); /* only remembers */
    assert_ok(tkr_cache_distribution(cache, all));
    assert_true(all[0] == 0);
    const int32_t bad[] = {1, 4};
    assert_status(tkr_cache_logprobs(cache, logprobs, bad, 2), TKR_ERR_TOKEN);
    assert_string_equal(tkr_cache_detail(cache), "id 4 at 1 of 4 symbols");
    assert_status(tkr_cache_logprobs(cache, logprobs, NULL, 1), TKR_ERR_ARGUMENT);
    assert_ok(tkr_cache_distribution(cache, all));
    assert_true(all[0] == 0 && all[1] == -INFINITY); /* the refused ids are not in it */
    tkr_cache_destroy(cache);
    tkr_cache_destroy(NULL);
}

static void test_cache_memory(void **unused) {
    (void)unused;
    heap h;
    tkr_env env;
    tkr_cache *cache = (void *)&h;
    uint64_t bytes = 0;
    heap_init(&h, &env);
    heap_fail(&h, 0, 1);
    assert_status(tkr_cache_create(&cache, 100, 50, &env), TKR_ERR_MEMORY);
    assert_null(cache);
    heap_fail(&h, -1, 0);
    assert_ok(tkr_cache_size(&bytes, 100, 50));
    assert_ok(tkr_cache_create(&cache, 100, 50, &env));
    assert_true(h.bytes == bytes);
    tkr_cache_destroy(cache);
    assert_true(heap_is_clean(&h));
    assert_status(tkr_cache_create(&cache, 0, 50, &env), TKR_ERR_ARGUMENT);
    assert_status(tkr_cache_create(&cache, 10, 0, &env), TKR_ERR_ARGUMENT);
    assert_status(tkr_cache_create(NULL, 10, 1, &env), TKR_ERR_ARGUMENT);
    assert_status(tkr_cache_size(&bytes, 10, INT64_MAX), TKR_ERR_MEMORY);
    assert_status(tkr_cache_size(NULL, 10, 5), TKR_ERR_ARGUMENT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_weight_is_the_best),
        cmocka_unit_test(test_a_weight_by_hand),
        cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_distributions),
        cmocka_unit_test(test_cache_by_hand),
        cmocka_unit_test(test_cache_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
