/* SPDX-License-Identifier: MIT */
#define _GNU_SOURCE
#include "support/malloc.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

static _Atomic int64_t calls, blocks, failures;
static _Atomic int64_t fail_from = -1, fail_to = -1;

int64_t malloc_calls(void) {
    return calls;
}

int64_t malloc_blocks(void) {
    return blocks;
}

int64_t malloc_failures(void) {
    return failures;
}

void malloc_fail(int64_t k, int forever) {
    int64_t first = calls + k;
    failures = 0;
    fail_from = -1;
    fail_to = k < 0 ? -1 : forever ? INT64_MAX : first;
    fail_from = k < 0 ? -1 : first;
}

#if defined(__GLIBC__) && !defined(SANITIZED)

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t n, size_t bytes);
void *__libc_realloc(void *block, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *block);

int malloc_is_counted(void) {
    return 1;
}

/* Counts a call; 1 if it is one that has to fail. */
static int refused(void) {
    int64_t call = atomic_fetch_add(&calls, 1);
    if (fail_from >= 0 && call >= fail_from && call <= fail_to) {
        failures++;
        errno = ENOMEM;
        return 1;
    }
    return 0;
}

static void *counted(void *block) {
    blocks += block != NULL;
    return block;
}

void *malloc(size_t bytes) {
    return refused() ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t n, size_t bytes) {
    return refused() ? NULL : counted(__libc_calloc(n, bytes));
}

void *realloc(void *block, size_t bytes) {
    if (refused()) {
        return NULL;
    }
    void *moved = __libc_realloc(block, bytes);
    blocks += block ? -(bytes == 0) : moved != NULL;
    return moved;
}

void *aligned_alloc(size_t alignment, size_t bytes) {
    return refused() ? NULL : counted(__libc_memalign(alignment, bytes));
}

int posix_memalign(void **block, size_t alignment, size_t bytes) {
    void *made = refused() ? NULL : counted(__libc_memalign(alignment, bytes));
    *block = made ? made : *block;
    return made ? 0 : ENOMEM;
}

void free(void *block) {
    blocks -= block != NULL;
    __libc_free(block);
}

#else

int malloc_is_counted(void) {
    return 0;
}

#endif
