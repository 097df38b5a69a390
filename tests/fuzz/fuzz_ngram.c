/* SPDX-License-Identifier: MIT
 * Any bytes, as an n-gram file of a model or of counts. The sum is made right first, so that the
 * fuzzer gets behind it. What is taken must answer, and be written to the same bytes.
 * How to build and run it: fuzz_safetensors.c. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ngram/file.h"
#include "ngram/sink.h"
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

enum { SUM_AT = 56 };

static void correct_sum(stream *bytes) {
    if (bytes->len >= TKRI_FILE_HEADER && bytes->len % 8 == 0) {
        memset(bytes->bytes + SUM_AT, 0, 8);
        uint64_t sum = tkri_sink_sum(0, bytes->bytes, bytes->len);
        for (int i = 0; i < 8; i++) {
            bytes->bytes[SUM_AT + i] = (unsigned char)(sum >> (8 * i));
        }
    }
}

/* No answer is NaN, wherever the ids lead. */
static void ask(const tkr_ngram *ngram) {
    enum { MOST = 300, V = 1 << 16 };
    int64_t symbols;
    tkr_ngram_state state;
    static float all[V];
    const int32_t begin = TKR_BEGIN;
    MUST(tkr_ngram_shape(ngram, NULL, &symbols, NULL) == TKR_OK);
    MUST(tkr_ngram_start(ngram, &state, &begin, 1) == TKR_OK);
    for (int i = 0; i < MOST; i++) {
        double logprob;
        int32_t id = (int32_t)((uint32_t)(i * i + i / 7) % (uint64_t)symbols);
        MUST(symbols > V || tkr_ngram_next(ngram, &state, all) == TKR_OK);
        MUST(tkr_ngram_step(ngram, &state, &logprob, id) == TKR_OK);
        MUST(!isnan(logprob));
    }
}

/* Counts become models of all kinds; a model becomes a copy. */
static void use(tkr_ngram *ngram) {
    int32_t precision;
    MUST(tkr_ngram_shape(ngram, NULL, NULL, &precision) == TKR_OK);
    if (precision) {
        ask(ngram);
        return;
    }
    MUST(tkr_ngram_set_int(ngram, TKR_FALLBACK, 1) == TKR_OK);
    for (int32_t s = TKR_MAXIMUM_LIKELIHOOD; s <= TKR_MODIFIED_KNESER_NEY; s++) {
        int32_t status = tkr_ngram_estimate(ngram, s);
        MUST(status == TKR_OK || status == TKR_ERR_ORDER);
        if (status == TKR_OK) {
            ask(ngram);
        }
    }
}

static void write_again(tkr_ngram *ngram, const stream *bytes) {
    stream saved;
    stream_init(&saved);
    tkr_writer writer = stream_writer(&saved);
    MUST(tkr_ngram_save_to(ngram, &writer) == TKR_OK);
    MUST(saved.len == bytes->len && memcmp(saved.bytes, bytes->bytes, (size_t)saved.len) == 0);
    stream_fini(&saved);
}

/* From memory, as when it is mapped, the verdict is the same. */
static void read_in_place(const stream *bytes, const tkri_env *env, int32_t expected) {
    tkr_ngram *ngram = NULL;
    tkri_detail detail;
    tkri_source from = {"n-gram file", env, &detail, NULL, bytes->bytes, bytes->len, 0, 0};
    MUST(tkri_ngram_read(&ngram, &from) == expected);
    if (ngram) {
        tkri_ngram_destroy(ngram);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    heap h;
    tkr_env env;
    tkri_env own;
    stream bytes;
    tkr_ngram *ngram;
    heap_init(&h, &env);
    MUST(tkri_env_read(&own, &env) == TKR_OK);
    stream_init(&bytes);
    stream_put(&bytes, data, len);
    correct_sum(&bytes);
    tkr_reader reader = stream_reader(&bytes);
    int32_t status = tkr_ngram_load_from(&ngram, &reader, &env);
    MUST(status == TKR_OK || status == TKR_ERR_FORMAT || status == TKR_ERR_UNSUPPORTED);
    if (bytes.bytes) {
        read_in_place(&bytes, &own, status);
    }
    if (ngram) {
        write_again(ngram, &bytes);
        use(ngram);
        tkr_ngram_destroy(ngram);
    }
    MUST(h.blocks == 0 && h.mistakes == 0);
    stream_fini(&bytes);
    return 0;
}
