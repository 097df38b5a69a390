/* SPDX-License-Identifier: MIT
 * The heap sort: every small array, larger random ones, and the few that are popped first. */
#include "core/sort.h"

#include "core/random.h"
#include "support/support.h"

enum { N = 1000 };

static int before(const void *elements, int32_t a, int32_t b) {
    const int *x = elements;
    return x[a] != x[b] ? x[a] < x[b] : a < b;
}

static void check_sorted(const int *x, int32_t n) {
    int32_t index[N + 1];
    char seen[N] = {0};
    index[n] = 12345;
    tkri_sort(index, n, before, x);
    for (int32_t i = 0; i < n; i++) {
        assert_in_range(index[i], 0, n - 1);
        assert_int_equal(seen[index[i]]++, 0);
        assert_true(i == 0 || before(x, index[i - 1], index[i]));
    }
    assert_int_equal(index[n], 12345);
}

/* All arrays of up to 7 elements with values 0..3: ties are kept in order. */
static void test_every_small_array(void **unused) {
    (void)unused;
    for (int32_t n = 0; n <= 7; n++) {
        for (int code = 0; code < 1 << 2 * n; code++) {
            int x[7];
            for (int i = 0; i < n; i++) {
                x[i] = code >> 2 * i & 3;
            }
            check_sorted(x, n);
        }
    }
}

static void test_random(void **unused) {
    (void)unused;
    tkri_random random = {.seed = compare_seed(1)};
    for (int32_t n = 1; n <= N; n = n * 3 / 2 + 1) {
        int x[N];
        for (int32_t i = 0; i < n; i++) {
            x[i] = (int)(tkri_uniform(&random) * 100);
        }
        check_sorted(x, n);
    }
}

/* Popping a few brings the last of the order, each to the end of what is left. */
static void test_partial(void **unused) {
    (void)unused;
    int x[100];
    int32_t index[100];
    for (int32_t i = 0; i < 100; i++) {
        index[i] = i;
        x[i] = i * 37 % 100;
    }
    tkri_heap_build(index, 100, before, x);
    for (int32_t i = 0; i < 10; i++) {
        tkri_heap_pop(index, 100 - i, before, x);
        assert_int_equal(x[index[99 - i]], 99 - i);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_small_array),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_partial),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
