/* SPDX-License-Identifier: MIT
 * world_fingerprint(): everything a caller can see, run through one hash (FNV-1a, 64 bits). */
#include <stdio.h>
#include <string.h>

#include "support/world.h"

enum { ROOM = 512 };

typedef struct hash {
    uint64_t value;
    float room[ROOM];
} hash;

static void add(hash *h, const void *bytes, uint64_t len) {
    const unsigned char *byte = bytes;
    for (uint64_t i = 0; i < len; i++) {
        h->value = (h->value ^ byte[i]) * UINT64_C(0x100000001B3);
    }
}

static void add_int(hash *h, int64_t value) {
    add(h, &value, sizeof value);
}

/* The status too: an array that can suddenly be read, or no more, is a change. */
static void add_room(hash *h, int32_t status, int64_t len) {
    add_int(h, status);
    if (status == TKR_OK) {
        add(h, h->room, (uint64_t)len * sizeof *h->room);
    }
}

static void add_options(hash *h, const tkr_cell *cell) {
    for (int32_t key = TKR_LAYERS; key <= TKR_PER_SEQUENCE; key++) {
        int64_t value = -1;
        add_int(h, tkr_cell_get_int(cell, key, &value));
        add_int(h, value);
    }
    for (int32_t key = TKR_FORGET_BIAS; key <= TKR_RATE; key++) {
        double value = -1;
        add_int(h, tkr_cell_get_float(cell, key, &value));
        add(h, &value, sizeof value);
    }
}

static void add_parameters(hash *h, const tkr_cell *cell, const tkr_sequence *seq) {
    int64_t tensors = 0;
    add_int(h, tkr_cell_parameters(cell, &tensors, NULL));
    for (int64_t i = 0; i < tensors; i++) {
        const char *name = "";
        int64_t shape[4] = {0};
        int32_t rank = 0;
        add_int(h, tkr_cell_parameter(cell, i, &name, &rank, shape));
        add(h, name, strlen(name));
        int64_t len = shape[0] * shape[1] * shape[2] * shape[3];
        add_room(h, tkr_cell_get_parameter(cell, name, h->room, len), len);
        if (seq) {
            add_room(h, tkr_sequence_gradient(seq, name, h->room, len), len);
        }
    }
}

static void add_cell(hash *h, const tkr_cell *cell, const tkr_sequence *seq) {
    if (cell) {
        int32_t kind = 0;
        int64_t input = 0, output = 0;
        uint64_t bytes = 0;
        const char *note = tkr_cell_get_metadata(cell, "origin");
        add_int(h, tkr_cell_shape(cell, &kind, &input, &output));
        add_int(h, kind), add_int(h, input), add_int(h, output);
        add_int(h, tkr_cell_tier(cell));
        add_int(h, tkr_cell_size(&bytes, cell));
        add(h, &bytes, sizeof bytes);
        add(h, note ? note : "", note ? strlen(note) : 0);
        add_options(h, cell);
        add_parameters(h, cell, seq);
    }
}

static void add_state(hash *h, const tkr_state *state) {
    int64_t tensors = 0;
    if (state) {
        add_int(h, tkr_state_tensors(state, &tensors));
    }
    for (int64_t i = 0; i < tensors; i++) {
        const char *name = "";
        int64_t shape[3] = {0, 0, 0};
        add_int(h, tkr_state_tensor(state, i, &name, shape));
        add(h, name, strlen(name));
        int64_t len = shape[0] * shape[1] * shape[2];
        add_room(h, tkr_state_get(state, name, h->room, len), len);
    }
}

static void add_sequence(hash *h, const tkr_sequence *seq) {
    if (seq) {
        double norms[8] = {0};
        for (int32_t key = TKR_CARRY; key <= TKR_REDUCTION; key++) {
            int64_t value = -1;
            add_int(h, tkr_sequence_get_int(seq, key, &value));
            add_int(h, value);
        }
        const int64_t steps = WORLD_T * WORLD_B;
        add_room(h, tkr_sequence_output(seq, h->room, steps * WORLD_V), steps * WORLD_V);
        add_room(h, tkr_sequence_input_gradient(seq, h->room, steps * WORLD_V), steps * WORLD_V);
        add_int(h, tkr_sequence_step_norms(seq, norms, 2 * WORLD_T));
        add(h, norms, sizeof norms);
    }
}

static void add_optimizer(hash *h, const tkr_optimizer *opt) {
    for (int32_t key = TKR_LEARNING_RATE; opt && key <= TKR_CURRENT_RATE; key++) {
        double value = -1;
        add_int(h, tkr_optimizer_get_float(opt, key, &value));
        add(h, &value, sizeof value);
    }
    for (int32_t key = TKR_NESTEROV; opt && key <= TKR_STEP_COUNT; key++) {
        int64_t value = -1;
        add_int(h, tkr_optimizer_get_int(opt, key, &value));
        add_int(h, value);
    }
}

/* Moments, random state and carried state have no getters: a checkpoint shows them. */
static void add_run(hash *h, world *w) {
    if (w->opt && w->seq && w->net) {
        world_file *file = &w->fingerprint_file;
        world_file_empty(file);
        add_int(h, tkr_checkpoint_save_to(w->opt, w->seq, w->state, NULL, &file->writer));
        add(h, file->bytes, file->len);
    }
}

static void add_ngram_options(hash *h, const tkr_ngram *ngram) {
    for (int32_t key = TKR_FALLBACK; key <= TKR_WARNINGS; key++) {
        int64_t value = -1;
        add_int(h, tkr_ngram_get_int(ngram, key, &value));
        add_int(h, value);
    }
    double addend = -1;
    add_int(h, tkr_ngram_get_float(ngram, TKR_ADDEND, &addend));
    add(h, &addend, sizeof addend);
}

static void add_ngram(hash *h, const tkr_ngram *ngram) {
    int64_t contexts = -1, pairs = -1;
    if (ngram) {
        add_ngram_options(h, ngram);
        add_int(h, tkr_ngram_structure(ngram, &contexts, &pairs));
        add_int(h, contexts), add_int(h, pairs);
        for (int32_t i = 0; i < WORLD_V * WORLD_V; i++) {
            const int32_t context[2] = {i / WORLD_V, i % WORLD_V};
            add_room(h, tkr_ngram_distribution(ngram, h->room, context, 2), WORLD_V);
        }
    }
}

/* The names of the ids, and what the estimation remembers of its smoothing. */
static void add_arpa(hash *h, world *w) {
    if (w->ngram) {
        world_file *file = &w->fingerprint_file;
        world_file_empty(file);
        add_int(h, tkr_ngram_save_arpa_to(w->ngram, &file->writer));
        add(h, file->bytes, file->len);
    }
}

static void add_counts(hash *h, tkr_ngram *ngram) {
    for (int32_t i = 0; ngram && i < WORLD_V * WORLD_V * WORLD_V; i++) {
        const int32_t ids[3] = {i / WORLD_V / WORLD_V, i / WORLD_V % WORLD_V, i % WORLD_V};
        uint64_t count = 99;
        for (int64_t n = 1; n <= 3; n++) {
            add_int(h, tkr_ngram_get_count(ngram, &count, ids, n));
            add(h, &count, sizeof count);
        }
    }
}

static void add_language(hash *h, const world *w) {
    uint64_t random[4] = {0}, len = 0;
    char letters[4] = "";
    for (int32_t id = 0; w->vocabulary && id < WORLD_V; id++) {
        add_int(h, tkr_vocabulary_decode(w->vocabulary, id, letters, &len));
        add(h, letters, len);
    }
    add_int(h, w->vocabulary ? tkr_vocabulary_len(w->vocabulary) : 0);
    if (w->sampler) {
        add_int(h, tkr_sampler_get_random(w->sampler, random));
        add(h, random, sizeof random);
    }
    add_ngram(h, w->counts);
    add_ngram(h, w->ngram);
    if (w->cache) {
        add_room(h, tkr_cache_distribution(w->cache, h->room), WORLD_V);
    }
}

/* An older file survives a failed save, byte for byte. */
static void add_disk(hash *h, const char *path) {
    FILE *file = fopen(path, "rb");
    for (int byte = 0; file && byte != EOF;) {
        byte = getc(file);
        add_int(h, byte);
    }
    add_int(h, file != NULL);
    if (file) {
        fclose(file);
    }
}

static void add_world(hash *h, world *w) {
    add_cell(h, w->net, w->seq);
    add_cell(h, w->part[0], NULL);
    add_cell(h, w->part[1], NULL);
    add_state(h, w->state);
    add_state(h, w->other);
    add_sequence(h, w->seq);
    add_sequence(h, w->decoder);
    add_optimizer(h, w->opt);
    add_run(h, w);
    add_language(h, w);
    add_arpa(h, w);
    const char *paths[] = {w->path,     w->cell_path,  w->state_path,
                           w->run_path, w->ngram_path, w->arpa_path};
    for (int i = 0; i < 6; i++) {
        add_disk(h, paths[i]);
    }
}

uint64_t world_fingerprint(world *w) {
    hash h = {.value = UINT64_C(0xCBF29CE484222325)};
    add_world(&h, w);
    return h.value;
}

uint64_t world_deep_fingerprint(world *w) {
    hash h = {.value = UINT64_C(0xCBF29CE484222325)};
    add_world(&h, w);
    add_counts(&h, w->counts);
    add_counts(&h, w->ngram);
    return h.value;
}
