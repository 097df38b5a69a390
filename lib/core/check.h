/* SPDX-License-Identifier: MIT
 * Checked size arithmetic. A sum or product that does not fit sticks at UINT64_MAX, so that a whole
 * layout can be computed first and judged once. */
#ifndef TKRI_CORE_CHECK_H
#define TKRI_CORE_CHECK_H

#include <stdint.h>

/* Larger than any block that an allocator may be asked for: PTRDIFF_MAX of the target. */
#define TKRI_SIZE_LIMIT ((uint64_t)PTRDIFF_MAX)

static inline uint64_t tkri_add(uint64_t a, uint64_t b) {
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static inline uint64_t tkri_mul(uint64_t a, uint64_t b) {
    return b != 0 && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

static inline uint64_t tkri_round_up(uint64_t a, uint64_t multiple) {
    uint64_t b = tkri_add(a, multiple - 1);
    return b == UINT64_MAX ? b : b - b % multiple;
}

static inline int64_t tkri_min(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static inline int64_t tkri_max(int64_t a, int64_t b) {
    return a > b ? a : b;
}

#endif
