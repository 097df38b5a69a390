/* SPDX-License-Identifier: MIT */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "memory.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LARGE = 1 << 20 };

void *memory_allocate(void *count, uint64_t bytes) {
    memory_count *m = count;
    void *block;
    if (bytes >= LARGE) {
        block = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        block = block == MAP_FAILED ? NULL : block;
    } else {
        block = malloc(bytes);
    }
    if (block) {
        m->blocks++;
        m->live += bytes;
        m->peak = m->live > m->peak ? m->live : m->peak;
    }
    return block;
}

void memory_release(void *count, void *block, uint64_t bytes) {
    memory_count *m = count;
    m->live -= bytes;
    m->blocks--;
    if (bytes >= LARGE) {
        munmap(block, bytes);
    } else {
        free(block);
    }
}

uint64_t memory_resident(void) {
    unsigned long long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file) {
        if (fscanf(file, "%llu %llu", &total, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}
