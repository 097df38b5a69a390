/* SPDX-License-Identifier: MIT
 * Parts against what PyTorch gave: the files of tests/golden/data, which parts.py beside this file
 * has written. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"
#include "support/tiers.h"

enum { STEPS = 5, BATCH = 3, PATH_LEN = 256 };

static const struct golden_part {
    const char *name;
    orc_spec spec;
} PARTS[] = {
    {"norm", {.kind = TKR_NORM, .input = 7, .hidden = 7}},
    {"conv_time", {.kind = TKR_CONV, .input = 3, .hidden = 4, .kernel = 3}},
    {"conv_time_dilated_groups",
     {.kind = TKR_CONV, .input = 4, .hidden = 6, .kernel = 2, .dilation = 2, .groups = 2}},
    {"conv_vector",
     {.kind = TKR_CONV,
      .input = 12,
      .hidden = 3,
      .channels = 2,
      .kernel = 3,
      .stride = 2,
      .pad_left = 1,
      .pad_right = 2}},
    {"conv_vector_mirrored",
     {.kind = TKR_CONV,
      .input = 10,
      .hidden = 3,
      .channels = 2,
      .kernel = 3,
      .pad_left = 2,
      .pad_right = 1,
      .reflect = 1}},
    {"conv_vector_groups",
     {.kind = TKR_CONV,
      .input = 24,
      .hidden = 6,
      .channels = 4,
      .kernel = 2,
      .dilation = 2,
      .groups = 2,
      .pad_right = 1}},
    {"activate_tanh", {.activation = TKR_TANH}},
    {"activate_relu", {.activation = TKR_RELU}},
    {"activate_logistic", {.activation = TKR_LOGISTIC}},
    {"activate_identity", {.activation = TKR_IDENTITY}},
    {"activate_hard_sigmoid", {.activation = TKR_HARD_SIGMOID}},
    {"activate_hard_sigmoid_6", {.activation = TKR_HARD_SIGMOID_6}},
    {"activate_softsign", {.activation = TKR_SOFTSIGN}},
    {"activate_hard_tanh", {.activation = TKR_HARD_TANH}},
    {"activate_elu", {.activation = TKR_ELU}},
    {"activate_leaky_relu", {.activation = TKR_LEAKY_RELU}},
    {"activate_softplus", {.activation = TKR_SOFTPLUS}},
    {"activate_gelu", {.activation = TKR_GELU}},
    {"activate_sqrt", {.activation = TKR_SQRT}},
    {"activate_softmax", {.activation = TKR_SOFTMAX}},
    {"activate_magnitude", {.activation = TKR_MAGNITUDE}},
    {"lstm_reverse", {.kind = TKR_LSTM, .input = 4, .hidden = 6, .directions = TKR_REVERSE}},
};

static void copy(double *to, const double *from, int64_t n) {
    memcpy(to, from, (size_t)n * sizeof *to);
}

/* `got` [n], which is freed, against the file's tensor. */
static void compare(const struct golden_part *part, tensors_file *file, const char *name,
                    float *got, int64_t n) {
    if (!compare_norm_near(got, golden_values(file, name, n), n, 2e-6)) {
        fail_msg("%s: %s", part->name, name);
    }
    free(got);
}

static void take_parameters(twin *t, tensors_file *file) {
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        copy(p->value, golden_values(file, p->name, p->rows * p->cols), p->rows * p->cols);
    }
    twin_push(t);
}

static void check_part(const struct golden_part *part, tensors_file *file, const tkr_env *env) {
    orc_spec spec = part->spec;
    twin t;
    if (!spec.kind) {
        spec.kind = TKR_ACTIVATE;
        spec.input = spec.hidden = 8;
    }
    twin_open(&t, &spec, 1, 1, env);
    take_parameters(&t, file);
    twin_shape(&t, STEPS, BATCH, NULL, TKR_TRAINING | TKR_INPUT_GRADIENT, false);
    const int64_t inputs = STEPS * BATCH * spec.input, outputs = twin_output_len(&t);
    copy(t.net->input, golden_values(file, "x", inputs), inputs);
    copy(t.net->doutput, golden_values(file, "dy", outputs), outputs);
    twin_no_final(&t);
    twin_check(&t, 0, 0); /* the oracle too */
    compare(part, file, "y", twin_output(&t), outputs);
    float *dx = malloc((size_t)inputs * sizeof *dx);
    assert_ok(tkr_sequence_input_gradient(t.seq, dx, inputs));
    compare(part, file, "dx", dx, inputs);
    for (int64_t i = 0; i < t.net->n_tensors; i++) {
        const orc_tensor *p = &t.net->tensors[i];
        char name[ORC_NAME + 2];
        snprintf(name, sizeof name, "d %s", p->name);
        compare(part, file, name, twin_gradient(&t, p->name, p->rows * p->cols), p->rows * p->cols);
    }
    twin_close(&t);
}

static void check_parts(const tkr_env *env) {
    for (size_t i = 0; i < sizeof PARTS / sizeof *PARTS; i++) {
        char path[PATH_LEN], why[TENSORS_TEXT];
        tensors_file file;
        snprintf(path, sizeof path, "tests/golden/data/%s.safetensors", PARTS[i].name);
        if (!tensors_read(&file, path, why)) {
            fail_msg("%s: %s", path, why);
        }
        assert_non_null(tensors_note_text(&file, "torch"));
        check_part(&PARTS[i], &file, env);
        golden_all_used(&file);
        tensors_free(&file);
    }
}

static void test_parts(void **unused) {
    (void)unused;
    tiers_each_env(check_parts);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
