/* SPDX-License-Identifier: MIT
 * An allocator for tkr_env that counts. Large blocks come straight from the system, so that the
 * growth of the resident set shows what of them is really used. */
#ifndef BENCH_MEMORY_H
#define BENCH_MEMORY_H

#include <stdint.h>

/* Bytes asked for. */
typedef struct memory_count {
    uint64_t live, peak;
    int64_t blocks;
} memory_count;

void *memory_allocate(void *count, uint64_t bytes);
void memory_release(void *count, void *block, uint64_t bytes);

/* Resident bytes of this process, 0 where the system does not tell. */
uint64_t memory_resident(void);

#endif
