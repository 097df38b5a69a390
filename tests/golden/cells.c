/* SPDX-License-Identifier: MIT
 * Files of one cell run over time: parameters, input, initial state and the loss' weights g.* are
 * given; output, final state and all gradients are wanted. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "golden/golden.h"

static int64_t activation_of(tensors_file *file) {
    const char *text = golden_text(file, "nonlinearity", "tanh");
    const char *names[] = {"tanh", "relu", "logistic", "identity"};
    for (int64_t i = 0; i < 4; i++) {
        if (strcmp(text, names[i]) == 0) {
            return TKR_TANH + i;
        }
    }
    fail_msg("unknown nonlinearity '%s'", text);
    return 0;
}

static int64_t reset_of(tensors_file *file) {
    const char *text = golden_text(file, "reset", "after");
    if (strcmp(text, "before") != 0 && strcmp(text, "after") != 0) {
        fail_msg("unknown reset '%s'", text);
    }
    return strcmp(text, "before") == 0 ? TKR_RESET_BEFORE : TKR_RESET_AFTER;
}

static int64_t biases_of(tensors_file *file) {
    if (tensors_find(file, "bias_l0")) {
        return 1;
    }
    return tensors_find(file, "bias_ih_l0") ? 2 : ORC_NO_BIAS;
}

static orc_spec spec_of(tensors_file *file) {
    orc_spec spec = {.kind = golden_kind(file)};
    int64_t activation = activation_of(file), reset = reset_of(file);
    if (spec.kind == TKR_ELMAN) {
        spec.activation = activation;
    } else if (activation != TKR_TANH) {
        fail_msg("a nonlinearity for a cell that has none");
    }
    if (spec.kind == TKR_GRU) {
        spec.reset = reset;
    }
    spec.input = golden_whole(file, "I", 0);
    spec.hidden = golden_whole(file, "H", 0);
    spec.layers = golden_whole(file, "layers", 1);
    spec.directions = golden_whole(file, "directions", 1);
    spec.projection = golden_whole(file, "proj", 0);
    spec.peepholes = golden_whole(file, "peephole", 0);
    spec.biases = biases_of(file);
    return spec;
}

/* The file's name of a parameter: peepholes of the first layer may lack their "_l0". */
static void file_name(tensors_file *file, const char *name, char *found, size_t size) {
    snprintf(found, size, "%s", name);
    if (strncmp(name, "weight_c", 8) == 0 && !tensors_find(file, name) &&
        strcmp(name + 9, "_l0") == 0) {
        found[9] = '\0';
    }
}

static void load_into(tensors_file *file, const char *name, double *values, int64_t n) {
    memcpy(values, golden_values(file, name, n), (size_t)n * sizeof *values);
}

static void load_parameters(tensors_file *file, twin *t) {
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        char name[ORC_NAME];
        file_name(file, p->name, name, sizeof name);
        load_into(file, name, p->value, p->rows * p->cols);
    }
    twin_push(t);
}

static int64_t wide(const twin *t, bool cell) {
    const orc_part *part = &t->net->parts[0];
    return part->slots * t->net->batch * (cell ? part->spec.hidden : part->recur);
}

static void load_inputs(tensors_file *file, twin *t) {
    orc_part *part = &t->net->parts[0];
    int64_t rows = t->net->steps * t->net->batch;
    load_into(file, "input", t->net->input, rows * part->spec.input);
    load_into(file, "g.output", t->net->doutput, rows * part->out);
    load_into(file, "h_0", part->h_0, wide(t, false));
    load_into(file, "g.h_n", part->dh_n, wide(t, false));
    if (part->c_0) {
        load_into(file, "c_0", part->c_0, wide(t, true));
        load_into(file, "g.c_n", part->dc_n, wide(t, true));
    }
}

/* The oracle's numbers agree with the file's, which then take their place. */
static void settle(tensors_file *file, const char *name, double *values, int64_t n) {
    const double *wanted = golden_values(file, name, n);
    double error = orc_distance(values, wanted, n);
    if (!(error <= GOLDEN_EXACT)) {
        fail_msg("the oracle differs from the file in %s by %g", name, error);
    }
    memcpy(values, wanted, (size_t)n * sizeof *values);
}

static void settle_results(tensors_file *file, twin *t) {
    orc_part *part = &t->net->parts[0];
    int64_t rows = t->net->steps * t->net->batch;
    settle(file, "output", t->net->output, rows * part->out);
    settle(file, "h_n", part->h_n, wide(t, false));
    settle(file, "grad.input", t->net->dinput, rows * part->spec.input);
    settle(file, "grad.h_0", part->dh_0, wide(t, false));
    if (part->c_0) {
        settle(file, "c_n", part->c_n, wide(t, true));
        settle(file, "grad.c_0", part->dc_0, wide(t, true));
    }
    for (int64_t i = 0; i < t->net->n_tensors; i++) {
        const orc_tensor *p = &t->net->tensors[i];
        char name[ORC_NAME + 8], own[ORC_NAME];
        file_name(file, p->name, own, sizeof own);
        snprintf(name, sizeof name, "grad.%s", own);
        settle(file, name, p->grad, p->rows * p->cols);
    }
}

/* sum a * b, and how large it could be, for the tolerance of a sum that cancels. */
typedef struct scalar {
    double value, scale;
} scalar;

static void add_dot(scalar *sum, const float *a, const double *b, int64_t n) {
    double aa = 0, bb = 0;
    for (int64_t i = 0; i < n; i++) {
        sum->value += (double)a[i] * b[i];
        aa += (double)a[i] * (double)a[i];
        bb += b[i] * b[i];
    }
    sum->scale += sqrt(aa * bb);
}

/* The loss from the library's output and final state. */
static void check_loss(tensors_file *file, twin *t) {
    const orc_part *part = &t->net->parts[0];
    double wanted = *golden_values(file, "loss", 1);
    scalar loss = {0, fabs(wanted)};
    float *output = twin_output(t);
    tkr_state *state = twin_state(t, TWIN_FINAL);
    add_dot(&loss, output, t->net->doutput, t->net->steps * t->net->batch * part->out);
    assert_ok(tkr_sequence_get_state(t->seq, state));
    for (int cell = 0; cell < (part->c_0 ? 2 : 1); cell++) {
        float *last = malloc((size_t)wide(t, cell) * sizeof *last);
        assert_ok(tkr_state_get(state, cell ? "c" : "h", last, wide(t, cell)));
        add_dot(&loss, last, cell ? part->dc_n : part->dh_n, wide(t, cell));
        free(last);
    }
    tkr_state_destroy(state);
    free(output);
    if (!(fabs(loss.value - wanted) <= TWIN_FORWARD * loss.scale)) {
        fail_msg("loss %.9g, not %.9g", loss.value, wanted);
    }
}

static void shape(tensors_file *file, twin *t) {
    const tensors_entry *given = tensors_find(file, "lengths");
    int64_t steps = golden_whole(file, "T", 0), batch = golden_whole(file, "B", 0);
    int32_t *lengths = NULL;
    if (given) {
        lengths = malloc((size_t)batch * sizeof *lengths);
        const double *numbers = golden_values(file, "lengths", batch);
        for (int64_t b = 0; b < batch; b++) {
            lengths[b] = (int32_t)numbers[b];
        }
    }
    twin_shape(t, steps, batch, lengths, TKR_TRAINING | TKR_INPUT_GRADIENT, true);
    free(lengths);
}

void golden_check_cell(tensors_file *file) {
    orc_spec spec = spec_of(file);
    twin t;
    (void)golden_text(file, "oracle", "");
    twin_open(&t, &spec, 1, 1, NULL);
    t.least = 0;
    load_parameters(file, &t);
    shape(file, &t);
    load_inputs(file, &t);
    orc_forward(t.net);
    orc_backward(t.net, 0, 0);
    settle_results(file, &t);
    twin_forward_library(&t);
    twin_backward_library(&t);
    twin_check_forward(&t);
    twin_check_gradients(&t);
    check_loss(file, &t);
    golden_all_used(file);
    twin_close(&t);
}
