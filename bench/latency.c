/* SPDX-License-Identifier: MIT */
#include "latency.h"

#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "ours.h"

/* Additions that each wait for the one before. */
static void spin(int64_t rounds) {
    for (int64_t i = 0; i < rounds; i++) {
        __asm__ volatile("" : "+r"(i));
    }
}

/* The median time between two readings of the clock with nothing between them. */
static double clock_cost(samples *s) {
    for (int64_t i = 0; i < s->n; i++) {
        double start = clock_ns();
        s->ns[i] = clock_ns() - start;
    }
    return samples_quantile(s, 0.5);
}

/* How many rounds of spin() last `ns`. */
static int64_t rounds_of(double ns) {
    enum { ROUNDS = 1000000 };
    double best = 0;
    for (int i = 0; i < 5; i++) {
        double start = clock_ns(), rate;
        spin(ROUNDS);
        rate = ROUNDS / (clock_ns() - start);
        best = rate > best ? rate : best;
    }
    return (int64_t)(ns * best) + 1;
}

/* Room that has been written to: the kernel gives no page while the clock runs. */
static int make(samples *s, int64_t n) {
    s->ns = malloc((size_t)n * sizeof *s->ns);
    s->n = s->capacity = s->ns ? n : 0;
    if (s->ns) {
        memset(s->ns, 1, (size_t)n * sizeof *s->ns);
    }
    return s->ns ? 0 : -1;
}

static int take_turns(samples *steps, samples *loops, contender *ours, double guess) {
    int64_t rounds = rounds_of(guess);
    double cost = clock_cost(steps);
    for (int64_t i = 0; i < steps->n; i++) {
        double start = clock_ns(), middle, end;
        if (ours_step(ours)) {
            return -1;
        }
        middle = clock_ns();
        spin(rounds);
        end = clock_ns();
        steps->ns[i] = middle - start - cost;
        loops->ns[i] = end - middle - cost;
    }
    return 0;
}

static void quantiles_of(double *out, samples *s) {
    static const double at[QUANTILES] = {0.5, 0.99, 0.999};
    for (int i = 0; i < QUANTILES; i++) {
        out[i] = samples_quantile(s, at[i]);
    }
}

int latency_measure(latency *l, contender *ours, int64_t n, double guess) {
    samples steps = {0}, loops = {0};
    int failed = make(&steps, n) || make(&loops, n) || take_turns(&steps, &loops, ours, guess);
    if (!failed) {
        quantiles_of(l->step, &steps);
        quantiles_of(l->loop, &loops);
    }
    samples_clear(&steps);
    samples_clear(&loops);
    return failed ? -1 : 0;
}

double latency_tail(const double quantiles[QUANTILES]) {
    return quantiles[QUANTILES - 1] / quantiles[0];
}
