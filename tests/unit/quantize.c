/* SPDX-License-Identifier: MIT
 * Making a quantized cell: what it reports, what it takes, what it can and cannot do, whose states
 * fit. */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "support/heap.h"
#include "support/tiers.h"
#include "support/twin.h"

enum { T = 7, B = 2, V = 9, H = 21 };

/* An LSTM and what reads it out, drawn; inputs and targets of every kind. */
typedef struct fixture {
    twin t;
    tkr_trial trial;
    float input[T * B * V], values[T * B * V];
    int32_t ids[T * B], targets[T * B];
} fixture;

static const orc_spec NET[] = {{.kind = TKR_LSTM, .input = V, .hidden = H, .layers = 2},
                               {.kind = TKR_LINEAR, .input = H, .hidden = V}};

static void open(fixture *f, const tkr_env *env) {
    memset(f, 0, sizeof *f);
    twin_open(&f->t, NET, 2, 77, env);
    for (int i = 0; i < T * B * V; i++) {
        f->input[i] = orc_number(&f->t.random, 1);
        f->values[i] = (float)orc_uniform(&f->t.random);
    }
    for (int i = 0; i < T * B; i++) {
        f->ids[i] = (int32_t)orc_below(&f->t.random, V + 1) - 1;
        f->targets[i] = (int32_t)orc_below(&f->t.random, V);
    }
    f->trial = (tkr_trial){.size = sizeof f->trial, .steps = T, .batch = B, .input = f->input};
}

/* The outputs of all steps of the trial, [T][B][V]. */
static void outputs(const fixture *f, const tkr_cell *cell, float *y) {
    tkr_state *state;
    assert_ok(tkr_state_create(&state, cell, B, f->t.env));
    for (int step = 0; step < T; step++) {
        float *to = y + step * B * V;
        assert_ok(f->trial.ids ? tkr_cell_step_ids(cell, state, to, f->ids + step * B)
                               : tkr_cell_step(cell, state, to, f->input + step * B * V));
    }
    tkr_state_destroy(state);
}

/* The trial's loss of these outputs, once more in double. */
static double loss_of(const fixture *f, const float *y) {
    double loss = 0;
    for (int row = 0; row < T * B; row++) {
        double sum = 0;
        for (int j = 0; j < V; j++) {
            const double a = (double)y[row * V + j], t = (double)f->values[row * V + j];
            if (f->trial.target_ids) {
                sum += exp(a);
            } else if (f->trial.loss == TKR_BINARY_CROSS_ENTROPY) {
                loss += (log1p(exp(a)) - t * a) / V;
            } else {
                loss += (a - t) * (a - t) / V;
            }
        }
        if (f->trial.target_ids) {
            loss += log(sum) - (double)y[row * V + f->targets[row]];
        }
    }
    return loss / (T * B);
}

/* The report against both cells' own outputs. */
static void check_report(const fixture *f, const double *report, const tkr_cell *quantized) {
    float one[T * B * V], two[T * B * V];
    double largest = 0, squares = 0;
    outputs(f, f->t.cell, one);
    outputs(f, quantized, two);
    for (int i = 0; i < T * B * V; i++) {
        const double d = fabs((double)one[i] - (double)two[i]);
        largest = fmax(largest, d);
        squares += d * d;
    }
    assert_true(report[TKR_REPORT_MAX] == largest && largest > 0);
    assert_true(fabs(report[TKR_REPORT_RMS] - sqrt(squares / (T * B * V))) <= 1e-12);
    if (!f->trial.target_ids && !f->trial.target_values) {
        assert_true(report[TKR_REPORT_LOSS] == 0 && report[TKR_REPORT_LOSS_CHANGE] == 0);
        return;
    }
    const double loss = loss_of(f, one), change = loss_of(f, two) - loss;
    assert_true(fabs(report[TKR_REPORT_LOSS] - loss) <= 1e-6);
    assert_true(fabs(report[TKR_REPORT_LOSS_CHANGE] - change) <= 1e-6);
    assert_true(report[TKR_REPORT_LOSS_CHANGE] != 0);
}

static void check_reports(const tkr_env *env) {
    fixture f;
    open(&f, env);
    for (int i = 0; i < 16; i++) {
        tkr_cell *quantized;
        double report[TKR_REPORT_LEN], again[TKR_REPORT_LEN];
        f.trial.input = i & 1 ? NULL : f.input;
        f.trial.ids = i & 1 ? f.ids : NULL;
        f.trial.target_ids = i / 2 % 4 == 1 ? f.targets : NULL;
        f.trial.target_values = i / 2 % 4 > 1 ? f.values : NULL;
        f.trial.loss = i / 2 % 4 == 3 ? TKR_BINARY_CROSS_ENTROPY : 0;
        assert_ok(tkr_cell_quantize(&quantized, report, f.t.cell, i < 8 ? TKR_BF16 : TKR_INT8,
                                    &f.trial, env));
        check_report(&f, report, quantized);
        assert_ok(tkr_cell_compare(again, f.t.cell, quantized, &f.trial, env));
        assert_memory_equal(report, again, sizeof report);
        tkr_cell_destroy(quantized);
    }
    twin_close(&f.t);
}

static void test_report(void **unused) {
    (void)unused;
    tiers_each_env(check_reports);
}

/* The loss is the sequence's, and a cell does not differ from itself; a batch of 0 is one of 1. */
static void test_compare(void **unused) {
    (void)unused;
    fixture f;
    tkr_sequence *seq;
    double loss, report[TKR_REPORT_LEN], one[TKR_REPORT_LEN];
    open(&f, NULL);
    f.trial.target_ids = f.targets;
    assert_ok(tkr_sequence_create(&seq, f.t.cell, T, B, TKR_INFERENCE, NULL));
    assert_ok(tkr_sequence_forward(seq, f.input, NULL, T, B));
    assert_ok(tkr_sequence_loss_ids(seq, &loss, f.targets, NULL));
    assert_ok(tkr_cell_compare(report, f.t.cell, f.t.cell, &f.trial, NULL));
    assert_true(fabs(report[TKR_REPORT_LOSS] - loss) <= 1e-6);
    assert_true(report[TKR_REPORT_MAX] == 0 && report[TKR_REPORT_RMS] == 0);
    assert_true(report[TKR_REPORT_LOSS_CHANGE] == 0);
    f.trial.batch = 1;
    assert_ok(tkr_cell_compare(one, f.t.cell, f.t.cell, &f.trial, NULL));
    f.trial.batch = 0;
    assert_ok(tkr_cell_compare(report, f.t.cell, f.t.cell, &f.trial, NULL));
    assert_memory_equal(report, one, sizeof one);
    tkr_sequence_destroy(seq);
    twin_close(&f.t);
}

/* What is announced is what the allocator is asked for, and the float32 weights are gone. */
static void check_memory(const tkr_env *tier) {
    const orc_spec big[] = {{.kind = TKR_GRU, .input = 40, .hidden = 70, .learned = 1},
                            {.kind = TKR_LINEAR, .input = 70, .hidden = 40}};
    for (int32_t precision = TKR_BF16; precision <= TKR_INT8; precision++) {
        heap h;
        tkr_env env;
        uint64_t whole, announced, size;
        tkr_cell *quantized, *cell = twin_cell(big, 2, tier);
        heap_init(&h, &env);
        env.tier = tier->tier;
        assert_ok(tkr_cell_size(&whole, cell));
        assert_ok(tkr_cell_quantized_size(&announced, cell, precision));
        assert_ok(tkr_cell_quantize(&quantized, NULL, cell, precision, NULL, &env));
        assert_ok(tkr_cell_size(&size, quantized));
        assert_int_equal(announced, size);
        assert_int_equal(h.bytes, size);
        assert_true((double)size < (precision == TKR_INT8 ? 0.36 : 0.58) * (double)whole);
        tkr_cell_destroy(cell); /* not needed any more */
        tkr_state *state;
        uint64_t before = h.bytes;
        assert_ok(tkr_state_create(&state, quantized, 3, &env));
        assert_ok(tkr_state_size(&size, quantized, 3));
        assert_int_equal(h.bytes - before, size);
        float x[3 * 40] = {1}, y[3 * 40];
        assert_ok(tkr_cell_step(quantized, state, y, x));
        tkr_state_destroy(state);
        tkr_cell_destroy(quantized);
        assert_true(heap_is_clean(&h));
    }
}

static void test_memory(void **unused) {
    (void)unused;
    tiers_each_env(check_memory);
}

/* Options, metadata and names come along. */
static void test_settings(void **unused) {
    (void)unused;
    fixture f;
    tkr_cell *quantized;
    int64_t layers, tensors, input, output;
    int32_t kind;
    const char *name;
    int32_t rank;
    int64_t shape[4];
    open(&f, NULL);
    assert_ok(tkr_cell_set_metadata(f.t.cell, "who", "me"));
    assert_ok(tkr_cell_quantize(&quantized, NULL, f.t.cell, TKR_INT8, NULL, NULL));
    assert_int_equal(tkr_cell_precision(quantized), TKR_INT8);
    assert_int_equal(tkr_cell_precision(f.t.cell), TKR_FLOAT32);
    assert_int_equal(tkr_cell_precision(NULL), TKR_FLOAT32);
    assert_string_equal(tkr_cell_get_metadata(quantized, "who"), "me");
    assert_ok(tkr_cell_shape(quantized, &kind, &input, &output));
    assert_int_equal(kind, TKR_CHAIN);
    assert_int_equal(output, V);
    assert_ok(tkr_cell_parameters(quantized, &tensors, &layers));
    assert_int_equal(tensors, f.t.net->n_tensors);
    assert_ok(tkr_cell_parameter(quantized, 1, &name, &rank, shape));
    assert_string_equal(name, "0.weight_hh_l0");
    assert_int_equal(shape[0], 4 * H);
    assert_true(shape[1] == H && shape[2] == 1 && shape[3] == 1);
    tkr_cell_destroy(quantized);
    twin_close(&f.t);
}

/* Streams of a batch do not see each other: row by row the bits of a batch of one. */
static void check_rows(const tkr_env *env) {
    fixture f;
    open(&f, env);
    for (int32_t precision = TKR_BF16; precision <= TKR_INT8; precision++) {
        tkr_cell *quantized;
        tkr_state *state;
        float all[T * B * V], one[V];
        assert_ok(tkr_cell_quantize(&quantized, NULL, f.t.cell, precision, NULL, env));
        outputs(&f, quantized, all);
        assert_ok(tkr_state_create(&state, quantized, 1, env));
        for (int b = 0; b < B; b++) {
            assert_ok(tkr_state_reset(state));
            for (int row = b; row < T * B; row += B) {
                assert_ok(tkr_cell_step(quantized, state, one, f.input + row * V));
                assert_true(compare_bits(one, all + row * V, V));
            }
        }
        tkr_state_destroy(state);
        tkr_cell_destroy(quantized);
    }
    twin_close(&f.t);
}

static void test_rows(void **unused) {
    (void)unused;
    tiers_each_env(check_rows);
}

/* States: their tensors go between precisions, a step wants its own; none is left half-moved. */
static void test_states(void **unused) {
    (void)unused;
    fixture f;
    tkr_cell *quantized[3];
    tkr_state *state[3];
    float y[B * V], h[2 * B * H], moved[2 * B * H];
    open(&f, NULL);
    quantized[0] = f.t.cell;
    assert_ok(tkr_cell_quantize(&quantized[1], NULL, f.t.cell, TKR_BF16, NULL, NULL));
    assert_ok(tkr_cell_quantize(&quantized[2], NULL, f.t.cell, TKR_INT8, NULL, NULL));
    for (int i = 0; i < 3; i++) {
        assert_ok(tkr_state_create(&state[i], quantized[i], B, NULL));
    }
    for (int i = 0; i < 9; i++) {
        assert_status(tkr_cell_step(quantized[i / 3], state[i % 3], y, f.input),
                      i / 3 == i % 3 ? TKR_OK : TKR_ERR_SHAPE);
    }
    assert_string_not_equal(tkr_state_detail(state[0]), "");
    for (int i = 0; i < 3; i++) {
        assert_ok(tkr_state_copy(state[i], state[(i + 1) % 3]));
        assert_ok(tkr_state_get(state[i], "0.h", moved, 2 * B * H));
        assert_ok(tkr_state_get(state[(i + 1) % 3], "0.h", h, 2 * B * H));
        assert_true(compare_bits(h, moved, 2 * B * H));
        assert_ok(tkr_cell_step(quantized[i], state[i], y, f.input));
    }
    for (int i = 0; i < 3; i++) {
        tkr_state_destroy(state[i]);
    }
    tkr_cell_destroy(quantized[1]), tkr_cell_destroy(quantized[2]);
    twin_close(&f.t);
}

/* NaN in gives NaN out, in its own stream; after a reset all is well. Infinity counts as NaN in
 * int8. */
static void check_nan(const tkr_env *env) {
    static const float poison[] = {NAN, INFINITY, -INFINITY};
    fixture f;
    open(&f, env);
    for (int i = 0; i < 4; i++) {
        tkr_cell *quantized;
        tkr_state *state;
        float x[B * V] = {0}, y[B * V], clean[B * V];
        assert_ok(
            tkr_cell_quantize(&quantized, NULL, f.t.cell, i == 3 ? TKR_BF16 : TKR_INT8, NULL, env));
        assert_ok(tkr_state_create(&state, quantized, B, env));
        assert_ok(tkr_cell_step(quantized, state, clean, x));
        assert_ok(tkr_state_reset(state));
        x[V + 3] = poison[i % 3];
        assert_ok(tkr_cell_step(quantized, state, y, x));
        assert_true(compare_bits(y, clean, V));
        for (int j = V; j < 2 * V; j++) {
            assert_true(isnan(y[j]));
        }
        x[V + 3] = 0;
        assert_ok(tkr_state_reset(state));
        assert_ok(tkr_cell_step(quantized, state, y, x));
        assert_true(compare_bits(y, clean, B * V));
        tkr_state_destroy(state);
        tkr_cell_destroy(quantized);
    }
    twin_close(&f.t);
}

static void test_nan(void **unused) {
    (void)unused;
    tiers_each_env(check_nan);
}

/* A linear map of one number: the largest, rows that count as zero, and both their neighbours. */
static void check_ends(const tkr_env *env) {
    static const struct {
        float w, x, bf16, int8;
    } cases[] = {
        {FLT_MAX, 0.5f, 0x1.FEp126f, 0x1.FFFFFEp126f}, /* the largest bf16, not infinity */
        {-FLT_MAX, 0.5f, -0x1.FEp126f, -0x1.FFFFFEp126f},
        {0x1.01p0f, 1, 1, 0x1.01p0f}, /* halfway: to even */
        {0x1.03p0f, 1, 0x1.04p0f, 0x1.03p0f},
        {0x1p-99f, 0x1p99f, 1, 1},   /* 1.6e-30 */
        {0x1p-101f, 0x1p101f, 1, 0}, /* 3.9e-31: zero in int8 */
        {0x1p101f, 0x1p-101f, 1, 0},
        {0, 1, 0, 0},
        {-0.0f, 3e38f, 0, 0},
    };
    for (size_t i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
        const int32_t precision = i % 2 ? TKR_INT8 : TKR_BF16;
        const float want = i % 2 ? cases[i / 2].int8 : cases[i / 2].bf16;
        tkr_cell *cell, *quantized;
        tkr_state *state;
        float y;
        assert_ok(tkr_cell_create(&cell, TKR_LINEAR, 1, 1, env));
        assert_ok(tkr_cell_init(cell, 1));
        assert_ok(tkr_cell_set_parameter(cell, "weight", &cases[i / 2].w, 1));
        assert_ok(tkr_cell_set_parameter(cell, "bias", &(float){0}, 1));
        assert_ok(tkr_cell_quantize(&quantized, NULL, cell, precision, NULL, env));
        assert_ok(tkr_state_create(&state, quantized, 1, env));
        assert_ok(tkr_cell_step(quantized, state, &y, &cases[i / 2].x));
        if (!(fabsf(y - want) <= 0x1p-22f * fabsf(want))) {
            fail_msg("case %d, precision %d: %.9g, not %.9g", (int)(i / 2), (int)precision,
                     (double)y, (double)want);
        }
        tkr_state_destroy(state);
        tkr_cell_destroy(quantized);
        tkr_cell_destroy(cell);
    }
}

static void test_ends(void **unused) {
    (void)unused;
    tiers_each_env(check_ends);
}

/* Everything else says that it cannot, and why. */
static void test_unsupported(void **unused) {
    (void)unused;
    fixture f;
    char text[200] = "";
    const tkr_env env = {.size = sizeof env, .detail = text, .detail_len = sizeof text};
    tkr_cell *quantized, *other;
    tkr_sequence *seq;
    tkr_optimizer *opt;
    uint64_t bytes;
    float number[4 * H * V] = {0};
    open(&f, NULL);
    assert_ok(tkr_cell_quantize(&quantized, NULL, f.t.cell, TKR_BF16, NULL, NULL));
    const int32_t no = TKR_ERR_UNSUPPORTED;
    assert_status(tkr_sequence_create(&seq, quantized, T, B, TKR_INFERENCE, &env), no);
    assert_non_null(strstr(text, "quantized"));
    text[0] = '\0';
    assert_status(tkr_optimizer_create(&opt, TKR_ADAM, quantized, &env), no);
    assert_non_null(strstr(text, "quantized"));
    text[0] = '\0';
    assert_status(tkr_cell_clone(&other, quantized, &env), no);
    assert_non_null(strstr(text, "quantized"));
    text[0] = '\0';
    assert_status(tkr_cell_quantize(&other, NULL, quantized, TKR_BF16, NULL, &env), no);
    assert_non_null(strstr(text, "quantized"));
    assert_status(tkr_sequence_size(&bytes, quantized, T, B, TKR_INFERENCE, NULL), no);
    assert_status(tkr_optimizer_size(&bytes, TKR_ADAM, quantized), no);
    assert_status(tkr_cell_get_parameter(quantized, "0.weight_ih_l0", number, 4 * H * V), no);
    assert_string_equal(tkr_cell_detail(quantized), "");
    assert_status(tkr_cell_init(quantized, 1), no);
    assert_non_null(strstr(tkr_cell_detail(quantized), "quantized"));
    assert_status(tkr_cell_set_parameter(quantized, "1.bias", number, V), no);
    assert_status(tkr_cell_save(quantized, "/tmp/tekrar-never-written"), no);
    tkr_cell_destroy(quantized);
    twin_close(&f.t);
}

/* Reduced are the matrices of recurrent and linear parts alone; the parts beside them give the bits
 * that they gave. With weights that bf16 has, hardly anything is left of the error. */
static void test_parts(void **unused) {
    (void)unused;
    static const orc_spec left[] = {
        {.name = "near", .kind = TKR_CONV, .input = 6, .hidden = 5, .kernel = 3},
        {.kind = TKR_NORM, .input = 5, .hidden = 5},
        {.name = "rnn", .kind = TKR_LSTM, .input = 5, .hidden = 17}};
    static const orc_spec sides[] = {
        {.name = "left", .kind = TKR_CHAIN, .parts = left, .n_parts = 3},
        {.name = "past", .kind = TKR_SELECT, .input = 6, .hidden = 4, .first = 1}};
    static const orc_spec specs[] = {
        {.kind = TKR_BRANCH, .parts = sides, .n_parts = 2},
        {.kind = TKR_ACTIVATE, .input = 21, .hidden = 21, .activation = TKR_SOFTSIGN},
        {.kind = TKR_LINEAR, .input = 21, .hidden = 5, .activation = TKR_GELU},
        {.kind = TKR_LAST, .input = 5, .hidden = 5}};
    enum { STEPS = 7, STREAMS = 3 };
    for (int32_t precision = TKR_BF16; precision <= TKR_INT8; precision++) {
        twin t;
        tkr_cell *quantized;
        double report[TKR_REPORT_LEN];
        float x[STEPS * STREAMS * 6];
        const tkr_trial trial = {
            .size = sizeof trial, .steps = STEPS, .batch = STREAMS, .input = x};
        twin_open(&t, specs, 4, 90, NULL);
        for (int i = 0; i < STEPS * STREAMS * 6; i++) {
            x[i] = (float)(i * 7 % 23) / 11 - 1;
        }
        for (int64_t i = 0; i < t.net->n_tensors; i++) {
            const orc_tensor *p = &t.net->tensors[i];
            for (int64_t j = 0; j < p->rows * p->cols; j++) {
                p->value[j] = floor(p->value[j] * 64) / 64;
            }
        }
        twin_push(&t);
        assert_ok(tkr_cell_quantize(&quantized, report, t.cell, precision, &trial, NULL));
        assert_int_equal(tkr_cell_precision(quantized), precision);
        assert_true(report[TKR_REPORT_MAX] > 0);
        assert_true(report[TKR_REPORT_MAX] < (precision == TKR_BF16 ? 1e-4 : 0.05));
        tkr_cell_destroy(quantized);
        twin_close(&t);
    }
    tkr_cell *plain = twin_cell(left, 2, NULL), *none; /* no matrix that is quantized */
    assert_status(tkr_cell_quantize(&none, NULL, plain, TKR_BF16, NULL, NULL), TKR_ERR_UNSUPPORTED);
    tkr_cell_destroy(plain);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_report), cmocka_unit_test(test_compare),
        cmocka_unit_test(test_memory), cmocka_unit_test(test_settings),
        cmocka_unit_test(test_rows),   cmocka_unit_test(test_states),
        cmocka_unit_test(test_nan),    cmocka_unit_test(test_ends),
        cmocka_unit_test(test_parts),  cmocka_unit_test(test_unsupported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
