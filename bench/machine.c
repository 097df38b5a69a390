/* SPDX-License-Identifier: MIT
 * The limits of this machine: the best of several short measurements, because a disturbed one can
 * only be too slow. */
#include "machine.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "clock.h"
#include "machine_loops.h"

enum { SMALLEST = 8 << 10 }; /* bytes of the smallest working set; each next one doubles */

/* One core's share of a measurement. */
typedef struct worker {
    const machine_loops *loops;
    atomic_int *waiting; /* workers still to arrive at the start line */
    const char *data;    /* [bytes] read, or NULL for the multiply-add loop */
    int64_t bytes, rounds;
    double seconds;
} worker;

/* A thread's run: wait for the others, then time the loop. */
static void *work(void *argument) {
    worker *w = argument;
    float sink = 0;
    double start;
    atomic_fetch_sub(w->waiting, 1);
    while (atomic_load(w->waiting) > 0) {
    }
    start = clock_ns();
    if (w->data) {
        sink = (float)(w->loops->read(w->data, w->bytes, w->rounds) & 1);
    } else {
        w->loops->fma(w->rounds, &sink);
    }
    w->seconds = 1e-9 * (clock_ns() - start);
    *(volatile float *)&sink = sink;
    return NULL;
}

/* Run `n` workers at once, the first on this thread. The slowest one's seconds, or -1. */
static double work_together(const worker *model, char *const *data, int n) {
    worker workers[MACHINE_THREADS];
    pthread_t threads[MACHINE_THREADS];
    atomic_int waiting;
    double slowest = 0;
    atomic_init(&waiting, n);
    for (int i = 0; i < n; i++) {
        workers[i] = *model;
        workers[i].waiting = &waiting;
        workers[i].data = data ? data[i] : NULL;
    }
    for (int i = 1; i < n; i++) {
        if (pthread_create(&threads[i], NULL, work, &workers[i])) {
            return -1; /* the started ones spin on: the caller gives up the whole program */
        }
    }
    work(&workers[0]);
    for (int i = 1; i < n; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < n; i++) {
        slowest = workers[i].seconds > slowest ? workers[i].seconds : slowest;
    }
    return slowest;
}

/* Rounds per second of one worker, at best, over about `budget` seconds; -1 if it cannot be run.
 * Many short repeats: one of them will find all cores undisturbed. */
static double best_rate(worker *model, char *const *data, int n, double budget) {
    const int repeats = 25, enough = 5;
    double best = 0, took, start = clock_ns();
    model->rounds = 1;
    do { /* find how many rounds a repeat takes */
        model->rounds *= 2;
        took = work_together(model, data, n);
    } while (took >= 0 && took < 0.5 * budget / repeats);
    for (int i = 0; i < repeats && took >= 0; i++) {
        if (i >= enough && clock_ns() - start > 2e9 * budget) {
            break;
        }
        took = work_together(model, data, n);
        if (took > 0 && (double)model->rounds / took > best) {
            best = (double)model->rounds / took;
        }
    }
    return took < 0 ? -1 : best;
}

static int measure_flops(machine *m, const machine_loops *loops, int n, double budget) {
    worker model = {.loops = loops};
    double rate = best_rate(&model, NULL, n, budget);
    m->flops[n - 1] = rate * 2.0 * MACHINE_CHAINS * loops->lanes;
    return rate > 0 ? 0 : -1;
}

static int measure_bytes(machine *m, const machine_loops *loops, char *const *data, int n,
                         double budget) {
    for (int i = 0; i < MACHINE_SIZES; i++) {
        worker model = {.loops = loops, .bytes = (int64_t)SMALLEST << i};
        double rate = best_rate(&model, data, n, budget / MACHINE_SIZES);
        if (rate <= 0) {
            return -1;
        }
        m->size[i] = (double)model.bytes;
        m->bytes[n - 1][i] = rate * (double)model.bytes;
    }
    return 0;
}

static void measure_activation(machine *m, const machine_loops *loops) {
    enum { N = 512, PASSES = 200 };
    _Alignas(64) float x[N], y[N];
    double best = 1;
    for (int i = 0; i < N; i++) {
        x[i] = (float)(i - N / 2) / (N / 4);
    }
    for (int repeat = 0; repeat < 20; repeat++) {
        double start = clock_ns(), seconds;
        for (int pass = 0; pass < PASSES; pass++) {
            loops->activation(y, x, N);
            __asm__ volatile("" : : "r"(y) : "memory");
        }
        seconds = 1e-9 * (clock_ns() - start) / ((double)N * PASSES);
        best = seconds < best ? seconds : best;
    }
    m->activation = best;
}

void machine_cpu(char name[MACHINE_NAME]) {
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(name, MACHINE_NAME, "unknown CPU");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!strncmp(line, "model name", 10) && colon && colon[1]) {
            colon[strcspn(colon, "\n")] = 0;
            snprintf(name, MACHINE_NAME, "%.95s", colon + 2);
            break;
        }
    }
    if (file) {
        fclose(file);
    }
}

static int measure_all(machine *m, const machine_loops *loops, char *const *data, double seconds) {
    int most = m->cores < MACHINE_THREADS ? m->cores : MACHINE_THREADS;
    measure_activation(m, loops);
    for (int n = 1; n <= most; n++) {
        if (measure_flops(m, loops, n, 0.2 * seconds / most) ||
            measure_bytes(m, loops, data, n, 0.8 * seconds / most)) {
            return -1;
        }
    }
    for (int n = most + 1; n <= MACHINE_THREADS; n++) { /* cores that are not there add nothing */
        m->flops[n - 1] = m->flops[most - 1] * most / n;
        for (int i = 0; i < MACHINE_SIZES; i++) {
            m->bytes[n - 1][i] = m->bytes[most - 1][i] * most / n;
        }
    }
    return 0;
}

int machine_measure(machine *m, double seconds) {
    const machine_loops *loops = machine_loops_select();
    size_t largest = (size_t)SMALLEST << (MACHINE_SIZES - 1);
    char *data[MACHINE_THREADS] = {NULL};
    int failed = 0;
    memset(m, 0, sizeof *m);
    m->isa = loops->isa;
    machine_cpu(m->cpu);
    m->cores = (int)sysconf(_SC_NPROCESSORS_ONLN);
    for (int i = 0; i < MACHINE_THREADS; i++) {
        data[i] = aligned_alloc(64, largest);
        failed |= !data[i];
        if (data[i]) {
            memset(data[i], i + 1, largest);
        }
    }
    if (!failed) {
        failed = measure_all(m, loops, data, seconds);
    }
    for (int i = 0; i < MACHINE_THREADS; i++) {
        free(data[i]);
    }
    return failed ? -1 : 0;
}

static int row(int threads) {
    return threads < 1 ? 0 : threads > MACHINE_THREADS ? MACHINE_THREADS - 1 : threads - 1;
}

double machine_flops(const machine *m, int threads) {
    return m->flops[row(threads)];
}

double machine_bandwidth(const machine *m, int threads, double bytes) {
    const double *rate = m->bytes[row(threads)];
    for (int i = 0; i + 1 < MACHINE_SIZES; i++) {
        if (bytes < m->size[i + 1]) {
            double share = bytes <= m->size[i] ? 0 : bytes / m->size[i] - 1;
            return rate[i] + share * (rate[i + 1] - rate[i]);
        }
    }
    return rate[MACHINE_SIZES - 1];
}
