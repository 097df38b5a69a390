/* SPDX-License-Identifier: MIT
 * Products with bf16 and int8 weights, with what is made of the input before them. */
#include "case.h"

#include "layer/recurrent.h"

static void make(operands *o) {
    const kern_case *c = o->c;
    const int32_t precision = c->option;
    tkri_quantized *r = &o->product;
    operands_cell(o, TKR_LSTM, 0, precision);
    const int64_t q_row = 2 * tkri_row_len(tkri_packs(TKR_BF16, c->k));
    o->panels = tkri_panels_of(c->units, 4, o->kern->vl);
    const int64_t columns = o->panels.vectors * o->kern->vl;
    const tkri_direction *d = &tkri_recurrent_of(&o->cell->net->layers[0])->direction[0];
    const tkri_quantized_at at =
        tkri_quantized_find(o->cell->net, precision, d->w_ih, columns, c->k);
    o->x = operands_room(o, c->k);
    for (int64_t i = 0; i < c->k; i++) {
        o->x[i] = operands_number(1, i, 0);
    }
    o->q = (uint32_t *)operands_room(o, q_row);
    *r = (tkri_quantized){.panels = o->panels,
                          .k = c->k,
                          .w = at.w,
                          .scale = at.scale,
                          .correction = at.correction,
                          .rows = 1,
                          .x = o->x,
                          .q = o->q,
                          .q_scale = &o->q_scale,
                          .x_row = o->quantized->split ? q_row : c->k,
                          .start = o->cell->net->derived + d->bias,
                          .from = TKRI_FROM_ROW,
                          .c = operands_room(o, columns),
                          .c_row = columns,
                          .c_tile = 4 * o->kern->vl};
    o->n_results = 4 * c->units;
    o->elements = (double)o->n_results;
    o->flops = 2 * o->elements * (double)c->k;
    if (precision == TKR_BF16) { /* int8 has the same bits in every tier */
        o->absolute = (0x1p-22 + (o->quantized->split ? 0x1p-16 : 0)) * (double)(c->k + 2);
    }
}

static void run(operands *o) {
    if (o->c->option == TKR_INT8) {
        o->q_scale = o->quantized->quantize(o->q, o->x, o->c->k);
        o->quantized->int8(&o->product);
        return;
    }
    if (o->quantized->split) {
        o->quantized->split(o->q, o->product.x_row, o->x, o->c->k);
    }
    o->quantized->bf16(&o->product);
}

static double read(const operands *o, int64_t i) {
    const int64_t vl = o->kern->vl, unit = i / 4;
    return (double)o->product.c[unit / vl * o->product.c_tile + i % 4 * vl + unit % vl];
}

static const kern_family quantized = {make, run, read, 1};

#define CASE(name, precision, shape, k, units, minor) \
    {name, shape, &quantized, 1, k, units, 4, precision, minor}

const kern_case kern_quantized_cases[] = {
    CASE("bf16 product", TKR_BF16, "128 to 128 x 4", 128, 128, 0),
    CASE("bf16 product", TKR_BF16, "256 to 256 x 4", 256, 256, 0),
    CASE("bf16 product", TKR_BF16, "tails, 7 to 13 x 4", 7, 13, 1),
    CASE("int8 product", TKR_INT8, "128 to 128 x 4", 128, 128, 0),
    CASE("int8 product", TKR_INT8, "256 to 256 x 4", 256, 256, 0),
    CASE("int8 product", TKR_INT8, "tails, 7 to 13 x 4", 7, 13, 1),
    {.kernel = NULL},
};
