/* SPDX-License-Identifier: MIT
 * TKR_RECOMPUTE, and inference, whose tape holds a checkpoint segment of the steps: wherever the
 * checkpoints are, nothing but the order in which the weights' gradients are summed may change. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "seq/seq.h"
#include "support/nets.h"
#include "support/shot.h"
#include "support/tiers.h"

enum { STEPS = 17, BATCH = 18, CAPACITY = 40, MODE = TKR_TRAINING | TKR_INPUT_GRADIENT };

static int32_t lengths[BATCH];

/* Steps of a segment; 16 is what the library takes itself: STEPS - 1, or all. */
static const int64_t SEGMENTS[] = {1, 2, 3, 7, 16};
enum { N_SEGMENTS = sizeof SEGMENTS / sizeof *SEGMENTS };

static const struct net {
    int64_t n;
    orc_spec specs[5];
} NETS[] = {
    {1, {{.kind = TKR_ELMAN, .input = 3, .hidden = 17, .activation = TKR_RELU, .learned = 1}}},
    {1,
     {{.kind = TKR_LSTM,
       .input = 5,
       .hidden = 7,
       .layers = 2,
       .peepholes = 1,
       .learned = 1,
       .between = 0.3}}},
    {1,
     {{.kind = TKR_LSTM,
       .input = 5,
       .hidden = 9,
       .projection = 4,
       .before = 1,
       .zoneout = 0.2,
       .zoneout_cell = 0.4,
       .layers = 2}}},
    {1, {{.kind = TKR_GRU, .input = 4, .hidden = 33, .layers = 3, .recurrent = 0.2}}},
    {1,
     {{.kind = TKR_GRU,
       .input = 8,
       .hidden = 15,
       .reset = TKR_RESET_BEFORE,
       .zoneout = 0.3,
       .recurrent = 0.4}}},
    {3,
     {{.kind = TKR_EMBEDDING, .input = 7, .hidden = 6},
      {.kind = TKR_LSTM, .input = 6, .hidden = 16, .layers = 2},
      {.kind = TKR_LINEAR, .input = 16, .hidden = 7}}},
    {4,
     {{.kind = TKR_DROPOUT, .input = 6, .hidden = 6, .rate = 0.3},
      {.kind = TKR_GRU, .input = 6, .hidden = 5, .learned = 1},
      {.kind = TKR_LINEAR, .input = 5, .hidden = 4, .activation = TKR_TANH},
      {.kind = TKR_ELMAN, .input = 4, .hidden = 8}}},
    {3,
     {{.kind = TKR_LSTM, .input = 3, .hidden = 6},
      {.kind = TKR_LINEAR, .input = 6, .hidden = 5},
      {.kind = TKR_DROPOUT, .input = 5, .hidden = 5, .rate = 0.5, .per_sequence = 1}}},
};
enum { N_NETS = sizeof NETS / sizeof *NETS };

/* These, and behind them the nets of all parts. */
static int64_t n_nets(void) {
    return N_NETS + N_NETS_OF_PARTS;
}

static nets_net net_at(int64_t i) {
    return i < N_NETS ? (nets_net){"plain", NETS[i].n, NETS[i].specs, 0}
                      : NETS_OF_PARTS[i - N_NETS];
}

/* Can its activations be computed again? */
static bool goes_on(int64_t i) {
    return !(net_at(i).flags & NETS_BACKWARDS);
}

/* The twin's sequence anew, with segments of so many steps and checkpoints for them, to be freed;
 * 0: as it is made. */
static float *remake(twin *t, int32_t mode, int64_t segment) {
    tkr_sequence_destroy(t->seq);
    assert_ok(tkr_sequence_create(&t->seq, t->cell, CAPACITY, BATCH, mode, t->env));
    const bool whole = (mode & (TKR_TRAINING | TKR_RECOMPUTE)) == TKR_TRAINING;
    assert_int_equal(t->seq->u.plan.segment, whole ? CAPACITY : 16);
    if (segment == 0) {
        return NULL;
    }
    const size_t bytes = (size_t)(CAPACITY * BATCH * t->seq->u.net->state_width) * sizeof(float);
    float *checkpoints = malloc(bytes + 1);
    memset(checkpoints, 0xff, bytes);
    t->seq->u.plan.segment = segment;
    t->seq->u.tape.checkpoints = checkpoints;
    return checkpoints;
}

/* Everything but the weights' gradients has the bits of the whole. */
static void check_shot(const twin *t, const shot *got, const shot *whole) {
    assert_true(compare_bits(got->output, whole->output, whole->n_output));
    assert_true(compare_bits(got->state, whole->state, whole->n_state));
    shot_same_gradient(t->cell, got->dinput, whole->dinput, whole->n_dinput);
    shot_same_gradient(t->cell, got->dstate, whole->dstate, whole->n_state);
    shot_near(got, whole, 2e-6);
}

typedef struct windows {
    int64_t k1, k2;
} windows;

/* A forward and a backward; between them a seed that must not matter. */
static shot run(twin *t, windows w) {
    assert_ok(tkr_sequence_set_int(t->seq, TKR_TRUNCATE_EVERY, w.k1));
    assert_ok(tkr_sequence_set_int(t->seq, TKR_TRUNCATE_STEPS, w.k2));
    assert_ok(tkr_sequence_set_seed(t->seq, 77));
    twin_forward_library(t);
    assert_ok(tkr_sequence_set_seed(t->seq, 78));
    twin_backward_library(t);
    return shot_take(t, !t->by_ids);
}

static void norms_of(const twin *t, double *norms) {
    if (t->seq->u.net->n_tracks > 0) {
        assert_ok(tkr_sequence_step_norms(t->seq, norms, t->seq->u.net->n_tracks * t->net->steps));
    }
}

static void check_net(const nets_net *net, int64_t steps, int ragged, windows w,
                      const tkr_env *env) {
    twin t;
    const int32_t mode = MODE | TKR_STEP_NORMS | (w.k2 > w.k1 ? TKR_RETAIN : 0);
    double norms[3 * STEPS], again[3 * STEPS];
    int32_t cut_lengths[BATCH];
    for (int b = 0; b < BATCH; b++) {
        cut_lengths[b] = lengths[b] < steps ? lengths[b] : (int32_t)steps;
    }
    twin_open(&t, net->specs, net->n, 700, env);
    twin_shape(&t, steps, BATCH, ragged ? cut_lengths : NULL, mode, !net->specs[0].learned);
    remake(&t, mode, 0);
    shot whole = run(&t, w);
    norms_of(&t, norms);
    for (int64_t k = 0; k < N_SEGMENTS; k++) {
        float *checkpoints = remake(&t, mode | TKR_RECOMPUTE, SEGMENTS[k]);
        shot cut = run(&t, w);
        check_shot(&t, &cut, &whole);
        norms_of(&t, again);
        for (int64_t n = 0; n < t.seq->u.net->n_tracks * steps; n++) {
            assert_true(fabs(again[n] - norms[n]) <= 1e-6 * norms[n]);
        }
        shot_free(&cut);
        free(checkpoints);
    }
    shot_free(&whole);
    twin_close(&t);
}

static void check_nets(const tkr_env *env) {
    for (int64_t i = 0; i < n_nets(); i++) {
        const nets_net net = net_at(i);
        for (int ragged = 0; goes_on(i) && ragged < 2; ragged++) {
            check_net(&net, STEPS, ragged, (windows){0, 0}, env);
        }
        if (i < N_NETS) {
            check_net(&net, STEPS - 1, 1, (windows){0, 0}, env);
        }
    }
}

static void test_nets(void **unused) {
    (void)unused;
    tiers_each_env(check_nets);
}

/* Windows that begin and end anywhere in a segment, overlapping or not. */
static void test_windows(void **unused) {
    (void)unused;
    for (int64_t i = 0; i < n_nets(); i++) {
        const nets_net net = net_at(i);
        if (goes_on(i)) {
            check_net(&net, STEPS, 1, (windows){4, 4}, NULL);
            check_net(&net, STEPS, 1, (windows){2, 5}, NULL);
            check_net(&net, STEPS, 0, (windows){5, 12}, NULL);
        }
    }
}

/* A second backward finds the last segment gone from the tape and makes it again. */
static void test_retained(void **unused) {
    (void)unused;
    for (int64_t i = 0; i < n_nets(); i++) {
        twin t;
        if (!goes_on(i)) {
            continue;
        }
        twin_open(&t, net_at(i).specs, net_at(i).n, 701, NULL);
        twin_shape(&t, STEPS, BATCH, lengths, MODE, true);
        float *checkpoints = remake(&t, MODE | TKR_RETAIN | TKR_RECOMPUTE, 3);
        shot first = run(&t, (windows){0, 0});
        assert_ok(tkr_sequence_zero_gradients(t.seq));
        twin_backward_library(&t);
        shot second = shot_take(&t, !t.by_ids);
        shot_same(&second, &first);
        shot_free(&first), shot_free(&second);
        free(checkpoints);
        twin_close(&t);
    }
}

/* Inference is in segments by itself: the bits of training, where nothing is drawn. */
static void check_inference(const tkr_env *env) {
    for (int64_t i = 0; i < n_nets(); i++) {
        twin t;
        const nets_net net = net_at(i);
        orc_spec calm[5];
        if (!goes_on(i)) {
            continue;
        }
        memcpy(calm, net.specs, (size_t)net.n * sizeof *calm);
        for (int64_t k = 0; k < net.n; k++) {
            orc_spec *s = &calm[k];
            s->between = s->recurrent = s->zoneout = s->zoneout_cell = 0;
            s->rate = s->kind == TKR_DROPOUT ? 1e-9 : 0;
        }
        twin_open(&t, calm, net.n, 702, env);
        twin_shape(&t, STEPS, BATCH, lengths, MODE, true);
        shot whole = run(&t, (windows){0, 0});
        for (int64_t k = 0; k < N_SEGMENTS; k++) {
            shot cut = {0};
            float *checkpoints = remake(&t, TKR_INFERENCE, SEGMENTS[k]);
            tkr_state *state = twin_state(&t, TWIN_INITIAL);
            twin_forward_library(&t);
            cut.output = twin_output(&t);
            assert_true(compare_bits(cut.output, whole.output, whole.n_output));
            assert_ok(tkr_sequence_get_state(t.seq, state));
            cut.state = shot_state(state, &cut.n_state);
            assert_true(compare_bits(cut.state, whole.state, whole.n_state));
            tkr_state_destroy(state);
            shot_free(&cut);
            free(checkpoints);
        }
        shot_free(&whole);
        twin_close(&t);
    }
}

static void test_inference(void **unused) {
    (void)unused;
    tiers_each_env(check_inference);
}

/* The checkpoints that the library itself has room for. */
static void test_as_made(void **unused) {
    (void)unused;
    for (int64_t i = 0; i < n_nets(); i++) {
        twin t;
        if (!goes_on(i)) {
            continue;
        }
        twin_open(&t, net_at(i).specs, net_at(i).n, 703, NULL);
        twin_shape(&t, CAPACITY, BATCH, NULL, MODE, true);
        remake(&t, MODE, 0);
        shot whole = run(&t, (windows){0, 0});
        remake(&t, MODE | TKR_RECOMPUTE, 0);
        shot cut = run(&t, (windows){0, 0});
        check_shot(&t, &cut, &whole);
        remake(&t, TKR_INFERENCE, 0);
        twin_forward_library(&t);
        float *output = twin_output(&t);
        remake(&t, TKR_INFERENCE, 7);
        t.seq->u.plan.segment = 16;
        twin_forward_library(&t);
        float *again = twin_output(&t);
        assert_true(compare_bits(output, again, whole.n_output));
        free(t.seq->u.tape.checkpoints);
        free(output), free(again);
        shot_free(&whole), shot_free(&cut);
        twin_close(&t);
    }
}

/* Training with a carried state: three iterations' losses and the parameters that they leave. */
typedef struct course {
    double loss[3];
    float w[4 * 8 * 8];
} course;

static course train(int32_t mode, int32_t threads) {
    enum { T = 50, B = 35 };
    static const orc_spec specs[] = {
        {.kind = TKR_LSTM, .input = 3, .hidden = 8, .layers = 2, .between = 0.2, .peepholes = 1},
        {.kind = TKR_LINEAR, .input = 8, .hidden = 2}};
    const tkr_env env = {.size = sizeof env, .threads = threads};
    static float x[T * B * 3], y[T * B * 2], weights[T * B];
    course c;
    tkr_cell *cell = twin_cell(specs, 2, &env);
    tkr_sequence *seq;
    tkr_optimizer *opt;
    for (int i = 0; i < T * B * 3; i++) {
        x[i] = (float)(i * 7 % 31) / 31 - 0.5f;
        y[i % (T * B * 2)] = (float)(i * 5 % 23) / 23;
        weights[i % (T * B)] = (float)(i % 3);
    }
    assert_ok(tkr_sequence_create(&seq, cell, T, B, mode, &env));
    assert_ok(tkr_sequence_set_int(seq, TKR_CARRY, 1));
    assert_ok(tkr_optimizer_create(&opt, TKR_ADAM, cell, &env));
    for (int i = 0; i < 3; i++) {
        assert_ok(tkr_sequence_forward(seq, x, NULL, T, B));
        assert_ok(tkr_sequence_loss_values(seq, &c.loss[i], TKR_MSE, y, weights));
        assert_ok(tkr_sequence_backward(seq, NULL, NULL));
        assert_ok(tkr_optimizer_step(opt, seq));
    }
    assert_ok(tkr_cell_get_parameter(cell, "0.weight_hh_l1", c.w, 4 * 8 * 8));
    tkr_optimizer_destroy(opt);
    tkr_sequence_destroy(seq);
    tkr_cell_destroy(cell);
    return c;
}

/* The same bits on any threads, each time; the first loss is the whole tape's, as are the later
 * ones but for the parameters' last bits. */
static void test_training(void **unused) {
    (void)unused;
    const course whole = train(TKR_TRAINING, 1), one = train(TKR_TRAINING | TKR_RECOMPUTE, 1);
    for (int i = 0; i < 3; i++) {
        const course more = train(TKR_TRAINING | TKR_RECOMPUTE, i == 0 ? 1 : 2 * i);
        assert_memory_equal(more.loss, one.loss, sizeof one.loss);
        assert_true(compare_bits(more.w, one.w, 4 * 8 * 8));
        assert_true(fabs(one.loss[i] - whole.loss[i]) <= 1e-6 * whole.loss[i]);
    }
    assert_memory_equal(one.loss, whole.loss, sizeof *one.loss);
}

/* A linked pair: what flows between them does not depend on the segments of either. */
static void link_pair(twin *pair, float **checkpoints, int32_t extra, shot *shots) {
    for (int i = 0; i < 2; i++) {
        checkpoints[i] = remake(&pair[i], MODE | extra, extra ? 3 + i : 0);
    }
    assert_ok(tkr_sequence_link(pair[1].seq, pair[0].seq));
    twin_forward_library(&pair[0]);
    pair[1].net->given = false;
    twin_forward_library(&pair[1]);
    twin_backward_library(&pair[1]);
    float *doutput = twin_poisoned(&pair[0], pair[0].net->doutput, 6);
    assert_ok(tkr_sequence_backward(pair[0].seq, doutput, NULL));
    free(doutput);
    for (int i = 0; i < 2; i++) {
        shots[i] = shot_take(&pair[i], true);
    }
}

static void test_linked(void **unused) {
    (void)unused;
    const orc_spec spec = {.kind = TKR_LSTM, .input = 3, .hidden = 6, .layers = 2};
    twin pair[2];
    shot whole[2], cut[2];
    float *checkpoints[2];
    for (int i = 0; i < 2; i++) {
        twin_open(&pair[i], &spec, 1, 710 + (uint64_t)i, NULL);
        twin_shape(&pair[i], STEPS, BATCH, i ? NULL : lengths, MODE, true);
    }
    link_pair(pair, checkpoints, 0, whole);
    link_pair(pair, checkpoints, TKR_RECOMPUTE, cut);
    for (int i = 0; i < 2; i++) {
        check_shot(&pair[i], &cut[i], &whole[i]);
        shot_free(&whole[i]), shot_free(&cut[i]);
        free(checkpoints[i]);
    }
    for (int i = 1; i >= 0; i--) {
        twin_close(&pair[i]);
    }
}

/* What is promised of T = 1000 and H = 256. */
static void test_memory(void **unused) {
    (void)unused;
    const orc_spec specs[] = {{.kind = TKR_LSTM, .input = 8, .hidden = 256},
                              {.kind = TKR_LINEAR, .input = 256, .hidden = 8}};
    tkr_cell *cell = twin_cell(specs, 2, NULL);
    uint64_t whole, less, inference, fixed;
    for (int64_t batch = 16; batch <= 256; batch *= 2) {
        assert_ok(tkr_sequence_size(&whole, cell, 1000, batch, TKR_TRAINING, NULL));
        assert_ok(tkr_sequence_size(&less, cell, 1000, batch, TKR_TRAINING | TKR_RECOMPUTE, NULL));
        assert_ok(tkr_sequence_size(&inference, cell, 1000, batch, TKR_INFERENCE, NULL));
        assert_true(less * 10 <= whole);
        assert_true(inference * 20 <= whole);
    }
    assert_ok(tkr_sequence_size(&fixed, cell, 1, 1, TKR_TRAINING, NULL));
    assert_ok(tkr_sequence_size(&whole, cell, 1000, 1, TKR_TRAINING, NULL));
    assert_ok(tkr_sequence_size(&less, cell, 1000, 1, TKR_TRAINING | TKR_RECOMPUTE, NULL));
    assert_true((less - fixed) * 10 <= whole - fixed);
    tkr_cell_destroy(cell);
}

static void test_refused(void **unused) {
    (void)unused;
    const orc_spec one = {.kind = TKR_GRU, .input = 3, .hidden = 6};
    orc_spec two = one;
    two.directions = 2;
    tkr_cell *cell = twin_cell(&two, 1, NULL);
    uint64_t bytes = 7;
    const int32_t mode = TKR_TRAINING | TKR_RECOMPUTE;
    assert_status(tkr_sequence_size(&bytes, cell, 9, 9, mode, NULL), TKR_ERR_UNSUPPORTED);
    assert_int_equal(bytes, 7);
    tkr_cell_destroy(cell);
    twin t;
    twin_open(&t, &one, 1, 720, NULL);
    twin_shape(&t, STEPS, BATCH, NULL, mode, false);
    assert_status(tkr_sequence_size(&bytes, t.cell, 9, 9, TKR_RECOMPUTE, NULL), TKR_ERR_ARGUMENT);
    twin_forward_library(&t);
    twin_push(&t); /* parameters again: even the same ones */
    assert_status(tkr_sequence_backward(t.seq, NULL, NULL), TKR_ERR_ORDER);
    assert_non_null(strstr(tkr_sequence_detail(t.seq), "parameters"));
    twin_forward_library(&t);
    twin_backward_library(&t);
    twin_close(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nets),     cmocka_unit_test(test_windows),
        cmocka_unit_test(test_retained), cmocka_unit_test(test_inference),
        cmocka_unit_test(test_as_made),  cmocka_unit_test(test_training),
        cmocka_unit_test(test_linked),   cmocka_unit_test(test_memory),
        cmocka_unit_test(test_refused),
    };
    for (int32_t b = 0; b < BATCH; b++) {
        lengths[b] = (b * 5 + 3) % (STEPS + 1);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
