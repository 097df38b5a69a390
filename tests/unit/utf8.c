/* SPDX-License-Identifier: MIT
 * Strict UTF-8, held against the definition: every code point there and back, every byte pair and
 * triple judged by rules of the test's own. */
#include "core/utf8.h"

#include <string.h>

#include "support/support.h"

static void test_every_code_point(void **unused) {
    (void)unused;
    for (uint32_t code = 0; code < TKRI_CODE_POINTS; code++) {
        char text[TKRI_UTF8_MAX];
        uint32_t back = 0;
        int n = tkri_utf8_encode(text, code);
        int surrogate = code >= 0xD800 && code <= 0xDFFF;
        assert_int_equal(n, 1 + (code > 0x7F) + (code > 0x7FF) + (code > 0xFFFF));
        assert_int_equal(tkri_utf8_decode(text, 4, &back), surrogate ? 0 : n);
        if (!surrogate) {
            assert_int_equal(back, code);
            assert_int_equal(tkri_utf8_decode(text, (uint64_t)n - 1, &back), 0);
        }
    }
}

/* RFC 3629's table, written as ranges. */
static int length_by_table(const unsigned char *b) {
    static const struct {
        unsigned char low[4], high[4];
        int n;
    } rows[] = {
        {{0x00}, {0x7F}, 1},
        {{0xC2, 0x80}, {0xDF, 0xBF}, 2},
        {{0xE0, 0xA0, 0x80}, {0xE0, 0xBF, 0xBF}, 3},
        {{0xE1, 0x80, 0x80}, {0xEC, 0xBF, 0xBF}, 3},
        {{0xED, 0x80, 0x80}, {0xED, 0x9F, 0xBF}, 3},
        {{0xEE, 0x80, 0x80}, {0xEF, 0xBF, 0xBF}, 3},
        {{0xF0, 0x90, 0x80, 0x80}, {0xF0, 0xBF, 0xBF, 0xBF}, 4},
        {{0xF1, 0x80, 0x80, 0x80}, {0xF3, 0xBF, 0xBF, 0xBF}, 4},
        {{0xF4, 0x80, 0x80, 0x80}, {0xF4, 0x8F, 0xBF, 0xBF}, 4},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        int fits = 1;
        for (int i = 0; i < rows[r].n; i++) {
            fits &= b[i] >= rows[r].low[i] && b[i] <= rows[r].high[i];
        }
        if (fits) {
            return rows[r].n;
        }
    }
    return 0;
}

static void test_every_three_bytes(void **unused) {
    (void)unused;
    static const unsigned char last[] = {0x00, 0x7F, 0x80, 0xBF, 0xC0, 0xFF};
    for (int first = 0; first < 256; first++) {
        for (int second = 0; second < 256; second++) {
            for (int i = 0; i < 36; i++) {
                unsigned char b[4] = {(unsigned char)first, (unsigned char)second, last[i / 6],
                                      last[i % 6]};
                uint32_t code;
                assert_int_equal(tkri_utf8_decode((const char *)b, 4, &code), length_by_table(b));
            }
        }
    }
}

static void test_check(void **unused) {
    (void)unused;
    assert_int_equal(tkri_utf8_check("", 0), 0);
    assert_int_equal(tkri_utf8_check("a\xC3\xA7z", 4), 4);
    assert_int_equal(tkri_utf8_check("a\xC3\xA7\xFFz", 5), 3);
    assert_int_equal(tkri_utf8_check("a\xC3\xA7z", 2), 1);
}

static void expect_shown(const char *text, uint64_t len, uint64_t capacity, const char *want) {
    char out[32];
    memset(out, '#', sizeof out);
    assert_string_equal(tkri_utf8_show(out, capacity, text, len), want);
    assert_int_equal(out[capacity], '#');
}

static void test_show(void **unused) {
    (void)unused;
    expect_shown(
        "a\n\x7F\0\xC2\x9B"
        "b",
        7, 31, "a\\n\\x7f\\x00\\xc2\\x9bb");
    expect_shown("\t\r\x1F\xFFx\xC3", 6, 31, "\\t\\r\\x1f\\xffx\\xc3");
    expect_shown("ab\x01", 3, 6, "ab"); /* an escape is not cut */
    expect_shown("\xC3\xA7\xC3\xA7", 4, 4, "\xC3\xA7");
    expect_shown("abcd", 4, 4, "abc");
    expect_shown("", 0, 1, "");
    expect_shown("a", 1, 1, "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_point),
        cmocka_unit_test(test_every_three_bytes),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_show),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
