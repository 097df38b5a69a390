/* SPDX-License-Identifier: MIT */
#include "support/heap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Stands before every block; the same mark stands after it. Filled with 0xA5, as memory of malloc
 * may be, so that code which counts on zeros is found. */
typedef struct header {
    uint64_t bytes, mark;
} header;

enum { MARK_LEN = sizeof(uint64_t) };
static const uint64_t live_mark = UINT64_C(0x51AB1EB10C5EA1ED);

static void *heap_allocate(void *user, uint64_t bytes) {
    heap *h = user;
    int64_t call = h->calls++;
    if (h->fail_at >= 0 && (call == h->fail_at || (h->forever && call > h->fail_at))) {
        h->failures++;
        return NULL;
    }
    unsigned char *raw = bytes < SIZE_MAX / 2 ? malloc(sizeof(header) + bytes + MARK_LEN) : NULL;
    if (!raw) {
        return NULL;
    }
    header head = {bytes, live_mark};
    memcpy(raw, &head, sizeof head);
    memset(raw + sizeof head, 0xA5, (size_t)bytes);
    memcpy(raw + sizeof head + bytes, &live_mark, MARK_LEN);
    h->blocks++;
    h->bytes += bytes;
    h->peak = h->bytes > h->peak ? h->bytes : h->peak;
    return raw + sizeof head;
}

static void heap_release(void *user, void *block, uint64_t bytes) {
    heap *h = user;
    unsigned char *raw = (unsigned char *)block - sizeof(header);
    header *head = (void *)raw;
    if (head->mark != live_mark) {
        h->mistakes++; /* not ours, or released twice: leave it alone */
        return;
    }
    h->mistakes += head->bytes != bytes;
    h->mistakes += memcmp(raw + sizeof *head + head->bytes, &live_mark, MARK_LEN) != 0;
    h->blocks--;
    h->bytes -= head->bytes;
    head->mark = 0;
    memset(block, 0xDE, (size_t)head->bytes);
    free(raw);
}

void heap_init(heap *h, tkr_env *env) {
    memset(h, 0, sizeof *h);
    h->fail_at = -1;
    memset(env, 0, sizeof *env);
    env->size = sizeof *env;
    env->allocate = heap_allocate;
    env->release = heap_release;
    env->memory_user = h;
}

void heap_fail(heap *h, int64_t k, int forever) {
    h->calls = 0;
    h->failures = 0;
    h->fail_at = k;
    h->forever = forever;
}

int heap_is_clean(const heap *h) {
    if (h->blocks == 0 && h->mistakes == 0) {
        return 1;
    }
    fprintf(stderr, "heap: %" PRId64 " blocks with %" PRIu64 " bytes kept, %" PRId64 " mistakes\n",
            h->blocks, h->bytes, h->mistakes);
    return 0;
}
