/* SPDX-License-Identifier: MIT
 * What must not matter: where a sequence is cut, the order of a batch, what padding holds, a
 * truncation longer than the sequence, how often and on how many threads something is computed. */
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/nets.h"
#include "support/shot.h"
#include "support/tiers.h"

enum { MODE = TKR_TRAINING | TKR_INPUT_GRADIENT, STEPS = 9, BATCH = 5 };

static const int32_t LENGTHS[BATCH] = {4, 9, 0, 7, 9};

/* One of every kind, and nets of several. */
static const struct net {
    int64_t n;
    orc_spec specs[4];
} NETS[] = {
    {1, {{.kind = TKR_ELMAN, .input = 3, .hidden = 17, .activation = TKR_RELU}}},
    {1, {{.kind = TKR_LSTM, .input = 5, .hidden = 7, .layers = 2, .peepholes = 1, .learned = 1}}},
    {1, {{.kind = TKR_LSTM, .input = 5, .hidden = 9, .projection = 4, .before = 1}}},
    {1, {{.kind = TKR_GRU, .input = 4, .hidden = 33, .layers = 3}}},
    {1, {{.kind = TKR_GRU, .input = 8, .hidden = 15, .reset = TKR_RESET_BEFORE, .biases = 1}}},
    {3,
     {{.kind = TKR_EMBEDDING, .input = 7, .hidden = 6},
      {.kind = TKR_LSTM, .input = 6, .hidden = 16, .layers = 2},
      {.kind = TKR_LINEAR, .input = 16, .hidden = 7}}},
    {2,
     {{.kind = TKR_GRU, .input = 6, .hidden = 5, .learned = 1},
      {.kind = TKR_ELMAN, .input = 5, .hidden = 8}}},
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

static bool has(int64_t i, int32_t flags) {
    return (net_at(i).flags & flags) != 0;
}

static void open_net(twin *t, int64_t i, const tkr_env *env) {
    const nets_net net = net_at(i);
    twin_open(t, net.specs, net.n, 200 + (uint64_t)i, env);
    snprintf(t->label, sizeof t->label, "net %d, %s, tier %d", (int)i, net.label,
             (int)tkr_cell_tier(t->cell));
}

/* Two pieces with the state carried by the sequence give the output and the state of one pass. */
static void check_cut_at(twin *t, const shot *whole, int64_t cut) {
    tkr_sequence *seq;
    tkr_state *state = twin_state(t, TWIN_INITIAL);
    float *output = malloc((size_t)whole->n_output * sizeof *output);
    int64_t n;
    assert_ok(tkr_sequence_create(&seq, t->cell, STEPS, BATCH, TKR_INFERENCE, t->env));
    assert_ok(tkr_sequence_set_state(seq, state));
    assert_ok(tkr_sequence_set_int(seq, TKR_CARRY, 1));
    twin_forward_piece(t, seq, 0, cut);
    twin_output_piece(t, seq, output, 0, cut);
    twin_forward_piece(t, seq, cut, STEPS);
    twin_output_piece(t, seq, output, cut, STEPS);
    assert_ok(tkr_sequence_get_state(seq, state));
    float *last = shot_state(state, &n);
    assert_true(compare_bits(output, whole->output, whole->n_output));
    assert_true(compare_bits(last, whole->state, whole->n_state));
    free(output), free(last);
    tkr_state_destroy(state);
    tkr_sequence_destroy(seq);
}

static void check_cut(const tkr_env *env) {
    for (int64_t i = 0; i < n_nets(); i++) {
        if (has(i, NETS_BACKWARDS | NETS_ONCE)) {
            continue;
        }
        twin t;
        open_net(&t, i, env);
        twin_shape(&t, STEPS, BATCH, LENGTHS, MODE, true);
        twin_forward_library(&t);
        twin_backward_library(&t);
        shot whole = shot_take(&t, false);
        for (int64_t cut = 1; cut < STEPS; cut++) {
            check_cut_at(&t, &whole, cut);
        }
        shot_free(&whole);
        twin_close(&t);
    }
}

static void test_cut(void **unused) {
    (void)unused;
    tiers_each_env(check_cut);
}

/* Gradients of two sequences whose state gradient is handed over equal those of one. */
static void check_cut_gradients(twin *t, const shot *whole, int64_t cut) {
    tkr_sequence *piece[2];
    tkr_state *state = twin_state(t, TWIN_INITIAL), *last = twin_state(t, TWIN_DFINAL);
    const int64_t width = t->net->batch * orc_output_width(t->net), bounds[] = {0, cut, STEPS};
    float *doutput = twin_poisoned(t, t->net->doutput, orc_output_width(t->net)), *sum, *more;
    shot both = *whole;
    for (int i = 0; i < 2; i++) {
        assert_ok(tkr_sequence_create(&piece[i], t->cell, STEPS, BATCH, MODE, t->env));
        assert_ok(tkr_sequence_set_state(piece[i], state));
        twin_forward_piece(t, piece[i], bounds[i], bounds[i + 1]);
        assert_ok(tkr_sequence_get_state(piece[i], state));
    }
    for (int i = 1; i >= 0; i--) {
        assert_ok(tkr_sequence_backward(piece[i], doutput + bounds[i] * width, last));
        assert_ok(tkr_sequence_get_state_gradient(piece[i], last));
    }
    both.dstate = shot_state(last, &both.n_state);
    assert_ok(tkr_sequence_gradients(piece[0], &sum, &both.n_gradients));
    assert_ok(tkr_sequence_gradients(piece[1], &more, &both.n_gradients));
    for (int64_t i = 0; i < both.n_gradients; i++) {
        sum[i] += more[i];
    }
    both.gradients = sum;
    shot_near(&both, whole, 2e-6);
    free(both.dstate), free(doutput);
    tkr_state_destroy(state), tkr_state_destroy(last);
    tkr_sequence_destroy(piece[0]), tkr_sequence_destroy(piece[1]);
}

static void test_cut_gradients(void **unused) {
    (void)unused;
    for (int64_t i = 0; i < n_nets(); i++) {
        if (has(i, NETS_BACKWARDS | NETS_ONCE)) {
            continue;
        }
        twin t;
        open_net(&t, i, NULL);
        twin_shape(&t, STEPS, BATCH, LENGTHS, MODE, true);
        twin_forward_library(&t);
        twin_backward_library(&t);
        shot whole = shot_take(&t, false);
        for (int64_t cut = 1; cut < STEPS; cut += 3) {
            check_cut_gradients(&t, &whole, cut);
        }
        shot_free(&whole);
        twin_close(&t);
    }
}

static const int64_t ORDER[BATCH] = {3, 0, 4, 2, 1};

/* to[t][i] = from[t][ORDER[i]], rows of `width` numbers. */
static void permute(double *to, const double *from, int64_t rows, int64_t width) {
    for (int64_t row = 0; row < rows; row++) {
        int64_t source = row / BATCH * BATCH + ORDER[row % BATCH];
        memcpy(to + row * width, from + source * width, (size_t)width * sizeof *to);
    }
}

static void permute_net(twin *to, const twin *from) {
    const orc_net *a = from->net;
    orc_net *b = to->net;
    for (int64_t i = 0; i < STEPS * BATCH && to->by_ids; i++) {
        to->ids[i] = from->ids[i / BATCH * BATCH + ORDER[i % BATCH]];
    }
    permute(b->input, a->input, STEPS * BATCH, orc_input_width(a));
    permute(b->doutput, a->doutput, STEPS * BATCH, orc_output_width(a));
    for (int64_t i = 0; i < a->n_parts; i++) {
        const orc_part *p = &a->parts[i], *q = &b->parts[i];
        int64_t rows = p->slots * BATCH;
        if (orc_has_state(p)) {
            permute(q->h_0, p->h_0, rows, p->recur);
            permute(q->dh_n, p->dh_n, rows, p->recur);
        }
        if (p->spec.kind == TKR_LSTM) {
            permute(q->c_0, p->c_0, rows, p->spec.hidden);
            permute(q->dc_n, p->dc_n, rows, p->spec.hidden);
        }
    }
}

/* Another order of the batch: each sequence's output keeps its bits, the gradients their value. */
static void check_permutation(const tkr_env *env) {
    for (int64_t i = 0; i < n_nets(); i++) {
        twin a, b;
        int32_t lengths[BATCH];
        for (int64_t k = 0; k < BATCH; k++) {
            lengths[k] = LENGTHS[ORDER[k]];
        }
        open_net(&a, i, env), open_net(&b, i, env);
        twin_shape(&a, STEPS, BATCH, LENGTHS, MODE, true);
        twin_shape(&b, STEPS, BATCH, lengths, MODE, true);
        permute_net(&b, &a);
        twin_forward_library(&a), twin_forward_library(&b);
        twin_backward_library(&a), twin_backward_library(&b);
        shot first = shot_take(&a, false), second = shot_take(&b, false);
        int64_t width = orc_output_width(a.net);
        for (int64_t row = 0; row < orc_output_steps(a.net) * BATCH; row++) {
            int64_t source = row / BATCH * BATCH + ORDER[row % BATCH];
            assert_true(
                compare_bits(second.output + row * width, first.output + source * width, width));
        }
        second.n_output = second.n_state = first.n_output = first.n_state = 0;
        shot_near(&second, &first, 2e-6);
        shot_free(&first), shot_free(&second);
        twin_close(&a), twin_close(&b);
    }
}

static void test_permutation(void **unused) {
    (void)unused;
    tiers_each_env(check_permutation);
}

/* Units that are zero in rows [0, rows) of h [rows][units]. */
static int64_t units_off(const float *h, int64_t rows, int64_t units) {
    int64_t n = 0;
    for (int64_t j = 0; j < units; j++) {
        int64_t row = 0;
        while (row < rows && !(h[row * units + j] > 0.0f)) {
            row++;
        }
        n += row == rows;
    }
    return n;
}

/* In a batch in which relus are off for all sequences of a chunk, whose products leave them out,
 * each sequence has the bits that it has alone; and the oracle's gradients. */
static void check_batch(const tkr_env *env) {
    enum { WIDE = 50, CHUNK = 25, HIDDEN = 70 };
    static const orc_spec spec = {
        .kind = TKR_ELMAN, .input = 1, .hidden = HIDDEN, .activation = TKR_RELU};
    twin t;
    tkr_sequence *alone;
    float one[STEPS], want[STEPS * HIDDEN], got[STEPS * HIDDEN];
    twin_open(&t, &spec, 1, 240, env);
    twin_shape(&t, STEPS, WIDE, NULL, MODE, false);
    twin_check(&t, 0, 0);
    float *input = twin_floats(t.net->input, STEPS * WIDE), *output = twin_output(&t);
    assert_ok(tkr_sequence_create(&alone, t.cell, STEPS, 1, TKR_INFERENCE, env));
    assert_true(units_off(output + STEPS / 2 * WIDE * HIDDEN, CHUNK, HIDDEN) > 0);
    for (int64_t b = 0; b < WIDE; b++) {
        for (int64_t step = 0; step < STEPS; step++) {
            const float *h = output + (step * WIDE + b) * HIDDEN;
            one[step] = input[step * WIDE + b];
            memcpy(want + step * HIDDEN, h, sizeof *h * HIDDEN);
        }
        assert_ok(tkr_sequence_forward(alone, one, NULL, STEPS, 1));
        assert_ok(tkr_sequence_output(alone, got, STEPS * HIDDEN));
        assert_true(compare_bits(got, want, STEPS * HIDDEN));
    }
    tkr_sequence_destroy(alone);
    free(input), free(output);
    twin_close(&t);
}

static void test_batch(void **unused) {
    (void)unused;
    tiers_each_env(check_batch);
}

/* More capacity and more padded steps, the padding full of NaN: the same bits, zeros behind. */
static void check_padding(const tkr_env *env) {
    static const int32_t lengths[BATCH] = {4, 6, 0, 5, 6};
    for (int64_t i = 0; i < n_nets(); i++) {
        twin tight, loose;
        open_net(&tight, i, env), open_net(&loose, i, env);
        twin_shape(&tight, 6, BATCH, lengths, MODE, false);
        twin_shape(&loose, STEPS, BATCH, lengths, MODE, false);
        int64_t in = orc_input_width(tight.net), out = orc_output_width(tight.net);
        memcpy(loose.net->input, tight.net->input, (size_t)(6 * BATCH * in) * sizeof(double));
        memcpy(loose.net->doutput, tight.net->doutput, (size_t)(6 * BATCH * out) * sizeof(double));
        if (tight.by_ids) {
            memcpy(loose.ids, tight.ids, sizeof *tight.ids * 6 * BATCH);
        }
        twin_no_final(&tight), twin_no_final(&loose);
        twin_forward_library(&tight), twin_forward_library(&loose);
        twin_backward_library(&tight), twin_backward_library(&loose);
        shot a = shot_take(&tight, !tight.by_ids), b = shot_take(&loose, !tight.by_ids);
        for (int64_t k = a.n_output; k < b.n_output; k++) {
            assert_true(b.output[k] >= 0 && b.output[k] <= 0);
        }
        for (int64_t k = a.n_dinput; k < b.n_dinput; k++) {
            assert_true(b.dinput[k] >= 0 && b.dinput[k] <= 0);
        }
        shot_same(&b, &a);
        shot_free(&a), shot_free(&b);
        twin_close(&tight), twin_close(&loose);
    }
}

static void test_padding(void **unused) {
    (void)unused;
    tiers_each_env(check_padding);
}

static shot run(twin *t) {
    assert_ok(tkr_sequence_zero_gradients(t->seq));
    twin_forward_library(t);
    twin_backward_library(t);
    return shot_take(t, !t->by_ids);
}

/* Truncation at or beyond the length is no truncation. */
static void test_long_truncation(void **unused) {
    (void)unused;
    for (int64_t i = 0; i < n_nets(); i++) {
        if (has(i, NETS_BACKWARDS)) {
            continue;
        }
        twin t;
        open_net(&t, i, NULL);
        twin_shape(&t, STEPS, BATCH, LENGTHS, MODE | TKR_RETAIN, true);
        shot full = run(&t);
        for (int64_t k = STEPS; k < STEPS + 3; k++) {
            assert_ok(tkr_sequence_set_int(t.seq, TKR_TRUNCATE_STEPS, 0));
            assert_ok(tkr_sequence_set_int(t.seq, TKR_TRUNCATE_EVERY, k));
            assert_ok(tkr_sequence_set_int(t.seq, TKR_TRUNCATE_STEPS, k + k % 2));
            shot cut = run(&t);
            shot_same(&cut, &full);
            shot_free(&cut);
        }
        shot_free(&full);
        twin_close(&t);
    }
}

/* Windows that touch and windows that overlap, against the oracle; small and large batches. */
static void check_windows(const tkr_env *env) {
    static const int64_t windows[][2] = {{1, 1}, {2, 2}, {3, 3},  {4, 4}, {8, 8}, {1, 3},
                                         {2, 5}, {3, 4}, {3, 20}, {4, 9}, {8, 9}};
    static int32_t lengths[4 * BATCH];
    for (int32_t b = 0; b < 4 * BATCH; b++) {
        lengths[b] = LENGTHS[b % BATCH];
    }
    for (int64_t i = 0; i < N_NETS; i++) {
        for (size_t k = 0; k < sizeof windows / sizeof *windows; k++) {
            int32_t retain = windows[k][1] > windows[k][0] ? TKR_RETAIN : 0;
            twin t;
            open_net(&t, i, env);
            twin_shape(&t, STEPS, k % 4 ? BATCH : 4 * BATCH, k % 2 ? lengths : NULL, MODE | retain,
                       k % 3 != 0);
            twin_check(&t, windows[k][0], windows[k][1]);
            twin_close(&t);
        }
    }
}

/* The same below a linear layer, whose input's gradient the windows add into too. */
static void test_windows(void **unused) {
    (void)unused;
    const orc_spec specs[] = {{.kind = TKR_LINEAR, .input = 3, .hidden = 5},
                              {.kind = TKR_GRU, .input = 5, .hidden = 6}};
    tiers_each_env(check_windows);
    for (int64_t k2 = 2; k2 <= 5; k2 += 3) {
        twin t;
        twin_open(&t, specs, 2, 220, NULL);
        twin_shape(&t, STEPS, BATCH, LENGTHS, MODE | TKR_RETAIN, true);
        twin_check(&t, 2, k2);
        twin_close(&t);
    }
}

/* Two passes without zeroing give twice the gradient, and so does one retained pass that goes
 * back twice, through windows or not. */
static void check_twice(twin *t, bool retained) {
    shot once = run(t);
    assert_ok(tkr_sequence_zero_gradients(t->seq));
    twin_forward_library(t);
    twin_backward_library(t);
    if (!retained) {
        twin_forward_library(t);
    }
    twin_backward_library(t);
    shot twice = shot_take(t, !t->by_ids);
    for (int64_t k = 0; k < once.n_gradients; k++) {
        once.gradients[k] *= 2;
    }
    shot_near(&twice, &once, 1e-6);
    shot_free(&once), shot_free(&twice);
}

static void test_twice(void **unused) {
    (void)unused;
    for (int64_t i = 0; i < n_nets(); i++) {
        for (int32_t retained = 0; retained < 2; retained++) {
            twin t;
            open_net(&t, i, NULL);
            twin_shape(&t, STEPS, BATCH, LENGTHS, retained ? MODE | TKR_RETAIN : MODE, true);
            check_twice(&t, retained);
            if (!has(i, NETS_BACKWARDS)) {
                assert_ok(tkr_sequence_set_int(t.seq, TKR_TRUNCATE_EVERY, 4));
                check_twice(&t, retained);
            }
            twin_close(&t);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),         cmocka_unit_test(test_cut_gradients),
        cmocka_unit_test(test_permutation), cmocka_unit_test(test_batch),
        cmocka_unit_test(test_padding),     cmocka_unit_test(test_long_truncation),
        cmocka_unit_test(test_windows),     cmocka_unit_test(test_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
