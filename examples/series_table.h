/* SPDX-License-Identifier: MIT
 * Tables of numbers as spreadsheets and databases write them. */
#ifndef EXAMPLES_SERIES_TABLE_H
#define EXAMPLES_SERIES_TABLE_H

#include "common.h"

/** A CSV file: rows of cells, each row as many. Cells have no quotes any more, and no blanks around
 *  them; rows of empty cells are left out. */
typedef struct table {
    const char *path;
    char *text;     /* the file, whose pieces the cells are */
    char **cells;   /* [rows][columns] */
    int64_t *lines; /* [rows] where in the file a row begins, from 1 */
    int64_t rows, columns;
    char separator; /* tab, ';' or ','; NUL where the first line has none of them */
} table;

/** What the command line may say of a table, where it does not tell by itself. */
enum { HEADER_AUTO, HEADER_YES, HEADER_NO };
enum { DECIMAL_AUTO, DECIMAL_POINT, DECIMAL_COMMA };

/** Read a file. Cells are separated by tabs if its first line has one, else by semicolons if it has
 *  one, else by commas. The program ends, and says why and where, if this is no table. */
void table_read(table *t, const char *path);
void table_free(table *t);

/** Is the first row the columns' names? With HEADER_AUTO the program ends if that is unclear. */
int table_has_header(const table *t, int64_t header);

/** The index of a column: its name if there is a header, or its number from 1; "" is the last. */
int64_t table_column(const table *t, const char *wanted, int header);

/** The numbers of a column in rows first .. rows - 1: values [rows - first]. Thousands may be
 *  separated by a comma or point (the one that is not the decimal mark), blanks or apostrophes.
 *  With DECIMAL_AUTO the numbers themselves tell the decimal mark, or the program ends. Returns it.
 */
char table_numbers(const table *t, int64_t column, int64_t first, int64_t decimal, double *values);

/** Could this cell be a number? What is left is the cell in ASCII, each blank or apostrophe between
 *  digits as one ' : plain [NUMBER_LEN]. */
enum { NUMBER_LEN = 64 };
int number_plain(const char *cell, char *plain);

#endif
