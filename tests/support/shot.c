/* SPDX-License-Identifier: MIT */
#include "support/shot.h"

#include <stdlib.h>
#include <string.h>

float *shot_state(const tkr_state *state, int64_t *n) {
    int64_t tensors, shape[3];
    const char *name;
    float *all = NULL;
    *n = 0;
    assert_ok(tkr_state_tensors(state, &tensors));
    for (int64_t i = 0; i < tensors; i++) {
        assert_ok(tkr_state_tensor(state, i, &name, shape));
        int64_t len = shape[0] * shape[1] * shape[2];
        all = realloc(all, (size_t)(*n + len) * sizeof *all);
        assert_ok(tkr_state_get(state, name, all + *n, len));
        *n += len;
    }
    return all;
}

shot shot_take(const twin *t, bool dinput) {
    shot s = {0};
    int64_t rows = t->net->steps * t->net->batch;
    float *gradients;
    s.n_output = twin_output_len(t);
    s.output = twin_output(t);
    assert_ok(tkr_sequence_gradients(t->seq, &gradients, &s.n_gradients));
    s.gradients = malloc((size_t)s.n_gradients * sizeof *gradients);
    memcpy(s.gradients, gradients, (size_t)s.n_gradients * sizeof *gradients);
    if (dinput) {
        s.n_dinput = rows * orc_input_width(t->net);
        s.dinput = malloc((size_t)s.n_dinput * sizeof *s.dinput);
        assert_ok(tkr_sequence_input_gradient(t->seq, s.dinput, s.n_dinput));
    }
    if (twin_has_state(t)) {
        tkr_state *state = twin_state(t, TWIN_INITIAL);
        assert_ok(tkr_sequence_get_state(t->seq, state));
        s.state = shot_state(state, &s.n_state);
        assert_ok(tkr_sequence_get_state_gradient(t->seq, state));
        s.dstate = shot_state(state, &s.n_state);
        tkr_state_destroy(state);
    }
    return s;
}

void shot_free(shot *s) {
    free(s->output), free(s->gradients), free(s->dinput), free(s->state), free(s->dstate);
    memset(s, 0, sizeof *s);
}

void shot_same(const shot *a, const shot *b) {
    assert_true(compare_bits(a->output, b->output, b->n_output));
    assert_true(compare_bits(a->state, b->state, b->n_state));
    assert_true(compare_bits(a->gradients, b->gradients, b->n_gradients));
    assert_true(compare_bits(a->dinput, b->dinput, b->n_dinput));
    assert_true(compare_bits(a->dstate, b->dstate, b->n_state));
}

static void near(const float *a, const float *b, int64_t n, double tolerance) {
    double *wide = malloc((size_t)(n ? n : 1) * sizeof *wide);
    for (int64_t i = 0; i < n; i++) {
        wide[i] = (double)b[i];
    }
    int is_near = compare_norm_near(a, wide, n, tolerance);
    free(wide);
    assert_true(is_near);
}

void shot_near(const shot *a, const shot *b, double tolerance) {
    near(a->output, b->output, b->n_output, tolerance);
    near(a->state, b->state, b->n_state, tolerance);
    near(a->gradients, b->gradients, b->n_gradients, tolerance);
    near(a->dinput, b->dinput, b->n_dinput, tolerance);
    near(a->dstate, b->dstate, b->n_state, tolerance);
}

void shot_same_gradient(const tkr_cell *cell, const float *a, const float *b, int64_t n) {
    if (strcmp(tkr_blas_text(), "none") == 0 || tkr_cell_tier(cell) != TKR_TIER_GENERIC) {
        assert_true(compare_bits(a, b, n));
    } else {
        near(a, b, n, 1e-6);
    }
}
