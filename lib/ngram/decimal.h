/* SPDX-License-Identifier: MIT
 * Decimal numbers as ARPA files have them, whatever the caller's locale says about the point. */
#ifndef TKRI_NGRAM_DECIMAL_H
#define TKRI_NGRAM_DECIMAL_H

#include <stdint.h>

enum { TKRI_DECIMAL_MAX = 40 };

/* Read all of text [len]: sign, digits, point, exponent. Returns 0 if it is no finite number. */
int tkri_decimal_read(double *value, const char *text, uint64_t len);

/* Read all of text [len] as a whole number. Returns 0 if it is none, or does not fit. */
int tkri_decimal_read_whole(uint64_t *value, const char *text, uint64_t len);

/* Write with 9 decimals (fewer from 1e5 on), less trailing zeros, NUL-terminated, into text
 * [TKRI_DECIMAL_MAX]; beyond +-1e9 those. What is read back and written again, also when it was
 * multiplied and divided in between, is the same text. */
void tkri_decimal_write(char *text, double value);

#endif
