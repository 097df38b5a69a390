/* SPDX-License-Identifier: MIT
 * One step at a time gives what the unrolled forward gives, on every tier; states can be copied,
 * saved as numbers, rolled back and reset. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/nets.h"
#include "support/shot.h"
#include "support/tiers.h"

enum { STEPS = 6 };

static const int64_t SIZES[] = {1, 3, 4, 5, 7, 8, 15, 16, 17, 31, 33};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES };

/* `steps` steps from `step` on, as one block; 0: one, as a step. */
static void stream_block(twin *t, tkr_state *state, float *y, float *x, int64_t step,
                         int64_t steps) {
    const bool single = steps == 0;
    const int64_t batch = t->net->batch, in = orc_input_width(t->net);
    const int64_t out = orc_output_width(t->net);
    float *to = y + step * batch * out, *from = x + step * batch * in;
    const int32_t *ids = t->ids + step * batch;
    if (t->by_ids) {
        assert_ok(single ? tkr_cell_step_ids(t->cell, state, to, ids)
                         : tkr_cell_steps_ids(t->cell, state, to, ids, steps));
    } else if (single || out > in) {
        assert_ok(single ? tkr_cell_step(t->cell, state, to, from)
                         : tkr_cell_steps(t->cell, state, to, from, steps));
    } else { /* in place */
        assert_ok(tkr_cell_steps(t->cell, state, from, from, steps));
        memcpy(to, from, (size_t)(steps * batch * out) * sizeof *to);
    }
}

/* All steps from the twin's initial state, in turns one by one, in blocks of 1, 2, 3, and all at
 * once: outputs to y, final state into `state`. */
static void stream(twin *t, tkr_state *state, float *y) {
    static int turn;
    const int64_t n = t->net->steps, rows = n * t->net->batch;
    float *x = twin_floats(t->net->input, rows * orc_input_width(t->net));
    const int way = turn++ % 3;
    int64_t step = 0;
    for (int64_t block = 1; step < n; step += block, block += way == 1) {
        block = way == 2 || block > n - step ? n - step : block;
        stream_block(t, state, y, x, step, way ? block : 0);
    }
    assert_ok(tkr_cell_steps(t->cell, state, NULL, NULL, 0));
    free(x);
}

/* Streaming against the unrolled forward of an inference sequence, and against the oracle. */
static void check_net(const orc_spec *specs, int64_t n, int64_t batch, bool ids, bool given,
                      const tkr_env *env) {
    twin t;
    int64_t n_state;
    twin_open(&t, specs, n, 500 + (uint64_t)batch, env);
    snprintf(t.label, sizeof t.label, "kind %d, I %d, H %d, batch %d, tier %d", (int)specs[0].kind,
             (int)specs[0].input, (int)specs[0].hidden, (int)batch, (int)tkr_cell_tier(t.cell));
    t.by_ids = ids;
    twin_shape(&t, STEPS, batch, NULL, TKR_INFERENCE, given);
    orc_forward(t.net);
    twin_forward_library(&t);
    twin_check_forward(&t);
    int64_t all = STEPS * batch * orc_output_width(t.net), n_output = twin_output_len(&t);
    float *unrolled = twin_output(&t), *y = malloc((size_t)all * sizeof *y);
    tkr_state *state, *last;
    assert_ok(tkr_state_create(&state, t.cell, batch, env));
    assert_ok(tkr_state_create(&last, t.cell, batch, env));
    if (given) {
        tkr_state *initial = twin_state(&t, TWIN_INITIAL);
        assert_ok(tkr_state_copy(state, initial));
        tkr_state_destroy(initial);
    }
    stream(&t, state, y);
    assert_true(compare_bits(y + all - n_output, unrolled, n_output));
    assert_ok(tkr_sequence_get_state(t.seq, last));
    float *a = shot_state(state, &n_state), *b = shot_state(last, &n_state);
    assert_true(compare_bits(a, b, n_state));
    free(a), free(b), free(y), free(unrolled);
    tkr_state_destroy(state), tkr_state_destroy(last);
    twin_close(&t);
}

/* Every kind at every size, alone, from vectors and from ids. */
static void check_sizes(const tkr_env *env) {
    for (int32_t kind = TKR_ELMAN; kind <= TKR_LINEAR; kind++) {
        for (int64_t i = 0; i < N_SIZES; i++) {
            orc_spec spec = {.kind = kind,
                             .hidden = SIZES[i],
                             .input = SIZES[(i * 3 + 2) % N_SIZES],
                             .activation = kind == TKR_ELMAN ? 1 + i % 4 : 0};
            check_net(&spec, 1, 1 + i % 3, i % 2, i % 3 != 0, env);
        }
    }
}

/* The unrolled input's products are large ones, a step's are not. */
static void check_wide(const tkr_env *env) {
    for (int32_t kind = TKR_ELMAN; kind <= TKR_LINEAR; kind++) {
        const orc_spec spec = {.kind = kind, .input = 64, .hidden = 64};
        check_net(&spec, 1, 9, false, true, env);
    }
}

static void check_options(const tkr_env *env) {
    const orc_spec specs[] = {
        {.kind = TKR_LSTM, .peepholes = 1, .layers = 2, .biases = 1, .learned = 1},
        {.kind = TKR_LSTM, .projection = 3, .layers = 3, .biases = ORC_NO_BIAS},
        {.kind = TKR_LSTM, .projection = 5, .peepholes = 1, .before = 1, .learned = 1},
        {.kind = TKR_LSTM, .layers = 2, .zoneout = 0.25, .zoneout_cell = 0.5, .between = 0.3},
        {.kind = TKR_GRU, .reset = TKR_RESET_BEFORE, .layers = 2, .recurrent = 0.5},
        {.kind = TKR_GRU, .reset = TKR_RESET_BEFORE, .zoneout = 0.25, .before = 1},
        {.kind = TKR_GRU, .biases = 1, .layers = 2, .zoneout = 0.75},
        {.kind = TKR_GRU, .biases = ORC_NO_BIAS, .before = 1, .learned = 1},
        {.kind = TKR_ELMAN, .before = 1, .layers = 2, .zoneout = 0.1, .learned = 1},
    };
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        for (int64_t batch = 1; batch <= 4; batch += 3) {
            orc_spec spec = specs[i];
            spec.input = 6;
            spec.hidden = 9 + 4 * batch;
            check_net(&spec, 1, batch, false, i % 2, env);
        }
    }
}

static void check_chain(const tkr_env *env) {
    const orc_spec specs[] = {
        {.kind = TKR_EMBEDDING, .input = 12, .hidden = 5},
        {.kind = TKR_DROPOUT, .input = 5, .hidden = 5, .rate = 0.5},
        {.kind = TKR_LSTM, .input = 5, .hidden = 18, .layers = 2},
        {.kind = TKR_LINEAR, .input = 18, .hidden = 7, .activation = TKR_TANH},
        {.kind = TKR_GRU, .input = 7, .hidden = 4},
        {.kind = TKR_LINEAR, .input = 4, .hidden = 12},
    };
    const orc_spec no_state[] = {
        {.kind = TKR_EMBEDDING, .input = 12, .hidden = 5},
        {.kind = TKR_DROPOUT, .input = 5, .hidden = 5, .rate = 0.5},
        {.kind = TKR_LINEAR, .input = 5, .hidden = 3},
    };
    check_net(specs, 6, 1, true, true, env);
    check_net(specs, 6, 5, true, false, env);
    check_net(specs + 2, 4, 2, false, true, env);
    check_net(no_state, 3, 3, true, false, env);
}

static void test_sizes(void **unused) {
    (void)unused;
    tiers_each_env(check_sizes);
}

static void test_wide(void **unused) {
    (void)unused;
    tiers_each_env(check_wide);
}

static void test_options(void **unused) {
    (void)unused;
    tiers_each_env(check_options);
}

static void test_chain(void **unused) {
    (void)unused;
    tiers_each_env(check_chain);
}

/* Every part; behind LAST the last step gives what the unrolled forward gives. */
static void check_parts(const tkr_env *env) {
    for (int64_t i = 0; i < N_NETS_OF_PARTS; i++) {
        const nets_net *net = &NETS_OF_PARTS[i];
        for (int64_t batch = 1; batch <= 3; batch += 2) {
            if (!(net->flags & NETS_BACKWARDS)) {
                check_net(net->specs, net->n, batch, net->flags & NETS_IDS, batch % 2, env);
            }
        }
    }
}

static void test_parts(void **unused) {
    (void)unused;
    tiers_each_env(check_parts);
}

static const orc_spec LSTM = {.kind = TKR_LSTM, .input = 4, .hidden = 9, .learned = 1, .layers = 2};

/* A snapshot brings back the same outputs; a reset those of a new state. */
static void test_rollback(void **unused) {
    (void)unused;
    twin t;
    tkr_state *state, *snapshot;
    float first[STEPS * 2 * 9], second[STEPS * 2 * 9];
    twin_open(&t, &LSTM, 1, 510, NULL);
    twin_shape(&t, STEPS, 2, NULL, TKR_INFERENCE, false);
    assert_ok(tkr_state_create(&state, t.cell, 2, NULL));
    assert_ok(tkr_state_create(&snapshot, t.cell, 2, NULL));
    stream(&t, state, first);
    assert_ok(tkr_state_copy(snapshot, state));
    stream(&t, state, first);
    assert_ok(tkr_state_copy(state, snapshot));
    stream(&t, state, second);
    assert_true(compare_bits(first, second, STEPS * 2 * 9));
    assert_ok(tkr_state_reset(state));
    assert_ok(tkr_state_reset(snapshot));
    tkr_state *fresh;
    assert_ok(tkr_state_create(&fresh, t.cell, 2, NULL));
    stream(&t, state, first);
    stream(&t, fresh, second);
    assert_true(compare_bits(first, second, STEPS * 2 * 9));
    tkr_state_destroy(state), tkr_state_destroy(snapshot), tkr_state_destroy(fresh);
    twin_close(&t);
}

/* Without wanting the output the state moves the same way. */
static void test_no_output(void **unused) {
    (void)unused;
    twin t;
    float x[4] = {0.5F, -1, 2, 0}, y[9];
    int64_t n;
    twin_open(&t, &LSTM, 1, 511, NULL);
    twin_shape(&t, 1, 1, NULL, TKR_INFERENCE, false);
    tkr_state *with, *without;
    assert_ok(tkr_state_create(&with, t.cell, 1, NULL));
    assert_ok(tkr_state_create(&without, t.cell, 1, NULL));
    for (int i = 0; i < 3; i++) {
        assert_ok(tkr_cell_step(t.cell, with, y, x));
        assert_ok(tkr_cell_step(t.cell, without, NULL, x));
    }
    float *a = shot_state(with, &n), *b = shot_state(without, &n);
    assert_true(compare_bits(a, b, n));
    free(a), free(b);
    tkr_state_destroy(with), tkr_state_destroy(without);
    twin_close(&t);
}

/* Output before: y is known without x, asking for it alone does not move the state, and it is what
 * the step with x would have given. */
static void check_output_before(const orc_spec *specs, int64_t n_parts) {
    twin t;
    int64_t n;
    float x[8] = {1, -1, 0.5F, 2, 0, 1, 3, -2}, alone[12] = {0}, moved[12] = {0};
    twin_open(&t, specs, n_parts, 512, NULL);
    twin_shape(&t, 1, 2, NULL, TKR_INFERENCE, false);
    tkr_state *state;
    assert_ok(tkr_state_create(&state, t.cell, 2, NULL));
    for (int i = 0; i < 4; i++) {
        float *before = shot_state(state, &n);
        assert_ok(tkr_cell_step(t.cell, state, alone, NULL));
        float *after = shot_state(state, &n);
        assert_true(compare_bits(before, after, n));
        assert_ok(tkr_cell_step(t.cell, state, moved, x));
        assert_true(compare_bits(alone, moved, 12));
        free(before), free(after);
    }
    tkr_state_destroy(state);
    twin_close(&t);
}

static void test_output_before(void **unused) {
    (void)unused;
    const orc_spec lstm = {.kind = TKR_LSTM, .input = 4, .hidden = 6, .before = 1, .learned = 1};
    const orc_spec linear = {.kind = TKR_LINEAR, .input = 6, .hidden = 4};
    const orc_spec chain[] = {{.kind = TKR_CONV, .input = 4, .hidden = 5, .kernel = 2},
                              {.kind = TKR_GRU, .input = 5, .hidden = 6, .before = 1}};
    const orc_spec sides[] = {lstm, {.kind = TKR_CHAIN, .parts = chain, .n_parts = 2}};
    const orc_spec branch = {.kind = TKR_BRANCH, .combine = TKR_SUM, .parts = sides, .n_parts = 2};
    const orc_spec plain[] = {lstm, linear}, wide[] = {branch, linear};
    check_output_before(plain, 2);
    check_output_before(wide, 2);
    check_output_before(&branch, 1);
}

/* A state's tensors read back as written; two streams of one state do not see each other. */
static void test_tensors(void **unused) {
    (void)unused;
    twin t;
    int64_t tensors, shape[3];
    const char *name;
    twin_open(&t, &LSTM, 1, 513, NULL);
    twin_shape(&t, STEPS, 2, NULL, TKR_INFERENCE, true);
    tkr_state *state = twin_state(&t, TWIN_INITIAL);
    twin_check_state(&t, state, TWIN_INITIAL, 0);
    assert_ok(tkr_state_tensors(state, &tensors));
    assert_int_equal(tensors, 2);
    assert_ok(tkr_state_tensor(state, 1, &name, shape));
    assert_string_equal(name, "c");
    assert_true(shape[0] == 2 && shape[1] == 2 && shape[2] == 9);
    assert_status(tkr_state_tensor(state, 2, &name, shape), TKR_ERR_KEY);
    tkr_state_destroy(state);
    twin_close(&t);
}

/* Two streams in one state step as two states of one stream each. */
static void check_independent(const tkr_env *env) {
    twin t;
    float y[2 * 9], one[9];
    twin_open(&t, &LSTM, 1, 514, env);
    twin_shape(&t, STEPS, 2, NULL, TKR_INFERENCE, false);
    float *x = twin_floats(t.net->input, STEPS * 2 * 4);
    tkr_state *both, *alone[2];
    assert_ok(tkr_state_create(&both, t.cell, 2, env));
    for (int b = 0; b < 2; b++) {
        assert_ok(tkr_state_create(&alone[b], t.cell, 1, env));
    }
    for (int64_t step = 0; step < STEPS; step++) {
        assert_ok(tkr_cell_step(t.cell, both, y, x + step * 8));
        for (int b = 0; b < 2; b++) {
            assert_ok(tkr_cell_step(t.cell, alone[b], one, x + step * 8 + b * 4));
            assert_true(compare_bits(y + b * 9, one, 9));
        }
    }
    tkr_state_destroy(both), tkr_state_destroy(alone[0]), tkr_state_destroy(alone[1]);
    free(x);
    twin_close(&t);
}

static void test_independent(void **unused) {
    (void)unused;
    tiers_each_env(check_independent);
}

static tkr_cell *lstm_of(int64_t before) {
    const orc_spec spec = {.kind = TKR_LSTM, .input = 4, .hidden = 12, .before = before};
    return twin_cell(&spec, 1, NULL);
}

/* A step without input is taken back: a state of a cell that has none of the kind cannot, and says
 * so before anything moves; the other way round there is nothing to take back. */
static void test_before_elsewhere(void **unused) {
    (void)unused;
    tkr_cell *before = lstm_of(1), *plain = lstm_of(0);
    tkr_state *of_before, *of_plain;
    float x[4] = {1, 2, 3, 4}, y[12], same[12];
    assert_ok(tkr_state_create(&of_before, before, 1, NULL));
    assert_ok(tkr_state_create(&of_plain, plain, 1, NULL));
    assert_status(tkr_cell_step(before, of_plain, y, x), TKR_ERR_SHAPE);
    assert_status(tkr_cell_step(before, of_plain, y, NULL), TKR_ERR_SHAPE);
    assert_ok(tkr_cell_step(plain, of_plain, y, x));
    assert_ok(tkr_cell_step(plain, of_before, same, x));
    assert_true(compare_bits(y, same, 12));
    assert_ok(tkr_cell_step(before, of_before, same, NULL));
    assert_true(compare_bits(y, same, 12));
    tkr_state_destroy(of_before), tkr_state_destroy(of_plain);
    tkr_cell_destroy(before), tkr_cell_destroy(plain);
}

static tkr_cell *with_head(int64_t outputs) {
    const orc_spec specs[] = {{.kind = TKR_GRU, .input = 3, .hidden = 4},
                              {.kind = TKR_LINEAR, .input = 4, .hidden = outputs}};
    return twin_cell(specs, 2, NULL);
}

/* A state of another cell serves only if its scratch memory is wide enough, too. */
static void test_other_cell(void **unused) {
    (void)unused;
    tkr_cell *narrow = with_head(2), *wide = with_head(200);
    tkr_state *small, *large;
    float x[3] = {1, 2, 3}, y[200], same[2];
    assert_ok(tkr_state_create(&small, narrow, 1, NULL));
    assert_ok(tkr_state_create(&large, wide, 1, NULL));
    assert_status(tkr_cell_step(wide, small, y, x), TKR_ERR_SHAPE);
    assert_ok(tkr_cell_step(narrow, large, y, x));
    assert_ok(tkr_cell_step(narrow, small, same, x));
    assert_true(compare_bits(y, same, 2));
    tkr_state_destroy(small), tkr_state_destroy(large);
    tkr_cell_destroy(narrow), tkr_cell_destroy(wide);
}

static tkr_cell *with_zoneout(double rate) {
    tkr_cell *parts[2], *chain;
    assert_ok(tkr_cell_create(&parts[0], TKR_LSTM, 3, 9, NULL));
    assert_ok(tkr_cell_create(&parts[1], TKR_LINEAR, 9, 2, NULL));
    assert_ok(tkr_cell_set_float(parts[0], TKR_ZONEOUT, rate));
    assert_ok(tkr_cell_chain(&chain, parts, 2, NULL));
    assert_ok(tkr_cell_init(chain, rate > 0 ? 1 : 2));
    return chain;
}

/* Ids and values in turns. */
static void step_either(const tkr_cell *cell, tkr_state *state, float *y, int64_t i) {
    const float x[3] = {1, -2, (float)i};
    const int32_t id = (int32_t)(i % 4 - 1);
    if (i % 3 == 2) {
        assert_ok(tkr_cell_step_ids(cell, state, y, &id));
    } else {
        assert_ok(tkr_cell_step(cell, state, y, x));
    }
}

/* Two cells, whose steps are not done the same way, take turns on one state: each step is what the
 * cell does on a state of its own. A third cell comes and goes, mostly where the last one was. */
static void test_turns(void **unused) {
    (void)unused;
    tkr_cell *cells[2] = {with_zoneout(0), with_zoneout(0.5)};
    tkr_state *own[2], *shared;
    float y[2], same[2];
    for (int c = 0; c < 2; c++) {
        assert_ok(tkr_state_create(&own[c], cells[c], 1, NULL));
    }
    assert_ok(tkr_state_create(&shared, cells[1], 1, NULL));
    for (int64_t i = 0; i < 24; i++) {
        const int64_t c = i / 2 % 3;
        tkr_cell *cell = c < 2 ? cells[c] : with_zoneout(i % 2 ? 0.25 : 0);
        tkr_state *state = c < 2 ? own[c] : NULL;
        if (!state) {
            assert_ok(tkr_state_create(&state, cell, 1, NULL));
        }
        assert_ok(tkr_state_copy(state, shared));
        step_either(cell, state, same, i);
        step_either(cell, shared, y, i);
        assert_true(compare_bits(y, same, 2));
        if (c == 2) {
            tkr_state_destroy(state), tkr_cell_destroy(cell);
        }
    }
    tkr_state_destroy(own[0]), tkr_state_destroy(own[1]), tkr_state_destroy(shared);
    tkr_cell_destroy(cells[0]), tkr_cell_destroy(cells[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_wide),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_rollback),
        cmocka_unit_test(test_no_output),
        cmocka_unit_test(test_output_before),
        cmocka_unit_test(test_tensors),
        cmocka_unit_test(test_independent),
        cmocka_unit_test(test_before_elsewhere),
        cmocka_unit_test(test_other_cell),
        cmocka_unit_test(test_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
