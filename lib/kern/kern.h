/* SPDX-License-Identifier: MIT
 * The kernel table: what the arithmetic of every layer is made of. Each tier (reference, generic,
 * AVX2, AVX-512, NEON) is the same body, compiled with that tier's vectors; a table never mixes
 * tiers. A table is chosen once, when a cell is created, and kept in it.
 *
 * Packed matrices. The columns of a weight matrix (gate x unit) lie in tiles of VL units, and in a
 * tile gate by gate: [tile][k][gate][VL], k running over the inputs. One tile's columns are a
 * panel, `gates` vectors wide; a matrix with one gate has panels of up to TKRI_PANEL vectors. Units
 * beyond the last are zero weights. In this order a product's rows come out as
 * [tile][row][gate][VL]: what one unit's gates need stands side by side. */
#ifndef TKRI_KERN_KERN_H
#define TKRI_KERN_KERN_H

#include <stdint.h>

#include <tekrar/tekrar.h>

enum { TKRI_PANEL = 4 };      /* the widest panel, in vectors */
enum { TKRI_AVX2_VL = 8 };    /* whose sixteen registers like three better: micro-tiles of 4 x 3 */
enum { TKRI_MAX_VL = 16 };    /* the widest vector, in floats: rows are padded to it */
enum { TKRI_LIVE_ROWS = 20 }; /* product.c: in micro-tiles of nearly the most rows */

/* Where a product's sum starts. */
enum { TKRI_FROM_ZERO, TKRI_FROM_ROW, TKRI_FROM_C };

/* One term of a product: a column of A, and how far it is to the next one's. */
typedef struct tkri_term {
    int64_t k, next;
} tkri_term;

/* C[m][width * VL] = start + sum over blocks and k of A[m][block][k] * B[block][k][width * VL].
 *
 * A's element (i, block, k) is a[i * a_row + block * a_block + k]; B's row is at
 * b[block * b_block + k * b_k]; C's row i at c[i * c_row]. Each element of C is one chain of fused
 * multiply-adds in the order of k, so that it does not depend on m, on the other columns, or on
 * where a sum is cut and continued with TKRI_FROM_C. C must not overlap A or B. NaN propagates.
 *
 * Given `terms`, the sum is over these columns of A and the same rows of B, and at the others
 * nobody looks: if they are zero in A, the result is the same. Only with one block, from
 * TKRI_LIVE_ROWS rows on, and in a tier that has `live`. */
typedef struct tkri_gemm {
    int64_t m, blocks, k;
    const float *a;
    int64_t a_row, a_block;
    const float *b;
    int64_t b_block, b_k;
    float *c;
    int64_t c_row;
    const float *start; /* TKRI_FROM_ROW: [width * VL] */
    int32_t width;      /* vectors, 1..TKRI_PANEL */
    int32_t half;       /* 1: the last one's upper half is zero in B and where C starts from */
    int32_t from;
    const tkri_term *terms; /* [k + 1], the columns rising; NULL: all */
} tkri_gemm;

/* One step of a cell's pointwise part, for `rows` rows and `tiles` tiles of units.
 *
 * gates is [tile][row][field][VL] with the strides given; the arrays over units ([row][unit], ld
 * apart) point at the first tile's first unit. Forward turns pre-activations into activations in
 * place. Backward reads the activations in `gates` and writes the pre-activations' gradients to
 * `dgates`, which may be `gates`. `units` says how many of the units are real; the padding behind
 * them is written as zero where zero weights would not make it so. */
typedef struct tkri_point {
    int64_t rows, tiles, units;
    float *gates;
    float *dgates;
    int64_t row_stride, tile_stride;
    const float *h_prev; /* hidden state before the step */
    float *h;            /* after it (of a projected LSTM: o * tanh c) */
    const float *c_prev;
    float *c;
    float *aux;        /* GRU, reset before: r * h_prev */
    const float *h_in; /* what the product reads: h_prev, or h_prev under a dropout mask */
    float *dh;         /* in: dL/dh of this step; out: what flows to h_prev directly */
    float *dh_in;      /* added to: what flows to h_in; may be dh */
    float *dc;         /* in: dL/dc; out: dL/dc_prev */
    float *daux;       /* dL/daux */
    int64_t ld_h, ld_c;
    const float *peep;       /* [3][ld_c]: i, f, o; NULL: none */
    float *dpeep;            /* [3][ld_c], added to */
    int32_t activation;      /* Elman: f; of the `any` cells: in the place of tanh */
    int32_t gate_activation; /* of the `any` cells: in the place of the logistic function */
} tkri_point;

/* Rows of a layer normalisation. All arrays of n can be read, and those that are written written,
 * up to the next multiple of VL. */
typedef struct tkri_norm {
    int64_t n;
    float epsilon;
    const float *scale, *shift; /* [n]; NULL: 1, 0 */
    float *dscale, *dshift;     /* [n], added to, but not behind n; NULL: nobody asks for it */
} tkri_norm;

/* Numbers that one optimizer step needs; which ones depends on the rule. */
typedef struct tkri_update {
    float rate, scale, limit; /* learning rate; factor for the gradients; clip to +-limit, 0: no */
    float beta1, beta2, epsilon, decay, momentum;
    float correct1, correct2; /* Adam: 1 / (1 - beta1^t), 1 / sqrt(1 - beta2^t) */
    int32_t nesterov;
    int32_t decoupled; /* AdamW: decay acts on the parameter, not on the gradient */
} tkri_update;

/* What a mask is drawn by: `yes` with probability `rate`, else `no`. Element i goes by word
 * (index + i) % 4 of Philox' counter (stream, (index + i) / 4) under the key `seed`: by its highest
 * 24 bits, a number in [0, 1), being below the rate. */
typedef struct tkri_draw {
    uint64_t seed, stream, index; /* index a multiple of 4 */
    float rate, yes, no;
} tkri_draw;

/* VL rows of a packed matrix, side by side: element k of the first is at[k * step]. */
typedef struct tkri_rows {
    float *at;
    int64_t step;
    int32_t from, to; /* the lanes that count; the others stay */
} tkri_rows;

/* At most so many rows lose their parts along so many axes at once. */
enum { TKRI_AXES = 16, TKRI_PROJECTED = 64 };

/* What is to become orthogonal to what. An axis is a row of length 1: element k of axis j is
 * axes[j][k * steps[j]]. */
typedef struct tkri_projection {
    const tkri_rows *rows;
    int64_t n_rows; /* vectors of rows */
    int64_t k;
    const float *axes[TKRI_AXES];
    int64_t steps[TKRI_AXES];
    int64_t n_axes; /* 1 or TKRI_AXES */
} tkri_projection;

/* Whole steps of some streams of one layer: the products and the pointwise part in one go, with the
 * bits of the same steps done by their pieces. Of every array the streams' rows are _row apart, and
 * the steps' _step, by which the pointers move on. */
typedef struct tkri_stream {
    int64_t steps, batch;
    const float *x; /* [x_len], the products with the first rows of w_ih */
    int64_t x_len, x_row, x_step, input, units;
    const float *w_ih, *w_hh;
    const float *start; /* of the sums: [gate][VL] of each tile */
    int64_t start_tile, start_row, start_step;
    const float *q_bias;
    const float *h; /* before the first step */
    float *next;    /* after it; or h itself, of one stream and step, with h_step 0 */
    float *room;    /* for another h, where next is h */
    int64_t h_row, h_step;
    float *c; /* in place; NULL where a cell has none */
    const float *peep;
    int64_t ld_c; /* of c's rows and of peep */
} tkri_stream;

/* A cell kind's layout and pointwise part, in one tier: tkri_elman, tkri_lstm, tkri_gru_after,
 * tkri_gru_before, and for other functions than the logistic one and tanh tkri_lstm_any,
 * tkri_gru_after_any, tkri_gru_before_any. Those take every TKR_TANH... whose slope is told by its
 * output (not GELU), and given the usual two the bits are the same. */
typedef struct tkri_cell_ops {
    int32_t gates;              /* G of the weights */
    int32_t fields;             /* S of the tape */
    int32_t ih_field, hh_field; /* first field that x W_ih, h W_hh add to */
    int32_t q_field;            /* the field that starts from its own bias alone, or -1 */
    int32_t q_gate;             /* that bias' gate */
    int32_t has_c;
    int32_t phases; /* products with the state per step: 1, or 2 (GRU, reset before) */
    int8_t ih_order[4], hh_order[4]; /* where PyTorch's gate g stands among the packed gates */
    void (*forward[2])(const tkri_point *point);
    void (*backward[2])(const tkri_point *point);
    void (*steps)(tkri_stream *stream);      /* NULL: only in pieces */
    void (*fast_steps)(tkri_stream *stream); /* with approximations; NULL: none here */
} tkri_cell_ops;

typedef struct tkri_kern {
    int32_t tier;
    int32_t vl;   /* floats in a vector */
    int32_t rank; /* the best tier is the one with the highest that runs here */

    /* On x86, what CPUID must say: bits of leaf 7's EBX, and bits of XCR0, the state that the
     * operating system saves (AVX: 1, 2; AVX-512: also 5, 6, 7). If any is set, AVX and FMA are
     * asked for too; if none, every machine that the compiler works for has the tier. */
    uint32_t cpuid, xcr0;

    const struct tkri_quantized_kern *quantized; /* products with bf16 and int8 */

    /* Takes from each row its part along each axis in turn, row -= (row . axis / squares) axis:
     * sums and products in double, differences in float, all in the order of k. */
    void (*orthogonalise)(const tkri_projection *projection);

    /* The product above. */
    void (*gemm)(const tkri_gemm *product);

    /* terms[0 .. n) = the columns of A [rows][k] that are not zero in all rows, terms[n].k = k.
     * Returns n. A can be read up to the next multiple of VL, and terms written one beyond it.
     * NULL: this tier's product takes all. */
    int64_t (*live)(tkri_term *terms, const float *a, int64_t a_row, int64_t rows, int64_t k);

    /* The product of `width` columns (not vectors), for a few of them: of B, transposed, column j's
     * k numbers at b + j * b_k. From zero or from a row. The bits are the other's. */
    void (*dots)(const tkri_gemm *product);

    /* C's row i = start + row ids[i] of B (for ids[i] < 0: start alone), width vectors: a product
     * with one-hot rows, and the same bits. */
    void (*gather)(const tkri_gemm *product, const int32_t *ids);

    /* The gradient of that: C's row ids[i] += row i of B (for ids[i] < 0: nothing), for i < k in
     * order. */
    void (*scatter)(const tkri_gemm *product, const int32_t *ids);

    /* y[i] += x[i] for i < n. Both arrays can be read, and y written, up to the next multiple of
     * VL; what y has there does not change. */
    void (*add)(float *y, const float *x, int64_t n);

    /* A mask of n elements; behind them nothing is written. */
    void (*draw_mask)(float *out, const tkri_draw *draw, int64_t n);

    /* Zoneout: x += mask (before - x) for n numbers, a multiple of VL. Without a mask (NULL) `rate`
     * stands for each of its elements. */
    void (*zone)(float *x, const float *before, const float *mask, float rate, int64_t n);

    /* Its gradient with a mask: kept = mask d, which flows to `before`, and d -= kept, which flows
     * to x. n a multiple of VL. */
    void (*zone_gradient)(float *d, float *kept, const float *mask, int64_t n);

    /* c[j], and also[j] unless it is NULL, += the sum over rows of x[row * ld + j], rows in order,
     * j < width * VL, width up to TKRI_PANEL. */
    void (*column_sum)(float *c, float *also, const float *x, int64_t rows, int64_t ld,
                       int32_t width);

    /* y = f(x) for n floats, a multiple of VL, in place allowed; f a TKR_TANH... Within 4 ULP where
     * f(x) is a normal number; the hard sigmoids within 4 ULP of 0.5, GELU within 8 ULP. */
    void (*activate)(float *y, const float *x, int64_t n, int32_t activation);

    /* dy *= f'(x) where y = f(x), from y alone but for TKR_GELU, which goes by x; of the others x
     * may be NULL. At a kink the smaller slope; that of TKR_SQRT at 0, which is infinite, counts
     * as 0. */
    void (*activate_gradient)(float *dy, const float *x, const float *y, int64_t n,
                              int32_t activation);

    /* Returns -ln softmax(x)[target] of n logits; with dx, dx = scale * (softmax(x) - 1[target]).
     * dx may be x. The padding up to VL of dx is set to zero if the result is finite. */
    double (*softmax)(float *dx, const float *x, int64_t n, int64_t target, float scale);

    /* y = softmax(x) of n numbers; y may be x. The padding of x is not looked at, that of y becomes
     * zero. A row with NaN, with plus infinity or with nothing but minus infinity is all NaN. */
    void (*softmax_row)(float *y, const float *x, int64_t n);

    /* dx = y (dy - sum dy y), the gradient of that; dx may be dy. Padding as there. */
    void (*softmax_gradient)(float *dx, const float *dy, const float *y, int64_t n);

    /* y = (x - mean) / sqrt(variance + epsilon) * scale + shift over the n numbers of a row, the
     * variance that of the row (not n - 1). stat[0] = mean, stat[1] = 1 / sqrt(...). The mean is
     * taken off in double: what is left is exact to 1e-6 of the deviation, also where the mean is
     * a thousand of it. y may be x; the padding as for softmax_row. NaN or infinity in a row makes
     * all of it NaN. */
    void (*norm)(float *y, const float *x, float *stat, const tkri_norm *norm);

    /* With g = dy scale, u = (x - mean) stat[1] and means over the row: dx = stat[1] (g - mean(g) -
     * u mean(g u)), dscale += dy u, dshift += dy. dx may be dy. Padding as there. */
    void (*norm_gradient)(float *dx, const float *dy, const float *x, const float *stat,
                          const tkri_norm *norm);

    /* Sum of (scale x)^2 after clipping to +-limit (0: none), in double, for n floats, a multiple
     * of VL; not finite if any x is not. */
    double (*sum_squares)(const float *x, int64_t n, float limit);

    /* One update of n parameters p from gradients g (then zeroed), moments m, v (may be NULL where
     * the rule has none). n a multiple of VL. Returns the largest magnitude of a parameter or a
     * moment, if all are finite. */
    float (*adam)(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u);
    float (*sgd)(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u);
    float (*rmsprop)(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u);
} tkri_kern;

/* The table of a tier (TKR_TIER_BEST: the best that runs here), or NULL if it is not built or the
 * machine does not support it. */
const tkri_kern *tkri_kern_select(int32_t tier);

/* The best table for a net whose widest layer is so wide: not AVX-512 but AVX2 where half a vector
 * holds it, for half a vector divides twice as fast. */
const tkri_kern *tkri_kern_best(int64_t widest);

/* out[c][r] = in[r][c], rows x columns numbers; rows of `in` are in_ld apart, of `out` out_ld. */
void tkri_transpose(float *out, int64_t out_ld, const float *in, int64_t in_ld, int64_t rows,
                    int64_t columns);

/* A matrix' panels: `vectors` vectors of columns in tiles of `gates`. */
typedef struct tkri_panels {
    int64_t n;       /* panels */
    int64_t vectors; /* in all */
    int32_t gates;
    int32_t half; /* no unit is in the upper half of the last vector */
} tkri_panels;

/* a / b, neither negative. A division of 64 bits takes a core up to a hundred cycles, and small
 * products are made of little else: most divide by one, and nearly all fit 32 bits. */
static inline int64_t tkri_quotient(int64_t a, int64_t b) {
    if (b == 1) {
        return a;
    }
    return (uint64_t)(a | b) >> 32 ? a / b : (int64_t)((uint32_t)a / (uint32_t)b);
}

/* Tiles of VL units; VL is a power of two. */
static inline int64_t tkri_tiles(int64_t units, int32_t vl) {
    return (units + vl - 1) >> __builtin_ctz((unsigned)vl);
}

static inline tkri_panels tkri_panels_of(int64_t units, int32_t gates, int32_t vl) {
    const int64_t tiles = tkri_tiles(units, vl);
    const int64_t least = (tiles + TKRI_PANEL - 1) / TKRI_PANEL;
    const int64_t threes = vl == TKRI_AVX2_VL ? tiles / 3 : 0;
    const int64_t n = gates > 1 ? tiles : threes > least ? threes : least;
    const int64_t last = units - (tiles - 1) * vl;
    return (tkri_panels){n, tiles * gates, gates, gates == 1 && last <= vl / 2};
}

/* The first vector of panel p; its width is the distance to the next. Panels differ by one at most.
 */
static inline int64_t tkri_panel_start(const tkri_panels *panels, int64_t p) {
    return panels->gates > 1 ? p * panels->gates : tkri_quotient(panels->vectors * p, panels->n);
}

/* The first tile, of those of C. */
static inline int64_t tkri_panel_tile(const tkri_panels *panels, int64_t p) {
    return panels->gates > 1 ? p : tkri_panel_start(panels, p);
}

static inline int32_t tkri_panel_half(const tkri_panels *panels, int64_t p) {
    return panels->half && p == panels->n - 1;
}

static inline int32_t tkri_panel_width(const tkri_panels *panels, int64_t p) {
    return (int32_t)(tkri_panel_start(panels, p + 1) - tkri_panel_start(panels, p));
}

#endif
