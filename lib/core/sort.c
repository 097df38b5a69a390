/* SPDX-License-Identifier: MIT */
#include "core/sort.h"

static void swap(int32_t *a, int32_t *b) {
    int32_t c = *a;
    *a = *b;
    *b = c;
}

/* Let index[at] sink below every child that comes after it. */
static void sink(int32_t *index, int32_t n, int64_t at, tkri_before before, const void *elements) {
    for (int64_t child = 2 * at + 1; child < n; child = 2 * at + 1) {
        if (child + 1 < n && before(elements, index[child], index[child + 1])) {
            child++;
        }
        if (!before(elements, index[at], index[child])) {
            return;
        }
        swap(&index[at], &index[child]);
        at = child;
    }
}

void tkri_heap_build(int32_t *index, int32_t n, tkri_before before, const void *elements) {
    for (int32_t at = n / 2; at-- > 0;) {
        sink(index, n, at, before, elements);
    }
}

void tkri_heap_pop(int32_t *index, int32_t n, tkri_before before, const void *elements) {
    swap(&index[0], &index[n - 1]);
    sink(index, n - 1, 0, before, elements);
}

void tkri_sort(int32_t *index, int32_t n, tkri_before before, const void *elements) {
    for (int32_t i = 0; i < n; i++) {
        index[i] = i;
    }
    tkri_heap_build(index, n, before, elements);
    for (int32_t left = n; left > 1; left--) {
        tkri_heap_pop(index, left, before, elements);
    }
}
