/* SPDX-License-Identifier: MIT
 * Encoder and decoder: the final state of one is the initial state of the other, and the gradient
 * flows back, as the oracle computes it by hand. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/twin.h"

enum { MODE = TKR_TRAINING | TKR_INPUT_GRADIENT, BATCH = 4 };

static const int32_t ENCODER_LENGTHS[BATCH] = {5, 0, 7, 3}, DECODER_LENGTHS[BATCH] = {2, 4, 0, 3};

static void copy(double *to, const double *from, int64_t n) {
    if (to) {
        memcpy(to, from, (size_t)n * sizeof *to);
    }
}

/* The part of a net that has the state. */
static orc_part *body(const twin *t) {
    for (int64_t i = 0; i < t->net->n_parts; i++) {
        if (t->net->parts[i].spec.kind <= TKR_GRU) {
            return &t->net->parts[i];
        }
    }
    return NULL;
}

/* The whole by the oracle: forward both, backward both. */
static void run_oracle(twin *encoder, twin *decoder) {
    orc_part *from = body(encoder), *to = body(decoder);
    const int64_t rows = from->slots * BATCH;
    orc_forward(encoder->net);
    decoder->net->given = true;
    copy(to->h_0, from->h_n, rows * from->recur);
    copy(to->c_0, from->c_n, rows * from->spec.hidden);
    orc_forward(decoder->net);
    orc_zero_gradients(encoder->net), orc_zero_gradients(decoder->net);
    orc_backward(decoder->net, 0, 0);
    copy(from->dh_n, to->dh_0, rows * from->recur);
    copy(from->dc_n, to->dc_0, rows * from->spec.hidden);
    orc_backward(encoder->net, 0, 0);
}

static void run_library(twin *encoder, twin *decoder) {
    float *doutput = twin_poisoned(encoder, encoder->net->doutput, orc_output_width(encoder->net));
    twin_forward_library(encoder);
    decoder->net->given = false; /* the link brings the state */
    twin_forward_library(decoder);
    assert_ok(tkr_sequence_zero_gradients(encoder->seq));
    assert_ok(tkr_sequence_zero_gradients(decoder->seq));
    twin_backward_library(decoder);
    assert_ok(tkr_sequence_backward(encoder->seq, doutput, NULL));
    free(doutput);
}

static void check_pair(twin *encoder, twin *decoder) {
    assert_ok(tkr_sequence_link(decoder->seq, encoder->seq));
    for (int again = 0; again < 2; again++) {
        run_oracle(encoder, decoder);
        run_library(encoder, decoder);
        twin_check_forward(encoder), twin_check_forward(decoder);
        twin_check_gradients(decoder), twin_check_gradients(encoder);
    }
    assert_ok(tkr_sequence_link(decoder->seq, NULL));
}

static void check_kind(orc_spec spec) {
    const orc_spec encoder_specs[] = {{.kind = TKR_EMBEDDING, .input = 9, .hidden = 5}, spec};
    const orc_spec decoder_specs[] = {{.kind = TKR_EMBEDDING, .input = 6, .hidden = 5},
                                      spec,
                                      {.kind = TKR_LINEAR, .input = spec.hidden, .hidden = 6}};
    twin encoder, decoder;
    twin_open(&encoder, encoder_specs, 2, 401, NULL);
    twin_open(&decoder, decoder_specs, 3, 402, NULL);
    snprintf(encoder.label, sizeof encoder.label, "encoder, kind %d", (int)spec.kind);
    snprintf(decoder.label, sizeof decoder.label, "decoder, kind %d", (int)spec.kind);
    for (int k = 0; k < 4; k++) {
        twin_shape(&encoder, 7, BATCH, k & 1 ? ENCODER_LENGTHS : NULL, MODE, k < 2);
        twin_shape(&decoder, 4, BATCH, k & 2 ? DECODER_LENGTHS : NULL, MODE, false);
        check_pair(&encoder, &decoder);
        tkr_sequence_destroy(decoder.seq);
        decoder.seq = NULL;
    }
    twin_close(&decoder), twin_close(&encoder);
}

static void test_kinds(void **unused) {
    (void)unused;
    for (int32_t kind = TKR_ELMAN; kind <= TKR_GRU; kind++) {
        check_kind((orc_spec){.kind = kind, .input = 5, .hidden = 9, .name = "body"});
        check_kind((orc_spec){.kind = kind, .input = 5, .hidden = 17, .layers = 2, .name = "body"});
    }
    check_kind((orc_spec){.kind = TKR_LSTM, .input = 5, .hidden = 8, .learned = 1, .name = "body"});
}

/* A chain of three sequences: what the middle one passes on is what came to it. */
static void test_middle(void **unused) {
    (void)unused;
    const orc_spec spec = {.kind = TKR_GRU, .input = 3, .hidden = 7};
    twin t[3];
    for (int i = 0; i < 3; i++) {
        twin_open(&t[i], &spec, 1, 410 + (uint64_t)i, NULL);
        twin_shape(&t[i], 3, BATCH, NULL, MODE, i == 0);
        if (i) {
            assert_ok(tkr_sequence_link(t[i].seq, t[i - 1].seq));
        }
    }
    for (int i = 0; i < 3; i++) {
        twin_no_final(&t[i]);
        orc_part *part = body(&t[i]);
        if (i) {
            t[i].net->given = true;
            copy(part->h_0, body(&t[i - 1])->h_n, BATCH * 7);
        }
        orc_forward(t[i].net);
        t[i].net->given = i == 0;
        twin_forward_library(&t[i]);
        t[i].net->given = true;
    }
    for (int i = 2; i >= 0; i--) {
        orc_part *part = body(&t[i]);
        float *doutput = twin_floats(t[i].net->doutput, 3 * BATCH * 7);
        if (i < 2) {
            copy(part->dh_n, body(&t[i + 1])->dh_0, BATCH * 7);
        }
        orc_backward(t[i].net, 0, 0);
        assert_ok(tkr_sequence_backward(t[i].seq, doutput, NULL));
        free(doutput);
        twin_check_gradients(&t[i]);
    }
    for (int i = 2; i >= 0; i--) {
        twin_close(&t[i]);
    }
}

/* An encoder without a loss of its own needs none: what the decoder left is enough, for one
 * forward. */
static void test_no_loss_of_its_own(void **unused) {
    (void)unused;
    enum { STEPS = 3, H = 7, INPUT = 3, MOST = 1024 };
    const orc_spec gru = {.kind = TKR_GRU, .input = INPUT, .hidden = H};
    static const int32_t lengths[BATCH] = {3, 0, 2, 1};
    static const float zeros[STEPS * BATCH * H] = {0};
    float x[STEPS * BATCH * INPUT], dy[STEPS * BATCH * H], want[MOST], largest = 0;
    float *values;
    int64_t n;
    twin a, b;
    twin_open(&a, &gru, 1, 421, NULL), twin_open(&b, &gru, 1, 422, NULL);
    twin_shape(&a, STEPS, BATCH, lengths, MODE, false);
    twin_shape(&b, STEPS, BATCH, NULL, MODE, false);
    assert_ok(tkr_sequence_link(b.seq, a.seq));
    for (int i = 0; i < STEPS * BATCH * H; i++) {
        dy[i] = 0.1F * (float)(i % 11 - 5);
        x[i % (STEPS * BATCH * INPUT)] = dy[i];
    }
    for (int k = 0; k < 4; k++) {
        const float *doutput = k == 1 ? NULL : zeros;
        assert_ok(tkr_sequence_forward(a.seq, x, lengths, STEPS, BATCH));
        assert_ok(tkr_sequence_backward(a.seq, dy, NULL)); /* which nothing of may stay */
        assert_ok(tkr_sequence_zero_gradients(a.seq));
        assert_ok(tkr_sequence_forward(a.seq, x, lengths, STEPS, BATCH));
        assert_ok(tkr_sequence_forward(b.seq, x, NULL, STEPS, BATCH));
        assert_status(tkr_sequence_backward(a.seq, NULL, NULL), TKR_ERR_ORDER);
        assert_ok(tkr_sequence_backward(b.seq, dy, NULL));
        if (k >= 2) { /* what was left belongs to an earlier forward */
            assert_ok(tkr_sequence_forward(a.seq, x, lengths, STEPS, BATCH));
            assert_status(tkr_sequence_backward(a.seq, NULL, NULL), TKR_ERR_ORDER);
        }
        assert_ok(tkr_sequence_backward(a.seq, doutput, NULL));
        assert_ok(tkr_sequence_gradients(a.seq, &values, &n));
        assert_true(n <= MOST);
        if (k == 0) {
            memcpy(want, values, (size_t)n * sizeof *want);
        }
        for (int64_t i = 0; i < n; i++) {
            assert_true(values[i] == (k < 2 ? want[i] : 0));
            largest = values[i] > largest ? values[i] : largest;
        }
        assert_true(largest > 1e-3F);
    }
    twin_close(&b), twin_close(&a);
}

/* One encoder and several decoders. */
enum { DECODERS = 3, STEPS = 3, UNITS = 7, INPUTS = 3, NUMBERS = 3 * UNITS * UNITS };
typedef struct family {
    twin encoder, decoder[DECODERS];
    float x[STEPS * BATCH * INPUTS], dy[STEPS * BATCH * UNITS];
} family;

static void family_open(family *f) {
    const orc_spec gru = {.kind = TKR_GRU, .input = INPUTS, .hidden = UNITS};
    for (int i = -1; i < DECODERS; i++) {
        twin *t = i < 0 ? &f->encoder : &f->decoder[i];
        twin_open(t, &gru, 1, (uint64_t)(432 + i), NULL);
        twin_shape(t, STEPS, BATCH, NULL, MODE, false);
        if (i >= 0) {
            assert_ok(tkr_sequence_link(t->seq, f->encoder.seq));
        }
    }
    for (int i = 0; i < STEPS * BATCH * UNITS; i++) {
        f->dy[i] = 0.1F * (float)(i % 11 - 5);
        f->x[i % (STEPS * BATCH * INPUTS)] = f->dy[i];
    }
}

static void family_close(family *f) {
    for (int i = 0; i < DECODERS; i++) {
        twin_close(&f->decoder[i]);
    }
    twin_close(&f->encoder);
}

static void forward(const family *f, const twin *t) {
    assert_ok(tkr_sequence_forward(t->seq, f->x, NULL, STEPS, BATCH));
}

/* The encoder's gradient when the decoders of the list (ended by -1) went back in that order, and
 * `dstate` was given. */
static void gradient_of(const family *f, const int *order, const tkr_state *dstate, float *out) {
    static const float zeros[STEPS * BATCH * UNITS] = {0};
    forward(f, &f->encoder);
    for (int i = 0; i < DECODERS; i++) {
        forward(f, &f->decoder[i]);
    }
    for (; *order >= 0; order++) {
        assert_ok(tkr_sequence_backward(f->decoder[*order].seq, f->dy, NULL));
    }
    assert_ok(tkr_sequence_zero_gradients(f->encoder.seq));
    assert_ok(tkr_sequence_backward(f->encoder.seq, zeros, dstate));
    assert_ok(tkr_sequence_gradient(f->encoder.seq, "weight_hh_l0", out, NUMBERS));
}

/* Whichever decoders went back, in whatever order: the sum of what each alone gives. */
static void test_several(void **unused) {
    (void)unused;
    static const int orders[][DECODERS + 1] = {{0, 1, -1}, {1, 0, -1},    {2, 0, -1},
                                               {1, 2, -1}, {0, 1, 2, -1}, {2, 1, 0, -1},
                                               {-1},       {1, 2, 0, -1}};
    float alone[DECODERS][NUMBERS], got[NUMBERS], of_state[NUMBERS], dh[BATCH * UNITS];
    family f;
    tkr_state *dstate;
    family_open(&f);
    assert_ok(tkr_state_create(&dstate, f.encoder.cell, BATCH, NULL));
    for (int i = 0; i < BATCH * UNITS; i++) {
        dh[i] = 0.3F * (float)(i % 5 - 2);
    }
    assert_ok(tkr_state_set(dstate, "h", dh, BATCH * UNITS));
    gradient_of(&f, (const int[]){-1}, dstate, of_state);
    for (int i = 0; i < DECODERS; i++) {
        gradient_of(&f, (const int[]){i, -1}, NULL, alone[i]);
    }
    for (size_t k = 0; k < 2 * sizeof orders / sizeof *orders; k++) {
        const int *order = orders[k / 2];
        float want[NUMBERS];
        for (int i = 0; i < NUMBERS; i++) {
            want[i] = k % 2 ? of_state[i] : 0;
            for (const int *d = order; *d >= 0; d++) {
                want[i] += alone[*d][i];
            }
        }
        gradient_of(&f, order, k % 2 ? dstate : NULL, got);
        assert_near(got, want, NUMBERS, 1e-5);
    }
    tkr_state_destroy(dstate);
    family_close(&f);
}

/* What began at another forward of the encoder, or at another link, is not its. */
static void test_stale(void **unused) {
    (void)unused;
    static const float zeros[STEPS * BATCH * UNITS] = {0};
    float alone[NUMBERS], got[NUMBERS];
    family f;
    family_open(&f);
    gradient_of(&f, (const int[]){0, -1}, NULL, alone);
    for (int k = 0; k < 2; k++) {
        twin *stale = &f.decoder[1];
        if (k == 0) {
            forward(&f, stale); /* before the encoder's */
        }
        forward(&f, &f.encoder);
        forward(&f, &f.decoder[0]);
        if (k == 1) {
            forward(&f, stale);
            assert_ok(tkr_sequence_link(stale->seq, NULL));
            assert_ok(tkr_sequence_link(stale->seq, f.encoder.seq));
        }
        assert_ok(tkr_sequence_backward(f.decoder[0].seq, f.dy, NULL));
        assert_ok(tkr_sequence_backward(stale->seq, f.dy, NULL));
        assert_ok(tkr_sequence_zero_gradients(f.encoder.seq));
        assert_ok(tkr_sequence_backward(f.encoder.seq, zeros, NULL));
        assert_ok(tkr_sequence_gradient(f.encoder.seq, "weight_hh_l0", got, NUMBERS));
        assert_true(compare_bits(got, alone, NUMBERS));
    }
    family_close(&f);
}

/* What cannot be linked, and a decoder before its encoder. */
static void test_refused(void **unused) {
    (void)unused;
    const orc_spec gru = {.kind = TKR_GRU, .input = 3, .hidden = 7};
    const orc_spec lstm = {.kind = TKR_LSTM, .input = 3, .hidden = 7};
    const orc_spec wide = {.kind = TKR_GRU, .input = 3, .hidden = 8};
    twin a, b, c, d;
    float x[2 * 3] = {0};
    twin_open(&a, &gru, 1, 1, NULL), twin_open(&b, &gru, 1, 2, NULL);
    twin_open(&c, &lstm, 1, 3, NULL), twin_open(&d, &wide, 1, 4, NULL);
    twin_shape(&a, 1, 2, NULL, TKR_TRAINING, false),
        twin_shape(&b, 1, 2, NULL, TKR_TRAINING, false);
    twin_shape(&c, 1, 2, NULL, TKR_TRAINING, false),
        twin_shape(&d, 1, 2, NULL, TKR_TRAINING, false);
    assert_status(tkr_sequence_link(a.seq, c.seq), TKR_ERR_SHAPE);
    assert_status(tkr_sequence_link(a.seq, d.seq), TKR_ERR_SHAPE);
    assert_status(tkr_sequence_link(a.seq, a.seq), TKR_ERR_ARGUMENT);
    assert_status(tkr_sequence_link(NULL, a.seq), TKR_ERR_ARGUMENT);
    assert_ok(tkr_sequence_link(a.seq, b.seq));
    assert_status(tkr_sequence_forward(a.seq, x, NULL, 1, 2), TKR_ERR_ORDER);
    assert_true(tkr_sequence_detail(a.seq)[0] != '\0');
    assert_ok(tkr_sequence_forward(b.seq, x, NULL, 1, 1));
    assert_status(tkr_sequence_forward(a.seq, x, NULL, 1, 2), TKR_ERR_SHAPE);
    assert_ok(tkr_sequence_forward(b.seq, x, NULL, 1, 2));
    assert_ok(tkr_sequence_forward(a.seq, x, NULL, 1, 2));
    twin_close(&a), twin_close(&b), twin_close(&c), twin_close(&d);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_middle),
        cmocka_unit_test(test_no_loss_of_its_own),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_stale),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
