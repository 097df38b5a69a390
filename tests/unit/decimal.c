/* SPDX-License-Identifier: MIT
 * Decimal numbers of ARPA files. */
#include "ngram/decimal.h"

#include <math.h>
#include <string.h>

#include "support/support.h"

static void test_reading(void **unused) {
    (void)unused;
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0},
                {"-0", 0},
                {"1.5", 1.5},
                {"-.25", -0.25},
                {"5.", 5},
                {"+2e3", 2000},
                {"-1e-400", 0},
                {"1e-401", 0},
                {"0e999999999999", 0},
                {"123456789012345678901234567890e-20", 1234567890.1234567},
                {"-99", -99},
                {"0.1", 0.1},
                {"1e22", 1e22},
                {"1.7e308", 1.7e308},
                {"-2.2250738585072014e-308", -2.2250738585072014e-308}};
    static const char *const bad[] = {"",   "-",  ".",    "e5",  "1e",  "1e+",   "--1",      "1..2",
                                      "1 ", " 1", "0x10", "inf", "nan", "1e309", "-1e99999", "1,5"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double value = 7;
        assert_true(tkri_decimal_read(&value, good[i].text, strlen(good[i].text)));
        assert_true(fabs(value - good[i].value) <= 4e-16 * fabs(good[i].value));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double value = 7;
        assert_false(tkri_decimal_read(&value, bad[i], strlen(bad[i])));
        assert_true(value == 7);
    }
}

static void test_writing(void **unused) {
    (void)unused;
    static const struct {
        double value;
        const char *text;
    } written[] = {{0, "0"},
                   {-0.0, "0"},
                   {-1, "-1"},
                   {-0.5, "-0.5"},
                   {0.125, "0.125"},
                   {-1.23456789012, "-1.23456789"},
                   {1e-10, "0"},
                   {-1e-10, "0"},
                   {10, "10"},
                   {-1e300, "-1000000000"},
                   {1e12, "1000000000"},
                   {-100, "-100"},
                   {99999.123456789, "99999.123456789"},
                   {123456.123456789, "123456.12345679"},
                   {-987654321.1234567, "-987654321.12346"}};
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        char text[TKRI_DECIMAL_MAX];
        tkri_decimal_write(text, written[i].value);
        assert_string_equal(text, written[i].text);
    }
}

/* What is written, read and written again is the same. */
static void test_there_and_back(void **unused) {
    (void)unused;
    uint64_t random = compare_seed(75);
    for (int i = 0; i < 100000; i++) {
        char text[TKRI_DECIMAL_MAX], again[TKRI_DECIMAL_MAX];
        double value;
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double drawn = ldexp((double)(int32_t)(random >> 32), -(int)(random >> 27 & 31));
        tkri_decimal_write(text, drawn);
        assert_true(tkri_decimal_read(&value, text, strlen(text)));
        assert_true(fabs(value - drawn) <= 0.6e-9 + 6e-14 * fabs(drawn) || fabs(drawn) > 1e9);
        value *= 2.30258509299404568402;
        tkri_decimal_write(again, value / 2.30258509299404568402);
        assert_string_equal(again, text);
    }
}

static void test_whole_numbers(void **unused) {
    (void)unused;
    static const char *const bad[] = {
        "", "-1", "1.0", "1e3", " 1", "18446744073709551616", "99999999999999999999"};
    uint64_t value = 7;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(tkri_decimal_read_whole(&value, bad[i], strlen(bad[i])));
    }
    assert_true(value == 7);
    assert_true(tkri_decimal_read_whole(&value, "012345678901234567", 18));
    assert_true(value == 12345678901234567u);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reading),
        cmocka_unit_test(test_writing),
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_whole_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
