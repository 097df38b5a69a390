/* SPDX-License-Identifier: MIT
 * A file in memory that is a tkr_writer, and afterwards a tkr_reader: it can bring a little at a
 * time, and fail at any call. */
#ifndef TESTS_SUPPORT_STREAM_H
#define TESTS_SUPPORT_STREAM_H

#include <stdint.h>

#include <tekrar/tekrar.h>

typedef struct stream {
    unsigned char *bytes; /* [len] written, or to be read */
    uint64_t len, capacity;
    uint64_t at;     /* of the next read */
    uint64_t piece;  /* the most that one read brings; 0 is no limit */
    int64_t calls;   /* of read or write, so far */
    int64_t fail_at; /* the call (from 0) that returns 77; -1 none */
    int liar;        /* reads claim to have brought more than was asked for */
} stream;

void stream_init(stream *s);
void stream_fini(stream *s);

/* Append bytes; append a safetensors file of this header text and n zeros as its data. */
void stream_put(stream *s, const void *bytes, uint64_t len);
void stream_put_file(stream *s, const char *header, uint64_t n);

/* Make `to` a copy of the bytes; it need not be initialised. */
void stream_copy(stream *to, const stream *from);

/* Replace the first `from` of a safetensors file's header by `to`, and set the header's length
 * right. Returns 1, or 0 if there is none. */
int stream_edit(stream *s, const char *from, const char *to);

/* Both keep a pointer to `s`; a reader starts at the beginning. */
tkr_reader stream_reader(stream *s);
tkr_writer stream_writer(stream *s);

/* The whole of a file on disk, into an initialised stream. Returns 1, or 0 if it is not there. */
int stream_load(stream *s, const char *path);

#endif
