/* SPDX-License-Identifier: MIT
 * The n-gram rows: how long modified Kneser-Ney takes from ids to probabilities, what memory it has
 * at its peak beside what was announced, how large the compact form is, and how many questions it
 * answers, one call for each on a carried state, on text that it was not estimated from.
 *
 * usage: tekrar-bench-ngram FOLDER     with tinyshakespeare/input.txt and warpeace/... in it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <tekrar/tekrar.h>

#include "clock.h"

enum { ROUNDS = 9 };

/* One line of the table. */
typedef struct row {
    const char *name, *file;
    int32_t vocabulary, order;
} row;

static const row rows[] = {
    {"tinyshakespeare, characters", "tinyshakespeare/input.txt", TKR_CHARACTERS, 5},
    {"tinyshakespeare, characters", "tinyshakespeare/input.txt", TKR_CHARACTERS, 7},
    {"War and Peace, words", "warpeace/warpeace_input.txt", TKR_WORDS, 5},
};

/* A text as ids. */
typedef struct text {
    int32_t *ids;
    int64_t len, symbols;
} text;

/* What the allocator of the env has handed out; every block knows its size. */
typedef struct usage {
    uint64_t now, peak;
} usage;

static void *counting_allocate(void *user, uint64_t bytes) {
    usage *u = user;
    u->now += bytes;
    u->peak = u->now > u->peak ? u->now : u->peak;
    return malloc((size_t)bytes);
}

static void counting_release(void *user, void *block, uint64_t bytes) {
    usage *u = user;
    u->now -= bytes;
    free(block);
}

static void must(int32_t status, const char *call) {
    if (status != TKR_OK) {
        fprintf(stderr, "bench: %s: %s\n", call, tkr_status_text(status));
        exit(EXIT_FAILURE);
    }
}

/* Read a file into ids. Returns 0 if it is not there. */
static int read_text(text *t, const char *folder, const row *r) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, r->file);
    FILE *file = fopen(path, "rb");
    if (!file) {
        return 0;
    }
    enum { MOST = 1 << 24 };
    char *bytes = malloc(MOST);
    uint64_t len = bytes ? fread(bytes, 1, MOST, file) : 0;
    tkr_vocabulary *vocabulary;
    fclose(file);
    must(tkr_vocabulary_create(&vocabulary, r->vocabulary, bytes, len, NULL), "vocabulary");
    must(tkr_vocabulary_encode(vocabulary, NULL, 0, &t->len, bytes, len, 0), "encode");
    t->ids = malloc((size_t)t->len * sizeof *t->ids);
    must(t->ids ? TKR_OK : TKR_ERR_MEMORY, "ids");
    must(tkr_vocabulary_encode(vocabulary, t->ids, t->len, &t->len, bytes, len, 0), "encode");
    t->symbols = tkr_vocabulary_len(vocabulary);
    tkr_vocabulary_destroy(vocabulary);
    free(bytes);
    return 1;
}

/* From ids to a model. */
static tkr_ngram *estimate(const text *t, int64_t n, int32_t order, const tkr_env *env) {
    tkr_ngram *ngram;
    must(tkr_ngram_create(&ngram, order, t->symbols, env), "create");
    must(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1), "set_int");
    must(tkr_ngram_count(ngram, t->ids, n, TKR_BEGIN), "count");
    must(tkr_ngram_estimate(ngram, TKR_MODIFIED_KNESER_NEY), "estimate");
    return ngram;
}

static void print_estimation(const text *t, const row *r) {
    usage u = {0, 0};
    const tkr_env env = {.size = sizeof env,
                         .allocate = counting_allocate,
                         .release = counting_release,
                         .memory_user = &u};
    samples times = {0};
    uint64_t announced = 0;
    must(tkr_ngram_size(&announced, r->order, t->symbols, t->len + r->order), "size");
    for (int i = 0; i < ROUNDS; i++) {
        double start = clock_ns();
        tkr_ngram *ngram = estimate(t, t->len, r->order, &env);
        double ns = clock_ns() - start;
        must(samples_add(&times, &ns, 1) ? TKR_ERR_MEMORY : TKR_OK, "samples");
        tkr_ngram_destroy(ngram);
    }
    printf("| %.3f s (%.3f) | %.0f MB (%.0f) ", samples_quantile(&times, 0.5) * 1e-9,
           samples_best(&times) * 1e-9, (double)u.peak / 1e6, (double)announced / 1e6);
    samples_clear(&times);
}

/* Ask a compact model of the first nine tenths about the last one, call by call. */
static void print_queries(const text *t, const row *r) {
    tkr_ngram *ngram, *compact;
    samples times = {0};
    int64_t known = t->len / 10 * 9, asked = t->len - known, all = 0;
    uint64_t bytes = 0;
    double sum = 0;
    ngram = estimate(t, known, r->order, NULL);
    must(tkr_ngram_compact(&compact, ngram, NULL), "compact");
    tkr_ngram_destroy(ngram);
    for (int i = 0; i < ROUNDS; i++) {
        tkr_ngram_state state;
        double logprob, start = clock_ns();
        must(tkr_ngram_start(compact, &state, NULL, 0), "start");
        for (int64_t at = 0; at < asked; at++) {
            must(tkr_ngram_step(compact, &state, &logprob, t->ids[known + at]), "step");
            sum -= logprob;
        }
        double ns = (clock_ns() - start) / (double)asked;
        must(samples_add(&times, &ns, 1) ? TKR_ERR_MEMORY : TKR_OK, "samples");
    }
    for (int32_t n = 1; n <= r->order; n++) {
        int64_t len;
        must(tkr_ngram_len(compact, n, &len, &bytes), "len");
        all += len;
    }
    printf("| %lld | %.2f | %.1f M (%.1f) | %.4f |\n", (long long)all, (double)bytes / (double)all,
           1e3 / samples_quantile(&times, 0.5), 1e3 / samples_best(&times),
           sum / ROUNDS / (double)asked);
    tkr_ngram_destroy(compact);
    samples_clear(&times);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return EXIT_FAILURE;
    }
    printf(
        "| modified Kneser-Ney, one thread | order | symbols | from ids to model: median (best) "
        "| peak memory (announced) | n-grams | bytes each | questions/s: median (best) "
        "| nats |\n|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        text t = {0};
        if (!read_text(&t, argv[1], &rows[i])) {
            fprintf(stderr, "bench: without %s/%s\n", argv[1], rows[i].file);
            continue;
        }
        printf("| %s | %d | %lld of %lld ", rows[i].name, (int)rows[i].order, (long long)t.len,
               (long long)t.symbols);
        print_estimation(&t, &rows[i]);
        print_queries(&t, &rows[i]);
        free(t.ids);
    }
    return EXIT_SUCCESS;
}
