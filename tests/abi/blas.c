/* SPDX-License-Identifier: MIT
 * What a process has of a BLAS: at its start, when it has inferred and streamed on the generic
 * tier, and when it has trained on it. For blas.py, which reads the lines.
 *
 * usage: blas [TIER]: the tier to train on; without it the generic one */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tekrar/tekrar.h>

enum { T = 32, B = 16, I = 48, H = 64, SMALL_STACK = 16384 };

static float x[T * B * I], dy[T * B * H];

static void *nothing(void *argument) {
    return argument;
}

static int small_stack(void) {
    pthread_attr_t small;
    pthread_t thread;
    int status = pthread_attr_init(&small);
    status = status ? status : pthread_attr_setstacksize(&small, SMALL_STACK);
    status = status ? status : pthread_create(&thread, &small, nothing, NULL);
    return status ? status : pthread_join(thread, NULL);
}

/* A line of a file in /proc for each call; NULL behind the last. */
static char *next_line(FILE **file, const char *path) {
    static char line[512];
    *file = *file ? *file : fopen(path, "r");
    if (*file && fgets(line, sizeof line, *file)) {
        return line;
    }
    if (*file) {
        fclose(*file);
    }
    return NULL;
}

static int threads(void) {
    int n = 0;
    FILE *file = NULL;
    for (char *line; (line = next_line(&file, "/proc/self/status"));) {
        n = strncmp(line, "Threads:", 8) == 0 ? atoi(line + 8) : n;
    }
    return n;
}

/* Pieces of files in memory whose names have a BLAS in them. */
static int mapped(void) {
    int n = 0;
    FILE *file = NULL;
    for (char *line; (line = next_line(&file, "/proc/self/maps"));) {
        const char *name = strrchr(line, '/');
        n += name && (strstr(name, "blas") || strstr(name, "blis"));
    }
    return n;
}

/* "when: mapped M, threads N, small stack S, text: T" */
static void tell(const char *when) {
    printf("%s: mapped %d, threads %d, small stack %d, text: %s\n", when, mapped(), threads(),
           small_stack(), tkr_blas_text());
}

static tkr_cell *cell_on(int32_t tier) {
    const tkr_env env = {.size = sizeof env, .tier = tier};
    tkr_cell *cell;
    if (tkr_cell_create(&cell, TKR_GRU, I, H, &env) || tkr_cell_init(cell, 5)) {
        exit(2);
    }
    return cell;
}

static void infer(const tkr_cell *cell) {
    tkr_sequence *seq;
    tkr_state *state;
    static float y[B * H];
    if (tkr_sequence_create(&seq, cell, T, B, TKR_INFERENCE, NULL) ||
        tkr_sequence_forward(seq, x, NULL, T, B) || tkr_state_create(&state, cell, B, NULL) ||
        tkr_cell_step(cell, state, y, x)) {
        exit(2);
    }
    tkr_state_destroy(state);
    tkr_sequence_destroy(seq);
}

enum { N_X = T * B * I, N_IH = 3 * H * I, N_HH = 3 * H * H, N_ALL = N_X + N_IH + N_HH };

/* dL/dx, dL/dW_ih, dL/dW_hh one after the other. */
static void train(const tkr_cell *cell, float *all) {
    tkr_sequence *seq;
    if (tkr_sequence_create(&seq, cell, T, B, TKR_TRAINING | TKR_INPUT_GRADIENT, NULL) ||
        tkr_sequence_forward(seq, x, NULL, T, B) || tkr_sequence_backward(seq, dy, NULL) ||
        tkr_sequence_input_gradient(seq, all, N_X) ||
        tkr_sequence_gradient(seq, "weight_ih_l0", all + N_X, N_IH) ||
        tkr_sequence_gradient(seq, "weight_hh_l0", all + N_X + N_IH, N_HH)) {
        exit(2);
    }
    tkr_sequence_destroy(seq);
}

/* |a - b| / |b|; infinite if any number is not finite. */
static double distance(const float *a, const float *b) {
    double sum = 0, squares = 0;
    for (int64_t i = 0; i < N_ALL; i++) {
        sum += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        squares += (double)b[i] * b[i];
    }
    return isfinite(sum) && squares > 0 ? sqrt(sum / squares) : INFINITY;
}

/* How often the stub of blas.py was called; 0 of any other BLAS. */
static int stub_calls(void) {
    const char *text = tkr_blas_text();
    void *library = strchr(text, ',') ? NULL : dlopen(text, RTLD_NOW | RTLD_NOLOAD);
    const int *calls = library ? dlsym(library, "stub_calls") : NULL;
    return calls ? *calls : 0;
}

int main(int argc, char **argv) {
    static float got[N_ALL], want[N_ALL];
    tell("start");
    for (int i = 0; i < T * B * I; i++) {
        x[i] = (float)((i * 37) % 101) / 50 - 1;
    }
    for (int i = 0; i < T * B * H; i++) {
        dy[i] = (float)((i * 31) % 97) / 50 - 1;
    }
    tkr_cell *generic = cell_on(TKR_TIER_GENERIC), *reference = cell_on(TKR_TIER_REFERENCE);
    tkr_cell *cell = cell_on(argc > 1 ? atoi(argv[1]) : TKR_TIER_GENERIC);
    infer(generic);
    tell("inference");
    train(reference, want);
    train(cell, got);
    tell("training");
    printf("tier %d, stub calls %d, error %g\n", (int)tkr_cell_tier(cell), stub_calls(),
           distance(got, want));
    tkr_cell_destroy(generic), tkr_cell_destroy(reference), tkr_cell_destroy(cell);
    return 0;
}
