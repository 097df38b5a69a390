/* SPDX-License-Identifier: MIT
 *
 * CSV files: cells between separators, in quotes or not; a header, or none; which column.
 */
#include "series_table.h"

#include <stdlib.h>
#include <string.h>

/* ---- cells ----------------------------------------------------------------------------------- */

/* The separator of a table is what its first line has, outside of quotes. */
static char find_separator(const char *text) {
    static const char separators[] = "\t;,";
    int seen[3] = {0, 0, 0}, quoted = 0;
    text += strspn(text, "\n");
    for (; *text != '\0' && (quoted || *text != '\n'); text++) {
        const char *found = quoted ? NULL : strchr(separators, *text);
        quoted ^= *text == '"';
        if (found != NULL) {
            seen[found - separators] = 1;
        }
    }
    for (int i = 0; i < 3; i++) {
        if (seen[i]) {
            return separators[i];
        }
    }
    return '\0';
}

static int is_blank(const table *t, char c) {
    return c == ' ' || (c == '\t' && t->separator != '\t');
}

static int ends_cell(const table *t, char c) {
    return c == '\n' || c == '\0' || c == t->separator;
}

/* Where the reader is; cells end in a NUL as soon as what ended them was looked at. */
typedef struct cursor {
    const table *t;
    char *at;
    int64_t line;
} cursor;

static void skip_blanks(cursor *c) {
    while (is_blank(c->t, *c->at)) {
        c->at++;
    }
}

/* A cell in quotes, which are taken off: "" is one quote, and a line may end in between. */
static char *quoted_cell(cursor *c) {
    char *cell = c->at++, *to = cell;
    int64_t line = c->line;
    for (; *c->at != '"' || c->at[1] == '"'; c->at++) {
        if (*c->at == '\0') {
            ex_die("%s, line %lld: a quote is opened and never closed", c->t->path,
                   (long long)line);
        }
        c->line += *c->at == '\n';
        c->at += *c->at == '"';
        *to++ = *c->at;
    }
    c->at++;
    skip_blanks(c);
    if (!ends_cell(c->t, *c->at)) {
        ex_die("%s, line %lld: something stands behind a closing quote", c->t->path,
               (long long)c->line);
    }
    *to = '\0';
    return cell;
}

/* A cell without quotes; *last is where it ends, blanks behind it not being counted. */
static char *bare_cell(cursor *c, char **last) {
    char *cell = c->at;
    *last = cell;
    for (; !ends_cell(c->t, *c->at); c->at++) {
        *last = is_blank(c->t, *c->at) ? *last : c->at + 1;
    }
    return cell;
}

/* Cut one row into cells and go behind it; returns how many it has. */
static int64_t cut_row(cursor *c, char **cells) {
    for (int64_t n = 1;; n++) {
        char *last = NULL;
        skip_blanks(c);
        cells[n - 1] = *c->at == '"' ? quoted_cell(c) : bare_cell(c, &last);
        char stop = *c->at;
        c->at += stop != '\0';
        c->line += stop == '\n';
        if (last != NULL) {
            *last = '\0';
        }
        if (stop == '\n' || stop == '\0') {
            return n;
        }
    }
}

static int is_empty(char *const *cells, int64_t n) {
    for (int64_t i = 0; i < n; i++) {
        if (cells[i][0] != '\0') {
            return 0;
        }
    }
    return 1;
}

static int64_t count(const char *from, const char *to, char c) {
    int64_t n = 0;
    for (; from < to; from++) {
        n += *from == c;
    }
    return n;
}

static void add_row(table *t, int64_t n, int64_t line) {
    char **cells = t->cells + t->rows * t->columns;
    if (is_empty(cells, n)) {
        return;
    }
    t->columns = t->rows == 0 ? n : t->columns;
    if (n != t->columns) {
        ex_die("%s, line %lld: it has %lld cells, and line %lld has %lld", t->path, (long long)line,
               (long long)n, (long long)t->lines[0], (long long)t->columns);
    }
    t->lines[t->rows++] = line;
}

void table_read(table *t, const char *path) {
    size_t len = 0;
    *t = (table){.path = path, .text = ex_read_text(path, EX_LINES, &len)};
    const char *end = t->text + len;
    t->separator = find_separator(t->text);
    int64_t lines = count(t->text, end, '\n');
    int64_t cells = lines + (t->separator != '\0' ? count(t->text, end, t->separator) : 0);
    t->cells = ex_alloc(cells, sizeof *t->cells);
    t->lines = ex_alloc(lines, sizeof *t->lines);
    for (cursor c = {t, t->text, 1}; c.at < end;) {
        int64_t line = c.line;
        add_row(t, cut_row(&c, t->cells + t->rows * t->columns), line);
    }
    if (t->rows == 0) {
        ex_die("%s: there is nothing but empty lines in it", path);
    }
}

void table_free(table *t) {
    free(t->text);
    free(t->cells);
    free(t->lines);
}

/* ---- header and columns ---------------------------------------------------------------------- */

static const char *cell_of(const table *t, int64_t row, int64_t column) {
    return t->cells[row * t->columns + column];
}

static int is_number(const char *cell) {
    char plain[NUMBER_LEN];
    return number_plain(cell, plain);
}

static int is_year(const char *cell) {
    return strlen(cell) == 4 && strspn(cell, "0123456789") == 4 && cell[0] >= '1' && cell[0] <= '2';
}

/* How many cells of a row are years. */
static int64_t count_years(const table *t, int64_t row) {
    int64_t n = 0;
    for (int64_t i = 0; i < t->columns; i++) {
        n += is_year(cell_of(t, row, i));
    }
    return n;
}

/* Does the first row stand out, in any column: no number above a number, or not even a digit above
 * a cell that has some (a date)? */
static int stands_out(const table *t) {
    static const char digits[] = "0123456789";
    for (int64_t i = 0; i < t->columns; i++) {
        const char *first = cell_of(t, 0, i);
        const char *second = t->rows > 1 ? cell_of(t, 1, i) : "0";
        if ((!is_number(first) && is_number(second)) ||
            (strpbrk(first, digits) == NULL && strpbrk(second, digits) != NULL)) {
            return 1;
        }
    }
    return 0;
}

/* A row of nothing but years, above one that has none, is a header; in a table of one column it
 * might as well be its first value. */
int table_has_header(const table *t, int64_t header) {
    if (header != HEADER_AUTO) {
        return header == HEADER_YES;
    }
    if (stands_out(t)) {
        return 1;
    }
    if (count_years(t, 0) < t->columns || (t->rows > 1 && count_years(t, 1) == t->columns)) {
        return 0;
    }
    if (t->columns == 1 || t->rows == 1 || count_years(t, 1) > 0) {
        ex_die("%s, line %lld: are these years the columns' names? --header yes or no tells",
               t->path, (long long)t->lines[0]);
    }
    return 1;
}

static _Noreturn void refuse_column(const table *t, const char *wanted, int header) {
    char names[400] = "";
    for (int64_t i = 0, at = 0; header && i < t->columns && at < 300; i++) {
        at += snprintf(names + at, sizeof names - (size_t)at, "%s\"%.40s\"", i > 0 ? ", " : ": ",
                       cell_of(t, 0, i));
    }
    ex_die("%s: there is no column %s among its %lld%s", t->path, wanted, (long long)t->columns,
           names);
}

int64_t table_column(const table *t, const char *wanted, int header) {
    int64_t found = -1;
    for (int64_t i = 0; header && wanted[0] != '\0' && i < t->columns; i++) {
        if (strcmp(cell_of(t, 0, i), wanted) == 0) {
            if (found >= 0) {
                ex_die("%s: columns %lld and %lld both have the name %s", t->path,
                       (long long)found + 1, (long long)i + 1, wanted);
            }
            found = i;
        }
    }
    if (found < 0) {
        char *end = NULL;
        long long number = wanted[0] == '\0' ? 0 : strtoll(wanted, &end, 10);
        if ((end != NULL && *end != '\0') || number < 0 || number > t->columns) {
            refuse_column(t, wanted, header);
        }
        found = (number == 0 ? t->columns : number) - 1;
    }
    return found;
}
