/* SPDX-License-Identifier: MIT
 * Sorting indices in place: a binary heap, so n log n in the worst case, no memory of its own (the
 * C library's qsort may ask malloc for some), and a sort that can stop after the first few. */
#ifndef TKRI_CORE_SORT_H
#define TKRI_CORE_SORT_H

#include <stdint.h>

/* Whether element `a` comes before element `b`. For a result that depends on the elements alone no
 * two may be equal: break ties by the index. */
typedef int (*tkri_before)(const void *elements, int32_t a, int32_t b);

/* Arrange index [n] as a heap: index[0] is the one that all others come before. */
void tkri_heap_build(int32_t *index, int32_t n, tkri_before before, const void *elements);

/* Move the top of the heap index [n], n >= 1, to index[n - 1]; the rest is a heap of n - 1. */
void tkri_heap_pop(int32_t *index, int32_t n, tkri_before before, const void *elements);

/* Fill index [n] with 0..n-1 in ascending order of the elements. */
void tkri_sort(int32_t *index, int32_t n, tkri_before before, const void *elements);

#endif
