/* SPDX-License-Identifier: MIT
 * bits: runs nets of every kind with every option through the public header, and prints a hash of
 * all that a caller can see of each run. tests/support/bits.py compares two builds by it, so it
 * uses only what both headers have. */
#ifndef TESTS_BITS_BITS_H
#define TESTS_BITS_BITS_H

#include <stdint.h>
#include <stdio.h>

#include <tekrar/tekrar.h>

enum { PARTS_MAX = 5, OPTIONS_MAX = 8, ROOM = 1 << 20 };

/* An option of a cell; integer keys are below 32, real ones from there on. Key 0 ends a list. */
typedef struct option {
    int32_t key;
    double value;
} option;

/* A part of a chain. Width 0: the case's H. */
typedef struct part {
    int32_t kind;
    int64_t width;
    option options[OPTIONS_MAX];
} part;

/* A net: one cell, or a chain of several. */
typedef struct net {
    const char *name;
    part parts[PARTS_MAX];
} net;

extern const net nets[];
extern const int nets_len;

/* One run of one net: what it is, and what has come of it so far. */
typedef struct bits {
    const net *net;
    const char *run, *only; /* its name; which cases to run */
    int64_t hidden, batch, steps;
    tkr_env env;
    int lengths_on, ids_on, weights_on, loss, optimizer; /* drawn, case by case */

    tkr_cell *cell;
    int64_t input, output; /* I, O */
    int64_t slots;         /* recurrent layers times directions */
    uint64_t hash;
    char why[256]; /* the call that failed */
} bits;

/* Numbers that are the same in every case, and room for what is copied out. */
typedef struct pool {
    float x[ROOM];       /* within [-1, 1) */
    float share[ROOM];   /* within [0, 1) */
    float weights[ROOM]; /* some of them 0, the first not */
    float out[ROOM];
    double norms[ROOM / 64];
    int32_t ids[ROOM], targets[ROOM], lengths[ROOM / 64];
} pool;

extern pool bits_pool;

void bits_fill_pool(void);

/* A fixed sequence of 64-bit numbers (splitmix64). */
uint64_t bits_draw(uint64_t *state);

/* Make the case's cell, initialised, and what depends on its widths. */
int32_t bits_make(bits *b, tkr_cell **cell);
int32_t bits_prepare(bits *b);

int bits_has(const net *n, int32_t kind);
int bits_two_ways(const net *n);

/* Note a failed call; its status. What was made by then is left behind. */
int32_t bits_failed(bits *b, const char *call, int32_t status);

#define MUST(call)                                 \
    do {                                           \
        const int32_t status_ = (call);            \
        if (status_ != TKR_OK) {                   \
            return bits_failed(b, #call, status_); \
        }                                          \
    } while (0)

/* ---- hash.c: into the case's hash ------------------------------------------------------------ */

void bits_add(bits *b, const void *bytes, uint64_t len);
void bits_add_text(bits *b, const char *text);
int32_t bits_add_parameters(bits *b, const tkr_cell *cell);
int32_t bits_add_gradients(bits *b, const tkr_sequence *seq);
int32_t bits_add_output(bits *b, const tkr_sequence *seq);
int32_t bits_add_input_gradient(bits *b, const tkr_sequence *seq);
int32_t bits_add_norms(bits *b, const tkr_sequence *seq);
int32_t bits_add_state(bits *b, const tkr_state *state);
int32_t bits_add_final_state(bits *b, const tkr_sequence *seq, int gradient);

/* ---- sequences.c, streams.c: the runs -------------------------------------------------------- */

int32_t bits_train(bits *b);
int32_t bits_retain(bits *b);
int32_t bits_truncate(bits *b);
int32_t bits_recompute(bits *b);
int32_t bits_infer(bits *b);
int32_t bits_carry(bits *b);
int32_t bits_own_loss(bits *b);
int32_t bits_link(bits *b);
int32_t bits_stream(bits *b);
int32_t bits_bf16(bits *b);
int32_t bits_int8(bits *b);

#endif
