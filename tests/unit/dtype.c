/* SPDX-License-Identifier: MIT
 * Element types: names, sizes, and every half and bfloat against arithmetic of the test's own. */
#include "model/dtype.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "support/support.h"

static void test_table(void **unused) {
    (void)unused;
    static const struct {
        const char *name;
        uint64_t bits;
    } rows[] = {{"F64", 64},        {"F32", 32},       {"F16", 16}, {"BF16", 16},   {"I64", 64},
                {"U64", 64},        {"I32", 32},       {"U32", 32}, {"I16", 16},    {"U16", 16},
                {"I8", 8},          {"U8", 8},         {"BOOL", 8}, {"C64", 64},    {"F8_E4M3", 8},
                {"F8_E5M2", 8},     {"F8_E8M0", 8},    {"F4", 4},   {"F6_E2M3", 6}, {"F6_E3M2", 6},
                {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int32_t dtype = tkri_dtype_find(rows[i].name, strlen(rows[i].name));
        assert_true(dtype >= 0);
        assert_string_equal(tkri_dtype_name(dtype), rows[i].name);
        assert_int_equal(tkri_dtype_bits(dtype), rows[i].bits);
        assert_int_equal(tkri_dtype_find(rows[i].name, strlen(rows[i].name) - 1), -1);
    }
    assert_int_equal(tkri_dtype_find("F32", 3), TKRI_F32);
    assert_int_equal(tkri_dtype_find("BOOL", 4), TKRI_BOOL);
    assert_int_equal(tkri_dtype_find("f32", 3), -1);
    assert_int_equal(tkri_dtype_find("F32\0", 4), -1);
    assert_int_equal(tkri_dtype_find("", 0), -1);
}

/* The value of a binary format by its definition. */
static double by_definition(unsigned bits, int exponent_bits, int fraction_bits) {
    unsigned exponent_mask = (1u << exponent_bits) - 1;
    unsigned exponent = bits >> fraction_bits & exponent_mask;
    double fraction = ldexp(bits & ((1u << fraction_bits) - 1), -fraction_bits);
    int bias = (1 << (exponent_bits - 1)) - 1;
    double sign = bits >> 15 ? -1 : 1;
    if (exponent == exponent_mask) {
        return fraction > 0 ? (double)NAN : sign * (double)INFINITY;
    }
    return sign *
           (exponent ? ldexp(1 + fraction, (int)exponent - bias) : ldexp(fraction, 1 - bias));
}

static void check_all_of(int32_t dtype, int exponent_bits, int fraction_bits) {
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        unsigned char bytes[] = {(unsigned char)(bits & 255), (unsigned char)(bits >> 8)};
        double want = by_definition(bits, exponent_bits, fraction_bits);
        float got = 0;
        assert_int_equal(tkri_dtype_to_float(&got, bytes, 1, dtype), 1);
        assert_true(isnan(want) ? isnan(got) : (double)got == want);
        assert_int_equal(signbit(got) != 0, bits >> 15);
    }
}

static void test_every_half(void **unused) {
    (void)unused;
    check_all_of(TKRI_F16, 5, 10);
    check_all_of(TKRI_BF16, 8, 7);
}

/* F32 comes through bit for bit: NaN payloads, denormals, minus zero. */
static void test_float_bits(void **unused) {
    (void)unused;
    static const unsigned char bytes[] = {0x01, 0x00, 0x80, 0x7F, 0x00, 0x00, 0x00, 0x80,
                                          0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x80, 0x3F};
    static const uint32_t want[] = {0x7F800001u, 0x80000000u, 1u, 0x3F800000u};
    float got[4];
    assert_int_equal(tkri_dtype_to_float(got, bytes, 4, TKRI_F32), 4);
    assert_memory_equal(got, want, sizeof want);
    tkri_dtype_to_file(got, sizeof got, 4);
    assert_memory_equal(got, bytes, sizeof bytes);
}

static void test_doubles(void **unused) {
    (void)unused;
    double values[] = {1.5, -0.1, (double)FLT_MAX, -(double)FLT_MAX, (double)INFINITY, 1e-60};
    float got[6];
    unsigned char bytes[sizeof values];
    memcpy(bytes, values, sizeof bytes);
    tkri_dtype_to_file(bytes, sizeof bytes, 8);
    assert_int_equal(tkri_dtype_to_float(got, bytes, 6, TKRI_F64), 6);
    for (int i = 0; i < 6; i++) {
        assert_true(got[i] == (float)values[i]);
    }
    values[3] = -1.0001 * (double)FLT_MAX;
    memcpy(bytes, values, sizeof bytes);
    tkri_dtype_to_file(bytes, sizeof bytes, 8);
    assert_int_equal(tkri_dtype_to_float(got, bytes, 6, TKRI_F64), 3);
}

static void test_integers(void **unused) {
    (void)unused;
    static const unsigned char bytes[] = {1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80};
    uint64_t got[2];
    assert_int_equal(tkri_dtype_to_uint(got, bytes, 2, TKRI_U64), 2);
    assert_int_equal(got[0], 0x201);
    assert_int_equal(got[1], UINT64_C(1) << 63);
    assert_int_equal(tkri_dtype_to_uint(got, bytes, 2, TKRI_I64), 1);
}

/* The file's order is the same on any host: the low byte first. */
static void test_to_file(void **unused) {
    (void)unused;
    uint64_t eight[] = {UINT64_C(0x0807060504030201), UINT64_C(0xFFEEDDCCBBAA9988)};
    uint32_t four = 0x04030201;
    uint16_t two[] = {0x0201, 0x0403};
    unsigned char one[] = {1, 2, 3};
    tkri_dtype_to_file(eight, 16, 8);
    assert_memory_equal(eight, "\1\2\3\4\5\6\7\10\x88\x99\xAA\xBB\xCC\xDD\xEE\xFF", 16);
    tkri_dtype_to_file(&four, 4, 4);
    assert_memory_equal(&four, "\1\2\3\4", 4);
    tkri_dtype_to_file(two, 4, 2);
    assert_memory_equal(two, "\1\2\3\4", 4);
    tkri_dtype_to_file(one, 3, 1);
    assert_memory_equal(one, "\1\2\3", 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),      cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_float_bits), cmocka_unit_test(test_doubles),
        cmocka_unit_test(test_integers),   cmocka_unit_test(test_to_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
