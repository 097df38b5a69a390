/* SPDX-License-Identifier: MIT
 * What the bench says: Markdown tables on standard output, rows of JSON in a file. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include <stdio.h>

#include "latency.h"
#include "machine.h"
#include "measure.h"
#include "ours.h"

/* Text that is collected while a table is printed, for below it. */
typedef struct leaflet {
    FILE *file; /* NULL: nothing yet */
    char *text;
    size_t len;
} leaflet;

/* A row with all its activations kept, for the one without them. */
typedef struct kept_row {
    double median, announced, growing;
} kept_row;

/* Where the report goes, and what its rows share. Zero-fill what is not set. */
typedef struct report {
    const machine *machine;
    const contender *contenders; /* the first is the library */
    int n_contenders;
    FILE *json;                     /* or NULL */
    int json_rows;                  /* written so far */
    int task;                       /* of the table being printed */
    leaflet notes;                  /* on that table's rows */
    leaflet phases;                 /* the table of their phases */
    const workload *single_of;      /* the workload that ran last on one thread ... */
    double single;                  /* ... and its median */
    kept_row kept[MACHINE_THREADS]; /* of the last workload without further modes, by threads */
    int problems; /* rows that failed, differed, or used more memory than announced */
} report;

/* One row's figures beside the outcomes. */
typedef struct report_row {
    const workload *w;
    int threads;
    const char *tier;
    const outcome *outcomes;   /* [n_contenders] */
    const latency *latency;    /* of a stream; or NULL */
    const double *phases;      /* [PHASES] ns, medians; or NULL */
    const ours_memory *memory; /* or NULL */
    double error;              /* of quantized weights: the largest of the outputs; or 0 */
} report_row;

void report_machine(const report *r);
void report_print_row(report *r, const report_row *row);
void report_close(report *r); /* prints what is left to say, closes the JSON */

#endif
