/* SPDX-License-Identifier: MIT
 * Products with bf16 and int8 weights, of every tier and every table that it has on this machine,
 * against sums in 64 bits and in double: all widths, tails, starts, rows and strides, one-hot rows,
 * the largest sums, NaN and infinity; nothing written outside. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kern/quantized.h"
#include "support/oracle.h"
#include "support/support.h"
#include "support/tiers.h"

static const int64_t SIZES[] = {1, 2, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33, 64, 70};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES, MOST_ROWS = 3 };

/* A product with its operands: the logical matrix, and the same packed. */
typedef struct operands {
    int32_t vl, precision;
    tkri_quantized r;
    int64_t columns;
    guard w, scale, correction, q, x, x_scale, start, c;
    int8_t *number; /* int8: [k][columns] */
    double *weight; /* the same as they count: with scale, or bf16 */
    float *before;  /* C before the product */
} operands;

typedef struct shape {
    int64_t units, k, rows;
    int32_t gates, from;
} shape;

static float bf16_cut(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    bits &= 0xFFFF0000u;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Byte offset of element (k, column) in the packed matrix, told once more from the contract. */
static int64_t packed_byte(const operands *o, int64_t k, int64_t column) {
    const int32_t each = o->precision == TKR_INT8 ? 4 : 2;
    const int64_t packs = (o->r.k + each - 1) / each, vector = column / o->vl;
    int64_t panel = 0;
    while (tkri_panel_start(&o->r.panels, panel + 1) <= vector) {
        panel++;
    }
    const int64_t first = tkri_panel_start(&o->r.panels, panel);
    const int64_t width = tkri_panel_width(&o->r.panels, panel);
    const int64_t pack =
        (first * packs + k / each * width + vector - first) * o->vl + column % o->vl;
    return pack * 4 + k % each * (4 / each);
}

static void fill_int8(operands *o, orc_random *random, int extreme) {
    unsigned char *bytes = (unsigned char *)o->w.data;
    int32_t *correction = (int32_t *)o->correction.data;
    for (int64_t column = 0; column < o->columns; column++) {
        int32_t sum = 0;
        o->scale.data[column] = column % 5 == 3 ? 0.0f : fabsf(orc_number(random, 0.01));
        for (int64_t k = 0; k < o->r.k; k++) {
            const int8_t n =
                (int8_t)(extreme ? column % 2 ? -127 : 127 : orc_below(random, 255) - 127);
            memcpy(bytes + packed_byte(o, k, column), &n, 1);
            o->number[k * o->columns + column] = n;
            o->weight[k * o->columns + column] = (double)n * (double)o->scale.data[column];
            sum += n;
        }
        correction[column] = -128 * sum;
    }
}

static void fill_bf16(operands *o, orc_random *random) {
    unsigned char *bytes = (unsigned char *)o->w.data;
    for (int64_t i = 0; i < o->r.k * o->columns; i++) {
        const float number = bf16_cut(orc_number(random, 1));
        uint32_t bits;
        memcpy(&bits, &number, sizeof bits);
        const uint16_t high = (uint16_t)(bits >> 16);
        memcpy(bytes + packed_byte(o, i / o->columns, i % o->columns), &high, 2);
        o->weight[i] = (double)number;
    }
}

static void fill(guard *g, orc_random *random) {
    for (int64_t i = 0; i < g->n; i++) {
        g->data[i] = orc_number(random, 1);
    }
}

static void bind(operands *o, const shape *s) {
    tkri_quantized *r = &o->r;
    r->rows = s->rows;
    r->from = s->from;
    r->w = (const uint32_t *)o->w.data;
    r->start = o->start.data;
    r->c = o->c.data;
    r->c_tile = s->gates * o->vl + 3;
    r->c_row = r->panels.n * r->c_tile + 5;
    if (s->gates == 1) { /* tiles side by side, as where a panel has several */
        r->c_tile = o->vl;
        r->c_row = o->columns + 5;
    }
    if (o->precision == TKR_INT8) {
        r->scale = o->scale.data;
        r->correction = (const int32_t *)o->correction.data;
        r->q_scale = o->x_scale.data;
    }
}

static operands make(int32_t vl, int32_t precision, shape s, int extreme) {
    operands o = {.vl = vl, .precision = precision};
    orc_random random = {(uint64_t)(s.units * 1000 + s.k * 10 + s.gates)};
    const int64_t shift = (s.k + s.units) % 3;
    o.r.panels = tkri_panels_of(s.units, s.gates, vl);
    o.r.k = s.k;
    o.columns = o.r.panels.vectors * vl;
    o.w = guard_make(o.columns * tkri_packs(precision, s.k), shift);
    memset(o.w.data, 0, (size_t)o.w.n * sizeof(float));
    o.scale = guard_make(o.columns, shift), o.correction = guard_make(o.columns, shift);
    o.x = guard_make(s.rows * (s.k + 1) - 1, shift), o.x_scale = guard_make(s.rows, 0);
    o.q = guard_make(s.rows * 2 * (tkri_packs(TKR_BF16, s.k) + 16) / 16 * 16, 0);
    o.start = guard_make(o.columns, shift);
    o.c = guard_make(s.rows * (o.r.panels.vectors * (vl + 3) + 5), shift);
    o.number = calloc((size_t)(s.k * o.columns), 1);
    o.weight = calloc((size_t)(s.k * o.columns), sizeof *o.weight);
    bind(&o, &s);
    fill(&o.x, &random), fill(&o.start, &random), fill(&o.c, &random);
    if (precision == TKR_INT8) {
        fill_int8(&o, &random, extreme);
    } else {
        fill_bf16(&o, &random);
    }
    o.before = malloc((size_t)o.c.n * sizeof *o.before);
    memcpy(o.before, o.c.data, (size_t)o.c.n * sizeof *o.before);
    return o;
}

static void destroy(operands *o) {
    guard_free(&o->w), guard_free(&o->scale), guard_free(&o->correction), guard_free(&o->q);
    guard_free(&o->x), guard_free(&o->x_scale), guard_free(&o->start), guard_free(&o->c);
    free(o->number), free(o->weight), free(o->before);
}

/* Where C has this element. */
static int64_t place_in_c(const operands *o, int64_t row, int64_t column) {
    const int64_t tile_len = o->r.panels.gates * o->vl;
    return row * o->r.c_row + column / tile_len * o->r.c_tile + column % tile_len;
}

static float start_value(const operands *o, int64_t row, int64_t column) {
    switch (o->r.from) {
        case TKRI_FROM_ROW:
            return o->start.data[column];
        case TKRI_FROM_C:
            return o->before[place_in_c(o, row, column)];
        default:
            return 0.0f;
    }
}

/* Everything in C that no product may touch is as it was. */
static void check_gaps(const operands *o) {
    char *touched = calloc((size_t)o->c.n, 1);
    for (int64_t i = 0; i < o->r.rows * o->columns; i++) {
        touched[place_in_c(o, i / o->columns, i % o->columns)] = 1;
    }
    for (int64_t i = 0; i < o->c.n; i++) {
        if (!touched[i]) {
            assert_memory_equal(&o->c.data[i], &o->before[i], sizeof *o->before);
        }
    }
    free(touched);
}

/* Rows as a step prepares them; x_row has a gap. */
static void prepare(operands *o, const tkri_quantized_kern *kern) {
    tkri_quantized *r = &o->r;
    const int64_t q_row = o->q.n / r->rows / 32 * 32;
    r->q = (const uint32_t *)o->q.data;
    r->x = o->x.data;
    r->x_row = q_row;
    for (int64_t i = 0; i < r->rows; i++) {
        uint32_t *q = (uint32_t *)o->q.data + i * q_row;
        const float *x = o->x.data + i * (r->k + 1);
        if (o->precision == TKR_INT8) {
            o->x_scale.data[i] = kern->quantize(q, x, r->k);
        } else if (kern->split) {
            kern->split(q, q_row, x, r->k);
        } else {
            r->x_row = r->k + 1;
        }
    }
}

/* One number as int8 has it: x over the row's scale, to the nearest integer. */
static int64_t expected_q(const operands *o, int64_t row, int64_t k) {
    const float *x = o->x.data + row * (o->r.k + 1);
    float largest = 0;
    for (int64_t i = 0; i < o->r.k; i++) {
        largest = fmaxf(largest, fabsf(x[i]));
    }
    const float inverse = largest > TKRI_INT8_LEAST ? 127.0f / largest : 0.0f;
    return (int64_t)lrintf(x[k] * inverse);
}

/* Exact integers, then the same four roundings in every tier: all bits are equal. */
static void check_int8(const operands *o) {
    const float *c = o->c.data;
    for (int64_t i = 0; i < o->r.rows * o->columns; i++) {
        const int64_t row = i / o->columns, column = i % o->columns;
        int64_t sum = 0;
        for (int64_t k = 0; k < o->r.k; k++) {
            sum += expected_q(o, row, k) * o->number[k * o->columns + column];
        }
        const float unit = o->scale.data[column] * o->x_scale.data[row];
        const float product = (float)sum * unit;
        const float want = start_value(o, row, column) + product;
        assert_true(compare_bits(&c[place_in_c(o, row, column)], &want, 1));
    }
}

/* One rounding for each term, two without fused multiply-adds, and what a split x loses. */
static void check_bf16(const operands *o, const tkri_quantized_kern *kern) {
    const double each = 0x1p-23 * (double)(o->r.k + 2) + (kern->split ? 0x1p-16 : 0);
    for (int64_t i = 0; i < o->r.rows * o->columns; i++) {
        const int64_t row = i / o->columns, column = i % o->columns;
        double want = (double)start_value(o, row, column), size = fabs(want);
        for (int64_t k = 0; k < o->r.k; k++) {
            const double term =
                (double)o->x.data[row * (o->r.k + 1) + k] * o->weight[k * o->columns + column];
            want += term;
            size += fabs(term);
        }
        const double got = (double)o->c.data[place_in_c(o, row, column)];
        if (!(fabs(got - want) <= each * size)) {
            fail_msg("row %d column %d: %.9g, not %.9g", (int)row, (int)column, got, want);
        }
    }
}

static void check_product(const tkri_quantized_kern *kern, int32_t vl, int32_t precision, shape s) {
    operands o = make(vl, precision, s, 0);
    prepare(&o, kern);
    if (precision == TKR_INT8) {
        kern->int8(&o.r);
        check_int8(&o);
    } else {
        kern->bf16(&o.r);
        check_bf16(&o, kern);
    }
    check_gaps(&o);
    destroy(&o);
}

/* One-hot rows: the weight itself, and start alone for -1. */
static void check_gather(const tkri_quantized_kern *kern, int32_t vl, int32_t precision, shape s) {
    operands o = make(vl, precision, s, 0);
    int32_t ids[MOST_ROWS];
    for (int64_t i = 0; i < s.rows; i++) {
        ids[i] = i == 1 ? -1 : (int32_t)(s.k - 1 - i % s.k);
    }
    kern->gather(&o.r, ids);
    for (int64_t i = 0; i < s.rows * o.columns; i++) {
        const int64_t row = i / o.columns, column = i % o.columns;
        float want = start_value(&o, row, column);
        if (ids[row] >= 0) {
            want = want + (float)o.weight[ids[row] * o.columns + column];
        }
        assert_true(compare_bits(&o.c.data[place_in_c(&o, row, column)], &want, 1));
    }
    check_gaps(&o);
    destroy(&o);
}

/* Every table of every tier. */
static void each_table(void (*check)(const tkri_quantized_kern *kern, int32_t vl)) {
    int tested = 0;
    for (int32_t tier = TKR_TIER_REFERENCE; tier < TIERS_MOST; tier++) {
        const tkri_kern *table = tkri_kern_select(tier);
        tkri_quantized_kern kern[TKRI_MAX_QUANTIZED];
        const int32_t n = table ? tkri_quantized_select(table, kern) : 0;
        for (int32_t i = 0; i < n; i++) {
            assert_int_equal(kern[i].tier, tier);
            check(&kern[i], table->vl);
            tested++;
        }
    }
    assert_true(tested >= 2);
}

static void check_shapes(const tkri_quantized_kern *kern, int32_t vl) {
    for (int64_t i = 0; i < N_SIZES * N_SIZES; i++) {
        const int32_t gates[] = {1, 3, 4};
        shape s = {.units = SIZES[i / N_SIZES],
                   .k = SIZES[i % N_SIZES],
                   .rows = 1 + i % MOST_ROWS,
                   .gates = gates[(i + i / N_SIZES) % 3],
                   .from = (int32_t)(i / 2 % 3)};
        for (int32_t precision = TKR_BF16; precision <= TKR_INT8; precision++) {
            check_product(kern, vl, precision, s);
            check_gather(kern, vl, precision, s);
        }
    }
}

static void test_shapes(void **unused) {
    (void)unused;
    each_table(check_shapes);
}

/* All products as large as they can be, as many as there may be. */
static void check_largest(const tkri_quantized_kern *kern, int32_t vl) {
    const shape s = {.units = 2, .k = TKRI_INT8_INPUTS, .rows = 1, .gates = 1};
    operands o = make(vl, TKR_INT8, s, 1);
    for (int64_t k = 0; k < s.k; k++) {
        o.x.data[k] = 2.0f;
    }
    prepare(&o, kern);
    kern->int8(&o.r);
    const float sum = (float)((int64_t)127 * 127 * TKRI_INT8_INPUTS);
    for (int64_t column = 0; column < o.columns; column++) {
        const float unit = o.scale.data[column] * (2.0f / 127.0f);
        const float want = 0.0f + (column % 2 ? -sum : sum) * unit;
        assert_true(compare_bits(&o.c.data[column], &want, 1));
    }
    destroy(&o);
}

static void test_largest(void **unused) {
    (void)unused;
    each_table(check_largest);
}

/* A row's scale and numbers where they are special. */
static void check_row(const tkri_quantized_kern *kern, const float *x, int64_t k, float scale) {
    uint32_t q[32];
    const float got = kern->quantize(q, x, k);
    assert_true(isnan(scale) ? isnan(got) : compare_bits(&got, &scale, 1));
    for (int64_t i = 0; i < k && !isnan(scale); i++) {
        const double want = scale > 0 ? (double)x[i] / (double)scale : 0;
        const int number = ((const uint8_t *)q)[i] - 128;
        assert_true(fabs((double)number - want) <= 0.5 + 1e-4);
        assert_true(number >= -127 && number <= 127);
    }
    for (int64_t i = k; i < (k + 3) / 4 * 4 && !isnan(scale); i++) {
        assert_int_equal(((const uint8_t *)q)[i], 128);
    }
}

static void check_rows(const tkri_quantized_kern *kern, int32_t vl) {
    static const float ends[] = {0.0f,   -0.0f, 1e-31f, -1e-38f, 1e-44f,
                                 2e-30f, 1.0f,  3e38f,  -FLT_MAX};
    (void)vl;
    for (size_t i = 0; i < N_SIZES; i++) {
        const int64_t k = SIZES[i];
        for (size_t end = 0; end < sizeof ends / sizeof *ends; end++) {
            float x[70];
            for (int64_t j = 0; j < k; j++) {
                x[j] = ends[end] * ((float)(k - j) / (float)k);
            }
            const float size = fabsf(ends[end]);
            check_row(kern, x, k, size > TKRI_INT8_LEAST ? size / 127.0f : 0.0f);
            x[k - 1] = NAN;
            check_row(kern, x, k, NAN);
            x[k - 1] = -INFINITY;
            check_row(kern, x, k, NAN);
        }
    }
}

static void test_rows(void **unused) {
    (void)unused;
    each_table(check_rows);
}

/* NaN anywhere in x makes its row of C NaN and no other; so does infinity with int8, and with bf16
 * it goes where float32 takes it. */
static void check_poison(const tkri_quantized_kern *kern, int32_t vl) {
    static const uint32_t bits[] = {0x7FC00000, 0xFFC00000, 0x7F800001,
                                    0x7FFFFFFF, 0xFF80FFFF, 0x7F800000};
    for (size_t i = 0; i < 2 * sizeof bits / sizeof *bits; i++) {
        const int32_t precision = i % 2 ? TKR_INT8 : TKR_BF16;
        const shape s = {
            .units = 19, .k = 21, .rows = 2, .gates = i % 4 < 2 ? 4 : 3, .from = TKRI_FROM_ROW};
        operands o = make(vl, precision, s, 0);
        memcpy(&o.x.data[i], &bits[i / 2], sizeof *bits);
        prepare(&o, kern);
        (precision == TKR_INT8 ? kern->int8 : kern->bf16)(&o.r);
        for (int64_t column = 0; column < o.columns; column++) {
            const float hit = o.c.data[place_in_c(&o, 0, column)];
            const double weight = o.weight[(int64_t)i * o.columns + column];
            if (precision == TKR_BF16 && isinf(o.x.data[i])) {
                assert_true(isinf(hit) && (hit > 0) == (weight > 0));
            } else {
                assert_true(isnan(hit));
            }
            assert_true(isfinite(o.c.data[place_in_c(&o, 1, column)]));
        }
        destroy(&o);
    }
}

static void test_poison(void **unused) {
    (void)unused;
    each_table(check_poison);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_poison),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
