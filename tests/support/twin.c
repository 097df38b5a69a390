/* SPDX-License-Identifier: MIT */
#include "support/twin.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void set_int(tkr_cell *cell, int32_t key, int64_t value) {
    if (value) {
        assert_ok(tkr_cell_set_int(cell, key, value));
    }
}

static void set_float(tkr_cell *cell, int32_t key, double value) {
    if (value > 0) {
        assert_ok(tkr_cell_set_float(cell, key, value));
    }
}

static void set_options(tkr_cell *cell, const orc_spec *s) {
    const struct {
        int32_t key;
        int64_t value;
    } whole[] = {
        {TKR_LAYERS, s->layers},
        {TKR_DIRECTIONS, s->directions},
        {TKR_ACTIVATION, s->activation},
        {TKR_RESET, s->reset},
        {TKR_PEEPHOLES, s->peepholes},
        {TKR_PROJECTION, s->projection},
        {TKR_LEARNED_STATE, s->learned},
        {TKR_OUTPUT_BEFORE, s->before},
        {TKR_PER_SEQUENCE, s->per_sequence},
        {TKR_COMBINE, s->combine},
        {TKR_GATE_ACTIVATION, s->gate_activation},
        {TKR_FIRST, s->first},
        {TKR_KERNEL, s->kernel},
        {TKR_DILATION, s->dilation},
        {TKR_GROUPS, s->groups},
        {TKR_CHANNELS, s->channels},
        {TKR_STRIDE, s->stride},
        {TKR_PAD_LEFT, s->pad_left},
        {TKR_PAD_RIGHT, s->pad_right},
        {TKR_PAD_REFLECT, s->reflect},
    };
    for (size_t i = 0; i < sizeof whole / sizeof *whole; i++) {
        set_int(cell, whole[i].key, whole[i].value);
    }
    if (s->biases) {
        int64_t biases = s->biases == ORC_NO_BIAS ? 0 : s->biases;
        assert_ok(tkr_cell_set_int(cell, TKR_BIASES, biases));
    }
    set_float(cell, TKR_DROPOUT_BETWEEN, s->between);
    set_float(cell, TKR_DROPOUT_RECURRENT, s->recurrent);
    set_float(cell, TKR_ZONEOUT, s->zoneout);
    set_float(cell, TKR_ZONEOUT_CELL, s->zoneout_cell);
    set_float(cell, TKR_RATE, s->rate);
    set_float(cell, TKR_NORM_EPSILON, s->epsilon);
}

static tkr_cell *make_part(const orc_spec *s, const tkr_env *env) {
    tkr_cell *cell, *parts[16];
    if (s->kind != TKR_CHAIN && s->kind != TKR_BRANCH) {
        assert_ok(tkr_cell_create(&cell, s->kind, s->input, s->hidden, env));
        set_options(cell, s);
        return cell;
    }
    assert_true(s->n_parts >= 1 && s->n_parts <= 16);
    for (int64_t i = 0; i < s->n_parts; i++) {
        parts[i] = make_part(&s->parts[i], env);
        if (s->parts[i].name) {
            assert_ok(tkr_cell_set_name(parts[i], s->parts[i].name));
        }
    }
    if (s->kind == TKR_CHAIN) {
        assert_ok(tkr_cell_chain(&cell, parts, s->n_parts, env));
    } else {
        assert_ok(tkr_cell_branch(&cell, parts, s->n_parts, (int32_t)s->combine, env));
    }
    return cell;
}

tkr_cell *twin_part(const orc_spec *spec, const tkr_env *env) {
    return make_part(spec, env);
}

tkr_cell *twin_cell(const orc_spec *specs, int64_t n, const tkr_env *env) {
    const orc_spec chain = {.kind = TKR_CHAIN, .parts = specs, .n_parts = n};
    tkr_cell *cell = make_part(n > 1 ? &chain : specs, env);
    assert_ok(tkr_cell_init(cell, 1));
    return cell;
}

float *twin_floats(const double *values, int64_t n) {
    float *floats = malloc((size_t)(n > 0 ? n : 1) * sizeof *floats);
    assert_non_null(floats);
    for (int64_t i = 0; i < n; i++) {
        floats[i] = (float)values[i];
    }
    return floats;
}

static float *poisoned(const twin *t, const double *values, int64_t width, int64_t steps) {
    int64_t rows = steps * t->net->batch;
    float *floats = twin_floats(values, rows * width);
    for (int64_t i = 0; i < rows * width; i++) {
        int64_t row = i / width;
        if (row / t->net->batch >= t->net->lengths[row % t->net->batch]) {
            floats[i] = NAN;
        }
    }
    return floats;
}

float *twin_poisoned(const twin *t, const double *values, int64_t width) {
    return poisoned(t, values, width, t->net->steps);
}

float *twin_output_gradient(const twin *t) {
    return poisoned(t, t->net->doutput, orc_output_width(t->net), orc_output_steps(t->net));
}

int64_t twin_output_len(const twin *t) {
    return orc_output_steps(t->net) * t->net->batch * orc_output_width(t->net);
}

void twin_push(twin *t) {
    int64_t tensors;
    assert_ok(tkr_cell_parameters(t->cell, &tensors, NULL));
    assert_int_equal(tensors, t->net->n_tensors);
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        float *floats = twin_floats(p->value, p->rows * p->cols);
        assert_ok(tkr_cell_set_parameter(t->cell, p->name, floats, p->rows * p->cols));
        free(floats);
    }
}

/* About 1 / sqrt(inputs), so that gates are neither flat nor saturated at any size. */
static void draw_parameters(twin *t) {
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        double scale = p->rank >= 2 ? 1 / sqrt((double)p->cols) : 0.4;
        orc_fill(&t->random, p->value, p->rows * p->cols, scale);
    }
}

void twin_open(twin *t, const orc_spec *specs, int64_t n, uint64_t seed, const tkr_env *env) {
    memset(t, 0, sizeof *t);
    compare_set_seed(seed);
    t->random.state = seed;
    t->least = 1;
    t->env = env;
    t->cell = twin_cell(specs, n, env);
    t->net = orc_create(specs, n, n > 1);
    draw_parameters(t);
    twin_push(t);
}

void twin_close(twin *t) {
    tkr_sequence_destroy(t->seq);
    tkr_cell_destroy(t->cell);
    orc_destroy(t->net);
    free(t->ids);
    memset(t, 0, sizeof *t);
}

bool twin_has_state(const twin *t) {
    for (int64_t i = 0; i < t->net->n_parts; i++) {
        if (orc_has_state(&t->net->parts[i])) {
            return true;
        }
    }
    return false;
}

/* Where the numbers of one tensor of the state are; *n receives how many. NULL: no such tensor. */
static double *state_numbers(const twin *t, const orc_part *part, int which, bool cell,
                             int64_t *n) {
    double *h[] = {part->h_0, part->h_n, part->dh_0, part->dh_n};
    double *c[] = {part->c_0, part->c_n, part->dc_0, part->dc_n};
    *n = part->slots * t->net->batch * (cell ? part->spec.hidden : part->recur);
    return cell ? c[which] : h[which];
}

static void state_name(char *name, size_t size, const orc_part *part, bool cell) {
    const char *own = part->spec.kind == TKR_CONV ? "past" : cell ? "c" : "h";
    snprintf(name, size, "%s%s%s", part->name, part->name[0] ? "." : "", own);
}

bool twin_tensor_at(const twin *t, int64_t index, int which, twin_tensor *tensor) {
    for (int64_t i = 0; i < 2 * t->net->n_parts; i++) {
        const orc_part *part = &t->net->parts[i / 2];
        tensor->numbers = state_numbers(t, part, which, i % 2, &tensor->n);
        if (tensor->numbers && index-- == 0) {
            state_name(tensor->name, sizeof tensor->name, part, i % 2);
            return true;
        }
    }
    return false;
}

tkr_state *twin_state(const twin *t, int which) {
    tkr_state *state;
    twin_tensor tensor;
    assert_ok(tkr_state_create(&state, t->cell, t->net->batch, t->env));
    for (int64_t i = 0; twin_tensor_at(t, i, which, &tensor); i++) {
        float *floats = twin_floats(tensor.numbers, tensor.n);
        assert_ok(tkr_state_set(state, tensor.name, floats, tensor.n));
        free(floats);
    }
    return state;
}

/* The tolerance on the scale of compare_norm_near(), for errors relative to max(|want|, least). */
static double eased(const double *want, int64_t n, double tolerance, double least) {
    double square = 0;
    for (int64_t i = 0; i < n; i++) {
        square += want[i] * want[i];
    }
    return square > 0 ? tolerance * fmax(1, least / sqrt(square)) : tolerance;
}

/* Compare `got` [n], which is freed, with the oracle's numbers. */
static void check(const twin *t, const char *what, float *got, const double *want, int64_t n,
                  double tolerance) {
    double least = tolerance < TWIN_GRADIENT ? 0 : t->least;
    int near = compare_norm_near(got, want, n, eased(want, n, tolerance, least));
    free(got);
    if (!near) {
        fail_msg("%s: %s", t->label, what);
    }
}

void twin_check_state(const twin *t, const tkr_state *state, int which, double tolerance) {
    twin_tensor tensor;
    for (int64_t i = 0; twin_tensor_at(t, i, which, &tensor); i++) {
        float *got = malloc((size_t)tensor.n * sizeof *got);
        assert_ok(tkr_state_get(state, tensor.name, got, tensor.n));
        check(t, tensor.name, got, tensor.numbers, tensor.n, tolerance);
    }
}

static void draw_ids(twin *t) {
    int64_t rows = t->net->steps * t->net->batch;
    t->ids = realloc(t->ids, (size_t)rows * sizeof *t->ids);
    for (int64_t row = 0; row < rows; row++) {
        bool valid = row / t->net->batch < t->net->lengths[row % t->net->batch];
        int64_t id = orc_below(&t->random, orc_input_width(t->net) + 1) - 1;
        t->ids[row] = valid ? (int32_t)id : INT32_MIN;
    }
    orc_input_ids(t->net, t->ids);
}

static void draw_states(twin *t, bool given) {
    twin_tensor first, last;
    for (int64_t i = 0; twin_tensor_at(t, i, TWIN_DFINAL, &last); i++) {
        (void)twin_tensor_at(t, i, TWIN_INITIAL, &first);
        orc_fill(&t->random, last.numbers, last.n, 1);
        orc_fill(&t->random, first.numbers, given ? first.n : 0, 0.5);
    }
    t->net->given = given;
}

void twin_no_final(twin *t) {
    twin_tensor last;
    for (int64_t i = 0; twin_tensor_at(t, i, TWIN_DFINAL, &last); i++) {
        memset(last.numbers, 0, (size_t)last.n * sizeof *last.numbers);
    }
}

static void make_positive(double *values, int64_t n) {
    for (int64_t i = 0; values && i < n; i++) {
        values[i] = fabs(values[i]);
    }
}

void twin_make_positive(twin *t) {
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        make_positive(t->net->tensors[i].value, t->net->tensors[i].rows * t->net->tensors[i].cols);
    }
    make_positive(t->net->input, t->net->steps * t->net->batch * orc_input_width(t->net));
    twin_tensor first;
    for (int64_t i = 0; twin_tensor_at(t, i, TWIN_INITIAL, &first); i++) {
        make_positive(first.numbers, first.n);
    }
    twin_push(t);
}

void twin_shape(twin *t, int64_t steps, int64_t batch, const int32_t *lengths, int32_t mode,
                bool given) {
    tkr_sequence_destroy(t->seq);
    t->seq = NULL;
    orc_shape(t->net, steps, batch, lengths);
    t->by_ids = t->by_ids || t->net->parts[0].spec.kind == TKR_EMBEDDING;
    if (t->by_ids) {
        draw_ids(t);
    } else {
        orc_fill(&t->random, t->net->input, steps * batch * orc_input_width(t->net), 1);
    }
    orc_fill(&t->random, t->net->doutput, steps * batch * orc_output_width(t->net), 1);
    draw_states(t, given);
    orc_noise_expect(t->net);
    assert_ok(tkr_sequence_create(&t->seq, t->cell, steps, batch, mode, t->env));
}

void twin_forward_library(twin *t) {
    if (t->net->given) {
        tkr_state *state = twin_state(t, TWIN_INITIAL);
        assert_ok(tkr_sequence_set_state(t->seq, state));
        tkr_state_destroy(state);
    }
    if (t->by_ids) {
        assert_ok(tkr_sequence_forward_ids(t->seq, t->ids, t->net->lengths, t->net->steps,
                                           t->net->batch));
        return;
    }
    float *input = twin_poisoned(t, t->net->input, orc_input_width(t->net));
    assert_ok(tkr_sequence_forward(t->seq, input, t->net->lengths, t->net->steps, t->net->batch));
    free(input);
}

void twin_forward_piece(const twin *t, tkr_sequence *seq, int64_t from, int64_t to) {
    const int64_t batch = t->net->batch, width = orc_input_width(t->net);
    int32_t *lengths = malloc((size_t)batch * sizeof *lengths);
    for (int64_t b = 0; b < batch; b++) {
        int64_t left = t->net->lengths[b] - from;
        left = left < 0 ? 0 : left;
        lengths[b] = (int32_t)(left < to - from ? left : to - from);
    }
    if (t->by_ids) {
        assert_ok(tkr_sequence_forward_ids(seq, t->ids + from * batch, lengths, to - from, batch));
    } else {
        float *input = twin_poisoned(t, t->net->input, width);
        assert_ok(
            tkr_sequence_forward(seq, input + from * batch * width, lengths, to - from, batch));
        free(input);
    }
    free(lengths);
}

void twin_output_piece(const twin *t, tkr_sequence *seq, float *output, int64_t from, int64_t to) {
    int64_t row = t->net->batch * orc_output_width(t->net);
    assert_ok(tkr_sequence_output(seq, output + from * row, (to - from) * row));
}

void twin_backward_library(twin *t) {
    float *doutput = twin_output_gradient(t);
    tkr_state *dstate = twin_has_state(t) ? twin_state(t, TWIN_DFINAL) : NULL;
    assert_ok(tkr_sequence_backward(t->seq, doutput, dstate));
    tkr_state_destroy(dstate);
    free(doutput);
}

float *twin_output(const twin *t) {
    int64_t n = twin_output_len(t);
    float *output = malloc((size_t)n * sizeof *output);
    assert_ok(tkr_sequence_output(t->seq, output, n));
    return output;
}

float *twin_gradient(const twin *t, const char *name, int64_t len) {
    float *gradient = malloc((size_t)len * sizeof *gradient);
    assert_ok(tkr_sequence_gradient(t->seq, name, gradient, len));
    return gradient;
}

void twin_check_forward(twin *t) {
    check(t, "output", twin_output(t), t->net->output, twin_output_len(t), TWIN_FORWARD);
    if (twin_has_state(t)) {
        tkr_state *state = twin_state(t, TWIN_DFINAL);
        assert_ok(tkr_sequence_get_state(t->seq, state));
        twin_check_state(t, state, TWIN_FINAL, TWIN_FORWARD);
        tkr_state_destroy(state);
    }
}

void twin_check_gradients(twin *t) {
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        int64_t n = p->rows * p->cols;
        check(t, p->name, twin_gradient(t, p->name, n), p->grad, n, TWIN_GRADIENT);
    }
    if (!t->by_ids) {
        int64_t n = t->net->steps * t->net->batch * orc_input_width(t->net);
        float *dinput = malloc((size_t)n * sizeof *dinput);
        assert_ok(tkr_sequence_input_gradient(t->seq, dinput, n));
        check(t, "input gradient", dinput, t->net->dinput, n, TWIN_GRADIENT);
    }
    if (twin_has_state(t)) {
        tkr_state *state = twin_state(t, TWIN_FINAL);
        assert_ok(tkr_sequence_get_state_gradient(t->seq, state));
        twin_check_state(t, state, TWIN_DINITIAL, TWIN_GRADIENT);
        tkr_state_destroy(state);
    }
}

void twin_check(twin *t, int64_t k1, int64_t k2) {
    orc_forward(t->net);
    twin_forward_library(t);
    twin_check_forward(t);
    orc_zero_gradients(t->net);
    orc_backward(t->net, k1, k2);
    if (k1) {
        assert_ok(tkr_sequence_set_int(t->seq, TKR_TRUNCATE_EVERY, k1));
        assert_ok(tkr_sequence_set_int(t->seq, TKR_TRUNCATE_STEPS, k2));
    }
    assert_ok(tkr_sequence_zero_gradients(t->seq));
    twin_backward_library(t);
    twin_check_gradients(t);
}
