/* SPDX-License-Identifier: MIT
 * An allocator for tkr_env that counts what it hands out, fails when told to, and notices blocks
 * that are given back wrongly. */
#ifndef TESTS_SUPPORT_HEAP_H
#define TESTS_SUPPORT_HEAP_H

#include <stdint.h>

#include <tekrar/tekrar.h>

typedef struct heap {
    int64_t calls;    /* of allocate, so far */
    int64_t fail_at;  /* the call (from 0) that returns NULL; -1 none */
    int forever;      /* so do all calls after it */
    int64_t failures; /* how many calls returned NULL */
    int64_t blocks;   /* handed out and not yet given back */
    uint64_t bytes;   /* the sum of their sizes */
    uint64_t peak;    /* the largest `bytes` ever */
    int64_t mistakes; /* releases of another size, of unknown blocks, writes past an end */
} heap;

/* A heap that never fails yet, and the env that allocates from it. `env` keeps a pointer to it. */
void heap_init(heap *h, tkr_env *env);

/* From now on the k-th call (from 0) fails, once or with all that follow; k = -1: none. */
void heap_fail(heap *h, int64_t k, int forever);

/* 1 when nothing is handed out and nothing was given back wrongly; else 0 after printing. */
int heap_is_clean(const heap *h);

#endif
