/* SPDX-License-Identifier: MIT
 * Files of a training run: embedding, cell and linear layer, the mean cross-entropy of the next id,
 * and an optimizer; wanted are the loss, the gradient's norm and all parameters after each step. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"

/* Parameters after a step, normwise and relative. */
#define AFTER_STEP 2e-5

/* The oracle after steps. */
#define ORACLE_STEP 1e-9

typedef struct run {
    tensors_file *file;
    twin t;
    tkr_optimizer *library;
    orc_optimizer oracle;
    int64_t steps, batch;
} run;

static void load_parameters(run *r) {
    for (int64_t i = 0; i < r->t.net->n_tensors; i++) {
        const orc_tensor *p = &r->t.net->tensors[i];
        int64_t n = p->rows * p->cols;
        memcpy(p->value, golden_values(r->file, p->name, n), (size_t)n * sizeof *p->value);
    }
    twin_push(&r->t);
}

static void set_options(run *r) {
    orc_optimizer *o = &r->oracle;
    const char *kind = golden_text(r->file, "optimizer", "");
    if (strcmp(kind, "adamw") != 0 && strcmp(kind, "adam") != 0) {
        fail_msg("unknown optimizer '%s'", kind);
    }
    bool decoupled = strcmp(kind, "adamw") == 0;
    orc_optimizer_init(o, r->t.net, decoupled ? TKR_ADAMW : TKR_ADAM, 0);
    o->rate = golden_real(r->file, "lr", 0.001);
    o->beta1 = golden_real(r->file, "beta1", 0.9);
    o->beta2 = golden_real(r->file, "beta2", 0.999);
    o->epsilon = golden_real(r->file, "eps", 1e-8);
    o->decay = golden_real(r->file, "weight_decay", 0);
    o->clip_norm = golden_real(r->file, "clip_norm", 0);
    assert_ok(tkr_optimizer_create(&r->library, o->kind, r->t.cell, NULL));
    assert_ok(tkr_optimizer_set_float(r->library, TKR_LEARNING_RATE, o->rate));
    assert_ok(tkr_optimizer_set_float(r->library, TKR_BETA1, o->beta1));
    assert_ok(tkr_optimizer_set_float(r->library, TKR_BETA2, o->beta2));
    assert_ok(tkr_optimizer_set_float(r->library, TKR_EPSILON, o->epsilon));
    assert_ok(tkr_optimizer_set_float(r->library, TKR_WEIGHT_DECAY, o->decay));
    assert_ok(tkr_optimizer_set_float(r->library, TKR_CLIP_NORM, o->clip_norm));
}

/* The tensor "<word>.<step>" holds one number: within `tolerance`, relative. */
static void check_number(run *r, const char *word, int64_t step, double got, double tolerance) {
    char name[64];
    snprintf(name, sizeof name, "%s.%lld", word, (long long)step);
    double wanted = *golden_values(r->file, name, 1);
    if (!(fabs(got - wanted) <= tolerance * fabs(wanted))) {
        fail_msg("%s is %.9g, not %.9g", name, got, wanted);
    }
}

static void check_parameters(run *r, int64_t step) {
    for (int64_t i = 0; i < r->t.net->n_tensors; i++) {
        const orc_tensor *p = &r->t.net->tensors[i];
        int64_t n = p->rows * p->cols;
        char name[ORC_NAME + 32];
        snprintf(name, sizeof name, "after.%lld.%s", (long long)step, p->name);
        const double *wanted = golden_values(r->file, name, n);
        double error = orc_distance(p->value, wanted, n);
        if (!(error <= ORACLE_STEP)) {
            fail_msg("the oracle differs from the file in %s by %g", name, error);
        }
        float *got = malloc((size_t)n * sizeof *got);
        assert_ok(tkr_cell_get_parameter(r->t.cell, p->name, got, n));
        int near = compare_norm_near(got, wanted, n, AFTER_STEP);
        free(got);
        if (!near) {
            fail_msg("%s", name);
        }
    }
}

static void train_step(run *r, int64_t step) {
    int64_t cells = r->steps * r->batch;
    int32_t *ids = malloc((size_t)(cells + r->batch) * sizeof *ids);
    double loss, norm;
    char name[32];
    snprintf(name, sizeof name, "ids.%lld", (long long)step);
    const double *numbers = golden_values(r->file, name, cells + r->batch);
    for (int64_t i = 0; i < cells + r->batch; i++) {
        ids[i] = (int32_t)numbers[i];
    }
    orc_input_ids(r->t.net, ids);
    orc_forward(r->t.net);
    loss = orc_loss_ids(r->t.net, ids + r->batch, NULL, 0);
    check_number(r, "loss", step, loss, ORACLE_STEP);
    orc_backward(r->t.net, 0, 0);
    orc_optimizer_step(&r->oracle, r->t.net);
    check_number(r, "grad_norm", step, r->oracle.norm, ORACLE_STEP);
    assert_ok(tkr_sequence_forward_ids(r->t.seq, ids, NULL, r->steps, r->batch));
    assert_ok(tkr_sequence_loss_ids(r->t.seq, &loss, ids + r->batch, NULL));
    assert_ok(tkr_sequence_backward(r->t.seq, NULL, NULL));
    assert_ok(tkr_optimizer_step(r->library, r->t.seq));
    assert_ok(tkr_optimizer_get_float(r->library, TKR_GRADIENT_NORM, &norm));
    check_number(r, "loss", step, loss, TWIN_GRADIENT);
    check_number(r, "grad_norm", step, norm, AFTER_STEP);
    check_parameters(r, step);
    free(ids);
}

void golden_check_training(tensors_file *file) {
    int64_t V = golden_whole(file, "V", 0), E = golden_whole(file, "E", 0);
    int64_t H = golden_whole(file, "H", 0), updates = golden_whole(file, "steps", 0);
    const orc_spec specs[] = {
        {.name = "embedding", .kind = TKR_EMBEDDING, .input = V, .hidden = E},
        {.name = "cell", .kind = golden_kind(file), .input = E, .hidden = H},
        {.name = "linear", .kind = TKR_LINEAR, .input = H, .hidden = V},
    };
    run r = {
        .file = file, .steps = golden_whole(file, "T", 0), .batch = golden_whole(file, "B", 0)};
    assert_string_equal(golden_text(file, "loss", ""), "mean cross-entropy over T*B");
    assert_true(updates > 0);
    twin_open(&r.t, specs, 3, 1, NULL);
    load_parameters(&r);
    twin_shape(&r.t, r.steps, r.batch, NULL, TKR_TRAINING, false);
    twin_no_final(&r.t);
    set_options(&r);
    for (int64_t step = 0; step < updates; step++) {
        train_step(&r, step);
    }
    golden_all_used(file);
    tkr_optimizer_destroy(r.library);
    twin_close(&r.t);
}
