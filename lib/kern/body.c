/* SPDX-License-Identifier: MIT
 * The kernel table's functions, compiled once per tier. */
#include "kern/vec.h"

#include <stddef.h>

#include "kern/kern.h"
#include "kern/reduced.h"

/* The most rows that a tile of `width` vectors keeps in registers, beside B's row and one of A. The
 * reference takes one at a time. */
#if TKRI_TIER_ID == TKR_TIER_REFERENCE
enum { ROWS1 = 1, ROWS2 = 1, ROWS3 = 1, ROWS4 = 1 };
#else
enum {
    ROWS1 = 6,
    ROWS2 = REGISTERS == 32 ? 6 : 5,
    ROWS3 = REGISTERS == 32 ? 6 : 4,
    ROWS4 = REGISTERS == 32 ? 6 : 3
};
#endif

/* Floats of B that the first-level cache keeps, beside all else, while A's rows go by. */
enum { SLICE = VL == 16 ? 6144 : 3072 };

/* sum += x y', an outer product. The smaller side stays in registers, and of the other one vector
 * at a time, fetched once: left to itself a compiler folds the fetch into every multiply-add, and
 * the core has no such number of loads to give. */
INLINE void outer(vf sum[6][4], const vf x[6], const vf y[4], const int rows, const int width) {
    if (rows < width) {
#pragma GCC unroll 4
        for (int j = 0; j < width; j++) {
            const vf once = v_once(y[j]);
#pragma GCC unroll 6
            for (int r = 0; r < rows; r++) {
                sum[r][j] = v_fma(x[r], once, sum[r][j]);
            }
        }
    } else {
#pragma GCC unroll 6
        for (int r = 0; r < rows; r++) {
            const vf once = v_once(x[r]);
#pragma GCC unroll 4
            for (int j = 0; j < width; j++) {
                sum[r][j] = v_fma(once, y[j], sum[r][j]);
            }
        }
    }
}

/* sum += A's column times B's row. */
INLINE void one(vf sum[6][4], const float *a, int64_t a_row, const float *b, const int rows,
                const int width) {
    const float *a3 = a + 3 * a_row;
    vf x[6], y[4];
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
        x[r] = v_all(((r < 3 ? a : a3) + (r % 3) * a_row)[0]);
    }
#pragma GCC unroll 4
    for (int j = 0; j < width; j++) {
        y[j] = v_load(b + j * VL);
    }
    outer(sum, x, y, rows, width);
}

/* What a tile calls for on its way: `step` floats further for every k, from `first` on. */
typedef struct ahead {
    const float *first;
    int64_t step;
} ahead;

/* rows x width vectors of C at row i; both sizes are constants wherever this is inlined. */
INLINE void tile(const tkri_gemm *g, ahead soon, int64_t i, const int rows, const int width) {
    vf sum[6][4];
    float *c = g->c + i * g->c_row;
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < width; j++) {
            sum[r][j] = v_load(c + r * g->c_row + j * VL);
        }
    }
    const int64_t a_row = g->a_row, b_k = g->b_k;
    for (int64_t block = 0; block < g->blocks; block++) {
        const float *a = g->a + i * a_row + block * g->a_block;
        const float *b = g->b + block * g->b_block;
        int64_t k = g->k;
        for (; v_has_four(rows, width) && k >= 4; k -= 4, a += 4, b += 4 * b_k) {
            __builtin_prefetch(soon.first);
            soon.first += 4 * soon.step;
            v_four(sum, a, a_row, b, b_k, rows);
        }
        for (; k > 0; k--, a++, b += b_k) {
            __builtin_prefetch(soon.first);
            soon.first += soon.step;
            one(sum, a, a_row, b, rows, width);
        }
    }
#pragma GCC unroll 6
    for (int r = 0; r < rows; r++) {
#pragma GCC unroll 4
        for (int j = 0; j < width; j++) {
            v_store(c + r * g->c_row + j * VL, sum[r][j]);
        }
    }
}

/* One function per width; its rows go out in tiles of nearly equal height. Together they call for
 * the next slice of B, which is what stands behind this one. */
#define ROWS_CASE(rows, width)             \
    case rows:                             \
        if (rows <= limit) {               \
            tile(g, soon, i, rows, width); \
        }                                  \
        break;

#define DEFINE_GEMM(width)                                                          \
    static void gemm##width(const tkri_gemm *g) {                                   \
        const int limit = ROWS##width;                                              \
        const int64_t tiles = (g->m + limit - 1) / limit, slice = g->blocks * g->k; \
        const int64_t rows = g->m / tiles, taller = g->m % tiles;                   \
        const int64_t share = slice * width * VL / tiles;                           \
        ahead soon = {g->b + slice * width * VL, (width * VL + tiles - 1) / tiles}; \
        for (int64_t t = 0, i = 0; t < tiles; t++) {                                \
            const int64_t height = rows + (t < taller);                             \
            switch (height) {                                                       \
                ROWS_CASE(1, width)                                                 \
                ROWS_CASE(2, width)                                                 \
                ROWS_CASE(3, width)                                                 \
                ROWS_CASE(4, width)                                                 \
                ROWS_CASE(5, width)                                                 \
                ROWS_CASE(6, width)                                                 \
            }                                                                       \
            i += height;                                                            \
            soon.first += share;                                                    \
        }                                                                           \
    }

DEFINE_GEMM(1)
DEFINE_GEMM(2)
DEFINE_GEMM(3)
DEFINE_GEMM(4)

static void gemm_slice(const tkri_gemm *g) {
    switch (g->width) {
        case 1:
            gemm1(g);
            break;
        case 2:
            gemm2(g);
            break;
        case 3:
            gemm3(g);
            break;
        default:
            gemm4(g);
            break;
    }
}

/* What the sums start from, where that is not C. */
static void put_start(const tkri_gemm *g) {
    for (int64_t i = 0; g->from != TKRI_FROM_C && i < g->m; i++) {
        for (int32_t j = 0; j < g->width; j++) {
            v_store(g->c + i * g->c_row + j * VL,
                    g->from == TKRI_FROM_ROW ? v_load(g->start + j * VL) : v_zero());
        }
    }
}

/* An equal part of `rest` steps for each of `parts`, in fours. */
INLINE int64_t share(int64_t rest, int64_t parts) {
    const int64_t fours = (rest / parts + 3) / 4 * 4;
    return fours < rest ? fours : rest;
}

/* All rows meet a slice of B before the next slice comes: it stays in the first-level cache. Slices
 * are whole blocks, or equal parts of one. */
static void gemm(const tkri_gemm *g) {
    const int64_t depth = SLICE / (g->width * VL), parts = (g->k + depth - 1) / depth;
    const int64_t most = g->k > 0 && depth > g->k ? depth / g->k : 1;
    tkri_gemm part = *g;
    put_start(g);
    for (int64_t block = 0; g->m > 0 && block < g->blocks; block += part.blocks) {
        part.blocks = g->blocks - block < most ? g->blocks - block : most;
        for (int64_t p = 0, k = 0; p < parts; p++, k += part.k) {
            part.k = share(g->k - k, parts - p);
            part.a = g->a + block * g->a_block + k;
            part.b = g->b + block * g->b_block + k * g->b_k;
            gemm_slice(&part);
        }
    }
}

static void gather(const tkri_gemm *g, const int32_t *ids) {
    put_start(g);
    for (int64_t i = 0; i < g->m; i++) {
        const float *b = g->b + ids[i] * g->b_k;
        float *c = g->c + i * g->c_row;
        for (int32_t j = 0; ids[i] >= 0 && j < g->width; j++) {
            v_store(c + j * VL, v_fma(v_all(1.0f), v_load(b + j * VL), v_load(c + j * VL)));
        }
    }
}

static void scatter(const tkri_gemm *g, const int32_t *ids, float *b) {
    for (int64_t i = 0; i < g->m; i++) {
        const float *c = g->c + i * g->c_row;
        for (int32_t j = 0; ids[i] >= 0 && j < g->width; j++) {
            float *to = b + ids[i] * g->b_k + j * VL;
            v_store(to, v_load(to) + v_load(c + j * VL));
        }
    }
}

static void add(float *y, const float *x, int64_t n) {
    for (int64_t i = 0; i < n; i += VL) {
        v_store(y + i, v_load(y + i) + v_first(v_load(x + i), n - i));
    }
}

static void column_sum(float *c, const float *x, int64_t rows, int64_t ld, int32_t width) {
    for (int32_t j = 0; j < width; j++) {
        vf sum = v_load(c + j * VL);
        for (int64_t r = 0; r < rows; r++) {
            sum = sum + v_load(x + r * ld + j * VL);
        }
        v_store(c + j * VL, sum);
    }
}

static void activate(float *y, const float *x, int64_t n, int32_t activation) {
    for (int64_t i = 0; i < n; i += VL) {
        v_store(y + i, v_activate(v_load(x + i), activation));
    }
}

static void activate_gradient(float *dy, const float *y, int64_t n, int32_t activation) {
    for (int64_t i = 0; i < n; i += VL) {
        v_store(dy + i, v_activate_gradient(v_load(dy + i), v_load(y + i), activation));
    }
}

INLINE float lanes_max(vf a) {
    float lane[VL], best;
    v_store(lane, a);
    best = lane[0];
    for (int i = 1; i < VL; i++) {
        best = lane[i] > best ? lane[i] : best;
    }
    return best;
}

INLINE double lanes_sum(vf a) {
    float lane[VL];
    double sum = 0;
    v_store(lane, a);
    for (int i = 0; i < VL; i++) {
        sum += (double)lane[i];
    }
    return sum;
}

/* x[i .. i + VL), with -infinity from index n on. */
INLINE vf load_logits(const float *x, int64_t i, int64_t n) {
    if (i + VL <= n) {
        return v_load(x + i);
    }
    float lane[VL];
    for (int j = 0; j < VL; j++) {
        lane[j] = i + j < n ? x[i + j] : -INFINITY;
    }
    return v_load(lane);
}

INLINE void store_first(float *p, vf a, int64_t n) {
    float lane[VL];
    v_store(lane, a);
    memcpy(p, lane, (size_t)(n < VL ? n : VL) * sizeof *p);
}

/* e^(x - best) into dx, if there is one; the sum of them. Lanes add up at most 64 terms in float.
 */
static double exponentials(float *dx, const float *x, int64_t n, float best) {
    double total = 0;
    for (int64_t i = 0; i < n;) {
        const int64_t end = i + 64 * VL < n ? i + 64 * VL : n;
        vf sum = v_zero();
        for (; i < end; i += VL) {
            vf e = v_exp(load_logits(x, i, n) - v_all(best));
            e = v_first(e, n - i);
            if (dx) {
                v_store(dx + i, e);
            }
            sum = sum + e;
        }
        total += lanes_sum(sum);
    }
    return total;
}

static double softmax(float *dx, const float *x, int64_t n, int64_t target, float scale) {
    vf top = load_logits(x, 0, n);
    for (int64_t i = VL; i < n; i += VL) {
        top = v_max(top, load_logits(x, i, n));
    }
    const float best = lanes_max(top), chosen = x[target];
    const double sum = exponentials(dx, x, n, best);
    if (dx) {
        const vf factor = v_all((float)((double)scale / sum));
        for (int64_t i = 0; i < n; i += VL) {
            v_store(dx + i, v_load(dx + i) * factor);
        }
        dx[target] -= scale;
    }
    return log(sum) - ((double)chosen - (double)best);
}

INLINE vf clip(vf g, float limit) {
    if (limit > 0.0f) {
        g = v_min(v_all(limit), v_max(v_all(-limit), g));
    }
    return g;
}

static double sum_squares(const float *x, int64_t n, float limit) {
    double lane[VL], total = 0;
    vd sum = V_WIDE(v_zero());
    for (int64_t i = 0; i < n; i += VL) {
        vf raw = v_load(x + i);
        vf kept = clip(raw, limit) + (raw - raw); /* clipping must not hide an infinity */
        vd g = V_WIDE(kept);
        sum = sum + g * g;
    }
    memcpy(lane, &sum, sizeof lane);
    for (int i = 0; i < VL; i++) {
        total += lane[i];
    }
    return total;
}

/* Kingma & Ba 2015, algorithm 1, with the corrections folded into the rate and the root. */
static void adam(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u) {
    const vf b1 = v_all(u->beta1), b2 = v_all(u->beta2), epsilon = v_all(u->epsilon);
    const vf a1 = v_all(1.0f - u->beta1), a2 = v_all(1.0f - u->beta2);
    const vf rate = v_all(u->rate * u->correct1), root = v_all(u->correct2);
    const vf keep = v_all(u->decoupled ? 1.0f - u->rate * u->decay : 1.0f);
    const vf decay = v_all(u->decoupled ? 0.0f : u->decay);
    for (int64_t i = 0; i < n; i += VL) {
        vf value = v_load(p + i);
        vf gradient = clip(v_load(g + i), u->limit) * v_all(u->scale);
        gradient = v_fma(decay, value, gradient);
        vf first = v_fma(a1, gradient, b1 * v_load(m + i));
        vf second = v_fma(a2, gradient * gradient, b2 * v_load(v + i));
        vf step = rate * first / v_fma(v_sqrt(second), root, epsilon);
        v_store(p + i, keep * value - step);
        v_store(m + i, first);
        v_store(v + i, second);
        v_store(g + i, v_zero());
    }
}

/* Momentum as in Sutskever et al. 2013 in PyTorch's form: v = mu v + g, p -= rate * (v or g + mu
 * v). */
static void sgd(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u) {
    const vf decay = v_all(u->decay), momentum = v_all(u->momentum), rate = v_all(-u->rate);
    (void)v;
    for (int64_t i = 0; i < n; i += VL) {
        vf value = v_load(p + i);
        vf gradient = clip(v_load(g + i), u->limit) * v_all(u->scale);
        gradient = v_fma(decay, value, gradient);
        vf velocity = v_fma(momentum, v_load(m + i), gradient);
        vf step = u->nesterov ? v_fma(momentum, velocity, gradient) : velocity;
        v_store(p + i, v_fma(rate, step, value));
        v_store(m + i, velocity);
        v_store(g + i, v_zero());
    }
}

/* Tieleman & Hinton 2012; momentum on the scaled gradient. */
static void rmsprop(float *p, float *g, float *m, float *v, int64_t n, const tkri_update *u) {
    const vf decay = v_all(u->decay), momentum = v_all(u->momentum), rate = v_all(-u->rate);
    const vf keep = v_all(u->beta2), take = v_all(1.0f - u->beta2), epsilon = v_all(u->epsilon);
    for (int64_t i = 0; i < n; i += VL) {
        vf value = v_load(p + i);
        vf gradient = clip(v_load(g + i), u->limit) * v_all(u->scale);
        gradient = v_fma(decay, value, gradient);
        vf second = v_fma(take, gradient * gradient, keep * v_load(v + i));
        vf scaled = gradient / (v_sqrt(second) + epsilon);
        vf velocity = v_fma(momentum, v_load(m + i), scaled);
        v_store(p + i, v_fma(rate, velocity, value));
        v_store(m + i, velocity);
        v_store(v + i, second);
        v_store(g + i, v_zero());
    }
}

extern const tkri_reduced_kern TIER(tkri_reduced);

const tkri_kern TIER(tkri_kern) = {
    .tier = TKRI_TIER_ID,
    .vl = VL,
    .rank = RANK,
    .cpuid = TIER_CPUID,
    .xcr0 = TIER_XCR0,
    .reduced = &TIER(tkri_reduced),
    .gemm = gemm,
    .gather = gather,
    .scatter = scatter,
    .add = add,
    .column_sum = column_sum,
    .activate = activate,
    .activate_gradient = activate_gradient,
    .softmax = softmax,
    .sum_squares = sum_squares,
    .adam = adam,
    .sgd = sgd,
    .rmsprop = rmsprop,
};
