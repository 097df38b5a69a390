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

bool orc_has_state(const orc_part *part) {
    return recurrent(part) || part->past > 0;
}

static void set_default(int64_t *option, int64_t value) {
    *option = *option ? *option : value;
}

static void fill_defaults(orc_spec *s) {
    set_default(&s->layers, 1);
    set_default(&s->directions, TKR_FORWARD);
    set_default(&s->activation, s->kind == TKR_LINEAR ? TKR_IDENTITY : TKR_TANH);
    set_default(&s->gate_activation, TKR_LOGISTIC);
    set_default(&s->kernel, 1);
    set_default(&s->dilation, 1);
    set_default(&s->groups, 1);
    set_default(&s->stride, 1);
    set_default(&s->biases, s->kind <= TKR_GRU ? 2 : 1);
    s->biases = s->biases == ORC_NO_BIAS ? 0 : s->biases;
    s->epsilon = s->epsilon > 0 ? s->epsilon : 1e-5;
}

/* A new parameter; *grad receives its gradient. The table was made large enough. */
static double *add(orc_net *net, const orc_part *part, const char *name, const char *suffix,
                   int rank, int64_t rows, int64_t cols, double **grad) {
    orc_tensor *tensor = &net->tensors[net->n_tensors++];
    snprintf(tensor->name, sizeof tensor->name, "%.200s%s%.30s%.20s", part->name,
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
    int64_t layer = slot / part->ways, gh = part->gates * s->hidden;
    int64_t in = layer ? part->inner : s->input;
    orc_weights *w = &part->value[slot], *d = &part->grad[slot];
    char suffix[20];
    snprintf(suffix, sizeof suffix, "_l%d%s", (int)layer, slot % part->ways ? "_reverse" : "");
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
    } else if (s->kind == TKR_EMBEDDING) {
        ADD(w_ih, "weight", 2, s->input, s->hidden);
    } else if (s->kind == TKR_AFFINE || s->kind == TKR_NORM) {
        ADD(w_ih, "weight", 1, s->hidden, 1);
    } else if (s->kind == TKR_CONV) {
        int64_t channels = s->channels ? s->channels : s->input;
        ADD(w_ih, "weight", 3, s->hidden, channels / s->groups * s->kernel);
    }
    if (w->w_ih && s->kind != TKR_EMBEDDING && s->biases) {
        ADD(b_ih, "bias", 1, s->hidden, 1);
    }
}

/* What a part without time gives out. */
static int64_t flat_width(const orc_spec *s) {
    if (s->kind == TKR_ACTIVATE && s->activation == TKR_MAGNITUDE) {
        return s->input / 2;
    }
    if (s->kind == TKR_CONV && s->channels) {
        int64_t there = s->input / s->channels + s->pad_left + s->pad_right;
        return s->hidden * ((there - (s->kernel - 1) * s->dilation - 1) / s->stride + 1);
    }
    return s->hidden;
}

static void set_widths(orc_part *part) {
    const orc_spec *s = &part->spec;
    bool merged = s->combine != TKR_CONCATENATE;
    part->gates = s->kind == TKR_LSTM ? 4 : s->kind == TKR_GRU ? 3 : 1;
    part->ways = s->directions == TKR_BOTH ? 2 : 1;
    part->slots = recurrent(part) ? s->layers * part->ways : 1;
    part->recur = s->projection ? s->projection : s->hidden;
    part->inner = merged ? part->recur : part->ways * part->recur;
    part->out = recurrent(part) ? part->ways * part->recur : flat_width(s);
    if (s->kind == TKR_CONV && s->channels) {
        part->positions = part->out / s->hidden;
    } else if (s->kind == TKR_CONV) {
        part->past = (s->kernel - 1) * s->dilation;
        part->recur = part->past * s->input;
    }
}

/* A part behind those that it reads. */
static int64_t make_part(orc_net *net, const orc_spec *spec, const char *path, const int64_t *from,
                         int64_t n_from) {
    orc_part *part = &net->parts[net->n_parts];
    part->spec = *spec;
    fill_defaults(&part->spec);
    snprintf(part->name, sizeof part->name, "%s", path);
    part->from = zeros(net, n_from, sizeof *part->from);
    part->n_from = n_from;
    memcpy(part->from, from, (size_t)n_from * sizeof *from);
    set_widths(part);
    part->once = spec->kind == TKR_LAST || (from[0] >= 0 && net->parts[from[0]].once);
    part->value = zeros(net, part->slots, sizeof *part->value);
    part->grad = zeros(net, part->slots, sizeof *part->grad);
    for (int64_t slot = 0; recurrent(part) && slot < part->slots; slot++) {
        add_slot(net, part, slot);
    }
    if (!recurrent(part)) {
        add_flat(net, part);
    }
    return net->n_parts++;
}

/* Pieces `from` [n] become one, each `width` wide if they are added up. */
static int64_t make_combination(orc_net *net, int64_t how, const int64_t *from, int64_t n,
                                int64_t width) {
    orc_spec spec = {.kind = ORC_COMBINE, .combine = how};
    for (int64_t i = 0; i < n; i++) {
        spec.input += net->parts[from[i]].out;
    }
    spec.hidden = how == TKR_CONCATENATE ? spec.input : width;
    return make_part(net, &spec, "", from, n);
}

static int64_t merge_directions(orc_net *net, int64_t part, int64_t how) {
    int64_t merged = make_combination(net, how, &part, 1, net->parts[part].recur);
    net->parts[merged].merges = true;
    return merged;
}

/* Of directions that are merged, each one's last output. */
static int64_t make_last(orc_net *net, const orc_spec *spec, const char *path, int64_t in) {
    const orc_part *merger = in >= 0 && net->parts[in].merges ? &net->parts[in] : NULL;
    if (in >= 0 && net->parts[in].once) {
        return in;
    }
    if (!merger) {
        return make_part(net, spec, path, &in, 1);
    }
    orc_spec wide = *spec;
    int64_t from = merger->from[0], how = merger->spec.combine;
    wide.input = wide.hidden = 2 * spec->input;
    int64_t last = make_part(net, &wide, path, &from, 1);
    return make_combination(net, how, &last, 1, spec->input);
}

/* The parts of `spec` behind part `in`; returns the last of them. */
static int64_t list(orc_net *net, const orc_spec *spec, const char *path, int64_t in) {
    int64_t ends[16] = {0};
    if (spec->kind == TKR_LAST) {
        return make_last(net, spec, path, in);
    }
    if (spec->kind != TKR_CHAIN && spec->kind != TKR_BRANCH) {
        int64_t made = make_part(net, spec, path, &in, 1);
        bool merged = spec->kind <= TKR_GRU && spec->directions == TKR_BOTH && spec->combine;
        return merged ? merge_directions(net, made, spec->combine) : made;
    }
    for (int64_t i = 0; i < spec->n_parts; i++) {
        char inner[ORC_NAME], number[24];
        const char *name = spec->parts[i].name;
        snprintf(number, sizeof number, "%d", (int)i);
        snprintf(inner, sizeof inner, "%.180s%s%.64s", path, path[0] ? "." : "",
                 name ? name : number);
        ends[i] = list(net, &spec->parts[i], inner, in);
        in = spec->kind == TKR_CHAIN ? ends[i] : in;
    }
    return spec->kind == TKR_CHAIN
               ? in
               : make_combination(net, spec->combine, ends, spec->n_parts, net->parts[ends[0]].out);
}

/* At most so many parts and layers' directions are in a spec. */
static int64_t count(const orc_spec *spec) {
    int64_t n = 2 + 2 * spec->layers;
    for (int64_t i = 0; i < spec->n_parts; i++) {
        n += count(&spec->parts[i]);
    }
    return n;
}

/* Which columns of a part's output end at the first step. */
static void find_backwards(orc_net *net, orc_part *part) {
    const orc_spec *s = &part->spec;
    int64_t at = 0, from = s->kind == TKR_SELECT ? s->first : 0;
    bool *in = zeros(net, s->input, sizeof *in);
    for (int64_t i = 0; i < part->n_from; i++) {
        const orc_part *read = part->from[i] >= 0 ? &net->parts[part->from[i]] : NULL;
        for (int64_t j = 0; read && j < read->out; j++) {
            in[at++] = read->backwards[j];
        }
    }
    bool whole = s->activation == TKR_SOFTMAX || s->activation == TKR_MAGNITUDE;
    bool passes = s->kind == TKR_DROPOUT || s->kind == TKR_SELECT || s->kind == TKR_AFFINE ||
                  (s->kind == TKR_ACTIVATE && !whole) || s->kind == ORC_COMBINE;
    part->backwards = zeros(net, part->out, sizeof *part->backwards);
    for (int64_t j = 0; j < part->out; j++) {
        part->backwards[j] = passes && in[from + j];
        if (recurrent(part)) {
            part->backwards[j] = s->directions == TKR_REVERSE || j >= part->recur;
        }
    }
}

orc_net *orc_create(const orc_spec *specs, int64_t n, bool chain) {
    orc_net *net = need(calloc(1, sizeof *net));
    const orc_spec whole = {.kind = TKR_CHAIN, .parts = specs, .n_parts = n};
    int64_t most = count(&whole);
    net->parts = zeros(net, most, sizeof *net->parts);
    net->tensors = zeros(net, 10 * most, sizeof *net->tensors);
    (void)list(net, chain ? &whole : specs, "", -1);
    for (int64_t i = 0; i < net->n_parts; i++) {
        find_backwards(net, &net->parts[i]);
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

int64_t orc_output_steps(const orc_net *net) {
    return net->parts[net->n_parts - 1].once ? 1 : net->steps;
}

int64_t orc_rows(const orc_net *net, const orc_part *part) {
    return part->once ? net->batch : net->steps * net->batch;
}

bool orc_is_valid(const orc_net *net, const orc_part *part, int64_t row) {
    (void)part; /* of one step, the first: its sequence is not empty */
    return row / net->batch < net->lengths[row % net->batch];
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
    part->raw = zeros(net, layers, sizeof *part->raw);
    for (int64_t layer = 0; layer < layers; layer++) {
        part->in[layer] = orc_zeros(net, rows * (layer ? part->inner : part->spec.input));
        part->raw[layer] = orc_zeros(net, rows * part->out);
    }
    part->output = part->raw[layers - 1];
    part->doutput = orc_zeros(net, rows * part->out);
    if (recurrent(part)) {
        part->records = zeros(net, part->slots * rows, sizeof *part->records);
        for (int64_t i = 0; i < part->slots * rows; i++) {
            shape_record(net, part, &part->records[i]);
        }
    }
    if (orc_has_state(part)) {
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
