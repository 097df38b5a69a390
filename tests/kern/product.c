/* SPDX-License-Identifier: MIT
 * gemm, gather and scatter of every tier against sums in double: all widths, starts, heights and
 * strides, blocks, cuts, terms left out, NaN and infinity, and nothing written outside. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/oracle.h"
#include "support/support.h"
#include "support/tiers.h"

/* A product with its operands in guarded arrays. */
typedef struct operands {
    tkri_gemm g;
    guard a, b, c, start;
    double *want, *size; /* [m][columns]: the exact sums, and the sums of absolute values */
    int64_t columns;
} operands;

static void fill(guard *g, orc_random *random) {
    for (int64_t i = 0; i < g->n; i++) {
        g->data[i] = orc_number(random, 1);
    }
}

static const float *a_at(const tkri_gemm *g, int64_t i, int64_t block, int64_t k) {
    return g->a + i * g->a_row + block * g->a_block + k;
}

/* The sums in double, from where the product starts. */
static void expect(operands *o) {
    const tkri_gemm *g = &o->g;
    for (int64_t i = 0; i < g->m * o->columns; i++) {
        int64_t row = i / o->columns, column = i % o->columns;
        double sum = 0, size;
        if (g->from == TKRI_FROM_ROW) {
            sum = (double)g->start[column];
        } else if (g->from == TKRI_FROM_C) {
            sum = (double)g->c[row * g->c_row + column];
        }
        size = fabs(sum);
        for (int64_t term = 0; term < g->blocks * g->k; term++) {
            int64_t block = term / g->k, k = term % g->k;
            double x = (double)*a_at(g, row, block, k) *
                       (double)g->b[block * g->b_block + k * g->b_k + column];
            sum += x;
            size += fabs(x);
        }
        o->want[i] = sum;
        o->size[i] = size;
    }
}

/* Strides with gaps: A's, B's and C's rows apart. */
static operands make(const tkri_kern *kern, int64_t m, int64_t blocks, int64_t k, int32_t width,
                     int32_t from, int64_t shift) {
    operands o = {.columns = (int64_t)width * kern->vl};
    tkri_gemm *g = &o.g;
    orc_random random = {(uint64_t)(m * 1000 + k * 10 + width)};
    int64_t terms = blocks * k;
    *g = (tkri_gemm){.m = m, .blocks = blocks, .k = k, .width = width, .from = from};
    g->a_row = terms + 3;
    g->a_block = k;
    g->b_k = o.columns + 2 * kern->vl;
    g->b_block = g->b_k * k + kern->vl;
    g->c_row = o.columns + kern->vl;
    o.a = guard_make((m - 1) * g->a_row + (blocks - 1) * g->a_block + k, shift);
    o.b = guard_make((blocks - 1) * g->b_block + (k - 1) * g->b_k + o.columns, shift);
    o.c = guard_make((m - 1) * g->c_row + o.columns, shift);
    o.start = guard_make(o.columns, shift);
    fill(&o.a, &random), fill(&o.b, &random), fill(&o.c, &random), fill(&o.start, &random);
    g->a = o.a.data, g->b = o.b.data, g->c = o.c.data, g->start = o.start.data;
    o.want = calloc((size_t)(m * o.columns), sizeof *o.want);
    o.size = calloc((size_t)(m * o.columns), sizeof *o.size);
    expect(&o);
    return o;
}

static void destroy(operands *o) {
    guard_free(&o->a), guard_free(&o->b), guard_free(&o->c), guard_free(&o->start);
    free(o->want);
    free(o->size);
}

/* One rounding for each term is the most that a chain of fused multiply-adds may lose; the tiers
 * without fused ones lose two. */
static void check_values(const operands *o) {
    const tkri_gemm *g = &o->g;
    for (int64_t i = 0; i < g->m * o->columns; i++) {
        double got = (double)g->c[i / o->columns * g->c_row + i % o->columns];
        double limit = 0x1p-23 * (double)(g->blocks * g->k + 1) * o->size[i];
        if (!(fabs(got - o->want[i]) <= limit)) {
            fail_msg("element %lld: %.9g, not %.9g (m %d blocks %d k %d width %d from %d)",
                     (long long)i, got, o->want[i], (int)g->m, (int)g->blocks, (int)g->k,
                     (int)g->width, (int)g->from);
        }
    }
}

/* The gaps between C's rows are no business of the product. */
static void check_gaps(const operands *o, const float *before) {
    for (int64_t i = 0; i < o->c.n; i++) {
        if (i % o->g.c_row >= o->columns) {
            assert_memory_equal(&o->c.data[i], &before[i], sizeof *before);
        }
    }
}

static void check_one(const tkri_kern *kern, int64_t m, int64_t blocks, int64_t k, int32_t width) {
    for (int32_t from = TKRI_FROM_ZERO; from <= TKRI_FROM_C; from++) {
        operands o = make(kern, m, blocks, k, width, from, (m + k) % 3);
        float *before = malloc((size_t)o.c.n * sizeof *before);
        memcpy(before, o.c.data, (size_t)o.c.n * sizeof *before);
        kern->gemm(&o.g);
        check_values(&o);
        check_gaps(&o, before);
        free(before);
        destroy(&o);
    }
}

static void clear_upper_half(guard *x, int64_t row, int64_t columns, int64_t n) {
    for (int64_t i = 0; i < x->n; i++) {
        if (i % row < columns && i % row >= columns - n) {
            x->data[i] = 0.0f;
        }
    }
}

/* Where the last vector's upper half is zero, saying so changes no bit. */
static void check_half(const tkri_kern *kern) {
    for (int32_t width = 1; width <= TKRI_PANEL; width++) {
        for (int64_t m = 1; m <= 19; m++) {
            const int32_t from = (int32_t)(m % 3);
            operands o[2];
            for (int i = 0; i < 2; i++) {
                o[i] = make(kern, m, 1, 5 + m % 3, width, from, 1);
                const int64_t columns = o[i].columns, n = kern->vl / 2;
                clear_upper_half(&o[i].b, o[i].g.b_k, columns, n);
                clear_upper_half(&o[i].c, o[i].g.c_row, columns, n);
                clear_upper_half(&o[i].start, columns, columns, n);
                o[i].g.half = kern->vl > 1 && i;
                kern->gemm(&o[i].g);
            }
            assert_true(compare_bits(o[0].c.data, o[1].c.data, o[0].c.n));
            destroy(&o[0]), destroy(&o[1]);
        }
    }
}

static void check_shapes(const tkri_kern *kern) {
    for (int32_t width = 1; width <= TKRI_PANEL; width++) {
        for (int64_t m = 1; m <= 19; m++) {
            check_one(kern, m, 1, 1 + m * 5 % 17, width);
            check_one(kern, m, 3, 1 + m % 4, width);
            check_one(kern, m, 2, 8 + m % 4, width);
        }
        check_one(kern, 61, 1, 70, width);
        check_one(kern, 7, 1, 1000, width);
        check_one(kern, 3, 40, 2, width);
    }
}

/* An element's bits do not depend on the other rows, nor on where the sum is cut. */
static void check_cut(const tkri_kern *kern) {
    enum { M = 13, K = 21 };
    for (int64_t cut = 1; cut < K; cut += 4) {
        operands whole = make(kern, M, 1, K, 3, TKRI_FROM_ROW, 0);
        operands parts = make(kern, M, 1, K, 3, TKRI_FROM_ROW, 1);
        kern->gemm(&whole.g);
        for (int64_t row = 0; row < M; row++) {
            tkri_gemm g = parts.g;
            g.m = 1;
            g.a += row * g.a_row;
            g.c += row * g.c_row;
            g.k = cut;
            kern->gemm(&g);
            g.a += cut;
            g.b += cut * g.b_k;
            g.k = K - cut;
            g.from = TKRI_FROM_C;
            kern->gemm(&g);
            assert_true(compare_bits(g.c, whole.g.c + row * g.c_row, whole.columns));
        }
        destroy(&whole), destroy(&parts);
    }
}

/* Without a term the sums are what they start from; without a row nothing is written. */
static void check_empty(const tkri_kern *kern) {
    for (int32_t from = TKRI_FROM_ZERO; from <= TKRI_FROM_C; from++) {
        for (int32_t empty = 0; empty < 3; empty++) {
            operands o = make(kern, 7, 1, 5, 3, from, 0);
            float *before = malloc((size_t)o.c.n * sizeof *before);
            memcpy(before, o.c.data, (size_t)o.c.n * sizeof *before);
            *(empty == 0 ? &o.g.k : empty == 1 ? &o.g.blocks : &o.g.m) = 0;
            expect(&o);
            kern->gemm(&o.g);
            check_values(&o);
            check_gaps(&o, before);
            assert_true(empty < 2 || compare_bits(o.c.data, before, o.c.n));
            free(before);
            destroy(&o);
        }
    }
}

/* A NaN in A spoils its row and nothing else, one in B its column; infinity times zero is NaN. */
static void check_nan(const tkri_kern *kern) {
    operands o = make(kern, 9, 1, 5, 2, TKRI_FROM_ZERO, 0);
    o.a.data[4 * o.g.a_row + 2] = NAN;
    o.b.data[3 * o.g.b_k + 1] = NAN;
    o.a.data[7 * o.g.a_row] = INFINITY;
    o.b.data[0] = 0;
    kern->gemm(&o.g);
    for (int64_t i = 0; i < o.g.m * o.columns; i++) {
        int64_t row = i / o.columns, column = i % o.columns;
        double got = (double)o.g.c[row * o.g.c_row + column];
        int spoilt = row == 4 || column == 1 || (row == 7 && column == 0);
        assert_int_equal(isnan(got) != 0, spoilt);
        assert_true(row != 7 || spoilt || isinf(got));
    }
    destroy(&o);
}

/* gather is the product with one-hot rows, bit for bit; a negative id is a row of zeros. */
static void check_gather(const tkri_kern *kern) {
    enum { K = 7 };
    for (int32_t from = TKRI_FROM_ZERO; from <= TKRI_FROM_C; from++) {
        operands o = make(kern, 10, 1, K, 3, from, 1), twin = make(kern, 10, 1, K, 3, from, 0);
        int32_t ids[10];
        for (int32_t i = 0; i < 10; i++) {
            ids[i] = i * 3 % (K + 1) - 1;
            for (int64_t k = 0; k < K; k++) {
                twin.a.data[i * twin.g.a_row + k] = k == ids[i] ? 1 : 0;
            }
        }
        kern->gemm(&twin.g);
        kern->gather(&o.g, ids);
        for (int64_t row = 0; row < 10; row++) {
            const float *got = o.g.c + row * o.g.c_row;
            assert_true(compare_bits(got, twin.g.c + row * twin.g.c_row, o.columns));
        }
        destroy(&o), destroy(&twin);
    }
}

/* scatter adds each row of its B to the row of its C that its id names; equal ids add up in order.
 * Here its B is gather's C. */
static void check_scatter(const tkri_kern *kern) {
    const int32_t ids[6] = {2, -1, 0, 2, 2, 1};
    operands o = make(kern, 6, 1, 3, 2, TKRI_FROM_ZERO, 1);
    float *want = malloc((size_t)o.b.n * sizeof *want);
    memcpy(want, o.b.data, (size_t)o.b.n * sizeof *want);
    for (int64_t i = 0; i < 6; i++) {
        for (int64_t j = 0; ids[i] >= 0 && j < o.columns; j++) {
            want[ids[i] * o.g.b_k + j] += o.g.c[i * o.g.c_row + j];
        }
    }
    const tkri_gemm scatter = {
        .k = 6, .width = o.g.width, .b = o.g.c, .b_k = o.g.c_row, .c = o.b.data, .c_row = o.g.b_k};
    kern->scatter(&scatter, ids);
    assert_true(compare_bits(o.b.data, want, o.b.n));
    free(want);
    destroy(&o);
}

/* A [m][ld] in which the columns with a draw below `share` are zero, of either sign. */
static float *columns_off(const operands *o, int64_t ld, double share) {
    const tkri_gemm *g = &o->g;
    float *a = calloc((size_t)(g->m * ld), sizeof *a);
    orc_random random = {(uint64_t)(g->m + g->k)};
    for (int64_t k = 0; k < g->k; k++) {
        const int off = fabs((double)orc_number(&random, 1)) < share;
        for (int64_t i = 0; i < g->m; i++) {
            a[i * ld + k] = off ? i % 2 ? 0.0f : -0.0f : g->a[i * g->a_row + k];
        }
        a[k % g->m * ld + k] += off ? 0.0f : 1.0f;
    }
    return a;
}

/* The list is of the columns that are not zero, and a product with it does not look at the others:
 * here they are NaN by then. It has the bits of the product with all. */
static void check_terms(const tkri_kern *kern, int64_t m, int64_t k, int32_t width, double share) {
    const int64_t ld = (k + kern->vl - 1) / kern->vl * kern->vl;
    const int32_t from = (int32_t)(k % 3);
    operands all = make(kern, m, 1, k, width, from, 0), some = make(kern, m, 1, k, width, from, 1);
    float *a = columns_off(&all, ld, share);
    tkri_term *terms = malloc((size_t)(ld + 1) * sizeof *terms);
    all.g.a = a, all.g.a_row = ld;
    kern->gemm(&all.g);
    some.g.a = a, some.g.a_row = ld;
    some.g.terms = terms;
    some.g.k = kern->live(terms, a, ld, m, k);
    assert_int_equal(terms[some.g.k].k, k);
    for (int64_t j = 0, at = 0; j < k; j++) {
        const int off = a[j] == 0.0f && a[(m - 1) * ld + j] == 0.0f && a[j % m * ld + j] == 0.0f;
        if (!off) {
            assert_int_equal(terms[at++].k, j);
        }
        for (int64_t i = 0; off && i < m; i++) {
            a[i * ld + j] = NAN;
        }
        for (int64_t c = 0; off && c < some.columns; c++) {
            some.b.data[j * some.g.b_k + c] = NAN;
        }
    }
    kern->gemm(&some.g);
    for (int64_t i = 0; i < m; i++) {
        assert_true(
            compare_bits(all.g.c + i * all.g.c_row, some.g.c + i * some.g.c_row, all.columns));
    }
    destroy(&all), destroy(&some);
    free(a), free(terms);
}

static void check_live(const tkri_kern *kern) {
    static const int64_t sizes[] = {1, 2, 3, 30, 200, 1100};
    for (int32_t width = 1; kern->live && width <= TKRI_PANEL; width++) {
        for (int64_t m = TKRI_LIVE_ROWS; m <= 37; m += 1 + m % 3) {
            for (int i = 0; i < 6; i++) {
                check_terms(kern, m, sizes[i], width, 0.3);
            }
        }
        check_terms(kern, 40, 50, width, 0.0);
        check_terms(kern, 40, 50, width, 1.5);
        check_terms(kern, 40, 50, width, INFINITY);
    }
}

static void test_shapes(void **unused) {
    (void)unused;
    tiers_each(check_shapes);
}

static void test_half(void **unused) {
    (void)unused;
    tiers_each(check_half);
}

static void test_empty(void **unused) {
    (void)unused;
    tiers_each(check_empty);
}

static void test_cut(void **unused) {
    (void)unused;
    tiers_each(check_cut);
}

static void test_nan(void **unused) {
    (void)unused;
    tiers_each(check_nan);
}

static void test_live(void **unused) {
    (void)unused;
    tiers_each(check_live);
}

static void test_gather(void **unused) {
    (void)unused;
    tiers_each(check_gather);
}

static void test_scatter(void **unused) {
    (void)unused;
    tiers_each(check_scatter);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_half),    cmocka_unit_test(test_empty),
        cmocka_unit_test(test_cut),    cmocka_unit_test(test_nan),     cmocka_unit_test(test_live),
        cmocka_unit_test(test_gather), cmocka_unit_test(test_scatter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
