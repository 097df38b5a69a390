/* SPDX-License-Identifier: MIT
 * Gram-Schmidt for the rows side by side in a vector, compiled once per tier. Each lane is a row
 * with sums of its own, so that the bits are those of one row after another. */
#include "kern/kern.h"
#include "kern/vec.h"

enum { HALVES = VL / HALF };

#if TKRI_TIER_ID == TKR_TIER_REFERENCE
typedef float half;
#define NARROW(a) ((float)(a))
#define WIDEN(a) ((double)(a))
#else
typedef float half __attribute__((vector_size(4 * HALF)));
#define NARROW(a) __builtin_convertvector((a), half)
#define WIDEN(a) __builtin_convertvector((a), vd)
#endif

/* A vector of rows, half by half. */
typedef struct lanes {
    vd half[HALVES];
} lanes;

/* rows -= part * from, sum = rows . to, both in the order of k. */
static lanes pass(const tkri_projection *p, const lanes *part, const tkri_axis *from,
                  const tkri_axis *to) {
    lanes sum = {0};
    for (int64_t k = 0; k < p->k; k++) {
        const double b = (double)from->at[k * from->step], next = (double)to->at[k * to->step];
        float *a = p->rows + k * p->step;
        for (int h = 0; h < HALVES; h++) {
            half x;
            memcpy(&x, a + h * HALF, sizeof x);
            x -= NARROW(part->half[h] * b);
            memcpy(a + h * HALF, &x, sizeof x);
            sum.half[h] += WIDEN(x) * next;
        }
    }
    return sum;
}

/* What to take away: nothing of the lanes that do not count. */
static lanes part_of(const tkri_projection *p, const lanes *sum, double squares) {
    double lane[VL];
    lanes part;
    memcpy(lane, sum, sizeof lane);
    for (int i = 0; i < VL; i++) {
        lane[i] = i >= p->from && i < p->to ? lane[i] / squares : 0;
    }
    memcpy(&part, lane, sizeof part);
    return part;
}

void TIER(tkri_orthogonalise)(const tkri_projection *p) {
    lanes part = {0};
    for (int64_t i = 0; i <= p->n; i++) {
        const tkri_axis *to = &p->axes[i < p->n ? i : i - 1];
        const lanes sum = pass(p, &part, &p->axes[i > 0 ? i - 1 : 0], to);
        part = part_of(p, &sum, to->squares);
    }
}
