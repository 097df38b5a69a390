/* SPDX-License-Identifier: MIT
 * The layer-normalised LSTM (Ba, Kiros & Hinton 2016, equations 20 to 22). N(v; w, b) is the layer
 * normalisation of layer/norm.c with weight w and bias b; gates in the order i, f, g, o:
 *
 *     a = N(W_ih x; w_ih, b_ih) + N(W_hh h_{t-1}; w_hh, b_hh)        over all 4H numbers
 *     c_t = s(a_f) c_{t-1} + s(a_i) tanh(a_g)
 *     u = tanh(N(c_t; w_c, b_c))                                     over H
 *     h_t = s(a_o) u
 *
 * The gates' bias is b_ih + b_hh. Backward, with dh = dL/dh_t and dc = dL/dc_t from behind; N' is
 * dx of layer/norm.c, and adds to its weight's and bias' gradients:
 *
 *     da_o = dh u o (1 - o)      dc += N'(dh o (1 - u^2); c_t, w_c)
 *     da_i = dc g i (1 - i)      da_f = dc c_{t-1} f (1 - f)      da_g = dc i (1 - g^2)
 *     dc_{t-1} = dc f
 *     dp = N'(da; W_ih x, w_ih)  dW_ih += dp x'                   dx = W_ih' dp
 *     dq = N'(da; W_hh h, w_hh)  dW_hh += dq h_{t-1}'             dh_{t-1} = W_hh' dq */
#include "layer/lstm_norm.h"

#include <stdio.h>
#include <string.h>

#include "layer/matrix.h"
#include "layer/stepwise.h"

enum { W_IH, W_HH, NORM_IH, BIAS_IH, NORM_HH, BIAS_HH, NORM_C, BIAS_C };
enum { H, C }; /* states */

/* What is kept of the layer. A row of `saved` is cut into pieces, padded to the widest vector. */
typedef struct lstm_norm {
    tkri_stepwise step;
    const tkri_kern *kern;
    int64_t input, units;
    int64_t wide, narrow;                        /* 4H and H, padded */
    int64_t of_x, of_h, gates, c, u, room, stat; /* where the pieces begin */
    float *wt_ih, *wt_hh;                        /* packed transposes, derived */
    float epsilon;
} lstm_norm;

/* ------------------------------------------------------------------------------------------------
 * Forward
 * --------------------------------------------------------------------------------------------- */

/* Piece `to` of every row = W v, v [rows][k] dense. */
static void multiply(const lstm_norm *own, const tkr_user_step *s, int64_t to, const float *w,
                     const float *v, int64_t k) {
    tkri_product p = tkri_plain_product(own->kern, 4 * own->units, w, k);
    p.a = v;
    p.a_row = k;
    p.rows = s->rows;
    p.c = s->saved + to;
    p.c_row = own->step.saved;
    tkri_product_run(&p);
}

static tkri_norm norm_of(const lstm_norm *own, const tkr_user_step *s, int which, int64_t n) {
    return (tkri_norm){.n = n,
                       .epsilon = own->epsilon,
                       .scale = s->parameters[which],
                       .shift = s->parameters[which + 1],
                       .dscale = s->dparameters ? s->dparameters[which] : NULL,
                       .dshift = s->dparameters ? s->dparameters[which + 1] : NULL};
}

/* i, f, g, o in their piece, from the two products of the row. */
static void make_gates(const lstm_norm *own, const tkr_user_step *s, float *row) {
    const tkri_kern *kern = own->kern;
    const int64_t n = 4 * own->units, g = 2 * own->units, o = 3 * own->units;
    const tkri_norm ih = norm_of(own, s, NORM_IH, n), hh = norm_of(own, s, NORM_HH, n);
    float *gates = row + own->gates, *room = row + own->room;
    kern->norm(gates, row + own->of_x, row + own->stat, &ih);
    kern->norm(room, row + own->of_h, row + own->stat + 2, &hh);
    kern->add(gates, room, n);
    kern->activate(room, gates, own->wide, TKR_LOGISTIC);
    kern->activate(gates, gates, own->wide, TKR_TANH);
    memcpy(gates, room, (size_t)g * sizeof *gates);
    memcpy(gates + o, room + o, (size_t)own->units * sizeof *gates);
}

static int32_t forward(const tkri_stepwise *step, const tkr_user_step *s) {
    const lstm_norm *own = (const lstm_norm *)step;
    const int64_t n = own->units;
    multiply(own, s, own->of_x, s->parameters[W_IH], s->x, own->input);
    multiply(own, s, own->of_h, s->parameters[W_HH], s->states[H], n);
    for (int64_t r = 0; r < s->rows; r++) {
        const tkri_norm of_c = norm_of(own, s, NORM_C, n);
        float *row = s->saved + r * own->step.saved, *c = row + own->c, *u = row + own->u;
        const float *gates = row + own->gates;
        make_gates(own, s, row);
        for (int64_t j = 0; j < n; j++) {
            c[j] = gates[n + j] * s->states[C][r * n + j] + gates[j] * gates[2 * n + j];
        }
        own->kern->norm(u, c, row + own->stat + 4, &of_c);
        own->kern->activate(u, u, own->narrow, TKR_TANH);
        for (int64_t j = 0; j < n; j++) {
            s->new_states[C][r * n + j] = c[j];
            s->y[r * n + j] = s->new_states[H][r * n + j] = gates[3 * n + j] * u[j];
        }
    }
    return TKR_OK;
}

/* ------------------------------------------------------------------------------------------------
 * Backward
 * --------------------------------------------------------------------------------------------- */

/* dL/dc_t of the row into its `room`. The gate o becomes da_o on the way. */
static void cell_gradient(const lstm_norm *own, const tkr_user_step *s, float *row, int64_t r) {
    const int64_t n = own->units;
    const tkri_norm of_c = norm_of(own, s, NORM_C, n);
    const float *u = row + own->u;
    float *o = row + own->gates + 3 * n, *room = row + own->room;
    memset(room, 0, (size_t)own->narrow * sizeof *room);
    for (int64_t j = 0; j < n; j++) {
        const float dh = s->dy[r * n + j] + s->dstates[H][r * n + j];
        room[j] = dh * o[j] * (1.0f - u[j] * u[j]);
        o[j] = dh * u[j] * (o[j] * (1.0f - o[j]));
    }
    own->kern->norm_gradient(room, room, row + own->c, row + own->stat + 4, &of_c);
    for (int64_t j = 0; j < n; j++) {
        room[j] += s->dstates[C][r * n + j];
    }
}

/* The gates i, f, g become da; dL/dc_{t-1}. */
static void gate_gradients(const lstm_norm *own, const tkr_user_step *s, float *row, int64_t r) {
    const int64_t n = own->units;
    float *i = row + own->gates, *f = i + n, *g = f + n;
    const float *dc = row + own->room, *before = s->states[C] + r * n;
    for (int64_t j = 0; j < n; j++) {
        const float in = i[j], forget = f[j], fresh = g[j];
        s->dstates[C][r * n + j] = dc[j] * forget;
        i[j] = dc[j] * fresh * (in * (1.0f - in));
        f[j] = dc[j] * before[j] * (forget * (1.0f - forget));
        g[j] = dc[j] * in * (1.0f - fresh * fresh);
    }
    memset(i + 4 * n, 0, (size_t)(own->wide - 4 * n) * sizeof *i);
}

/* The products' gradients in their pieces, from da. */
static void product_gradients(const lstm_norm *own, const tkr_user_step *s, float *row) {
    const int64_t n = 4 * own->units;
    const tkri_norm ih = norm_of(own, s, NORM_IH, n), hh = norm_of(own, s, NORM_HH, n);
    const size_t bytes = (size_t)own->wide * sizeof *row;
    float *da = row + own->gates, *room = row + own->room;
    memset(room, 0, bytes);
    own->kern->norm_gradient(room, da, row + own->of_x, row + own->stat, &ih);
    memcpy(row + own->of_x, room, bytes);
    own->kern->norm_gradient(room, da, row + own->of_h, row + own->stat + 2, &hh);
    memcpy(row + own->of_h, room, bytes);
}

/* dv [rows][k] = W' d, d being piece `from` of the rows; by way of `room`. */
static void multiply_back(const lstm_norm *own, const tkr_user_step *s, float *dv, int64_t from,
                          const float *w_t, int64_t k) {
    const int64_t vl = own->kern->vl, row = own->step.saved;
    tkri_product p =
        tkri_plain_product(own->kern, k, w_t, tkri_tiles(4 * own->units, own->kern->vl) * vl);
    p.k = 4 * own->units;
    p.a = s->saved + from;
    p.a_row = row;
    p.rows = s->rows;
    p.c = s->saved + own->room;
    p.c_row = row;
    tkri_product_run(&p);
    for (int64_t r = 0; r < s->rows; r++) {
        memcpy(dv + r * k, s->saved + r * row + own->room, (size_t)k * sizeof *dv);
    }
}

/* dW += d v', row by row. */
static void sum_weights(const lstm_norm *own, const tkr_user_step *s, float *dw, int64_t from,
                        const float *v, int64_t k) {
    const tkri_panels panels = tkri_panels_of(4 * own->units, 1, own->kern->vl);
    for (int64_t r = 0; r < s->rows; r++) {
        for (int64_t panel = 0; panel < panels.n; panel++) {
            const int64_t start = tkri_panel_start(&panels, panel) * own->kern->vl;
            const int32_t width = tkri_panel_width(&panels, panel);
            const tkri_gemm g = {.m = k,
                                 .blocks = 1,
                                 .k = 1,
                                 .a = v + r * k,
                                 .a_row = 1,
                                 .b = s->saved + r * own->step.saved + from + start,
                                 .b_k = own->step.saved,
                                 .c = dw + start * k,
                                 .c_row = width * own->kern->vl,
                                 .width = width,
                                 .half = tkri_panel_half(&panels, panel),
                                 .from = TKRI_FROM_C};
            own->kern->gemm(&g);
        }
    }
}

static int32_t backward(const tkri_stepwise *step, const tkr_user_step *s) {
    const lstm_norm *own = (const lstm_norm *)step;
    for (int64_t r = 0; r < s->rows; r++) {
        float *row = s->saved + r * own->step.saved;
        cell_gradient(own, s, row, r);
        gate_gradients(own, s, row, r);
        product_gradients(own, s, row);
    }
    sum_weights(own, s, s->dparameters[W_IH], own->of_x, s->x, own->input);
    sum_weights(own, s, s->dparameters[W_HH], own->of_h, s->states[H], own->units);
    multiply_back(own, s, s->dx, own->of_x, own->wt_ih, own->input);
    multiply_back(own, s, s->dstates[H], own->of_h, own->wt_hh, own->units);
    return TKR_OK;
}

/* ------------------------------------------------------------------------------------------------
 * Building one
 * --------------------------------------------------------------------------------------------- */

static void refresh(tkr_cell *cell, const tkri_layer *layer) {
    const lstm_norm *own = (const lstm_norm *)layer->own;
    const float *values = cell->net->values;
    tkri_packed_transpose(cell->kern, own->wt_ih, values + own->step.parameter[W_IH],
                          4 * own->units, 1, own->input);
    tkri_packed_transpose(cell->kern, own->wt_hh, values + own->step.parameter[W_HH],
                          4 * own->units, 1, own->units);
}

static float *transpose_room(tkri_builder *b, int64_t units, int64_t k) {
    const int64_t n = tkri_packed_transpose_len(b->kern->vl, 4 * units, 1, k);
    const int64_t offset = tkri_build_derived(b, (uint64_t)n);
    return b->net->derived ? b->net->derived + offset : NULL;
}

/* Cut a row of `saved`. */
static void cut(lstm_norm *own) {
    const int64_t room = tkri_max(own->wide, tkri_row_len(own->input));
    own->of_h = own->of_x + own->wide;
    own->gates = own->of_h + own->wide;
    own->c = own->gates + own->wide;
    own->u = own->c + own->narrow;
    own->room = own->u + own->narrow;
    own->stat = own->room + room;
    own->step.saved = own->stat + TKRI_MAX_VL;
}

/* A weight and a bias of a normalisation. */
static void list_norm(tkri_builder *b, lstm_norm *own, const char *name, const char *suffix,
                      int64_t n) {
    char text[32];
    tkri_parameter_spec spec = {
        .name = text, .suffix = suffix, .role = TKRI_ONES, .units = n, .k = 1, .rank = 1};
    (void)snprintf(text, sizeof text, "norm_%s_weight", name);
    tkri_stepwise_parameter(b, &own->step, &spec);
    (void)snprintf(text, sizeof text, "norm_%s_bias", name);
    spec.role = TKRI_ZEROS;
    tkri_stepwise_parameter(b, &own->step, &spec);
}

static void list_parameters(tkri_builder *b, lstm_norm *own, int64_t index) {
    char suffix[24];
    (void)snprintf(suffix, sizeof suffix, "_l%d", (int)index);
    tkri_parameter_spec spec = {.name = "weight_ih",
                                .suffix = suffix,
                                .role = TKRI_WEIGHT_IH,
                                .units = 4 * own->units,
                                .k = own->input,
                                .fan_out = own->units};
    tkri_stepwise_parameter(b, &own->step, &spec);
    spec.name = "weight_hh";
    spec.role = TKRI_WEIGHT_HH;
    spec.k = own->units;
    tkri_stepwise_parameter(b, &own->step, &spec);
    list_norm(b, own, "ih", suffix, 4 * own->units);
    list_norm(b, own, "hh", suffix, 4 * own->units);
    list_norm(b, own, "c", suffix, own->units);
}

tkri_wire tkri_build_lstm_norm(tkri_builder *b, tkri_wire in, int64_t index, tkri_carried t) {
    const int64_t units = b->part->hidden;
    lstm_norm own = {
        .step = {.forward = forward, .backward = backward, .output = units},
        .kern = b->kern,
        .input = in.width,
        .units = units,
        .wide = tkri_row_len(4 * units),
        .narrow = tkri_row_len(units),
        .epsilon = tkri_cell_real(b->part, TKR_NORM_EPSILON),
    };
    cut(&own);
    list_parameters(b, &own, index);
    own.wt_ih = transpose_room(b, units, in.width);
    own.wt_hh = transpose_room(b, units, units);
    tkri_stepwise_state(b, &own.step, t.h, units);
    tkri_stepwise_state(b, &own.step, t.c, units);
    return tkri_stepwise_build(b, in, &own.step, sizeof own, refresh);
}
