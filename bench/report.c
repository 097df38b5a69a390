/* SPDX-License-Identifier: MIT */
#include "report.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "roofline.h"

/* The figures that are computed from a row's medians; NaN where something is missing. */
typedef struct figures {
    double unit; /* ns in the row's unit of time */
    double gflops, percent_of_limit, percent_of_peak, limit, ratio;
    double speedup; /* over one thread */
} figures;

static double ours_median(const report_row *row) {
    return row->outcomes[0].status == SETUP_OK ? row->outcomes[0].median : NAN;
}

/* The fastest peer's median. */
static double best_peer(const report *r, const report_row *row) {
    double best = NAN;
    for (int i = 1; i < r->n_contenders; i++) {
        if (row->outcomes[i].status == SETUP_OK && !(best <= row->outcomes[i].median)) {
            best = row->outcomes[i].median;
        }
    }
    return best;
}

static figures figures_of(const report *r, const report_row *row) {
    double median = ours_median(row), flops = workload_flops(row->w);
    double peak = row->threads * machine_flops(r->machine, row->threads);
    double limit = roofline_ns(row->w, r->machine, row->threads);
    figures f = {.unit = row->w->task == TASK_STREAM ? 1 : 1e6};
    f.gflops = flops / median;
    f.percent_of_limit = 100 * limit / median;
    f.percent_of_peak = row->w->precision ? NAN : 100 * flops / (1e-9 * median * peak);
    f.limit = limit / f.unit;
    f.ratio = best_peer(r, row) / median;
    f.speedup = row->threads > 1 && r->single_of == row->w ? r->single / median : NAN;
    return f;
}

/* ---- the machine ----------------------------------------------------------------------------- */

static void print_bandwidths(const machine *m) {
    printf("| reads, GB/s per core |");
    for (int i = 0; i < MACHINE_SIZES; i++) {
        double kb = m->size[i] / 1024;
        printf(kb < 1024 ? " %.0f KB |" : " %.0f MB |", kb < 1024 ? kb : kb / 1024);
    }
    printf("\n|---|");
    for (int i = 0; i < MACHINE_SIZES; i++) {
        printf("---|");
    }
    for (int n = 1; n <= MACHINE_THREADS; n++) {
        printf("\n| %d thread%s |", n, n > 1 ? "s" : "");
        for (int i = 0; i < MACHINE_SIZES; i++) {
            printf(" %.0f |", 1e-9 * m->bytes[n - 1][i]);
        }
    }
    printf("\n");
}

/* Two idle cores have both their full speed, or nearly. */
static int disturbed(const machine *m) {
    return m->cores > 1 && m->flops[1] < 0.85 * m->flops[0];
}

void report_machine(const report *r) {
    const machine *m = r->machine;
    const char *blas_threads = getenv("OPENBLAS_NUM_THREADS");
    printf("- machine: %s, %d cores, measured with %s loops\n", m->cpu, m->cores, m->isa);
    printf("- FMA peak P, GFLOP/s per core: %.1f with 1 thread, %.1f with 2\n", 1e-9 * m->flops[0],
           1e-9 * m->flops[1]);
    printf("- rational tanh: %.3f ns per element\n", 1e9 * m->activation);
    for (int i = 0; i < r->n_contenders; i++) {
        printf("- %s: %s\n", r->contenders[i].name, r->contenders[i].about);
    }
    printf("- threads of its own that %s's BLAS may start: %s\n", r->contenders[0].name,
           blas_threads ? blas_threads : "not limited");
    if (disturbed(m)) {
        printf("- **other programs are running: these figures are not to be trusted**\n");
    }
    printf("\n");
    print_bandwidths(m);
    fflush(stdout);
}

/* ---- the tables ------------------------------------------------------------------------------ */

static void leaflet_add(leaflet *l, const char *format, ...) {
    va_list arguments;
    if (!l->file) {
        l->file = open_memstream(&l->text, &l->len);
    }
    va_start(arguments, format);
    vfprintf(l->file ? l->file : stderr, format, arguments);
    va_end(arguments);
}

static void leaflet_print(leaflet *l) {
    if (l->file) {
        fclose(l->file);
        printf("%s%s", l->len ? "\n" : "", l->text);
        free(l->text);
    }
    memset(l, 0, sizeof *l);
}

/* What there is to say about the rows of a table, below it. */
static void print_notes(report *r) {
    leaflet_print(&r->phases);
    leaflet_print(&r->notes);
}

static void print_head(const report *r, int task) {
    const char *unit = task == TASK_STREAM ? "ns" : "ms";
    printf("\n| %-21s | threads | tier      |",
           task == TASK_STREAM ? "streaming, per step" : "per iteration");
    for (int i = 0; i < r->n_contenders; i++) {
        printf(" %7s %s (best)    |", r->contenders[i].name, unit);
    }
    printf(" ratio | GFLOP/s | %% of limit | %% of P | speed-up |%s\n",
           task == TASK_STREAM ? " p50 / p99 / p99.9 ns  | p99.9 / p50 | of a loop |" : "");
    printf("|-----------------------|---------|-----------|");
    for (int i = 0; i < r->n_contenders; i++) {
        printf("----------------------|");
    }
    printf("-------|---------|------------|--------|----------|%s\n",
           task == TASK_STREAM ? "-----------------------|-------------|-----------|" : "");
}

/* Digits after the point for four significant ones. */
static int digits_of(double value) {
    return value < 10 ? 3 : value < 100 ? 2 : value < 1000 ? 1 : 0;
}

/* "12.34 (11.90)", 20 wide, with a mark if the results differ from ours. */
static void print_outcome(const outcome *o, double unit) {
    char text[64];
    double median = o->median / unit, best = o->best / unit;
    int digits = digits_of(median);
    if (o->status == SETUP_OK) {
        snprintf(text, sizeof text, "%.*f (%.*f)%s", digits, median, digits, best,
                 o->differs ? " !" : "");
    } else {
        snprintf(text, sizeof text, "%s", o->status == SETUP_UNSUPPORTED ? "-" : "failed");
    }
    printf(" %-20s |", text);
}

static void print_number(int width, int digits, double value) {
    if (isnan(value)) {
        printf(" %*s |", width, "-");
    } else {
        printf(" %*.*f |", width, digits, value);
    }
}

static void print_table_row(const report *r, const report_row *row, const figures *f) {
    printf("| %-21s | %7d | %-9s |", row->w->name, row->threads, row->tier);
    for (int i = 0; i < r->n_contenders; i++) {
        print_outcome(&row->outcomes[i], f->unit);
    }
    print_number(5, 2, f->ratio);
    print_number(7, 1, f->gflops);
    print_number(10, 0, f->percent_of_limit);
    print_number(6, 0, f->percent_of_peak);
    print_number(8, 2, f->speedup);
    if (row->latency) {
        const double *ns = row->latency->step;
        printf(" %.*f / %.*f / %.*f |", digits_of(ns[0]), ns[0], digits_of(ns[1]), ns[1],
               digits_of(ns[2]), ns[2]);
        print_number(11, 2, latency_tail(ns));
        print_number(9, 2, latency_tail(row->latency->loop));
    }
    printf("\n");
}

/* A line of the table of phases: each one's time and share, and of those that multiply how much
 * of the peak. */
static void print_phases(report *r, const report_row *row) {
    static const char *const names[PHASES] = {"forward", "loss", "backward", "update", "copies"};
    double peak = 1e-9 * row->threads * machine_flops(r->machine, row->threads), sum = 0;
    double forward = workload_forward_flops(row->w), all = workload_flops(row->w);
    if (!r->phases.file) {
        leaflet_add(&r->phases, "| phases, ms (share)    | threads |");
        for (int k = 0; k < PHASES; k++) {
            leaflet_add(&r->phases, " %-15s |", names[k]);
        }
        leaflet_add(&r->phases,
                    " forward %% of P | backward %% of P |\n"
                    "|-----------------------|---------|");
        for (int k = 0; k < PHASES; k++) {
            leaflet_add(&r->phases, "-----------------|");
        }
        leaflet_add(&r->phases, "----------------|-----------------|\n");
    }
    for (int k = 0; k < PHASES; k++) {
        sum += row->phases[k];
    }
    leaflet_add(&r->phases, "| %-21s | %7d |", row->w->name, row->threads);
    for (int k = 0; k < PHASES; k++) {
        double ms = 1e-6 * row->phases[k];
        char text[32];
        snprintf(text, sizeof text, "%.*f (%.0f %%)", digits_of(ms), ms,
                 100 * row->phases[k] / sum);
        leaflet_add(&r->phases, " %-15s |", text);
    }
    leaflet_add(&r->phases, " %14.0f | %15.0f |\n",
                100 * forward / (row->phases[PHASE_FORWARD] * peak),
                100 * (all - forward) / (row->phases[PHASE_BACKWARD] * peak));
}

static double megabytes(uint64_t bytes) {
    return (double)bytes / (1 << 20);
}

/* Counted and resident memory must be what was announced, within a tenth. */
static void print_memory(report *r, const report_row *row) {
    const ours_memory *m = row->memory;
    double announced = (double)m->announced;
    int fits = fabs((double)m->counted - announced) <= 0.1 * announced &&
               (m->resident == 0 || fabs((double)m->resident - announced) <= 0.1 * announced);
    leaflet_add(&r->notes,
                "- %s, %d thread(s), memory in MB: announced by `_size()` %.2f, peak allocated "
                "%.2f, resident set grew by %.2f: %s\n",
                row->w->name, row->threads, megabytes(m->announced), megabytes(m->counted),
                megabytes(m->resident), fits ? "within 10 %" : "NOT WITHIN 10 %");
    r->problems += !fits;
}

/* What a mode that saves memory saves, and what for: against the row that kept everything. */
static void print_trade(report *r, const report_row *row) {
    const double grows = (double)row->memory->growing, all = (double)row->memory->announced;
    const double median = ours_median(row);
    kept_row *kept = &r->kept[row->threads - 1];
    if (!row->w->mode) {
        *kept = (kept_row){median, all, grows};
    } else if (kept->median > 0) {
        leaflet_add(&r->notes,
                    "- %s, %d thread(s): %.1f %% of the memory that grows with the steps (%.2f of "
                    "%.2f MB), %.1f %% of all (%.2f of %.2f MB); %.0f %% more time\n",
                    row->w->name, row->threads, 100 * grows / kept->growing, grows / (1 << 20),
                    kept->growing / (1 << 20), 100 * all / kept->announced, all / (1 << 20),
                    kept->announced / (1 << 20), 100 * (median / kept->median - 1));
    }
}

/* What a contender computed, where one of them differs. */
static void print_checks(report *r, const report_row *row, int i) {
    const outcome *o = &row->outcomes[i];
    leaflet_add(&r->notes, "- %s, %d thread(s), %s: %s: first %.9g %.9g, later %.9g %.9g\n",
                row->w->name, row->threads, r->contenders[i].name,
                o->differs ? "RESULTS DIFFER" : "results", o->first[0], o->first[1], o->later[0],
                o->later[1]);
}

/* What went wrong in a row, below it. */
static void print_problems(report *r, const report_row *row) {
    int differ = 0;
    for (int i = 0; i < r->n_contenders; i++) {
        differ += row->outcomes[i].differs;
    }
    for (int i = 0; i < r->n_contenders; i++) {
        const outcome *o = &row->outcomes[i];
        if (o->status == SETUP_UNSUPPORTED && !r->contenders[i].detail[0]) {
            continue; /* not asked */
        }
        if (o->status != SETUP_OK) {
            leaflet_add(&r->notes, "- %s, %d thread(s), %s: %s\n", row->w->name, row->threads,
                        r->contenders[i].name, r->contenders[i].detail);
            r->problems += i == 0 || o->status == SETUP_FAILED;
        } else if (differ) {
            print_checks(r, row, i);
        }
    }
    r->problems += differ;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* A number, or null for what JSON cannot say. */
static void json_number(FILE *json, const char *key, double value) {
    if (isfinite(value)) {
        fprintf(json, ", \"%s\": %.6g", key, value);
    } else {
        fprintf(json, ", \"%s\": null", key);
    }
}

static void json_string(FILE *json, const char *key, const char *text) {
    fprintf(json, ", \"%s\": \"", key);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\') {
            fputc('\\', json);
        }
        fputc((unsigned char)*text < 32 ? ' ' : *text, json);
    }
    fputc('"', json);
}

/* "peers": {"PyTorch": 1.2}, medians or bests. */
static void json_peers(const report *r, const report_row *row, const figures *f, int best) {
    const char *comma = "";
    fprintf(r->json, ", \"%s\": {", best ? "peers_best" : "peers");
    for (int i = 1; i < r->n_contenders; i++) {
        const outcome *o = &row->outcomes[i];
        if (o->status == SETUP_OK) {
            fprintf(r->json, "%s\"%s\": %.6g", comma, r->contenders[i].name,
                    (best ? o->best : o->median) / f->unit);
            comma = ", ";
        }
    }
    fprintf(r->json, "}");
}

static void json_phases(FILE *json, const report_row *row) {
    static const char *const keys[PHASES] = {"forward_ms", "loss_ms", "backward_ms", "update_ms",
                                             "copies_ms"};
    for (int k = 0; row->phases && k < PHASES; k++) {
        json_number(json, keys[k], 1e-6 * row->phases[k]);
    }
}

static void json_row(report *r, const report_row *row, const figures *f) {
    int stream = row->w->task == TASK_STREAM;
    FILE *json = r->json;
    fprintf(json, "%s  {\"workload\": \"%s\", \"threads\": %d", r->json_rows++ ? ",\n" : "[\n",
            row->w->name, row->threads);
    json_string(json, "tier", row->tier);
    json_string(json, "blas", r->contenders[0].about);
    json_number(json, stream ? "ns" : "ms", ours_median(row) / f->unit);
    json_number(json, stream ? "ns_best" : "ms_best", row->outcomes[0].best / f->unit);
    json_number(json, "gflops", f->gflops);
    json_number(json, "percent_of_limit", f->percent_of_limit);
    json_number(json, "percent_of_peak", f->percent_of_peak);
    json_number(json, stream ? "limit_ns" : "limit_ms", f->limit);
    json_peers(r, row, f, 0);
    json_peers(r, row, f, 1);
    json_number(json, "ratio", f->ratio);
    if (row->threads > 1) {
        json_number(json, "speedup", f->speedup);
    }
    if (row->latency) {
        json_number(json, "p50_ns", row->latency->step[0]);
        json_number(json, "p99_ns", row->latency->step[1]);
        json_number(json, "p999_ns", row->latency->step[2]);
        json_number(json, "tail", latency_tail(row->latency->step));
        json_number(json, "tail_of_loop", latency_tail(row->latency->loop));
    }
    json_phases(json, row);
    if (row->error > 0) {
        json_number(json, "max_error", row->error);
    }
    if (row->memory) {
        json_number(json, "bytes_announced", (double)row->memory->announced);
        json_number(json, "bytes_growing", (double)row->memory->growing);
        json_number(json, "bytes_allocated", (double)row->memory->counted);
        json_number(json, "bytes_resident", (double)row->memory->resident);
    }
    fprintf(json, "}");
}

void report_print_row(report *r, const report_row *row) {
    int task = row->w->task == TASK_STREAM ? TASK_STREAM : TASK_TRAIN;
    figures f = figures_of(r, row);
    if (task != r->task) {
        print_notes(r);
        print_head(r, task);
        r->task = task;
    }
    print_table_row(r, row, &f);
    if (row->phases) {
        print_phases(r, row);
    }
    if (row->memory) {
        print_memory(r, row);
        print_trade(r, row);
    }
    if (row->error > 0) {
        leaflet_add(&r->notes, "- %s: the outputs are off by at most %.2g\n", row->w->name,
                    row->error);
    }
    print_problems(r, row);
    if (r->json) {
        json_row(r, row, &f);
    }
    if (row->threads == 1) {
        r->single_of = row->w;
        r->single = ours_median(row);
    }
    fflush(stdout);
}

void report_close(report *r) {
    print_notes(r);
    if (r->json) {
        fprintf(r->json, "%s]\n", r->json_rows ? "\n" : "[");
        r->problems += fclose(r->json) != 0;
        r->json = NULL;
    }
}
