/* SPDX-License-Identifier: MIT
 * The offset table at work: between PyTorch's layout and the packed one. */
#include <string.h>

#include "cell/cell.h"

tkri_place tkri_parameter_place(const tkri_parameter *p, int32_t vl, int64_t row) {
    const tkri_panels panels = tkri_panels_of(p->units, p->gates, vl);
    const int64_t gate = row / p->units, unit = row % p->units, tile = unit / vl;
    int64_t panel = tile;
    if (p->gates == 1) {
        panel = tile * panels.n / panels.vectors;
        while (tkri_panel_start(&panels, panel + 1) <= tile) {
            panel++;
        }
    }
    const int64_t first = tkri_panel_start(&panels, panel);
    const int64_t vector = p->gates == 1 ? tile - first : p->place[gate];
    return (tkri_place){first, tkri_panel_width(&panels, panel) * vl, vector * vl + unit % vl};
}

int64_t tkri_parameter_index(const tkri_parameter *p, int32_t vl, int64_t row, int64_t column) {
    if (p->ld) {
        return p->offset + row * p->ld + column;
    }
    const tkri_place at = tkri_parameter_place(p, vl, row);
    return p->offset + at.first * vl * p->k + column * at.width + at.lane;
}

int64_t tkri_parameter_len(const tkri_parameter *p) {
    return p->shape[0] * p->shape[1];
}

void tkri_parameter_export(const tkri_parameter *p, int32_t vl, const float *flat, float *out) {
    for (int64_t row = 0; row < p->shape[0]; row++) {
        for (int64_t column = 0; column < p->shape[1]; column++) {
            *out++ = flat[tkri_parameter_index(p, vl, row, column)];
        }
    }
}

void tkri_parameter_import(const tkri_parameter *p, int32_t vl, float *flat, const float *in) {
    for (int64_t row = 0; row < p->shape[0]; row++) {
        for (int64_t column = 0; column < p->shape[1]; column++) {
            flat[tkri_parameter_index(p, vl, row, column)] = *in++;
        }
    }
}

const tkri_parameter *tkri_parameter_find(const tkri_net *net, const char *name) {
    for (int64_t i = 0; i < net->n_parameters; i++) {
        if (strcmp(net->parameters[i].name, name) == 0) {
            return &net->parameters[i];
        }
    }
    return NULL;
}

/* The sum of both biases where x and h share a slot; the q slot keeps b_hh's gate for itself. */
static void derive_bias(const tkr_cell *cell, const tkri_layer *layer, const tkri_direction *d) {
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
        for (int64_t place = 0; place < gates; place++) {
            const float *from = net->values + d->b_hh + (tile * gates + place) * vl;
            const int64_t slot = place + ops->hh_slot;
            float *to = slot == ops->q_slot
                            ? net->derived + d->q_bias + tile * vl
                            : net->derived + d->bias + (tile * gates + slot - ops->ih_slot) * vl;
            for (int64_t lane = 0; lane < vl; lane++) {
                to[lane] = slot == ops->q_slot ? from[lane] : to[lane] + from[lane];
            }
        }
    }
}

void tkri_cell_refresh(tkr_cell *cell) {
    for (int64_t i = 0; i < cell->net->n_layers; i++) {
        const tkri_layer *layer = &cell->net->layers[i];
        for (int32_t d = 0; tkri_is_recurrent(layer->kind) && d < layer->directions; d++) {
            derive_bias(cell, layer, &layer->direction[d]);
        }
    }
    cell->version++;
}
