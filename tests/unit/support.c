/* SPDX-License-Identifier: MIT
 * The tests' own tools: each must reject what it is there to reject. */
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "support/heap.h"
#include "support/malloc.h"
#include "support/silent.h"

static void test_near_rejects_nan(void **unused) {
    (void)unused;
    const float one = 1, nan = NAN, infinity = INFINITY;
    assert_true(compare_near(&one, &one, 1, 0));
    assert_false(compare_near(&nan, &one, 1, 1e30));
    assert_false(compare_near(&one, &nan, 1, 1e30));
    assert_false(compare_near(&nan, &nan, 1, 1e30));
    assert_false(compare_near(&infinity, &one, 1, 1e30));
    assert_false(compare_near(&one, &infinity, 1, 1e30));
    assert_true(compare_near(&infinity, &infinity, 1, 0));
    assert_false(compare_near(&one, &one, 1, NAN));
}

static void test_near_finds_any_element(void **unused) {
    (void)unused;
    float got[5], want[5];
    for (int i = 0; i < 5; i++) {
        for (int j = 0; j < 5; j++) {
            got[j] = want[j] = (float)j;
        }
        got[i] += 0.5f;
        assert_false(compare_near(got, want, 5, 0.1));
        assert_true(compare_near(got, want, 5, 0.5));
    }
}

static void test_norm_rejects_nan(void **unused) {
    (void)unused;
    const float good[2] = {3, 4}, bad[2] = {3, NAN}, none[2] = {0, 0};
    const double want[2] = {3, 4}, zero[2] = {0, 0}, bad_want[2] = {NAN, 4};
    assert_true(compare_norm(good, want, 2) == 0);
    assert_true(compare_norm(none, want, 2) == 1);
    assert_true(compare_norm(good, zero, 2) == 5);
    assert_false(compare_norm_near(bad, want, 2, 1e30));
    assert_false(compare_norm_near(good, bad_want, 2, 1e30));
    assert_false(compare_norm_near(good, zero, 2, 4.9));
}

static void test_ulps(void **unused) {
    (void)unused;
    assert_int_equal(compare_ulps(1.0f, 1.0f), 0);
    assert_int_equal(compare_ulps(1.0f, nextafterf(1.0f, 2.0f)), 1);
    assert_int_equal(compare_ulps(0.0f, -0.0f), 0);
    assert_int_equal(compare_ulps(0x1p-149f, -0x1p-149f), 2);
    assert_true(compare_ulps(NAN, 1) == INT64_MAX);
    const float plus = 0.0f, minus = -0.0f;
    assert_false(compare_bits(&plus, &minus, 1));
}

static void test_heap_fails_on_demand(void **unused) {
    (void)unused;
    heap h;
    tkr_env env;
    heap_init(&h, &env);
    for (int forever = 0; forever < 2; forever++) {
        heap_fail(&h, 1, forever);
        void *first = env.allocate(env.memory_user, 8);
        assert_non_null(first);
        assert_null(env.allocate(env.memory_user, 8));
        void *third = env.allocate(env.memory_user, 8);
        assert_int_equal(third == NULL, forever);
        assert_int_equal(h.failures, 1 + forever);
        env.release(env.memory_user, first, 8);
        if (third) {
            env.release(env.memory_user, third, 8);
        }
        assert_true(heap_is_clean(&h));
    }
}

static void test_heap_notices_mistakes(void **unused) {
    (void)unused;
    heap h;
    tkr_env env;
    heap_init(&h, &env);
    char *block = env.allocate(env.memory_user, 8);
    assert_false(heap_is_clean(&h)); /* a leak */
    assert_int_equal(h.bytes, 8);
    env.release(env.memory_user, block, 9);
    assert_int_equal(h.mistakes, 1); /* a wrong size */
    block = env.allocate(env.memory_user, 8);
    block[8] = 0;
    env.release(env.memory_user, block, 8);
    assert_int_equal(h.mistakes, 2); /* a write past the end */
    struct {
        uint64_t before[2];
        char block[16];
    } foreign = {{16, 0}, {0}};
    env.release(env.memory_user, foreign.block, 16);
    assert_int_equal(h.mistakes, 3); /* never handed out */
    assert_int_equal(h.blocks, 0);
    assert_false(heap_is_clean(&h));
}

static void test_malloc_is_counted(void **unused) {
    (void)unused;
    if (!malloc_is_counted()) {
        skip();
    }
    int64_t calls = malloc_calls(), blocks = malloc_blocks();
    void *volatile block = malloc(10);
    assert_int_equal(malloc_calls() - calls, 1);
    assert_int_equal(malloc_blocks() - blocks, 1);
    block = realloc(block, 10000);
    assert_int_equal(malloc_calls() - calls, 2);
    assert_int_equal(malloc_blocks() - blocks, 1);
    free(block);
    assert_int_equal(malloc_blocks() - blocks, 0);
}

static void test_malloc_fails_on_demand(void **unused) {
    (void)unused;
    if (!malloc_is_counted()) {
        skip();
    }
    void *volatile block[4];
    for (int forever = 0; forever < 2; forever++) {
        malloc_fail(1, forever);
        for (int i = 0; i < 4; i++) {
            block[i] = malloc(8);
        }
        malloc_fail(-1, 0);
        int missing[4];
        for (int i = 0; i < 4; i++) {
            missing[i] = block[i] == NULL;
            free(block[i]);
        }
        const int want[4] = {0, 1, forever, forever};
        assert_memory_equal(missing, want, sizeof want);
    }
}

static int32_t quiet_work(void *argument) {
    volatile double *sum = argument;
    for (int i = 1; i < 1000; i++) {
        *sum += sqrt((double)i);
    }
    return 0;
}

static int32_t talking_work(void *argument) {
    (void)argument;
    return getppid() == 0;
}

static int32_t failing_work(void *argument) {
    (void)argument;
    return -3;
}

static int32_t crashing_work(void *argument) {
    *(volatile int *)argument = 1;
    return 0;
}

static void test_silent(void **unused) {
    (void)unused;
    double sum = 0;
    int verdict = silent_run(quiet_work, &sum);
    if (verdict == SILENT_UNABLE) {
        skip();
    }
    assert_int_equal(verdict, SILENT_YES);
    assert_int_equal(silent_run(talking_work, NULL), SILENT_NO);
    assert_int_equal(silent_run(failing_work, NULL), SILENT_FAILED);
    static const int read_only = 0;
    assert_int_not_equal(silent_run(crashing_work, (void *)(uintptr_t)&read_only), SILENT_YES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_near_rejects_nan),
        cmocka_unit_test(test_near_finds_any_element),
        cmocka_unit_test(test_norm_rejects_nan),
        cmocka_unit_test(test_ulps),
        cmocka_unit_test(test_heap_fails_on_demand),
        cmocka_unit_test(test_heap_notices_mistakes),
        cmocka_unit_test(test_malloc_is_counted),
        cmocka_unit_test(test_malloc_fails_on_demand),
        cmocka_unit_test(test_silent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
