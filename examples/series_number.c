/* SPDX-License-Identifier: MIT
 *
 * Numbers as people write them: 1234.5, 1,234.5, 1.234,5, 1 234,5, 1'234.5. One number alone may
 * not tell whether 1,234 is more than a thousand or a little more than one; a column mostly does.
 */
#include "series_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What stands for a minus, or between thousands, beside ASCII; `plain` takes its place. */
static const struct {
    const char *utf8;
    char plain;
} written[] = {
    {"\xE2\x88\x92", '-'},  /* minus sign */
    {"\xC2\xA0", '\''},     /* no-break space */
    {"\xE2\x80\xAF", '\''}, /* narrow no-break space */
    {"\xE2\x80\x89", '\''}, /* thin space */
    {"\xE2\x80\x99", '\''}, /* apostrophe */
    {" ", '\''},
};

static int is_digit(char c) {
    return c >= '0' && c <= '9';
}

/* One character of a number, in ASCII; *len are its bytes. */
static char plain_character(const char *text, size_t *len) {
    for (size_t i = 0; i < sizeof written / sizeof *written; i++) {
        *len = strlen(written[i].utf8);
        if (strncmp(text, written[i].utf8, *len) == 0) {
            return written[i].plain;
        }
    }
    *len = 1;
    return text[0];
}

/* The length of [+-] digits and marks, or of the exponent behind it; 0 if there is none. */
static size_t mantissa_len(const char *plain) {
    size_t sign = plain[0] == '+' || plain[0] == '-';
    size_t len = strspn(plain + sign, "0123456789.,'");
    return strcspn(plain + sign, "0123456789") < len ? sign + len : 0;
}

static int is_exponent(const char *text) {
    size_t sign = text[0] != '\0' && (text[1] == '+' || text[1] == '-');
    size_t digits = text[0] == 'e' || text[0] == 'E' ? strspn(text + 1 + sign, "0123456789") : 0;
    return text[0] == '\0' || (digits > 0 && text[1 + sign + digits] == '\0');
}

int number_plain(const char *cell, char *plain) {
    size_t n = 0, len = 0;
    for (; *cell != '\0' && n < NUMBER_LEN - 1; cell += len) {
        plain[n++] = plain_character(cell, &len);
    }
    plain[n] = '\0';
    size_t mantissa = mantissa_len(plain);
    return *cell == '\0' && mantissa > 0 && is_exponent(plain + mantissa);
}

/* ---- the decimal mark ------------------------------------------------------------------------ */

enum { POINT, COMMA };

/* In which line the numbers of a column first tell the decimal mark, [POINT] or [COMMA]; in which
 * one it may be that, but may stand between thousands too: 1,234. 0: in none. */
typedef struct evidence {
    int64_t told[2], unsure[2];
} evidence;

static void note(int64_t *line_of, char mark, int64_t line) {
    int which = mark == ',' ? COMMA : POINT;
    line_of[which] = line_of[which] == 0 ? line : line_of[which];
}

static void look_at(evidence *of, const char *plain, int64_t line) {
    size_t len = mantissa_len(plain);
    const char *first = strpbrk(plain, ".,"), *end = plain + len, *last = end;
    if (first == NULL) {
        return;
    }
    while (*--last != '.' && *last != ',') {
    }
    if (first != last) { /* 1,234,567 or 1,234.5 */
        note(of->told, *first != *last ? *last : *first == ',' ? '.' : ',', line);
        return;
    }
    const char *whole = plain + (plain[0] == '+' || plain[0] == '-');
    int thousands = end - first == 4 && first - whole >= 1 && first - whole <= 3 && *whole != '0' &&
                    *end == '\0' && memchr(plain, '\'', len) == NULL;
    note(thousands ? of->unsure : of->told, *first, line);
}

static _Noreturn void refuse_marks(const table *t, const int64_t *lines) {
    ex_die(
        "%s: the decimal mark is a point in line %lld and a comma in line %lld? --decimal point "
        "or comma tells",
        t->path, (long long)lines[POINT], (long long)lines[COMMA]);
}

/* Where all numbers are like 1,234 the separator of the cells lets one expect a mark: a comma is
 * decimal beside semicolons, which are there for its sake, and is not in quotes between commas. */
static char expected_mark(const table *t, const evidence *of) {
    int comma = of->unsure[COMMA] > 0, point = of->unsure[POINT] > 0;
    if (comma && point) {
        refuse_marks(t, of->unsure);
    }
    if (comma && t->separator == ';') {
        return ',';
    }
    if ((comma && t->separator != ',') || (point && t->separator == ';')) {
        ex_die(
            "%s, line %lld: does the %s stand before decimals or between thousands? --decimal "
            "point or comma tells",
            t->path, (long long)of->unsure[comma ? COMMA : POINT], comma ? "comma" : "point");
    }
    return '.';
}

static char find_mark(const table *t, int64_t column, int64_t first) {
    char plain[NUMBER_LEN];
    evidence of = {{0, 0}, {0, 0}};
    for (int64_t row = first; row < t->rows; row++) {
        if (number_plain(t->cells[row * t->columns + column], plain)) {
            look_at(&of, plain, t->lines[row]);
        }
    }
    if (of.told[POINT] > 0 && of.told[COMMA] > 0) {
        refuse_marks(t, of.told);
    }
    return of.told[COMMA] > 0 ? ',' : of.told[POINT] > 0 ? '.' : expected_mark(t, &of);
}

/* ---- values ---------------------------------------------------------------------------------- */

/* Write a number as C does: no marks between thousands, which must be three digits apart, and a
 * point. Returns 0 if the marks are anywhere else. */
static int rewrite(const char *plain, char mark, char *number) {
    int group = -1, n = 0, fraction = 0; /* digits since a mark between thousands; -1: none yet */
    size_t len = mantissa_len(plain);
    for (size_t i = 0, digits = 0; i < len; i++) {
        char c = plain[i];
        if (is_digit(c)) {
            group += group >= 0 && !fraction;
            digits++;
        } else if (c == mark) {
            if (fraction || (group >= 0 && group != 3)) {
                return 0;
            }
            fraction = 1;
            c = '.';
        } else if (c == '.' || c == ',' || c == '\'') {
            if (fraction || digits == 0 || (group < 0 ? digits > 3 : group != 3)) {
                return 0;
            }
            group = 0;
            continue;
        }
        number[n++] = c;
    }
    strcpy(number + n, plain + len);
    return fraction || group < 0 || group == 3;
}

char table_numbers(const table *t, int64_t column, int64_t first, int64_t decimal, double *values) {
    char plain[NUMBER_LEN], number[NUMBER_LEN];
    char mark = decimal == DECIMAL_AUTO    ? find_mark(t, column, first)
                : decimal == DECIMAL_COMMA ? ','
                                           : '.';
    for (int64_t row = first; row < t->rows; row++) {
        const char *cell = t->cells[row * t->columns + column];
        int good = number_plain(cell, plain) && rewrite(plain, mark, number);
        values[row - first] = good ? strtod(number, NULL) : NAN;
        if (!isfinite(values[row - first])) {
            ex_die("%s, line %lld: column %lld is %s: \"%.60s\"", t->path, (long long)t->lines[row],
                   (long long)column + 1,
                   cell[0] == '\0' ? "empty"
                   : good          ? "too large"
                                   : "not a number",
                   cell);
        }
    }
    return mark;
}
