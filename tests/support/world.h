/* SPDX-License-Identifier: MIT
 * One of everything, small and in use: a trained net, a state in mid-stream, a sequence after its
 * backward, an optimizer after a step, a vocabulary, a sampler, n-grams, and saved files of them in
 * memory and on disk. Tests call into it and then ask whether anything else has changed. */
#ifndef TESTS_SUPPORT_WORLD_H
#define TESTS_SUPPORT_WORLD_H

#include <stdint.h>

#include <tekrar/tekrar.h>

#include "support/heap.h"

enum { WORLD_T = 3, WORLD_B = 2, WORLD_V = 4, WORLD_H = 3, WORLD_FILE = 1 << 16 };

/* A file in memory, and where its reader stands. */
typedef struct world_file {
    uint64_t len, at;
    unsigned char bytes[WORLD_FILE];
    tkr_writer writer; /* appends */
    tkr_reader reader; /* continues at `at` */
} world_file;

/* Arrays for the calls to read from and write to. */
typedef struct world_arrays {
    float values[256]; /* room, filled with small numbers */
    float input[WORLD_T * WORLD_B * WORLD_V];
    int32_t ids[WORLD_T * WORLD_B], targets[WORLD_T * WORLD_B];
    int32_t number;
    int64_t n[4];
    uint64_t u[4];
    double real[8];
    const char *name;
} world_arrays;

typedef struct world {
    heap heap;
    tkr_env env;         /* of `heap` */
    const tkr_env *lent; /* &env, or NULL in a world that lives on malloc */
    char detail[240];    /* env.detail */

    tkr_cell *net;     /* LSTM, 2 layers, learned state, peepholes; then linear: "rnn", "out" */
    tkr_cell *part[2]; /* the same two, not initialised, not chained */
    tkr_state *state, *other; /* of net, for WORLD_B streams, two steps apart */
    tkr_sequence *seq;        /* of net, in training, after forward, loss and backward */
    tkr_sequence *decoder;    /* a second one, fresh */
    tkr_optimizer *opt;       /* of net, Adam, after one step */
    tkr_vocabulary *vocabulary;
    tkr_sampler *sampler;
    tkr_ngram *counts; /* counted, not sorted yet */
    tkr_ngram *ngram;  /* counted, estimated by Witten and Bell, with the vocabulary */
    tkr_cache *cache;

    world_file cell_file, state_file, run_file, ngram_file, arpa_file; /* what _save_to wrote */
    world_file written; /* for the test's own writing */
    world_file fingerprint_file;
    char folder[64], path[128]; /* `path` is of no file yet */
    char cell_path[128], state_path[128], run_path[128], ngram_path[128], arpa_path[128];

    /* Where the call under test puts its handle. */
    union {
        void *any;
        tkr_cell *cell;
        tkr_state *state;
        tkr_sequence *seq;
        tkr_optimizer *opt;
        tkr_vocabulary *vocabulary;
        tkr_sampler *sampler;
        tkr_ngram *ngram;
        tkr_cache *cache;
    } made;
    world_arrays io;
} world;

/* Make it with `threads` threads, on a heap of its own, or with `on_malloc` on malloc. NULL and a
 * text on stderr if any call failed. */
world *world_create(int32_t threads, int on_malloc);

/* Destroy all that is there, and `made` if `kind` says what it is: 'c' cell, 's' state, 'q'
 * sequence, 'o' optimizer, 'v' vocabulary, 'p' sampler, 'n' n-gram, 'a' cache, 0 nothing. Returns
 * 1 if nothing was left behind on the heap. */
int world_destroy(world *w, char kind);

/* A number that changes when anything that a caller can see of any object changes. */
uint64_t world_fingerprint(world *w);

/* The same with what can only be seen by calls that change how an object lies in memory: counts
 * that are not sorted yet. */
uint64_t world_deep_fingerprint(world *w);

/* An empty file to write to, or the same file to be read again from its start. */
void world_file_empty(world_file *file);
void world_file_rewind(world_file *file);

#endif
