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
    const int64_t rows = p->gates * p->units, block = row / rows;
    const tkri_place at = tkri_parameter_place(p, vl, row % rows);
    return p->offset + block * (p->numbers / p->blocks) + at.first * vl * p->k + column * at.width +
           at.lane;
}

/* Rows of PyTorch's matrix. */
static int64_t rows_of(const tkri_parameter *p) {
    return p->blocks * p->gates * p->units;
}

int64_t tkri_parameter_len(const tkri_parameter *p) {
    return rows_of(p) * p->k;
}

void tkri_parameter_export(const tkri_parameter *p, int32_t vl, const float *flat, float *out) {
    for (int64_t row = 0; row < rows_of(p); row++) {
        for (int64_t column = 0; column < p->k; column++) {
            *out++ = flat[tkri_parameter_index(p, vl, row, column)];
        }
    }
}

void tkri_parameter_import(const tkri_parameter *p, int32_t vl, float *flat, const float *in) {
    for (int64_t row = 0; row < rows_of(p); row++) {
        for (int64_t column = 0; column < p->k; column++) {
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
