/* SPDX-License-Identifier: MIT */
#include "kern/kern.h"

#include <string.h>

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define HAVE_SHUFFLES 1
#endif
#endif

#ifdef HAVE_SHUFFLES

typedef float four __attribute__((vector_size(16)));

static inline four load(const float *p) {
    four a;
    memcpy(&a, p, sizeof a);
    return a;
}

static inline void store(float *p, four a) {
    memcpy(p, &a, sizeof a);
}

/* 4 rows of 4 columns. */
static inline void transpose4(float *out, int64_t out_ld, const float *in, int64_t in_ld) {
    const four a = load(in), b = load(in + in_ld);
    const four c = load(in + 2 * in_ld), d = load(in + 3 * in_ld);
    const four ab01 = __builtin_shufflevector(a, b, 0, 4, 1, 5);
    const four ab23 = __builtin_shufflevector(a, b, 2, 6, 3, 7);
    const four cd01 = __builtin_shufflevector(c, d, 0, 4, 1, 5);
    const four cd23 = __builtin_shufflevector(c, d, 2, 6, 3, 7);
    store(out, __builtin_shufflevector(ab01, cd01, 0, 1, 4, 5));
    store(out + out_ld, __builtin_shufflevector(ab01, cd01, 2, 3, 6, 7));
    store(out + 2 * out_ld, __builtin_shufflevector(ab23, cd23, 0, 1, 4, 5));
    store(out + 3 * out_ld, __builtin_shufflevector(ab23, cd23, 2, 3, 6, 7));
}

#else

static inline void transpose4(float *out, int64_t out_ld, const float *in, int64_t in_ld) {
    for (int64_t i = 0; i < 16; i++) {
        out[i / 4 * out_ld + i % 4] = in[i % 4 * in_ld + i / 4];
    }
}

#endif

/* A line of the output is LINE rows of the input: each line is read and written once, as a whole.
 * The rows that come next are prefetched meanwhile. */
enum { LINE = 16 };

static void transpose_lines(float *out, int64_t out_ld, const float *in, int64_t in_ld,
                            int64_t rows, int64_t columns) {
    for (int64_t c = 0; c + 4 <= columns; c += 4) {
        for (int64_t r = 0; r < rows; r += 4) {
            const float *from = in + r * in_ld + c;
            float *to = out + c * out_ld + r;
            __builtin_prefetch(from + (LINE + c / 4 % 4) * in_ld);
            __builtin_prefetch(out + (c + r / 4) * out_ld + LINE, 1);
            transpose4(to, out_ld, from, in_ld);
        }
    }
}

void tkri_transpose(float *out, int64_t out_ld, const float *in, int64_t in_ld, int64_t rows,
                    int64_t columns) {
    const int64_t tall = rows / 4 * 4, wide = columns / 4 * 4;
    for (int64_t r = 0; r < tall; r += LINE) {
        transpose_lines(out + r, out_ld, in + r * in_ld, in_ld, tall - r < LINE ? tall - r : LINE,
                        columns);
    }
    for (int64_t r = 0; r < rows; r++) {
        for (int64_t c = r < tall ? wide : 0; c < columns; c++) {
            out[c * out_ld + r] = in[r * in_ld + c];
        }
    }
}
