/* SPDX-License-Identifier: MIT
 * Streaming and training touch no heap and make no system call: counted on the env's allocator and
 * on malloc, and held by seccomp, for every kind of cell, with one thread, after the first call. */
#include <stdio.h>
#include <stdlib.h>

#include "support/heap.h"
#include "support/malloc.h"
#include "support/silent.h"
#include "support/support.h"

enum { T = 5, B = 3, V = 6, H = 17, BLOCK = 37, MOST = 17 };

/* A small net in training and in streaming. */
typedef struct fixture {
    heap heap;
    tkr_env env;
    tkr_cell *net;
    tkr_sequence *seq;
    tkr_optimizer *opt;
    tkr_state *state;
    float x[BLOCK * MOST * V], y[BLOCK * MOST * V];
    int32_t ids[BLOCK * MOST], targets[T * B], lengths[B];
} fixture;

static void make_net(fixture *f, int32_t kind, int directions) {
    tkr_cell *part[2];
    assert_ok(tkr_cell_create(&part[0], kind, V, H, &f->env));
    assert_ok(tkr_cell_set_int(part[0], TKR_LAYERS, 2));
    assert_ok(tkr_cell_set_int(part[0], TKR_DIRECTIONS, directions));
    assert_ok(tkr_cell_set_float(part[0], TKR_DROPOUT_BETWEEN, 0.2));
    assert_ok(tkr_cell_set_float(part[0], TKR_ZONEOUT, 0.1));
    assert_ok(tkr_cell_create(&part[1], TKR_LINEAR, H * directions, V, &f->env));
    assert_ok(tkr_cell_chain(&f->net, part, 2, &f->env));
    assert_ok(tkr_cell_init(f->net, 3));
}

static fixture *make(int32_t kind, int directions) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    heap_init(&f->heap, &f->env);
    make_net(f, kind, directions);
    assert_ok(tkr_sequence_create(&f->seq, f->net, T, B, TKR_TRAINING, &f->env));
    assert_ok(tkr_sequence_set_int(f->seq, TKR_CARRY, directions == 1));
    assert_ok(tkr_optimizer_create(&f->opt, TKR_ADAM, f->net, &f->env));
    assert_ok(tkr_optimizer_set_float(f->opt, TKR_CLIP_NORM, 1));
    if (directions == 1) {
        assert_ok(tkr_state_create(&f->state, f->net, B, &f->env));
    }
    for (int i = 0; i < T * B; i++) {
        f->ids[i] = i % V;
        f->targets[i] = (i + 1) % V;
    }
    for (int b = 0; b < B; b++) {
        f->lengths[b] = T - b;
    }
    return f;
}

static void unmake(fixture *f) {
    tkr_state_destroy(f->state);
    tkr_optimizer_destroy(f->opt);
    tkr_sequence_destroy(f->seq);
    tkr_cell_destroy(f->net);
    assert_true(heap_is_clean(&f->heap));
    free(f);
}

static int32_t train(void *argument) {
    fixture *f = argument;
    double loss;
    int32_t status = tkr_sequence_forward_ids(f->seq, f->ids, f->lengths, T, B);
    status = status ? status : tkr_sequence_loss_ids(f->seq, &loss, f->targets, NULL);
    status = status ? status : tkr_sequence_backward(f->seq, NULL, NULL);
    return status ? status : tkr_optimizer_step(f->opt, f->seq);
}

static int32_t stream(void *argument) {
    fixture *f = argument;
    int32_t status = tkr_cell_step(f->net, f->state, f->y, f->x);
    status = status ? status : tkr_cell_step_ids(f->net, f->state, f->y, f->ids);
    status = status ? status : tkr_cell_steps(f->net, f->state, NULL, f->x, 1);
    return status ? status : tkr_cell_steps_ids(f->net, f->state, NULL, f->ids, T);
}

/* Blocks of one group of rows and of several, by values, by ids, and with outputs unwanted. */
static int32_t stream_blocks(void *argument) {
    fixture *f = argument;
    int32_t status = TKR_OK;
    for (int64_t steps = 1; status == TKR_OK && steps <= BLOCK; steps += 12) {
        status = tkr_cell_steps(f->net, f->state, f->y, f->x, steps);
        status = status ? status : tkr_cell_steps_ids(f->net, f->state, f->y, f->ids, steps);
        status = status ? status : tkr_cell_steps(f->net, f->state, NULL, f->x, steps);
    }
    return status;
}

/* The work once to warm up, then counted, then under seccomp. */
static void expect_silence(int32_t (*work)(void *), fixture *f) {
    assert_ok(work(f));
    int64_t heap_calls = f->heap.calls, calls = malloc_calls();
    assert_ok(work(f));
    assert_int_equal(f->heap.calls - heap_calls, 0);
    assert_int_equal(malloc_calls() - calls, 0);
    int verdict = silent_run(work, f);
    if (verdict == SILENT_UNABLE) {
        skip();
    }
    assert_int_equal(verdict, SILENT_YES);
}

static void test_silence(void **state) {
    int32_t kind = *(const int32_t *)*state;
    for (int directions = 1; directions <= 2; directions++) {
        fixture *f = make(kind, directions);
        expect_silence(train, f);
        if (directions == 1) {
            expect_silence(stream, f);
        }
        unmake(f);
    }
}

/* The same with quantized weights. */
static void test_quantized_silence(void **state) {
    int32_t kind = *(const int32_t *)*state;
    for (int32_t precision = TKR_BF16; precision <= TKR_INT8; precision++) {
        fixture *f = make(kind, 1);
        tkr_cell *whole = f->net;
        tkr_state *whole_state = f->state;
        assert_ok(tkr_cell_quantize(&f->net, NULL, whole, precision, NULL, &f->env));
        assert_ok(tkr_state_create(&f->state, f->net, B, &f->env));
        expect_silence(stream, f);
        tkr_state_destroy(f->state);
        tkr_cell_destroy(f->net);
        f->net = whole;
        f->state = whole_state;
        unmake(f);
    }
}

/* A net whose steps are products and gates alone, before a head. */
static void make_plain(fixture *f, int32_t kind, int64_t outputs) {
    tkr_cell *part[2];
    assert_ok(tkr_cell_create(&part[0], kind, V, H, &f->env));
    assert_ok(tkr_cell_set_int(part[0], TKR_LAYERS, 2));
    assert_ok(tkr_cell_create(&part[1], TKR_LINEAR, H, outputs, &f->env));
    assert_ok(tkr_cell_chain(&f->net, part, 2, &f->env));
    assert_ok(tkr_cell_init(f->net, 3));
}

static void check_blocks(int32_t kind, int64_t batch, int64_t outputs, int32_t precision) {
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    heap_init(&f->heap, &f->env);
    make_plain(f, kind, outputs);
    if (precision != TKR_FLOAT32) {
        tkr_cell *whole = f->net;
        assert_ok(tkr_cell_quantize(&f->net, NULL, whole, precision, NULL, &f->env));
        tkr_cell_destroy(whole);
    }
    assert_ok(tkr_state_create(&f->state, f->net, batch, &f->env));
    expect_silence(stream_blocks, f);
    unmake(f);
}

static void test_block_silence(void **state) {
    static const int64_t batches[] = {1, 3, MOST};
    for (int i = 0; i < 3; i++) {
        for (int32_t precision = TKR_FLOAT32; precision <= TKR_INT8; precision++) {
            check_blocks(*(const int32_t *)*state, batches[i], 2, precision);
            check_blocks(*(const int32_t *)*state, batches[i], V, precision);
        }
    }
}

int main(void) {
    static int32_t elman = TKR_ELMAN, lstm = TKR_LSTM, gru = TKR_GRU;
    const struct CMUnitTest tests[] = {
        {"elman_is_silent", test_silence, NULL, NULL, &elman},
        {"lstm_is_silent", test_silence, NULL, NULL, &lstm},
        {"gru_is_silent", test_silence, NULL, NULL, &gru},
        {"quantized_elman_is_silent", test_quantized_silence, NULL, NULL, &elman},
        {"quantized_lstm_is_silent", test_quantized_silence, NULL, NULL, &lstm},
        {"quantized_gru_is_silent", test_quantized_silence, NULL, NULL, &gru},
        {"elman_blocks_are_silent", test_block_silence, NULL, NULL, &elman},
        {"lstm_blocks_are_silent", test_block_silence, NULL, NULL, &lstm},
        {"gru_blocks_are_silent", test_block_silence, NULL, NULL, &gru},
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
