/* SPDX-License-Identifier: MIT
 * Opening a file from memory, from a reader, from a path: cut anywhere, any header bit flipped, any
 * call failing, little at a time, and never more memory than bytes that came. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/safetensors.h"
#include "support/heap.h"
#include "support/stream.h"
#include "support/support.h"

static const char header[] =
    "{\"__metadata__\":{\"who\":\"\\u00e7a\"},"
    "\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
    "\"n\":{\"dtype\":\"U64\",\"shape\":[2],\"data_offsets\":[24,40]},"
    "\"h\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[40,42]}}";
enum { DATA = 42, FILE_LEN = 8 + sizeof header - 1 + DATA };

/* What a test opens, and with what. */
typedef struct fixture {
    stream image;
    heap heap;
    tkr_env from;
    tkri_env env;
    tkri_detail detail;
    tkri_file file;
    char path[64];
} fixture;

static void begin(fixture *f, const char *text, uint64_t data) {
    memset(f, 0, sizeof *f);
    stream_init(&f->image);
    stream_put_file(&f->image, text, data);
    heap_init(&f->heap, &f->from);
    assert_ok(tkri_env_read(&f->env, &f->from));
    snprintf(f->path, sizeof f->path, "read-%ld.safetensors", (long)getpid());
}

static void end(fixture *f) {
    assert_true(heap_is_clean(&f->heap));
    stream_fini(&f->image);
    (void)remove(f->path);
}

static int32_t open_memory(fixture *f, uint64_t len) {
    unsigned char *exact = malloc(len ? len : 1); /* for the sanitizer */
    assert_non_null(exact);
    memcpy(exact, f->image.bytes, len);
    int32_t status = tkri_file_from_memory(&f->file, exact, len, &f->env, &f->detail);
    if (status == TKR_OK) {
        tkri_file_fini(&f->file);
    }
    free(exact);
    return status;
}

static int32_t open_reader(fixture *f, uint64_t len) {
    uint64_t whole = f->image.len;
    f->image.len = len;
    tkr_reader reader = stream_reader(&f->image);
    int32_t status = tkri_file_from_reader(&f->file, &reader, &f->env, &f->detail);
    f->image.len = whole;
    if (status == TKR_OK) {
        tkri_file_fini(&f->file);
    }
    return status;
}

static int32_t open_path(fixture *f, uint64_t len) {
    FILE *file = fopen(f->path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(f->image.bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    int32_t status = tkri_file_from_path(&f->file, f->path, &f->env, &f->detail);
    if (status == TKR_OK) {
        tkri_file_fini(&f->file);
    }
    return status;
}

static int32_t (*const open_with[])(fixture *, uint64_t) = {open_memory, open_reader, open_path};

static void check_contents(const tkri_file *file) {
    float w[6], h;
    uint64_t n[2];
    const tkri_header *head = &file->header;
    const tkri_tensor *tensor = &head->tensor[tkri_header_tensor(head, "w")];
    assert_ok(tkri_file_floats(file, tensor, w));
    for (int i = 0; i < 6; i++) {
        assert_true(w[i] == (float)i - 2.5f);
    }
    assert_ok(tkri_file_uints(file, &head->tensor[tkri_header_tensor(head, "n")], n));
    assert_true(n[0] == 7 && n[1] == UINT64_MAX);
    assert_ok(tkri_file_floats(file, &head->tensor[tkri_header_tensor(head, "h")], &h));
    assert_true(h == -2.0f);
    assert_string_equal(head->text[tkri_header_key(head, "who")].text,
                        "\xC3\xA7"
                        "a");
    assert_ok(tkri_file_check_shape(file, tensor, 2, (int64_t[]){2, 3}));
}

static void put_contents(fixture *f) {
    unsigned char *data = f->image.bytes + 8 + strlen(header);
    float w[6] = {-2.5f, -1.5f, -0.5f, 0.5f, 1.5f, 2.5f};
    uint64_t n[2] = {7, UINT64_MAX};
    tkri_dtype_to_file(w, sizeof w, 4);
    tkri_dtype_to_file(n, sizeof n, 8);
    memcpy(data, w, sizeof w);
    memcpy(data + 24, n, sizeof n);
    memcpy(data + 40, "\x00\xC0", 2);
}

static void test_contents(void **unused) {
    (void)unused;
    fixture f;
    begin(&f, header, DATA);
    put_contents(&f);
    assert_ok(tkri_file_from_memory(&f.file, f.image.bytes, f.image.len, &f.env, &f.detail));
    check_contents(&f.file);
    tkri_file_fini(&f.file);
    for (uint64_t piece = 0; piece < 9; piece++) {
        f.image.piece = piece;
        tkr_reader reader = stream_reader(&f.image);
        assert_ok(tkri_file_from_reader(&f.file, &reader, &f.env, &f.detail));
        check_contents(&f.file);
        tkri_file_fini(&f.file);
    }
    assert_ok(open_path(&f, f.image.len));
    assert_ok(tkri_file_from_path(&f.file, f.path, &f.env, &f.detail));
    check_contents(&f.file);
    tkri_file_fini(&f.file);
    end(&f);
}

/* The wrong types and shapes are refused by name. */
static void test_types_that_are_not_read(void **unused) {
    (void)unused;
    static const struct {
        const char *name, *text;
    } rows[] = {
        {"F8_E4M3", "floating point of 8 bits: F64, F32, F16 and BF16 are read"},
        {"F8_E5M2", "floating point of 8 bits: F64, F32, F16 and BF16 are read"},
        {"F8_E8M0", "floating point of 8 bits: F64, F32, F16 and BF16 are read"},
        {"F8_E4M3FNUZ", "floating point of 8 bits: F64, F32, F16 and BF16 are read"},
        {"F8_E5M2FNUZ", "floating point of 8 bits: F64, F32, F16 and BF16 are read"},
        {"F6_E2M3", "floating point of 6 bits: F64, F32, F16 and BF16 are read"},
        {"F6_E3M2", "floating point of 6 bits: F64, F32, F16 and BF16 are read"},
        {"F4", "floating point of 4 bits: F64, F32, F16 and BF16 are read"},
        {"I32", "not floating point"},
        {"BOOL", "not floating point"},
        {"C64", "not floating point"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fixture f;
        float floats[8];
        char json[120], want[120];
        const int32_t dtype = tkri_dtype_find(rows[i].name, strlen(rows[i].name));
        const uint64_t bytes = tkri_dtype_bits(dtype); /* of 8 elements */
        snprintf(json, sizeof json,
                 "{\"w\":{\"dtype\":\"%s\",\"shape\":[8],\"data_offsets\":[0,%d]}}", rows[i].name,
                 (int)bytes);
        begin(&f, json, bytes);
        assert_ok(tkri_file_from_memory(&f.file, f.image.bytes, f.image.len, &f.env, &f.detail));
        assert_status(tkri_file_floats(&f.file, &f.file.header.tensor[0], floats),
                      TKR_ERR_MISMATCH);
        snprintf(want, sizeof want, "tensor 'w' is %s, %s", rows[i].name, rows[i].text);
        assert_string_equal(f.detail.text, want);
        tkri_file_fini(&f.file);
        end(&f);
    }
}

static void test_conversions(void **unused) {
    (void)unused;
    fixture f;
    float floats[8];
    uint64_t uints[8];
    begin(&f, header, DATA);
    put_contents(&f);
    assert_ok(tkri_file_from_memory(&f.file, f.image.bytes, f.image.len, &f.env, &f.detail));
    tkri_tensor *tensors = f.file.header.tensor, w = tensors[0], n = tensors[1];
    assert_status(tkri_file_floats(&f.file, &n, floats), TKR_ERR_MISMATCH);
    assert_string_equal(f.detail.text, "tensor 'n' is U64, not floating point");
    assert_status(tkri_file_uints(&f.file, &w, uints), TKR_ERR_MISMATCH);
    assert_string_equal(f.detail.text, "tensor 'w' is F32, not U64");
    n.dtype = TKRI_I64;
    assert_status(tkri_file_uints(&f.file, &n, uints), TKR_ERR_MISMATCH);
    assert_string_equal(f.detail.text, "tensor 'n': element 1 is negative");
    n.dtype = TKRI_F64;
    memcpy(f.image.bytes + 8 + strlen(header) + 24, "\0\0\0\0\0\0\xF0\x7E", 8); /* 2^1008 */
    assert_status(tkri_file_floats(&f.file, &n, floats), TKR_ERR_MISMATCH);
    assert_string_equal(f.detail.text, "tensor 'n': element 0 is too large for a float");
    assert_status(tkri_file_check_shape(&f.file, &w, 2, (int64_t[]){3, 2}), TKR_ERR_MISMATCH);
    assert_string_equal(f.detail.text, "tensor 'w' has shape [2,3], not [3,2]");
    assert_status(tkri_file_check_shape(&f.file, &w, 1, (int64_t[]){2}), TKR_ERR_MISMATCH);
    assert_string_equal(f.detail.text, "tensor 'w' has shape [2,3], not [2]");
    assert_status(tkri_file_check_shape(&f.file, &w, 0, NULL), TKR_ERR_MISMATCH);
    assert_string_equal(f.detail.text, "tensor 'w' has shape [2,3], not []");
    tkri_file_fini(&f.file);
    end(&f);
}

static void test_truncated_everywhere(void **unused) {
    (void)unused;
    fixture f;
    begin(&f, header, DATA);
    assert_int_equal(f.image.len, FILE_LEN);
    for (int way = 0; way < 3; way++) {
        for (uint64_t len = 0; len < FILE_LEN; len++) {
            assert_status(open_with[way](&f, len), TKR_ERR_FORMAT);
            assert_true(f.detail.text[0]);
            assert_true(heap_is_clean(&f.heap));
        }
        assert_ok(open_with[way](&f, FILE_LEN));
    }
    stream_put(&f.image, "", 1);
    for (int way = 0; way < 3; way++) {
        assert_status(open_with[way](&f, FILE_LEN + 1), TKR_ERR_FORMAT);
    }
    end(&f);
}

/* Every bit of the length and the header: refused, or, where the meaning survives (a name, a note,
 * a type of the same size), opened; all three ways agree. */
static void test_flipped_bits(void **unused) {
    (void)unused;
    fixture f;
    int opened = 0;
    begin(&f, header, DATA);
    for (uint64_t bit = 0; bit < 8 * (8 + strlen(header)); bit++) {
        f.image.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
        int32_t status = open_memory(&f, FILE_LEN);
        assert_true(status == TKR_OK || status == TKR_ERR_FORMAT);
        assert_true(bit >= 64 || status == TKR_ERR_FORMAT);
        assert_status(open_reader(&f, FILE_LEN), status);
        assert_status(open_path(&f, FILE_LEN), status);
        opened += status == TKR_OK;
        f.image.bytes[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
    assert_in_range(opened, 10, 100);
    end(&f);
}

/* A stream that claims much and brings little makes us allocate little. */
static void test_huge_claims(void **unused) {
    (void)unused;
    fixture f;
    begin(&f,
          "{\"a\":{\"dtype\":\"U8\",\"shape\":[9223372036854775807],"
          "\"data_offsets\":[0,9223372036854775807]}}",
          1000);
    for (int way = 0; way < 3; way++) {
        f.heap.peak = 0;
        assert_status(open_with[way](&f, f.image.len), TKR_ERR_FORMAT);
        assert_true(f.heap.peak < 100000);
    }
    end(&f);
    begin(&f, "{}", 100000);
    memcpy(f.image.bytes, "\0\0\0\1\0\0\0\0", 8); /* a header of 16 MiB, the most there may be */
    for (int way = 0; way < 3; way++) {
        f.heap.peak = 0;
        assert_status(open_with[way](&f, f.image.len), TKR_ERR_FORMAT);
        assert_true(f.heap.peak < 500000);
    }
    f.image.bytes[0] = 1; /* and one more */
    for (int way = 0; way < 3; way++) {
        f.heap.peak = 0;
        assert_status(open_with[way](&f, f.image.len), TKR_ERR_FORMAT);
        assert_non_null(strstr(f.detail.text, "16777217"));
        assert_int_equal(f.heap.peak, 0);
    }
    memset(f.image.bytes, 0xFF, 8);
    for (int way = 0; way < 3; way++) {
        assert_status(open_with[way](&f, f.image.len), TKR_ERR_FORMAT);
    }
    end(&f);
}

/* Data of many blocks come through whole. */
static void test_large_stream(void **unused) {
    (void)unused;
    enum { N = 1000003 };
    fixture f;
    begin(&f, "{\"a\":{\"dtype\":\"U8\",\"shape\":[1000003],\"data_offsets\":[0,1000003]}}", N);
    unsigned char *data = f.image.bytes + f.image.len - N;
    for (uint32_t i = 0; i < N; i++) {
        data[i] = (unsigned char)(i * 2654435761u >> 24);
    }
    for (uint64_t piece = 0; piece <= 70001; piece += 70001) {
        f.image.piece = piece;
        tkr_reader reader = stream_reader(&f.image);
        assert_ok(tkri_file_from_reader(&f.file, &reader, &f.env, &f.detail));
        assert_memory_equal(f.file.data.bytes, data, N);
        tkri_file_fini(&f.file);
    }
    end(&f);
}

static void test_failing_reader(void **unused) {
    (void)unused;
    fixture f;
    begin(&f, header, DATA);
    f.image.piece = 3;
    assert_ok(open_reader(&f, FILE_LEN));
    int64_t calls = f.image.calls;
    assert_true(calls > 40);
    for (int64_t k = 0; k < calls; k++) {
        f.image.fail_at = k;
        assert_status(open_reader(&f, FILE_LEN), TKR_ERR_IO);
        assert_non_null(strstr(f.detail.text, "with 77"));
        assert_true(heap_is_clean(&f.heap));
    }
    f.image.fail_at = -1;
    f.image.liar = 1;
    assert_status(open_reader(&f, FILE_LEN), TKR_ERR_IO);
    assert_string_equal(f.detail.text, "the reader brought more than it was asked for");
    end(&f);
}

static void test_memory(void **unused) {
    (void)unused;
    fixture f;
    begin(&f, header, DATA);
    for (int way = 0; way < 3; way++) {
        for (int forever = 0; forever < 2; forever++) {
            int64_t k = 0;
            for (heap_fail(&f.heap, 0, forever);; heap_fail(&f.heap, ++k, forever)) {
                int32_t status = open_with[way](&f, FILE_LEN);
                assert_true(heap_is_clean(&f.heap));
                if (f.heap.failures == 0) {
                    assert_ok(status);
                    break;
                }
                assert_status(status, TKR_ERR_MEMORY);
            }
            assert_int_equal(k, way == 0 ? 1 : 3);
        }
    }
    end(&f);
}

static void test_no_such_path(void **unused) {
    (void)unused;
    fixture f;
    begin(&f, header, DATA);
    assert_status(tkri_file_from_path(&f.file, "no/such/file", &f.env, &f.detail), TKR_ERR_IO);
    assert_non_null(strstr(f.detail.text, "cannot open 'no/such/file': No such file"));
    assert_status(tkri_file_from_path(&f.file, ".", &f.env, &f.detail), TKR_ERR_IO);
    assert_non_null(strstr(f.detail.text, "cannot read '.': Is a directory"));
    assert_status(tkri_file_from_path(&f.file, "/dev/null", &f.env, &f.detail), TKR_ERR_FORMAT);
    assert_status(tkri_file_from_path(&f.file, "/dev/zero", &f.env, &f.detail), TKR_ERR_FORMAT);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contents),     cmocka_unit_test(test_types_that_are_not_read),
        cmocka_unit_test(test_conversions),  cmocka_unit_test(test_truncated_everywhere),
        cmocka_unit_test(test_flipped_bits), cmocka_unit_test(test_huge_claims),
        cmocka_unit_test(test_large_stream), cmocka_unit_test(test_failing_reader),
        cmocka_unit_test(test_memory),       cmocka_unit_test(test_no_such_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
