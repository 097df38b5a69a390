/* SPDX-License-Identifier: MIT
 * Names in ARPA texts: what is an escape of ours and what only looks like one. */
#include <string.h>

#include "ngram/arpa_entries.h"
#include "support/support.h"

static void test_unescape(void **unused) {
    (void)unused;
    static const char *const rows[][2] = {
        {"<0x20>", " "},           {"a<0x09><0x0A>b", "a\t\nb"},
        {"<0x3C>0x41>", "<0x41>"},                       /* a name that begins like an escape */
        {"<0x3C>0x20>", "<0x20>"}, {"<0x41>", "<0x41>"}, /* nothing that would have to be hidden */
        {"<0x3C>", "<0x3C>"},                            /* nothing behind it that could mislead */
        {"<0x3C>0", "<0x3C>0"},    {"<0x3C>0y", "<0x3C>0y"},
        {"<0x2", "<0x2"},          {"<0x20", "<0x20"},
        {"<0x20)", "<0x20)"},      {"<0y20>", "<0y20>"},
        {"<0x/0>", "<0x/0>"}, /* the characters around the digits */
        {"<0x:0>", "<0x:0>"},      {"<0x@0>", "<0x@0>"},
        {"<0xG0>", "<0xG0>"},      {"<0x2/>", "<0x2/>"},
        {"<0x2G>", "<0x2G>"},      {"<0x0a>", "<0x0a>"}, /* digits are capital */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char out[32] = "";
        const uint64_t len = tkri_arpa_unescape(out, rows[i][0], strlen(rows[i][0]));
        assert_string_equal(out, rows[i][1]);
        assert_int_equal(len, strlen(rows[i][1]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unescape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
