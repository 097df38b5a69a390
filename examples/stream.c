/* SPDX-License-Identifier: MIT
 *
 * stream: one step at a time, as a robot, a microphone or a keyboard would feed it.
 *
 * Shows how long a step takes (no heap, no lock, no system call in it), and that a state can be
 * copied: try a future, go back, and live it again to the last bit.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common.h"

typedef struct settings {
    int64_t cell, input, hidden, layers, steps, seed, threads;
} settings;

static tkr_cell *make_net(const settings *set) {
    tkr_cell *net;
    tkr_env *env = ex_env(set->threads);
    ex_try(env, tkr_cell_create(&net, ex_cell_kind(set->cell), set->input, set->hidden, env));
    ex_try(net, tkr_cell_set_int(net, TKR_LAYERS, set->layers));
    ex_try(net, tkr_cell_init(net, (uint64_t)set->seed));
    return net;
}

/* A signal to feed: each input is a sine of its own frequency. */
static void signal_at(float *x, int64_t inputs, int64_t t) {
    for (int64_t i = 0; i < inputs; i++) {
        x[i] = (float)sin(0.05 * (double)((i + 1) * (t % 100000)));
    }
}

/* Nanoseconds of each of `steps` steps. */
static void measure(const settings *set, const tkr_cell *net, tkr_state *state, double *ns) {
    float *x = ex_alloc(set->input, sizeof *x), *y = ex_alloc(set->hidden, sizeof *y);
    for (int64_t t = 0; t < set->steps; t++) {
        signal_at(x, set->input, t);
        double start = ex_now();
        ex_try(state, tkr_cell_step(net, state, y, x));
        ns[t] = 1e9 * (ex_now() - start);
    }
    free(x);
    free(y);
}

/* What the clock itself costs, in nanoseconds: it is part of every measurement. */
static double clock_cost(void) {
    enum { READS = 1000 };
    double start = ex_now();
    for (int i = 0; i < READS; i++) {
        (void)ex_now();
    }
    return 1e9 * (ex_now() - start) / READS;
}

static void print_latency(const settings *set, double *ns, double clock_ns) {
    double median = ex_median(ns, set->steps); /* sorts them */
    printf("step: median %.0f ns, p99 %.0f ns, worst %.0f ns over %lld steps (clock: %.0f ns)\n",
           median, ns[(set->steps - 1) * 99 / 100], ns[set->steps - 1], (long long)set->steps,
           clock_ns);
}

/* Run `n` steps on from where the state is; y is left with the last output. */
static void run_on(const settings *set, const tkr_cell *net, tkr_state *state, float *y, int n) {
    float *x = ex_alloc(set->input, sizeof *x);
    for (int t = 0; t < n; t++) {
        signal_at(x, set->input, set->steps + t);
        ex_try(state, tkr_cell_step(net, state, y, x));
    }
    free(x);
}

/* Take a snapshot, run on, go back to it, run on again: the same numbers must come out. */
static void show_rollback(const settings *set, const tkr_cell *net, tkr_state *state) {
    enum { AHEAD = 25 };
    size_t bytes = (size_t)set->hidden * sizeof(float);
    float *once = ex_alloc(1, bytes), *again = ex_alloc(1, bytes);
    tkr_state *snapshot;
    ex_try(ex_env(set->threads), tkr_state_create(&snapshot, net, 1, ex_env(set->threads)));
    ex_try(snapshot, tkr_state_copy(snapshot, state));
    run_on(set, net, state, once, AHEAD);
    ex_try(state, tkr_state_copy(state, snapshot));
    run_on(set, net, state, again, AHEAD);
    tkr_state_destroy(snapshot);
    if (memcmp(once, again, bytes) != 0) {
        ex_die("after the roll-back the outputs differ");
    }
    printf("roll-back: %d steps lived twice from one snapshot, %zu output bytes identical\n", AHEAD,
           bytes);
    free(once);
    free(again);
}

static void read_options(settings *set, int argc, char **argv) {
    ex_option options[] = {
        {"cell", EX_CHOICE, &set->cell, 0, 0, "elman|lstm|gru: the cell", 0},
        {"input", EX_INT, &set->input, 1, 4096, "inputs a step", 0},
        {"hidden", EX_INT, &set->hidden, 1, 8192, "hidden units", 0},
        {"layers", EX_INT, &set->layers, 1, 64, "layers", 0},
        {"steps", EX_INT, &set->steps, 100, 1e8, "steps to measure", 0},
        {"seed", EX_INT, &set->seed, 0, 1e9, "which random weights", 0},
        {"threads", EX_INT, &set->threads, 1, 64, "threads in one step", 0},
        {0},
    };
    ex_options("Stream a signal through a recurrent net: latency, and states that roll back.",
               options, argc, argv);
}

int main(int argc, char **argv) {
    settings set = {
        .cell = 1, .input = 1, .hidden = 40, .layers = 1, .steps = 200000, .seed = 1, .threads = 1};
    read_options(&set, argc, argv);

    tkr_state *state;
    tkr_cell *net = make_net(&set);
    uint64_t cell_bytes = 0, state_bytes = 0;
    ex_try(ex_env(set.threads), tkr_state_create(&state, net, 1, ex_env(set.threads)));
    ex_try(net, tkr_cell_size(&cell_bytes, net));
    ex_try(net, tkr_state_size(&state_bytes, net, 1));
    printf("%s, %lld inputs, %lld x %lld units: the net takes %llu bytes, a stream %llu\n",
           ex_cell_name(ex_cell_kind(set.cell)), (long long)set.input, (long long)set.layers,
           (long long)set.hidden, (unsigned long long)cell_bytes, (unsigned long long)state_bytes);

    double *ns = ex_alloc(set.steps, sizeof *ns);
    measure(&set, net, state, ns);
    print_latency(&set, ns, clock_cost());
    show_rollback(&set, net, state);
    free(ns);
    tkr_state_destroy(state);
    tkr_cell_destroy(net);
    return ex_done();
}
