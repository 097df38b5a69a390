/* SPDX-License-Identifier: MIT
 * The JSON of a safetensors header: what is legal by the format, and what is refused, with words
 * that name the tensor. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/safetensors.h"
#include "support/heap.h"
#include "support/support.h"

/* Parse a copy of exactly `len` bytes with a counting heap. */
static int32_t parse(tkri_header *header, const char *json, size_t len, tkri_detail *detail,
                     heap *h, tkri_env *env) {
    tkr_env from;
    heap_init(h, &from);
    assert_ok(tkri_env_read(env, &from));
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, json, len);
    detail->text[0] = '\0';
    int32_t status = tkri_header_parse(header, copy, len, env, detail);
    memset(copy, '#', len);
    free(copy);
    return status;
}

static void expect_refused(const char *json, size_t len, const char *why) {
    heap h;
    tkri_env env;
    tkri_header header;
    tkri_detail detail;
    int32_t status = parse(&header, json, len, &detail, &h, &env);
    if (status != TKR_ERR_FORMAT || !strstr(detail.text, why)) {
        print_error("%.*s\n  gave %d '%s'\n  not '%s'\n", (int)len, json, status, detail.text, why);
        fail();
    }
    assert_true(heap_is_clean(&h));
}

static tkri_header expect_parsed(const char *json, heap *h, tkri_env *env) {
    tkri_header header;
    tkri_detail detail;
    int32_t status = parse(&header, json, strlen(json), &detail, h, env);
    if (status != TKR_OK) {
        print_error("%s\n  gave '%s'\n", json, detail.text);
    }
    assert_ok(status);
    return header;
}

#define T(name, dtype, shape, begin, end)                                                   \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":[" shape "],\"data_offsets\":[" #begin \
    "," #end "]}"

static void test_table(void **unused) {
    (void)unused;
    heap h;
    tkri_env env;
    tkri_header header = expect_parsed(
        "{" T("w", "F32", "2,3", 8, 32) ",\"__metadata__\":{\"z\":\"1\",\"\\u00e7\":\"\"}," T(
            "b", "F64", "", 0, 8) " , " T("none", "U8", "0,5", 32, 32) "," T("", "BOOL", "1", 32,
                                                                             33) "}   ",
        &h, &env);
    assert_int_equal(header.n_tensors, 4);
    assert_int_equal(header.n_keys, 2);
    assert_int_equal(header.data_len, 33);
    const tkri_tensor *w = &header.tensor[tkri_header_tensor(&header, "w")];
    assert_string_equal(w->name.text, "w");
    assert_int_equal(w->dtype, TKRI_F32);
    assert_int_equal(w->rank, 2);
    assert_int_equal(w->shape[0], 2);
    assert_int_equal(w->shape[1], 3);
    assert_int_equal(w->n, 6);
    assert_int_equal(w->offset, 8);
    assert_int_equal(w->bytes, 24);
    const tkri_tensor *b = &header.tensor[tkri_header_tensor(&header, "b")];
    assert_int_equal(b->rank, 0);
    assert_int_equal(b->n, 1);
    assert_int_equal(header.tensor[tkri_header_tensor(&header, "none")].n, 0);
    assert_int_equal(header.tensor[tkri_header_tensor(&header, "")].bytes, 1);
    assert_int_equal(tkri_header_tensor(&header, "W"), -1);
    assert_int_equal(tkri_header_tensor(&header, "ww"), -1);
    assert_int_equal(tkri_header_tensor(&header, "__metadata__"), -1);
    assert_string_equal(header.text[tkri_header_key(&header, "z")].text, "1");
    assert_string_equal(header.text[tkri_header_key(&header, "\xC3\xA7")].text, "");
    assert_int_equal(tkri_header_key(&header, "w"), -1);
    tkri_header_fini(&header, &env);
    assert_true(heap_is_clean(&h));
}

/* Legal, if unusual: all of these the reference reader takes too. */
static void test_legal(void **unused) {
    (void)unused;
    static const char *const rows[] = {
        "{}",
        "{ }\n\t\r ",
        "{\"__metadata__\":{}}",
        "{" T("a", "F4", "1,2", 0, 1) "}",
        "{" T("a", "F6_E2M3", "4", 0, 3) "}",
        "{" T("a", "F32", "0,18446744073709551615,18446744073709551615", 0, 0) "}",
        "{" T("a", "F32", "1,1,1,1,1,1,1,1", 0, 4) "}",
        "{" T("a", "U8", "0", 0, 0) "," T("b", "U8", "0", 0, 0) "," T("c", "U8", "1", 0, 1) "}",
        "{" T("a", "U8", "1", 2, 3) "," T("b", "U8", "1", 0, 1) "," T("c", "U8", "1", 1, 2) "}",
        "{\"a\":{\"data_offsets\":[0,1],\"shape\":[],\"dtype\":\"I8\"}}",
        "{\"a\":{\"d\\u0074ype\":\"I\\u0038\",\"shape\":[1],\"data_offsets\":[0,1]}}",
        "{" T("a\\u0000", "U8", "1", 0, 1) "," T("a", "U8", "1", 1, 2) "}",
        "{" T("x", "C64", "1", 0, 8) "," T("y", "F8_E4M3", "1", 8, 9) "}",
        "{\"_\\u005fmetadata__\":{\"a\":\"b\"}}",
        "{" T("__metadata_", "U8", "", 0, 1) "," T("__metadata___", "U8", "", 1, 2) "}",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        heap h;
        tkri_env env;
        tkri_header header = expect_parsed(rows[i], &h, &env);
        tkri_header_fini(&header, &env);
        assert_true(heap_is_clean(&h));
    }
}

static void test_refused(void **unused) {
    (void)unused;
    static const struct {
        const char *json, *why;
    } rows[] = {
        {"", "does not begin with {"},
        {" {}", "does not begin with {"},
        {"[]", "does not begin with {"},
        {"{", "byte 1: expected a string"},
        {"{}x", "byte 2: something follows"},
        {"{}{}", "something follows"},
        {"{\"a\":{}}", "tensor 'a': dtype, shape or data_offsets is missing"},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[]}}",
         "tensor 'a': dtype, shape or data_offsets is missing"},
        {"{\"a\":[]}", "tensor 'a': expected an object"},
        {"{\"a\":null}", "tensor 'a': expected an object"},
        {"{\"a\":{\"x\":1}}", "tensor 'a': a member of an unknown name"},
        {"{\"a\":{\"dtype_\":\"U8\"}}", "a member of an unknown name"},
        {"{\"a\":{\"a member with a name longer than any buffer\":\"U8\"}}",
         "a member of an unknown name"},
        {"{\"a\":{\"shape\":[],\"shape\":[]}}", "tensor 'a': a member twice"},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\"}}", "a member twice"},
        {"{\"a\":{\"dtype\":\"u8\"}}", "tensor 'a': 'u8' is no dtype of safetensors"},
        {"{\"a\":{\"dtype\":\"\"}}", "tensor 'a': '' is no dtype of safetensors"},
        {"{\"a\":{\"dtype\":\"F8_E3M4\"}}", "tensor 'a': 'F8_E3M4' is no dtype of safetensors"},
        {"{\"a\":{\"dtype\":\"F32F32F32F32F32F32\"}}", "'F32F32F32F32F32F' is no dtype"},
        {"{\"a\":{\"dtype\":\"\\u0001\\n\"}}", "tensor 'a': '\\x01\\n' is no dtype of safetensors"},
        {"{\"a\":{\"dtype\":8}}", "expected a string"},
        {"{\"a\":{\"shape\":[-1]}}", "tensor 'a': expected a non-negative integer"},
        {"{\"a\":{\"shape\":[1.0]}}", "not an integer"},
        {"{\"a\":{\"shape\":[18446744073709551616]}}", "2^64 or more"},
        {"{\"a\":{\"shape\":[\"1\"]}}", "expected a non-negative integer"},
        {"{\"a\":{\"shape\":3}}", "expected an array"},
        {"{\"a\":{\"shape\":[[3]]}}", "expected a non-negative integer"},
        {"{\"a\":{\"shape\":[1,1,1,1,1,1,1,1,1]}}", "tensor 'a': more than 8 dimensions"},
        {"{\"a\":{\"data_offsets\":[]}}", "data_offsets wants two numbers"},
        {"{\"a\":{\"data_offsets\":[0]}}", "data_offsets wants two numbers"},
        {"{\"a\":{\"data_offsets\":[0,1,2]}}", "data_offsets wants two numbers"},
        {"{\"a\":{\"data_offsets\":[2,1]}}", "data_offsets ends before it begins"},
        {"{\"a\":{\"data_offsets\":0}}", "expected an array"},
        {"{" T("a", "F32", "2", 0, 7) "}", "tensor 'a': data_offsets is not the size"},
        {"{" T("a", "F32", "", 0, 0) "}", "data_offsets is not the size"},
        {"{" T("a", "F32", "0", 0, 4) "}", "data_offsets is not the size"},
        {"{" T("a", "F4", "1,3", 0, 2) "}", "data_offsets is not the size"},
        {"{" T("a", "F4", "3", 0, 1) "}", "data_offsets is not the size"},
        {"{" T("a", "F64", "2305843009213693952", 0, 2305843009213693951) "}",
         "data_offsets is not the size"},
        {"{" T("a", "U8", "4294967296,4294967296", 0, 0) "}", "a shape of 2^64 elements"},
        {"{" T("a", "U8", "18446744073709551615,2,0", 0, 0) "}", "a shape of 2^64 elements"},
        {"{" T("a", "F64", "2305843009213693952", 0, 0) "}", "data_offsets is not the size"},
        {"{" T("a", "F32", "4611686018427387904", 0, 0) "}", "data_offsets is not the size"},
        {"{" T("a", "U8", "18446744073709551615", 0, 18446744073709551615) "}",
         "data_offsets is not the size"},
        {"{" T("a", "U8", "1", 1, 2) "}", "tensor 'a' begins at byte 1 of the data: a hole"},
        {"{" T("a", "U8", "1", 0, 1) "," T("b", "U8", "1", 2, 3) "}",
         "tensor 'b' begins at byte 2"},
        {"{" T("a", "U8", "2", 0, 2) "," T("b", "U8", "2", 1, 3) "}",
         "tensor 'b' begins at byte 1 of the data: an overlap"},
        {"{" T("a", "U8", "2", 0, 2) "," T("b", "U8", "2", 0, 2) "}", "an overlap"},
        {"{" T("a", "U8", "1", 0, 1) "," T("a", "U8", "1", 1, 2) "}", "two tensors are named 'a'"},
        {"{" T("a", "U8", "1", 0, 1) "," T("\\u0061", "U8", "1", 1, 2) "}",
         "two tensors are named 'a'"},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", "__metadata__ twice"},
        {"{\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}}", "two keys of metadata are named 'k'"},
        {"{\"__metadata__\":{\"k\":1}}", "expected a string"},
        {"{\"__metadata__\":{\"k\":{}}}", "expected a string"},
        {"{\"__metadata__\":[]}", "expected an object"},
        {"{\"__metadata__\":null}", "expected an object"},
        {"{\"a\\ud800\":{}}", "half of a surrogate pair"},
        {"{\"\xC3\x28\":{}}", "not UTF-8"},
        {"{" T("a\\nb", "U8", "2", 0, 1) "}", "tensor 'a\\nb': data_offsets is not"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        expect_refused(rows[i].json, strlen(rows[i].json), rows[i].why);
    }
}

static void test_deep_nesting(void **unused) {
    (void)unused;
    enum { DEPTH = 1 << 20 };
    static const char brackets[] = "{[";
    char *json = malloc(2 * DEPTH);
    assert_non_null(json);
    for (int kind = 0; kind < 2; kind++) {
        memset(json, brackets[kind], 2 * DEPTH);
        memcpy(json, "{\"a\":", 5);
        expect_refused(json, 2 * DEPTH, kind == 0 ? "expected a string" : "expected an object");
    }
    free(json);
}

/* A long name is cut in the text, at a whole character. */
static void test_long_name(void **unused) {
    (void)unused;
    char json[400] = "{\"";
    for (int i = 0; i < 100; i++) {
        strcat(json, "\xC3\xA7");
    }
    strcat(json, "\":{\"dtype\":0}}");
    expect_refused(json, strlen(json), "\xC3\xA7\xC3\xA7': expected a string");
}

/* {"": {...}, ...} with n entries, of which the last ones are named by their number. */
static char *many(const char *open, const char *format, int n, const char *close) {
    size_t room = (size_t)n * 80 + 100, used = 0;
    char *json = malloc(room);
    assert_non_null(json);
    used += (size_t)snprintf(json, room, "%s", open);
    for (int i = 0; i < n; i++) {
        used += (size_t)snprintf(json + used, room - used, "%s", i ? "," : "");
        used += (size_t)snprintf(json + used, room - used, format, i, i, i + 1);
    }
    snprintf(json + used, room - used, "%s", close);
    return json;
}

static void test_limits(void **unused) {
    (void)unused;
    static const char tensor[] =
        "\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}";
    static const char pair[] = "\"k%d\":\"\"";
    for (int more = 0; more < 2; more++) {
        char *tensors = many("{", tensor, TKRI_MAX_TENSORS + more, "}");
        char *pairs = many("{\"__metadata__\":{", pair, TKRI_MAX_TENSORS + more, "}}");
        if (more) {
            expect_refused(tensors, strlen(tensors), "tensor 't65536': more than 65536 tensors");
            expect_refused(pairs, strlen(pairs), "more than 65536 entries");
        } else {
            heap h;
            tkri_env env;
            tkri_header header = expect_parsed(tensors, &h, &env);
            for (int i = 0; i < TKRI_MAX_TENSORS; i += 1111) {
                char name[16];
                snprintf(name, sizeof name, "t%d", i);
                assert_int_equal(tkri_header_tensor(&header, name), i);
            }
            tkri_header_fini(&header, &env);
            header = expect_parsed(pairs, &h, &env);
            assert_true(tkri_header_key(&header, "k65535") == 65535);
            tkri_header_fini(&header, &env);
        }
        free(tensors);
        free(pairs);
    }
}

/* One allocation, and none that fails is forgotten. */
static void test_memory(void **unused) {
    (void)unused;
    static const char json[] = "{" T("a", "U8", "1", 0, 1) "}";
    heap h;
    tkr_env from;
    tkri_env env;
    tkri_header header;
    tkri_detail detail;
    heap_init(&h, &from);
    assert_ok(tkri_env_read(&env, &from));
    heap_fail(&h, 0, 0);
    assert_status(tkri_header_parse(&header, json, strlen(json), &env, &detail), TKR_ERR_MEMORY);
    assert_true(heap_is_clean(&h));
    heap_fail(&h, 1, 1);
    assert_ok(tkri_header_parse(&header, json, strlen(json), &env, &detail));
    assert_int_equal(h.calls, 1);
    tkri_header_fini(&header, &env);
    assert_true(heap_is_clean(&h));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),     cmocka_unit_test(test_legal),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_long_name), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
