/* SPDX-License-Identifier: MIT
 * What an oracle's net is made of: parts, the table of parameters, room for a batch. */
#include "oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A test cannot go on without memory. */
static void *need(void *block) {
    if (!block) {
        fprintf(stderr, "oracle: out of memory\n");
        abort();
    }
    return block;
}

static void *zeros(orc_net *net, int64_t n, size_t size) {
    size_t blocks = (size_t)net->n_blocks;
    if ((blocks & (blocks - 1)) == 0) { /* full at every power of two */
        net->blocks = need(realloc(net->blocks, (blocks ? 2 * blocks : 1) * sizeof *net->blocks));
    }
    net->blocks[net->n_blocks] = need(calloc((size_t)(n > 0 ? n : 1), size));
    return net->blocks[net->n_blocks++];
}

double *orc_zeros(orc_net *net, int64_t n) {
    return zeros(net, n, sizeof(double));
}

static bool recurrent(const orc_part *part) {
    return part->spec.kind <= TKR_GRU;
}

static void fill_defaults(orc_spec *s) {
    s->layers = s->layers ? s->layers : 1;
    s->directions = s->directions ? s->directions : 1;
    if (!s->activation) {
        s->activation = s->kind == TKR_LINEAR ? TKR_IDENTITY : TKR_TANH;
    }
    if (s->biases == 0) {
        s->biases = s->kind == TKR_LINEAR ? 1 : 2;
    } else if (s->biases == ORC_NO_BIAS) {
        s->biases = 0;
    }
}

/* A new parameter; *grad receives its gradient. The table was made large enough. */
static double *add(orc_net *net, const orc_part *part, const char *name, const char *suffix,
                   int rank, int64_t rows, int64_t cols, double **grad) {
    orc_tensor *tensor = &net->tensors[net->n_tensors++];
    snprintf(tensor->name, sizeof tensor->name, "%.40s%s%.30s%.20s", part->name,
             part->name[0] ? "." : "", name, suffix);
    tensor->rank = rank;
    tensor->rows = rows;
    tensor->cols = cols;
    tensor->value = orc_zeros(net, rows * cols);
    tensor->grad = orc_zeros(net, rows * cols);
    *grad = tensor->grad;
    return tensor->value;
}

#define ADD(field, name, rank, rows, cols) \
    (w->field = add(net, part, name, suffix, rank, rows, cols, &d->field))

static void add_slot(orc_net *net, orc_part *part, int64_t slot) {
    const orc_spec *s = &part->spec;
    int64_t layer = slot / s->directions, gh = part->gates * s->hidden;
    int64_t in = layer ? s->directions * part->recur : s->input;
    orc_weights *w = &part->value[slot], *d = &part->grad[slot];
    char suffix[20];
    snprintf(suffix, sizeof suffix, "_l%d%s", (int)layer, slot % s->directions ? "_reverse" : "");
    ADD(w_ih, "weight_ih", 2, gh, in);
    ADD(w_hh, "weight_hh", 2, gh, part->recur);
    if (s->biases == 1) {
        ADD(b_ih, "bias", 1, gh, 1);
    } else if (s->biases == 2) {
        ADD(b_ih, "bias_ih", 1, gh, 1);
        ADD(b_hh, "bias_hh", 1, gh, 1);
    }
    if (s->peepholes) {
        ADD(p_i, "weight_ci", 1, s->hidden, 1);
        ADD(p_f, "weight_cf", 1, s->hidden, 1);
        ADD(p_o, "weight_co", 1, s->hidden, 1);
    }
    if (s->projection) {
        ADD(w_hr, "weight_hr", 2, part->recur, s->hidden);
    }
    if (s->learned) {
        ADD(h_0, "h_0", 1, part->recur, 1);
    }
    if (s->learned && s->kind == TKR_LSTM) {
        ADD(c_0, "c_0", 1, s->hidden, 1);
    }
}

static void add_flat(orc_net *net, orc_part *part) {
    const orc_spec *s = &part->spec;
    orc_weights *w = &part->value[0], *d = &part->grad[0];
    const char *suffix = "";
    if (s->kind == TKR_LINEAR) {
        ADD(w_ih, "weight", 2, s->hidden, s->input);
        if (s->biases) {
            ADD(b_ih, "bias", 1, s->hidden, 1);
        }
    } else if (s->kind == TKR_EMBEDDING) {
        ADD(w_ih, "weight", 2, s->input, s->hidden);
    }
}

static void make_part(orc_net *net, int64_t index, const orc_spec *spec, bool chain) {
    orc_part *part = &net->parts[index];
    part->spec = *spec;
    fill_defaults(&part->spec);
    if (chain && spec->name) {
        snprintf(part->name, sizeof part->name, "%s", spec->name);
    } else if (chain) {
        snprintf(part->name, sizeof part->name, "%d", (int)index);
    }
    part->gates = spec->kind == TKR_LSTM ? 4 : spec->kind == TKR_GRU ? 3 : 1;
    part->slots = recurrent(part) ? part->spec.layers * part->spec.directions : 1;
    part->recur = spec->projection ? spec->projection : spec->hidden;
    part->out = recurrent(part) ? part->spec.directions * part->recur : spec->hidden;
    part->value = zeros(net, part->slots, sizeof *part->value);
    part->grad = zeros(net, part->slots, sizeof *part->grad);
    for (int64_t slot = 0; recurrent(part) && slot < part->slots; slot++) {
        add_slot(net, part, slot);
    }
    if (!recurrent(part)) {
        add_flat(net, part);
    }
}

orc_net *orc_create(const orc_spec *specs, int64_t n, bool chain) {
    orc_net *net = need(calloc(1, sizeof *net));
    int64_t most = 0;
    for (int64_t i = 0; i < n; i++) {
        most += 10 * (specs[i].layers ? specs[i].layers : 1) * 2;
    }
    net->n_parts = n;
    net->parts = zeros(net, n, sizeof *net->parts);
    net->tensors = zeros(net, most, sizeof *net->tensors);
    for (int64_t i = 0; i < n; i++) {
        make_part(net, i, &specs[i], chain);
    }
    return net;
}

void orc_destroy(orc_net *net) {
    for (int64_t i = 0; net && i < net->n_blocks; i++) {
        free(net->blocks[i]);
    }
    if (net) {
        free(net->blocks);
    }
    free(net);
}

orc_tensor *orc_find(const orc_net *net, const char *name) {
    for (int64_t i = 0; i < net->n_tensors; i++) {
        if (strcmp(net->tensors[i].name, name) == 0) {
            return &net->tensors[i];
        }
    }
    return NULL;
}

int64_t orc_input_width(const orc_net *net) {
    return net->parts[0].spec.input;
}

int64_t orc_output_width(const orc_net *net) {
    return net->parts[net->n_parts - 1].out;
}

void orc_zero_gradients(orc_net *net) {
    for (int64_t i = 0; i < net->n_tensors; i++) {
        orc_tensor *t = &net->tensors[i];
        memset(t->grad, 0, (size_t)(t->rows * t->cols) * sizeof *t->grad);
    }
}

orc_record *orc_record_at(const orc_net *net, const orc_part *part, int64_t slot, int64_t t,
                          int64_t b) {
    return &part->records[(slot * net->steps + t) * net->batch + b];
}

static void shape_record(orc_net *net, const orc_part *part, orc_record *r) {
    int64_t h = part->spec.hidden, R = part->recur;
    r->k = orc_zeros(net, R);
    r->gates = orc_zeros(net, part->gates * h);
    r->u = orc_zeros(net, h);
    r->v = orc_zeros(net, h);
    r->q = orc_zeros(net, h);
    r->h_new = orc_zeros(net, R);
    r->h_prev = orc_zeros(net, R);
    r->h = orc_zeros(net, R);
    r->dh = orc_zeros(net, R);
    if (part->spec.kind == TKR_LSTM) {
        r->c_new = orc_zeros(net, h);
        r->c_prev = orc_zeros(net, h);
        r->c = orc_zeros(net, h);
    }
}

static void shape_states(orc_net *net, orc_part *part) {
    int64_t wide = part->slots * net->batch * part->recur;
    int64_t cells = part->slots * net->batch * part->spec.hidden;
    part->h_0 = orc_zeros(net, wide);
    part->h_n = orc_zeros(net, wide);
    part->dh_0 = orc_zeros(net, wide);
    part->dh_n = orc_zeros(net, wide);
    if (part->spec.kind == TKR_LSTM) {
        part->c_0 = orc_zeros(net, cells);
        part->c_n = orc_zeros(net, cells);
        part->dc_0 = orc_zeros(net, cells);
        part->dc_n = orc_zeros(net, cells);
    }
}

static void shape_part(orc_net *net, orc_part *part) {
    int64_t rows = net->steps * net->batch, layers = recurrent(part) ? part->spec.layers : 1;
    memset(&part->noise, 0, sizeof part->noise);
    part->in = zeros(net, layers, sizeof *part->in);
    for (int64_t layer = 0; layer < layers; layer++) {
        part->in[layer] = orc_zeros(net, rows * (layer ? part->out : part->spec.input));
    }
    part->output = orc_zeros(net, rows * part->out);
    if (recurrent(part)) {
        part->records = zeros(net, part->slots * rows, sizeof *part->records);
        for (int64_t i = 0; i < part->slots * rows; i++) {
            shape_record(net, part, &part->records[i]);
        }
        shape_states(net, part);
    }
}

void orc_shape(orc_net *net, int64_t steps, int64_t batch, const int32_t *lengths) {
    net->steps = steps;
    net->batch = batch;
    net->given = false;
    net->lengths = zeros(net, batch, sizeof *net->lengths);
    for (int64_t b = 0; b < batch; b++) {
        net->lengths[b] = lengths ? lengths[b] : (int32_t)steps;
    }
    net->input = orc_zeros(net, steps * batch * orc_input_width(net));
    net->dinput = orc_zeros(net, steps * batch * orc_input_width(net));
    net->doutput = orc_zeros(net, steps * batch * orc_output_width(net));
    for (int64_t i = 0; i < net->n_parts; i++) {
        shape_part(net, &net->parts[i]);
    }
    net->output = net->parts[net->n_parts - 1].output;
}

void orc_input_ids(orc_net *net, const int32_t *ids) {
    int64_t width = orc_input_width(net), rows = net->steps * net->batch;
    memset(net->input, 0, (size_t)(rows * width) * sizeof *net->input);
    for (int64_t row = 0; row < rows; row++) {
        if (row / net->batch < net->lengths[row % net->batch] && ids[row] >= 0) {
            net->input[row * width + ids[row]] = 1;
        }
    }
}

static double *constant(orc_net *net, int64_t n, double value) {
    double *values = orc_zeros(net, n);
    for (int64_t i = 0; i < n; i++) {
        values[i] = value;
    }
    return values;
}

void orc_noise_expect(orc_net *net) {
    for (int64_t i = 0; i < net->n_parts; i++) {
        orc_part *part = &net->parts[i];
        int64_t rows = part->slots * net->steps * net->batch;
        memset(&part->noise, 0, sizeof part->noise);
        if (recurrent(part)) {
            part->noise.zoneout = constant(net, rows * part->recur, part->spec.zoneout);
            part->noise.zoneout_c =
                constant(net, rows * part->spec.hidden, part->spec.zoneout_cell);
        }
    }
}

double orc_step_norm(const orc_net *net, const orc_part *part, int64_t slot, int64_t t) {
    double sum = 0;
    for (int64_t b = 0; b < net->batch; b++) {
        const double *dh = orc_record_at(net, part, slot, t, b)->dh;
        for (int64_t j = 0; j < part->recur; j++) {
            sum += dh[j] * dh[j];
        }
    }
    return sqrt(sum);
}
