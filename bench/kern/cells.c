/* SPDX-License-Identifier: MIT
 * The pointwise part of every cell kind, forward and backward, and the fused step of one stream. */
#include "case.h"

#include "layer/recurrent.h"

enum { FORWARD, BACKWARD, STEP };

/* A case's kind of cell is in `gates`; these are a GRU with its reset gate before the product, and
 * cells whose functions are asked for. */
enum { GRU_BEFORE = -1, LSTM_ANY = -2, GRU_ANY = -3 };

#define DECLARE_ANY(tier, id) \
    extern const tkri_cell_ops tkri_lstm_any_##tier, tkri_gru_after_any_##tier;
#define LIST_ANY(tier, id) [TKR_TIER_##id] = {&tkri_lstm_any_##tier, &tkri_gru_after_any_##tier},
TKRI_TIERS(DECLARE_ANY)
static const tkri_cell_ops *const ANY[][2] = {TKRI_TIERS(LIST_ANY)};

static void make_cell(operands *o) {
    const int32_t kind = o->c->gates;
    operands_cell(o,
                  kind > 0           ? kind
                  : kind == LSTM_ANY ? TKR_LSTM
                                     : TKR_GRU,
                  kind == GRU_BEFORE ? TKR_RESET_BEFORE : 0, 0);
    if (kind <= LSTM_ANY) {
        o->ops = ANY[o->kern->tier][kind == GRU_ANY];
    }
}

/* [rows][ld], the real units drawn. */
static float *units(operands *o, int array) {
    const int64_t ld = tkri_row_len(o->c->units);
    float *p = operands_room(o, o->c->rows * ld);
    for (int64_t i = 0; i < o->c->rows * o->c->units; i++) {
        const int64_t row = i / o->c->units, j = i % o->c->units;
        p[row * ld + j] = operands_number(array, row, j);
    }
    return p;
}

static int64_t field_at(const operands *o, int64_t row, int64_t unit, int64_t field) {
    const int64_t vl = o->kern->vl;
    return unit / vl * o->point.tile_stride + row * o->point.row_stride + field * vl + unit % vl;
}

static void make_gates(operands *o) {
    tkri_point *p = &o->point;
    const int64_t fields = o->ops->fields;
    p->row_stride = fields * o->kern->vl;
    p->tile_stride = p->rows * p->row_stride;
    p->gates = operands_room(o, p->tiles * p->tile_stride);
    p->dgates = operands_room(o, p->tiles * p->tile_stride);
    for (int64_t i = 0; i < p->rows * p->units * fields; i++) {
        const int64_t row = i / fields / p->units, unit = i / fields % p->units;
        p->gates[field_at(o, row, unit, i % fields)] = 2 * operands_number(1, i, 0);
    }
}

static void forward(const operands *o) {
    for (int32_t phase = 0; phase < o->ops->phases; phase++) {
        o->ops->forward[phase](&o->point);
    }
}

static void make(operands *o) {
    tkri_point *p = &o->point;
    make_cell(o);
    p->rows = o->c->rows, p->units = o->c->units;
    p->tiles = tkri_tiles(p->units, o->kern->vl);
    p->ld_h = p->ld_c = tkri_row_len(p->units);
    p->activation = o->c->gates <= LSTM_ANY ? TKR_SOFTSIGN : TKR_TANH;
    p->gate_activation = TKR_HARD_SIGMOID;
    make_gates(o);
    p->h_prev = units(o, 2), p->h_in = units(o, 3), p->c_prev = units(o, 4);
    p->h = units(o, 5), p->c = units(o, 6), p->aux = units(o, 7);
    p->dh = units(o, 8), p->dh_in = units(o, 9), p->dc = units(o, 10), p->daux = units(o, 11);
    if (o->c->option == BACKWARD) {
        forward(o);
    }
    o->elements = (double)(p->rows * p->units);
    o->n_results = p->rows * p->units * (o->ops->fields + 3);
    o->absolute = o->relative = 4e-6;
}

static void run(operands *o) {
    if (o->c->option == FORWARD) {
        forward(o);
        return;
    }
    for (int32_t phase = o->ops->phases - 1; phase >= 0; phase--) {
        o->ops->backward[phase](&o->point);
    }
}

/* Of each unit its fields, then three arrays. */
static double read(const operands *o, int64_t i) {
    const tkri_point *p = &o->point;
    const int back = o->c->option == BACKWARD;
    const int64_t each = o->ops->fields + 3, what = i % each - o->ops->fields;
    const int64_t row = i / each / p->units, unit = i / each % p->units;
    const float *const arrays[2][3] = {{p->h, p->c, p->aux}, {p->dh, p->dc, p->dh_in}};
    if (what < 0) {
        return (double)(back ? p->dgates : p->gates)[field_at(o, row, unit, i % each)];
    }
    return (double)arrays[back][what][row * p->ld_h + unit];
}

static void make_step(operands *o) {
    tkri_stream *s = &o->stream;
    make_cell(o);
    const tkri_recurrent *layer = tkri_recurrent_of(&o->cell->net->layers[0]);
    const tkri_direction *d = &layer->direction[0];
    const float *values = o->cell->net->values, *derived = o->cell->net->derived;
    float *h = units(o, 2);
    *s = (tkri_stream){.steps = 1,
                       .batch = 1,
                       .x = units(o, 1),
                       .x_len = o->c->k,
                       .input = o->c->k,
                       .units = o->c->units,
                       .w_ih = values + d->w_ih,
                       .w_hh = values + d->w_hh,
                       .start = derived + d->bias,
                       .start_tile = (int64_t)o->ops->gates * o->cell->kern->vl,
                       .q_bias = d->q_bias < 0 ? NULL : derived + d->q_bias,
                       .h = h,
                       .next = h,
                       .room = units(o, 3),
                       .c = units(o, 4),
                       .ld_c = layer->units_ld};
    o->elements = (double)o->c->units;
    o->flops = 2.0 * (double)(o->ops->gates * o->c->units * (o->c->k + o->c->units));
    o->n_results = 2 * o->c->units;
    o->absolute = 0x1p-22 * (double)(o->c->k + o->c->units + 2);
}

static void run_step(operands *o) {
    o->ops->steps(&o->stream);
}

static double read_step(const operands *o, int64_t i) {
    return (double)(i < o->c->units ? o->stream.h : o->stream.c)[i % o->c->units];
}

static const kern_family pointwise = {make, run, read, 0};
static const kern_family steps = {make_step, run_step, read_step, 0};

#define BOTH(name, kind, shape, rows, n, minor)                                \
    {name " forward", shape, &pointwise, rows, n, n, kind, FORWARD, minor}, {  \
        name " backward", shape, &pointwise, rows, n, n, kind, BACKWARD, minor \
    }

#define CELL(name, kind) \
    BOTH(name, kind, "32 x 256", 32, 256, 0), BOTH(name, kind, "tails, 3 x 13", 3, 13, 1)

#define STEP_OF(name, shape, kind, k, n, minor) \
    {name " step", shape, &steps, 1, k, n, kind, STEP, minor}

const kern_case kern_cell_cases[] = {
    CELL("elman", TKR_ELMAN),
    CELL("lstm", TKR_LSTM),
    CELL("gru", TKR_GRU),
    CELL("gru before", GRU_BEFORE),
    CELL("lstm any", LSTM_ANY),
    CELL("gru any", GRU_ANY),
    STEP_OF("lstm", "1 to 40", TKR_LSTM, 1, 40, 0),
    STEP_OF("lstm", "64 to 128", TKR_LSTM, 64, 128, 0),
    STEP_OF("lstm", "128 to 256", TKR_LSTM, 128, 256, 0),
    STEP_OF("lstm", "tails, 3 to 13", TKR_LSTM, 3, 13, 1),
    STEP_OF("gru", "1 to 40", TKR_GRU, 1, 40, 0),
    STEP_OF("gru", "64 to 128", TKR_GRU, 64, 128, 0),
    STEP_OF("gru", "128 to 256", TKR_GRU, 128, 256, 0),
    STEP_OF("gru", "tails, 3 to 13", TKR_GRU, 3, 13, 1),
    {.kernel = NULL},
};
