/* SPDX-License-Identifier: MIT
 * Strict UTF-8: no overlong form, no surrogate, nothing past U+10FFFF. */
#ifndef TKRI_CORE_UTF8_H
#define TKRI_CORE_UTF8_H

#include <stdint.h>

enum { TKRI_UTF8_MAX = 4, TKRI_CODE_POINTS = 0x110000 };

/* The length of the character at text[0], 1..4, and its code point; 0 if there is none: the bytes
 * are not UTF-8, or are cut off by `len`. */
int tkri_utf8_decode(const char *text, uint64_t len, uint32_t *code);

/* Puts the UTF-8 of `code`, a valid code point, in text [4] and returns its length. */
int tkri_utf8_encode(char *text, uint32_t code);

/* Where the first character that is not UTF-8 begins; `len` if there is none. */
uint64_t tkri_utf8_check(const char *text, uint64_t len);

/* An untrusted name made fit for an error text: NUL-terminated in out [capacity], cut after a whole
 * character, with \t, \n, \r and \x1f for control characters and bytes that are not UTF-8. Returns
 * `out`. */
const char *tkri_utf8_show(char *out, uint64_t capacity, const char *text, uint64_t len);

#endif
