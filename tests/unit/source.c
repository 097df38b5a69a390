/* SPDX-License-Identifier: MIT
 * Bytes from a reader, in pieces of any size, and from memory: exact reads, blocks, lines; what is
 * claimed and not there; every failure of the reader and of the allocator. */
#include "core/source.h"

#include <string.h>

#include "support/heap.h"
#include "support/stream.h"
#include "support/support.h"

enum { N = 300000 };

typedef struct fixture {
    heap heap;
    tkri_env env;
    tkri_detail detail;
    stream image;
    tkr_reader reader;
} fixture;

static void begin(fixture *f) {
    tkr_env env;
    heap_init(&f->heap, &env);
    assert_ok(tkri_env_read(&f->env, &env));
    stream_init(&f->image);
    for (uint32_t i = 0; i < N; i++) {
        const unsigned char byte = (unsigned char)(i * 2654435761u >> 24);
        stream_put(&f->image, &byte, 1);
    }
}

static void end(fixture *f) {
    stream_fini(&f->image);
    assert_true(heap_is_clean(&f->heap));
}

/* All of the image: a reader whose length is not known, one whose length is, and memory. */
static tkri_source open_way(fixture *f, int way) {
    f->reader = stream_reader(&f->image);
    return (tkri_source){
        .name = "image",
        .env = &f->env,
        .detail = &f->detail,
        .reader = way < 2 ? &f->reader : NULL,
        .memory = f->image.bytes,
        .there = way == 0 ? UINT64_MAX : f->image.len,
    };
}

static void test_whole(void **unused) {
    (void)unused;
    static const uint64_t pieces[] = {0, 1, 4099, 70001};
    fixture f;
    begin(&f);
    for (int i = 0; i < 12; i++) {
        unsigned char first[5];
        tkri_block block;
        f.image.piece = pieces[i / 3];
        tkri_source source = open_way(&f, i % 3);
        assert_ok(tkri_source_read(&source, first, sizeof first, "beginning"));
        assert_memory_equal(first, f.image.bytes, sizeof first);
        assert_ok(tkri_source_take(&source, &block, N - 6, "middle"));
        assert_memory_equal(block.bytes, f.image.bytes + 5, N - 6);
        assert_int_equal(i % 3 == 2, block.owned == NULL);
        assert_status(tkri_source_end(&source, "more"), TKR_ERR_FORMAT);
        assert_string_equal(f.detail.text, "more");
        assert_int_equal(source.at, N);
        assert_ok(tkri_source_end(&source, "more"));
        tkri_block_release(&block, &f.env);
    }
    end(&f);
}

/* What is not there is not allocated. */
static void test_claims(void **unused) {
    (void)unused;
    fixture f;
    begin(&f);
    for (int way = 0; way < 3; way++) {
        tkri_block block;
        tkri_source source = open_way(&f, way);
        assert_status(tkri_source_take(&source, &block, UINT64_C(1) << 60, "end"), TKR_ERR_FORMAT);
        assert_string_equal(f.detail.text, "the image ends at byte 300000, inside its end");
        assert_null(block.owned);
        assert_true(f.heap.peak <= 4 * N);
        assert_true(heap_is_clean(&f.heap));
    }
    end(&f);
}

static void test_failures(void **unused) {
    (void)unused;
    fixture f;
    tkri_block block;
    begin(&f);
    f.image.piece = 70001;
    for (int64_t k = 0; k < 5; k++) {
        tkri_source source = open_way(&f, 0);
        f.image.fail_at = k;
        assert_status(tkri_source_take(&source, &block, N, "all"), TKR_ERR_IO);
        assert_non_null(strstr(f.detail.text, "the reader stopped at byte"));
        assert_true(heap_is_clean(&f.heap));
    }
    f.image.fail_at = -1;
    for (int64_t k = 0; k < 4; k++) {
        tkri_source source = open_way(&f, 0);
        heap_fail(&f.heap, k, 0);
        const int32_t status = tkri_source_take(&source, &block, N, "all");
        assert_status(status, f.heap.failures ? TKR_ERR_MEMORY : TKR_OK);
        tkri_block_release(&block, &f.env);
        assert_true(heap_is_clean(&f.heap));
    }
    end(&f);
}

static void test_lines(void **unused) {
    (void)unused;
    static const char text[] = "first\n\nthird\r\nlast";
    static const char *const want[] = {"first", "", "third\r", "last"};
    fixture f;
    begin(&f);
    for (uint64_t piece = 0; piece < 7; piece++) {
        tkri_buffer buffer = {NULL, 0, 0, 0, 0};
        char *line;
        uint64_t len;
        int more;
        f.image.len = 0;
        f.image.piece = piece;
        stream_put(&f.image, text, sizeof text - 1);
        tkri_source source = open_way(&f, (int)(piece % 3));
        for (int i = 0; i < 4; i++) {
            assert_ok(tkri_source_line(&source, &buffer, 64, &line, &len, &more));
            assert_true(more && len == strlen(want[i]) && !memcmp(line, want[i], (size_t)len));
            assert_int_equal(source.line, i + 1);
        }
        assert_ok(tkri_source_line(&source, &buffer, 64, &line, &len, &more));
        assert_true(!more && len == 0);
        tkri_buffer_release(&buffer, &f.env);
    }
    f.image.len = 0;
    for (int i = 0; i < 100; i++) {
        stream_put(&f.image, "x", 1);
    }
    tkri_buffer buffer = {NULL, 0, 0, 0, 0};
    tkri_source source = open_way(&f, 0);
    char *line;
    uint64_t len;
    int more;
    assert_status(tkri_source_line(&source, &buffer, 50, &line, &len, &more), TKR_ERR_FORMAT);
    assert_string_equal(f.detail.text, "line 1 is longer than 50 bytes");
    tkri_buffer_release(&buffer, &f.env);
    end(&f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_claims),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
