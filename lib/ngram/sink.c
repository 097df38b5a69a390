/* SPDX-License-Identifier: MIT */
#include "ngram/sink.h"

#include <string.h>

/* Each step is a bijection of the sum, so that one damaged word can never go unnoticed. */
uint64_t tkri_sink_sum(uint64_t sum, const unsigned char *bytes, uint64_t len) {
    for (uint64_t i = 0; i < len; i += 8) {
        uint64_t word = 0;
        for (int b = 0; b < 8; b++) {
            word |= (uint64_t)bytes[i + (uint64_t)b] << (8 * b);
        }
        sum = ((sum << 29 | sum >> 35) ^ word) * UINT64_C(0x9FB21C651E98DF25);
    }
    return sum;
}

int32_t tkri_sink_drain(tkri_sink *to) {
    to->sum = tkri_sink_sum(to->sum, to->buffer, to->used - to->used % 8);
    int32_t failed =
        to->writer && to->used && to->writer->write(to->writer->user, to->buffer, to->used);
    to->used = 0;
    return failed ? TKR_ERR_IO : TKR_OK;
}

int32_t tkri_sink_pour(tkri_sink *to, const void *bytes, uint64_t len) {
    const unsigned char *from = bytes;
    while (len) {
        uint64_t room = TKRI_SINK_BUFFER - to->used;
        uint64_t now = room < len ? room : len;
        memcpy(to->buffer + to->used, from, (size_t)now);
        to->used += now;
        from += now;
        len -= now;
        if (to->used == TKRI_SINK_BUFFER) {
            TRY(tkri_sink_drain(to));
        }
    }
    return TKR_OK;
}

int32_t tkri_sink_text(tkri_sink *to, const char *text) {
    return tkri_sink_pour(to, text, strlen(text));
}
