/* SPDX-License-Identifier: MIT
 * The bench: measures the machine, then every workload at 1 and 2 threads beside the peers that are
 * there. bench/run.sh builds and starts it. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <tekrar/tekrar.h>

#include "latency.h"
#include "machine.h"
#include "measure.h"
#include "ours.h"
#include "peer.h"
#include "report.h"

/* What the command line asks for. */
typedef struct options {
    int quick, phases, threads; /* threads 0: both counts */
    int32_t tier;
    double seconds; /* of a row; 0: the default */
    const char *json, *only;
    peer_command torch, onednn; /* program NULL: not asked for */
} options;

static const char usage[] =
    "usage: tekrar-bench [options]\n"
    "  --quick          short measurements\n"
    "  --json FILE      also write the rows as JSON\n"
    "  --only TEXT      only the workloads whose names contain TEXT (W3, gru, H512 ...)\n"
    "  --threads N      only 1 or 2 threads\n"
    "  --tier NAME      reference, generic, avx2 ... (lib/meson.build) instead of the best\n"
    "  --phases         how an iteration's time divides\n"
    "  --seconds S      about how long to measure one row\n"
    "  --torch SCRIPT   compare with PyTorch, asked through this script\n"
    "  --onednn PROGRAM compare with oneDNN, asked through this program\n";

static int parse_tier(options *o, const char *name) {
    for (int32_t i = 0; i < OURS_TIERS; i++) {
        const char *known = ours_tier_name(i);
        if (known && !strcmp(name, known)) {
            o->tier = i;
            return 0;
        }
    }
    fprintf(stderr, "no such tier in this build: %s\n", name);
    return -1;
}

/* Debian's PyTorch belongs to Debian's Python. */
static void set_torch(peer_command *torch, const char *script) {
    const char *python = getenv("TEKRAR_BENCH_PYTHON");
    torch->name = "PyTorch";
    torch->program = python ? python : "/usr/bin/python3";
    torch->argument = script;
    torch->library_dir = "/usr/lib/x86_64-linux-gnu/openblas-openmp";
}

static int parse(options *o, int argc, char **argv) {
    static const struct option known[] = {
        {"quick", 0, NULL, 'q'},   {"json", 1, NULL, 'j'},   {"only", 1, NULL, 'o'},
        {"threads", 1, NULL, 't'}, {"tier", 1, NULL, 'r'},   {"seconds", 1, NULL, 's'},
        {"torch", 1, NULL, 'p'},   {"onednn", 1, NULL, 'd'}, {"phases", 0, NULL, 'a'},
        {"help", 0, NULL, 'h'},    {NULL, 0, NULL, 0}};
    int key, failed = 0;
    while (!failed && (key = getopt_long(argc, argv, "", known, NULL)) != -1) {
        switch (key) {
            case 'q':
                o->quick = 1;
                break;
            case 'a':
                o->phases = 1;
                break;
            case 'j':
                o->json = optarg;
                break;
            case 'o':
                o->only = optarg;
                break;
            case 't':
                o->threads = atoi(optarg);
                break;
            case 'r':
                failed = parse_tier(o, optarg);
                break;
            case 's':
                o->seconds = atof(optarg);
                break;
            case 'p':
                set_torch(&o->torch, optarg);
                break;
            case 'd':
                o->onednn.name = "oneDNN";
                o->onednn.program = optarg;
                break;
            default:
                failed = 1;
        }
    }
    if (failed || optind < argc || o->threads < 0 || o->threads > 2 || o->seconds < 0) {
        fputs(usage, stderr);
        return -1;
    }
    return 0;
}

/* A BLAS that starts threads of its own would compute the "1 thread" rows with several. Its setting
 * is read when it is loaded: set it and start again. */
static void hold_blas_threads(char **argv) {
    if (!getenv("OPENBLAS_NUM_THREADS")) {
        setenv("OPENBLAS_NUM_THREADS", "1", 1);
        setenv("BLIS_NUM_THREADS", "1", 1);
        execv("/proc/self/exe", argv);
        fputs("bench: BLAS may use threads of its own\n", stderr);
    }
}

/* The library and the peers that were asked for and answer. Returns their number. */
static int gather(const options *o, contender *contenders) {
    const peer_command *const commands[] = {&o->torch, &o->onednn};
    int n = 1;
    if (ours_create(&contenders[0], o->tier)) {
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        if (!commands[i]->program) {
            continue;
        }
        if (peer_create(&contenders[n], commands[i])) {
            fprintf(stderr, "bench: without %s: %s\n", commands[i]->name, contenders[n].detail);
        } else {
            n++;
        }
    }
    return n;
}

/* Two threads on a step of a small cell are slower than one: measured where they can help. */
static int wanted(const options *o, const workload *w, int threads) {
    if (o->threads && o->threads != threads) {
        return 0;
    }
    if (o->only && !strstr(w->name, o->only)) {
        return 0;
    }
    return threads == 1 || w->task != TASK_STREAM || (w->hidden >= 512 && !w->precision);
}

/* Single steps: as many as fit into the row's time, 1000 to 100,000. */
static int time_steps(latency *l, contender *ours, const outcome *o, double seconds) {
    double n = 0.15e9 * seconds / o->median;
    n = n < 1000 ? 1000 : n > 100000 ? 100000 : n;
    return latency_measure(l, ours, (int64_t)n, o->median);
}

/* The medians of the phases of some iterations, 7 to 1000. */
static int time_phases(double *phases, contender *ours, const outcome *o, double seconds) {
    samples times[PHASES] = {{0}};
    double n = 0.3e9 * seconds / o->median;
    int failed = ours_phases(ours, (int64_t)(n < 7 ? 7 : n > 1000 ? 1000 : n), times);
    for (int k = 0; k < PHASES; k++) {
        phases[k] = samples_quantile(&times[k], 0.5);
        samples_clear(&times[k]);
    }
    return failed;
}

static void measure_and_report(report *r, contender *contenders, const workload *w, int threads,
                               const effort *e) {
    outcome outcomes[CONTENDERS_MAX];
    ours_memory memory;
    latency steps;
    double phases[PHASES];
    dataset d;
    assignment t = {w, &d, threads};
    report_row row = {.w = w, .threads = threads, .tier = "none", .outcomes = outcomes};
    if (dataset_create(&d, w)) {
        fprintf(stderr, "bench: no memory for %s\n", w->name);
        r->problems++;
        return;
    }
    measure_row(contenders, r->n_contenders, &t, e, outcomes);
    if (outcomes[0].status == SETUP_OK) {
        row.tier = ours_tier_text(&contenders[0]);
        memory = ours_memory_of(&contenders[0]);
        row.error = w->precision ? ours_error_of(&contenders[0]) : 0;
        row.memory = w->layers > 1 || w->steps >= 1000 ? &memory : NULL;
        if (w->task == TASK_STREAM) {
            row.latency =
                time_steps(&steps, &contenders[0], &outcomes[0], e->row_seconds) ? NULL : &steps;
        } else if (e->phases) {
            row.phases =
                time_phases(phases, &contenders[0], &outcomes[0], e->row_seconds) ? NULL : phases;
        }
    }
    report_print_row(r, &row);
    measure_finish(contenders, r->n_contenders, outcomes);
    dataset_destroy(&d);
}

static void measure_all(const options *o, report *r, contender *contenders) {
    effort e = {.phases = o->phases,
                .row_seconds = o->quick ? 0.2 : 6,
                .turn_ms = o->quick ? 20 : 60,
                .rounds_min = o->quick ? 1 : 7,
                .rounds_max = o->quick ? 20 : 100};
    int n;
    const workload *table = workload_table(&n);
    if (o->seconds > 0) {
        e.row_seconds = o->seconds;
    }
    for (int i = 0; i < n; i++) {
        for (int threads = 1; threads <= 2; threads++) {
            if (wanted(o, &table[i], threads)) {
                measure_and_report(r, contenders, &table[i], threads, &e);
            }
        }
    }
}

int main(int argc, char **argv) {
    options o = {0};
    machine m;
    contender contenders[CONTENDERS_MAX];
    report r = {.machine = &m, .contenders = contenders};
    if (parse(&o, argc, argv)) {
        return 2;
    }
    hold_blas_threads(argv);
    r.json = o.json ? fopen(o.json, "w") : NULL;
    if (o.json && !r.json) {
        perror(o.json);
        return 2;
    }
    if (machine_measure(&m, o.quick ? 1.5 : 6)) {
        fputs("bench: the machine could not be measured\n", stderr);
        return 1;
    }
    r.n_contenders = gather(&o, contenders);
    report_machine(&r);
    measure_all(&o, &r, contenders);
    report_close(&r);
    ours_destroy(&contenders[0]);
    for (int i = 1; i < r.n_contenders; i++) {
        peer_destroy(&contenders[i]);
    }
    return r.problems ? 1 : 0;
}
