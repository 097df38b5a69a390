/* SPDX-License-Identifier: MIT
 * The generator against its authors' known answers, and the ranges and moments of what is drawn. */
#include <math.h>

#include "core/random.h"
#include "support/support.h"

/* Random123's known answers of philox4x32-10: counter of all zeros, of all ones, of pi's digits. */
static void test_known_answers(void **unused) {
    (void)unused;
    static const struct {
        uint64_t seed, stream, index;
        uint32_t want[4];
    } answers[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {UINT64_C(0x299f31d0a4093822),
         UINT64_C(0x0370734413198a2e),
         UINT64_C(0x85a308d3243f6a88),
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
        uint32_t out[4];
        tkri_philox(out, answers[i].seed, answers[i].stream, answers[i].index);
        assert_memory_equal(out, answers[i].want, sizeof out);
    }
}

/* Mean 1/2 and variance 1/12 within 5 standard errors, never 1 itself. */
static void test_uniform(void **unused) {
    (void)unused;
    enum { N = 100000 };
    tkri_random random = {.seed = compare_seed(1)};
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        double u = tkri_uniform(&random);
        assert_true(u >= 0 && u < 1);
        sum += u;
        squares += (u - 0.5) * (u - 0.5);
    }
    assert_int_equal(random.index, N);
    assert_true(fabs(sum / N - 0.5) <= 5 * sqrt(1.0 / 12 / N));
    assert_true(fabs(squares / N - 1.0 / 12) <= 5 * sqrt(1.0 / 180 / N));
}

/* Mean 0, variance 1, fourth moment 3 within 5 standard errors. */
static void test_normal(void **unused) {
    (void)unused;
    enum { N = 100000 };
    tkri_random random = {.seed = compare_seed(2), .stream = 7};
    double first = 0, second = 0, fourth = 0;
    for (int i = 0; i < N; i++) {
        double z = tkri_normal(&random);
        assert_true(isfinite(z));
        first += z;
        second += z * z;
        fourth += z * z * z * z;
    }
    assert_true(fabs(first / N) <= 5 * sqrt(1.0 / N));
    assert_true(fabs(second / N - 1) <= 5 * sqrt(2.0 / N));
    assert_true(fabs(fourth / N - 3) <= 5 * sqrt(96.0 / N));
}

static uint32_t word_at(uint64_t seed, uint64_t stream, uint64_t index) {
    uint32_t word[4];
    tkri_philox(word, seed, stream, index / 4);
    return word[index % 4];
}

/* What is drawn for an element depends on seed, stream and index alone, and on each of them. */
static void test_counter_values(void **unused) {
    (void)unused;
    uint32_t at[64];
    for (uint64_t i = 0; i < 64; i++) {
        at[i] = word_at(5, 6, i);
    }
    for (uint64_t i = 64; i-- > 0;) {
        assert_int_equal(word_at(5, 6, i), at[i]);
    }
    assert_int_not_equal(at[0], word_at(4, 6, 0));
    assert_int_not_equal(at[0], word_at(5, 7, 0));
    assert_int_not_equal(at[0], at[1]);
}

/* So many at once are the numbers that one by one gives, and the generator goes on behind them. */
static void test_many(void **unused) {
    (void)unused;
    enum { N = 37 };
    for (int64_t n = 0; n < N; n++) {
        tkri_random one = {1, 2, 3}, many = one;
        double got[N], want;
        tkri_uniforms(&many, got, n);
        for (int64_t i = 0; i < n; i++) {
            want = tkri_uniform(&one);
            assert_memory_equal(&got[i], &want, sizeof want);
        }
        tkri_normals(&many, got, n);
        for (int64_t i = 0; i < n; i++) {
            want = tkri_normal(&one);
            assert_memory_equal(&got[i], &want, sizeof want);
        }
        assert_int_equal(many.index, 3 + 2 * n);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers), cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_normal),        cmocka_unit_test(test_counter_values),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
