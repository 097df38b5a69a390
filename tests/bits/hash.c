/* SPDX-License-Identifier: MIT
 * What a caller can see, run through one hash (FNV-1a, 64 bits, four bytes at a time). */
#include <string.h>

#include "bits.h"

void bits_add(bits *b, const void *bytes, uint64_t len) {
    const unsigned char *byte = bytes;
    for (; len >= sizeof(uint32_t); len -= sizeof(uint32_t), byte += sizeof(uint32_t)) {
        uint32_t word;
        memcpy(&word, byte, sizeof word);
        b->hash = (b->hash ^ word) * UINT64_C(0x100000001B3);
    }
    for (; len > 0; len--, byte++) {
        b->hash = (b->hash ^ *byte) * UINT64_C(0x100000001B3);
    }
}

void bits_add_text(bits *b, const char *text) {
    bits_add(b, text, strlen(text) + 1);
}

static void add_floats(bits *b, int64_t len) {
    bits_add(b, bits_pool.out, (uint64_t)len * sizeof *bits_pool.out);
}

/* Every parameter, or with a sequence every gradient, by name. */
static int32_t add_tensors(bits *b, const tkr_cell *cell, const tkr_sequence *seq) {
    int64_t tensors = 0;
    MUST(tkr_cell_parameters(cell, &tensors, NULL));
    for (int64_t i = 0; i < tensors; i++) {
        const char *name = NULL;
        int64_t shape[4] = {1, 1, 1, 1}; /* an older library fills two */
        int32_t rank = 0;
        MUST(tkr_cell_parameter(cell, i, &name, &rank, shape));
        bits_add_text(b, name);
        bits_add(b, shape, sizeof shape);
        const int64_t len = shape[0] * shape[1] * shape[2] * shape[3];
        if (seq) {
            MUST(tkr_sequence_gradient(seq, name, bits_pool.out, len));
        } else {
            MUST(tkr_cell_get_parameter(cell, name, bits_pool.out, len));
        }
        add_floats(b, len);
    }
    return TKR_OK;
}

int32_t bits_add_parameters(bits *b, const tkr_cell *cell) {
    return add_tensors(b, cell, NULL);
}

int32_t bits_add_gradients(bits *b, const tkr_sequence *seq) {
    return add_tensors(b, b->cell, seq);
}

int32_t bits_add_output(bits *b, const tkr_sequence *seq) {
    const int64_t len = b->steps * b->batch * b->output;
    MUST(tkr_sequence_output(seq, bits_pool.out, len));
    add_floats(b, len);
    return TKR_OK;
}

int32_t bits_add_input_gradient(bits *b, const tkr_sequence *seq) {
    const int64_t len = b->steps * b->batch * b->input;
    MUST(tkr_sequence_input_gradient(seq, bits_pool.out, len));
    add_floats(b, len);
    return TKR_OK;
}

int32_t bits_add_norms(bits *b, const tkr_sequence *seq) {
    const int64_t len = b->slots * b->steps;
    MUST(tkr_sequence_step_norms(seq, bits_pool.norms, len));
    bits_add(b, bits_pool.norms, (uint64_t)len * sizeof *bits_pool.norms);
    return TKR_OK;
}

int32_t bits_add_state(bits *b, const tkr_state *state) {
    int64_t tensors = 0;
    MUST(tkr_state_tensors(state, &tensors));
    for (int64_t i = 0; i < tensors; i++) {
        const char *name = NULL;
        int64_t shape[3];
        MUST(tkr_state_tensor(state, i, &name, shape));
        bits_add_text(b, name);
        bits_add(b, shape, sizeof shape);
        const int64_t len = shape[0] * shape[1] * shape[2];
        MUST(tkr_state_get(state, name, bits_pool.out, len));
        add_floats(b, len);
    }
    return TKR_OK;
}

int32_t bits_add_final_state(bits *b, const tkr_sequence *seq, int gradient) {
    tkr_state *state = NULL;
    MUST(tkr_state_create(&state, b->cell, b->batch, NULL));
    if (gradient) {
        MUST(tkr_sequence_get_state_gradient(seq, state));
    } else {
        MUST(tkr_sequence_get_state(seq, state));
    }
    MUST(bits_add_state(b, state));
    tkr_state_destroy(state);
    return TKR_OK;
}
