/* SPDX-License-Identifier: MIT
 * Any bytes, as an ARPA file. What is taken for a model must answer every question with a number or
 * -inf, and be written, read and written again to the same bytes. A broken promise is abort().
 * How to build and run it: fuzz_safetensors.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/heap.h"
#include "support/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Not assert(): it must hold in every build. */
#define MUST(condition)     \
    do {                    \
        if (!(condition)) { \
            abort();        \
        }                   \
    } while (0)

static int32_t load(tkr_ngram **ngram, stream *bytes, const tkr_env *env) {
    tkr_reader reader = stream_reader(bytes);
    return tkr_ngram_load_arpa_from(ngram, &reader, env);
}

/* Every id after every id, on a carried state; and the same from the whole distribution. */
static void ask(const tkr_ngram *ngram) {
    enum { MOST = 10 };
    int64_t symbols;
    tkr_ngram_state state;
    const int32_t begin = TKR_BEGIN;
    MUST(tkr_ngram_shape(ngram, NULL, &symbols, NULL) == TKR_OK);
    float *all = malloc((size_t)symbols * sizeof *all);
    MUST(all);
    MUST(tkr_ngram_start(ngram, &state, &begin, 1) == TKR_OK);
    for (int i = 0; i < MOST * MOST; i++) {
        double logprob;
        int32_t id = (int32_t)((i % 2 ? i / MOST : i % MOST) % symbols);
        MUST(tkr_ngram_next(ngram, &state, all) == TKR_OK);
        MUST(tkr_ngram_step(ngram, &state, &logprob, id) == TKR_OK);
        MUST(logprob < INFINITY);
        MUST(logprob > -INFINITY ? fabs(logprob - (double)all[id]) <= 1e-6 * fabs(logprob) + 1e-6
                                 : all[id] < 0 && isinf(all[id]));
    }
    free(all);
}

static stream written(tkr_ngram *ngram) {
    stream bytes;
    stream_init(&bytes);
    tkr_writer writer = stream_writer(&bytes);
    MUST(tkr_ngram_save_arpa_to(ngram, &writer) == TKR_OK);
    return bytes;
}

static void write_and_read(tkr_ngram *ngram) {
    tkr_ngram *again;
    stream first = written(ngram);
    MUST(load(&again, &first, NULL) == TKR_OK);
    stream second = written(again);
    MUST(first.len == second.len && memcmp(first.bytes, second.bytes, (size_t)first.len) == 0);
    ask(again);
    tkr_ngram_destroy(again);
    stream_fini(&first);
    stream_fini(&second);
}

/* The vocabulary and the file format hold what was read. */
static void convert(const tkr_ngram *ngram) {
    tkr_vocabulary *vocabulary;
    tkr_ngram *compact, *loaded;
    stream bytes;
    stream_init(&bytes);
    tkr_writer writer = stream_writer(&bytes);
    MUST(tkr_ngram_get_vocabulary(&vocabulary, ngram, NULL) == TKR_OK);
    tkr_vocabulary_destroy(vocabulary);
    MUST(tkr_ngram_compact(&compact, ngram, NULL) == TKR_OK);
    MUST(tkr_ngram_save_to(compact, &writer) == TKR_OK);
    tkr_reader reader = stream_reader(&bytes);
    MUST(tkr_ngram_load_from(&loaded, &reader, NULL) == TKR_OK);
    ask(loaded);
    tkr_ngram_destroy(compact);
    tkr_ngram_destroy(loaded);
    stream_fini(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    heap h;
    tkr_env env;
    stream bytes;
    char detail[240] = "";
    tkr_ngram *ngram;
    heap_init(&h, &env);
    env.detail = detail;
    env.detail_len = sizeof detail;
    stream_init(&bytes);
    stream_put(&bytes, data, len);
    bytes.piece = len % 5 ? 0 : 1 + len / 7;
    int32_t status = load(&ngram, &bytes, &env);
    MUST(status == TKR_OK || (status == TKR_ERR_FORMAT && detail[0] && !ngram));
    if (ngram) {
        ask(ngram);
        write_and_read(ngram);
        convert(ngram);
        tkr_ngram_destroy(ngram);
    }
    MUST(h.blocks == 0 && h.mistakes == 0 && h.peak < (1 << 20) + 400 * len);
    stream_fini(&bytes);
    return 0;
}
