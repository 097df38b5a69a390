/* SPDX-License-Identifier: MIT
 * Writing a file: the bytes are the reference writer's, the reader brings back what went in, and a
 * failure anywhere leaves nothing allocated. */
#include "model/safetensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/random.h"
#include "support/heap.h"
#include "support/stream.h"
#include "support/support.h"

/* What the fetch of these tests hands out: element i of entry k is 100 k + i, in its type. */
typedef struct source {
    const tkri_entry *entry;
    int32_t n, refuse; /* the entry whose fetch fails; -1 none */
} source;

static int32_t fetch(void *user, int32_t index, void *elements, uint64_t bytes) {
    const source *from = user;
    const tkri_entry *entry = &from->entry[index];
    uint64_t size = tkri_dtype_bits(entry->dtype) / 8, n = bytes / size;
    if (index == from->refuse) {
        return TKR_ERR_NUMERIC;
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t whole = 100 * (uint64_t)index + i;
        float real = (float)whole;
        double precise = (double)whole;
        uint16_t half = (uint16_t)whole;
        uint8_t byte = (uint8_t)whole;
        const void *from_value = entry->dtype == TKRI_F32   ? (const void *)&real
                                 : entry->dtype == TKRI_F64 ? (const void *)&precise
                                 : size == 8                ? (const void *)&whole
                                 : size == 2                ? (const void *)&half
                                                            : (const void *)&byte;
        memcpy((char *)elements + i * size, from_value, size);
    }
    return TKR_OK;
}

/* A content, where it goes, and with what memory. */
typedef struct fixture {
    stream out;
    heap heap;
    tkr_env from;
    tkri_env env;
    tkri_detail detail;
    source source;
    tkri_content content;
} fixture;

static void begin(fixture *f, const tkri_entry *entry, int32_t n, const tkri_pair *pair,
                  int32_t n_pairs) {
    memset(f, 0, sizeof *f);
    stream_init(&f->out);
    heap_init(&f->heap, &f->from);
    assert_ok(tkri_env_read(&f->env, &f->from));
    f->source = (source){entry, n, -1};
    f->content = (tkri_content){entry, n, pair, n_pairs, fetch, &f->source};
}

static int32_t save(fixture *f) {
    f->out.len = 0;
    tkr_writer writer = stream_writer(&f->out);
    return tkri_file_write(&f->content, &writer, &f->env, &f->detail);
}

static void end(fixture *f) {
    assert_true(heap_is_clean(&f->heap));
    stream_fini(&f->out);
}

static void expect_bytes(const fixture *f, const char *header, const void *data, uint64_t len) {
    stream want;
    stream_init(&want);
    stream_put_file(&want, header, 0);
    stream_put(&want, data, len);
    if (f->out.len != want.len || memcmp(f->out.bytes, want.bytes, want.len) != 0) {
        print_error("%.*s\n", (int)(f->out.len - 8), (const char *)f->out.bytes + 8);
        fail();
    }
    stream_fini(&want);
}

/* The smallest files, byte for byte. */
static void test_bytes(void **unused) {
    (void)unused;
    fixture f;
    begin(&f, NULL, 0, NULL, 0);
    assert_ok(save(&f));
    expect_bytes(&f, "{}      ", "", 0);
    end(&f);
    const tkri_pair pair[] = {{"framework", "pt"}};
    begin(&f, NULL, 0, pair, 1);
    assert_ok(save(&f));
    expect_bytes(&f, "{\"__metadata__\":{\"framework\":\"pt\"}}     ", "", 0);
    end(&f);
    const tkri_entry entry[] = {{"attn.0", TKRI_F32, 3, {1, 2, 3}}};
    begin(&f, entry, 1, NULL, 0);
    assert_ok(save(&f));
    expect_bytes(&f, "{\"attn.0\":{\"dtype\":\"F32\",\"shape\":[1,2,3],\"data_offsets\":[0,24]}}",
                 "\0\0\0\0\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\0\0\xA0@", 24);
    end(&f);
}

/* Larger elements first, then by name; metadata in the order given; empty tensors take no room. */
static void test_order(void **unused) {
    (void)unused;
    static const tkri_entry entry[] = {
        {"b", TKRI_U8, 1, {2}},  {"a", TKRI_U8, 0, {0}},     {"z", TKRI_U64, 1, {1}},
        {"y", TKRI_F64, 1, {1}}, {"e", TKRI_F32, 2, {0, 7}}, {"aa", TKRI_BF16, 1, {1}},
    };
    static const tkri_pair pair[] = {{"k\"2", "x\n"}, {"k1", "\xC3\xA7"}};
    fixture f;
    begin(&f, entry, 6, pair, 2);
    assert_ok(save(&f));
    char header[] =
        "{\"__metadata__\":{\"k\\\"2\":\"x\\u000a\",\"k1\":\"\xC3\xA7\"},"
        "\"y\":{\"dtype\":\"F64\",\"shape\":[1],\"data_offsets\":[0,8]},"
        "\"z\":{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[8,16]},"
        "\"e\":{\"dtype\":\"F32\",\"shape\":[0,7],\"data_offsets\":[16,16]},"
        "\"aa\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[16,18]},"
        "\"a\":{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[18,19]},"
        "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[19,21]}}       ";
    header[(sizeof header - 1) / 8 * 8] = '\0';
    expect_bytes(&f, header,
                 "\0\0\0\0\0\xC0\x72@"
                 "\xC8\0\0\0\0\0\0\0"
                 "\xF4\1"
                 "\x64"
                 "\0\1",
                 21);
    end(&f);
}

/* Random contents come back through the reader: names, types, shapes, elements, notes. */
static void test_round_trip(void **unused) {
    (void)unused;
    static const int32_t types[] = {TKRI_F64, TKRI_F32, TKRI_U64, TKRI_U16, TKRI_U8};
    tkri_random random = {.seed = compare_seed(3)};
    for (int round = 0; round < 200; round++) {
        tkri_entry entry[20];
        char names[20][24] = {""};
        int32_t n = (int32_t)(tkri_uniform(&random) * 21);
        memset(entry, 0, sizeof entry);
        for (int32_t k = 0; k < n; k++) {
            snprintf(names[k], sizeof names[k], "%c\xC5\x9F\"\\\t%d", 'z' - k % 5, k * 7 % 20);
            entry[k].name = names[k];
            entry[k].dtype = types[(int)(tkri_uniform(&random) * 5)];
            entry[k].rank = (int32_t)(tkri_uniform(&random) * 4);
            for (int32_t i = 0; i < entry[k].rank; i++) {
                entry[k].shape[i] = (int64_t)(tkri_uniform(&random) * 5);
            }
        }
        fixture f;
        tkri_file file;
        const tkri_pair pair[] = {{names[0], "\x1F \x7F"}};
        begin(&f, entry, n, pair, n > 0);
        assert_ok(save(&f));
        assert_ok(tkri_file_from_memory(&file, f.out.bytes, f.out.len, &f.env, &f.detail));
        assert_int_equal(file.header.n_tensors, n);
        for (int32_t k = 0; k < n; k++) {
            char want[128 * 8];
            const tkri_tensor *tensor =
                &file.header.tensor[tkri_header_tensor(&file.header, names[k])];
            assert_ok(tkri_file_check_shape(&file, tensor, entry[k].rank, entry[k].shape));
            assert_int_equal(tensor->dtype, entry[k].dtype);
            assert_int_equal(tensor->offset % (tkri_dtype_bits(tensor->dtype) / 8), 0);
            assert_ok(fetch(&f.source, k, want, tensor->bytes));
            tkri_dtype_to_file(want, tensor->bytes, tkri_dtype_bits(tensor->dtype) / 8);
            assert_memory_equal(file.data.bytes + tensor->offset, want, tensor->bytes);
        }
        int32_t key = tkri_header_key(&file.header, names[0]);
        assert_true(n == 0 || strcmp(file.header.text[key].text, "\x1F \x7F") == 0);
        assert_int_equal((f.out.len - file.header.data_len) % 8, 0);
        tkri_file_fini(&file);
        end(&f);
    }
}

static const tkri_entry two[] = {{"a", TKRI_F32, 1, {3}}, {"b", TKRI_F64, 1, {3}}};

static void test_failures(void **unused) {
    (void)unused;
    fixture f;
    begin(&f, two, 2, NULL, 0);
    assert_ok(save(&f));
    assert_int_equal(f.out.calls, 3);
    for (int64_t k = 0; k < 3; k++) {
        f.out.fail_at = k;
        assert_status(save(&f), TKR_ERR_IO);
        assert_string_equal(f.detail.text, "the writer stopped with 77");
        assert_int_equal(f.out.calls, k + 1);
    }
    f.out.fail_at = -1;
    for (f.source.refuse = 0; f.source.refuse < 2; f.source.refuse++) {
        assert_status(save(&f), TKR_ERR_NUMERIC);
    }
    f.source.refuse = -1;
    for (int forever = 0; forever < 2; forever++) {
        int64_t k = 0;
        for (heap_fail(&f.heap, 0, forever);; heap_fail(&f.heap, ++k, forever)) {
            int32_t status = save(&f);
            assert_true(heap_is_clean(&f.heap));
            if (f.heap.failures == 0) {
                assert_ok(status);
                break;
            }
            assert_status(status, TKR_ERR_MEMORY);
            assert_int_equal(f.out.calls, 0);
        }
        assert_int_equal(k, 2);
    }
    end(&f);
}

/* What the reader would refuse is not written. */
static void test_limits(void **unused) {
    (void)unused;
    fixture f;
    char *note = malloc(TKRI_MAX_HEADER + 1);
    tkri_entry *entry = calloc(TKRI_MAX_TENSORS + 1, sizeof *entry);
    assert_true(note && entry);
    memset(note, 'x', TKRI_MAX_HEADER);
    const tkri_pair pair[] = {{"note", note}};
    begin(&f, two, 2, pair, 1);
    note[TKRI_MAX_HEADER - 200] = '\0';
    assert_ok(save(&f));
    note[TKRI_MAX_HEADER - 200] = 'x';
    note[TKRI_MAX_HEADER] = '\0';
    assert_status(save(&f), TKR_ERR_ARGUMENT);
    assert_non_null(strstr(f.detail.text, "names and metadata make a header of"));
    end(&f);
    for (int32_t i = 0; i <= TKRI_MAX_TENSORS; i++) {
        entry[i] = (tkri_entry){"same", TKRI_U8, 0, {0}};
    }
    begin(&f, entry, TKRI_MAX_TENSORS + 1, NULL, 0);
    assert_status(save(&f), TKR_ERR_ARGUMENT);
    assert_non_null(strstr(f.detail.text, "65537 tensors"));
    end(&f);
    tkri_pair *pairs = calloc(TKRI_MAX_TENSORS + 1, sizeof *pairs);
    assert_non_null(pairs);
    for (int32_t i = 0; i <= TKRI_MAX_TENSORS; i++) {
        pairs[i] = (tkri_pair){"same", ""};
    }
    begin(&f, two, 2, pairs, TKRI_MAX_TENSORS + 1);
    assert_status(save(&f), TKR_ERR_ARGUMENT);
    assert_non_null(strstr(f.detail.text, "65537 lines of metadata"));
    end(&f);
    free(pairs);
    const tkri_entry huge[] = {{"a", TKRI_F32, 2, {INT64_MAX, INT64_MAX}}};
    begin(&f, huge, 1, NULL, 0);
    assert_status(save(&f), TKR_ERR_MEMORY);
    end(&f);
    free(note);
    free(entry);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes),      cmocka_unit_test(test_order),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_failures),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
