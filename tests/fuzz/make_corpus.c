/* SPDX-License-Identifier: MIT
 * Writes the first corpus of fuzz_safetensors: small files of all contents, and a few that are
 * wrong in one way each. What the fuzzer finds later is put beside them under its own name.
 *
 * usage: make_corpus FOLDER */
#include <stdio.h>
#include <stdlib.h>

#include "support/stream.h"

static const char *folder;

static void must(int32_t status) {
    if (status) {
        fprintf(stderr, "%s\n", tkr_status_text(status));
        exit(EXIT_FAILURE);
    }
}

static void keep(const char *name, const stream *bytes) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    if (!file || fwrite(bytes->bytes, 1, bytes->len, file) != bytes->len || fclose(file)) {
        perror(path);
        exit(EXIT_FAILURE);
    }
}

static void keep_header(const char *name, const char *header, uint64_t data) {
    stream bytes;
    stream_init(&bytes);
    stream_put_file(&bytes, header, data);
    keep(name, &bytes);
    stream_fini(&bytes);
}

/* A file of each content, for the objects that the target loads into. */
static void keep_ours(void) {
    tkr_cell *parts[2], *cell, *chain;
    tkr_sequence *seq;
    tkr_optimizer *opt;
    tkr_state *state;
    const float x = 1;
    const uint64_t cursor[4] = {1, 2, 3, 4};
    stream out[4];
    must(tkr_cell_create(&cell, TKR_ELMAN, 1, 1, NULL));
    must(tkr_cell_init(cell, 1));
    must(tkr_cell_create(&parts[0], TKR_LSTM, 1, 1, NULL));
    must(tkr_cell_set_int(parts[0], TKR_PEEPHOLES, 1));
    must(tkr_cell_set_name(parts[0], "a"));
    must(tkr_cell_create(&parts[1], TKR_LINEAR, 1, 1, NULL));
    must(tkr_cell_chain(&chain, parts, 2, NULL));
    must(tkr_cell_init(chain, 1));
    must(tkr_cell_set_metadata(chain, "n", "\xC3\xA7\"\\\n"));
    must(tkr_sequence_create(&seq, cell, 1, 1, TKR_TRAINING, NULL));
    must(tkr_sequence_set_int(seq, TKR_CARRY, 1));
    must(tkr_optimizer_create(&opt, TKR_ADAM, cell, NULL));
    must(tkr_state_create(&state, cell, 1, NULL));
    must(tkr_sequence_forward(seq, &x, NULL, 1, 1));
    must(tkr_sequence_backward(seq, &x, NULL));
    for (int i = 0; i < 4; i++) {
        stream_init(&out[i]);
        tkr_writer writer = stream_writer(&out[i]);
        must(i == 0   ? tkr_cell_save_to(cell, &writer)
             : i == 1 ? tkr_cell_save_to(chain, &writer)
             : i == 2 ? tkr_state_save_to(state, &writer)
                      : tkr_checkpoint_save_to(opt, seq, state, cursor, &writer));
        static const char *const names[] = {"cell", "chain", "state", "checkpoint"};
        keep(names[i], &out[i]);
        stream_fini(&out[i]);
    }
    tkr_state_destroy(state);
    tkr_optimizer_destroy(opt);
    tkr_sequence_destroy(seq);
    tkr_cell_destroy(cell);
    tkr_cell_destroy(chain);
}

/* A GRU that resets before, whose tensors have names of their own in files, and had others. */
static void keep_gru(void) {
    tkr_cell *cell;
    stream out;
    must(tkr_cell_create(&cell, TKR_GRU, 1, 1, NULL));
    must(tkr_cell_set_int(cell, TKR_RESET, TKR_RESET_BEFORE));
    must(tkr_cell_init(cell, 1));
    stream_init(&out);
    const tkr_writer writer = stream_writer(&out);
    must(tkr_cell_save_to(cell, &writer));
    keep("gru", &out);
    while (stream_edit(&out, "_rh_l", "_hh_l")) {
    }
    keep("gru_old_names", &out);
    stream_fini(&out);
    tkr_cell_destroy(cell);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return EXIT_FAILURE;
    }
    folder = argv[1];
    keep_ours();
    keep_gru();
    stream nothing = {.bytes = (unsigned char *)"", .len = 0};
    keep("empty", &nothing);
    keep_header("no_tensors", "{}", 0);
    keep_header("all_types",
                "{\"a\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[0,8]},"
                "\"b\":{\"dtype\":\"BF16\",\"shape\":[0,3],\"data_offsets\":[8,8]},"
                "\"c\":{\"dtype\":\"F4\",\"shape\":[2],\"data_offsets\":[8,9]},"
                "\"d\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[9,17]},"
                "\"e\":{\"dtype\":\"F16\",\"shape\":[1,1],\"data_offsets\":[17,19]},"
                "\"f\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[19,20]}}  ",
                20);
    keep_header("escapes", "{\"__metadata__\":{\"\\u00e7\\ud83d\\ude00\\n\":\"\\\\\\\"\\/\"}}", 0);
    keep_header("hole", "{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}", 2);
    keep_header("huge",
                "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
                "\"data_offsets\":[0,18446744073709551615]}}",
                4);
    keep_header("deep", "{\"a\":{\"dtype\":[[[[[[[[[[[[[[[[{{{{{{{{{{{{{{{{", 0);
    return EXIT_SUCCESS;
}
