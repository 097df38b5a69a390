/* SPDX-License-Identifier: MIT
 * Products of a streaming step with quantized weights. docs/quantized.md has the equations.
 *
 * A pack is the 32 bits of one column that stand side by side: 2 bf16 or 4 int8 of as many
 * consecutive inputs. A packed matrix is as in kern.h with packs in the place of floats:
 * [panel][pack][vector][VL]. Inputs behind the last and units behind the last have zero weights.
 *
 *     bf16   C = start + x W                                  W expanded to float32
 *     int8   C = start + q W * (scale * x_scale)              q = round(x / x_scale) in -127..127
 *
 * The integer sums q W are exact, so that the bits of an int8 C are the same in every tier. A bf16
 * C is two chains of multiply-adds, over the even and over the odd inputs, then their sum. NaN in x
 * makes all of C's row NaN, and so does infinity with int8. */
#ifndef TKRI_KERN_QUANTIZED_H
#define TKRI_KERN_QUANTIZED_H

#include "kern/kern.h"

/* The most inputs of an int8 matrix: 127 * 127 * this < 2^31. */
enum { TKRI_INT8_INPUTS = 1 << 17 };

/* A row with no number larger than this counts as zero in int8, lest 127 / max |x| overflow. */
#define TKRI_INT8_LEAST 1e-30f

typedef struct tkri_quantized {
    tkri_panels panels;        /* of the columns */
    int64_t k;                 /* inputs */
    const uint32_t *w;         /* [panel][pack][vector][VL] */
    const float *scale;        /* int8: [vector][VL] */
    const int32_t *correction; /* int8: [vector][VL], -128 * the column's sum */
    int64_t rows;
    const float *x;       /* bf16: [row][x_row], k numbers of a row are read */
    const uint32_t *q;    /* int8: [row][x_row], packs of q + 128 */
    const float *q_scale; /* int8: [row] */
    int64_t x_row;
    const float *start; /* TKRI_FROM_ROW: [vector][VL] */
    int32_t from;       /* a TKRI_FROM_... */
    float *c;           /* row i of the panel that begins with tile t: c + i * c_row + t * c_tile */
    int64_t c_row, c_tile;
} tkri_quantized;

/* A product as above, C must not overlap the rest; and what may come before one. */
typedef void tkri_quantized_product(const tkri_quantized *r);

typedef void tkri_quantized_split(uint32_t *q, int64_t q_row, const float *x, int64_t k);

/* One tier's functions. A tier may have several, which differ in the CPU's dot products that they
 * use, and in no bit of the results. */
typedef struct tkri_quantized_kern {
    int32_t tier;

    /* q [tkri_packs(k)] of one row x [k]; writes up to the next multiple of 64 bytes. Returns
     * x_scale: max |x| / 127, 0 for a row that counts as zero, NaN if x has NaN or infinity. */
    float (*quantize)(uint32_t *q, const float *x, int64_t k);

    /* NULL, or what `bf16` needs of each row x [k] in the place of x: two bf16 numbers of which x
     * is the sum to within 2^-16, in packs q and q + q_row / 2, up to a multiple of 64 bytes. */
    tkri_quantized_split *split;

    tkri_quantized_product *bf16, *int8;

    /* The same with one-hot rows, nothing but W rounded: C's row i = start + row ids[i] of W, or,
     * for ids[i] < 0, start alone. W is int8 if it has scales. */
    void (*gather)(const tkri_quantized *r, const int32_t *ids);
} tkri_quantized_kern;

enum { TKRI_MAX_QUANTIZED = 2 };

/* All that a tier has on this machine, best first. Returns how many. */
int32_t tkri_quantized_select(const tkri_kern *tier, tkri_quantized_kern kern[TKRI_MAX_QUANTIZED]);

/* Inputs in a pack. */
static inline int32_t tkri_pack_inputs(int32_t precision) {
    return precision == TKR_INT8 ? 4 : 2;
}

/* Packs of k inputs. */
static inline int64_t tkri_packs(int32_t precision, int64_t k) {
    return (k + tkri_pack_inputs(precision) - 1) / tkri_pack_inputs(precision);
}

#endif
