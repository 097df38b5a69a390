/* SPDX-License-Identifier: MIT */
#include "measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { TURN_MAX = 4096 };

/* Iterations up to a contender's first and later checks, by task. */
static const int64_t first_run[] = {[TASK_TRAIN] = 1, [TASK_LAYER] = 1, [TASK_STREAM] = 16};
static const int64_t later_run[] = {[TASK_TRAIN] = 4, [TASK_LAYER] = 1, [TASK_STREAM] = 240};

static const double SETTLE_MS = 12; /* an OpenMP thread spins some milliseconds before it sleeps */

/* Everything a row's functions share. */
typedef struct row {
    contender *contenders;
    outcome *outcomes;
    int n;
    const workload *w;
    const effort *e;
    double *ns; /* [TURN_MAX] */
} row;

/* Run contender `i`, or mark it failed. Returns the number of times in r->ns. */
static int64_t run_one(row *r, int i, int64_t n, double *check) {
    int64_t got = r->contenders[i].run(&r->contenders[i], n, r->ns, check);
    if (got < 0) {
        r->outcomes[i].status = SETUP_FAILED;
        r->contenders[i].finish(&r->contenders[i]);
    }
    return got;
}

/* The first results, from the parameters as given, and those after a few more iterations, which
 * also warm caches and tell about how long one takes. */
static void warm_up(row *r, int i) {
    if (run_one(r, i, first_run[r->w->task], r->outcomes[i].first) >= 0) {
        int64_t got = 1;
        if (r->n > 1) { /* alone, there is nothing to compare */
            got = run_one(r, i, later_run[r->w->task], r->outcomes[i].later);
        }
        r->outcomes[i].guess = got > 0 ? r->ns[got - 1] : 1e6;
    }
}

static int far(double a, double b, double tolerance) {
    return !(fabs(a - b) <= tolerance * (fabs(a) + fabs(b)) + 1e-12);
}

/* Mark the outcomes whose results are not those of the first contender that runs. */
static void compare(row *r) {
    const outcome *reference = NULL;
    for (int i = 0; i < r->n; i++) {
        outcome *o = &r->outcomes[i];
        if (o->status != SETUP_OK) {
            continue;
        }
        reference = reference ? reference : o;
        for (int k = 0; k < CHECKS; k++) {
            o->differs |= far(o->first[k], reference->first[k], 1e-5);
            o->differs |= far(o->later[k], reference->later[k], 5e-5);
        }
    }
}

/* One contender's turn: as many iterations as fit into it, at least one. */
static void take_turn(row *r, int i) {
    outcome *o = &r->outcomes[i];
    int stream = r->w->task == TASK_STREAM;
    double spent = 0, unused[CHECKS];
    double span = stream ? 0.2e6 : r->e->turn_ms * 1e6; /* of one call of run */
    int64_t n = (int64_t)fmin(fmax(span / o->guess, 1), stream ? 1e6 : TURN_MAX);
    while (spent < 1e6 * r->e->turn_ms) {
        int64_t got = run_one(r, i, n, unused);
        if (got < 0 || samples_add(&o->times, r->ns, got)) {
            return;
        }
        for (int64_t k = 0; k < got; k++) {
            spent += r->ns[k] * (stream ? (double)n : 1);
            o->guess = fmin(o->guess, r->ns[k]);
        }
    }
}

/* Turns in a circle until the time is used up. */
static void take_rounds(row *r) {
    double start = clock_ns();
    for (int round = 0; round < r->e->rounds_max; round++) {
        if (round >= r->e->rounds_min && clock_ns() - start > 1e9 * r->e->row_seconds) {
            return;
        }
        for (int i = 0; i < r->n; i++) {
            if (r->outcomes[i].status == SETUP_OK) {
                take_turn(r, i);
            }
            if (r->n > 1) {
                clock_sleep_ms(SETTLE_MS);
            }
        }
    }
}

int measure_row(contender *contenders, int n, const assignment *t, const effort *e,
                outcome *outcomes) {
    row r = {contenders, outcomes, n, t->w, e, malloc(TURN_MAX * sizeof(double))};
    int running = 0;
    memset(outcomes, 0, (size_t)n * sizeof *outcomes);
    if (!r.ns) {
        return -1;
    }
    for (int i = 0; i < n; i++) {
        outcomes[i].status = contenders[i].setup(&contenders[i], t->w, t->d, t->threads);
        if (outcomes[i].status == SETUP_OK) {
            warm_up(&r, i);
        }
    }
    compare(&r);
    take_rounds(&r);
    for (int i = 0; i < n; i++) {
        outcomes[i].best = samples_best(&outcomes[i].times);
        outcomes[i].median = samples_quantile(&outcomes[i].times, 0.5);
        running += outcomes[i].status == SETUP_OK;
    }
    free(r.ns);
    return running ? 0 : -1;
}

void measure_finish(contender *contenders, int n, outcome *outcomes) {
    for (int i = 0; i < n; i++) {
        if (outcomes[i].status == SETUP_OK) {
            contenders[i].finish(&contenders[i]);
        }
        samples_clear(&outcomes[i].times);
    }
}
