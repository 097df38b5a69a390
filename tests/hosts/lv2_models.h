/* SPDX-License-Identifier: MIT
 * Model files for the plug-in, and what it is to play with them: the library's own step, sample by
 * sample. */
#ifndef TESTS_HOSTS_LV2_MODELS_H
#define TESTS_HOSTS_LV2_MODELS_H

#include <stdint.h>

#include <tekrar/tekrar.h>

enum { MODELS_STREAMS = 8 };

/* A folder of its own, made once for the program and removed at its end. */
const char *models_folder(void);

/* folder/name; it stays for 31 more calls. */
const char *models_path(const char *name);

/* A recurrent part of that kind between `inputs` and `outputs`, at that place; `rate` as metadata,
 * NULL for none. */
typedef struct model_kind {
    int32_t kind;
    int64_t inputs, outputs;
    int32_t directions; /* 0 stands for TKR_FORWARD */
    const char *rate;
    uint64_t seed;
} model_kind;
const char *models_make(const char *name, const model_kind *kind);

/* The plain one: one input, one output, a small LSTM or (odd seeds) GRU. */
const char *models_plain(const char *name, uint64_t seed, const char *rate);

/* Not a model at all. */
const char *models_write(const char *name, const char *bytes);

/* The definition of what is heard: k states, sample n through state n mod k, from the start on. */
typedef struct reference {
    tkr_cell *cell;
    tkr_state *streams[MODELS_STREAMS];
    uint32_t k, turn;
} reference;

reference reference_open(const char *path, uint32_t k);
void reference_run(reference *r, float *y, const float *x, uint32_t n);
void reference_reset(reference *r);
void reference_close(reference *r);

/* A signal: some sines and a bit of noise, the same for all. */
void signal_make(float *x, uint32_t n, uint32_t seed);

/* y from `from` to `to` in `ramp` even steps. y may be `from`. */
void signal_fade(float *y, const float *from, const float *to, uint32_t n, uint32_t ramp);

/* Fails the test unless all bits are the same. */
void signal_same(const float *got, const float *want, uint32_t n);

#endif
