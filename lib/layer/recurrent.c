/* SPDX-License-Identifier: MIT
 * What Elman, LSTM and GRU have in common: options, parameters, and their layers. */
#include "layer/recurrent.h"

#include <math.h>
#include <stdio.h>

#include "layer/combine.h"
#include "layer/dropout.h"
#include "layer/map.h"

/* ------------------------------------------------------------------------------------------------
 * Options
 * --------------------------------------------------------------------------------------------- */

#define E (1u << TKR_ELMAN)
#define L (1u << TKR_LSTM)
#define G (1u << TKR_GRU)
#define ALL (E | L | G)

const tkri_option tkri_recurrent_options[] = {
    {TKR_LAYERS, ALL, "layers", TKRI_INT, TKRI_FIXED, 1, 64, 1},
    {TKR_DIRECTIONS, ALL, "directions", TKRI_INT, TKRI_FIXED, TKR_FORWARD, TKR_REVERSE,
     TKR_FORWARD},
    {TKR_ACTIVATION, E, "activation", TKRI_INT, TKRI_FIXED, TKR_TANH, TKR_SQRT, TKR_TANH},
    {TKR_ACTIVATION, L | G, "activation", TKRI_INT, TKRI_FIXED, TKR_TANH, TKR_LEAKY_RELU, TKR_TANH},
    {TKR_RESET, G, "reset", TKRI_INT, TKRI_FIXED, TKR_RESET_AFTER, TKR_RESET_BEFORE,
     TKR_RESET_AFTER},
    {TKR_PEEPHOLES, L, "peepholes", TKRI_INT, TKRI_FIXED, 0, 1, 0},
    {TKR_PROJECTION, L, "projection", TKRI_INT, TKRI_FIXED, 0, INT32_MAX, 0},
    {TKR_BIASES, ALL, "biases", TKRI_INT, TKRI_FIXED, 0, 2, 2},
    {TKR_LEARNED_STATE, ALL, "learned_state", TKRI_INT, TKRI_FIXED, 0, 1, 0},
    {TKR_OUTPUT_BEFORE, ALL, "output_before", TKRI_INT, TKRI_FIXED, 0, 1, 0},
    {TKR_INIT, ALL, "init", TKRI_INT, 0, TKR_INIT_UNIFORM, TKR_INIT_NORMAL, TKR_INIT_UNIFORM},
    {TKR_COMBINE, ALL, "combine", TKRI_INT, TKRI_FIXED, TKR_CONCATENATE, TKR_PRODUCT,
     TKR_CONCATENATE},
    {TKR_GATE_ACTIVATION, L | G, "gate_activation", TKRI_INT, TKRI_FIXED, TKR_LOGISTIC,
     TKR_HARD_SIGMOID_6, TKR_LOGISTIC},
    {TKR_LAYER_NORM, L, "layer_norm", TKRI_INT, TKRI_FIXED, 0, 1, 0},
    {TKR_FORGET_BIAS, L, "forget_bias", TKRI_REAL, 0, -1e6, 1e6, (double)NAN},
    {TKR_DROPOUT_BETWEEN, ALL, "dropout_between", TKRI_REAL, TKRI_FIXED, 0, TKRI_BELOW_ONE, 0},
    {TKR_DROPOUT_RECURRENT, ALL, "dropout_recurrent", TKRI_REAL, TKRI_FIXED, 0, TKRI_BELOW_ONE, 0},
    {TKR_ZONEOUT, ALL, "zoneout", TKRI_REAL, TKRI_FIXED, 0, TKRI_BELOW_ONE, 0},
    {TKR_ZONEOUT_CELL, L, "zoneout_cell", TKRI_REAL, TKRI_FIXED, 0, TKRI_BELOW_ONE, 0},
    {TKR_NORM_EPSILON, L, "norm_epsilon", TKRI_REAL, TKRI_FIXED, 1e-12, 1, 1e-5},
    {TKR_INIT_SCALE, ALL, "init_scale", TKRI_REAL, 0, 0, 1e6, (double)NAN},
    {0},
};
TKRI_OPTIONS_FIT(tkri_recurrent_options);

/* Functions of a cell whose gradients are known from what they gave. */
static int is_of_cell(int64_t function) {
    return function == TKR_TANH || function == TKR_RELU || function == TKR_IDENTITY ||
           function == TKR_SOFTSIGN || function == TKR_HARD_TANH || function == TKR_ELU ||
           function == TKR_LEAKY_RELU;
}

int32_t tkri_recurrent_check(const tkr_cell *cell, tkri_detail *detail) {
    const int gated = tkri_cell_option(cell, TKR_GATE_ACTIVATION, TKRI_INT) != NULL;
    REQUIRE(!tkri_cell_int(cell, TKR_OUTPUT_BEFORE) ||
                tkri_cell_int(cell, TKR_DIRECTIONS) == TKR_FORWARD,
            detail, TKR_ERR_ARGUMENT, "output_before needs one direction, forward");
    REQUIRE(!gated || is_of_cell(tkri_cell_int(cell, TKR_ACTIVATION)), detail, TKR_ERR_ARGUMENT,
            "activation %d is none of a gated cell's", (int)tkri_cell_int(cell, TKR_ACTIVATION));
    REQUIRE(tkri_cell_int(cell, TKR_GATE_ACTIVATION) != TKR_IDENTITY, detail, TKR_ERR_ARGUMENT,
            "the identity is no gate's activation");
    return TKR_OK;
}

void tkri_recurrent_bounds(const tkr_cell *cell, const tkri_option *option, double *low,
                           double *high) {
    (void)low;
    if (option->key == TKR_PROJECTION) {
        *high = (double)(cell->hidden - 1);
    }
}

/* What one direction hands on. */
static int64_t out_of(const tkr_cell *cell) {
    const int64_t projected = tkri_cell_int(cell, TKR_PROJECTION);
    return projected ? projected : cell->hidden;
}

static int goes_both_ways(const tkr_cell *cell) {
    return tkri_cell_int(cell, TKR_DIRECTIONS) == TKR_BOTH;
}

int64_t tkri_recurrent_output(const tkr_cell *cell) {
    const int beside = tkri_cell_int(cell, TKR_COMBINE) == TKR_CONCATENATE;
    return goes_both_ways(cell) && beside ? 2 * out_of(cell) : out_of(cell);
}

/* ------------------------------------------------------------------------------------------------
 * Parameters
 * --------------------------------------------------------------------------------------------- */

int tkri_recurrent_has_any(const tkr_cell *part) {
    return tkri_cell_int(part, TKR_ACTIVATION) != TKR_TANH ||
           tkri_cell_int(part, TKR_GATE_ACTIVATION) != TKR_LOGISTIC;
}

/* What a GRU does with its reset gate before the product needs two products a step: it stays as it
 * is. */
static int can_quantize(const tkri_cell_ops *ops) {
    return ops->phases == 1;
}

/* A direction's parameters are listed one by one. */
typedef struct listing {
    tkri_builder *b;
    const tkri_recurrent *layer;
    tkri_direction *d;
    char suffix[24];
} listing;

/* A parameter whose rows are the cell's gates, in the packed order. */
static int64_t gated(const listing *w, const char *name, int32_t role, int64_t k) {
    const tkri_cell_ops *ops = w->layer->ops;
    const int hh = role == TKRI_WEIGHT_HH || role == TKRI_BIAS_HH;
    return tkri_build_parameter(w->b, &(tkri_parameter_spec){
                                          .name = name,
                                          .suffix = w->suffix,
                                          .role = role,
                                          .gates = ops->gates,
                                          .units = w->layer->units,
                                          .k = k,
                                          .can_quantize = role < TKRI_PEEPHOLE && can_quantize(ops),
                                          .order = hh ? ops->hh_order : ops->ih_order,
                                      });
}

static int64_t vector(const listing *w, const char *name, int32_t role, int64_t units) {
    return tkri_build_parameter(
        w->b, &(tkri_parameter_spec){
                  .name = name, .suffix = w->suffix, .role = role, .units = units, .k = 1});
}

static void biases(const listing *w) {
    const tkri_recurrent *layer = w->layer;
    const int64_t n = tkri_cell_int(w->b->part, TKR_BIASES);
    const int32_t vl = w->b->kern->vl;
    const uint64_t units = tkri_times(tkri_tiles(layer->units, vl), vl);
    w->d->b_ih = w->d->b_hh = w->d->q_bias = -1;
    if (n > 0) {
        w->d->b_ih = gated(w, n == 2 ? "bias_ih" : "bias", TKRI_BIAS_IH, 1);
    }
    if (n == 2) {
        w->d->b_hh = gated(w, "bias_hh", TKRI_BIAS_HH, 1);
    }
    w->d->bias = tkri_build_derived(w->b, tkri_mul(units, (uint64_t)layer->ops->gates));
    if (layer->ops->q_field >= 0) {
        w->d->q_bias = tkri_build_derived(w->b, units);
    }
}

/* The three diagonal vectors stand one behind the other, units_ld apart. */
static int64_t peephole(const listing *w, const char *name) {
    const int64_t units = w->layer->units;
    const uint64_t taken = tkri_round_up((uint64_t)units, TKRI_MAX_VL);
    const int64_t offset = vector(w, name, TKRI_PEEPHOLE, units);
    tkri_build_gap(w->b, (uint64_t)w->layer->units_ld - taken);
    return offset;
}

static void peepholes(const listing *w) {
    w->d->peep = -1;
    if (tkri_cell_int(w->b->part, TKR_PEEPHOLES)) {
        w->d->peep = peephole(w, "weight_ci");
        (void)peephole(w, "weight_cf");
        (void)peephole(w, "weight_co");
    }
}

static void direction(tkri_builder *b, tkri_recurrent *layer, int64_t index, int32_t number,
                      tkri_carried t) {
    tkri_direction *d = &layer->direction[number];
    const listing w = {.b = b, .layer = layer, .d = d};
    d->number = number;
    d->backwards = number || tkri_cell_int(b->part, TKR_DIRECTIONS) == TKR_REVERSE;
    (void)snprintf((char *)w.suffix, sizeof w.suffix, "_l%d%s", (int)index,
                   number ? "_reverse" : "");
    d->w_ih = gated(&w, "weight_ih", TKRI_WEIGHT_IH, layer->input);
    d->w_hh = gated(&w, "weight_hh", TKRI_WEIGHT_HH, layer->out);
    biases(&w);
    peepholes(&w);
    d->w_hr = d->h0 = d->c0 = -1;
    if (layer->out != layer->units) {
        d->w_hr = tkri_build_parameter(b, &(tkri_parameter_spec){.name = "weight_hr",
                                                                 .suffix = w.suffix,
                                                                 .role = TKRI_WEIGHT_HR,
                                                                 .units = layer->out,
                                                                 .k = layer->units,
                                                                 .can_quantize = 1});
    }
    if (layer->learned) {
        d->h0 = vector(&w, "h_0", TKRI_STATE_H, layer->out);
        d->c0 = t.c >= 0 ? vector(&w, "c_0", TKRI_STATE_C, layer->units) : -1;
    }
    d->state_h = tkri_build_slot(b, t.h, layer->out_ld, d->h0);
    d->state_c = t.c >= 0 ? tkri_build_slot(b, t.c, layer->units_ld, d->c0) : -1;
    b->net->backwards |= d->backwards;
}

/* The sum of both biases where x and h share a field; the q field keeps b_hh's gate for itself. */
static void derive_bias(const tkr_cell *cell, const tkri_recurrent *layer,
                        const tkri_direction *d) {
    const tkri_net *net = cell->net;
    const tkri_cell_ops *ops = layer->ops;
    const int64_t vl = cell->kern->vl, tiles = tkri_tiles(layer->units, cell->kern->vl),
                  gates = ops->gates;
    for (int64_t i = 0; i < tiles * gates * vl; i++) {
        net->derived[d->bias + i] = d->b_ih < 0 ? 0.0f : net->values[d->b_ih + i];
    }
    if (d->b_hh < 0) {
        return;
    }
    for (int64_t tile = 0; tile < tiles; tile++) {
        for (int64_t gate = 0; gate < gates; gate++) {
            const float *from = net->values + d->b_hh + (tile * gates + gate) * vl;
            const int64_t field = gate + ops->hh_field;
            float *to = field == ops->q_field
                            ? net->derived + d->q_bias + tile * vl
                            : net->derived + d->bias + (tile * gates + field - ops->ih_field) * vl;
            for (int64_t lane = 0; lane < vl; lane++) {
                to[lane] = field == ops->q_field ? from[lane] : to[lane] + from[lane];
            }
        }
    }
}

static void refresh(tkr_cell *cell, const tkri_layer *layer) {
    const tkri_recurrent *own = tkri_recurrent_of(layer);
    for (int32_t d = 0; d < own->directions; d++) {
        derive_bias(cell, own, &own->direction[d]);
    }
}

static tkri_recurrent layer_of(const tkri_builder *b, const tkri_cell_ops *ops, int64_t index,
                               int64_t input) {
    const tkr_cell *part = b->part;
    const int last = index == tkri_cell_int(part, TKR_LAYERS) - 1;
    tkri_recurrent layer = {
        .ops = ops,
        .directions = goes_both_ways(part) ? 2 : 1,
        .activation = (int32_t)tkri_cell_int(part, TKR_ACTIVATION),
        .gate_activation = (int32_t)tkri_cell_int(part, TKR_GATE_ACTIVATION),
        .precision = can_quantize(ops) ? b->precision : TKR_FLOAT32,
        .output_before = last && tkri_cell_int(part, TKR_OUTPUT_BEFORE),
        .learned = (int32_t)tkri_cell_int(part, TKR_LEARNED_STATE),
        .input = input,
        .units = part->hidden,
        .out = out_of(part),
        .recurrent_rate = tkri_cell_real(part, TKR_DROPOUT_RECURRENT),
        .zoneout = tkri_cell_real(part, TKR_ZONEOUT),
        .zoneout_cell = tkri_cell_real(part, TKR_ZONEOUT_CELL),
    };
    layer.units_ld = tkri_row_len(layer.units);
    layer.out_ld = tkri_row_len(layer.out);
    return layer;
}

static const tkri_layer_ops recurrent_ops = {
    .where = tkri_recurrent_where,
    .rows = tkri_recurrent_rows,
    .place = tkri_recurrent_place,
    .draw = tkri_recurrent_draw,
    .forward = tkri_recurrent_forward,
    .backward = tkri_recurrent_backward,
    .begin = tkri_recurrent_begin,
    .jobs = tkri_recurrent_jobs,
    .columns = tkri_recurrent_columns,
    .transpose = tkri_recurrent_transpose,
    .gradient = tkri_recurrent_gradient,
    .rest = tkri_recurrent_rest,
    .pack = tkri_recurrent_pack,
    .scratch = tkri_recurrent_scratch,
    .wants_out = tkri_map_wants_out,
    .keep = tkri_recurrent_keep,
    .bind = tkri_recurrent_bind,
    .step = tkri_recurrent_step,
};

static tkri_wire build_layer(tkri_builder *b, const tkri_cell_ops *ops, int64_t index, tkri_wire in,
                             tkri_carried t) {
    tkri_recurrent own = layer_of(b, ops, index, in.width);
    if (in.once) {
        tkri_build_fail(b, TKR_ERR_UNSUPPORTED, "it has a state, but there is but one step");
    }
    own.approximate = b->approximate && tkri_recurrent_is_plain(&own);
    b->net->approximates |= own.approximate;
    for (int32_t d = 0; d < own.directions; d++) {
        direction(b, &own, index, d, t);
    }
    const int backwards = own.direction[0].backwards;
    const tkri_layer layer = {
        .ops = &recurrent_ops,
        .output = own.directions * own.out,
        .without_input = own.output_before || in.without_input,
        .step_weights = (int64_t)tkri_mul(tkri_times(own.units, own.out), (uint64_t)own.ops->gates),
        .takes_steps = own.directions == 1 && !backwards,
        .n_tracks = own.directions,
        .refresh = refresh,
    };
    tkri_wire out = tkri_build_layer(b, &layer, &in, 1, &own, sizeof own);
    out.backwards = backwards ? 0 : own.out;
    const int32_t combine = (int32_t)tkri_cell_int(b->part, TKR_COMBINE);
    return own.directions == 2 && combine != TKR_CONCATENATE ? tkri_build_merge(b, out, combine)
                                                             : out;
}

tkri_wire tkri_build_recurrent(tkri_builder *b, tkri_wire in, const tkri_cell_ops *ops,
                               tkri_layer_builder *other) {
    const tkr_cell *part = b->part;
    const float between = tkri_cell_real(part, TKR_DROPOUT_BETWEEN);
    tkri_carried t = {.c = -1};
    t.h = tkri_build_state(b, "h", TKRI_HIDDEN, out_of(part));
    if (ops->has_c) {
        t.c = tkri_build_state(b, "c", TKRI_CARRY_C, part->hidden);
    }
    for (int64_t i = 0; i < tkri_cell_int(part, TKR_LAYERS); i++) {
        if (i > 0 && between > 0.0f) {
            in = tkri_build_dropout(b, in, between, 0);
        }
        in = other ? other(b, in, i, t) : build_layer(b, ops, i, in, t);
    }
    return in;
}
