/* SPDX-License-Identifier: MIT
 * Where written bytes go: collected into larger pieces, summed, and handed to a writer if there is
 * one. */
#ifndef TKRI_NGRAM_SINK_H
#define TKRI_NGRAM_SINK_H

#include "core/status.h"

enum { TKRI_SINK_BUFFER = 2048 };

/* Zeroed but for `writer`, which may be NULL. */
typedef struct tkri_sink {
    const tkr_writer *writer;
    uint64_t sum, used;
    unsigned char buffer[TKRI_SINK_BUFFER];
} tkri_sink;

/* Write bytes; TKR_ERR_IO when the writer refuses. */
int32_t tkri_sink_pour(tkri_sink *to, const void *bytes, uint64_t len);

/* Write a NUL-terminated text. */
int32_t tkri_sink_text(tkri_sink *to, const char *text);

/* Hand on what is left. The sum is of use only if all bytes together were a multiple of 8. */
int32_t tkri_sink_drain(tkri_sink *to);

/* The sum goes on over `len` bytes, a multiple of 8; it begins with 0. */
uint64_t tkri_sink_sum(uint64_t sum, const unsigned char *bytes, uint64_t len);

#endif
