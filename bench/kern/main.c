/* SPDX-License-Identifier: MIT
 * Every kernel on every tier that this CPU has: first held against the reference tier, then timed,
 * the tiers in turns. bench/run.sh --kern starts it. The exit status is 1 if a kernel's results are
 * not the reference's, or if there is no tier beside it. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../clock.h"
#include "../machine.h"
#include "case.h"

enum { TABLES_MAX = 8, ROUNDS = 15, ROUNDS_MIN = 3 };

/* A tier, or a tier with one of its tables of quantized products. */
typedef struct table {
    char name[24];
    const tkri_kern *kern;
    tkri_quantized_kern quantized;
    int further;       /* 1: only its quantized products are its own */
    int wins, kernels; /* sizes that matter, and those at least WIN times faster than one below */
    double best, worst;
    char least[80]; /* where the win is smallest */
} table;

typedef struct bench {
    table tables[TABLES_MAX]; /* the reference first, each faster than the one before, one hopes */
    int n, failures;
    double peak, seconds;
    const char *only;
} bench;

static const double WIN = 1.2;

/* ---- tiers ----------------------------------------------------------------------------------- */

static void add_tier(bench *b, int32_t tier) {
#define NAME(tier, id) [TKR_TIER_##id] = #tier,
    static const char *const names[TIERS_END] = {TKRI_TIERS(NAME)};
    tkri_quantized_kern quantized[TKRI_MAX_QUANTIZED];
    const int32_t n = quantized_tables(tier, quantized);
    for (int32_t i = n; i-- > 0;) {
        table *t = &b->tables[b->n++];
        *t = (table){
            .kern = tkri_kern_select(tier), .quantized = quantized[i], .further = i + 1 < n};
        t->worst = INFINITY;
        snprintf(t->name, sizeof t->name, "%s%s", names[tier], t->further ? " dot" : "");
    }
}

static void gather_tiers(bench *b) {
    for (int32_t tier = TKR_TIER_REFERENCE; tier < TIERS_END; tier++) {
        add_tier(b, tier);
    }
}

/* ---- one case -------------------------------------------------------------------------------- */

/* A case on a table. */
typedef struct entry {
    table *t;
    operands o;
    samples times; /* ns of one run */
    int64_t runs;  /* in a turn */
    int failed;
} entry;

static double time_runs(entry *e) {
    const double start = clock_ns();
    for (int64_t i = 0; i < e->runs; i++) {
        operands_run(&e->o);
    }
    return (clock_ns() - start) / (double)e->runs;
}

/* The first runs' results, against the reference's. */
static void check(bench *b, entry *entries, int n, const kern_case *c) {
    for (int i = 0; i < n; i++) {
        entry *e = &entries[i];
        int64_t at;
        operands_make(&e->o, c, e->t->kern, &e->t->quantized);
        operands_run(&e->o);
        at = operands_compare(&e->o, &entries[0].o);
        if (at >= 0) {
            printf("| %-19s | %-27s | %-12s | WRONG: result %lld is %.9g, not %.9g |\n", c->kernel,
                   c->shape, e->t->name, (long long)at, c->family->read(&e->o, at),
                   c->family->read(&entries[0].o, at));
            e->failed = 1;
            b->failures++;
        }
    }
}

static void take_turns(const bench *b, entry *entries, int n) {
    const double start = clock_ns();
    for (int i = 0; i < n; i++) { /* about 0.5 ms in a turn */
        entries[i].runs = 1;
        const double guess = fmin(time_runs(&entries[i]), time_runs(&entries[i]));
        entries[i].runs = (int64_t)fmax(1, fmin(5e5 / fmax(guess, 1), 1e5));
    }
    for (int round = 0; round < ROUNDS; round++) {
        if (round >= ROUNDS_MIN && clock_ns() - start > 1e9 * b->seconds) {
            return;
        }
        for (int i = 0; i < n; i++) {
            const double ns = time_runs(&entries[i]);
            if (samples_add(&entries[i].times, &ns, 1)) {
                return;
            }
        }
    }
}

/* ---- the table ------------------------------------------------------------------------------- */

/* The best turn, as P is the best rate: a disturbed one can only be too slow. */
static double time_of(const entry *e) {
    return samples_best(&e->times);
}

/* The generic tier's time, the yardstick. */
static double generic_of(entry *entries, int n) {
    for (int i = 0; i < n; i++) {
        if (entries[i].t->kern->tier == TKR_TIER_GENERIC && !entries[i].failed) {
            return time_of(&entries[i]);
        }
    }
    return NAN;
}

static void print_entry(const bench *b, entry *e, double generic, double below) {
    const double ns = time_of(e), gflops = e->o.flops / ns;
    printf("| %-19s | %-27s | %-12s | %10.4f |", e->o.c->kernel, e->o.c->shape, e->t->name,
           ns / e->o.elements);
    if (e->o.flops > 0) {
        printf(" %7.1f | %6.0f |", gflops, 100e9 * gflops / b->peak);
    } else {
        printf(" %7s | %6s |", "-", "-");
    }
    printf(" %9.2f |", generic / ns);
    if (isnan(below)) {
        printf(" %7s |\n", "-");
    } else {
        printf(" %7.2f |\n", below / ns);
    }
}

/* Count the size for or against its tier. */
static void judge(entry *e, double below) {
    const double win = below / time_of(e);
    table *t = e->t;
    if (e->o.c->minor || isnan(below)) {
        return;
    }
    t->kernels++;
    t->wins += win >= WIN;
    t->best = fmax(t->best, win);
    if (win < t->worst) {
        t->worst = win;
        snprintf(t->least, sizeof t->least, "%s, %s", e->o.c->kernel, e->o.c->shape);
    }
}

static void print_case(const bench *b, entry *entries, int n) {
    const double generic = generic_of(entries, n);
    double below = NAN;
    for (int i = 0; i < n; i++) {
        if (!entries[i].failed) {
            print_entry(b, &entries[i], generic, below);
            judge(&entries[i], below);
            below = time_of(&entries[i]);
        }
    }
    fflush(stdout);
}

static void run_case(bench *b, const kern_case *c) {
    entry entries[TABLES_MAX];
    int n = 0;
    memset(entries, 0, sizeof entries);
    for (int i = 0; i < b->n; i++) {
        if (c->family->quantized || !b->tables[i].further) {
            entries[n++].t = &b->tables[i];
        }
    }
    check(b, entries, n, c);
    take_turns(b, entries, n);
    print_case(b, entries, n);
    for (int i = 0; i < n; i++) {
        operands_free(&entries[i].o);
        samples_clear(&entries[i].times);
    }
}

/* ---- the program ----------------------------------------------------------------------------- */

static void run_all(bench *b) {
    const kern_case *c;
    printf(
        "| kernel              | shape                       | tier         | ns/element |"
        " GFLOP/s | %% of P | x generic | x below |\n"
        "|---------------------|-----------------------------|--------------|------------|"
        "---------|--------|-----------|---------|\n");
    for (int i = 0; (c = kern_case_at(i)); i++) {
        if (!b->only || strstr(c->kernel, b->only)) {
            run_case(b, c);
        }
    }
    printf("\n");
}

/* Which tiers are worth their code. */
static void print_verdicts(const bench *b) {
    for (int i = 1; i < b->n; i++) {
        const table *t = &b->tables[i];
        if (t->kernels) {
            printf(
                "- %s over %s: %s; %.1f times as fast or more in %d of the %d sizes that "
                "matter, %.2f times at most, %.2f at least (%s)\n",
                t->name, b->tables[i - 1].name, t->wins ? "it wins" : "NO WIN", WIN, t->wins,
                t->kernels, t->best, t->worst, t->least);
        }
    }
}

int main(int argc, char **argv) {
    bench b = {.seconds = 0.25, .only = argc > 1 ? argv[1] : NULL};
    machine m;
    if (argc > 2 || (argc > 1 && argv[1][0] == '-')) {
        fputs("usage: tekrar-bench-kern [KERNEL]\n", stderr);
        return 2;
    }
    if (machine_measure(&m, 1.5)) {
        fputs("bench: the machine could not be measured\n", stderr);
        return 1;
    }
    gather_tiers(&b);
    b.peak = machine_flops(&m, 1);
    printf("- machine: %s; FMA peak P of one core %.1f GFLOP/s, with %s loops\n\n", m.cpu,
           1e-9 * b.peak, m.isa);
    run_all(&b);
    print_verdicts(&b);
    if (b.n < 2) {
        fputs("bench: no tier beside the reference\n", stderr);
    }
    return b.failures || b.n < 2 ? 1 : 0;
}
