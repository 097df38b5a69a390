/* SPDX-License-Identifier: MIT
 * Reading the caller's env, allocating through it, and living in the caller's memory. */
#include "core/env.h"

#include <string.h>

#include "core/check.h"
#include "support/heap.h"
#include "support/support.h"

static void test_defaults(void **unused) {
    (void)unused;
    tkri_env env;
    tkr_env zero = {.size = sizeof zero};
    const tkr_env *from[] = {NULL, &zero};
    for (int i = 0; i < 2; i++) {
        memset(&env, 0xFF, sizeof env);
        assert_int_equal(tkri_env_read(&env, from[i]), TKR_OK);
        assert_int_equal(env.threads, 1);
        assert_int_equal(env.tier, TKR_TIER_BEST);
        assert_null(env.parallel_for);
        assert_null(env.detail);
        void *block = tkri_allocate(&env, 100);
        assert_non_null(block);
        tkri_release(&env, block, 100);
    }
}

/* A caller compiled against an older, shorter struct: what lies past its size is not read. */
static void test_older_struct(void **unused) {
    (void)unused;
    tkr_env old;
    memset(&old, 0xFF, sizeof old);
    old.size = offsetof(tkr_env, parallel_for);
    old.allocate = NULL;
    old.release = NULL;
    tkri_env env;
    assert_int_equal(tkri_env_read(&env, &old), TKR_OK);
    assert_null(env.parallel_for);
    assert_int_equal(env.threads, 1);
    /* A newer, longer struct says so, and is read as far as it is known. */
    tkr_env newer = {.size = sizeof newer + 64, .threads = 3};
    assert_int_equal(tkri_env_read(&env, &newer), TKR_OK);
    assert_int_equal(env.threads, 3);
}

static void test_refusals(void **unused) {
    (void)unused;
    heap h;
    tkr_env good, bad;
    tkri_env env;
    heap_init(&h, &good);
    bad = good, bad.size = 0;
    assert_int_equal(tkri_env_read(&env, &bad), TKR_ERR_ARGUMENT);
    bad = good, bad.allocate = NULL;
    assert_int_equal(tkri_env_read(&env, &bad), TKR_ERR_ARGUMENT);
    bad = good, bad.release = NULL;
    assert_int_equal(tkri_env_read(&env, &bad), TKR_ERR_ARGUMENT);
    bad = good, bad.threads = -1;
    assert_int_equal(tkri_env_read(&env, &bad), TKR_ERR_ARGUMENT);
    bad = good, bad.threads = 65;
    assert_int_equal(tkri_env_read(&env, &bad), TKR_ERR_ARGUMENT);
    bad = good, bad.tier = -1;
    assert_int_equal(tkri_env_read(&env, &bad), TKR_ERR_ARGUMENT);
    assert_int_equal(tkri_env_read(&env, &good), TKR_OK);
}

static void test_detail_is_cut(void **unused) {
    (void)unused;
    char text[8];
    tkr_env from = {.size = sizeof from, .detail = text, .detail_len = sizeof text};
    tkri_env env;
    assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
    assert_int_equal(tkri_env_fail(&env, TKR_ERR_SHAPE, "%d of many", 12), TKR_ERR_SHAPE);
    assert_string_equal(text, "12 of m");
    tkri_detail detail = {"inner"};
    assert_int_equal(tkri_env_forward(&env, TKR_ERR_KEY, &detail), TKR_ERR_KEY);
    assert_string_equal(text, "inner");
    from.detail_len = 0; /* no room at all: nothing is written */
    assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
    assert_int_equal(tkri_env_fail(&env, TKR_ERR_SHAPE, "no"), TKR_ERR_SHAPE);
    assert_string_equal(text, "inner");
}

/* Blocks come zeroed, at a multiple of 64, and cost what tkri_allocation() says. */
static void test_blocks(void **unused) {
    (void)unused;
    heap h;
    tkr_env from;
    tkri_env env;
    heap_init(&h, &from);
    assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
    for (uint64_t bytes = 0; bytes < 300; bytes += 7) {
        unsigned char *block = tkri_allocate(&env, bytes);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % 64, 0);
        assert_true(h.bytes == tkri_allocation(bytes));
        for (uint64_t i = 0; i < bytes; i++) {
            assert_int_equal(block[i], 0);
        }
        tkri_release(&env, block, bytes);
        assert_true(heap_is_clean(&h));
    }
    tkri_release(&env, NULL, 5);
    assert_true(heap_is_clean(&h));
}

static void test_impossible_blocks(void **unused) {
    (void)unused;
    heap h;
    tkr_env from;
    tkri_env env;
    heap_init(&h, &from);
    assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
    assert_null(tkri_allocate(&env, UINT64_MAX));
    assert_null(tkri_allocate(&env, TKRI_SIZE_LIMIT));
    assert_int_equal(h.calls, 0); /* the allocator was not even asked */
    heap_fail(&h, 0, 0);
    assert_null(tkri_allocate(&env, 8));
    assert_int_equal(h.failures, 1);
}

static void test_from_memory(void **unused) {
    (void)unused;
    static unsigned char memory[4096];
    tkr_env from;
    assert_int_equal(tkr_env_from_memory(NULL, memory, 64), TKR_ERR_ARGUMENT);
    assert_int_equal(tkr_env_from_memory(&from, NULL, 64), TKR_ERR_ARGUMENT);
    assert_int_equal(tkr_env_from_memory(&from, memory, 63), TKR_ERR_ARGUMENT);
    assert_int_equal(tkr_env_from_memory(&from, memory, UINT64_MAX), TKR_ERR_ARGUMENT);
    tkri_env env;
    for (uint64_t shift = 0; shift < 16; shift++) { /* the memory may lie anywhere */
        assert_int_equal(tkr_env_from_memory(&from, memory + shift, 4096 - shift), TKR_OK);
        assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
        unsigned char *first = tkri_allocate(&env, 1000), *second = tkri_allocate(&env, 1000);
        assert_true(first >= memory && second >= first + 1000 && second + 1000 <= memory + 4096);
        assert_null(tkri_allocate(&env, 2000));
        tkri_release(&env, second, 1000); /* the newest piece is taken back */
        assert_ptr_equal(tkri_allocate(&env, 1000), second);
        tkri_release(&env, first, 1000); /* an older one is not */
        assert_null(tkri_allocate(&env, 2000));
    }
}

/* Whatever its alignment, not a byte past the caller's memory is handed out. */
static void test_from_memory_ends(void **unused) {
    (void)unused;
    static unsigned char memory[1024];
    for (uint64_t shift = 0; shift < 16; shift++) {
        tkr_env from;
        assert_int_equal(tkr_env_from_memory(&from, memory + shift, 1000), TKR_OK);
        unsigned char *block, *end = memory + shift + 1000;
        int64_t blocks = 0;
        while ((block = from.allocate(from.memory_user, 1)) != NULL) {
            assert_true(block < end);
            blocks++;
        }
        assert_in_range(blocks, 50, 62);
    }
}

/* The header's promise: the objects' sizes plus 128 for each is always enough. */
static void test_from_memory_is_enough(void **unused) {
    (void)unused;
    static unsigned char memory[8192];
    for (uint64_t shift = 0; shift < 64; shift++) {
        for (uint64_t n = 1; n < 20; n++) {
            uint64_t bytes = 37 * n, objects = 3;
            tkr_env from;
            tkri_env env;
            assert_int_equal(tkr_env_from_memory(&from, memory + shift,
                                                 objects * (tkri_allocation(bytes) + 128)),
                             TKR_OK);
            assert_int_equal(tkri_env_read(&env, &from), TKR_OK);
            for (uint64_t i = 0; i < objects; i++) {
                assert_non_null(tkri_allocate(&env, bytes));
            }
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_older_struct),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_detail_is_cut),
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_impossible_blocks),
        cmocka_unit_test(test_from_memory),
        cmocka_unit_test(test_from_memory_ends),
        cmocka_unit_test(test_from_memory_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
