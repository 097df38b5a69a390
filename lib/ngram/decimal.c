/* SPDX-License-Identifier: MIT */
#include "ngram/decimal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* A decimal number as it is read: mantissa * 10^exponent. */
typedef struct decimal {
    uint64_t mantissa;
    int64_t exponent;
    int digits; /* how many were there, zeros included */
} decimal;

static int is_digit(const char *at, const char *end) {
    return at < end && *at >= '0' && *at <= '9';
}

/* Digits before (`scale` 0) or behind (-1) the point; those that do not fit only count. */
static const char *read_digits(decimal *number, const char *at, const char *end, int scale) {
    for (; is_digit(at, end); at++) {
        int fits = number->mantissa <= (UINT64_MAX - 9) / 10;
        if (fits) {
            number->mantissa = 10 * number->mantissa + (uint64_t)(*at - '0');
        }
        number->exponent += fits ? scale : scale + 1;
        number->digits++;
    }
    return at;
}

/* "e-12" at `at`. Returns NULL if there is no exponent behind the e. */
static const char *read_exponent(decimal *number, const char *at, const char *end) {
    enum { ENOUGH = 100000 };
    int negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    int64_t exponent = 0;
    if (!is_digit(at, end)) {
        return NULL;
    }
    for (; is_digit(at, end); at++) {
        exponent = exponent < ENOUGH ? 10 * exponent + (*at - '0') : ENOUGH;
    }
    number->exponent += negative ? -exponent : exponent;
    return at;
}

/* In two steps, so that a small number with many digits does not underflow on the way. */
static double scale(const decimal *number) {
    if (!number->mantissa || number->exponent < -400) {
        return 0;
    }
    if (number->exponent > 400) {
        return INFINITY;
    }
    double half = (double)(number->exponent / 2), rest = (double)number->exponent - half;
    int exact = number->exponent >= -22 && number->exponent < 0;
    return exact ? (double)number->mantissa / pow(10, -(double)number->exponent)
                 : (double)number->mantissa * pow(10, half) * pow(10, rest);
}

int tkri_decimal_read(double *value, const char *text, uint64_t len) {
    const char *at = text, *end = text + len;
    decimal number = {0, 0, 0};
    int negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    at = read_digits(&number, at, end, 0);
    if (at < end && *at == '.') {
        at = read_digits(&number, at + 1, end, -1);
    }
    if (at < end && (*at == 'e' || *at == 'E')) {
        at = read_exponent(&number, at + 1, end);
    }
    double magnitude = scale(&number);
    if (at != end || !number.digits || !(magnitude < INFINITY)) {
        return 0;
    }
    *value = negative ? -magnitude : magnitude;
    return 1;
}

int tkri_decimal_read_whole(uint64_t *value, const char *text, uint64_t len) {
    decimal number = {0, 0, 0};
    const char *end = read_digits(&number, text, text + len, 0);
    if (end != text + len || !number.digits || number.exponent) {
        return 0;
    }
    *value = number.mantissa;
    return 1;
}

/* 14 digits at most: they survive the way to another base and back. */
void tkri_decimal_write(char *text, double value) {
    double magnitude = fabs(value) < 1e9 ? fabs(value) : 1e9, limit = 1e5;
    uint64_t scale = 1000000000;
    int decimals = 9;
    for (; magnitude >= limit; limit *= 10, decimals--) {
        scale /= 10;
    }
    uint64_t units = (uint64_t)llround(magnitude * (double)scale);
    (void)snprintf(text, TKRI_DECIMAL_MAX, "%s%" PRIu64 ".%0*" PRIu64,
                   value < 0 && units ? "-" : "", units / scale, decimals, units % scale);
    size_t len = strlen(text);
    while (text[len - 1] == '0') {
        text[--len] = 0;
    }
    if (text[len - 1] == '.') {
        text[len - 1] = 0;
    }
}
