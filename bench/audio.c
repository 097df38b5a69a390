/* SPDX-License-Identifier: MIT
 * Whole models as an audio plug-in runs them: blocks of frames through recurrent layers and a
 * linear map to one output. Ours by tkr_cell_steps() and by a tkr_cell_step() for each frame, and
 * peers, in turns within one run, the outputs compared before. Then ours alone with many streams.
 *
 * usage: tekrar-bench-audio [--tier NAME] [--rounds N] [PEER.so...] */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tekrar/tekrar.h>

#include "audio_peer.h"
#include "clock.h"
#include "machine.h"

enum { BLOCK = 64, PEERS_MAX = 8, OURS = 3, TURN_NS = 400000, COMPARED = 64 * BLOCK };
enum { BATCHES = 4, STREAMS_MAX = 16 };

/* Beyond that the outputs are of another model. A peer's tanh is exact to some 1e-6, if it does not
 * state a tolerance of its own. */
#define SAME 1e-4f

typedef struct row {
    const char *name;
    audio_shape shape;
} row;

static const row rows[] = {
    {"LSTM 3", {AUDIO_LSTM, 1, 3, 1}},           {"LSTM 16", {AUDIO_LSTM, 1, 16, 1}},
    {"LSTM 2 x 8", {AUDIO_LSTM, 1, 8, 2}},       {"LSTM 12", {AUDIO_LSTM, 1, 12, 1}},
    {"LSTM 20", {AUDIO_LSTM, 1, 20, 1}},         {"LSTM 40", {AUDIO_LSTM, 1, 40, 1}},
    {"LSTM 16, a knob", {AUDIO_LSTM, 2, 16, 1}}, {"GRU 32", {AUDIO_GRU, 1, 32, 1}},
    {"GRU 64", {AUDIO_GRU, 1, 64, 1}},
};

static const row stream_rows[] = {
    {"LSTM 16", {AUDIO_LSTM, 1, 16, 1}},
    {"LSTM 40", {AUDIO_LSTM, 1, 40, 1}},
};
static const int64_t batches[BATCHES] = {1, 4, 8, STREAMS_MAX};

/* One of those who run a row. */
typedef struct runner {
    const char *name;
    void (*process)(void *self, float *y, const float *x, int64_t frames);
    void (*destroy)(void *self);
    void *self;      /* NULL: it does not take this row */
    const float *x;  /* [COMPARED][width] */
    int64_t width;   /* floats of input for each frame, of all streams */
    float tolerance; /* of a peer that approximates; 0: none stated */
    samples times;
    double median; /* ns for each frame */
} runner;

/* What the program was asked for. */
typedef struct request {
    const audio_peer *peers[PEERS_MAX];
    int n_peers;
    int32_t tier;
    int64_t rounds;
} request;

typedef struct ours {
    tkr_cell *cell;
    tkr_state *state;
    int64_t input;
} ours;

static void must(int32_t status, const char *call) {
    if (status != TKR_OK) {
        fprintf(stderr, "bench: %s: %s\n", call, tkr_status_text(status));
        exit(EXIT_FAILURE);
    }
}

static void *some(size_t n, size_t size) {
    void *made = calloc(n, size);
    must(made ? TKR_OK : TKR_ERR_MEMORY, "calloc");
    return made;
}

/* ------------------------------------------------------------------------------------------------
 * Ours
 * --------------------------------------------------------------------------------------------- */

static void by_block(void *self, float *y, const float *x, int64_t frames) {
    ours *o = self;
    must(tkr_cell_steps(o->cell, o->state, y, x, frames), "steps");
}

static void by_step(void *self, float *y, const float *x, int64_t frames) {
    ours *o = self;
    for (int64_t t = 0; t < frames; t++) {
        must(tkr_cell_step(o->cell, o->state, y + t, x + t * o->input), "step");
    }
}

static void destroy_ours(void *self) {
    ours *o = self;
    tkr_state_destroy(o->state);
    tkr_cell_destroy(o->cell);
    free(o);
}

static ours *make_ours(const audio_shape *shape, int32_t tier, int64_t batch) {
    ours *o = some(1, sizeof *o);
    tkr_cell *parts[2];
    const tkr_env env = {.size = sizeof env, .tier = tier};
    const int32_t kind = shape->kind == AUDIO_GRU ? TKR_GRU : TKR_LSTM;
    must(tkr_cell_create(&parts[0], kind, shape->input, shape->hidden, &env), "create");
    must(tkr_cell_set_int(parts[0], TKR_LAYERS, shape->layers), "layers");
    must(tkr_cell_create(&parts[1], TKR_LINEAR, shape->hidden, 1, &env), "create");
    must(tkr_cell_chain(&o->cell, parts, 2, &env), "chain");
    must(tkr_cell_init(o->cell, 7), "init");
    must(tkr_state_create(&o->state, o->cell, batch, NULL), "state");
    o->input = shape->input;
    return o;
}

/* The same by its approximating copy. */
static ours *approximated(ours *o, int32_t tier) {
    const tkr_env env = {.size = sizeof env, .tier = tier};
    tkr_cell *quick;
    must(tkr_cell_quantize(&quick, NULL, o->cell, TKR_APPROXIMATE, NULL, &env), "quantize");
    tkr_state_destroy(o->state);
    tkr_cell_destroy(o->cell);
    o->cell = quick;
    must(tkr_state_create(&o->state, quick, 1, NULL), "state");
    return o;
}

static const float *parameter_of(const tkr_cell *cell, const char *name, int64_t len) {
    float *values = some((size_t)len, sizeof *values);
    must(tkr_cell_get_parameter(cell, name, values, len), name);
    return values;
}

static void take_weights(audio_weights *w, const tkr_cell *cell, const audio_shape *s) {
    static const char *const names[] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    const int64_t outs = (s->kind == AUDIO_GRU ? 3 : 4) * s->hidden;
    for (int64_t l = 0; l < s->layers; l++) {
        const int64_t width[] = {l == 0 ? s->input : s->hidden, s->hidden, 1, 1};
        for (int i = 0; i < AUDIO_TENSORS; i++) {
            char name[40];
            snprintf(name, sizeof name, "0.%s_l%d", names[i], (int)l);
            w->layer[l][i] = parameter_of(cell, name, outs * width[i]);
        }
    }
    w->head = parameter_of(cell, "1.weight", s->hidden);
    w->head_bias = parameter_of(cell, "1.bias", 1);
}

static void drop_weights(audio_weights *w, const audio_shape *s) {
    for (int64_t l = 0; l < s->layers; l++) {
        for (int i = 0; i < AUDIO_TENSORS; i++) {
            free((void *)w->layer[l][i]);
        }
    }
    free((void *)w->head);
    free((void *)w->head_bias);
}

/* ------------------------------------------------------------------------------------------------
 * Turns
 * --------------------------------------------------------------------------------------------- */

/* What a guitar might do, and knobs that stand still: [COMPARED][streams][input]. */
static float *sound(int64_t streams, int64_t input) {
    float *x = some((size_t)(COMPARED * streams * input), sizeof *x);
    for (int64_t i = 0; i < COMPARED * streams; i++) {
        const double at = (double)(i / streams + i % streams * 997) / 44100;
        for (int64_t knob = 1; knob < input; knob++) {
            x[i * input + knob] = 0.5f;
        }
        x[i * input] = (float)(0.3 * sin(691 * at) + 0.2 * sin(1382 * at + 1) * cos(30 * at));
    }
    return x;
}

static int agrees(const runner *r, const float *expected) {
    static float y[COMPARED];
    const float tolerance = r->tolerance > 0 ? r->tolerance : SAME;
    float worst = 0;
    r->process(r->self, y, r->x, COMPARED);
    for (int64_t t = 0; t < COMPARED && worst <= tolerance; t++) { /* NaN ends it too */
        const float off = fabsf(y[t] - expected[t]);
        worst = off <= worst ? worst : off;
    }
    if (!(worst <= tolerance)) {
        fprintf(stderr, "bench: %s differs by %g\n", r->name, (double)worst);
    }
    return worst <= tolerance;
}

/* Blocks one after the other, for about TURN_NS. */
static void take_turn(runner *r, int64_t blocks) {
    static float y[BLOCK * STREAMS_MAX];
    const double start = clock_ns();
    for (int64_t i = 0; i < blocks; i++) {
        r->process(r->self, y, r->x + i % (COMPARED / BLOCK) * BLOCK * r->width, BLOCK);
    }
    const double ns = (clock_ns() - start) / (double)(blocks * BLOCK);
    must(samples_add(&r->times, &ns, 1) ? TKR_ERR_MEMORY : TKR_OK, "samples");
}

static void measure(runner *r, int n, int64_t rounds) {
    int64_t blocks[OURS + PEERS_MAX];
    for (int i = 0; i < n; i++) {
        if (r[i].self) {
            take_turn(&r[i], 100);
            blocks[i] = 1 + (int64_t)(TURN_NS / (samples_best(&r[i].times) * BLOCK));
            samples_clear(&r[i].times);
        }
    }
    for (int64_t round = 0; round < rounds; round++) {
        for (int i = 0; i < n; i++) {
            if (r[i].self) {
                take_turn(&r[i], blocks[i]);
            }
        }
    }
    for (int i = 0; i < n; i++) {
        r[i].median = r[i].self ? samples_quantile(&r[i].times, 0.5) : (double)NAN;
    }
}

static void destroy_all(runner *r, int n) {
    for (int i = 0; i < n; i++) {
        if (r[i].self) {
            r[i].destroy(r[i].self);
        }
        samples_clear(&r[i].times);
    }
}

static const char *tier_of(const runner *r) {
    static const char *const names[] = {"?", "reference", "generic", "AVX2", "AVX-512", "NEON"};
    return names[tkr_cell_tier(((const ours *)r->self)->cell)];
}

/* ------------------------------------------------------------------------------------------------
 * One stream, beside the peers
 * --------------------------------------------------------------------------------------------- */

/* The least median of those in r[0..n) that do not approximate; NaN: there is none. */
static double best_of(const runner *r, int n) {
    double best = (double)NAN;
    for (int i = 0; i < n; i++) {
        best = r[i].tolerance > 0 ? best : fmin(best, r[i].median);
    }
    return best;
}

/* What a row adds to the last lines. */
typedef struct total {
    double logs, least;
    int n;
} total;

static void print_row(const row *line, const runner *r, int n, total *sum) {
    const double best = best_of(r + OURS, n - OURS), ratio = best / r[0].median;
    printf("| %s | %s ", line->name, tier_of(&r[0]));
    for (int i = 0; i < n; i++) {
        printf(r[i].self ? "| %.1f " : "| - ", r[i].median);
    }
    printf(ratio > 0 ? "| %.2f " : "| - ", ratio);
    printf("| %.2f %% |\n", r[0].median * 44100 * 1e-9 * 100);
    fflush(stdout);
    if (ratio > 0) {
        sum->logs += log(ratio);
        sum->least = fmin(sum->least, ratio);
        sum->n++;
    }
}

static void run_row(const row *line, const request *asked, total *sum) {
    static float y[COMPARED];
    audio_weights weights;
    const audio_shape *shape = &line->shape;
    const int n = OURS + asked->n_peers;
    float *x = sound(1, shape->input);
    runner r[OURS + PEERS_MAX] = {
        {.name = "block", .process = by_block, .destroy = destroy_ours},
        {.name = "steps", .process = by_step, .destroy = destroy_ours},
        {.name = "approximate", .process = by_block, .destroy = destroy_ours},
    };
    r[0].self = make_ours(shape, asked->tier, 1);
    r[1].self = make_ours(shape, asked->tier, 1);
    r[2].self = approximated(make_ours(shape, asked->tier, 1), asked->tier);
    take_weights(&weights, ((ours *)r[0].self)->cell, shape);
    by_block(r[0].self, y, x, COMPARED);
    for (int i = OURS; i < n; i++) {
        const audio_peer *peer = asked->peers[i - OURS];
        r[i] = (runner){.name = peer->name,
                        .process = peer->process,
                        .destroy = peer->destroy,
                        .self = peer->create(shape, &weights),
                        .tolerance = peer->tolerance};
    }
    for (int i = 0; i < n; i++) {
        r[i].x = x;
        r[i].width = shape->input;
        if (i > 0 && r[i].self && !agrees(&r[i], y)) {
            r[i].destroy(r[i].self);
            r[i].self = NULL;
        }
    }
    measure(r, n, asked->rounds);
    print_row(line, r, n, sum);
    destroy_all(r, n);
    drop_weights(&weights, shape);
    free(x);
}

static void run_rows(const request *asked) {
    total sum = {.least = (double)INFINITY};
    printf("\nNanoseconds for each frame, one stream, blocks of %d, medians of %lld turns.\n\n",
           BLOCK, (long long)asked->rounds);
    printf("| model | tier | block call | %d steps | approximate ", BLOCK);
    for (int i = 0; i < asked->n_peers; i++) {
        printf("| %s ", asked->peers[i]->name);
    }
    printf("| best peer / block | of a core at 44.1 kHz |\n|---|---");
    for (int i = 0; i < asked->n_peers + OURS; i++) {
        printf("|---");
    }
    printf("|---|---|\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        run_row(&rows[i], asked, &sum);
    }
    if (sum.n > 0) {
        printf("\nBest peer / block call: geometric mean %.2f, least %.2f.", exp(sum.logs / sum.n),
               sum.least);
        printf(" A peer that approximates tanh does not count.\n");
    }
    if (asked->tier == TKR_TIER_BEST) {
        printf(
            "\nUnder the best tier a net whose layers all fit half a vector runs on the tier of"
            " that width:\non AVX2, where AVX-512 is best, with up to 8 units.\n");
    }
}

/* ------------------------------------------------------------------------------------------------
 * Many streams
 * --------------------------------------------------------------------------------------------- */

static void run_streams(const row *line, const request *asked) {
    runner r[BATCHES];
    float *x[BATCHES];
    for (int i = 0; i < BATCHES; i++) {
        x[i] = sound(batches[i], line->shape.input);
        r[i] = (runner){.process = by_block,
                        .destroy = destroy_ours,
                        .self = make_ours(&line->shape, asked->tier, batches[i]),
                        .x = x[i],
                        .width = batches[i] * line->shape.input};
    }
    measure(r, BATCHES, asked->rounds);
    printf("| %s | %s ", line->name, tier_of(&r[0]));
    for (int i = 0; i < BATCHES; i++) {
        const double each = r[i].median / (double)batches[i];
        printf("| %.1f (%.2f) ", each, r[0].median / each);
        free(x[i]);
    }
    printf("|\n");
    fflush(stdout);
    destroy_all(r, BATCHES);
}

static void run_all_streams(const request *asked) {
    printf("\nNanoseconds for each frame and stream, blocks of %d frames of B streams;", BLOCK);
    printf(" in brackets the throughput\nover that of one stream.\n\n| model | tier ");
    for (int i = 0; i < BATCHES; i++) {
        printf("| B %d ", (int)batches[i]);
    }
    printf("|\n|---|---");
    for (int i = 0; i < BATCHES; i++) {
        printf("|---");
    }
    printf("|\n");
    for (size_t i = 0; i < sizeof stream_rows / sizeof *stream_rows; i++) {
        run_streams(&stream_rows[i], asked);
    }
}

/* ------------------------------------------------------------------------------------------------
 * The program
 * --------------------------------------------------------------------------------------------- */

static const audio_peer *load_peer(const char *file) {
    const audio_peer *(*get)(void) = NULL;
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    void *symbol = library ? dlsym(library, "audio_peer_get") : NULL;
    if (!symbol) {
        fprintf(stderr, "bench: %s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    memcpy(&get, &symbol, sizeof get);
    return get();
}

static int32_t tier_named(const char *name) {
    static const char *const names[] = {"best", "reference", "generic", "avx2", "avx512", "neon"};
    for (int32_t i = 0; i < (int32_t)(sizeof names / sizeof *names); i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    fprintf(stderr, "bench: no tier %s\n", name);
    exit(EXIT_FAILURE);
}

int main(int argc, char **argv) {
    char cpu[MACHINE_NAME];
    request asked = {.tier = TKR_TIER_BEST, .rounds = 200};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--tier") == 0 && i + 1 < argc) {
            asked.tier = tier_named(argv[++i]);
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            asked.rounds = strtoll(argv[++i], NULL, 10);
        } else if (argv[i][0] != '-' && asked.n_peers < PEERS_MAX) {
            asked.peers[asked.n_peers++] = load_peer(argv[i]);
        } else {
            fprintf(stderr, "usage: tekrar-bench-audio [--tier NAME] [--rounds N] [PEER.so...]\n");
            return EXIT_FAILURE;
        }
    }
    machine_cpu(cpu);
    printf("- machine: %s\n", cpu);
    run_rows(&asked);
    run_all_streams(&asked);
    return 0;
}
