/* SPDX-License-Identifier: MIT
 * Size arithmetic that sticks instead of wrapping, and the arena that measures as it places. */
#include "core/arena.h"
#include "support/support.h"

static void test_sums_stick(void **unused) {
    (void)unused;
    assert_true(tkri_add(2, 3) == 5);
    assert_true(tkri_add(UINT64_MAX - 1, 1) == UINT64_MAX);
    assert_true(tkri_add(UINT64_MAX, 1) == UINT64_MAX);
    assert_true(tkri_add(UINT64_MAX / 2 + 2, UINT64_MAX / 2 + 2) == UINT64_MAX);
}

static void test_products_stick(void **unused) {
    (void)unused;
    assert_true(tkri_mul(6, 7) == 42);
    assert_true(tkri_mul(0, UINT64_MAX) == 0);
    assert_true(tkri_mul(UINT64_MAX, 0) == 0);
    assert_true(tkri_mul(UINT64_C(1) << 32, UINT64_C(1) << 32) == UINT64_MAX);
    assert_true(tkri_mul(UINT64_MAX, 2) == UINT64_MAX);
    assert_true(tkri_mul(UINT64_MAX / 3, 3) == UINT64_MAX - UINT64_MAX % 3);
}

static void test_rounding_sticks(void **unused) {
    (void)unused;
    assert_true(tkri_round_up(0, 64) == 0);
    assert_true(tkri_round_up(1, 64) == 64);
    assert_true(tkri_round_up(64, 64) == 64);
    assert_true(tkri_round_up(UINT64_MAX - 10, 64) == UINT64_MAX);
    assert_true(tkri_min(-3, 2) == -3 && tkri_min(2, -3) == -3);
    assert_true(tkri_max(-3, 2) == 2 && tkri_max(2, -3) == 2);
}

/* One layout function for both passes, as every object has. */
typedef struct layout {
    float *weights;
    char *name;
    double *sums;
} layout;

static uint64_t place(layout *l, void *base) {
    tkri_arena arena = {.base = base};
    TKRI_TAKE(&arena, l->weights, 3);
    TKRI_TAKE(&arena, l->name, 65);
    TKRI_TAKE(&arena, l->sums, 1);
    return arena.used;
}

static void test_measure_equals_place(void **unused) {
    (void)unused;
    static _Alignas(64) unsigned char block[512];
    layout measured, placed;
    uint64_t bytes = place(&measured, NULL);
    assert_null(measured.weights);
    assert_null(measured.sums);
    assert_true(bytes == 64 + 128 + sizeof(double));
    assert_true(place(&placed, block) == bytes);
    assert_ptr_equal(placed.weights, block);
    assert_ptr_equal(placed.name, block + 64);
    assert_ptr_equal(placed.sums, block + 192);
}

static void test_arena_sticks(void **unused) {
    (void)unused;
    tkri_arena arena = {.base = NULL};
    tkri_arena_take(&arena, UINT64_MAX / 4, 8);
    assert_true(arena.used == UINT64_MAX);
    tkri_arena_take(&arena, 1, 1);
    assert_true(arena.used == UINT64_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sums_stick),      cmocka_unit_test(test_products_stick),
        cmocka_unit_test(test_rounding_sticks), cmocka_unit_test(test_measure_equals_place),
        cmocka_unit_test(test_arena_sticks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
