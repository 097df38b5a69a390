/* SPDX-License-Identifier: MIT
 * A recurrent layer on oneDNN's primitives. Every layout is left to the primitive
 * (dnnl_format_tag_any); parameters live in the one that forward wants. */
#include "onednn.h"

#include <stdlib.h>
#include <string.h>

#define TRY(expression)                       \
    do {                                      \
        dnnl_status_t status_ = (expression); \
        if (status_ != dnnl_success) {        \
            return status_;                   \
        }                                     \
    } while (0)

static const int value_args[ROLES] = {
    DNNL_ARG_SRC_LAYER,     DNNL_ARG_SRC_ITER,     DNNL_ARG_SRC_ITER_C,
    DNNL_ARG_WEIGHTS_LAYER, DNNL_ARG_WEIGHTS_ITER, DNNL_ARG_BIAS,
    DNNL_ARG_DST_LAYER,     DNNL_ARG_DST_ITER,     DNNL_ARG_DST_ITER_C};

static const int diff_args[ROLES] = {
    DNNL_ARG_DIFF_SRC_LAYER,     DNNL_ARG_DIFF_SRC_ITER,     DNNL_ARG_DIFF_SRC_ITER_C,
    DNNL_ARG_DIFF_WEIGHTS_LAYER, DNNL_ARG_DIFF_WEIGHTS_ITER, DNNL_ARG_DIFF_BIAS,
    DNNL_ARG_DIFF_DST_LAYER,     DNNL_ARG_DIFF_DST_ITER,     DNNL_ARG_DIFF_DST_ITER_C};

/* ---- memory ---------------------------------------------------------------------------------- */

dnnl_status_t buffer_create(buffer *b, const device *dev, const dnnl_memory_desc_t *md,
                            float *data) {
    size_t bytes = dnnl_memory_desc_get_size(md);
    b->md = *md;
    b->len = (int64_t)(bytes / sizeof *b->data);
    b->owned = !data;
    b->data = data ? data : aligned_alloc(64, (bytes + 63) / 64 * 64 + 64);
    if (!b->data) {
        return dnnl_out_of_memory;
    }
    if (!data) {
        memset(b->data, 0, bytes);
    }
    return dnnl_memory_create(&b->memory, md, dev->engine, b->data);
}

void buffer_destroy(buffer *b) {
    if (b->memory) {
        dnnl_memory_destroy(b->memory);
    }
    if (b->owned) {
        free(b->data);
    }
    memset(b, 0, sizeof *b);
}

static void call_add(call *c, int arg, const buffer *b) {
    c->args[c->n_args].arg = arg;
    c->args[c->n_args].memory = b->memory;
    c->n_args++;
}

static dnnl_status_t call_run(const call *c, const device *dev) {
    return dnnl_primitive_execute(c->primitive, dev->stream, c->n_args, c->args);
}

/* A call that copies `from` to `to`. */
static dnnl_status_t make_reorder(call *c, const device *dev, const buffer *from,
                                  const buffer *to) {
    dnnl_primitive_desc_t pd;
    dnnl_status_t status;
    TRY(dnnl_reorder_primitive_desc_create(&pd, &from->md, dev->engine, &to->md, dev->engine,
                                           NULL));
    status = dnnl_primitive_create(&c->primitive, pd);
    dnnl_primitive_desc_destroy(pd);
    call_add(c, DNNL_ARG_FROM, from);
    call_add(c, DNNL_ARG_TO, to);
    return status;
}

static void call_destroy(call *c) {
    if (c->primitive) {
        dnnl_primitive_destroy(c->primitive);
    }
}

dnnl_status_t buffer_reorder(const device *dev, const buffer *from, const buffer *to) {
    call c = {0};
    dnnl_status_t status = make_reorder(&c, dev, from, to);
    if (status == dnnl_success) {
        status = call_run(&c, dev);
        dnnl_stream_wait(dev->stream);
    }
    call_destroy(&c);
    return status;
}

/* ---- descriptions ---------------------------------------------------------------------------- */

static int bias_gates(const layer *l) {
    return l->kind == 3 ? 4 : l->kind; /* a GRU's recurrent bias of the candidate stands apart */
}

/* Shape and layout of a role. `tag_w` is the layout of the two weights. */
static dnnl_status_t describe(const layer *l, int role, dnnl_format_tag_t tag_w,
                              dnnl_memory_desc_t *md) {
    int iter = role == SRC_ITER || role == SRC_ITER_C || role == DST_ITER || role == DST_ITER_C;
    if (iter) {
        dnnl_dims_t dims = {1, 1, l->batch, l->hidden};
        return dnnl_memory_desc_init_by_tag(md, 4, dims, dnnl_f32, dnnl_ldnc);
    }
    if (role == SRC || role == DST) {
        dnnl_dims_t dims = {l->steps, l->batch, role == SRC ? l->input : l->hidden};
        return dnnl_memory_desc_init_by_tag(md, 3, dims, dnnl_f32, dnnl_tnc);
    }
    if (role == BIAS) {
        dnnl_dims_t dims = {1, 1, bias_gates(l), l->hidden};
        return dnnl_memory_desc_init_by_tag(md, 4, dims, dnnl_f32, dnnl_ldgo);
    }
    dnnl_dims_t dims = {1, 1, role == WX ? l->input : l->hidden, l->kind, l->hidden};
    return dnnl_memory_desc_init_by_tag(md, 5, dims, dnnl_f32, tag_w);
}

/* All descriptions of a layer, and pointers to those that it has. */
typedef struct roles {
    dnnl_memory_desc_t md[ROLES];
    const dnnl_memory_desc_t *at[ROLES];
} roles;

static dnnl_status_t describe_all(const layer *l, roles *r) {
    for (int i = 0; i < ROLES; i++) {
        r->at[i] = l->present[i] ? &r->md[i] : NULL;
        TRY(describe(l, i, dnnl_format_tag_any, &r->md[i]));
    }
    return dnnl_success;
}

static dnnl_status_t describe_forward(const layer *l, const roles *r, dnnl_rnn_desc_t *desc) {
    const dnnl_memory_desc_t *const *m = r->at;
    const dnnl_rnn_direction_t way = dnnl_unidirectional_left2right;
    dnnl_prop_kind_t prop = l->streaming ? dnnl_forward_inference : dnnl_forward_training;
    if (l->kind == 4) {
        return dnnl_lstm_forward_desc_init(desc, prop, way, m[SRC], m[SRC_ITER], m[SRC_ITER_C],
                                           m[WX], m[WH], m[BIAS], m[DST], m[DST_ITER],
                                           m[DST_ITER_C], 0);
    }
    if (l->kind == 3) {
        return dnnl_lbr_gru_forward_desc_init(desc, prop, way, m[SRC], m[SRC_ITER], m[WX], m[WH],
                                              m[BIAS], m[DST], m[DST_ITER], 0);
    }
    return dnnl_vanilla_rnn_forward_desc_init(
        desc, prop, l->relu ? dnnl_eltwise_relu : dnnl_eltwise_tanh, way, m[SRC], m[SRC_ITER],
        m[WX], m[WH], m[BIAS], m[DST], m[DST_ITER], 0, 0, 0);
}

/* The gradients have their values' shapes. */
static dnnl_status_t describe_backward(const layer *l, const roles *r, dnnl_rnn_desc_t *desc) {
    const dnnl_memory_desc_t *const *m = r->at;
    const dnnl_rnn_direction_t way = dnnl_unidirectional_left2right;
    if (l->kind == 4) {
        return dnnl_lstm_backward_desc_init(desc, dnnl_backward, way, m[SRC], m[SRC_ITER],
                                            m[SRC_ITER_C], m[WX], m[WH], m[BIAS], m[DST], NULL,
                                            NULL, m[SRC], m[SRC_ITER], m[SRC_ITER_C], m[WX], m[WH],
                                            m[BIAS], m[DST], NULL, NULL, 0);
    }
    if (l->kind == 3) {
        return dnnl_lbr_gru_backward_desc_init(desc, dnnl_backward, way, m[SRC], m[SRC_ITER], m[WX],
                                               m[WH], m[BIAS], m[DST], NULL, m[SRC], m[SRC_ITER],
                                               m[WX], m[WH], m[BIAS], m[DST], NULL, 0);
    }
    return dnnl_vanilla_rnn_backward_desc_init(
        desc, dnnl_backward, l->relu ? dnnl_eltwise_relu : dnnl_eltwise_tanh, way, m[SRC],
        m[SRC_ITER], m[WX], m[WH], m[BIAS], m[DST], NULL, m[SRC], m[SRC_ITER], m[WX], m[WH],
        m[BIAS], m[DST], NULL, 0, 0, 0);
}

static const dnnl_memory_desc_t *wanted(const_dnnl_primitive_desc_t pd, int arg) {
    return dnnl_primitive_desc_query_md(pd, dnnl_query_exec_arg_md, arg);
}

/* ---- parameters ------------------------------------------------------------------------------ */

/* Gate g of oneDNN in PyTorch's order: a GRU's r and z change places. */
static int64_t gate_of(const layer *l, int64_t g) {
    return l->kind == 3 && g < 2 ? 1 - g : g;
}

/* PyTorch's [GH][I] is oneDNN's ldgoi, but for the gates' order. */
static dnnl_status_t import_weight(layer *l, int role, words *w) {
    int64_t gate = l->hidden * (role == WX ? l->input : l->hidden);
    float *from = words_take(w, l->kind * gate);
    buffer plain = {0};
    dnnl_memory_desc_t md;
    dnnl_status_t status;
    if (!from) {
        return dnnl_invalid_arguments;
    }
    TRY(describe(l, role, dnnl_ldgoi, &md));
    TRY(buffer_create(&plain, l->dev, &md, NULL));
    for (int64_t g = 0; g < l->kind; g++) {
        memcpy(plain.data + g * gate, from + gate_of(l, g) * gate, (size_t)gate * sizeof *from);
    }
    status = buffer_reorder(l->dev, &plain, &l->value[role]);
    buffer_destroy(&plain);
    return status;
}

/* Two biases become one, except a GRU's candidate's. */
static dnnl_status_t import_bias(layer *l, words *w) {
    const float *ih = words_take(w, l->kind * l->hidden), *hh = words_take(w, l->kind * l->hidden);
    float *bias = l->value[BIAS].data;
    if (!ih || !hh) {
        return dnnl_invalid_arguments;
    }
    for (int64_t g = 0; g < bias_gates(l); g++) {
        for (int64_t j = 0; j < l->hidden; j++) {
            int64_t k = gate_of(l, g) * l->hidden + j;
            int apart = l->kind == 3 && g >= 2;
            bias[g * l->hidden + j] = !apart ? ih[k] + hh[k] : g == 2 ? ih[k] : hh[k - l->hidden];
        }
    }
    return dnnl_success;
}

/* ---- making a layer -------------------------------------------------------------------------- */

static dnnl_status_t make_values(layer *l, const_dnnl_primitive_desc_t pd, float *src) {
    for (int i = 0; i < ROLES; i++) {
        if (l->present[i]) {
            TRY(buffer_create(&l->value[i], l->dev, wanted(pd, value_args[i]),
                              i == SRC ? src : NULL));
        }
    }
    if (!l->streaming) {
        TRY(buffer_create(&l->workspace, l->dev, wanted(pd, DNNL_ARG_WORKSPACE), NULL));
    }
    return dnnl_success;
}

/* Forward call `index`; the second one has the carried states' places exchanged. */
static dnnl_status_t make_forward(layer *l, const_dnnl_primitive_desc_t pd, int index) {
    static const int exchanged[ROLES] = {SRC,  DST_ITER, DST_ITER_C, WX,        WH,
                                         BIAS, DST,      SRC_ITER,   SRC_ITER_C};
    call *c = &l->forward[index];
    for (int i = 0; i < ROLES; i++) {
        if (l->present[i]) {
            call_add(c, value_args[i], &l->value[index ? exchanged[i] : i]);
        }
    }
    if (!l->streaming) {
        call_add(c, DNNL_ARG_WORKSPACE, &l->workspace);
    }
    return dnnl_primitive_create(&c->primitive, pd);
}

/* The weights as backward wants them: the same memory if it wants them as forward does. */
static dnnl_status_t make_backward_weights(layer *l, const_dnnl_primitive_desc_t pd) {
    for (int role = WX; role <= WH; role++) {
        const dnnl_memory_desc_t *md = wanted(pd, value_args[role]);
        if (!dnnl_memory_desc_equal(md, &l->value[role].md)) {
            TRY(buffer_create(&l->backward[role], l->dev, md, NULL));
            TRY(make_reorder(&l->to_backward[role - WX], l->dev, &l->value[role],
                             &l->backward[role]));
        }
    }
    return dnnl_success;
}

static dnnl_status_t make_back(layer *l, const_dnnl_primitive_desc_t pd, float *diff_dst) {
    call *c = &l->back;
    TRY(make_backward_weights(l, pd));
    for (int i = 0; i < ROLES; i++) {
        if (l->present[i]) {
            TRY(buffer_create(&l->diff[i], l->dev, wanted(pd, diff_args[i]),
                              i == DST ? diff_dst : NULL));
            call_add(c, value_args[i], l->backward[i].memory ? &l->backward[i] : &l->value[i]);
            call_add(c, diff_args[i], &l->diff[i]);
        }
    }
    call_add(c, DNNL_ARG_WORKSPACE, &l->workspace);
    return dnnl_primitive_create(&c->primitive, pd);
}

static dnnl_status_t create_backward(layer *l, const roles *r, const_dnnl_primitive_desc_t hint,
                                     float *diff_dst) {
    dnnl_rnn_desc_t desc;
    dnnl_primitive_desc_t pd;
    dnnl_status_t status;
    TRY(describe_backward(l, r, &desc));
    TRY(dnnl_primitive_desc_create(&pd, &desc, NULL, l->dev->engine, hint));
    status = make_back(l, pd, diff_dst);
    dnnl_primitive_desc_destroy(pd);
    return status;
}

static dnnl_status_t fill(layer *l, const_dnnl_primitive_desc_t pd, words *w, float *src) {
    TRY(make_values(l, pd, src));
    TRY(make_forward(l, pd, 0));
    if (l->streaming) {
        TRY(make_forward(l, pd, 1));
    }
    TRY(import_weight(l, WX, w));
    TRY(import_weight(l, WH, w));
    return import_bias(l, w);
}

dnnl_status_t layer_create(layer *l, words *w, float *src, float *diff_dst) {
    roles r;
    dnnl_rnn_desc_t desc;
    dnnl_primitive_desc_t pd;
    dnnl_status_t status;
    for (int i = 0; i < ROLES; i++) { /* without an initial state 2.6.3 gets dL/dW_hh wrong */
        l->present[i] = l->streaming || !(i == DST_ITER || i == DST_ITER_C);
    }
    l->present[SRC_ITER_C] &= l->kind == 4;
    l->present[DST_ITER_C] &= l->kind == 4;
    TRY(describe_all(l, &r));
    TRY(describe_forward(l, &r, &desc));
    TRY(dnnl_primitive_desc_create(&pd, &desc, NULL, l->dev->engine, NULL));
    status = fill(l, pd, w, src);
    if (status == dnnl_success && !l->streaming) {
        status = create_backward(l, &r, pd, diff_dst);
    }
    dnnl_primitive_desc_destroy(pd);
    return status;
}

void layer_destroy(layer *l) {
    for (int i = 0; i < ROLES; i++) {
        buffer_destroy(&l->value[i]);
        buffer_destroy(&l->backward[i]);
        buffer_destroy(&l->diff[i]);
    }
    buffer_destroy(&l->workspace);
    call_destroy(&l->forward[0]);
    call_destroy(&l->forward[1]);
    call_destroy(&l->back);
    call_destroy(&l->to_backward[0]);
    call_destroy(&l->to_backward[1]);
    memset(l, 0, sizeof *l);
}

/* ---- running --------------------------------------------------------------------------------- */

dnnl_status_t layer_forward(layer *l) {
    return call_run(&l->forward[0], l->dev);
}

dnnl_status_t layer_backward(layer *l) {
    for (int role = WX; role <= BIAS; role++) { /* backward adds to the gradients of parameters */
        memset(l->diff[role].data, 0, (size_t)l->diff[role].len * sizeof(float));
    }
    for (int i = 0; i < 2; i++) {
        if (l->to_backward[i].primitive) {
            TRY(call_run(&l->to_backward[i], l->dev));
        }
    }
    return call_run(&l->back, l->dev);
}

dnnl_status_t layer_norm_wh(const layer *l, double *norm) {
    buffer plain = {0};
    dnnl_memory_desc_t md;
    dnnl_status_t status;
    TRY(describe(l, WH, dnnl_ldgoi, &md));
    TRY(buffer_create(&plain, l->dev, &md, NULL));
    status = buffer_reorder(l->dev, &l->diff[WH], &plain);
    *norm = sum_of_squares(plain.data, plain.len);
    buffer_destroy(&plain);
    return status;
}
