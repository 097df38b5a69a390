/* SPDX-License-Identifier: MIT
 * Vocabularies: ids in the order of code points, text to ids and back, and what is refused leaves
 * everything as it was. */
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "core/utf8.h"
#include "support/heap.h"
#include "support/support.h"

/* a, b, c with cedilla, s with cedilla, euro sign, a smiling face: 6 symbols in 1 to 4 bytes. */
static const char mixed[] =
    "b\xC3\xA7"
    "a\xF0\x9F\x98\x80\xC5\x9F\xE2\x82\xAC"
    "ab";
enum { MIXED = sizeof mixed - 1 };

static void test_characters(void **unused) {
    (void)unused;
    static const char *const symbols[] = {
        "a", "b", "\xC3\xA7", "\xC5\x9F", "\xE2\x82\xAC", "\xF0\x9F\x98\x80"};
    static const int32_t want[] = {1, 2, 0, 5, 3, 4, 0, 1};
    tkr_vocabulary *v;
    int32_t ids[9];
    int64_t n = -1;
    assert_ok(tkr_vocabulary_create(&v, TKR_CHARACTERS, mixed, MIXED, NULL));
    assert_int_equal(tkr_vocabulary_len(v), 6);
    for (int32_t id = 0; id < 6; id++) {
        char text[5] = "####";
        uint64_t len = 0;
        assert_ok(tkr_vocabulary_decode(v, id, text, &len));
        assert_int_equal(len, strlen(symbols[id]));
        assert_memory_equal(text, symbols[id], len);
    }
    ids[8] = 99;
    assert_ok(tkr_vocabulary_encode(v, ids, 8, &n, mixed, MIXED, -1));
    assert_int_equal(n, 8);
    assert_memory_equal(ids, want, sizeof want);
    assert_int_equal(ids[8], 99);
    n = -1;
    assert_ok(tkr_vocabulary_encode(v, NULL, 0, &n, mixed, MIXED, -1));
    assert_int_equal(n, 8);
    assert_ok(tkr_vocabulary_encode(v, ids, 0, &n, NULL, 0, -1));
    assert_int_equal(n, 0);
    tkr_vocabulary_destroy(v);
}

static void test_bytes(void **unused) {
    (void)unused;
    tkr_vocabulary *v;
    char all[256], text[4];
    int32_t ids[256];
    int64_t n;
    uint64_t len;
    assert_ok(tkr_vocabulary_create(&v, TKR_BYTES, NULL, 0, NULL));
    assert_int_equal(tkr_vocabulary_len(v), 256);
    for (int i = 0; i < 256; i++) {
        all[i] = (char)(i ^ 0x55);
    }
    assert_ok(tkr_vocabulary_encode(v, ids, 256, &n, all, 256, -1));
    assert_int_equal(n, 256);
    for (int i = 0; i < 256; i++) {
        assert_int_equal(ids[i], i ^ 0x55);
        assert_ok(tkr_vocabulary_decode(v, ids[i], text, &len));
        assert_int_equal(len, 1);
        assert_int_equal(text[0], all[i]);
    }
    assert_status(tkr_vocabulary_decode(v, 256, text, &len), TKR_ERR_TOKEN);
    tkr_vocabulary_destroy(v);
}

/* Random sets of code points: V, every id and its way back. */
static void test_random_texts(void **unused) {
    (void)unused;
    enum { N = 3000 };
    static const uint32_t spread[] = {0x80, 0x800, 0x10000, TKRI_CODE_POINTS};
    tkri_random random = {.seed = compare_seed(4)};
    for (int round = 0; round < 40; round++) {
        char *text = malloc(4 * N);
        unsigned char *seen = calloc(TKRI_CODE_POINTS, 1);
        uint32_t codes[N];
        int32_t *ids = malloc(N * sizeof *ids);
        uint64_t len = 0;
        int64_t distinct = 0, n;
        assert_true(text && seen && ids);
        for (int i = 0; i < N; i++) {
            do {
                codes[i] = (uint32_t)(tkri_uniform(&random) * spread[round % 4]);
            } while (codes[i] >= 0xD800 && codes[i] < 0xE000);
            distinct += !seen[codes[i]];
            seen[codes[i]] = 1;
            len += (uint64_t)tkri_utf8_encode(text + len, codes[i]);
        }
        tkr_vocabulary *v;
        assert_ok(tkr_vocabulary_create(&v, TKR_CHARACTERS, text, len, NULL));
        assert_int_equal(tkr_vocabulary_len(v), distinct);
        assert_ok(tkr_vocabulary_encode(v, ids, N, &n, text, len, -1));
        assert_int_equal(n, N);
        for (int i = 0; i < N; i++) {
            char back[4];
            uint32_t code;
            uint64_t bytes;
            assert_ok(tkr_vocabulary_decode(v, ids[i], back, &bytes));
            assert_int_equal(tkri_utf8_decode(back, bytes, &code), bytes);
            assert_int_equal(code, codes[i]);
            assert_true(i == 0 || (codes[i] < codes[i - 1]) == (ids[i] < ids[i - 1]));
        }
        tkr_vocabulary_destroy(v);
        free(text);
        free(seen);
        free(ids);
    }
}

/* Characters that are not in the vocabulary, of every length. */
static void test_unknown(void **unused) {
    (void)unused;
    static const char *const strange[] = {"c",        "\xC3\xA8",     "\xC2\x80",
                                          "\xDF\xBF", "\xE0\xA0\x80", "\xF4\x8F\xBF\xBF"};
    tkr_vocabulary *v;
    assert_ok(tkr_vocabulary_create(&v, TKR_CHARACTERS, mixed, MIXED, NULL));
    for (size_t i = 0; i < sizeof strange / sizeof *strange; i++) {
        int32_t ids[2] = {-7, -7};
        int64_t n = -7;
        uint64_t len = strlen(strange[i]);
        assert_status(tkr_vocabulary_encode(v, ids, 2, &n, strange[i], len, -1), TKR_ERR_TOKEN);
        assert_true(ids[0] == -7 && n == -7);
        assert_ok(tkr_vocabulary_encode(v, ids, 2, &n, strange[i], len, 5));
        assert_true(ids[0] == 5 && ids[1] == -7 && n == 1);
    }
    tkr_vocabulary_destroy(v);
}

static void test_refusals(void **unused) {
    (void)unused;
    tkr_vocabulary *v = (void *)&v;
    char detail[100] = "", text[4] = "####";
    tkr_env env = {.size = sizeof env, .detail = detail, .detail_len = sizeof detail};
    int32_t ids[8] = {-7};
    int64_t n = -7;
    uint64_t len = 77;
    assert_status(tkr_vocabulary_create(NULL, TKR_BYTES, NULL, 0, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_vocabulary_create(&v, 5, "a", 1, &env), TKR_ERR_ARGUMENT);
    assert_null(v);
    assert_string_equal(detail, "no kind of vocabulary is 5");
    assert_status(tkr_vocabulary_create(&v, TKR_CHARACTERS, "a", 0, &env), TKR_ERR_ARGUMENT);
    assert_status(tkr_vocabulary_create(&v, TKR_CHARACTERS, NULL, 1, &env), TKR_ERR_ARGUMENT);
    assert_string_equal(detail, "a vocabulary of no text");
    assert_status(tkr_vocabulary_create(&v, TKR_CHARACTERS, "ab\xC3\xA7\xC3z", 6, &env),
                  TKR_ERR_FORMAT);
    assert_null(v);
    assert_string_equal(detail, "the text is not UTF-8 at byte 4");
    env.threads = 65;
    assert_status(tkr_vocabulary_create(&v, TKR_BYTES, NULL, 0, &env), TKR_ERR_ARGUMENT);

    assert_ok(tkr_vocabulary_create(&v, TKR_CHARACTERS, mixed, MIXED, NULL));
    assert_status(tkr_vocabulary_encode(NULL, ids, 8, &n, "a", 1, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_vocabulary_encode(v, ids, 8, NULL, "a", 1, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_vocabulary_encode(v, ids, 8, &n, NULL, 1, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_vocabulary_encode(v, ids, -1, &n, "a", 1, -1), TKR_ERR_ARGUMENT);
    assert_status(tkr_vocabulary_encode(v, ids, 8, &n, "a", 1, -2), TKR_ERR_TOKEN);
    assert_status(tkr_vocabulary_encode(v, ids, 8, &n, "a", 1, 6), TKR_ERR_TOKEN);
    assert_status(tkr_vocabulary_encode(v, ids, 7, &n, mixed, MIXED, -1), TKR_ERR_SHAPE);
    assert_status(tkr_vocabulary_encode(v, ids, 8, &n, mixed, MIXED - 3, -1), TKR_ERR_FORMAT);
    assert_status(tkr_vocabulary_encode(v, ids, 8, &n, "a\xFF", 2, 0), TKR_ERR_FORMAT);
    assert_true(ids[0] == -7 && n == -7);
    assert_status(tkr_vocabulary_decode(NULL, 0, text, &len), TKR_ERR_ARGUMENT);
    assert_status(tkr_vocabulary_decode(v, 0, NULL, &len), TKR_ERR_ARGUMENT);
    assert_status(tkr_vocabulary_decode(v, 0, text, NULL), TKR_ERR_ARGUMENT);
    assert_status(tkr_vocabulary_decode(v, -1, text, &len), TKR_ERR_TOKEN);
    assert_status(tkr_vocabulary_decode(v, 6, text, &len), TKR_ERR_TOKEN);
    assert_true(memcmp(text, "####", 4) == 0 && len == 77);
    tkr_vocabulary_destroy(v);
    tkr_vocabulary_destroy(NULL);
    assert_int_equal(tkr_vocabulary_len(NULL), 0);
}

static void test_memory(void **unused) {
    (void)unused;
    heap h;
    tkr_env env;
    tkr_vocabulary *v;
    heap_init(&h, &env);
    for (int32_t kind = TKR_BYTES; kind <= TKR_CHARACTERS; kind++) {
        for (int forever = 0; forever < 2; forever++) {
            int64_t k = 0;
            for (heap_fail(&h, 0, forever);; heap_fail(&h, ++k, forever)) {
                int32_t status = tkr_vocabulary_create(&v, kind, mixed, MIXED, &env);
                if (h.failures == 0) {
                    assert_ok(status);
                    assert_int_equal(h.blocks, 1); /* the counting left nothing behind */
                    tkr_vocabulary_destroy(v);
                    break;
                }
                assert_status(status, TKR_ERR_MEMORY);
                assert_null(v);
                assert_true(heap_is_clean(&h));
            }
            assert_int_equal(k, kind == TKR_BYTES ? 1 : 3);
        }
    }
    assert_true(heap_is_clean(&h));
}

/* In memory of the caller, the room for counting is given back. */
static void test_callers_memory(void **unused) {
    (void)unused;
    static unsigned char memory[150000];
    tkr_env env;
    tkr_vocabulary *v[3];
    assert_ok(tkr_env_from_memory(&env, memory, sizeof memory));
    for (int i = 0; i < 3; i++) {
        assert_ok(tkr_vocabulary_create(&v[i], TKR_CHARACTERS, mixed, MIXED, &env));
    }
    for (int i = 3; i-- > 0;) {
        tkr_vocabulary_destroy(v[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_characters),     cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_random_texts),   cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_refusals),       cmocka_unit_test(test_memory),
        cmocka_unit_test(test_callers_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
