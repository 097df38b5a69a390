/* SPDX-License-Identifier: MIT
 * Gram-Schmidt for the rows side by side in vectors, compiled once per tier: rows -= (rows . axes)
 * axes. Each lane is a row with sums of its own in double, in the order of k; the factors are
 * floats, so that a product of two is exact in double and a sum has the same bits with a fused
 * multiply-add and without. */
#include "kern/kern.h"
#include "kern/vec.h"

/* BOTH: halves of a vector whose sums fit the registers together. */
enum { HALVES = VL / HALF, BOTH = 1, CHUNK = 64, VECTORS = TKRI_PROJECTED / VL + 2 };

/* A chunk of the axes: [k][axis]. */
typedef struct wide {
    double at[CHUNK][TKRI_AXES];
} wide;

/* What a vector of rows has of each axis. */
typedef struct parts {
    vd half[HALVES][TKRI_AXES];
} parts;

/* Are HALF axes from j on side by side in memory? */
INLINE int together(const tkri_projection *p, int j) {
    return p->axes[j + HALF - 1] == p->axes[j] + HALF - 1 && p->steps[j + HALF - 1] == p->steps[j];
}

INLINE void widen(wide *out, const tkri_projection *p, int64_t k, int64_t len, int n) {
    for (int j = 0; j < n;) {
        const int64_t step = p->steps[j];
        const float *from = p->axes[j] + k * step;
        if (n % HALF == 0 && together(p, j)) {
            for (int64_t i = 0; i < len; i++) {
                __builtin_prefetch(from + (i + CHUNK) * step);
                const vd axes = v_wide(from + i * step);
                memcpy(&out->at[i][j], &axes, sizeof axes);
            }
            j += HALF;
        } else {
            for (int64_t i = 0; i < len; i++) {
                out->at[i][j] = (double)from[i * step];
            }
            j++;
        }
    }
}

/* sum += rows . axes */
INLINE void add_products(parts *sum, const tkri_rows *rows, int64_t k, int64_t len,
                         const wide *axes, int n) {
    for (int first = 0; first < HALVES; first += BOTH) {
        vd part[BOTH][TKRI_AXES];
#pragma GCC unroll 16
        for (int h = 0; h < BOTH; h++) {
#pragma GCC unroll 16
            for (int j = 0; j < n; j++) {
                part[h][j] = sum->half[first + h][j];
            }
        }
        const float *at = rows->at + k * rows->step + (int64_t)first * HALF;
        for (int64_t i = 0; i < len; i++, at += rows->step) {
#pragma GCC unroll 16
            for (int h = 0; h < BOTH; h++) {
                __builtin_prefetch(at + CHUNK * rows->step);
                const vd x = v_wide(at + h * HALF);
#pragma GCC unroll 16
                for (int j = 0; j < n; j++) {
                    part[h][j] = d_fma(x, d_all(axes->at[i][j]), part[h][j]);
                }
            }
        }
#pragma GCC unroll 16
        for (int h = 0; h < BOTH; h++) {
#pragma GCC unroll 16
            for (int j = 0; j < n; j++) {
                sum->half[first + h][j] = part[h][j];
            }
        }
    }
}

/* rows += part * axes, rounded once for all of them. */
INLINE void add_axes(const tkri_rows *rows, const parts *part, int64_t k, int64_t len,
                     const wide *axes, int n) {
    for (int h = 0; h < HALVES; h++) {
        float *at = rows->at + k * rows->step + (int64_t)h * HALF;
        for (int64_t i = 0; i < len; i++, at += rows->step) {
            __builtin_prefetch(at + CHUNK * rows->step, 1);
            vd x[2] = {v_wide(at), d_all(0)};
#pragma GCC unroll 16
            for (int j = 0; j < n; j++) {
                x[j % 2] = d_fma(part->half[h][j], d_all(axes->at[i][j]), x[j % 2]);
            }
            v_narrow(at, x[0] + x[1]);
        }
    }
}

/* What to add: the parts the other way round, as floats; nothing to the lanes that do not count. */
static void turn(parts *part, const tkri_rows *rows, int n) {
    for (int h = 0; h < HALVES; h++) {
        for (int j = 0; j < n; j++) {
            double lane[HALF];
            memcpy(lane, &part->half[h][j], sizeof lane);
            for (int i = 0; i < HALF; i++) {
                const int at = h * HALF + i;
                lane[i] = at >= rows->from && at < rows->to ? (double)(float)-lane[i] : 0;
            }
            memcpy(&part->half[h][j], lane, sizeof lane);
        }
    }
}

INLINE void project(const tkri_projection *p, int n) {
    wide axes;
    parts part[VECTORS];
    memset(part, 0, (size_t)p->n_rows * sizeof *part);
    for (int64_t k = 0; k < p->k; k += CHUNK) {
        const int64_t len = p->k - k < CHUNK ? p->k - k : CHUNK;
        widen(&axes, p, k, len, n);
        for (int64_t v = 0; v < p->n_rows; v++) {
            add_products(&part[v], &p->rows[v], k, len, &axes, n);
        }
    }
    for (int64_t v = 0; v < p->n_rows; v++) {
        turn(&part[v], &p->rows[v], n);
    }
    for (int64_t k = 0; k < p->k; k += CHUNK) {
        const int64_t len = p->k - k < CHUNK ? p->k - k : CHUNK;
        widen(&axes, p, k, len, n);
        for (int64_t v = 0; v < p->n_rows; v++) {
            add_axes(&p->rows[v], &part[v], k, len, &axes, n);
        }
    }
}

void TIER(tkri_orthogonalise)(const tkri_projection *p) {
    if (p->n_axes == 1) {
        project(p, 1);
    } else {
        project(p, TKRI_AXES);
    }
}
