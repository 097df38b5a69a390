/* SPDX-License-Identifier: MIT
 * Any bytes, as a file: opened from memory and from a reader, which must agree; if well-formed,
 * every tensor read and the file written again; then loaded as a cell, a state and a checkpoint.
 * A broken promise is abort(), which is what the fuzzer looks for.
 *
 *     CC=clang meson setup build-fuzz -Dfuzz=true -Dblas=none -Db_sanitize=address,undefined \
 *         -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
 *     ninja -C build-fuzz
 *     build-fuzz/tests/fuzz/fuzz_safetensors NEW_CORPUS tests/fuzz/corpus/safetensors */
#include <stdlib.h>
#include <string.h>

#include "model/safetensors.h"
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

/* Objects to load into, made once. */
typedef struct objects {
    tkr_cell *cell;
    tkr_sequence *seq;
    tkr_optimizer *opt;
    tkr_state *state;
} objects;

static objects *standing(void) {
    static objects o;
    if (!o.cell) {
        MUST(tkr_cell_create(&o.cell, TKR_ELMAN, 1, 1, NULL) == TKR_OK);
        MUST(tkr_cell_init(o.cell, 1) == TKR_OK);
        MUST(tkr_sequence_create(&o.seq, o.cell, 1, 1, TKR_TRAINING, NULL) == TKR_OK);
        MUST(tkr_optimizer_create(&o.opt, TKR_ADAM, o.cell, NULL) == TKR_OK);
        MUST(tkr_state_create(&o.state, o.cell, 1, NULL) == TKR_OK);
    }
    return &o;
}

/* All elements of all tensors, as floats or as whole numbers or not at all. */
static void read_tensors(const tkri_file *file) {
    for (int32_t i = 0; i < file->header.n_tensors; i++) {
        const tkri_tensor *tensor = &file->header.tensor[i];
        MUST(tensor->offset <= file->header.data_len);
        MUST(tensor->bytes <= file->header.data_len - tensor->offset);
        MUST(tkri_header_tensor(&file->header, tensor->name.text) >= 0 ||
             strlen(tensor->name.text) != tensor->name.len);
        float *floats = malloc((size_t)tensor->n * sizeof *floats + 1);
        uint64_t *whole = malloc((size_t)tensor->n * sizeof *whole + 1);
        MUST(floats && whole);
        int32_t status = tkri_file_floats(file, tensor, floats);
        MUST(status == TKR_OK || status == TKR_ERR_MISMATCH);
        status = tkri_file_uints(file, tensor, whole);
        MUST(status == TKR_OK || status == TKR_ERR_MISMATCH);
        free(floats);
        free(whole);
    }
}

/* A sound result: a text if it failed, nothing left if it did. */
static void judge(int32_t status, const char *detail, const heap *h) {
    MUST(status == TKR_OK || status == TKR_ERR_FORMAT || status == TKR_ERR_MISMATCH ||
         status == TKR_ERR_UNSUPPORTED || status == TKR_ERR_MEMORY);
    MUST(status == TKR_OK || detail[0]);
    MUST(h->mistakes == 0);
    MUST(status == TKR_OK || h->blocks == 0);
}

/* Returns whether the bytes are a well-formed file. */
static int open_both_ways(stream *bytes) {
    heap h;
    tkr_env from;
    tkri_env env;
    tkri_detail detail = {""}, other = {""};
    tkri_file memory, read;
    heap_init(&h, &from);
    MUST(tkri_env_read(&env, &from) == TKR_OK);
    int32_t status = tkri_file_from_memory(&memory, bytes->bytes, bytes->len, &env, &detail);
    judge(status, detail.text, &h);
    if (status == TKR_OK) {
        read_tensors(&memory);
        tkri_file_fini(&memory);
    }
    bytes->piece = 1 + bytes->len / 7;
    tkr_reader reader = stream_reader(bytes);
    MUST(tkri_file_from_reader(&read, &reader, &env, &other) == status);
    judge(status, other.text, &h);
    if (status == TKR_OK) {
        tkri_file_fini(&read);
    }
    MUST(h.blocks == 0 && h.peak < 1 << 24);
    return status == TKR_OK;
}

/* A cell that loads can be saved, and what was saved loads again. */
static void load_cell(const stream *bytes) {
    heap h;
    tkr_env env;
    tkr_cell *cell, *again;
    char detail[240] = "";
    heap_init(&h, &env);
    env.detail = detail;
    env.detail_len = sizeof detail;
    int32_t status = tkr_cell_load_memory(&cell, bytes->bytes, bytes->len, &env);
    judge(status, detail, &h);
    if (status == TKR_OK) {
        stream saved;
        stream_init(&saved);
        tkr_writer writer = stream_writer(&saved);
        MUST(tkr_cell_save_to(cell, &writer) == TKR_OK);
        MUST(tkr_cell_load_memory(&again, saved.bytes, saved.len, NULL) == TKR_OK);
        tkr_cell_destroy(again);
        tkr_cell_destroy(cell);
        stream_fini(&saved);
    }
    MUST(h.blocks == 0);
}

static void load_into_objects(stream *bytes) {
    objects *o = standing();
    uint64_t cursor[4];
    tkr_reader reader = stream_reader(bytes);
    int32_t status = tkr_state_load_from(o->state, &reader);
    MUST(status == TKR_OK || tkr_state_detail(o->state)[0]);
    reader = stream_reader(bytes);
    status = tkr_checkpoint_load_from(o->opt, NULL, NULL, NULL, &reader);
    MUST(status == TKR_OK || tkr_optimizer_detail(o->opt)[0]);
    reader = stream_reader(bytes);
    status = tkr_checkpoint_load_from(o->opt, o->seq, o->state, cursor, &reader);
    MUST(status == TKR_OK || tkr_optimizer_detail(o->opt)[0]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) {
    stream bytes;
    stream_init(&bytes);
    stream_put(&bytes, data, len);
    if (!bytes.bytes) {
        stream_put(&bytes, "", 1); /* an empty file still has an address */
        bytes.len = 0;
    }
    if (open_both_ways(&bytes)) {
        load_cell(&bytes);
        load_into_objects(&bytes);
    }
    stream_fini(&bytes);
    return 0;
}
