/* SPDX-License-Identifier: MIT */
#include "core/source.h"

#include <string.h>

#include "core/check.h"

/* Blocks of bytes whose number is only claimed, and buffers, start with this much. */
enum { FIRST = 1 << 16 };

static int32_t stopped(const tkri_source *from, int32_t error) {
    return from->line
               ? tkri_fail(from->detail, TKR_ERR_IO, "the reader stopped in line %llu",
                           (unsigned long long)from->line)
               : tkri_fail(from->detail, TKR_ERR_IO, "the reader stopped at byte %llu with %d",
                           (unsigned long long)from->at, (int)error);
}

static int32_t ended(const tkri_source *from, uint64_t at, const char *part) {
    return tkri_fail(from->detail, TKR_ERR_FORMAT, "the %s ends at byte %llu, inside its %s",
                     from->name, (unsigned long long)at, part);
}

/* How many bytes can still come; UINT64_MAX if nobody knows. */
static uint64_t rest_of(const tkri_source *from) {
    if (from->there == UINT64_MAX) {
        return UINT64_MAX;
    }
    return from->there > from->at ? from->there - from->at : 0;
}

int32_t tkri_source_pull(tkri_source *from, void *bytes, uint64_t len, uint64_t *got) {
    *got = 0;
    if (from->reader) {
        const int32_t error = from->reader->read(from->reader->user, bytes, len, got);
        if (error) {
            return stopped(from, error);
        }
        REQUIRE(*got <= len, from->detail, TKR_ERR_IO,
                "the reader brought more than it was asked for");
    } else if (len && rest_of(from)) {
        *got = len < rest_of(from) ? len : rest_of(from);
        memcpy(bytes, from->memory + from->at, (size_t)*got);
    }
    from->at += *got;
    return TKR_OK;
}

int32_t tkri_source_read(tkri_source *from, void *bytes, uint64_t len, const char *part) {
    uint64_t have = 0, got;
    while (have < len) {
        TRY(tkri_source_pull(from, (char *)bytes + have, len - have, &got));
        if (!got) {
            return ended(from, from->at, part);
        }
        have += got;
    }
    return TKR_OK;
}

/* Memory of `bytes` bytes that begins with the `len` ones of an older block, which goes; NULL, with
 * the older one in its place, if there is none. */
static void *grow(const tkri_source *from, void *old, uint64_t len, uint64_t bytes) {
    void *grown = tkri_allocate(from->env, bytes);
    if (!grown) {
        (void)tkri_fail(from->detail, TKR_ERR_MEMORY, "no memory for %llu bytes of the %s",
                        (unsigned long long)bytes, from->name);
        return NULL;
    }
    if (len) {
        memcpy(grown, old, (size_t)len);
    }
    tkri_release(from->env, old, len);
    return grown;
}

/* Read a block in steps that double, the first of which is `len` if so much is there. */
static int32_t read_block(tkri_source *from, tkri_block *block, uint64_t len, const char *part) {
    uint64_t used = 0, next = rest_of(from) == UINT64_MAX && len > FIRST ? FIRST : len;
    while (used < len) {
        unsigned char *grown = grow(from, block->owned, used, next);
        if (!grown) {
            return TKR_ERR_MEMORY;
        }
        *block = (tkri_block){grown, grown, next};
        TRY(tkri_source_read(from, grown + used, next - used, part));
        used = next;
        next = len - used < used ? len : 2 * used;
    }
    return TKR_OK;
}

int32_t tkri_source_take(tkri_source *from, tkri_block *block, uint64_t len, const char *part) {
    static const unsigned char nothing[1] = {0};
    *block = (tkri_block){nothing, NULL, 0};
    if (len > rest_of(from)) {
        return ended(from, from->there, part);
    }
    if (!from->reader) {
        *block = (tkri_block){from->memory + from->at, NULL, len};
        from->at += len;
        return TKR_OK;
    }
    const int32_t status = read_block(from, block, len, part);
    if (status < 0) {
        tkri_block_release(block, from->env);
    }
    return status;
}

void tkri_block_release(tkri_block *block, const tkri_env *env) {
    tkri_release(env, block->owned, block->len);
    *block = (tkri_block){NULL, NULL, 0};
}

int32_t tkri_source_end(tkri_source *from, const char *text) {
    char more;
    uint64_t got;
    TRY(tkri_source_pull(from, &more, 1, &got));
    REQUIRE(!got, from->detail, TKR_ERR_FORMAT, "%s", text);
    return TKR_OK;
}

int32_t tkri_source_fill(tkri_source *from, tkri_buffer *b) {
    uint64_t got;
    if (b->from) {
        memmove(b->bytes, b->bytes + b->from, (size_t)(b->to - b->from));
        b->to -= b->from;
        b->from = 0;
    }
    if (b->to == b->capacity) {
        const uint64_t capacity = b->capacity ? 2 * b->capacity : FIRST;
        char *grown = grow(from, b->bytes, b->to, capacity);
        if (!grown) {
            return TKR_ERR_MEMORY;
        }
        b->bytes = grown;
        b->capacity = capacity;
    }
    TRY(tkri_source_pull(from, b->bytes + b->to, b->capacity - b->to, &got));
    b->to += got;
    b->ended = got == 0;
    return TKR_OK;
}

int32_t tkri_source_line(tkri_source *from, tkri_buffer *b, uint64_t most, char **line,
                         uint64_t *len, int *more) {
    uint64_t searched = 0;
    const char *feed = NULL;
    from->line++;
    for (;;) {
        const uint64_t have = b->to - b->from;
        if (have > searched) {
            feed = memchr(b->bytes + b->from + searched, '\n', (size_t)(have - searched));
        }
        if (feed || b->ended) {
            break;
        }
        searched = have;
        REQUIRE(have < most, from->detail, TKR_ERR_FORMAT, "line %llu is longer than %llu bytes",
                (unsigned long long)from->line, (unsigned long long)most);
        TRY(tkri_source_fill(from, b));
    }
    *line = b->bytes + b->from;
    *len = feed ? (uint64_t)(feed - *line) : b->to - b->from;
    *more = feed || *len;
    b->from += *len + (feed != NULL);
    return TKR_OK;
}

void tkri_buffer_release(tkri_buffer *buffer, const tkri_env *env) {
    tkri_release(env, buffer->bytes, buffer->capacity);
    *buffer = (tkri_buffer){NULL, 0, 0, 0, 0};
}
