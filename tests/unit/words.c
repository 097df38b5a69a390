/* SPDX-License-Identifier: MIT
 * Vocabularies of words and sentences, and the table of names that they stand on. */
#include <stdio.h>
#include <string.h>

#include "core/names.h"
#include "support/heap.h"
#include "support/support.h"

static const char text[] = " the cat\tsat\r\non the mat.\n\n<s> <unk> \xC3\xA7 \xFF\n";
enum { TEXT = sizeof text - 1 };

static void expect_spelling(const tkr_vocabulary *v, int32_t id, const char *want) {
    char got[8] = "#######";
    uint64_t len = 77;
    assert_ok(tkr_vocabulary_spell(v, id, got, 7, &len));
    assert_int_equal(len, strlen(want));
    assert_memory_equal(got, want, len < 7 ? len : 7);
    assert_true(len >= 7 || got[len] == '#');
    int32_t found = -7;
    assert_ok(tkr_vocabulary_find(v, &found, want, strlen(want)));
    assert_int_equal(found, id);
}

static void test_words(void **unused) {
    (void)unused;
    static const char *const words[] = {"<unk>", "the",  "cat",      "sat",
                                        "on",    "mat.", "\xC3\xA7", "\xFF"};
    static const int32_t want[] = {1, 2, 3, 4, 1, 5, 0, 0, 6, 7};
    tkr_vocabulary *v;
    int32_t ids[20];
    int64_t n = 0;
    assert_ok(tkr_vocabulary_create(&v, TKR_WORDS, text, TEXT, NULL));
    assert_int_equal(tkr_vocabulary_len(v), 8);
    assert_ok(tkr_vocabulary_set_int(v, TKR_RESERVED, 1));
    for (int32_t id = 0; id < 8; id++) {
        expect_spelling(v, id, words[id]);
    }
    assert_ok(tkr_vocabulary_encode(v, ids, 20, &n, text, TEXT, 0)); /* <s> is unknown */
    assert_int_equal(n, 10);
    assert_memory_equal(ids, want, sizeof want);
    n = 7;
    assert_status(tkr_vocabulary_encode(v, ids, 20, &n, text, TEXT, -1), TKR_ERR_TOKEN);
    assert_status(tkr_vocabulary_encode(v, ids, 20, &n, "a dog", 5, -1), TKR_ERR_TOKEN);
    assert_status(tkr_vocabulary_encode(v, ids, 1, &n, "the cat", 7, -1), TKR_ERR_SHAPE);
    assert_int_equal(n, 7);
    assert_ok(tkr_vocabulary_encode(v, ids, 20, &n, " \n ", 3, -1));
    assert_int_equal(n, 0);
    char four[4];
    uint64_t len;
    assert_status(tkr_vocabulary_decode(v, 0, four, &len), TKR_ERR_UNSUPPORTED);
    tkr_vocabulary_destroy(v);
}

static void test_sentences(void **unused) {
    (void)unused;
    static const int32_t want[] = {2, 3, 4, 1, 5, 2, 6, 1, 1, 0, 0, 7, 8, 1};
    tkr_vocabulary *v;
    int32_t ids[20];
    int64_t n;
    assert_ok(tkr_vocabulary_create(&v, TKR_SENTENCES, text, TEXT, NULL));
    assert_int_equal(tkr_vocabulary_len(v), 9);
    expect_spelling(v, 0, "<unk>");
    expect_spelling(v, 1, "</s>");
    expect_spelling(v, 2, "the");
    assert_ok(tkr_vocabulary_set_int(v, TKR_RESERVED, 1));
    assert_ok(tkr_vocabulary_encode(v, ids, 20, &n, text, TEXT, 0));
    assert_int_equal(n, 14);
    assert_memory_equal(ids, want, sizeof want);
    tkr_vocabulary_destroy(v);
    assert_ok(tkr_vocabulary_create(&v, TKR_SENTENCES, NULL, 0, NULL));
    assert_int_equal(tkr_vocabulary_len(v), 2);
    tkr_vocabulary_destroy(v);
    assert_status(tkr_vocabulary_create(&v, TKR_WORDS, NULL, 1, NULL), TKR_ERR_ARGUMENT);
}

/* Marks in a text are refused, or words; never taken for marks unasked. */
static void test_reserved(void **unused) {
    (void)unused;
    static const char *const marks[] = {"<s>", "</s>", "<unk>"};
    static const int32_t want[2][3] = {{0, 2, 0}, {0, 1, 0}}; /* in words </s> is one like others */
    for (int k = 0; k < 2; k++) {
        tkr_vocabulary *v;
        const char made_of[] = "a </s> b";
        assert_ok(tkr_vocabulary_create(&v, TKR_WORDS + k, made_of, sizeof made_of - 1, NULL));
        for (int m = 0; m < 3; m++) {
            char line[20];
            int32_t ids[4] = {7, 7, 7, 7};
            int64_t n = 7;
            snprintf(line, sizeof line, "b %s a", marks[m]);
            const uint64_t len = strlen(line);
            assert_status(tkr_vocabulary_encode(v, ids, 4, &n, line, len, 0), TKR_ERR_FORMAT);
            assert_status(tkr_vocabulary_encode(v, NULL, 0, &n, line, len, 0), TKR_ERR_FORMAT);
            assert_true(n == 7 && ids[0] == 7);
            assert_ok(tkr_vocabulary_set_int(v, TKR_RESERVED, 1));
            assert_ok(tkr_vocabulary_encode(v, ids, 4, &n, line, len, 0));
            assert_true(n == 3 && ids[1] == want[k][m]);
            assert_int_equal(tkr_vocabulary_encode(v, ids, 4, &n, line, len, -1),
                             m == 0 ? TKR_ERR_TOKEN : TKR_OK);
            assert_ok(tkr_vocabulary_set_int(v, TKR_RESERVED, 0));
        }
        int64_t n;
        assert_ok(tkr_vocabulary_encode(v, NULL, 0, &n, "<S> <UNK> <s>a < <>", 19, 0));
        tkr_vocabulary_destroy(v);
    }
}

/* Spelling and finding work for characters and bytes too. */
static void test_other_kinds(void **unused) {
    (void)unused;
    tkr_vocabulary *v;
    int32_t id = 7;
    uint64_t len = 7;
    char out[4];
    assert_ok(tkr_vocabulary_create(&v, TKR_CHARACTERS, "a\xC3\xA7", 3, NULL));
    expect_spelling(v, 0, "a");
    expect_spelling(v, 1, "\xC3\xA7");
    assert_status(tkr_vocabulary_find(v, &id, "b", 1), TKR_ERR_TOKEN);
    assert_status(tkr_vocabulary_find(v, &id, "aa", 2), TKR_ERR_TOKEN);
    assert_status(tkr_vocabulary_find(v, &id, "\xC3", 1), TKR_ERR_TOKEN);
    assert_status(tkr_vocabulary_find(v, &id, "", 0), TKR_ERR_TOKEN);
    assert_status(tkr_vocabulary_find(v, &id, NULL, 1), TKR_ERR_ARGUMENT);
    assert_status(tkr_vocabulary_spell(v, 2, out, 4, &len), TKR_ERR_TOKEN);
    assert_status(tkr_vocabulary_spell(v, 0, NULL, 4, &len), TKR_ERR_ARGUMENT);
    assert_true(id == 7 && len == 7);
    assert_ok(tkr_vocabulary_spell(v, 1, NULL, 0, &len)); /* only how long it is */
    assert_int_equal(len, 2);
    tkr_vocabulary_destroy(v);
    assert_ok(tkr_vocabulary_create(&v, TKR_BYTES, NULL, 0, NULL));
    expect_spelling(v, 0xE7, "\xE7");
    tkr_vocabulary_destroy(v);
}

/* All words of 11 letters out of two, then of 10 ... then of 1: many begin others. The hash depends
 * on where a table lies, so there are several. */
static void check_beginnings(tkri_names *names, int find) {
    int32_t number = 0;
    for (int len = 11; len > 0; len--) {
        for (int code = 0; code < 1 << len; code++, number++) {
            char name[11];
            for (int i = 0; i < len; i++) {
                name[i] = (char)('a' + (code >> i & 1));
            }
            assert_int_equal(tkri_names_find(names, name, (uint64_t)len), find ? number : -1);
            if (!find) {
                assert_int_equal(tkri_names_add(names, name, (uint64_t)len), TKR_OK);
            }
        }
    }
}

static void test_names_that_begin_names(void **unused) {
    (void)unused;
    enum { TABLES = 6 };
    tkri_env env;
    tkri_names tables[TABLES];
    assert_int_equal(tkri_env_read(&env, NULL), TKR_OK);
    for (int t = 0; t < TABLES; t++) {
        tables[t] = (tkri_names){.env = &env};
        check_beginnings(&tables[t], 0);
        check_beginnings(&tables[t], 1);
    }
    for (int t = 0; t < TABLES; t++) {
        tkri_names_fini(&tables[t]);
    }
}

/* Many names: the table grows, finds all of them, and no others. */
static void test_names(void **unused) {
    (void)unused;
    enum { MANY = 5000 };
    tkri_env env;
    assert_int_equal(tkri_env_read(&env, NULL), TKR_OK);
    tkri_names names = {.env = &env}, copy;
    char name[20];
    assert_int_equal(tkri_names_find(&names, "", 0), -1);
    for (int i = 0; i < MANY; i++) {
        int len = snprintf(name, sizeof name, "%d", i * i);
        assert_int_equal(tkri_names_find(&names, name, (uint64_t)len), -1);
        assert_int_equal(tkri_names_add(&names, name, (uint64_t)len), TKR_OK);
    }
    assert_int_equal(tkri_names_add(&names, "", 0), TKR_OK); /* the empty name is one too */
    tkri_names_rename(&names, 40, "1601");                   /* was 1600 */
    assert_int_equal(tkri_names_find(&names, "1601", 4), 40);
    assert_int_equal(tkri_names_find(&names, "1600", 4), -1);
    tkri_names_rename(&names, 40, "1600");
    assert_int_equal(tkri_names_copy(&copy, &names, &env), TKR_OK);
    for (int i = 0; i < MANY; i++) {
        uint64_t got;
        int len = snprintf(name, sizeof name, "%d", i * i);
        assert_int_equal(tkri_names_find(&copy, name, (uint64_t)len), i);
        assert_memory_equal(tkri_names_get(&copy, i, &got), name, (size_t)len);
        assert_int_equal(got, len);
    }
    assert_int_equal(tkri_names_find(&copy, "", 0), MANY);
    assert_int_equal(tkri_names_find(&copy, "2", 1), -1);
    tkri_names_fini(&names);
    tkri_names_fini(&copy);
    tkri_names_fini(&copy);
}

static void test_memory(void **unused) {
    (void)unused;
    char many[4001];
    for (int i = 0; i < 1000; i++) {
        snprintf(many + 4 * i, 5, "%03d ", i);
    }
    for (int forever = 0; forever < 2; forever++) {
        for (int64_t k = 0;; k++) {
            heap h;
            tkr_env env;
            tkr_vocabulary *v = (void *)&h;
            heap_init(&h, &env);
            heap_fail(&h, k, forever);
            int32_t status = tkr_vocabulary_create(&v, TKR_WORDS, many, sizeof many - 1, &env);
            if (status == TKR_OK) {
                assert_true(k > 6);
                assert_int_equal(tkr_vocabulary_len(v), 1001);
                tkr_vocabulary_destroy(v);
                break;
            }
            assert_int_equal(status, TKR_ERR_MEMORY);
            assert_null(v);
            assert_true(heap_is_clean(&h));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),    cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_reserved), cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_names),    cmocka_unit_test(test_names_that_begin_names),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
