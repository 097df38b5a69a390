/* SPDX-License-Identifier: MIT
 * From a configured cell to its net: one walk over the parts lists layers, parameters and state
 * tensors. Walked without arrays it only counts; walked again it fills them in. */
#include <stdio.h>
#include <string.h>

#include "cell/cell.h"

#define DECLARE_OPS(tier, id)                                                              \
    extern const tkri_cell_ops tkri_elman_##tier, tkri_lstm_##tier, tkri_gru_after_##tier, \
        tkri_gru_before_##tier;
#define LIST_OPS(tier, id)                                                            \
    [TKR_TIER_##id] = {&tkri_elman_##tier, &tkri_lstm_##tier, &tkri_gru_after_##tier, \
                       &tkri_gru_before_##tier},

enum { OPS_ELMAN, OPS_LSTM, OPS_GRU_AFTER, OPS_GRU_BEFORE, N_OPS };

/* The cell kinds of every tier in this build. */
TKRI_TIERS(DECLARE_OPS)
static const tkri_cell_ops *const ops_table[][N_OPS] = {TKRI_TIERS(LIST_OPS)};

static const tkri_cell_ops *ops_of(const tkri_kern *kern, const tkr_cell *part) {
    switch (part->kind) {
        case TKR_ELMAN:
            return ops_table[kern->tier][OPS_ELMAN];
        case TKR_LSTM:
            return ops_table[kern->tier][OPS_LSTM];
        default:
            return ops_table[kern->tier][part->ints[TKR_RESET] == TKR_RESET_BEFORE ? OPS_GRU_BEFORE
                                                                                   : OPS_GRU_AFTER];
    }
}

/* The walk. `prefix` is "<part>." in a chain; `suffix` is "_l0_reverse" and the like. Sizes in
 * `net` stick at their limits instead of overflowing. */
typedef struct walk {
    tkri_net *net;
    const tkri_kern *kern;
    const tkr_cell *part;
    char prefix[TKRI_NAME_LEN + 1], suffix[24];
    uint64_t numbers, words, derived, state_width, logical;
    int32_t precision; /* of the cell */
} walk;

static int64_t padded(const walk *w, int64_t n) {
    return (int64_t)tkri_round_up((uint64_t)n, (uint64_t)w->kern->vl);
}

/* Advance a running offset by `n` floats (as much as fits), keeping 64-byte alignment. */
static int64_t reserve(uint64_t *running, uint64_t n) {
    uint64_t at = *running;
    *running = tkri_add(at, tkri_round_up(n, TKRI_MAX_VL));
    return at > (uint64_t)INT64_MAX ? INT64_MAX : (int64_t)at;
}

/* The precision of a parameter of the part at hand. What a GRU does with its reset gate before the
 * product needs two products a step: it stays as it is. */
static int32_t precision_of(const walk *w, int32_t role) {
    const int before = w->part->kind == TKR_GRU && w->part->ints[TKR_RESET] == TKR_RESET_BEFORE;
    return role <= TKRI_WEIGHT_LINEAR && !before ? w->precision : TKR_FLOAT32;
}

/* Append a parameter of `rows` = gates * units by `k`; returns its offset. */
static int64_t parameter(walk *w, const char *name, int32_t role, int32_t gates, int64_t units,
                         int64_t k) {
    const uint64_t ld = role == TKRI_WEIGHT_EMBEDDING ? (uint64_t)padded(w, k) : 0;
    const uint64_t columns = tkri_mul((uint64_t)gates, (uint64_t)padded(w, units));
    const int32_t precision = precision_of(w, role);
    const uint64_t numbers = ld          ? tkri_mul((uint64_t)units, ld)
                             : precision ? tkri_words_len(precision, columns, (uint64_t)k)
                                         : tkri_mul(columns, (uint64_t)k);
    const int64_t offset = reserve(precision ? &w->words : &w->numbers, numbers);
    w->logical =
        tkri_add(w->logical, tkri_mul(tkri_mul((uint64_t)gates, (uint64_t)units), (uint64_t)k));
    if (w->net->parameters) {
        tkri_parameter *p = &w->net->parameters[w->net->n_parameters];
        memset(p, 0, sizeof *p);
        (void)snprintf(p->name, sizeof p->name, "%s%s%s", w->prefix, name, w->suffix);
        p->rank = role <= TKRI_WEIGHT_EMBEDDING ? 2 : 1;
        p->shape[0] = gates * units;
        p->shape[1] = k;
        p->shape[2] = p->shape[3] = 1;
        p->offset = offset;
        p->numbers = (int64_t)numbers;
        p->units = units;
        p->k = k;
        p->ld = (int64_t)ld;
        p->gates = gates;
        p->role = role;
        p->layer = w->net->n_layers;
        p->precision = precision;
    }
    w->net->n_parameters++;
    return offset;
}

/* A parameter whose rows are the cell's gates, in the packed order `place`. */
static int64_t gated(walk *w, const char *name, int32_t role, const tkri_layer *layer, int64_t k) {
    const tkri_cell_ops *ops = layer->ops;
    const int64_t offset = parameter(w, name, role, ops->gates, layer->units, k);
    if (w->net->parameters) {
        const int hh = role == TKRI_WEIGHT_HH || role == TKRI_BIAS_HH;
        memcpy(w->net->parameters[w->net->n_parameters - 1].place,
               hh ? ops->hh_place : ops->ih_place, sizeof ops->ih_place);
    }
    return offset;
}

static void biases(walk *w, const tkri_layer *layer, tkri_direction *d) {
    const int64_t n = w->part->ints[TKR_BIASES];
    const uint64_t tiles_vl = (uint64_t)padded(w, layer->units);
    d->b_ih = d->b_hh = d->q_bias = -1;
    if (n > 0) {
        d->b_ih = gated(w, n == 2 ? "bias_ih" : "bias", TKRI_BIAS_IH, layer, 1);
    }
    if (n == 2) {
        d->b_hh = gated(w, "bias_hh", TKRI_BIAS_HH, layer, 1);
    }
    d->bias = reserve(&w->derived, tkri_mul(tiles_vl, (uint64_t)layer->ops->gates));
    if (layer->ops->q_slot >= 0) {
        d->q_bias = reserve(&w->derived, tiles_vl);
    }
}

/* The three diagonal vectors stand one behind the other, layer->units_ld apart. */
static int64_t peephole(walk *w, const char *name, const tkri_layer *layer) {
    const uint64_t taken = tkri_round_up((uint64_t)layer->units, TKRI_MAX_VL);
    const int64_t offset = parameter(w, name, TKRI_PEEPHOLE, 1, layer->units, 1);
    (void)reserve(&w->numbers, (uint64_t)layer->units_ld - taken);
    return offset;
}

static void peepholes(walk *w, const tkri_layer *layer, tkri_direction *d) {
    d->peep = -1;
    if (w->part->ints[TKR_PEEPHOLES]) {
        d->peep = peephole(w, "weight_ci", layer);
        (void)peephole(w, "weight_cf", layer);
        (void)peephole(w, "weight_co", layer);
    }
}

static void direction(walk *w, tkri_layer *layer, int64_t index, int32_t reverse) {
    tkri_direction *d = &layer->direction[reverse];
    const int has_c = layer->ops->has_c;
    (void)snprintf(w->suffix, sizeof w->suffix, "_l%d%s", (int)index, reverse ? "_reverse" : "");
    d->w_ih = gated(w, "weight_ih", TKRI_WEIGHT_IH, layer, layer->input);
    d->w_hh = gated(w, "weight_hh", TKRI_WEIGHT_HH, layer, layer->out);
    biases(w, layer, d);
    peepholes(w, layer, d);
    d->w_hr = d->h0 = d->c0 = -1;
    if (layer->out != layer->units) {
        d->w_hr = parameter(w, "weight_hr", TKRI_WEIGHT_HR, 1, layer->out, layer->units);
    }
    if (layer->learned) {
        d->h0 = parameter(w, "h_0", TKRI_STATE_H, 1, layer->out, 1);
        d->c0 = has_c ? parameter(w, "c_0", TKRI_STATE_C, 1, layer->units, 1) : -1;
    }
    d->state_h = reserve(&w->state_width, (uint64_t)layer->out_ld);
    d->state_c = has_c ? reserve(&w->state_width, (uint64_t)layer->units_ld) : -1;
    w->net->n_slots++;
    w->net->two_directions |= reverse;
    w->suffix[0] = '\0';
}

static void append(walk *w, const tkri_layer *layer) {
    if (w->net->layers) {
        w->net->layers[w->net->n_layers] = *layer;
    }
    w->net->n_layers++;
}

static float real(const tkr_cell *part, int32_t key) {
    return (float)part->floats[key - TKRI_FLOAT_BASE];
}

static void append_dropout(walk *w, int64_t width, float rate, int32_t per_sequence) {
    const tkri_layer layer = {
        .kind = TKR_DROPOUT,
        .directions = 1,
        .input = width,
        .units = width,
        .out = width,
        .output = width,
        .rate = rate,
        .per_sequence = per_sequence,
        .weight = -1,
        .bias = -1,
    };
    append(w, &layer);
}

static void append_dense(walk *w) {
    const tkr_cell *part = w->part;
    tkri_layer layer = {
        .kind = part->kind,
        .directions = 1,
        .activation = (int32_t)part->ints[TKR_ACTIVATION],
        .precision = part->kind == TKR_LINEAR ? precision_of(w, TKRI_WEIGHT_LINEAR) : TKR_FLOAT32,
        .input = part->input,
        .units = part->hidden,
        .out = part->hidden,
        .output = part->hidden,
        .bias = -1,
    };
    layer.units_ld = layer.out_ld = tkri_row_len(part->hidden);
    if (part->kind == TKR_EMBEDDING) {
        layer.weight = parameter(w, "weight", TKRI_WEIGHT_EMBEDDING, 1, part->input, part->hidden);
    } else {
        layer.weight = parameter(w, "weight", TKRI_WEIGHT_LINEAR, 1, part->hidden, part->input);
        if (part->ints[TKR_BIASES]) {
            layer.bias = parameter(w, "bias", TKRI_BIAS_LINEAR, 1, part->hidden, 1);
        }
    }
    append(w, &layer);
}

static tkri_layer recurrent_layer(const walk *w, int64_t index, int64_t input) {
    const tkr_cell *part = w->part;
    const int64_t projected = part->ints[TKR_PROJECTION];
    tkri_layer layer = {
        .kind = part->kind,
        .directions = (int32_t)part->ints[TKR_DIRECTIONS],
        .activation = (int32_t)part->ints[TKR_ACTIVATION],
        .precision = precision_of(w, TKRI_WEIGHT_HH),
        .ops = ops_of(w->kern, part),
        .input = input,
        .units = part->hidden,
        .out = projected ? projected : part->hidden,
        .learned = (int32_t)part->ints[TKR_LEARNED_STATE],
        .recurrent_rate = real(part, TKR_DROPOUT_RECURRENT),
        .zoneout = real(part, TKR_ZONEOUT),
        .zoneout_cell = real(part, TKR_ZONEOUT_CELL),
        .weight = -1,
        .bias = -1,
    };
    layer.output = layer.directions * layer.out;
    layer.units_ld = tkri_row_len(layer.units);
    layer.out_ld = tkri_row_len(layer.out);
    layer.output_before = index == part->ints[TKR_LAYERS] - 1 && part->ints[TKR_OUTPUT_BEFORE];
    return layer;
}

static void state_tensor(walk *w, const char *name, int64_t first, int64_t width, int32_t is_c) {
    if (w->net->state) {
        tkri_state_tensor *s = &w->net->state[w->net->n_state];
        memset(s, 0, sizeof *s);
        (void)snprintf(s->name, sizeof s->name, "%s%s", w->prefix, name);
        s->first_layer = first;
        s->layers = w->net->n_layers - first;
        s->slots = w->part->ints[TKR_LAYERS] * w->part->ints[TKR_DIRECTIONS];
        s->width = width;
        s->is_c = is_c;
    }
    w->net->n_state++;
}

static void append_recurrent(walk *w) {
    const tkr_cell *part = w->part;
    const int64_t first = w->net->n_layers;
    const float between = real(part, TKR_DROPOUT_BETWEEN);
    int64_t input = part->input, width = 0;
    for (int64_t i = 0; i < part->ints[TKR_LAYERS]; i++) {
        if (i > 0 && between > 0.0f) {
            append_dropout(w, input, between, 0);
        }
        tkri_layer layer = recurrent_layer(w, i, input);
        for (int32_t d = 0; d < layer.directions; d++) {
            direction(w, &layer, i, d);
        }
        append(w, &layer);
        input = layer.output;
        width = layer.out;
    }
    state_tensor(w, "h", first, width, 0);
    if (part->kind == TKR_LSTM) {
        state_tensor(w, "c", first, part->hidden, 1);
    }
}

static void walk_parts(walk *w, const tkr_cell *cell) {
    for (int64_t i = 0; i < tkri_cell_n_parts(cell); i++) {
        w->part = tkri_cell_part(cell, i);
        w->prefix[0] = w->suffix[0] = '\0';
        if (cell->kind == TKR_CHAIN && w->part->name[0]) {
            (void)snprintf(w->prefix, sizeof w->prefix, "%s.", w->part->name);
        } else if (cell->kind == TKR_CHAIN) {
            (void)snprintf(w->prefix, sizeof w->prefix, "%d.", (int)i);
        }
        if (tkri_is_recurrent(w->part->kind)) {
            append_recurrent(w);
        } else if (w->part->kind == TKR_DROPOUT) {
            append_dropout(w, w->part->input, real(w->part, TKR_RATE),
                           (int32_t)w->part->ints[TKR_PER_SEQUENCE]);
        } else {
            append_dense(w);
        }
    }
}

/* Walk into `net`, whose arrays may be NULL; sizes as the walk found them. */
static walk walk_cell(const tkr_cell *cell, tkri_net *net) {
    walk w = {.net = net, .kern = cell->kern, .precision = cell->precision};
    net->n_layers = net->n_parameters = net->n_state = net->n_slots = 0;
    net->two_directions = 0;
    walk_parts(&w, cell);
    return w;
}

static void place(tkri_arena *arena, tkri_net **net, tkri_net *counts, const walk *w) {
    TKRI_TAKE(arena, *net, 1);
    TKRI_TAKE(arena, counts->layers, counts->n_layers);
    TKRI_TAKE(arena, counts->parameters, counts->n_parameters);
    TKRI_TAKE(arena, counts->state, counts->n_state);
    TKRI_TAKE(arena, counts->values, w->numbers);
    TKRI_TAKE(arena, counts->derived, w->derived);
    TKRI_TAKE(arena, counts->words, w->words);
}

uint64_t tkri_net_bytes(const tkr_cell *cell) {
    tkri_net counts = {0}, *net;
    tkri_arena arena = {0};
    const walk w = walk_cell(cell, &counts);
    place(&arena, &net, &counts, &w);
    /* a gradient and two moments of the same length must be addressable too */
    return tkri_mul(w.numbers, 64) > TKRI_SIZE_LIMIT ? UINT64_MAX : arena.used;
}

void tkri_net_counts(const tkr_cell *cell, int64_t *tensors, uint64_t *numbers) {
    tkri_net counts = {0};
    const walk w = walk_cell(cell, &counts);
    *tensors = counts.n_parameters;
    *numbers = w.logical;
}

int32_t tkri_net_create(tkr_cell *cell) {
    tkri_net counts = {0}, *net;
    const uint64_t bytes = tkri_net_bytes(cell);
    tkri_arena arena = {.base = tkri_allocate(&cell->env, bytes)};
    REQUIRE(arena.base, &cell->detail, TKR_ERR_MEMORY, "no memory for %llu bytes of parameters",
            (unsigned long long)bytes);
    walk w = walk_cell(cell, &counts);
    place(&arena, &net, &counts, &w);
    *net = counts;
    (void)walk_cell(cell, net);
    net->numbers = (int64_t)w.numbers;
    net->derived_len = (int64_t)w.derived;
    net->state_width = (int64_t)w.state_width;
    net->logical_numbers = (int64_t)w.logical;
    net->input = tkri_cell_part(cell, 0)->input;
    net->output = tkri_cell_output(cell);
    net->bytes = bytes;
    cell->net = net;
    return TKR_OK;
}

void tkri_net_destroy(tkr_cell *cell) {
    if (cell->net) {
        tkri_release(&cell->env, cell->net, cell->net->bytes);
        cell->net = NULL;
    }
}
