/* SPDX-License-Identifier: MIT
 * The JSON reader and writer: what is legal, what is refused and where, and that nothing is read
 * past the end (the texts stand at the end of blocks of exactly their size). */
#include "model/json.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "support/support.h"

/* What is called here stands behind the calls that keep traps away. */
#define trap() ((void)0)

/* A copy without a NUL behind it, so that a sanitizer sees every byte read too many. */
typedef struct exact {
    char *text;
    tkri_json json;
} exact;

static exact make(const char *text, size_t len) {
    exact e = {malloc(len ? len : 1), {0}};
    assert_non_null(e.text);
    memcpy(e.text, text, len);
    e.json = tkri_json_begin(e.text, len);
    return e;
}

static void check_string(const char *text, size_t len, const char *want, size_t want_len) {
    char out[64];
    uint64_t got = 99;
    exact e = make(text, len);
    assert_ok(tkri_json_string(&e.json, out, sizeof out, &got));
    assert_ok(tkri_json_end(&e.json));
    assert_int_equal(got, want_len);
    assert_memory_equal(out, want, want_len);
    for (uint64_t room = 0; room <= want_len; room++) { /* cut, never overrun, length whole */
        memset(out, '#', sizeof out);
        e.json = tkri_json_begin(e.text, len);
        assert_ok(tkri_json_string(&e.json, room ? out : NULL, room, &got));
        assert_int_equal(got, want_len);
        assert_memory_equal(out, want, room);
        assert_int_equal(out[room], '#');
    }
    free(e.text);
}

static void test_strings(void **unused) {
    (void)unused;
#define GOOD(text, want) check_string(text, sizeof text - 1, want, sizeof want - 1)
    GOOD("\"\"", "");
    GOOD("  \"abc\" \n", "abc");
    GOOD("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t");
    GOOD("\"\\u0041\\u00e7\\u20AC\\ud83d\\ude00\"", "A\xC3\xA7\xE2\x82\xAC\xF0\x9F\x98\x80");
    GOOD("\"\\uD7FF\\uE000\\uDBFF\\uDFFF\"", "\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF");
    GOOD("\"a\\u0000b\"", "a\0b");
    GOOD("\"\xC5\x9F\x7F\"", "\xC5\x9F\x7F");
#undef GOOD
}

static void check_bad_string(const char *text, size_t len, uint64_t at, const char *error) {
    char out[64];
    uint64_t got = 99;
    exact e = make(text, len);
    assert_status(tkri_json_string(&e.json, out, sizeof out, &got), TKR_ERR_FORMAT);
    assert_string_equal(e.json.error, error);
    assert_int_equal(e.json.at, at);
    assert_int_equal(got, 99);
    free(e.text);
}

static void test_bad_strings(void **unused) {
    (void)unused;
#define BAD(text, at, error) check_bad_string(text, sizeof text - 1, at, error)
    BAD("", 0, "expected a string");
    BAD("abc", 0, "expected a string");
    BAD(" 1", 1, "expected a string");
    BAD("\"abc", 4, "the string has no end");
    BAD("\"a\\", 3, "no such escape");
    BAD("\"a\\x41\"", 3, "no such escape");
    BAD("\"\\\0\"", 2, "no such escape");
    BAD("\"a\nb\"", 2, "a control character in a string");
    BAD("\"a\0b\"", 2, "a control character in a string");
    BAD("\"\xC0\x80\"", 1, "not UTF-8");
    BAD("\"\xED\xA0\x80\"", 1, "not UTF-8");
    BAD("\"\xC3", 1, "not UTF-8");
    BAD("\"\\u12", 5, "expected four hexadecimal digits");
    BAD("\"\\u12g4\"", 5, "expected four hexadecimal digits");
    BAD("\"\\ud83d\"", 7, "half of a surrogate pair");
    BAD("\"\\ud83d\\", 7, "half of a surrogate pair");
    BAD("\"\\ud83dxx\"", 7, "half of a surrogate pair");
    BAD("\"\\ud83d\\u0041\"", 13, "half of a surrogate pair");
    BAD("\"\\ud83d\\ue000\"", 13, "half of a surrogate pair");
    BAD("\"\\ud83d\\u00", 11, "expected four hexadecimal digits");
    BAD("\"\\ude00\\ud83d\"", 7, "half of a surrogate pair");
#undef BAD
}

static void test_numbers(void **unused) {
    (void)unused;
    static const struct {
        const char *text;
        uint64_t value;
        const char *error;
    } rows[] = {
        {"0", 0, NULL},
        {" 7 ", 7, NULL},
        {"18446744073709551615", UINT64_MAX, NULL},
        {"18446744073709551616", 0, "a number of 2^64 or more"},
        {"18446744073709551620", 0, "a number of 2^64 or more"},
        {"99999999999999999999999", 0, "a number of 2^64 or more"},
        {"00", 0, "a number with a leading zero"},
        {"01", 0, "a number with a leading zero"},
        {"-1", 0, "expected a non-negative integer"},
        {"-0", 0, "expected a non-negative integer"},
        {"+1", 0, "expected a non-negative integer"},
        {"", 0, "expected a non-negative integer"},
        {"true", 0, "expected a non-negative integer"},
        {"1.0", 0, "a number that is not an integer"},
        {"0.5", 0, "a number that is not an integer"},
        {"1e3", 0, "a number that is not an integer"},
        {"1E3", 0, "a number that is not an integer"},
        {"1 2", 0, "something follows the end"},
        {"1x", 0, "something follows the end"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value = 5;
        exact e = make(rows[i].text, strlen(rows[i].text));
        int32_t status = tkri_json_uint(&e.json, &value);
        status = status == TKR_OK ? tkri_json_end(&e.json) : status;
        assert_status(status, rows[i].error ? TKR_ERR_FORMAT : TKR_OK);
        if (rows[i].error) {
            assert_string_equal(e.json.error, rows[i].error);
        } else {
            assert_int_equal(value, rows[i].value);
        }
        free(e.text);
    }
}

/* {"name": [numbers], ...}: the sum of all numbers, or the status. */
static int32_t sum_of(tkri_json *json, uint64_t *sum) {
    int more, inner;
    *sum = 0;
    TRY(tkri_json_open(json, '{'));
    for (;;) {
        char key[8];
        uint64_t len, value;
        TRY(tkri_json_more(json, '}', &more));
        if (!more) {
            return tkri_json_end(json);
        }
        TRY(tkri_json_key(json, key, sizeof key, &len));
        TRY(tkri_json_open(json, '['));
        for (;;) {
            TRY(tkri_json_more(json, ']', &inner));
            if (!inner) {
                break;
            }
            TRY(tkri_json_uint(json, &value));
            *sum += value;
        }
    }
}

static void test_structure(void **unused) {
    (void)unused;
    static const struct {
        const char *text;
        uint64_t sum;
        const char *error;
    } rows[] = {
        {"{}", 0, NULL},
        {" { } ", 0, NULL},
        {"{\"a\":[]}", 0, NULL},
        {"{\"a\":[1,2],\"b\":[],\"c\":[3]}", 6, NULL},
        {"\t{ \"a\" : [ 1 , 2 ] ,\r\n \"b\" : [ ] } ", 3, NULL},
        {"", 0, "expected an object"},
        {"[]", 0, "expected an object"},
        {"{", 0, "expected a string"},
        {"{,}", 0, "expected a string"},
        {"{\"a\":[1],}", 0, "expected a string"},
        {"{\"a\":[1] \"b\":[]}", 0, "expected , or }"},
        {"{\"a\":[1]", 0, "expected , or }"},
        {"{\"a\":[1]]", 0, "expected , or }"},
        {"{\"a\" [1]}", 0, "expected :"},
        {"{\"a\"", 0, "expected :"},
        {"{\"a\":1}", 0, "expected an array"},
        {"{\"a\":{}}", 0, "expected an array"},
        {"{\"a\":[1,]}", 0, "expected a non-negative integer"},
        {"{\"a\":[,1]}", 0, "expected a non-negative integer"},
        {"{\"a\":[1 2]}", 0, "expected , or ]"},
        {"{\"a\":[[[[[[[[", 0, "expected a non-negative integer"},
        {"{}{}", 0, "something follows the end"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t sum;
        exact e = make(rows[i].text, strlen(rows[i].text));
        assert_status(sum_of(&e.json, &sum), rows[i].error ? TKR_ERR_FORMAT : TKR_OK);
        if (rows[i].error) {
            assert_string_equal(e.json.error, rows[i].error);
        } else {
            assert_int_equal(sum, rows[i].sum);
        }
        free(e.text);
    }
}

/* A text cut anywhere is an error, and never read past the cut. */
static void test_truncation(void **unused) {
    (void)unused;
    static const char text[] = "{\"a\\u00e7\\ud83d\\ude00\":[1,20],\"\xC5\x9F\\n\":[ 300 ]}";
    uint64_t sum;
    for (size_t len = 0; len < sizeof text; len++) {
        exact e = make(text, len);
        assert_status(sum_of(&e.json, &sum), len == sizeof text - 1 ? TKR_OK : TKR_ERR_FORMAT);
        free(e.text);
        if (len == sizeof text - 1) {
            return;
        }
    }
    fail();
}

/* What the writer writes is counted right, and read back the same. */
static void test_writer(void **unused) {
    (void)unused;
    char all[300], back[300], buffer[2000];
    uint64_t all_len = 0, got, numbers[] = {0, 9, 10, UINT64_MAX}, value;
    for (int c = 0; c < 0x80; c++) {
        all[all_len++] = (char)c;
    }
    memcpy(all + all_len, "\xC3\xA7\xF0\x9F\x98\x80", 6);
    all_len += 6;
    tkri_text text = {NULL, 0};
    for (int writing = 0; writing < 2; writing++) {
        uint64_t counted = text.used;
        text = (tkri_text){writing ? buffer : NULL, 0};
        memset(buffer, '#', sizeof buffer);
        tkri_text_quote(&text, all, all_len);
        for (int i = 0; i < 4; i++) {
            tkri_text_put(&text, " ");
            tkri_text_uint(&text, numbers[i]);
        }
        assert_true(!writing || counted == text.used);
        assert_int_equal(buffer[text.used], '#');
    }
    tkri_json json = tkri_json_begin(buffer, text.used);
    assert_ok(tkri_json_string(&json, back, sizeof back, &got));
    assert_int_equal(got, all_len);
    assert_memory_equal(back, all, all_len);
    for (int i = 0; i < 4; i++) {
        assert_ok(tkri_json_uint(&json, &value));
        assert_int_equal(value, numbers[i]);
    }
    assert_ok(tkri_json_end(&json));
}

static void check_real(double value, const char *want) {
    char buffer[40];
    double back = NAN;
    tkri_text text = {NULL, 0};
    tkri_text_real(&text, value);
    assert_int_equal(text.used, strlen(want));
    text = (tkri_text){buffer, 0};
    tkri_text_real(&text, value);
    assert_memory_equal(buffer, want, text.used);
    tkri_json json = tkri_json_begin(buffer, text.used);
    assert_ok(tkri_json_real(&json, &back));
    assert_memory_equal(&back, &value, sizeof value);
    /* Others read it so too. */
    buffer[text.used - 1] = '\0';
    assert_true(strtod(buffer + 1, NULL) == value);
}

static void test_reals(void **unused) {
    (void)unused;
    check_real(0, "\"0x0p+0\"");
    check_real(-0.0, "\"-0x0p+0\"");
    check_real(0.75, "\"0x3p-2\"");
    check_real(-1, "\"-0x1p+0\"");
    check_real(1e6, "\"0x3d09p+6\"");
    check_real(0.1, "\"0xccccccccccccdp-55\"");
    check_real(DBL_MAX, "\"0x1fffffffffffffp+971\"");
    check_real(DBL_TRUE_MIN, "\"0x1p-1074\"");
    tkri_random random = {.seed = compare_seed(10)};
    for (int i = 0; i < 10000; i++) {
        double value = ldexp(tkri_normal(&random), (int)(tkri_uniform(&random) * 2000) - 1000);
        double back = NAN;
        char buffer[40];
        tkri_text text = {buffer, 0};
        tkri_text_real(&text, value);
        assert_in_range(text.used, 8, sizeof buffer);
        tkri_json json = tkri_json_begin(buffer, text.used);
        assert_ok(tkri_json_real(&json, &back));
        assert_ok(tkri_json_end(&json));
        assert_true(back == value);
    }
}

static void test_bad_reals(void **unused) {
    (void)unused;
    static const char *const rows[] = {
        "\"\"",
        "\"-\"",
        "\"0x\"",
        "\"0x1\"",
        "\"0x1p\"",
        "\"0x1p1\"",
        "\"0x1p+\"",
        "\"0xp+1\"",
        "\"1p+1\"",
        "\"0X1p+1\"",
        "\"0x1P+1\"",
        "\"+0x1p+1\"",
        "\"0x1p+1 \"",
        "\" 0x1p+1\"",
        "\"0x1p+a\"",
        "\"0x1p+1024\"",
        "\"0x1p+99999\"",
        "\"0xAp+1\"",
        "\"nan\"",
        "\"inf\"",
        "\"0x111111111111111p+1\"",
        "\"0x1.8p+1\"",
        "1",
        "\"0x1p+0000000000000000000000000000000000000000000000000\"",
        "\"0x1p+1\\u0000\"",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double value = 5;
        exact e = make(rows[i], strlen(rows[i]));
        assert_status(tkri_json_real(&e.json, &value), TKR_ERR_FORMAT);
        assert_non_null(e.json.error);
        assert_true(value == 5);
        free(e.text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strings),    cmocka_unit_test(test_bad_strings),
        cmocka_unit_test(test_numbers),    cmocka_unit_test(test_structure),
        cmocka_unit_test(test_truncation), cmocka_unit_test(test_writer),
        cmocka_unit_test(test_reals),      cmocka_unit_test(test_bad_reals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
