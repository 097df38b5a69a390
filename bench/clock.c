/* SPDX-License-Identifier: MIT */
#include "clock.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

void clock_sleep_ms(double ms) {
    struct timespec span;
    span.tv_sec = (time_t)(ms / 1e3);
    span.tv_nsec = (long)((ms - 1e3 * (double)span.tv_sec) * 1e6);
    nanosleep(&span, NULL);
}

/* Room for `n` more. */
static int samples_reserve(samples *s, int64_t n) {
    int64_t capacity = s->capacity ? s->capacity : 256;
    double *ns;
    if (s->n + n <= s->capacity) {
        return 0;
    }
    while (capacity < s->n + n) {
        capacity *= 2;
    }
    ns = realloc(s->ns, (size_t)capacity * sizeof *ns);
    if (!ns) {
        return -1;
    }
    s->ns = ns;
    s->capacity = capacity;
    return 0;
}

int samples_add(samples *s, const double *ns, int64_t n) {
    if (samples_reserve(s, n)) {
        return -1;
    }
    memcpy(s->ns + s->n, ns, (size_t)n * sizeof *ns);
    s->n += n;
    return 0;
}

void samples_clear(samples *s) {
    free(s->ns);
    memset(s, 0, sizeof *s);
}

double samples_best(const samples *s) {
    double best = NAN;
    for (int64_t i = 0; i < s->n; i++) {
        if (!(best <= s->ns[i])) {
            best = s->ns[i];
        }
    }
    return best;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double samples_quantile(samples *s, double q) {
    if (s->n == 0) {
        return NAN;
    }
    qsort(s->ns, (size_t)s->n, sizeof *s->ns, ascending);
    double at = q * (double)(s->n - 1);
    int64_t low = (int64_t)at;
    double high = s->ns[low + 1 < s->n ? low + 1 : low];
    return s->ns[low] + (at - (double)low) * (high - s->ns[low]);
}
