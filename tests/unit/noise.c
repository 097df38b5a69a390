/* SPDX-License-Identifier: MIT
 * Dropout and zoneout: what the library computes with the masks that it drew is what the oracle
 * computes with the same masks; and the masks are drawn as promised. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "layer/recurrent.h"
#include "seq/seq.h"
#include "support/tiers.h"
#include "support/twin.h"

enum { STEPS = 5, BATCH = 18, MODE = TKR_TRAINING | TKR_INPUT_GRADIENT };

static int32_t lengths[BATCH];

/* One kind of mask of a layer: the library's rows, and the oracle's array. */
typedef struct masks {
    const float *rows;
    int64_t ld, width;
    double *to; /* [T][B][width], or [B][width] of a mask per sequence */
} masks;

/* A mask that the library keeps in rows of steps; a reverse direction counts from the end. */
static void read_rows(const tkr_sequence *seq, const masks *m, bool reverse) {
    for (int64_t c = 0; c < seq->u.plan.n_chunks; c++) {
        const tkri_chunk *chunk = &seq->u.plan.chunks[c];
        for (int64_t t = 0; t < chunk->steps; t++) {
            for (int64_t i = 0; i < chunk->active[t]; i++) {
                const int64_t b = seq->u.plan.order[chunk->batch0 + i], row = chunk->first[t] + i;
                const int64_t when = reverse ? seq->u.plan.length[chunk->batch0 + i] - 1 - t : t;
                for (int64_t j = 0; j < m->width; j++) {
                    m->to[(when * BATCH + b) * m->width + j] =
                        (double)m->rows[(chunk->tape + row) * m->ld + j];
                }
            }
        }
    }
}

static void read_slot(const twin *t, const orc_part *part, const tkri_recurrent *layer,
                      const tkri_run *run, int64_t slot) {
    const int64_t rows = STEPS * BATCH, R = part->recur, H = part->spec.hidden;
    const bool reverse = slot % part->spec.directions == 1;
    assert_true((run->h_zone != NULL) == (part->spec.zoneout > 0));
    assert_true((run->c_zone != NULL) == (part->spec.zoneout_cell > 0));
    assert_true((run->h_mask != NULL) == (part->spec.recurrent > 0));
    if (run->h_zone) {
        const masks m = {run->h_zone, layer->out_ld, R, part->noise.zoneout + slot * rows * R};
        read_rows(t->seq, &m, reverse);
    }
    if (run->c_zone) {
        const masks m = {run->c_zone, layer->units_ld, H, part->noise.zoneout_c + slot * rows * H};
        read_rows(t->seq, &m, reverse);
    }
    for (int64_t i = 0; run->h_mask && i < BATCH * R; i++) {
        const int64_t b = t->seq->u.plan.order[i / R];
        part->noise.recurrent[(slot * BATCH + b) * R + i % R] =
            (double)run->h_mask[i / R * layer->out_ld + i % R];
    }
}

/* Give the oracle's part the masks of the library's layers from `l` on; returns the next layer. */
static int64_t read_part(twin *t, orc_part *part, int64_t l) {
    const orc_spec *s = &part->spec;
    const int64_t rows = STEPS * BATCH;
    tkri_unroll *u = &t->seq->u;
    if (s->kind > TKR_GRU) {
        const tkri_layer_tape *tape = &u->tape.layers[l];
        if (s->kind == TKR_DROPOUT) {
            part->noise.dropout = orc_zeros(t->net, rows * s->input);
            const masks m = {tape->own, tape->y_ld, s->input, part->noise.dropout};
            read_rows(t->seq, &m, false);
        }
        return l + 1;
    }
    part->noise.zoneout = orc_zeros(t->net, part->slots * rows * part->recur);
    part->noise.zoneout_c = orc_zeros(t->net, part->slots * rows * s->hidden);
    part->noise.recurrent =
        s->recurrent > 0 ? orc_zeros(t->net, part->slots * BATCH * part->recur) : NULL;
    part->noise.between = s->between > 0 ? orc_zeros(t->net, s->layers * rows * part->out) : NULL;
    for (int64_t layer = 0; layer < s->layers; layer++) {
        if (layer > 0 && s->between > 0) {
            const tkri_layer_tape *tape = &u->tape.layers[l++];
            const masks m = {tape->own, tape->y_ld, part->out,
                             part->noise.between + (layer - 1) * rows * part->out};
            read_rows(t->seq, &m, false);
        }
        for (int64_t d = 0; d < s->directions; d++) {
            read_slot(t, part, tkri_recurrent_of(&u->net->layers[l]), tkri_run_of(u, l, (int32_t)d),
                      layer * s->directions + d);
        }
        l++;
    }
    return l;
}

/* Truncation: k1, k2; 0 none. */
typedef struct windows {
    int64_t k1, k2;
} windows;

/* Forward and backward of the library; then of the oracle with its masks; they agree. */
static void check_windows(const orc_spec *specs, int64_t n, const tkr_env *env, const char *label,
                          windows w) {
    for (int ragged = 0; ragged < 2; ragged++) {
        twin t;
        int64_t layer = 0;
        twin_open(&t, specs, n, 800, env);
        snprintf(t.label, sizeof t.label, "%s, ragged %d", label, ragged);
        twin_shape(&t, STEPS, BATCH, ragged ? lengths : NULL, w.k1 ? MODE | TKR_RETAIN : MODE,
                   true);
        if (w.k1) {
            assert_ok(tkr_sequence_set_int(t.seq, TKR_TRUNCATE_EVERY, w.k1));
            assert_ok(tkr_sequence_set_int(t.seq, TKR_TRUNCATE_STEPS, w.k2));
        }
        assert_ok(tkr_sequence_set_seed(t.seq, 77));
        twin_forward_library(&t);
        for (int64_t i = 0; i < n; i++) {
            layer = read_part(&t, &t.net->parts[i], layer);
        }
        assert_int_equal(layer, t.seq->u.net->n_layers);
        orc_forward(t.net);
        twin_check_forward(&t);
        orc_backward(t.net, w.k1, w.k2);
        twin_backward_library(&t);
        twin_check_gradients(&t);
        twin_close(&t);
    }
}

static void check_net(const orc_spec *specs, int64_t n, const tkr_env *env, const char *label) {
    check_windows(specs, n, env, label, (windows){0, 0});
}

/* Every kind with every subset of the options. */
static void check_options(const tkr_env *env) {
    for (int32_t kind = TKR_ELMAN; kind <= TKR_GRU; kind++) {
        for (int noise = 1; noise < 64; noise++) {
            char label[80];
            orc_spec s = {.kind = kind, .input = 5, .hidden = 9, .layers = 1 + noise % 2};
            s.between = noise & 1 ? 0.3 : 0; /* with two layers */
            s.recurrent = noise & 2 ? 0.2 : 0;
            s.zoneout = noise & 4 ? 0.3 : 0;
            s.zoneout_cell = noise & 8 && kind == TKR_LSTM ? 0.6 : 0;
            s.directions = noise & 16 ? 2 : 1;
            s.before = noise & 8 && s.directions == 1;
            s.projection = noise & 32 && kind == TKR_LSTM ? 4 : 0;
            s.peepholes = kind == TKR_LSTM && noise % 5 == 0;
            s.reset = noise & 32 && kind == TKR_GRU ? TKR_RESET_BEFORE : TKR_RESET_AFTER;
            snprintf(label, sizeof label, "kind %d, noise %d", (int)kind, noise);
            check_net(&s, 1, env, label);
        }
    }
}

static void check_chains(const tkr_env *env) {
    for (int64_t per_sequence = 0; per_sequence < 2; per_sequence++) {
        const orc_spec specs[] = {
            {.kind = TKR_DROPOUT,
             .input = 6,
             .hidden = 6,
             .rate = 0.3,
             .per_sequence = per_sequence},
            {.kind = TKR_LSTM, .input = 6, .hidden = 7, .layers = 2, .between = 0.2},
            {.kind = TKR_DROPOUT,
             .input = 7,
             .hidden = 7,
             .per_sequence = !per_sequence,
             .rate = 0.5},
            {.kind = TKR_LINEAR, .input = 7, .hidden = 3},
            {.kind = TKR_DROPOUT, .input = 3, .hidden = 3, .rate = 0.1},
        };
        check_net(specs, 5, env, "chain");
        check_net(specs, 3, env, "chain that ends in a dropout");
        check_windows(specs, 5, env, "chain, windows", (windows){2, 2});
        check_windows(specs, 5, env, "chain, overlapping windows", (windows){2, 3});
    }
}

static void test_options(void **unused) {
    (void)unused;
    tiers_each_env(check_options);
}

static void test_chains(void **unused) {
    (void)unused;
    tiers_each_env(check_chains);
}

/* A dropout cell alone shows its mask: output over an input of ones, for each forward. */
typedef struct shown {
    tkr_cell *cell;
    tkr_sequence *seq;
    float ones[STEPS * BATCH * 40], mask[STEPS * BATCH * 40];
} shown;

static void show(shown *s) {
    assert_ok(tkr_sequence_forward(s->seq, s->ones, NULL, STEPS, BATCH));
    assert_ok(tkr_sequence_output(s->seq, s->mask, STEPS * BATCH * 40));
}

static void show_open(shown *s, double rate, int64_t per_sequence, int32_t mode,
                      const tkr_env *env) {
    const orc_spec spec = {
        .kind = TKR_DROPOUT, .input = 40, .hidden = 40, .rate = rate, .per_sequence = per_sequence};
    s->cell = twin_cell(&spec, 1, env);
    assert_ok(tkr_sequence_create(&s->seq, s->cell, STEPS, BATCH, mode, env));
    for (size_t i = 0; i < sizeof s->ones / sizeof *s->ones; i++) {
        s->ones[i] = 1;
    }
    show(s);
}

static void show_close(shown *s) {
    tkr_sequence_destroy(s->seq);
    tkr_cell_destroy(s->cell);
}

/* Zero as often as asked, within 5 standard errors, else 1 / (1 - p); in a row and in a column too,
 * so that no unit, step or sequence has a mask of its own. */
static void test_rate(void **unused) {
    (void)unused;
    enum { N = STEPS * BATCH * 40 };
    const double rates[] = {0.1, 0.5, 0.9};
    for (int k = 0; k < 3; k++) {
        shown s;
        double dropped = 0, p = rates[k];
        show_open(&s, p, 0, TKR_TRAINING, NULL);
        for (int64_t i = 0; i < N; i++) {
            double kept = (double)s.mask[i] * (1 - p);
            assert_true(fabs(kept) <= 0 || fabs(kept - 1) <= 1e-6);
            dropped += kept < 0.5;
        }
        assert_true(fabs(dropped / N - p) <= 5 * sqrt(p * (1 - p) / N));
        double neighbours = 0, steps = 0, sequences = 0;
        for (int64_t i = 0; i + BATCH * 40 < N; i++) {
            bool here = s.mask[i] > 0;
            neighbours += here == (s.mask[i + 1] > 0);
            sequences += here == (s.mask[i + 40] > 0);
            steps += here == (s.mask[i + BATCH * 40] > 0);
        }
        const double n = N - BATCH * 40, same = p * p + (1 - p) * (1 - p);
        assert_true(fabs(neighbours / n - same) <= 8 * sqrt(same * (1 - same) / n));
        assert_true(fabs(sequences / n - same) <= 8 * sqrt(same * (1 - same) / n));
        assert_true(fabs(steps / n - same) <= 8 * sqrt(same * (1 - same) / n));
        show_close(&s);
    }
}

/* Per sequence: the same at every step, another for each sequence. */
static void test_per_sequence(void **unused) {
    (void)unused;
    shown s;
    show_open(&s, 0.5, 1, TKR_TRAINING, NULL);
    for (int64_t t = 1; t < STEPS; t++) {
        assert_true(compare_bits(s.mask + t * BATCH * 40, s.mask, BATCH * 40));
    }
    for (int64_t b = 1; b < BATCH; b++) {
        assert_true(memcmp(s.mask + b * 40, s.mask, 40 * sizeof *s.mask) != 0);
    }
    show_close(&s);
}

/* Masks follow from the seed and the number of forwards since: on any tier, in any sequence. */
static float first[STEPS * BATCH * 40], second[STEPS * BATCH * 40];

static void check_seed(const tkr_env *env) {
    shown s;
    show_open(&s, 0.5, 0, TKR_TRAINING, env);
    assert_ok(tkr_sequence_set_seed(s.seq, 5));
    show(&s);
    assert_true(compare_bits(s.mask, first, STEPS * BATCH * 40));
    show(&s);
    assert_true(compare_bits(s.mask, second, STEPS * BATCH * 40));
    assert_ok(tkr_sequence_set_seed(s.seq, 6));
    show(&s);
    assert_true(memcmp(s.mask, first, sizeof first) != 0);
    show_close(&s);
}

static void test_seed(void **unused) {
    (void)unused;
    shown s;
    show_open(&s, 0.5, 0, TKR_TRAINING, NULL);
    assert_ok(tkr_sequence_set_seed(s.seq, 5));
    show(&s);
    memcpy(first, s.mask, sizeof first);
    show(&s);
    memcpy(second, s.mask, sizeof second);
    assert_true(memcmp(first, second, sizeof first) != 0);
    show_close(&s);
    tiers_each_env(check_seed);
}

/* Inference draws nothing: dropout lets everything through, zoneout is its expectation. */
static void check_inference(const tkr_env *env) {
    shown s;
    show_open(&s, 0.75, 0, TKR_INFERENCE, env);
    assert_true(compare_bits(s.mask, s.ones, STEPS * BATCH * 40));
    show_close(&s);
    for (int32_t kind = TKR_ELMAN; kind <= TKR_GRU; kind++) {
        const orc_spec spec = {.kind = kind,
                               .input = 5,
                               .hidden = 9,
                               .layers = 2,
                               .directions = 2,
                               .between = 0.3,
                               .recurrent = 0.4,
                               .zoneout = 0.3,
                               .zoneout_cell = kind == TKR_LSTM ? 0.6 : 0};
        twin t;
        twin_open(&t, &spec, 1, 801, env);
        snprintf(t.label, sizeof t.label, "inference, kind %d", (int)kind);
        twin_shape(&t, STEPS, BATCH, lengths, TKR_INFERENCE, true);
        orc_forward(t.net);
        twin_forward_library(&t);
        twin_check_forward(&t);
        twin_close(&t);
    }
}

static void test_inference(void **unused) {
    (void)unused;
    tiers_each_env(check_inference);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options), cmocka_unit_test(test_chains),
        cmocka_unit_test(test_rate),    cmocka_unit_test(test_per_sequence),
        cmocka_unit_test(test_seed),    cmocka_unit_test(test_inference),
    };
    for (int32_t b = 0; b < BATCH; b++) {
        lengths[b] = (b * 4 + 3) % (STEPS + 1);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
