/* SPDX-License-Identifier: MIT */
#include "core/utf8.h"

#include <string.h>

/* The length that a first byte announces; 0 if no character begins so. */
static int length_of(unsigned char first) {
    if (first < 0x80) {
        return 1;
    }
    if (first < 0xC2 || first > 0xF4) {
        return 0;
    }
    return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

int tkri_utf8_decode(const char *text, uint64_t len, uint32_t *code) {
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    static const unsigned char payload[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    int n = len > 0 ? length_of((unsigned char)text[0]) : 0;
    if (n == 0 || (uint64_t)n > len) {
        return 0;
    }
    uint32_t c = (unsigned char)text[0] & payload[n];
    for (int i = 1; i < n; i++) {
        unsigned char next = (unsigned char)text[i];
        if ((next & 0xC0) != 0x80) {
            return 0;
        }
        c = c << 6 | (next & 0x3F);
    }
    if (c < smallest[n] || c >= TKRI_CODE_POINTS || (c >= 0xD800 && c < 0xE000)) {
        return 0;
    }
    *code = c;
    return n;
}

int tkri_utf8_encode(char *text, uint32_t code) {
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    int n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--) {
        text[i] = (char)(0x80 | (code & 0x3F));
        code >>= 6;
    }
    text[0] = (char)(lead[n] | code);
    return n;
}

uint64_t tkri_utf8_check(const char *text, uint64_t len) {
    uint64_t at = 0;
    while (at < len) {
        uint32_t code;
        int n = tkri_utf8_decode(text + at, len - at, &code);
        if (n == 0) {
            break;
        }
        at += (uint64_t)n;
    }
    return at;
}

/* A byte that is no text: \t, \n, \r, or as \x1f. Returns the length. */
static uint64_t escape(char *out, unsigned char byte) {
    static const char digits[] = "0123456789abcdef";
    const char name = byte == '\t' ? 't' : byte == '\n' ? 'n' : byte == '\r' ? 'r' : 'x';
    out[0] = '\\';
    out[1] = name;
    if (name != 'x') {
        return 2;
    }
    out[2] = digits[byte >> 4];
    out[3] = digits[byte & 15];
    return 4;
}

const char *tkri_utf8_show(char *out, uint64_t capacity, const char *text, uint64_t len) {
    uint64_t used = 0, at = 0;
    while (at < len) {
        char piece[2 * 4]; /* a control character has at most two bytes */
        uint32_t code = 0;
        const uint64_t n = (uint64_t)tkri_utf8_decode(text + at, len - at, &code);
        uint64_t piece_len = n;
        if (n == 0 || code < 0x20 || (code >= 0x7F && code < 0xA0)) {
            piece_len = escape(piece, (unsigned char)text[at]);
            piece_len += n == 2 ? escape(piece + piece_len, (unsigned char)text[at + 1]) : 0;
        } else {
            memcpy(piece, text + at, (size_t)n);
        }
        if (used + piece_len >= capacity) {
            break;
        }
        memcpy(out + used, piece, (size_t)piece_len);
        used += piece_len;
        at += n > 0 ? n : 1;
    }
    out[used] = '\0';
    return out;
}
