/* SPDX-License-Identifier: MIT
 * Bytes that nobody trusts, from a reader or from memory. Whoever opened a path hands in its
 * reader.
 *
 * What a file only claims to hold is never allocated: a block starts small and doubles as the bytes
 * come, unless the source is known to have them. Failures say at which byte, or in which line. */
#ifndef TKRI_CORE_SOURCE_H
#define TKRI_CORE_SOURCE_H

#include "core/env.h"

/* Zeroed but for the first five, of which `memory` is for a source without a reader. */
typedef struct tkri_source {
    const char *name; /* "file": what ends too early, or has no memory */
    const tkri_env *env;
    tkri_detail *detail;
    const tkr_reader *reader;
    const unsigned char *memory; /* [there] */
    uint64_t there;              /* bytes in all; UINT64_MAX: nobody knows */
    uint64_t at;                 /* bytes read so far */
    uint64_t line;               /* of a text: the current line, from 1 */
} tkri_source;

/* A part of a source: memory's own bytes, or allocated. */
typedef struct tkri_block {
    const unsigned char *bytes; /* [len] */
    unsigned char *owned;       /* the same, if they are to be released */
    uint64_t len;
} tkri_block;

/* What was read ahead: bytes [from, to) are not yet used up. Zeroed to begin with. */
typedef struct tkri_buffer {
    char *bytes; /* [capacity] */
    uint64_t capacity, from, to;
    int ended; /* the source has nothing more */
} tkri_buffer;

/* Up to `len` bytes; *got is 0 only at the end. TKR_ERR_IO. */
int32_t tkri_source_pull(tkri_source *source, void *bytes, uint64_t len, uint64_t *got);

/* Exactly `len` bytes; TKR_ERR_FORMAT if the source ends inside what is called `part`. */
int32_t tkri_source_read(tkri_source *source, void *bytes, uint64_t len, const char *part);

/* A block of `len` bytes; on failure there is none. */
int32_t tkri_source_take(tkri_source *source, tkri_block *block, uint64_t len, const char *part);
void tkri_block_release(tkri_block *block, const tkri_env *env);

/* TKR_ERR_FORMAT with this text unless the source is at its end. */
int32_t tkri_source_end(tkri_source *source, const char *text);

/* Read on behind what the buffer holds, once; what is used up makes room, and a full buffer
 * doubles.
 */
int32_t tkri_source_fill(tkri_source *source, tkri_buffer *buffer);

/* The next line without its feed, in the buffer, and use it up. *more is 0 at the end of the text.
 * A line of more than `most` bytes is TKR_ERR_FORMAT. */
int32_t tkri_source_line(tkri_source *source, tkri_buffer *buffer, uint64_t most, char **line,
                         uint64_t *len, int *more);
void tkri_buffer_release(tkri_buffer *buffer, const tkri_env *env);

#endif
