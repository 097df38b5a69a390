/* SPDX-License-Identifier: MIT
 * Counts, and fails on demand, the C library's own malloc in a whole program: whatever allocates
 * beside the env's allocator is seen too. A test that wants it adds support/malloc.c to its
 * sources. Sanitizers own malloc: with one, malloc_is_counted() is 0 and the test is skipped. */
#ifndef TESTS_SUPPORT_MALLOC_H
#define TESTS_SUPPORT_MALLOC_H

#include <stdint.h>

/* 1 if the counting works in this build. */
int malloc_is_counted(void);

/* Calls of malloc, calloc, realloc, aligned_alloc and posix_memalign, on all threads, so far. */
int64_t malloc_calls(void);

/* Blocks allocated and not yet freed. */
int64_t malloc_blocks(void);

/* From now on the k-th allocation (from 0) fails, once or with all that follow; k = -1: none. */
void malloc_fail(int64_t k, int forever);

/* How many allocations have failed since malloc_fail(). */
int64_t malloc_failures(void);

#endif
