/* SPDX-License-Identifier: MIT
 * What is announced is what the allocator is asked for, of every kind of cell and every mode: the
 * layout function that measures is the one that places. */
#include <stdlib.h>

#include "support/heap.h"
#include "support/support.h"

enum { T = 70, B = 18, I = 6 };

static tkr_cell *make(int32_t kind, int64_t in, int64_t out, const tkr_env *env) {
    tkr_cell *cell;
    assert_ok(tkr_cell_create(&cell, kind, in, out, env));
    return cell;
}

static tkr_cell *recurrent(int32_t kind, int32_t directions, const tkr_env *env) {
    tkr_cell *cell = make(kind, I, 9, env);
    assert_ok(tkr_cell_set_int(cell, TKR_LAYERS, 2));
    assert_ok(tkr_cell_set_int(cell, TKR_DIRECTIONS, directions));
    assert_ok(tkr_cell_set_int(cell, TKR_LEARNED_STATE, 1));
    assert_ok(tkr_cell_set_float(cell, TKR_DROPOUT_RECURRENT, 0.2));
    assert_ok(tkr_cell_set_float(cell, TKR_ZONEOUT, 0.1));
    return cell;
}

static tkr_cell *convolution(int64_t channels, const tkr_env *env) {
    tkr_cell *cell = make(TKR_CONV, I, 4, env);
    assert_ok(tkr_cell_set_int(cell, TKR_KERNEL, 3));
    assert_ok(tkr_cell_set_int(cell, TKR_CHANNELS, channels));
    return cell;
}

/* A branch that is read by rows and by one step: x beside its norm, activated, the last of it. */
static tkr_cell *tower(const tkr_env *env) {
    tkr_cell *sides[] = {make(TKR_SELECT, I, 4, env), make(TKR_NORM, I, I, env),
                         make(TKR_AFFINE, I, I, env)};
    tkr_cell *parts[4], *chain;
    assert_ok(tkr_cell_branch(&parts[0], sides, 3, TKR_CONCATENATE, env));
    parts[1] = make(TKR_ACTIVATE, 2 * I + 4, 2 * I + 4, env);
    parts[2] = make(TKR_LAST, 2 * I + 4, 2 * I + 4, env);
    parts[3] = make(TKR_LINEAR, 2 * I + 4, 3, env);
    assert_ok(tkr_cell_chain(&chain, parts, 4, env));
    return chain;
}

/* Number `i` of the cells; NULL behind the last. */
static tkr_cell *cell_of(int i, const tkr_env *env) {
    switch (i) {
        case 0:
            return recurrent(TKR_ELMAN, TKR_FORWARD, env);
        case 1:
            return recurrent(TKR_LSTM, TKR_BOTH, env);
        case 2:
            return recurrent(TKR_GRU, TKR_REVERSE, env);
        case 3:
            return make(TKR_EMBEDDING, I, 5, env);
        case 4:
            return make(TKR_DROPOUT, I, I, env);
        case 5:
            return convolution(0, env);
        case 6:
            return convolution(2, env);
        case 7:
            return tower(env);
        default:
            return NULL;
    }
}

static void check_sequence(const heap *h, const tkr_cell *cell, int32_t mode, const tkr_env *env) {
    tkr_sequence *seq;
    uint64_t announced;
    const uint64_t before = h->bytes;
    const int32_t status = tkr_sequence_size(&announced, cell, T, B, mode, env);
    if (status == TKR_ERR_UNSUPPORTED) {
        return; /* of this net there is no such sequence */
    }
    assert_ok(status);
    assert_ok(tkr_sequence_create(&seq, cell, T, B, mode, env));
    assert_int_equal(h->bytes - before, announced);
    tkr_sequence_destroy(seq);
}

static void check_optimizer(const heap *h, tkr_cell *cell, int32_t kind, const tkr_env *env) {
    tkr_optimizer *opt;
    uint64_t announced;
    const uint64_t before = h->bytes;
    assert_ok(tkr_optimizer_size(&announced, kind, cell));
    assert_ok(tkr_optimizer_create(&opt, kind, cell, env));
    assert_int_equal(h->bytes - before, announced);
    tkr_optimizer_destroy(opt);
}

static void check_state(const heap *h, const tkr_cell *cell, const tkr_env *env) {
    tkr_state *state;
    uint64_t announced;
    const uint64_t before = h->bytes;
    const int32_t status = tkr_state_size(&announced, cell, B);
    if (status == TKR_ERR_UNSUPPORTED) {
        return; /* two directions cannot be streamed */
    }
    assert_ok(status);
    assert_ok(tkr_state_create(&state, cell, B, env));
    assert_int_equal(h->bytes - before, announced);
    tkr_state_destroy(state);
}

static void check_cell(const heap *h, tkr_cell *cell, const tkr_env *env) {
    static const int32_t modes[] = {TKR_INFERENCE, TKR_TRAINING,
                                    TKR_TRAINING | TKR_INPUT_GRADIENT | TKR_RETAIN,
                                    TKR_TRAINING | TKR_STEP_NORMS | TKR_RECOMPUTE};
    uint64_t announced;
    assert_ok(tkr_cell_size(&announced, cell));
    assert_ok(tkr_cell_init(cell, 1));
    assert_int_equal(h->bytes, announced);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        check_sequence(h, cell, modes[i], env);
    }
    for (int32_t kind = TKR_SGD; kind <= TKR_RMSPROP; kind++) {
        check_optimizer(h, cell, kind, env);
    }
    check_state(h, cell, env);
}

static void test_sizes(void **unused) {
    tkr_cell *cell;
    tkr_env env;
    heap h;
    (void)unused;
    heap_init(&h, &env);
    for (int i = 0; (cell = cell_of(i, &env)) != NULL; i++) {
        check_cell(&h, cell, &env);
        tkr_cell_destroy(cell);
        assert_int_equal(h.bytes, 0);
    }
    assert_true(heap_is_clean(&h));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
