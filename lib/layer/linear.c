/* SPDX-License-Identifier: MIT
 * A linear map, y = f(W x + b): W [O][I], f by TKR_ACTIVATION. Backward: a = W x + b,
 *
 *     da = dy * f'(y)      dW += da x'      db += da      dx = W' da
 *
 * On a recurrent layer that nobody else reads it adds dx to each step's dh in turn: that layer has
 * dh in a cache, and a buffer for all steps is spared. */
#include <math.h>
#include <string.h>

#include "layer/activate.h"
#include "layer/matrix.h"
#include "layer/outer.h"
#include "layer/quantized.h"

static const tkri_option options[] = {
    {TKR_ACTIVATION, 0, "activation", TKRI_INT, TKRI_FIXED, TKR_TANH, TKR_SQRT, TKR_IDENTITY},
    {TKR_BIASES, 0, "biases", TKRI_INT, TKRI_FIXED, 0, 1, 1},
    {TKR_INIT, 0, "init", TKRI_INT, 0, TKR_INIT_UNIFORM, TKR_INIT_NORMAL, TKR_INIT_UNIFORM},
    {TKR_INIT_SCALE, 0, "init_scale", TKRI_REAL, 0, 0, 1e6, (double)NAN},
    {0},
};
TKRI_OPTIONS_FIT(options);

typedef struct linear {
    int64_t units, weight, bias; /* bias -1: none */
    int64_t columns; /* derived, if it has few units: W as it is, [units][row_len(input)]; or -1 */
    int32_t activation, precision;
} linear;

enum { FEW_UNITS = 2 }; /* so few do not fill a vector: in a stream they are dot products */

static const linear *own_of(const tkri_layer *layer) {
    return (const linear *)layer->own;
}

static const linear *linear_of(const tkri_unroll *u, int64_t l) {
    return own_of(&u->net->layers[l]);
}

static int64_t output(const tkr_cell *cell) {
    return cell->hidden;
}

/* The packed transpose is what its tape keeps. */
static void place(const tkri_unroll *u, int64_t l, tkri_layer_tape *tape, tkri_arena *arena,
                  const tkri_room *room) {
    const tkri_layer *layer = &u->net->layers[l];
    float *w_t = NULL;
    (void)room;
    if (tkri_trains(u) && tkri_wants_input_gradient(u, l, 0)) {
        TKRI_TAKE(arena, w_t,
                  tkri_packed_transpose_len(u->cell->kern->vl, layer->output, 1, layer->input));
    }
    tape->own = w_t;
}

static void pack(tkri_unroll *u, int64_t l) {
    const tkri_layer *layer = &u->net->layers[l];
    float *w_t = u->tape.layers[l].own;
    if (w_t) {
        tkri_packed_transpose(u->cell->kern, w_t, u->net->values + linear_of(u, l)->weight,
                              layer->output, 1, layer->input);
    }
}

/* x W + b of some rows, as far as the layer goes. */
static tkri_product product(const tkr_cell *cell, const tkri_layer *layer) {
    const linear *own = own_of(layer);
    tkri_product p =
        tkri_plain_product(cell->kern, own->units, cell->net->values + own->weight, layer->input);
    if (own->bias >= 0) {
        p.start = cell->net->values + own->bias;
        p.from = TKRI_FROM_ROW;
    }
    return p;
}

static int32_t forward(tkri_unroll *u, int64_t l, tkri_chunk *chunk) {
    const tkri_layer *layer = &u->net->layers[l];
    const linear *own = own_of(layer);
    const tkri_view x = tkri_layer_input(u, l, 0, chunk), y = tkri_layer_output(u, l, chunk);
    const int32_t *ids = tkri_held_ids(u, l, chunk);
    tkri_product p = product(u->cell, layer);
    p.a = x.p;
    p.a_row = x.ld;
    p.rows = chunk->held;
    p.c = y.p;
    p.c_row = y.ld;
    p.team = tkri_lone_team(u, p.rows * layer->input * own->units);
    if (ids) {
        tkri_product_gather(&p, ids);
    } else {
        tkri_product_run(&p);
    }
    if (own->activation != TKR_IDENTITY) {
        u->cell->kern->activate(y.p, y.p, chunk->held * y.ld, own->activation);
    }
    return TKR_OK;
}

/* dy W for `rows` rows from `dy` on. */
static tkri_product gradient_product(tkri_unroll *u, int64_t l, const float *dy, int64_t rows) {
    const tkri_layer *layer = &u->net->layers[l];
    const tkri_layer_tape *tape = &u->tape.layers[l];
    const tkri_kern *kern = u->cell->kern;
    tkri_product p = tkri_plain_product(kern, layer->input, tape->own,
                                        tkri_tiles(layer->output, kern->vl) * kern->vl);
    p.blas = u->grad.blas;
    p.k = layer->output; /* what stands behind is zero */
    p.rows = rows;
    p.team = tkri_lone_team(u, rows * layer->input * layer->output);
    p.a = dy;
    p.a_row = tape->dy_ld;
    return p;
}

static void add_rows(tkri_unroll *u, int64_t l, const tkri_chunk *chunk, int64_t row, int64_t n,
                     tkri_view dh) {
    const tkri_view dy = tkri_layer_gradient(u, l, chunk);
    tkri_product p = gradient_product(u, l, dy.p + row * dy.ld, n);
    p.from = TKRI_FROM_C;
    p.c = dh.p;
    p.c_row = dh.ld;
    tkri_product_run(&p);
}

static int32_t backward(tkri_unroll *u, int64_t l, tkri_chunk *chunk, const tkri_window *window) {
    const linear *own = linear_of(u, l);
    const tkri_view dx = tkri_input_gradient(u, l, 0, chunk), y = tkri_layer_output(u, l, chunk);
    const int64_t ld = u->tape.layers[l].dy_ld;
    int64_t from, to;
    tkri_window_rows(chunk, window, &from, &to);
    float *dy = tkri_layer_gradient(u, l, chunk).p + from * ld;
    if (own->activation != TKR_IDENTITY) {
        u->cell->kern->activate_gradient(dy, NULL, y.p + from * y.ld, (to - from) * y.ld,
                                         own->activation);
    }
    if (dx.p) {
        tkri_product p = gradient_product(u, l, dy, to - from);
        p.from = tkri_input_gradient_from(u, l, 0);
        p.c = dx.p + from * dx.ld;
        p.c_row = dx.ld;
        tkri_product_run(&p);
    }
    return TKR_OK;
}

static int64_t jobs(const tkri_unroll *u, int64_t l, tkri_job *list) {
    const int64_t n = tkri_panels_of(linear_of(u, l)->units, 1, u->cell->kern->vl).n;
    for (int64_t panel = 0; list && panel < n; panel++) {
        list[panel] = (tkri_job){l, panel, 0, 0};
    }
    return n;
}

enum { GROUP = 16 }; /* rows of X at a time where dY is transposed; a part of TKRI_BLOCK */

/* A layer of so few units that most of a vector of them would be empty: dW^T += dY^T X instead, so
 * that dY is what is transposed. */
static int is_narrow(const tkri_layer *layer, int32_t vl) {
    return layer->output <= vl / 2;
}

/* x, or dy of a narrow layer. */
static int64_t columns(const tkri_layer *layer, int32_t vl, int32_t operand) {
    return operand != 0 ? 0 : is_narrow(layer, vl) ? layer->output : layer->input;
}

/* Room for dW^T. */
static int64_t room(const tkri_layer *layer, int32_t vl) {
    return is_narrow(layer, vl) ? layer->output * tkri_row_len(layer->input) : 0;
}

static void transpose(const tkri_piece *p, int32_t operand, float *block, int64_t row,
                      int64_t end) {
    const tkri_layer *layer = p->layer;
    const int64_t l = p->job->layer;
    if (operand != 0) {
        return;
    }
    if (is_narrow(layer, p->u->cell->kern->vl)) {
        const tkri_view dy = tkri_layer_gradient(p->u, l, p->chunk);
        tkri_transpose(block, TKRI_BLOCK, dy.p + row * dy.ld, dy.ld, end - row, layer->output);
    } else if (!tkri_reads_ids(p->u, l)) {
        const tkri_view x = tkri_layer_input(p->u, l, 0, p->chunk);
        tkri_transpose(block, TKRI_BLOCK, x.p + row * x.ld, x.ld, end - row, layer->input);
    }
}

/* dW^T += dY^T X, with the bits of dW += X^T dY; dw has dW. */
static void narrow_weights(const tkri_piece *p, const tkri_gemm *dw) {
    const tkri_layer *layer = p->layer;
    const tkri_kern *kern = p->u->cell->kern;
    const tkri_panels panels = tkri_panels_of(layer->input, 1, kern->vl);
    const tkri_view x = tkri_layer_input(p->u, p->job->layer, 0, p->chunk);
    const int64_t ld = tkri_row_len(layer->input);
    float *turned = tkri_gradient_room(p);
    memset(turned, 0, (size_t)(layer->output * ld) * sizeof *turned);
    tkri_transpose(turned, ld, dw->c, dw->c_row, layer->input, layer->output);
    for (int64_t row = p->from; row < p->to; row += GROUP) {
        const int64_t at = row - p->from;
        for (int64_t panel = 0; panel < panels.n; panel++) {
            const int64_t start = tkri_panel_start(&panels, panel) * kern->vl;
            const tkri_gemm g = {
                .m = layer->output,
                .blocks = 1,
                .k = tkri_min(GROUP, p->to - row),
                .a = tkri_operand_block(p, p->block + at / TKRI_BLOCK, 0) + at % TKRI_BLOCK,
                .a_row = TKRI_BLOCK,
                .b = x.p + row * x.ld + start,
                .b_k = x.ld,
                .c = turned + start,
                .c_row = ld,
                .width = tkri_panel_width(&panels, panel),
                .half = tkri_panel_half(&panels, panel),
                .from = TKRI_FROM_C,
            };
            kern->gemm(&g);
        }
    }
    tkri_transpose(dw->c, dw->c_row, turned, ld, layer->output, layer->input);
}

static void gradient(const tkri_piece *p) {
    const tkri_layer *layer = p->layer;
    const linear *own = own_of(layer);
    const tkri_kern *kern = p->u->cell->kern;
    const int64_t l = p->job->layer;
    const tkri_view dy = tkri_layer_gradient(p->u, l, p->chunk);
    const tkri_gemm g = tkri_plain_gradient(p, dy, own->units, own->weight, layer->input);
    const int32_t *ids = tkri_held_ids(p->u, l, p->chunk);
    if (ids) {
        tkri_sum_ids(p, &g, ids);
    } else if (is_narrow(layer, kern->vl)) {
        narrow_weights(p, &g);
    } else {
        tkri_sum_outer(p, g, 0);
    }
    if (own->bias >= 0) {
        const int64_t start = (g.c - p->u->grad.values - own->weight) / layer->input;
        kern->column_sum(p->u->grad.values + own->bias + start, NULL, g.b, p->to - p->from, dy.ld,
                         g.width);
    }
}

static int32_t wants_out(const tkri_layer *layer) {
    (void)layer;
    return 1;
}

static void refresh(tkr_cell *cell, const tkri_layer *layer) {
    const linear *own = own_of(layer);
    const int32_t vl = cell->kern->vl;
    const int64_t ld = tkri_row_len(layer->input), packed = tkri_tiles(own->units, vl) * vl;
    for (int64_t k = 0; own->columns >= 0 && k < layer->input; k++) {
        for (int64_t j = 0; j < own->units; j++) {
            cell->net->derived[own->columns + j * ld + k] =
                cell->net->values[own->weight + k * packed + j];
        }
    }
}

/* A step's product, but for its input, is what the step keeps. */
typedef struct kept {
    tkri_product product;
    tkri_gemm dots; /* or of few units */
} kept;

static void keep(tkri_step *s, tkri_arena *arena) {
    kept *k;
    TKRI_TAKE(arena, k, 1);
    s->own = k;
}

static void bind(tkri_step *s) {
    kept *k = s->own;
    const linear *own = own_of(s->layer);
    k->product = product(s->cell, s->layer);
    k->product.c = s->out;
    k->product.c_row = tkri_row_len(s->layer->output);
    if (own->columns >= 0) {
        k->dots = (tkri_gemm){
            .blocks = 1,
            .k = s->layer->input,
            .b = s->cell->net->derived + own->columns,
            .b_k = tkri_row_len(s->layer->input),
            .c = s->out,
            .c_row = k->product.c_row,
            .start = k->product.start,
            .width = (int32_t)own->units,
            .from = k->product.from,
        };
    }
}

static int32_t step(const tkri_step *s, tkri_signal *out) {
    const tkri_layer *layer = s->layer;
    const linear *own = own_of(layer);
    const tkri_signal *in = s->in;
    kept *k = s->own;
    tkri_product *p = &k->product;
    p->a = in->p;
    p->a_row = in->ld;
    p->rows = s->state->rows;
    if (own->precision) {
        const tkri_quantized_plain plain = {own->units, layer->input, own->weight, own->bias};
        tkri_quantized_linear(s->cell, s->state, &plain, *in, s->out);
    } else if (in->ids) {
        tkri_product_gather(p, in->ids);
    } else if (own->columns >= 0) {
        k->dots.m = p->rows;
        k->dots.a = in->p;
        k->dots.a_row = in->ld;
        s->cell->kern->dots(&k->dots);
    } else {
        tkri_product_run(p);
    }
    if (own->activation != TKR_IDENTITY) {
        s->cell->kern->activate(s->out, s->out, p->rows * p->c_row, own->activation);
    }
    *out = (tkri_signal){s->out, p->c_row, NULL};
    return TKR_OK;
}

static const tkri_layer_ops linear_ops = {
    .place = place,
    .forward = forward,
    .backward = backward,
    .add_rows = add_rows,
    .jobs = jobs,
    .columns = columns,
    .transpose = transpose,
    .gradient = gradient,
    .room = room,
    .pack = pack,
    .wants_out = wants_out,
    .keep = keep,
    .bind = bind,
    .step = step,
};

static tkri_wire build(tkri_builder *b, const tkr_cell *part, tkri_wire in) {
    linear own = {
        .units = part->hidden,
        .bias = -1,
        .columns = -1,
        .activation = (int32_t)tkri_cell_int(part, TKR_ACTIVATION),
        .precision = b->precision,
    };
    const int by_input = own.activation == TKR_GELU; /* whose gradient wants what it was made of */
    if (by_input) {
        own.activation = TKR_IDENTITY;
    }
    own.weight = tkri_build_parameter(b, &(tkri_parameter_spec){.name = "weight",
                                                                .role = TKRI_WEIGHT_LINEAR,
                                                                .units = own.units,
                                                                .k = in.width,
                                                                .can_quantize = 1});
    if (tkri_cell_int(part, TKR_BIASES)) {
        own.bias = tkri_build_parameter(b, &(tkri_parameter_spec){.name = "bias",
                                                                  .role = TKRI_BIAS_LINEAR,
                                                                  .units = own.units,
                                                                  .k = 1,
                                                                  .fan_in = in.width});
    }
    if (own.units <= FEW_UNITS && !own.precision) {
        own.columns = tkri_build_derived(b, tkri_times(own.units, tkri_row_len(in.width)));
    }
    const tkri_layer layer = {
        .ops = &linear_ops,
        .output = own.units,
        .refresh = refresh,
        .without_input = in.without_input,
        .keeps_gradient = 1,
        .gives_steps = 1,
    };
    const tkri_wire out = tkri_build_layer(b, &layer, &in, 1, &own, sizeof own);
    return by_input ? tkri_build_activate(b, out, TKR_GELU) : out;
}

const tkri_kind tkri_kind_linear = {
    .number = TKR_LINEAR,
    .name = "linear",
    .takes = TKRI_VALUES | TKRI_IDS,
    .options = options,
    .output = output,
    .build = build,
};
