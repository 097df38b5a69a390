/* SPDX-License-Identifier: MIT */
#include "workload.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <tekrar/tekrar.h>

#define LAYER(label, cell, t, b, h) \
    {.name = "W4 " label,           \
     .task = TASK_LAYER,            \
     .kind = (cell),                \
     .activation = TKR_TANH,        \
     .steps = (t),                  \
     .batch = (b),                  \
     .input = (h),                  \
     .hidden = (h),                 \
     .layers = 1}

#define STREAM_IN(label, cell, i, h, weights) \
    {.name = "W5 " label,                     \
     .task = TASK_STREAM,                     \
     .kind = (cell),                          \
     .activation = TKR_TANH,                  \
     .steps = 64,                             \
     .batch = 1,                              \
     .input = (i),                            \
     .hidden = (h),                           \
     .layers = 1,                             \
     .precision = (weights)}

#define STREAM(label, cell, i, h) STREAM_IN(label, cell, i, h, TKR_FLOAT32)

/* The sizes whose weights do not fit the first-level cache, with smaller weights. */
#define QUANTIZED(label, cell)                                      \
    STREAM_IN(label " 64,128 bf16", cell, 64, 128, TKR_BF16),       \
        STREAM_IN(label " 128,256 bf16", cell, 128, 256, TKR_BF16), \
        STREAM_IN(label " 256,512 bf16", cell, 256, 512, TKR_BF16), \
        STREAM_IN(label " 64,128 int8", cell, 64, 128, TKR_INT8),   \
        STREAM_IN(label " 128,256 int8", cell, 128, 256, TKR_INT8), \
        STREAM_IN(label " 256,512 int8", cell, 256, 512, TKR_INT8)

#define LONG(label, modes)   \
    {.name = "W6 " label,    \
     .task = TASK_TRAIN,     \
     .kind = TKR_LSTM,       \
     .activation = TKR_TANH, \
     .loss = LOSS_SQUARED,   \
     .steps = 1000,          \
     .batch = 16,            \
     .input = 1,             \
     .hidden = 256,          \
     .layers = 1,            \
     .output = 1,            \
     .mode = (modes)}

static const workload table[] = {
    {.name = "W1 page char",
     .task = TASK_TRAIN,
     .kind = TKR_ELMAN,
     .activation = TKR_TANH,
     .loss = LOSS_CROSS_ENTROPY,
     .ids = 1,
     .steps = 30,
     .batch = 50,
     .input = 128,
     .hidden = 40,
     .layers = 1,
     .output = 128},
    {.name = "W2 page series",
     .task = TASK_TRAIN,
     .kind = TKR_ELMAN,
     .activation = TKR_RELU,
     .loss = LOSS_SQUARED,
     .steps = 30,
     .batch = 50,
     .input = 1,
     .hidden = 200,
     .layers = 1,
     .output = 1},
    {.name = "W3 char LM",
     .task = TASK_TRAIN,
     .kind = TKR_LSTM,
     .activation = TKR_TANH,
     .loss = LOSS_CROSS_ENTROPY,
     .ids = 1,
     .steps = 64,
     .batch = 32,
     .input = 96,
     .hidden = 512,
     .layers = 2,
     .output = 96},
    LAYER("lstm T100 B16 H128", TKR_LSTM, 100, 16, 128),
    LAYER("lstm T50 B32 H256", TKR_LSTM, 50, 32, 256),
    LAYER("lstm T50 B64 H512", TKR_LSTM, 50, 64, 512),
    LAYER("lstm T25 B64 H1024", TKR_LSTM, 25, 64, 1024),
    LAYER("gru T50 B32 H256", TKR_GRU, 50, 32, 256),
    LAYER("gru T50 B64 H512", TKR_GRU, 50, 64, 512),
    LAYER("rnn T50 B32 H256", TKR_ELMAN, 50, 32, 256),
    LAYER("lstm T50 B1 H256", TKR_LSTM, 50, 1, 256),
    LONG("lstm T1000 B16 H256", 0),
    LONG("  recomputed", TKR_RECOMPUTE),
    STREAM("lstm 1,8", TKR_LSTM, 1, 8),
    STREAM("lstm 1,16", TKR_LSTM, 1, 16),
    STREAM("lstm 1,32", TKR_LSTM, 1, 32),
    STREAM("lstm 1,40", TKR_LSTM, 1, 40),
    STREAM("lstm 1,64", TKR_LSTM, 1, 64),
    STREAM("lstm 64,128", TKR_LSTM, 64, 128),
    STREAM("lstm 128,256", TKR_LSTM, 128, 256),
    STREAM("lstm 256,512", TKR_LSTM, 256, 512),
    STREAM("gru 1,8", TKR_GRU, 1, 8),
    STREAM("gru 1,16", TKR_GRU, 1, 16),
    STREAM("gru 1,32", TKR_GRU, 1, 32),
    STREAM("gru 1,40", TKR_GRU, 1, 40),
    STREAM("gru 1,64", TKR_GRU, 1, 64),
    STREAM("gru 64,128", TKR_GRU, 64, 128),
    STREAM("gru 128,256", TKR_GRU, 128, 256),
    STREAM("gru 256,512", TKR_GRU, 256, 512),
    QUANTIZED("lstm", TKR_LSTM),
    QUANTIZED("gru", TKR_GRU),
};

const workload *workload_table(int *n) {
    *n = (int)(sizeof table / sizeof *table);
    return table;
}

int64_t workload_gates(const workload *w) {
    return w->kind == TKR_LSTM ? 4 : w->kind == TKR_GRU ? 3 : 1;
}

const char *workload_kind(const workload *w) {
    return w->kind == TKR_LSTM ? "lstm" : w->kind == TKR_GRU ? "gru" : "rnn";
}

int64_t workload_parameters(const workload *w) {
    int64_t gh = workload_gates(w) * w->hidden, n = 0;
    for (int64_t k = 0; k < w->layers; k++) {
        n += gh * ((k ? w->hidden : w->input) + w->hidden + 2);
    }
    return n + w->output * (w->hidden + 1);
}

/* ---- the numbers ----------------------------------------------------------------------------- */

/* 32 bits of a fixed sequence (splitmix64). */
static uint32_t draw(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (uint32_t)((z ^ (z >> 31)) >> 32);
}

static void draw_uniform(uint64_t *state, float *values, int64_t n, float bound) {
    for (int64_t i = 0; i < n; i++) {
        values[i] = bound * (float)((double)draw(state) / 2147483648.0 - 1.0);
    }
}

/* The next tensor of the block, uniform in +-bound; while `d->words` is NULL, only counted. */
static void add_tensor(dataset *d, uint64_t *state, const char *name, int64_t len, float bound) {
    if (d->words) {
        tensor *t = &d->tensors[d->n_tensors++];
        snprintf(t->name, sizeof t->name, "%s", name);
        t->values = (float *)d->words + d->n_words;
        t->len = len;
        draw_uniform(state, t->values, len, bound);
    }
    d->n_words += len;
}

/* Names as in tkr_cell_parameter(): the parts of a chain are called "rnn" and "head". */
static void add_parameters(dataset *d, uint64_t *state, const workload *w) {
    static const char *const kinds[] = {"weight_ih_l", "weight_hh_l", "bias_ih_l", "bias_hh_l"};
    int64_t gh = workload_gates(w) * w->hidden;
    float bound = 1.0f / sqrtf((float)w->hidden);
    char name[NAME_MAX_LEN];
    for (int64_t k = 0; k < w->layers; k++) {
        int64_t lens[] = {gh * (k ? w->hidden : w->input), gh * w->hidden, gh, gh};
        for (int i = 0; i < 4; i++) {
            snprintf(name, sizeof name, "%s%s%d", w->output ? "rnn." : "", kinds[i], (int)k);
            add_tensor(d, state, name, lens[i], bound);
        }
    }
    if (w->output) {
        add_tensor(d, state, "head.weight", w->output * w->hidden, bound);
        add_tensor(d, state, "head.bias", w->output, bound);
    }
}

/* `n` words at the end of the block, or NULL while counting. */
static void *take(dataset *d, int64_t n) {
    void *words = d->words ? (float *)d->words + d->n_words : NULL;
    d->n_words += n;
    return words;
}

static void place(dataset *d, uint64_t *state, const workload *w) {
    int64_t n = w->steps * w->batch;
    d->n_words = 0;
    add_parameters(d, state, w);
    if (w->ids) {
        d->ids = take(d, n);
    } else {
        d->input = take(d, n * w->input);
    }
    if (w->task == TASK_LAYER) {
        d->target = take(d, n * w->hidden);
    } else if (w->loss == LOSS_CROSS_ENTROPY) {
        d->target_ids = take(d, n);
    } else if (w->loss == LOSS_SQUARED) {
        d->target = take(d, n * w->output);
    }
}

/* A text-like sequence of ids, each nearly determined by the last; the target is the next one. */
static void fill_ids(dataset *d, uint64_t *state, const workload *w) {
    for (int64_t b = 0; b < w->batch; b++) {
        int32_t id = (int32_t)(draw(state) % (uint64_t)w->input);
        for (int64_t t = 0; t < w->steps; t++) {
            d->ids[t * w->batch + b] = id;
            id = (int32_t)((7 * id + 3 + (int32_t)(draw(state) % 4)) % (int32_t)w->input);
            d->target_ids[t * w->batch + b] = id;
        }
    }
}

/* Windows of the curve of the founding page (see the README), shifted by one step in the target. */
static void fill_series(dataset *d, uint64_t *state, const workload *w) {
    for (int64_t b = 0; b < w->batch; b++) {
        double start = 27.0 * draw(state) / 4294967296.0;
        for (int64_t t = 0; t < w->steps; t++) {
            double now = start + 0.1 * (double)t, next = now + 0.1;
            d->input[t * w->batch + b] = (float)(now * sin(now) / 3 + 2 * sin(5 * now));
            d->target[t * w->batch + b] = (float)(next * sin(next) / 3 + 2 * sin(5 * next));
        }
    }
}

int dataset_create(dataset *d, const workload *w) {
    uint64_t state = 20240607;
    int64_t n = w->steps * w->batch;
    memset(d, 0, sizeof *d);
    place(d, &state, w);
    d->words = aligned_alloc(64, (size_t)(d->n_words * 4 + 63) & ~(size_t)63);
    if (!d->words) {
        return -1;
    }
    place(d, &state, w);
    if (w->ids) {
        fill_ids(d, &state, w);
    } else if (w->loss == LOSS_SQUARED) {
        fill_series(d, &state, w);
    } else {
        draw_uniform(&state, d->input, n * w->input, 1.0f);
    }
    if (w->task == TASK_LAYER) {
        draw_uniform(&state, d->target, n * w->hidden, 1e-3f);
    }
    return 0;
}

void dataset_destroy(dataset *d) {
    free(d->words);
    memset(d, 0, sizeof *d);
}

int dataset_write(const dataset *d, FILE *file) {
    return fwrite(d->words, 4, (size_t)d->n_words, file) == (size_t)d->n_words ? 0 : -1;
}
