/* SPDX-License-Identifier: MIT
 * The kernels at the sizes that matter: one description of a case serves its check and its timing.
 * A case is made ready on a tier in that tier's layout, from numbers that depend on the logical
 * place alone, and read back in an order that is every tier's; so two tiers can be compared. */
#ifndef BENCH_KERN_CASE_H
#define BENCH_KERN_CASE_H

#include <stddef.h>
#include <stdint.h>

#include "kern/kern.h"
#include "kern/quantized.h"

typedef struct kern_case kern_case;

enum { BLOCKS_MAX = 24 };

/* A case made ready on one tier. */
typedef struct operands {
    const kern_case *c;
    const tkri_kern *kern;
    const tkri_quantized_kern *quantized;
    void *blocks[BLOCKS_MAX]; /* all arrays */
    int n_blocks;
    tkr_cell *cell; /* whose weights are used, or NULL */
    const tkri_cell_ops *ops;
    tkri_panels panels;
    tkri_gemm gemm; /* of the whole matrix: b, c and start are those of its first panel */
    tkri_point point;
    tkri_stream stream;
    tkri_quantized product;
    tkri_update update;
    float *x, *y, *m, *v, *b, *gradient;
    uint32_t *q;
    float q_scale;
    int32_t *ids;
    tkri_term *terms;
    double sum; /* what a kernel returned */
    /* what the case says of itself */
    int64_t n_results;
    double elements, flops;    /* of one run; flops 0: not a product */
    double absolute, relative; /* what two tiers' results may differ by: the kernel's contract */
} operands;

/* What a family of cases does. */
typedef struct kern_family {
    void (*make)(operands *o);
    void (*run)(operands *o);
    double (*read)(const operands *o, int64_t i); /* result i < n_results */
    int quantized;                                /* 1: for every table of quantized products */
} kern_family;

struct kern_case {
    const char *kernel, *shape;
    const kern_family *family;
    int64_t rows, k, units;
    int32_t gates, option;
    int minor; /* 1: a tail; it is checked, and decides nothing about a tier */
};

/* The cases, ended by kernel NULL. */
extern const kern_case kern_product_cases[], kern_pointwise_cases[], kern_update_cases[],
    kern_cell_cases[], kern_mask_cases[], kern_quantized_cases[];

/* Case i of all of them, or NULL behind the last. */
const kern_case *kern_case_at(int i);

/* Make a case ready on a tier, and release it. Without memory the program ends. */
void operands_make(operands *o, const kern_case *c, const tkri_kern *kern,
                   const tkri_quantized_kern *quantized);
void operands_free(operands *o);
void operands_run(operands *o);

/* After one run of each: the first result that is not what `want` has, or -1. */
int64_t operands_compare(const operands *got, const operands *want);

/* For the families: `n` zeros on a cache line of their own; a number in -1..1 for a place. */
float *operands_room(operands *o, int64_t n);
float operands_number(int array, int64_t i, int64_t j);

/* An array of as many numbers as the case has units. */
float *operands_drawn(operands *o, int array);

/* A cell of this tier with the same weights on every tier, and its operations. The program ends if
 * it cannot be made. */
void operands_cell(operands *o, int32_t kind, int32_t reset, int32_t precision);

/* Above every TKR_TIER_ number. */
enum { TIERS_END = 32 };

/* The quantized tables of a tier, as tkri_quantized_select(); none of an absent tier. */
static inline int32_t quantized_tables(int32_t tier, tkri_quantized_kern kern[TKRI_MAX_QUANTIZED]) {
    const tkri_kern *table = tkri_kern_select(tier);
    return table ? tkri_quantized_select(table, kern) : 0;
}

#endif
