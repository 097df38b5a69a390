/* SPDX-License-Identifier: MIT */
#include "layer/quantized.h"

#include <stddef.h>

/* The operand W of a product: `gates` x `units` columns over k inputs. */
static tkri_quantized matrix(const tkr_cell *cell, int64_t offset, int64_t units, int32_t gates,
                             int64_t k) {
    const tkri_panels panels = tkri_panels_of(units, gates, cell->kern->vl);
    const tkri_quantized_at at =
        tkri_quantized_find(cell->net, cell->precision, offset, panels.vectors * cell->kern->vl, k);
    return (tkri_quantized){
        .panels = panels,
        .k = k,
        .w = at.w,
        .scale = at.scale,
        .correction = at.correction,
        .from = TKRI_FROM_ZERO,
        .c_tile = cell->kern->vl,
    };
}

int64_t tkri_quantized_row(const tkr_cell *cell, int64_t n) {
    const int64_t packs = tkri_row_len(tkri_packs(cell->precision, n));
    if (cell->precision == TKR_INT8) {
        return packs;
    }
    return cell->quantized.split ? 2 * packs : 0;
}

/* The rows that the product reads, or what it needs in their place. */
static void set_rows(tkri_quantized *p, const tkr_cell *cell, tkr_state *state, tkri_signal in) {
    const tkri_quantized_kern *kern = &cell->quantized;
    const int64_t q_row = state->q_row;
    p->x = in.p;
    p->x_row = in.ld;
    if (cell->precision == TKR_BF16 && !kern->split) {
        return;
    }
    p->q = state->q;
    p->q_scale = state->q_scale;
    p->x_row = q_row;
    for (int64_t b = 0; b < state->batch; b++) {
        if (cell->precision == TKR_BF16) {
            kern->split(state->q + b * q_row, q_row, in.p + b * in.ld, p->k);
        } else {
            state->q_scale[b] = kern->quantize(state->q + b * q_row, in.p + b * in.ld, p->k);
        }
    }
}

/* Of one step's rows. */
static void product(const tkr_cell *cell, tkr_state *state, tkri_quantized *p, tkri_signal in) {
    const tkri_quantized_kern *kern = &cell->quantized;
    p->rows = state->batch;
    if (in.ids) {
        kern->gather(p, in.ids);
    } else {
        set_rows(p, cell, state, in);
        (cell->precision == TKR_INT8 ? kern->int8 : kern->bf16)(p);
    }
}

/* Where gates begin that a product adds to. */
static void into_gates(tkri_quantized *p, const tkri_recur *r, int32_t field) {
    p->c = r->gates + field * r->kern->vl;
    p->c_row = r->row_stride;
    p->c_tile = r->tile_stride;
}

void tkri_quantized_recurrent(const tkr_cell *cell, tkr_state *state, const tkri_recur *r,
                              tkri_signal in) {
    const tkri_recurrent *layer = r->layer;
    const tkri_direction *d = r->direction;
    const int32_t gates = layer->ops->gates;
    const int64_t tiles = tkri_tiles(layer->units, r->kern->vl);
    tkri_quantized ih = matrix(cell, d->w_ih, layer->units, gates, layer->input);
    tkri_quantized hh = matrix(cell, d->w_hh, layer->units, gates, layer->out);
    ih.start = r->net->derived + d->bias;
    ih.from = TKRI_FROM_ROW;
    hh.from = TKRI_FROM_C;
    into_gates(&ih, r, layer->ops->ih_field);
    into_gates(&hh, r, layer->ops->hh_field);
    product(cell, state, &ih, in);
    tkri_recur_start_q(r, 0, tiles);
    product(cell, state, &hh, (tkri_signal){r->h_in, layer->out_ld, NULL});
    const tkri_point point = tkri_recur_point(r, 0, tiles);
    layer->ops->forward[0](&point);
    if (r->m) {
        tkri_quantized hr = matrix(cell, d->w_hr, layer->out, 1, layer->units);
        hr.c = r->h;
        hr.c_row = layer->out_ld;
        product(cell, state, &hr, (tkri_signal){r->m, layer->units_ld, NULL});
    }
}

void tkri_quantized_linear(const tkr_cell *cell, tkr_state *state,
                           const tkri_quantized_plain *layer, tkri_signal in, float *out) {
    tkri_quantized p = matrix(cell, layer->weight, layer->units, 1, layer->input);
    p.c = out;
    p.c_row = tkri_row_len(layer->units);
    if (layer->bias >= 0) {
        p.start = cell->net->values + layer->bias;
        p.from = TKRI_FROM_ROW;
    }
    for (int64_t row = 0; row < state->rows; row += state->batch) {
        product(cell, state, &p, tkri_signal_at(in, row));
        p.c += state->batch * p.c_row;
    }
}
