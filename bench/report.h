/* SPDX-License-Identifier: MIT
 * What the bench says: Markdown tables on standard output, rows of JSON in a file. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "machine.h"
#include "measure.h"
#include "ours.h"

/* Where the report goes, and what its rows share. Zero-fill what is not set. */
typedef struct report {
    const machine *machine;
    const contender *contenders; /* the first is the library */
    int n_contenders;
    FILE *json;    /* or NULL */
    int json_rows; /* written so far */
    int task;      /* of the table being printed */
    char *notes;   /* of that table's rows, printed below it */
    size_t notes_len;
    FILE *notes_file;
    int problems;  /* rows that failed, differed, or used more memory than announced */
} report;

/* One row's figures beside the outcomes. */
typedef struct report_row {
    const workload *w;
    int threads;
    const char *tier;
    const outcome *outcomes;     /* [n_contenders] */
    double latency[3];           /* streaming: ns at the median, 99 % and 99.9 % of single steps */
    const ours_memory *memory;   /* or NULL */
    double error;                /* of reduced weights: the largest of the outputs; or 0 */
} report_row;

void report_machine(const report *r);
void report_print_row(report *r, const report_row *row);
void report_close(report *r); /* prints what is left to say, closes the JSON */

#endif
