/* SPDX-License-Identifier: MIT */
#include "support/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void stream_init(stream *s) {
    memset(s, 0, sizeof *s);
    s->fail_at = -1;
}

void stream_fini(stream *s) {
    free(s->bytes);
    stream_init(s);
}

void stream_put(stream *s, const void *bytes, uint64_t len) {
    if (len > s->capacity - s->len) {
        s->capacity = 2 * (s->len + len);
        s->bytes = realloc(s->bytes, (size_t)s->capacity);
        if (!s->bytes) {
            abort();
        }
    }
    if (len > 0) {
        memcpy(s->bytes + s->len, bytes, (size_t)len);
    }
    s->len += len;
}

void stream_put_file(stream *s, const char *header, uint64_t n) {
    uint64_t len = strlen(header);
    for (int i = 0; i < 8; i++) {
        unsigned char byte = (unsigned char)(len >> (8 * i));
        stream_put(s, &byte, 1);
    }
    stream_put(s, header, len);
    for (uint64_t i = 0; i < n; i++) {
        stream_put(s, "", 1);
    }
}

static int fails(stream *s) {
    return s->calls++ == s->fail_at;
}

static int32_t stream_read(void *user, void *bytes, uint64_t len, uint64_t *got) {
    stream *s = user;
    if (fails(s)) {
        return 77;
    }
    uint64_t n = s->len - s->at < len ? s->len - s->at : len;
    n = s->piece && s->piece < n ? s->piece : n;
    if (n > 0) {
        memcpy(bytes, s->bytes + s->at, (size_t)n);
    }
    s->at += n;
    *got = s->liar ? len + 1 : n;
    return 0;
}

static int32_t stream_write(void *user, const void *bytes, uint64_t len) {
    stream *s = user;
    if (fails(s)) {
        return 77;
    }
    stream_put(s, bytes, len);
    return 0;
}

tkr_reader stream_reader(stream *s) {
    s->at = 0;
    s->calls = 0;
    return (tkr_reader){sizeof(tkr_reader), stream_read, s};
}

tkr_writer stream_writer(stream *s) {
    s->calls = 0;
    return (tkr_writer){sizeof(tkr_writer), stream_write, s};
}

int stream_load(stream *s, const char *path) {
    char buffer[4096];
    FILE *file = fopen(path, "rb");
    if (!file) {
        return 0;
    }
    for (size_t n = fread(buffer, 1, sizeof buffer, file); n > 0;) {
        stream_put(s, buffer, n);
        n = fread(buffer, 1, sizeof buffer, file);
    }
    fclose(file);
    return 1;
}

static uint64_t header_len(const stream *s) {
    uint64_t len = 0;
    for (int i = 0; i < 8; i++) {
        len |= (uint64_t)s->bytes[i] << (8 * i);
    }
    return len;
}

int stream_edit(stream *s, const char *from, const char *to) {
    uint64_t len = header_len(s), at = 8, from_len = strlen(from), to_len = strlen(to);
    while (at + from_len <= 8 + len && memcmp(s->bytes + at, from, from_len) != 0) {
        at++;
    }
    if (at + from_len > 8 + len) {
        return 0;
    }
    stream edited;
    stream_init(&edited);
    len += to_len - from_len;
    for (int i = 0; i < 8; i++) {
        unsigned char byte = (unsigned char)(len >> (8 * i));
        stream_put(&edited, &byte, 1);
    }
    stream_put(&edited, s->bytes + 8, at - 8);
    stream_put(&edited, to, to_len);
    stream_put(&edited, s->bytes + at + from_len, s->len - at - from_len);
    free(s->bytes);
    s->bytes = edited.bytes;
    s->len = edited.len;
    s->capacity = edited.capacity;
    return 1;
}

void stream_copy(stream *to, const stream *from) {
    stream_init(to);
    stream_put(to, from->bytes, from->len);
}
